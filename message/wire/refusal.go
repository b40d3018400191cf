package wire

import (
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/ringhold/ringhold/message"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
)

// encodeRefusal returns the status of everything that is not a success. What
// the response does not say of its message is taken from the message.
func encodeRefusal(m *message.Message, r message.Response, served *pb.Served) *status.Status {
	refusal := refusalOf(r)
	clean(refusal)
	refusal.Served = served
	fill(&refusal.MessageId, string(m.ID))
	fill(&refusal.Service, string(m.Service))
	if refusal.Stream == "" && refusal.AggregateId == "" {
		refusal.Stream, refusal.AggregateId = string(m.Aggregate.Stream), string(m.Aggregate.ID)
	}
	return RefusalStatus(refusal, text(r))
}

// clean makes the texts UTF-8 that a service or a panic may have written, since
// protobuf refuses any other.
func clean(refusal *pb.Refusal) {
	for _, s := range []*string{&refusal.Reason, &refusal.Code, &refusal.Field} {
		*s = strings.ToValidUTF8(*s, "\uFFFD")
	}
	for _, v := range refusal.GetViolations() {
		v.Field, v.Description = strings.ToValidUTF8(v.GetField(), "\uFFFD"), strings.ToValidUTF8(v.GetDescription(), "\uFFFD")
	}
	for _, n := range refusal.GetNodeRefusals() {
		n.Reason = strings.ToValidUTF8(n.GetReason(), "\uFFFD")
	}
}

func fill(field *string, value string) {
	if *field == "" {
		*field = value
	}
}

// RefusalStatus returns the status that carries a refusal, with the code of its
// kind and the standard details beside it. It is for servers whose refusals are
// no responses, such as those of reads.
func RefusalStatus(refusal *pb.Refusal, text string) *status.Status {
	class, known := classes[refusal.GetKind()]
	if !known {
		class = classes[pb.Kind_KIND_INTERNAL]
	}
	details := []proto.Message{refusal}
	if violations := fieldViolations(refusal); len(violations) > 0 {
		details = append(details, &errdetails.BadRequest{FieldViolations: violations})
	}
	if class.retry > 0 {
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(class.retry)})
	}
	out := &spb.Status{Code: int32(class.code), Message: strings.ToValidUTF8(text, "\uFFFD")}
	for _, d := range details {
		if packed, err := anypb.New(d); err == nil {
			out.Details = append(out.Details, packed)
		}
	}
	return status.FromProto(out)
}

func fieldViolations(refusal *pb.Refusal) []*errdetails.BadRequest_FieldViolation {
	var out []*errdetails.BadRequest_FieldViolation
	switch refusal.GetKind() {
	case pb.Kind_KIND_VALIDATION:
		for _, v := range refusal.GetViolations() {
			out = append(out, &errdetails.BadRequest_FieldViolation{Field: v.GetField(), Description: v.GetDescription()})
		}
	case pb.Kind_KIND_MISSING_ID:
		out = append(out, &errdetails.BadRequest_FieldViolation{Field: refusal.GetField(), Description: "is missing, it has to be the aggregate's id"})
	default:
	}
	return out
}

// RefusalOf returns the refusal that a status carries, or nil.
func RefusalOf(st *status.Status) *pb.Refusal {
	for _, d := range st.Proto().GetDetails() {
		if !d.MessageIs((*pb.Refusal)(nil)) {
			continue
		}
		refusal := new(pb.Refusal)
		if d.UnmarshalTo(refusal) == nil {
			return refusal
		}
	}
	return nil
}

// HTTPStatusOf returns the HTTP status for a gRPC status: by the refusal that
// it carries, else by its code.
func HTTPStatusOf(st *status.Status) int {
	if class, known := classes[RefusalOf(st).GetKind()]; known {
		return class.http
	}
	if code, known := httpOf[st.Code()]; known {
		return code
	}
	return classes[pb.Kind_KIND_INTERNAL].http
}

// Readable returns the status with the values of its refusal as structure
// rather than bytes; nil for nil.
func Readable(st *status.Status) *status.Status {
	refusal := RefusalOf(st)
	if refusal == nil || refusal.GetDetail() == nil && len(refusal.GetEvents()) == 0 {
		return st
	}
	refusal.Detail = readable(refusal.GetDetail())
	readableEvents(refusal.GetEvents())
	out := st.Proto()
	for i, d := range out.GetDetails() {
		if d.MessageIs(refusal) {
			if packed, err := anypb.New(refusal); err == nil {
				out.Details[i] = packed
			}
		}
	}
	return status.FromProto(out)
}

// refusalOf returns what a response says, field by field.
func refusalOf(r message.Response) *pb.Refusal {
	kind, _ := kindOf(r)
	out := &pb.Refusal{Kind: kind}
	switch r := r.(type) {
	case message.OK, message.Created:
	case message.ServiceUnavailable:
		out.Service, out.Reason = string(r.Service), r.Reason
	case message.ServiceTimeout:
		out.Service, out.MessageId, out.Timeout = string(r.Service), string(r.MessageID), durationpb.New(r.Timeout)
	case message.OutcomeUnknown:
		out.Service, out.MessageId, out.Timeout = string(r.Service), string(r.MessageID), durationpb.New(r.Timeout)
	case message.ValidationError:
		for _, v := range r.Violations {
			out.Violations = append(out.Violations, &pb.Violation{Field: v.Path, Description: v.Message})
		}
	case message.InvalidRequest:
		out.Reason = r.Reason
	case message.MissingID:
		out.Field = r.Field
	case message.NotFound:
		out.Stream, out.AggregateId = string(r.Stream), string(r.ID)
	case message.WrongExpectedVersion:
		out.ExpectedVersion, out.CurrentVersion = proto.Int64(int64(r.Expected)), proto.Int64(int64(r.Current))
	case message.Unauthorized:
		out.Reason = r.Reason
	case message.Forbidden:
		out.Reason = r.Reason
	case message.DomainError:
		out.Code, out.Detail = r.Code, EncodeValue(r.Detail)
	case message.MessageIDReused:
		out.MessageId = string(r.MessageID)
	case message.MailboxFull:
		out.Stream, out.AggregateId, out.Limit = string(r.Stream), string(r.ID), uint64(r.Limit)
	case message.TooLarge:
		out.Field, out.Size, out.Limit = r.What, uint64(r.Size), uint64(r.Limit)
	case message.StreamErased:
		out.Stream, out.AggregateId = string(r.Stream), string(r.ID)
	case message.Quarantined:
		out.Stream, out.AggregateId, out.Reason = string(r.Stream), string(r.ID), r.Reason
	case message.Crashed:
		out.Reason = r.Reason
	case message.NoNodesAvailable:
		out.Service = string(r.Service)
		for _, n := range r.Refusals {
			out.NodeRefusals = append(out.NodeRefusals, &pb.NodeRefusal{Node: n.Node, Reason: n.Reason})
		}
	case message.TryAnotherNode:
		out.Reason = r.Reason
	case message.NotOwner:
		out.NotOwner = &pb.NotOwner{Slot: r.Slot, Owner: r.Owner, OwnerAddress: r.Address, RingVersion: r.RingVersion}
	case message.OutOfOrder:
		out.Reason = r.Reason
	}
	return out
}

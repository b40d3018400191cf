package wire

import (
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/ringhold/ringhold/message"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
)

func decodeRefusal(st *status.Status) message.Response {
	if refusal := RefusalOf(st); refusal != nil {
		if r := responseOf(refusal); r != nil {
			return r
		}
	}
	return byCode(st)
}

// responseOf reads a refusal; nil if its kind is not known here.
func responseOf(f *pb.Refusal) message.Response {
	service, stream, id := message.ServiceName(f.GetService()), message.StreamName(f.GetStream()), message.AggregateID(f.GetAggregateId())
	switch f.GetKind() {
	case pb.Kind_KIND_UNSPECIFIED:
		return nil
	case pb.Kind_KIND_NO_SUCH_SERVICE:
		return message.ServiceUnavailable{Service: service, NoSuchService: true, Reason: f.GetReason()}
	case pb.Kind_KIND_UNAVAILABLE, pb.Kind_KIND_NO_OWNER:
		return message.ServiceUnavailable{Service: service, Reason: f.GetReason()}
	case pb.Kind_KIND_SERVICE_TIMEOUT, pb.Kind_KIND_CANCELLED:
		return message.ServiceTimeout{Service: service, MessageID: message.ID(f.GetMessageId()), Timeout: f.GetTimeout().AsDuration()}
	case pb.Kind_KIND_OUTCOME_UNKNOWN:
		return message.OutcomeUnknown{Service: service, MessageID: message.ID(f.GetMessageId()), Timeout: f.GetTimeout().AsDuration()}
	case pb.Kind_KIND_VALIDATION:
		var out message.ValidationError
		for _, v := range f.GetViolations() {
			out.Violations.Add(v.GetField(), v.GetDescription())
		}
		return out
	case pb.Kind_KIND_INVALID_REQUEST:
		return message.InvalidRequest{Reason: f.GetReason()}
	case pb.Kind_KIND_MISSING_ID:
		return message.MissingID{Field: f.GetField()}
	case pb.Kind_KIND_NOT_FOUND:
		return message.NotFound{Stream: stream, ID: id}
	case pb.Kind_KIND_WRONG_EXPECTED_VERSION:
		return message.WrongExpectedVersion{Expected: message.Version(f.GetExpectedVersion()), Current: message.Version(f.GetCurrentVersion())}
	case pb.Kind_KIND_UNAUTHORIZED:
		return message.Unauthorized{Reason: f.GetReason()}
	case pb.Kind_KIND_FORBIDDEN:
		return message.Forbidden{Reason: f.GetReason()}
	case pb.Kind_KIND_DOMAIN:
		return message.DomainError{Code: f.GetCode(), Detail: DecodeValue(f.GetDetail())}
	case pb.Kind_KIND_MESSAGE_ID_REUSED:
		return message.MessageIDReused{MessageID: message.ID(f.GetMessageId())}
	case pb.Kind_KIND_MAILBOX_FULL:
		return message.MailboxFull{Stream: stream, ID: id, Limit: int(f.GetLimit())}
	case pb.Kind_KIND_TOO_LARGE:
		return message.TooLarge{What: f.GetField(), Size: int(f.GetSize()), Limit: int(f.GetLimit())}
	case pb.Kind_KIND_STREAM_ERASED:
		return message.StreamErased{Stream: stream, ID: id}
	case pb.Kind_KIND_QUARANTINED:
		return message.Quarantined{Stream: stream, ID: id, Reason: f.GetReason()}
	case pb.Kind_KIND_PANIC, pb.Kind_KIND_INTERNAL:
		return message.Crashed{Reason: f.GetReason()}
	case pb.Kind_KIND_NO_NODES_AVAILABLE:
		out := message.NoNodesAvailable{Service: service}
		for _, n := range f.GetNodeRefusals() {
			out.Refusals = append(out.Refusals, message.Refusal{Node: n.GetNode(), Reason: n.GetReason()})
		}
		return out
	case pb.Kind_KIND_TRY_ANOTHER_NODE:
		return message.TryAnotherNode{Reason: f.GetReason()}
	case pb.Kind_KIND_NOT_OWNER:
		no := f.GetNotOwner()
		return message.NotOwner{
			Slot: no.GetSlot(), Owner: no.GetOwner(), Address: no.GetOwnerAddress(),
			RingVersion: no.GetRingVersion(),
		}
	case pb.Kind_KIND_OUT_OF_ORDER:
		return message.OutOfOrder{Reason: f.GetReason()}
	}
	return nil
}

// byCode reads a status that carries no refusal: of the transport, of a proxy,
// or of a kind that a newer server has.
func byCode(st *status.Status) message.Response {
	reason := st.Message()
	switch st.Code() {
	case codes.DeadlineExceeded, codes.Canceled:
		return message.ServiceTimeout{}
	case codes.InvalidArgument, codes.OutOfRange:
		return message.InvalidRequest{Reason: reason}
	case codes.NotFound:
		return message.NotFound{}
	case codes.PermissionDenied:
		return message.Forbidden{Reason: reason}
	case codes.Unauthenticated:
		return message.Unauthorized{Reason: reason}
	case codes.Unimplemented:
		return message.ServiceUnavailable{NoSuchService: true, Reason: reason}
	case codes.Unavailable:
		return message.ServiceUnavailable{Reason: reason}
	case codes.ResourceExhausted:
		if strings.Contains(reason, "larger than max") { // grpc-go's own words
			return message.TooLarge{What: "message"}
		}
		return message.MailboxFull{}
	default:
		return message.Crashed{Reason: reason}
	}
}

package wire

import (
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/ringhold/ringhold/message"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
)

// EncodeResponse returns the answer to a message as it travels: the response of
// a success, the status of everything else; the other one is nil. Served may be
// nil: no member was reached. The ids of m are those that the caller is told.
//
// A success without a value allocates once: its parts are made as one.
func EncodeResponse(m *message.Message, r message.Response, served *pb.Served) (*pb.DispatchResponse, *status.Status) {
	switch r := r.(type) { //nolint:gochecksumtype // all others are refusals
	case message.OK:
		out := new(struct {
			response pb.DispatchResponse
			result   pb.DispatchResponse_Ok
			ok       pb.Ok
			version  int64
		})
		out.ok.Value = EncodeValue(r.Value)
		if r.HasVersion {
			out.version = int64(r.Version)
			out.ok.Version = &out.version
		}
		out.result.Ok = &out.ok
		out.response.Result = &out.result
		out.response.Events = encodeEvents(m, r.Version, r.Events)
		return addressed(&out.response, m, served), nil
	case message.Created:
		out := new(struct {
			response pb.DispatchResponse
			result   pb.DispatchResponse_Created
			created  pb.Created
			version  int64
		})
		out.created.Id, out.created.Value = string(r.ID), EncodeValue(r.Value)
		if r.HasVersion {
			out.version = int64(r.Version)
			out.created.Version = &out.version
		}
		out.result.Created = &out.created
		out.response.Result = &out.result
		return addressed(&out.response, m, served), nil
	default:
		return nil, encodeRefusal(m, r, served)
	}
}

// addressed adds what says whose answer it is.
func addressed(out *pb.DispatchResponse, m *message.Message, served *pb.Served) *pb.DispatchResponse {
	out.MessageId, out.CorrelationId, out.CausationId = string(m.ID), string(m.CorrelationID), string(m.CausationID)
	out.Served = served
	return out
}

// DecodeResponse reads an answer. A status that is not one of ours, such as the
// transport's own, is read by its code.
func DecodeResponse(resp *pb.DispatchResponse, st *status.Status) message.Response {
	if st.Code() != codes.OK { // nil is OK
		return decodeRefusal(st)
	}
	switch result := resp.GetResult().(type) {
	case *pb.DispatchResponse_Ok:
		ok := message.OK{Value: DecodeValue(result.Ok.GetValue()), Events: decodeEvents(resp.GetEvents())}
		if result.Ok != nil && result.Ok.Version != nil {
			ok.Version, ok.HasVersion = message.Version(result.Ok.GetVersion()), true
		}
		return ok
	case *pb.DispatchResponse_Created:
		created := message.Created{ID: message.AggregateID(result.Created.GetId()), Value: DecodeValue(result.Created.GetValue())}
		if result.Created != nil && result.Created.Version != nil {
			created.Version, created.HasVersion = message.Version(result.Created.GetVersion()), true
		}
		return created
	}
	return message.Crashed{Reason: "the answer has no result"}
}

// ForCaller returns the answer with values in the form that suits the caller
// of req: who sent an `object`, or nothing, reads structure rather than bytes.
// The answer must not be used by others afterwards.
func ForCaller(req *pb.DispatchRequest, resp *pb.DispatchResponse, st *status.Status) (*pb.DispatchResponse, *status.Status) {
	switch req.GetRequest().(type) {
	case *pb.DispatchRequest_Json, *pb.DispatchRequest_Message:
		return resp, st
	}
	switch result := resp.GetResult().(type) {
	case *pb.DispatchResponse_Ok:
		result.Ok.Value = readable(result.Ok.GetValue())
	case *pb.DispatchResponse_Created:
		result.Created.Value = readable(result.Created.GetValue())
	}
	readableEvents(resp.GetEvents())
	return resp, Readable(st)
}

func readableEvents(events []*pb.Event) {
	for _, e := range events {
		e.Data = readable(e.GetData())
	}
}

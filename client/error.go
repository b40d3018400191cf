package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/status"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/message/wire"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
)

// Error is a call that did not succeed: what it was, and with which response it
// ended. It wraps the gRPC status, so that status.FromError works, and the
// context's error if the context ended the call.
type Error struct {
	// Op is what was being done, such as "dispatch deposit".
	Op string
	// MessageID is the id of the message; empty for a call that sent none. The
	// same call with this id is safe, and tells what became of a message that
	// was not answered in time.
	MessageID message.ID
	// Attempts is how often the call was made; 0 if it never left.
	Attempts int
	// Served says where the call was refused, if a member did.
	Served Served
	// Events are those that the command emitted beside its refusal. Set in a
	// verbose dry run only.
	Events []message.Event

	response message.Response
	cause    error
}

// Response returns what the call was answered with, in the terms of package
// message: never nil, and neither message.OK nor message.Created. What no
// server answered, such as a broken connection, is read by its gRPC code:
// message.ServiceUnavailable, message.ServiceTimeout.
func (e *Error) Response() message.Response { return e.response }

// Unwrap returns the gRPC status error, and the context's if there is one.
func (e *Error) Unwrap() error { return e.cause }

func (e *Error) Error() string {
	text := e.Op + ": " + e.text()
	if e.Attempts > 1 {
		text += fmt.Sprintf(" (after %d attempts)", e.Attempts)
	}
	return text
}

func (e *Error) text() string {
	var grpcStatus interface{ GRPCStatus() *status.Status }
	if errors.As(e.cause, &grpcStatus) {
		if m := grpcStatus.GRPCStatus().Message(); m != "" {
			return m
		}
	} else if e.cause != nil {
		return e.cause.Error()
	}
	return e.response.Outcome()
}

// refused returns the error of a message that did not succeed.
func refused(ctx context.Context, req *pb.DispatchRequest, attempts int, err error) *Error {
	e := failed(ctx, "dispatch "+req.GetService(), attempts, err)
	e.MessageID = message.ID(req.GetMessageId())
	e.response = complete(e.response, message.ServiceName(req.GetService()), e.MessageID)
	return e
}

// failed returns the error of any call.
func failed(ctx context.Context, op string, attempts int, err error) *Error {
	st := status.Convert(err)
	e := &Error{Op: op, Attempts: attempts, response: wire.DecodeResponse(nil, st), cause: err}
	if refusal := wire.RefusalOf(st); refusal != nil {
		e.Served = served(refusal.GetServed())
		e.Events = events(refusal.GetEvents())
	}
	if ended := ctx.Err(); ended != nil && !errors.Is(err, ended) {
		e.cause = errors.Join(err, ended)
	}
	return e
}

// expired is the error of a message whose time was over before an answer came.
func expired(req *pb.DispatchRequest, attempts int, after time.Duration) *Error {
	id, service := message.ID(req.GetMessageId()), message.ServiceName(req.GetService())
	r := message.ServiceTimeout{Service: service, MessageID: id, Timeout: after}
	_, st := wire.EncodeResponse(&message.Message{ID: id, Service: service}, r, nil)
	return &Error{
		Op: "dispatch " + string(service), MessageID: id, Attempts: attempts,
		response: r, cause: errors.Join(st.Err(), context.DeadlineExceeded),
	}
}

// complete adds what the transport does not know of a message to a response
// that it made.
func complete(r message.Response, service message.ServiceName, id message.ID) message.Response {
	switch r := r.(type) { //nolint:gochecksumtype // the transport makes no other that lacks something
	case message.ServiceUnavailable:
		if r.Service == "" {
			r.Service = service
		}
		return r
	case message.ServiceTimeout:
		if r.MessageID == "" {
			r.Service, r.MessageID = service, id
		}
		return r
	}
	return r
}

func events(stored []*pb.Event) []message.Event {
	var out []message.Event
	for _, e := range stored {
		out = append(out, message.Event{Type: e.GetType(), Value: wire.DecodeValue(e.GetData())})
	}
	return out
}

// withID adds the id of the message that a call sent to its error.
func withID(err error, id message.ID) error {
	var e *Error
	if errors.As(err, &e) {
		e.MessageID = id
	}
	return err
}

package client

import (
	"context"

	"google.golang.org/grpc"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/message/wire"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// Result is the outcome of a message that succeeded.
type Result struct {
	// Response is a message.OK or a message.Created.
	Response message.Response
	// MessageID is the message's id, also where it was made for the caller;
	// CorrelationID and CausationID are those that it ran under.
	MessageID, CorrelationID, CausationID message.ID
	// Served says where the message was answered.
	Served Served
	// Attempts is how often the message was sent.
	Attempts int
}

// Version returns the aggregate's version after the message; ok is false where
// no aggregate answered.
func (r Result) Version() (v message.Version, ok bool) {
	switch response := r.Response.(type) { //nolint:gochecksumtype // a result is one of these two
	case message.OK:
		return response.Version, response.HasVersion
	case message.Created:
		return response.Version, response.HasVersion
	}
	return message.NoVersion, false
}

// Value returns what the service answered beside ok or created, if anything.
func (r Result) Value() message.Value {
	switch response := r.Response.(type) { //nolint:gochecksumtype // a result is one of these two
	case message.OK:
		return response.Value
	case message.Created:
		return response.Value
	}
	return message.Value{}
}

// Dispatch sends a message to a service and waits for its outcome, which is
// durable when it comes. The request is nil for none, a json.RawMessage that is
// sent untouched, a proto.Message, or any other value, as JSON.
//
// A message that was not accepted is an [*Error]. That it was not answered in
// time does not mean that it did not run: the same call with the error's
// message id tells.
func (c *Client) Dispatch(ctx context.Context, service message.ServiceName, body any, opts DispatchOptions) (Result, error) {
	return c.dispatch(ctx, service, body, opts, c.dispatcher.Dispatch)
}

// Validate answers what Dispatch would answer now, and stores nothing. Unless
// the options ask for a verbose dry run, the answer has no events.
func (c *Client) Validate(ctx context.Context, service message.ServiceName, body any, opts DispatchOptions) (Result, error) {
	return c.dispatch(ctx, service, body, opts, c.dispatcher.Validate)
}

// Served says where a message was answered.
type Served struct {
	Member string // the id of the member that answered; empty if none was reached
	// Slot is the slot of the message's aggregate; HasSlot is false for a
	// service without an aggregate.
	Slot    ring.Slot
	HasSlot bool
	Epoch   store.Epoch // the member's term of ownership of the slot
	Ring    ring.Number // the version of the ring that the member knew
}

func served(s *pb.Served) Served {
	return Served{
		Member: s.GetMember(), Slot: ring.Slot(s.GetSlot()), HasSlot: s != nil && s.Slot != nil,
		Epoch: store.Epoch(s.GetEpoch()), Ring: ring.Number(s.GetRingVersion()),
	}
}

// Permission says whether a message would be let through.
type Permission struct {
	Allowed bool
	Reason  string // why not, if the service said
}

// Authorized asks whether a message would be let through, without running it.
func (c *Client) Authorized(ctx context.Context, service message.ServiceName, body any, opts DispatchOptions) (Permission, error) {
	req, err := c.request(service, body, opts)
	if err != nil {
		return Permission{}, err
	}
	answer, err := call(ctx, c, "ask whether "+string(service)+" is allowed", opts.Timeout,
		c.dispatcher.Authorized, &pb.AuthorizedRequest{Request: req})
	if err != nil {
		return Permission{}, err
	}
	return Permission{Allowed: answer.GetAllowed(), Reason: answer.GetReason()}, nil
}

type unary func(context.Context, *pb.DispatchRequest, ...grpc.CallOption) (*pb.DispatchResponse, error)

func (c *Client) dispatch(ctx context.Context, service message.ServiceName, body any, o DispatchOptions, rpc unary) (Result, error) {
	req, err := c.request(service, body, o)
	if err != nil {
		return Result{}, err
	}
	ctx, cancel := c.within(ctx, o.Timeout)
	defer cancel()
	var answer *pb.DispatchResponse
	attempts, err := c.try(ctx, func(ctx context.Context) (err error) {
		answer, err = rpc(ctx, req)
		return err
	})
	if err != nil {
		return Result{MessageID: message.ID(req.GetMessageId()), Attempts: attempts}, refused(ctx, req, attempts, err)
	}
	return result(answer, attempts), nil
}

func result(answer *pb.DispatchResponse, attempts int) Result {
	return Result{
		Response:  wire.DecodeResponse(answer, nil),
		MessageID: message.ID(answer.GetMessageId()), CorrelationID: message.ID(answer.GetCorrelationId()),
		CausationID: message.ID(answer.GetCausationId()),
		Served:      served(answer.GetServed()), Attempts: attempts,
	}
}

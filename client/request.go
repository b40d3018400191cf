package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/ringhold/ringhold/message"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
)

// DispatchOptions say how a message is dispatched. The zero options are those
// of an ordinary command.
type DispatchOptions struct {
	// MessageID identifies the message over all attempts; a new one if empty.
	// A caller that may start over chooses its own.
	MessageID message.ID
	// CorrelationID is the id of the conversation; MessageID if empty.
	CorrelationID message.ID
	// CausationID is the id of the message that caused this one; CorrelationID
	// if empty.
	CausationID message.ID
	// Timeout bounds the call, all attempts together. 0 leaves it to the
	// context's deadline, and to the client's timeout if that has none.
	Timeout time.Duration
	// DryRun asks what would be answered, and stores nothing.
	DryRun message.DryRun
	// ExpectedVersion, if not nil, is the version that the aggregate must have;
	// message.NoVersion is that it must not exist. On a mismatch nothing runs.
	ExpectedVersion *message.Version
	// LogAttributes are added to every log line that the message causes.
	LogAttributes map[string]string
	// Traceparent is the W3C trace context of the message, if there is one.
	Traceparent string
}

// request returns a message as it travels, under the id of the options, or a
// new one. How long it may take travels with the call.
func (c *Client) request(service message.ServiceName, body any, o DispatchOptions) (*pb.DispatchRequest, error) {
	id := o.MessageID
	if id == "" {
		id = message.NewID()
	}
	req := &pb.DispatchRequest{
		Service: string(service), MessageId: string(id),
		CorrelationId: string(o.CorrelationID), CausationId: string(o.CausationID),
		DryRun: dryRun(o.DryRun), LogAttributes: o.LogAttributes, Traceparent: o.Traceparent,
	}
	if o.Timeout < 0 {
		return nil, fmt.Errorf("dispatch %s: the timeout is %v, it cannot be negative", service, o.Timeout)
	}
	if o.ExpectedVersion != nil {
		req.ExpectedVersion = proto.Int64(int64(*o.ExpectedVersion))
	}
	if err := encodeBody(req, body); err != nil {
		return nil, fmt.Errorf("dispatch %s: encode the request: %w", service, err)
	}
	if size := len(req.GetJson()) + len(req.GetMessage().GetValue()); size > c.config.MaxMessageBytes {
		return nil, tooLarge(req, size, c.config.MaxMessageBytes)
	}
	return req, nil
}

func tooLarge(req *pb.DispatchRequest, size, limit int) *Error {
	return &Error{
		Op: "dispatch " + req.GetService(), MessageID: message.ID(req.GetMessageId()),
		response: message.TooLarge{What: "request", Size: size, Limit: limit},
		cause:    fmt.Errorf("the request has %d bytes, at most %d are sent", size, limit),
	}
}

// encodeBody puts a request into req: nil as none, JSON that is encoded already
// untouched, a protobuf message as itself, anything else as JSON.
func encodeBody(req *pb.DispatchRequest, body any) error {
	switch body := body.(type) {
	case nil:
		return nil
	case json.RawMessage:
		req.Request = &pb.DispatchRequest_Json{Json: body}
		return nil
	case message.Body:
		encodeReceived(req, body)
		return nil
	case proto.Message:
		a := new(anypb.Any)
		if err := anypb.MarshalFrom(a, body, proto.MarshalOptions{Deterministic: true}); err != nil {
			return err
		}
		req.Request = &pb.DispatchRequest_Message{Message: a}
		return nil
	case []byte:
		return errors.New("a []byte is not a request: send JSON as json.RawMessage")
	}
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req.Request = &pb.DispatchRequest_Json{Json: b}
	return nil
}

func encodeReceived(req *pb.DispatchRequest, body message.Body) {
	switch {
	case body.Any() != nil:
		req.Request = &pb.DispatchRequest_Message{Message: body.Any()}
	case body.JSON() != nil:
		req.Request = &pb.DispatchRequest_Json{Json: body.JSON()}
	}
}

func dryRun(d message.DryRun) pb.DryRun {
	switch d {
	case message.Dry:
		return pb.DryRun_DRY_RUN_DRY
	case message.Verbose:
		return pb.DryRun_DRY_RUN_VERBOSE
	case message.Real:
	}
	return pb.DryRun_DRY_RUN_NONE
}

package client

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/ringhold/ringhold/message"
)

// None is the reply of a service that answers nothing beside ok.
type None = struct{}

// ErrNoReply says that a service was asked for a reply and answered none.
var ErrNoReply = errors.New("the service answered no value")

// Do dispatches a message and returns what the service answers beside ok, as a
// Reply: any type that its JSON can be read into, or a pointer to a generated
// protobuf type. A caller that needs no more than that it was accepted asks for
// [None]; any other caller of a service that answers nothing gets [ErrNoReply].
// Both this and a reply that cannot be read come after the message was
// accepted. Refusals are those of [Client.Dispatch].
func Do[Reply any](ctx context.Context, c *Client, service message.ServiceName, body any) (Reply, error) {
	reply, _, err := DoWith[Reply](ctx, c, service, body, DispatchOptions{})
	return reply, err
}

// DoWith is [Do] with options, and also returns the result.
func DoWith[Reply any](
	ctx context.Context, c *Client, service message.ServiceName, body any, opts DispatchOptions,
) (Reply, Result, error) {
	var reply Reply
	result, err := c.Dispatch(ctx, service, body, opts)
	if err != nil {
		return reply, result, err
	}
	if err := decodeReply(result.Value(), &reply); err != nil {
		return reply, result, fmt.Errorf("the reply of %s to message %s: %w", service, result.MessageID, err)
	}
	return reply, result, nil
}

func decodeReply[Reply any](v message.Value, reply *Reply) error {
	if _, none := any(reply).(*None); none {
		return nil
	}
	if v.IsZero() {
		return ErrNoReply
	}
	m, isProto := any(*reply).(proto.Message)
	if !isProto {
		return v.Decode(reply)
	}
	if v.Any == nil {
		return fmt.Errorf("is JSON, not a protobuf message %s", m.ProtoReflect().Descriptor().FullName())
	}
	fresh := m.ProtoReflect().New().Interface() // m itself is a nil pointer
	if err := v.Any.UnmarshalTo(fresh); err != nil {
		return err
	}
	*reply = fresh.(Reply)
	return nil
}

package wire

import (
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/ringhold/ringhold/message"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
)

// EncodeValue returns a value as it travels, untouched; nil for none.
func EncodeValue(v message.Value) *pb.Value {
	switch {
	case v.Any != nil:
		return &pb.Value{Form: &pb.Value_Message{Message: v.Any}}
	case v.JSON != nil:
		return &pb.Value{Form: &pb.Value_Json{Json: v.JSON}}
	}
	return nil
}

// DecodeValue reads a value of any form.
func DecodeValue(v *pb.Value) message.Value {
	switch form := v.GetForm().(type) {
	case *pb.Value_Message:
		return message.Value{Any: form.Message}
	case *pb.Value_Json:
		if form.Json == nil {
			return message.Value{JSON: []byte{}}
		}
		return message.Value{JSON: form.Json}
	case *pb.Value_Object:
		return message.Value{JSON: valueJSON(form.Object)}
	}
	return message.Value{}
}

func valueJSON(v *structpb.Value) []byte {
	b, err := protojson.Marshal(v)
	if err != nil { // a number that JSON does not have, or no kind
		return []byte("null")
	}
	return b
}

// readable returns the value in the form that a person reads where a client
// shows protobuf as JSON. What it cannot change without loss stays.
func readable(v *pb.Value) *pb.Value {
	form, ok := v.GetForm().(*pb.Value_Json)
	if !ok {
		return v
	}
	object, err := jsonObject(form.Json)
	if err != nil {
		return v
	}
	return &pb.Value{Form: &pb.Value_Object{Object: object}}
}

func encodeEvents(m *message.Message, after message.Version, events []message.Event) []*pb.Event {
	var out []*pb.Event
	for i, e := range events {
		out = append(out, &pb.Event{
			Stream: string(m.Aggregate.Stream), AggregateId: string(m.Aggregate.ID),
			Version: int64(after) + 1 + int64(i), Type: e.Type, Data: EncodeValue(e.Value),
			MessageId: string(m.ID),
		})
	}
	return out
}

func decodeEvents(events []*pb.Event) []message.Event {
	var out []message.Event
	for _, e := range events {
		out = append(out, message.Event{Type: e.GetType(), Value: DecodeValue(e.GetData())})
	}
	return out
}

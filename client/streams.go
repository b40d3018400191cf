package client

import (
	"context"
	"iter"

	"google.golang.org/protobuf/proto"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/message/wire"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
	"github.com/ringhold/ringhold/ring"
)

// State is an aggregate's state at a version.
type State struct {
	Stream        message.StreamName
	ID            message.AggregateID
	Version       message.Version
	SchemaVersion int           // of the state
	State         message.Value // none if the stream is erased
	Deleted       bool          // the state is then its last one
	Erased        bool
}

// State reads the state of an aggregate as its owner would decide on it now, or
// as it was at a version, if at is not nil. A version that the stream has not
// reached is an [*Error] with message.InvalidRequest.
func (c *Client) State(ctx context.Context, stream message.StreamName, id message.AggregateID, at *message.Version) (State, error) {
	req := &pb.GetStateRequest{Stream: string(stream), AggregateId: string(id)}
	if at != nil {
		req.Version = proto.Int64(int64(*at))
	}
	answer, err := call(ctx, c, "read the state of "+string(stream.Of(id)), 0, c.streams.GetState, req)
	if err != nil {
		return State{}, err
	}
	return State{
		Stream: message.StreamName(answer.GetStream()), ID: message.AggregateID(answer.GetAggregateId()),
		Version: message.Version(answer.GetVersion()), SchemaVersion: int(answer.GetSchemaVersion()),
		State: wire.DecodeValue(answer.GetState()), Deleted: answer.GetDeleted(), Erased: answer.GetErased(),
	}, nil
}

// StreamInfo describes one stream.
type StreamInfo struct {
	Stream  message.StreamName
	ID      message.AggregateID
	Slot    ring.Slot
	Version message.Version // of the last event; NoVersion if it has only a state
	Events  uint64          // how many events it holds, erased ones too
	Deleted bool
	Erased  bool
}

// StreamsOptions choose streams.
type StreamsOptions struct {
	Stream message.StreamName // all names if empty
	Prefix string             // what the ids begin with; needs Stream
	// PageSize is how many streams are asked for at once; 0 is 1,000, the most
	// that servers answer.
	PageSize uint32
}

const streamsPage = 1000

// Streams lists streams by name and id, page by page, as the loop takes them,
// in the byte order of their ids. An error is the last thing the loop gets.
// Deadlines are as in [Client.Events].
func (c *Client) Streams(ctx context.Context, o StreamsOptions) iter.Seq2[StreamInfo, error] {
	return func(yield func(StreamInfo, error) bool) {
		req := &pb.ListStreamsRequest{Stream: string(o.Stream), Prefix: o.Prefix, PageSize: o.PageSize}
		if req.GetPageSize() == 0 {
			req.PageSize = streamsPage
		}
		for {
			answer, err := call(ctx, c, "list streams", 0, c.streams.ListStreams, req)
			if err != nil {
				yield(StreamInfo{}, err)
				return
			}
			for _, s := range answer.GetStreams() {
				if !yield(streamInfo(s), nil) {
					return
				}
			}
			if req.PageToken = answer.GetNextPageToken(); req.GetPageToken() == "" {
				return
			}
		}
	}
}

func streamInfo(s *pb.StreamInfo) StreamInfo {
	return StreamInfo{
		Stream: message.StreamName(s.GetStream()), ID: message.AggregateID(s.GetAggregateId()),
		Slot: ring.Slot(s.GetSlot()), Version: message.Version(s.GetVersion()), Events: s.GetEvents(),
		Deleted: s.GetDeleted(), Erased: s.GetErased(),
	}
}

// DeleteOptions say how a stream is deleted.
type DeleteOptions struct {
	// Hard erases: data, metadata, commands, snapshots and states go for good,
	// and the id is refused for ever. Otherwise the events stay, and the id can
	// be created anew.
	Hard bool
	// ExpectedVersion, if not nil, is the version that the stream must have.
	ExpectedVersion *message.Version
	// MessageID identifies the command over all attempts; a new one if empty.
	MessageID message.ID
}

// Deleted says that a stream was deleted.
type Deleted struct {
	Version   message.Version // of the event that marks the deletion
	MessageID message.ID
}

// Delete deletes a stream. A refusal is an [*Error], as that of a command.
func (c *Client) Delete(ctx context.Context, stream message.StreamName, id message.AggregateID, o DeleteOptions) (Deleted, error) {
	if o.MessageID == "" {
		o.MessageID = message.NewID()
	}
	req := &pb.DeleteRequest{Stream: string(stream), AggregateId: string(id), Hard: o.Hard, MessageId: string(o.MessageID)}
	if o.Hard {
		req.ConfirmId = string(id) // who calls Go code with Hard has meant it
	}
	if o.ExpectedVersion != nil {
		req.ExpectedVersion = proto.Int64(int64(*o.ExpectedVersion))
	}
	answer, err := call(ctx, c, "delete "+string(stream.Of(id)), 0, c.streams.Delete, req)
	if err != nil {
		return Deleted{MessageID: o.MessageID}, withID(err, o.MessageID)
	}
	return Deleted{Version: message.Version(answer.GetVersion()), MessageID: message.ID(answer.GetMessageId())}, nil
}

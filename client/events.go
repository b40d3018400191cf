package client

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"time"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/message/wire"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// Event is one stored event.
type Event struct {
	Stream  message.StreamName
	ID      message.AggregateID
	Version message.Version // of the event in its stream; the first has 0
	// Type is the event's wire name; those that begin with "$" are Ringhold's.
	Type          string
	SchemaVersion int           // of the data, from 1
	Data          message.Value // none if the event is erased
	// Metadata is a JSON object; empty if there is none, or if the event is erased.
	Metadata   json.RawMessage
	MessageID  message.ID // of the command that emitted the event
	RecordedAt time.Time  // by the store's clock
	Slot       ring.Slot
	Offset     store.Offset // in the log of the slot
	Epoch      store.Epoch  // of the slot when the event was stored
	Erased     bool
	Command    *Command // on the first event of a command, if it was asked for
}

// Command is what is stored of a command beside its events.
type Command struct {
	Service     message.ServiceName
	Request     message.Value // none where the store keeps only its hash
	RequestHash []byte        // of the request's canonical form
	Response    message.Response
}

// EventsOptions choose events of a stream.
type EventsOptions struct {
	From         message.Version // of the first event
	Limit        uint64          // the most events; 0: all
	WithCommands bool            // answer each command with its first event
	// PageSize is how many events are read at once, and held in memory until
	// the loop has taken them; 0 is 256.
	PageSize uint64
}

const eventsPage = 256

// Events reads the events of one stream in the order of their versions, page by
// page. A page whose connection breaks is read on from where it broke. An error,
// an [*Error], is the last thing the loop gets: a stream that never existed is
// message.NotFound. The context's deadline holds for the whole loop; without
// one, the client's timeout holds for each page.
func (c *Client) Events(ctx context.Context, stream message.StreamName, id message.AggregateID, o EventsOptions) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		next, left := o.From, o.Limit
		for more := true; more; {
			ask := o.PageSize
			if ask == 0 {
				ask = eventsPage
			}
			if o.Limit > 0 {
				ask = min(ask, left)
			}
			page, err := c.eventsPage(ctx, &pb.ReadStreamRequest{
				Stream: string(stream), AggregateId: string(id),
				FromVersion: int64(next), Limit: ask, WithCommands: o.WithCommands,
			})
			for _, e := range page {
				if !yield(e, nil) {
					return
				}
				next = e.Version + 1
			}
			if err != nil {
				yield(Event{}, err)
				return
			}
			got := uint64(len(page))
			left -= min(left, got)
			more = got == ask && (o.Limit == 0 || left > 0)
		}
	}
}

// eventsPage reads one page, and what it could of it if there is an error.
func (c *Client) eventsPage(ctx context.Context, req *pb.ReadStreamRequest) (page []Event, err error) {
	ctx, cancel := c.within(ctx, 0)
	defer cancel()
	attempts, err := c.try(ctx, func(ctx context.Context) error {
		n, err := c.readStream(ctx, req, func(e Event) { page = append(page, e) })
		if n > 0 {
			req.FromVersion = int64(page[len(page)-1].Version) + 1
			req.Limit -= min(n, req.GetLimit())
		}
		if req.GetLimit() == 0 {
			return nil // if it broke, then behind the last event
		}
		return err
	})
	if err != nil {
		stream := message.StreamName(req.GetStream()).Of(message.AggregateID(req.GetAggregateId()))
		return page, failed(ctx, "read events of "+string(stream), attempts, err)
	}
	return page, nil
}

// readStream makes one call and hands over each event that it brings.
func (c *Client) readStream(ctx context.Context, req *pb.ReadStreamRequest, got func(Event)) (n uint64, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	call, err := c.streams.ReadStream(ctx, req)
	if err != nil {
		return 0, err
	}
	for {
		answer, err := call.Recv()
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		got(event(answer.GetEvent()))
		n++
	}
}

func event(e *pb.Event) Event {
	out := Event{
		Stream: message.StreamName(e.GetStream()), ID: message.AggregateID(e.GetAggregateId()),
		Version: message.Version(e.GetVersion()), Type: e.GetType(), SchemaVersion: int(e.GetSchemaVersion()),
		Data: wire.DecodeValue(e.GetData()), Metadata: e.GetMetadata(), MessageID: message.ID(e.GetMessageId()),
		Slot: ring.Slot(e.GetSlot()), Offset: store.NoOffset, Epoch: store.Epoch(e.GetEpoch()), Erased: e.GetErased(),
	}
	if e.GetRecordedAt() != nil {
		out.RecordedAt = e.GetRecordedAt().AsTime()
	}
	if e.Offset != nil {
		out.Offset = store.Offset(e.GetOffset())
	}
	if cmd := e.GetCommand(); cmd != nil {
		out.Command = &Command{
			Service: message.ServiceName(cmd.GetService()), Request: wire.DecodeValue(cmd.GetRequest()),
			RequestHash: cmd.GetRequestHash(),
		}
		// A form that only a newer binary knows is left out; the hash still tells commands apart.
		out.Command.Response, _ = message.DecodeResponse(cmd.GetResponse())
	}
	return out
}

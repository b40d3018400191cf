package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/ringhold/ringhold/message"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
)

// Bounds of one page of events over HTTP.
const (
	defaultEvents = 100
	maxEvents     = 1000
	maxPageBytes  = 8 << 20 // a page ends behind the event that reaches it
)

// eventJSON is an event as people and programs read it over HTTP.
type eventJSON struct {
	Version       int64           `json:"version"`
	Type          string          `json:"type"`
	SchemaVersion uint32          `json:"schema_version,omitempty"`
	Data          json.RawMessage `json:"data,omitempty"`
	Metadata      json.RawMessage `json:"metadata,omitempty"`
	MessageID     string          `json:"message_id,omitempty"`
	RecordedAt    *time.Time      `json:"recorded_at,omitempty"`
	Slot          *uint32         `json:"slot,omitempty"` // with offset
	Offset        *uint64         `json:"offset,omitempty"`
	Epoch         uint64          `json:"epoch,omitempty"`
	Erased        bool            `json:"erased,omitempty"`
}

func eventToJSON(e *pb.Event) eventJSON {
	out := eventJSON{
		Version: e.GetVersion(), Type: e.GetType(), SchemaVersion: e.GetSchemaVersion(),
		Data: valueJSON(e.GetData()), MessageID: e.GetMessageId(), Epoch: e.GetEpoch(), Erased: e.GetErased(),
	}
	if len(e.GetMetadata()) > 0 {
		out.Metadata = e.GetMetadata()
	}
	if e.GetRecordedAt() != nil {
		at := e.GetRecordedAt().AsTime()
		out.RecordedAt = &at
	}
	if e.Offset != nil {
		out.Slot, out.Offset = &e.Slot, e.Offset
	}
	return out
}

// eventsJSON is a page of a stream. Next is where the next page begins; absent,
// the stream ended when it was read.
type eventsJSON struct {
	Stream string      `json:"stream"`
	ID     string      `json:"id"`
	Events []eventJSON `json:"events"`
	Next   *int64      `json:"next,omitempty"`
}

var errPageFull = errors.New("the page is full")

// getEvents answers a page of a stream.
func (g *Gateway) getEvents(w http.ResponseWriter, r *http.Request) {
	values, err := query(r, "from", "limit")
	from, fromErr := number(values, "from", 0, 0)
	limit, limitErr := number(values, "limit", 1, defaultEvents)
	ctx, cancel, timeoutErr := g.requestContext(r)
	defer cancel()
	if err := faults(err, fromErr, limitErr, timeoutErr); err != nil {
		g.refuseHTTP(w, invalid(err.Error()))
		return
	}
	limit = min(limit, maxEvents)
	out := eventsJSON{Stream: r.PathValue("stream"), ID: r.PathValue("id"), Events: []eventJSON{}}
	req := &pb.ReadStreamRequest{Stream: out.Stream, AggregateId: out.ID, FromVersion: from, Limit: uint64(limit) + 1}
	owner, err := g.ownerOf(req)
	if err == nil {
		size := 0
		err = owner.readStream(ctx, req, func(resp *pb.ReadStreamResponse) error {
			if int64(len(out.Events)) == limit || size >= maxPageBytes {
				out.Next = proto.Int64(resp.GetEvent().GetVersion())
				return errPageFull
			}
			size += proto.Size(resp)
			out.Events = append(out.Events, eventToJSON(resp.GetEvent()))
			return nil
		})
	}
	if err != nil && !errors.Is(err, errPageFull) {
		g.refuseHTTP(w, status.Convert(err))
		return
	}
	g.writeJSON(w, http.StatusOK, out)
}

// stateJSON is the state of an aggregate.
type stateJSON struct {
	Stream        string          `json:"stream"`
	ID            string          `json:"id"`
	Version       int64           `json:"version"`
	SchemaVersion uint32          `json:"schema_version,omitempty"`
	State         json.RawMessage `json:"state,omitempty"`
	Deleted       bool            `json:"deleted,omitempty"`
	Erased        bool            `json:"erased,omitempty"`
}

// getState answers a state, now or at a version.
func (g *Gateway) getState(w http.ResponseWriter, r *http.Request) {
	values, err := query(r, "version")
	version, versionErr := number(values, "version", 0, 0)
	ctx, cancel, timeoutErr := g.requestContext(r)
	defer cancel()
	if err := faults(err, versionErr, timeoutErr); err != nil {
		g.refuseHTTP(w, invalid(err.Error()))
		return
	}
	req := &pb.GetStateRequest{Stream: r.PathValue("stream"), AggregateId: r.PathValue("id")}
	if values.Has("version") {
		req.Version = &version
	}
	resp, err := (&streamsServer{gateway: g}).GetState(ctx, req)
	if err != nil {
		g.refuseHTTP(w, status.Convert(err))
		return
	}
	g.writeJSON(w, http.StatusOK, stateJSON{
		Stream: resp.GetStream(), ID: resp.GetAggregateId(), Version: resp.GetVersion(),
		SchemaVersion: resp.GetSchemaVersion(), State: valueJSON(resp.GetState()),
		Deleted: resp.GetDeleted(), Erased: resp.GetErased(),
	})
}

// streamJSON describes a stream.
type streamJSON struct {
	Stream  string `json:"stream"`
	ID      string `json:"id"`
	Slot    uint32 `json:"slot"`
	Version int64  `json:"version"`
	Events  uint64 `json:"events"`
	Deleted bool   `json:"deleted,omitempty"`
	Erased  bool   `json:"erased,omitempty"`
}

// getStreams lists streams, page by page.
func (g *Gateway) getStreams(w http.ResponseWriter, r *http.Request) {
	values, err := query(r, "prefix", "page_size", "page_token")
	size, sizeErr := number(values, "page_size", 1, 0)
	ctx, cancel, timeoutErr := g.requestContext(r)
	defer cancel()
	if err := faults(err, sizeErr, timeoutErr); err != nil {
		g.refuseHTTP(w, invalid(err.Error()))
		return
	}
	resp, err := (&streamsServer{gateway: g}).ListStreams(ctx, &pb.ListStreamsRequest{
		Stream: r.PathValue("stream"), Prefix: values.Get("prefix"),
		PageSize: uint32(min(size, maxEvents)), PageToken: values.Get("page_token"),
	})
	if err != nil {
		g.refuseHTTP(w, status.Convert(err))
		return
	}
	streams := []streamJSON{}
	for _, s := range resp.GetStreams() {
		streams = append(streams, streamJSON{
			Stream: s.GetStream(), ID: s.GetAggregateId(), Slot: s.GetSlot(), Version: s.GetVersion(),
			Events: s.GetEvents(), Deleted: s.GetDeleted(), Erased: s.GetErased(),
		})
	}
	out := map[string]any{"streams": streams}
	if resp.GetNextPageToken() != "" {
		out["next_page_token"] = resp.GetNextPageToken()
	}
	g.writeJSON(w, http.StatusOK, out)
}

// deleteStream ends a stream.
func (g *Gateway) deleteStream(w http.ResponseWriter, r *http.Request) {
	values, err := query(r, "hard", "confirm")
	hard, hardErr := flag(values, "hard")
	expected, expectedErr := expectedVersion(r)
	id, idErr := idHeader(r, headerMessageID)
	ctx, cancel, timeoutErr := g.requestContext(r)
	defer cancel()
	if err := faults(err, hardErr, expectedErr, idErr, timeoutErr); err != nil {
		g.refuseHTTP(w, invalid(err.Error()))
		return
	}
	if err := confirmed(hard, r.PathValue("id"), values.Get("confirm")); err != nil {
		g.refuseHTTP(w, invalid(err.Error()))
		return
	}
	resp, err := (&streamsServer{gateway: g}).Delete(ctx, &pb.DeleteRequest{
		Stream: r.PathValue("stream"), AggregateId: r.PathValue("id"),
		Hard: hard, ConfirmId: values.Get("confirm"), ExpectedVersion: expected, MessageId: id,
	})
	if err != nil {
		g.refuseHTTP(w, status.Convert(err))
		return
	}
	g.writeJSON(w, http.StatusOK, map[string]any{
		"result": "ok", "version": resp.GetVersion(), "message_id": resp.GetMessageId(),
	})
}

// confirmed refuses to erase what is not named twice. It says so itself, since
// the member would name the field of gRPC. An id that is none is left to others.
func confirmed(hard bool, id, confirm string) error {
	isID := message.AggregateID(id).Validate() == nil
	if !hard || confirm == id || !isID {
		return nil
	}
	return fmt.Errorf("hard=true erases what the events hold and refuses the id for ever: confirm it with confirm=%s", url.QueryEscape(id))
}

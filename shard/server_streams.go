package shard

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/handler"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/message/wire"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/runtime"
	"github.com/ringhold/ringhold/store"
)

const (
	readPage    = 500 // events of one read of the store
	defaultPage = 100 // streams of one answer
	largestPage = 1000

	deleteService = message.ServiceName("$delete") // of the record of deletions
)

// streamsServer reads and deletes streams of a member.
type streamsServer struct {
	pb.UnimplementedStreamsServer
	member *Member
}

// ReadStream sends stored events, page by page. A stream that never had one is
// not found; behind the end of one there is nothing.
func (s *streamsServer) ReadStream(req *pb.ReadStreamRequest, out grpc.ServerStreamingServer[pb.ReadStreamResponse]) error {
	stream, err := s.member.streamOf(req.GetStream(), req.GetAggregateId())
	if err != nil {
		return err
	}
	if req.GetFromVersion() < 0 {
		return status.Error(codes.InvalidArgument, "from_version is negative: versions begin at 0")
	}
	from, left := message.Version(req.GetFromVersion()), req.GetLimit()
	for {
		page := readPage
		if left > 0 && left < readPage {
			page = int(left)
		}
		events, err := s.member.cfg.Store.ReadStream(out.Context(), stream, from, page)
		if err != nil {
			return s.member.storeError(out.Context(), "read the stream", err)
		}
		if from == 0 && len(events) == 0 && !s.member.cfg.Plan.core(message.StreamName(req.GetStream())).StateBased {
			return refusalOf(&message.Message{}, message.NotFound{Stream: message.StreamName(req.GetStream()), ID: message.AggregateID(req.GetAggregateId())}, nil)
		}
		for i := range events {
			event, err := eventOf(&events[i], req.GetWithCommands())
			if err != nil {
				return status.Error(codes.Internal, err.Error())
			}
			if err := out.Send(&pb.ReadStreamResponse{Event: event}); err != nil {
				return err
			}
		}
		if len(events) < page {
			return nil
		}
		if left > 0 {
			if left -= uint64(page); left == 0 {
				return nil
			}
		}
		from = events[len(events)-1].Version + 1
	}
}

// streamOf returns the stream of an aggregate that this member hosts, or the
// status of why there is none.
func (m *Member) streamOf(name, id string) (message.Stream, error) {
	if err := m.hosts(message.StreamName(name)); err != nil {
		return "", err
	}
	if err := message.AggregateID(id).Validate(); err != nil {
		return "", status.Error(codes.InvalidArgument, err.Error())
	}
	return message.StreamName(name).Of(message.AggregateID(id)), nil
}

// hosts returns nil if a stream is declared, else the status that says which
// ones are.
func (m *Member) hosts(name message.StreamName) error {
	if err := name.Validate(); err != nil {
		return status.Error(codes.InvalidArgument, err.Error())
	}
	if m.cfg.Plan.core(name) != nil {
		return nil
	}
	var declared []string
	for _, s := range m.cfg.Plan.Streams {
		declared = append(declared, string(s.Core.Stream))
	}
	reason := fmt.Sprintf("no stream %q is declared, there are: %s", name, strings.Join(declared, ", "))
	if len(declared) == 0 {
		reason = fmt.Sprintf("no stream %q is declared, there are none", name)
	}
	return wire.RefusalStatus(&pb.Refusal{Kind: pb.Kind_KIND_NOT_FOUND, Stream: string(name), Reason: reason}, reason).Err()
}

// refusalOf returns the status of an answer to what is no service: its caller
// must not be told the name that the work has within the member.
func refusalOf(m *message.Message, r message.Response, served *pb.Served) error {
	own := *m
	own.Service = ""
	switch why := r.(type) { //nolint:gochecksumtype // only these name a service
	case message.ServiceUnavailable:
		reason := cmp.Or(why.Reason, "the member cannot do it now")
		return wire.RefusalStatus(&pb.Refusal{
			Kind: pb.Kind_KIND_UNAVAILABLE, Stream: string(m.Aggregate.Stream), AggregateId: string(m.Aggregate.ID),
			Reason: reason, Served: served,
		}, reason).Err()
	case message.ServiceTimeout:
		why.Service = ""
		r = why
	case message.OutcomeUnknown:
		why.Service = ""
		r = why
	}
	_, st := wire.EncodeResponse(&own, r, served)
	return st.Err()
}

// storeError is the status of what the store did not do. What the store says is
// for who runs it, and may name hosts and roles: it goes into the log.
func (m *Member) storeError(ctx context.Context, doing string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil {
		return status.FromContextError(err).Err()
	}
	var unknown *aggregate.UnknownEventError
	reason := doing + ": the store did not answer; the log of the member says why"
	if errors.As(err, &unknown) { // of the aggregate, not of the store
		reason = fmt.Sprintf("%s: %v", doing, unknown)
	} else {
		m.log.WarnContext(ctx, "the store did not answer an inspection", "doing", doing, "error", explainStore(err))
	}
	return wire.RefusalStatus(&pb.Refusal{Kind: pb.Kind_KIND_UNAVAILABLE, Reason: reason}, reason).Err()
}

func eventOf(ev *store.Event, withCommand bool) (*pb.Event, error) {
	name, id, _ := ev.Stream.Split()
	offset := uint64(ev.Offset)
	out := &pb.Event{
		Stream: string(name), AggregateId: string(id), Version: int64(ev.Version),
		Type: ev.Type, SchemaVersion: uint32(ev.Schema), Metadata: ev.Metadata,
		MessageId: string(ev.MessageID), RecordedAt: timestamppb.New(ev.RecordedAt),
		Slot: uint32(ev.Slot), Offset: &offset, Epoch: uint64(ev.Epoch),
		Erased: ev.Data == nil,
	}
	if ev.Data != nil {
		out.Data = payloadValue(ev.Encoding, ev.Data, ev.Type)
	}
	if withCommand && ev.Command != nil {
		c := ev.Command
		out.Command = &pb.Command{Service: string(c.Service), RequestHash: c.Hash[:], Response: c.Response}
		if c.Request != nil {
			out.Command.Request = payloadValue(c.RequestEncoding, c.Request, "")
		}
	}
	return out, nil
}

// payloadValue wraps stored bytes. A stored protobuf payload has no type URL of
// its own: the event's type stands for it.
func payloadValue(encoding store.Encoding, data []byte, typeName string) *pb.Value {
	if encoding == store.Proto {
		return &pb.Value{Form: &pb.Value_Message{Message: &anypb.Any{TypeUrl: "ringhold.dev/" + typeName, Value: data}}}
	}
	return &pb.Value{Form: &pb.Value_Json{Json: data}}
}

// GetState answers the state of an aggregate, now or at a version.
func (s *streamsServer) GetState(ctx context.Context, req *pb.GetStateRequest) (*pb.GetStateResponse, error) {
	if _, err := s.member.streamOf(req.GetStream(), req.GetAggregateId()); err != nil {
		return nil, err
	}
	name, id := message.StreamName(req.GetStream()), message.AggregateID(req.GetAggregateId())
	if req.Version != nil {
		view, err := s.member.host.StateAt(ctx, name, id, message.Version(req.GetVersion()))
		if err != nil {
			return nil, s.member.historyError(ctx, err, name, id)
		}
		var out *pb.GetStateResponse
		if p := handler.Guard("encode", func() { out, err = s.state(req, view) }); p != nil {
			s.member.log.ErrorContext(ctx, "a state panicked when it was encoded", "stream", string(name), "aggregate_id", string(id), "panic", p.Error(), "stack", string(p.Stack))
			err = s.member.historyError(ctx, p, name, id)
		}
		return out, err
	}
	m := message.New("$state", message.Body{})
	m.Aggregate.Stream, m.Aggregate.ID = name, id
	var out *pb.GetStateResponse
	var stateErr error
	answer := s.wait(ctx, m, func(reply func(message.Response)) {
		s.member.host.Read(ctx, m, func(view handler.View) message.Response {
			if !view.Exists {
				return message.NotFound{Stream: name, ID: id}
			}
			out, stateErr = s.state(req, view)
			return message.OK{}
		}, reply)
	})
	if _, ok := answer.(message.OK); !ok {
		return nil, refusalOf(m, answer, s.member.served(m))
	}
	return out, stateErr
}

// wait runs something that replies, and returns the reply, or a timeout when
// the caller has gone.
func (s *streamsServer) wait(ctx context.Context, m *message.Message, run func(reply func(message.Response))) message.Response {
	answers := make(chan message.Response, 1)
	began := time.Now()
	run(func(r message.Response) { answers <- r })
	select {
	case r := <-answers:
		return r
	case <-ctx.Done():
		return message.ServiceTimeout{Service: m.Service, MessageID: m.ID, Timeout: time.Since(began)}
	}
}

func (s *streamsServer) state(req *pb.GetStateRequest, view handler.View) (*pb.GetStateResponse, error) {
	value, err := message.NewValue(view.State)
	if err != nil {
		return nil, status.Errorf(codes.Internal, "encode the state: %v", err)
	}
	return &pb.GetStateResponse{
		Stream: req.GetStream(), AggregateId: req.GetAggregateId(), Version: int64(view.Version),
		State: wire.EncodeValue(value), SchemaVersion: uint32(s.member.cfg.Plan.core(message.StreamName(req.GetStream())).StateSchema),
		Deleted: !view.Exists,
	}, nil
}

func (m *Member) historyError(ctx context.Context, err error, name message.StreamName, id message.AggregateID) error {
	var panicked *handler.PanicError
	switch {
	case errors.As(err, &panicked):
		return refusalOf(&message.Message{}, panicked.Response(), nil)
	case errors.Is(err, runtime.ErrNoSuchVersion):
		return status.Errorf(codes.OutOfRange, "%s %s: %v", name, id, err)
	case errors.Is(err, runtime.ErrNoSuchStream):
		return status.Error(codes.NotFound, err.Error())
	case errors.Is(err, runtime.ErrStateBased):
		return status.Error(codes.FailedPrecondition, err.Error())
	case errors.Is(err, runtime.ErrErased):
		return refusalOf(&message.Message{}, message.StreamErased{Stream: name, ID: id}, nil)
	}
	return m.storeError(ctx, "rebuild the state", err)
}

// ListStreams lists streams, in the order of their bytes.
func (s *streamsServer) ListStreams(ctx context.Context, req *pb.ListStreamsRequest) (*pb.ListStreamsResponse, error) {
	q := store.StreamQuery{Name: message.StreamName(req.GetStream()), Prefix: req.GetPrefix(), After: message.Stream(req.GetPageToken()), Limit: int(req.GetPageSize())}
	if q.Name != "" {
		if err := s.member.hosts(q.Name); err != nil {
			return nil, err
		}
	}
	if q.Prefix != "" && q.Name == "" {
		return nil, status.Error(codes.InvalidArgument, "a prefix is one of ids: say the stream too")
	}
	if q.Limit == 0 {
		q.Limit = defaultPage
	}
	q.Limit = min(q.Limit, largestPage)
	found, err := s.member.cfg.Store.ListStreams(ctx, q)
	if err != nil {
		return nil, s.member.storeError(ctx, "list streams", err)
	}
	out := &pb.ListStreamsResponse{}
	for _, one := range found {
		name, id, _ := one.Stream.Split()
		out.Streams = append(out.Streams, &pb.StreamInfo{
			Stream: string(name), AggregateId: string(id), Slot: uint32(ring.SlotOf(one.Stream, s.member.cfg.Plan.Slots)),
			Version: int64(one.Version), Events: uint64(one.Version + 1), Deleted: one.Deleted, Erased: one.Erased,
		})
	}
	if len(found) == q.Limit {
		out.NextPageToken = string(found[len(found)-1].Stream)
	}
	return out, nil
}

// Delete ends a stream.
func (s *streamsServer) Delete(ctx context.Context, req *pb.DeleteRequest) (*pb.DeleteResponse, error) {
	if _, err := s.member.streamOf(req.GetStream(), req.GetAggregateId()); err != nil {
		return nil, err
	}
	if req.GetHard() && req.GetConfirmId() != req.GetAggregateId() {
		return nil, status.Errorf(codes.InvalidArgument, "a hard deletion blanks the payloads and refuses the id for ever: set confirm_id to the aggregate's id to confirm it")
	}
	body, err := message.JSONBody([]byte(`{"hard":` + map[bool]string{true: "true", false: "false"}[req.GetHard()] + `}`))
	if err != nil {
		return nil, status.Error(codes.Internal, err.Error())
	}
	m := message.NewWithID(deleteService, message.ID(req.GetMessageId()), body)
	m.FillIDs()
	if err := m.ID.Validate(); err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	m.Aggregate.Stream, m.Aggregate.ID = message.StreamName(req.GetStream()), message.AggregateID(req.GetAggregateId())
	if req.ExpectedVersion != nil {
		expected := message.Version(req.GetExpectedVersion())
		m.Expected = &expected
	}
	answer := s.wait(ctx, m, func(reply func(message.Response)) { s.member.host.Delete(ctx, m, req.GetHard(), reply) })
	ok, is := answer.(message.OK)
	if !is {
		return nil, refusalOf(m, answer, s.member.served(m))
	}
	return &pb.DeleteResponse{Version: int64(ok.Version), MessageId: string(m.ID)}, nil
}

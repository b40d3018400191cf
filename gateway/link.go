package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"github.com/ringhold/ringhold/dispatch"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/message/wire"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
	"github.com/ringhold/ringhold/ring"
)

// Pauses between attempts to open a link.
const (
	firstPause = 20 * time.Millisecond
	maxPause   = time.Second
)

// askTimeout bounds what a link asks its member beside messages.
const askTimeout = 5 * time.Second

// maxAnswerBytes bounds one message from a member.
const maxAnswerBytes = 16 << 20

// link is the way to one member: one stream that all messages to it share. It
// is a [dispatch.Node].
type link struct {
	member  Member
	client  pb.DispatcherClient
	ring    func() *ring.Ring
	log     *slog.Logger
	learn   func(*link, []*pb.ServiceInfo)
	pending *pending
}

var _ dispatch.Node = (*link)(nil)

func newLink(m Member, ring func() *ring.Ring, log *slog.Logger, learn func(*link, []*pb.ServiceInfo)) *link {
	return &link{
		member: m, client: pb.NewDispatcherClient(m.Conn), ring: ring, learn: learn,
		log: log.With(slog.String("member", string(m.ID))), pending: newPending(),
	}
}

// run keeps a stream to the member until ctx ends, and then answers what still
// waits.
func (l *link) run(ctx context.Context) {
	pause := firstPause
	for ctx.Err() == nil {
		opened, err := l.session(ctx)
		l.settleBroken()
		if ctx.Err() != nil {
			break
		}
		if opened {
			pause = firstPause
		}
		l.log.LogAttrs(ctx, slog.LevelWarn, "link to member broke, connecting again", slog.Any("error", err), slog.Duration("pause", pause))
		wait(ctx, pause/2+rand.N(pause/2)) // apart from the other gateways
		pause = min(2*pause, maxPause)
	}
	for _, e := range l.pending.close() {
		l.answer(e, l.unanswered(e, "the gateway is stopping"))
	}
}

// session is one stream. It learns what the member offers, then carries until
// the stream ends; opened tells whether it came that far.
func (l *link) session(ctx context.Context) (opened bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	services, err := l.ask(ctx)
	if err != nil {
		return false, fmt.Errorf("ask for services: %w", err)
	}
	stream, err := l.client.DispatchStream(ctx, grpc.MaxCallRecvMsgSize(maxAnswerBytes))
	if err != nil {
		return false, fmt.Errorf("open the stream: %w", err)
	}
	l.pending.opened()
	l.learn(l, services)
	sending, stopSending := context.WithCancel(ctx)
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		if l.send(sending, stream) != nil {
			cancel() // the receiver knows why
		}
	}()
	err = l.receive(stream, stopSending)
	stopSending()
	cancel()
	<-sent
	return true, err
}

func (l *link) ask(ctx context.Context) ([]*pb.ServiceInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	resp, err := l.client.ListServices(ctx, &pb.ListServicesRequest{Visibility: pb.Visibility_VISIBILITY_ALL}, grpc.WaitForReady(true))
	return resp.GetServices(), err
}

// send sends what waits, in order. It returns nil when ctx ends.
func (l *link) send(ctx context.Context, stream grpc.BidiStreamingClient[pb.DispatchStreamRequest, pb.DispatchStreamResponse]) error {
	for ctx.Err() == nil {
		e, sequence, first := l.pending.next()
		if e == nil {
			l.pending.await(ctx)
			continue
		}
		if err := stream.Send(&pb.DispatchStreamRequest{Sequence: sequence, Request: l.encode(e, first)}); err != nil {
			return err
		}
	}
	return nil
}

// encode writes an entry's message with what the member is told about its way.
func (l *link) encode(e *entry, first bool) *pb.DispatchRequest {
	timeout := time.Duration(0)
	if at, ok := e.ctx.Deadline(); ok {
		timeout = max(time.Until(at), 1)
	}
	return l.request(e.m, timeout, first)
}

func (l *link) request(m *message.Message, timeout time.Duration, first bool) *pb.DispatchRequest {
	req := wire.EncodeRequest(m, timeout)
	if req.GetRouting() == nil {
		req.Routing = &pb.Routing{}
	}
	req.Routing.FirstAttempt = m.FirstAttempt && first
	r := l.ring()
	if r == nil {
		return req
	}
	req.Routing.RingVersion = uint64(r.Version)
	if m.Aggregate.ID != "" {
		slot := uint32(ring.SlotOf(m.Aggregate.Stream.Of(m.Aggregate.ID), r.Slots))
		req.Routing.Slot, req.Routing.AggregateId = &slot, string(m.Aggregate.ID)
	}
	return req
}

// receive takes answers until the stream ends. A member that drains is sent no
// more on it, and answers what it has.
func (l *link) receive(stream grpc.BidiStreamingClient[pb.DispatchStreamRequest, pb.DispatchStreamResponse], stopSending context.CancelFunc) error {
	for {
		resp, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return errors.New("the member ended the stream")
		}
		if err != nil {
			return err
		}
		if resp.GetDrain() != nil {
			stopSending()
			l.pending.down()
			continue
		}
		e := l.pending.take(resp.GetSequence())
		if e == nil { // nobody waits any more
			continue
		}
		noteServed(e.ctx, servedBy(resp))
		l.answer(e, decode(resp))
	}
}

func decode(resp *pb.DispatchStreamResponse) message.Response {
	if st := resp.GetError(); st != nil {
		return wire.DecodeResponse(nil, status.FromProto(st))
	}
	return wire.DecodeResponse(resp.GetResponse(), nil)
}

func servedBy(resp *pb.DispatchStreamResponse) *pb.Served {
	if st := resp.GetError(); st != nil {
		return wire.RefusalOf(status.FromProto(st)).GetServed()
	}
	return resp.GetResponse().GetServed()
}

func (l *link) answer(e *entry, r message.Response) {
	if e.leave != nil {
		e.leave()
	}
	e.reply(r)
}

// settleBroken answers, after a stream broke, what is not sent again.
func (l *link) settleBroken() {
	for _, e := range l.pending.broken() {
		l.answer(e, l.unanswered(e, "the member cannot be reached now"))
	}
}

// unanswered is the answer to what no member will answer: if it may have run,
// that there is none, else that another node may run it.
func (l *link) unanswered(e *entry, reason string) message.Response {
	if e.tried {
		return message.ServiceTimeout{Service: e.m.Service, MessageID: e.m.ID, Timeout: max(time.Since(e.m.InvokedAt), 0)}
	}
	return message.TryAnotherNode{Reason: reason}
}

// ID returns the member's id.
func (l *link) ID() string { return string(l.member.ID) }

func (l *link) isUp() bool { return l.pending.isUp() }

// Dispatch puts the message at the end of what waits for the member; see
// [dispatch.Node].
func (l *link) Dispatch(ctx context.Context, m *message.Message, reply func(message.Response)) {
	e := &entry{
		ctx: ctx, m: m, reply: reply, size: m.Raw.Size() + entryBytes,
		repeat: m.Aggregate.Stream != "",
	}
	if refused := l.pending.add(e); refused != nil {
		l.answer(e, refused)
	}
}

// Authorized asks the member; see [dispatch.Node].
func (l *link) Authorized(ctx context.Context, m *message.Message) (bool, message.Response, error) {
	resp, err := l.client.Authorized(ctx, &pb.AuthorizedRequest{Request: l.request(m, 0, true)})
	switch {
	case err != nil:
		return false, nil, fmt.Errorf("member %s: %w", l.member.ID, err)
	case resp.GetAllowed():
		return true, nil, nil
	}
	return false, message.Forbidden{Reason: resp.GetReason()}, nil
}

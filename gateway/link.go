package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
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

// openTimeout bounds what it takes to open a link: a member that takes longer is
// as good as silent.
const openTimeout = time.Second

// maxAnswerBytes bounds one message from a member.
const maxAnswerBytes = 16 << 20

type memberStream = grpc.BidiStreamingClient[pb.DispatchStreamRequest, pb.DispatchStreamResponse]

// link is the way to one member: one connection, and on it one stream that all
// messages to the member share. It is a [dispatch.Node] for services without an
// aggregate; what belongs to one comes and goes by its [route].
type link struct {
	member  ring.Member
	gateway *Gateway
	log     *slog.Logger
	pending *pending
	stop    context.CancelFunc // ends run

	conn   atomic.Pointer[Conn] // of the session; nil: there is none
	failed atomic.Bool          // an attempt to open it has failed before any succeeded
	opened atomic.Bool          // it was open once
	heard  atomic.Bool          // something came since the last beat
	ping   atomic.Uint64        // the heartbeat that is to be sent; 0: none
}

var _ dispatch.Node = (*link)(nil)

func newLink(m ring.Member, g *Gateway) *link {
	return &link{
		member: m, gateway: g, pending: newPending(),
		log: g.cfg.Logger.With(slog.String("member", string(m.ID))),
	}
}

// run keeps a stream to the member until ctx ends. What is on the link when it
// breaks is routed again.
func (l *link) run(ctx context.Context) {
	pause := firstPause
	for ctx.Err() == nil {
		began := time.Now()
		opened, err := l.session(ctx)
		if opened || !l.failed.Swap(true) {
			l.gateway.members.changed()
		}
		l.settleBroken()
		if ctx.Err() != nil {
			break
		}
		if opened {
			l.gateway.stats.linkBreaks.Add(1)
		}
		if time.Since(began) >= maxPause { // else it breaks as soon as it is open
			pause = firstPause
		}
		l.log.LogAttrs(ctx, slog.LevelWarn, "link to member broke, connecting again",
			slog.Bool("was_open", opened), slog.Any("error", err), slog.Duration("pause", pause))
		wait(ctx, pause/2+rand.N(pause/2)) // apart from the other gateways
		pause = min(2*pause, maxPause)
	}
	l.pending.close()
	l.settleBroken()
}

// session is one connection. It learns what the member offers, then carries
// until the stream ends; opened tells whether it came that far.
func (l *link) session(ctx context.Context) (opened bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	conn, err := l.gateway.cfg.Dial(l.member)
	if err != nil {
		return false, fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = conn.Close() }() // it may be half open, and nothing on it is waited for
	client := pb.NewDispatcherClient(conn)
	services, err := ask(ctx, client)
	if err != nil {
		return false, fmt.Errorf("ask for services: %w", err)
	}
	stream, err := client.DispatchStream(ctx, grpc.MaxCallRecvMsgSize(maxAnswerBytes))
	if err != nil {
		return false, fmt.Errorf("open the stream: %w", err)
	}
	if !l.pending.opened() {
		return false, context.Cause(ctx)
	}
	l.conn.Store(&conn)
	defer l.conn.Store(nil)
	l.opened.Store(true)
	l.gateway.members.learn(l, services)
	sent, beating := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(sent)
		if l.send(ctx, stream) != nil {
			cancel(nil) // the receiver knows why
		}
	}()
	go func() {
		defer close(beating)
		l.beat(ctx, cancel)
	}()
	err = l.receive(stream)
	silent := context.Cause(ctx) // of this session's own making, if it is over
	cancel(nil)
	<-sent
	<-beating
	if errors.Is(silent, errSilent) {
		err = silent
	}
	l.pending.up.Store(false)
	return true, err
}

func ask(ctx context.Context, client pb.DispatcherClient) ([]*pb.ServiceInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	resp, err := client.ListServices(ctx, &pb.ListServicesRequest{Visibility: pb.Visibility_VISIBILITY_ALL})
	return resp.GetServices(), err
}

// send sends what waits, in order, and heartbeats. It returns nil when ctx ends.
func (l *link) send(ctx context.Context, stream memberStream) error {
	for ctx.Err() == nil {
		if n := l.ping.Swap(0); n != 0 {
			if err := stream.Send(&pb.DispatchStreamRequest{Ping: n}); err != nil {
				return err
			}
		}
		p := l.pending.next()
		if p == nil {
			l.pending.await(ctx)
			continue
		}
		req := l.encode(p)
		if req == nil { // nobody waits for it any more
			continue
		}
		if err := stream.Send(&pb.DispatchStreamRequest{Sequence: p.sequence, Request: req}); err != nil {
			return err
		}
	}
	return nil
}

// encode writes a parcel's message with what the member is told about its way;
// nil: it is not to be sent any more.
func (l *link) encode(p *parcel) *pb.DispatchRequest {
	e := p.entry
	var prev message.ID
	first, current := true, true
	if e.route != nil {
		prev, first, current = l.gateway.routes.sending(p)
	} else {
		e.noteRan(true)
	}
	if !current {
		return nil
	}
	timeout := time.Duration(0)
	if at, ok := e.ctx.Deadline(); ok {
		timeout = max(time.Until(at), 1)
	}
	req := l.request(e.m, timeout)
	req.Routing.FirstAttempt = e.m.FirstAttempt && first
	req.Routing.PrevMessageId = string(prev)
	if e.route != nil {
		req.Routing.Slot, req.Routing.AggregateId = &e.slot, string(e.m.Aggregate.ID)
	}
	return req
}

func (l *link) request(m *message.Message, timeout time.Duration) *pb.DispatchRequest {
	req := wire.EncodeRequest(m, timeout)
	if req.GetRouting() == nil {
		req.Routing = &pb.Routing{}
	}
	if r := l.gateway.ring(); r != nil {
		req.Routing.RingVersion = uint64(r.Version)
	}
	return req
}

// receive takes answers until the stream ends. A member that drains is sent no
// more on it, and answers what it has.
func (l *link) receive(stream memberStream) error {
	for {
		resp, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return errors.New("the member ended the stream")
		}
		if err != nil {
			return err
		}
		if !l.heard.Load() { // all beats but one find it set
			l.heard.Store(true)
		}
		switch resp.GetOutcome().(type) {
		case *pb.DispatchStreamResponse_Drain:
			l.drained()
			continue
		case *pb.DispatchStreamResponse_Pong:
			continue
		}
		p := l.pending.take(resp.GetSequence())
		if p == nil { // nobody waits any more
			continue
		}
		l.gateway.answered(p, decode(resp), servedBy(resp))
	}
}

// drained takes back what was not sent, when the member takes no more.
func (l *link) drained() {
	rest := l.pending.down()
	l.gateway.members.changed()
	l.gateway.takeBack(rest, retryMoved)
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

// settleBroken routes again what was on a link that broke, and answers what may
// not be sent again. The link is down before, for all to see.
func (l *link) settleBroken() {
	l.gateway.takeBack(l.pending.broken(), retryBroken)
}

// ID returns the member's id.
func (l *link) ID() string { return string(l.member.ID) }

func (l *link) isUp() bool { return l.pending.up.Load() }

// reachable tells whether the member may be given messages: the link is up, or
// it is not known yet whether it will be.
func (l *link) reachable() bool {
	return l.isUp() || !l.opened.Load() && !l.failed.Load()
}

// nowhere is the connection to a member that cannot be reached.
type nowhere struct{}

var errNowhere = status.Error(codes.Unavailable, "the member cannot be reached now")

func (nowhere) Invoke(context.Context, string, any, any, ...grpc.CallOption) error { return errNowhere }

func (nowhere) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, errNowhere
}

// calls is the connection for what is asked of the member beside messages. It
// may be closed at any time.
func (l *link) calls() grpc.ClientConnInterface {
	if conn := l.conn.Load(); conn != nil {
		return *conn
	}
	return nowhere{}
}

// Dispatch puts the message of a service without an aggregate at the end of what
// waits for the member; see [dispatch.Node].
func (l *link) Dispatch(ctx context.Context, m *message.Message, reply func(message.Response)) {
	e := &entry{ctx: ctx, m: m, reply: reply, size: m.Raw.Size() + entryBytes, served: servedOf(ctx)}
	p := e.nextParcel(l)
	e.leave = context.AfterFunc(ctx, func() { l.pending.abandon(p) })
	switch l.pending.add(p) {
	case takenIn:
	case takenNot:
		e.answer(message.TryAnotherNode{Reason: "the member cannot be reached now"})
	case takenFull:
		e.answer(message.MailboxFull{Limit: maxPending})
	}
}

// Authorized asks the member; see [dispatch.Node].
func (l *link) Authorized(ctx context.Context, m *message.Message) (bool, message.Response, error) {
	resp, err := pb.NewDispatcherClient(l.calls()).Authorized(ctx, &pb.AuthorizedRequest{Request: l.request(m, 0)})
	switch {
	case err != nil:
		return false, nil, fmt.Errorf("member %s: %w", l.member.ID, err)
	case resp.GetAllowed():
		return true, nil, nil
	}
	return false, message.Forbidden{Reason: resp.GetReason()}, nil
}

// answer replies to who waits.
func (e *entry) answer(r message.Response) {
	e.leave()
	e.reply(r)
}

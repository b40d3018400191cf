package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
)

// streamLoop is the one goroutine that owns what a stream knows.
//
// It has at most one link. What has no answer stands in the window, in order,
// and goes over each new link from the first on. A link on which an item found
// nobody to run it gets nothing more; when all else on it is answered it is
// closed, and after a wait the next one begins with that item.
type streamLoop struct {
	*Stream
	window  *window
	held    *pending // taken, but its key has no room yet
	outbox  []Answer // nobody took them yet
	closing bool     // CloseSend was called

	link     *link
	attempt  int       // links since the last answer
	pause    time.Time // when the next link may be opened
	trouble  error     // why there is no answer; nil: there was one
	since    time.Time // when the trouble began
	givenUp  error     // why no more is sent
	timer    *time.Timer
	timerFor time.Time
}

func newStreamLoop(s *Stream) *streamLoop {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	return &streamLoop{Stream: s, window: newWindow(), timer: timer}
}

func (l *streamLoop) run(ctx context.Context) {
	defer close(l.done)
	defer close(l.answers)
	defer l.cancel(nil)
	defer l.timer.Stop()
	for ctx.Err() == nil && !l.finished() {
		l.step(ctx)
	}
	l.err = l.givenUp
	if l.err == nil && !l.finished() {
		l.err = context.Cause(ctx)
	}
	if l.link != nil {
		l.link.shutdown()
		l.link.settle(ctx)
		l.link.drop()
	}
}

// finished reports whether all was answered that will ever be.
func (l *streamLoop) finished() bool {
	return (l.closing || l.givenUp != nil) && l.window.len() == 0 && l.held == nil && len(l.outbox) == 0
}

// step waits for the next thing that can happen, and does it.
func (l *streamLoop) step(ctx context.Context) {
	l.openLink(ctx)
	l.setTimer()
	var (
		items   <-chan *pending
		answers chan<- Answer
		answer  Answer
		out     chan<- *pb.DispatchStreamRequest
		request *pb.DispatchStreamRequest
		in      <-chan arrival
		closed  <-chan struct{}
	)
	if !l.closing {
		closed = l.closed
	}
	if !l.closing && l.givenUp == nil && l.held == nil && l.window.len()+len(l.outbox) < l.config.Window {
		items = l.items
	}
	if len(l.outbox) > 0 {
		answers, answer = l.answers, l.outbox[0]
	}
	if l.link != nil {
		in = l.link.in
		if p := l.window.toSend(); p != nil && !l.link.draining {
			out, request = l.link.out, l.outgoing(p)
		}
	}
	select {
	case p := <-items:
		l.take(p)
	case answers <- answer:
		l.outbox = l.outbox[1:]
	case out <- request:
		l.window.sent()
	case e := <-in:
		l.handle(ctx, e)
	case <-closed:
		l.closing = true
	case <-l.timer.C:
		l.timerFor = time.Time{}
		l.expire()
	case <-ctx.Done():
	}
}

// outgoing returns an item as it goes over the link now.
func (l *streamLoop) outgoing(p *pending) *pb.DispatchStreamRequest {
	switch {
	case !p.deadline.IsZero():
		p.req.Timeout = durationpb.New(max(time.Until(p.deadline), time.Millisecond))
	case l.config.Timeout > 0:
		p.req.Timeout = durationpb.New(l.config.Timeout)
	}
	return &pb.DispatchStreamRequest{Sequence: p.sequence, Request: p.req}
}

// take puts an item into the window, or holds it until its key has room.
func (l *streamLoop) take(p *pending) {
	if p.item.Key != "" && l.window.perKey[p.item.Key] >= l.config.PerKey {
		l.held = p
		return
	}
	l.window.add(p)
}

// openLink opens a link if there is something to send and none is open.
func (l *streamLoop) openLink(ctx context.Context) {
	if l.link == nil && l.givenUp == nil && l.window.len() > 0 && !time.Now().Before(l.pause) {
		l.window.rewind()
		l.link = openLink(ctx, l.client)
	}
}

// setTimer wakes the loop at the end of a pause and at the first deadline.
func (l *streamLoop) setTimer() {
	wake := l.window.deadline
	if l.held != nil {
		wake = earlier(wake, l.held.deadline)
	}
	if l.link == nil && l.givenUp == nil && l.window.len() > 0 {
		wake = earlier(wake, l.pause)
	}
	if wake.Equal(l.timerFor) {
		return
	}
	l.timerFor = wake
	if wake.IsZero() {
		l.timer.Stop()
		return
	}
	l.timer.Reset(time.Until(wake))
}

// expire answers items whose time is over.
func (l *streamLoop) expire() {
	now := time.Now()
	over := func(p *pending) bool { return !p.deadline.IsZero() && !now.Before(p.deadline) }
	l.window.deadline = time.Time{}
	l.window.each(func(p *pending) {
		l.window.deadline = earlier(l.window.deadline, p.deadline)
		if over(p) {
			l.complete(p, Answer{Err: expired(p.req, p.attempts, p.item.Options.Timeout)})
		}
	})
	if l.held != nil && over(l.held) {
		p := l.held
		l.held = nil
		l.outbox = append(l.outbox, Answer{Item: p.item, Err: expired(p.req, 0, p.item.Options.Timeout)})
	}
	l.closeDrained()
}

// handle does what came over the link.
func (l *streamLoop) handle(ctx context.Context, e arrival) {
	switch {
	case e.ended:
		l.linkEnded(ctx, e.err)
		return
	case e.answer.GetDrain() != nil:
		// The server ends the call once it has answered what it took. What it did
		// not take goes over the next link, behind that: so the order is kept.
		l.link.draining = true
	default:
		l.answer(ctx, e.answer)
	}
	l.closeDrained()
}

func (l *streamLoop) answer(ctx context.Context, a *pb.DispatchStreamResponse) {
	p := l.window.get(a.GetSequence())
	if p == nil || !p.inFlight {
		return // its time was over here before
	}
	refusal := a.GetError()
	if refusal == nil {
		l.answered(p, Answer{Result: result(a.GetResponse(), p.attempts)})
		return
	}
	err := status.FromProto(refusal).Err()
	if err == nil {
		err = errors.New("the server refused with the code of a success")
	}
	final := Answer{Err: refused(ctx, p.req, p.attempts, err)}
	switch {
	case !retryable(err) || l.client.config.Retry.Disabled:
		l.answered(p, final)
	case l.window.refuse(p, err) < l.config.RetryFor:
		l.link.draining, l.link.refusal = true, err
	default:
		l.link.answered = true
		l.complete(p, final)
	}
}

// answered ends an item that a server answered: whatever the trouble was, it is
// over.
func (l *streamLoop) answered(p *pending, a Answer) {
	l.window.overtake(p)
	l.complete(p, a)
	l.attempt, l.link.answered = 0, true
	if l.trouble != nil {
		l.trouble = nil
		l.config.OnTrouble(nil)
	}
}

// complete ends an item.
func (l *streamLoop) complete(p *pending, a Answer) {
	a.Item, a.Overtaken = p.item, p.overtaken
	l.window.remove(p)
	l.outbox = append(l.outbox, a)
	if l.held != nil && l.window.perKey[l.held.item.Key] < l.config.PerKey {
		l.window.add(l.held)
		l.held = nil
	}
}

// closeDrained closes a link that gets nothing more once it owes nothing more.
func (l *streamLoop) closeDrained() {
	if l.link != nil && l.link.draining && l.window.inFlight == 0 {
		l.link.shutdown()
	}
}

// linkEnded decides what to do without a link: go on, wait and go on, or give up.
func (l *streamLoop) linkEnded(ctx context.Context, err error) {
	ended := l.link
	l.link.drop()
	l.link = nil
	l.window.rewind()
	switch {
	case l.window.len() == 0:
	case err != nil && !retryable(err):
		l.giveUp(ctx, err, err)
	case err != nil:
		l.wait(ctx, err)
	case ended.refusal != nil:
		l.wait(ctx, ended.refusal)
	case !ended.answered:
		l.wait(ctx, errNoAnswer)
	}
}

// errNoAnswer is a server that ends streams without having answered anything.
var errNoAnswer = status.Error(codes.Unavailable, "the server ended the stream without an answer")

// wait notes the trouble, and until when the next link has to wait.
func (l *streamLoop) wait(ctx context.Context, err error) {
	now := time.Now()
	if l.trouble == nil {
		l.since = now
		l.config.OnTrouble(err)
	}
	l.trouble = err
	l.attempt++
	left := l.config.RetryFor - now.Sub(l.since)
	if left <= 0 || l.client.config.Retry.Disabled {
		l.giveUp(ctx, err, fmt.Errorf("%w (%v): %w", ErrGaveUp, now.Sub(l.since).Round(time.Millisecond), err))
		return
	}
	l.pause = now.Add(min(l.client.config.Retry.wait(l.attempt, err), left))
}

// giveUp fails all that has no answer with err, and the stream with why.
func (l *streamLoop) giveUp(ctx context.Context, err, why error) {
	l.givenUp = why
	held := l.held
	l.held = nil
	l.window.each(func(p *pending) {
		last := err
		if p.refused != nil {
			last = p.refused
		}
		l.complete(p, Answer{Err: refused(ctx, p.req, p.attempts, last)})
	})
	if held != nil {
		l.outbox = append(l.outbox, Answer{Item: held.item, Err: refused(ctx, held.req, 0, err)})
	}
}

package client

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
)

// link is one DispatchStream call of a stream. Its two goroutines only carry:
// the stream's loop decides.
type link struct {
	out    chan *pb.DispatchStreamRequest // closed by the loop: no more is sent
	in     chan arrival
	cancel context.CancelFunc
	wg     sync.WaitGroup

	// The loop's own.
	draining bool  // nothing more is sent over it
	shut     bool  // out is closed
	answered bool  // it brought a final answer
	refusal  error // why an item on it found nobody to run it
}

// arrival is what came over a link: an answer, or its end, which is the last.
type arrival struct {
	answer *pb.DispatchStreamResponse
	ended  bool
	err    error // of the end; nil if the server ended the call well
}

func openLink(ctx context.Context, c *Client) *link {
	ctx, cancel := context.WithCancel(ctx)
	l := &link{out: make(chan *pb.DispatchStreamRequest), in: make(chan arrival), cancel: cancel}
	l.wg.Go(func() { l.send(ctx, c) })
	return l
}

// drop ends the call and waits for its goroutines.
func (l *link) drop() {
	l.cancel()
	l.wg.Wait()
}

// shutdown tells the server that nothing more comes.
func (l *link) shutdown() {
	if !l.shut {
		l.shut, l.draining = true, true
		close(l.out)
	}
}

// settle waits for the server to end a call that was shut down, so that it does
// not see it as cancelled; but not for long.
func (l *link) settle(ctx context.Context) {
	const patience = time.Second
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		select {
		case e := <-l.in:
			if e.ended {
				return
			}
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

func (l *link) report(ctx context.Context, e arrival) {
	select {
	case l.in <- e:
	case <-ctx.Done():
	}
}

func (l *link) send(ctx context.Context, c *Client) {
	call, err := c.dispatcher.DispatchStream(ctx)
	if err != nil {
		l.report(ctx, arrival{ended: true, err: err})
		return
	}
	l.wg.Go(func() { l.receive(ctx, call) })
	for {
		select {
		case req, more := <-l.out:
			if !more {
				_ = call.CloseSend() // the receiver learns how the call ends
				return
			}
			if err := call.Send(req); err != nil {
				if !errors.Is(err, io.EOF) { // else the receiver knows better
					l.report(ctx, arrival{ended: true, err: err})
				}
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

func (l *link) receive(ctx context.Context, call pb.Dispatcher_DispatchStreamClient) {
	for {
		answer, err := call.Recv()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			l.report(ctx, arrival{ended: true, err: err})
			return
		}
		l.report(ctx, arrival{answer: answer})
	}
}

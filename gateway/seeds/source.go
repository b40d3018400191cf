package seeds

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ringhold/ringhold/gateway"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
	"github.com/ringhold/ringhold/ring"
)

var (
	errSilent = errors.New("no answer within a second")
	errAnew   = errors.New("the stream is opened anew")
)

// source is one member that says who is there.
type source struct {
	address string
	cfg     Config
	cancel  context.CancelFunc
	heard   chan<- word
	version atomic.Uint64 // of the ring that need not be told

	member ring.MemberID // who answers; of the watch's goroutine

	mu     sync.Mutex
	opened time.Time               // when the stream was
	end    context.CancelCauseFunc // ends it
}

func (s *source) know(r *ring.Ring) {
	if r != nil {
		s.version.Store(uint64(r.Version))
	}
}

// renew has the stream opened anew, unless it has just been.
func (s *source) renew() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.end != nil && time.Since(s.opened) >= refreshPause {
		s.end(errAnew)
	}
}

// run listens until ctx ends, or says why it cannot any more.
func (s *source) run(ctx context.Context) {
	s.say(ctx, word{from: s, err: s.listen(ctx)})
}

func (s *source) say(ctx context.Context, said word) {
	select {
	case s.heard <- said:
	case <-ctx.Done():
	}
}

func (s *source) listen(ctx context.Context) error {
	conn, err := s.cfg.Dial(s.address)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = conn.Close() }() // nothing is sent on it any more
	for {
		if err := s.stream(ctx, conn); !errors.Is(err, errAnew) {
			return err
		}
	}
}

// stream is one WatchRing. Its error is errAnew if the next one is to follow.
func (s *source) stream(ctx context.Context, conn gateway.Conn) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	s.mu.Lock()
	s.opened, s.end = time.Now(), end
	s.mu.Unlock()
	silent := time.AfterFunc(answerWithin, func() { end(errSilent) })
	defer silent.Stop()
	in, err := pb.NewClusterClient(conn).WatchRing(ctx, &pb.WatchRingRequest{RingVersion: s.version.Load()})
	if err != nil {
		return because(ctx, err)
	}
	for first := true; ; first = false {
		resp, err := in.Recv()
		if err != nil {
			return because(ctx, err)
		}
		if first {
			silent.Stop()
			age := streamAge*4/5 + rand.N(streamAge*2/5)
			old := time.AfterFunc(age, func() { end(errAnew) })
			defer old.Stop()
		}
		s.say(ctx, word{from: s, resp: resp})
	}
}

// because returns why a stream ended: its own reason, if it has one.
func because(ctx context.Context, err error) error {
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errSilent), errors.Is(cause, errAnew):
		return cause
	case errors.Is(err, io.EOF):
		return errors.New("the member has ended the stream")
	}
	return err
}

package gateway

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/ringhold/ringhold/message"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
)

// served tells, past the dispatcher, what became of a message: whoever carries
// it writes here.
type served struct {
	stream *conversation // that the message came on; nil: a call of its own
	by     atomic.Pointer[pb.Served]
	ran    atomic.Bool // it may have run
	waited atomic.Bool // it had to wait since nobody could be asked
}

func (s *served) get() *pb.Served { return s.by.Load() }

// fair returns the answer that the message of a timeout has to have: what was
// never run was not begun, and may be told so.
func (s *served) fair(m *message.Message) {
	late, timeout := m.Response.(message.ServiceTimeout)
	if timeout && s.waited.Load() && !s.ran.Load() {
		m.Response = message.ServiceUnavailable{
			Service: m.Service, Reason: "no member that could run it was reached within " + late.Timeout.Round(time.Millisecond).String(),
		}
	}
}

type servedKey struct{}

// withServed returns a context for one message of a stream, or of a call if
// stream is nil.
func withServed(ctx context.Context, stream *conversation) (context.Context, *served) {
	s := &served{stream: stream}
	return context.WithValue(ctx, servedKey{}, s), s
}

func servedOf(ctx context.Context) *served {
	s, _ := ctx.Value(servedKey{}).(*served)
	return s
}

func (e *entry) noteServed(by *pb.Served) {
	if e.served != nil && by != nil {
		e.served.by.Store(by)
	}
}

func (e *entry) noteRan(may bool) {
	if e.served != nil && e.served.ran.Load() != may {
		e.served.ran.Store(may)
	}
}

func (e *entry) noteWaited() {
	if e.served != nil {
		e.served.waited.Store(true)
	}
}

package transfer

import (
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

// Expect says what a file may hold beside what its form demands: what an import
// would be refused for in its middle is found before it begins. The zero value
// expects nothing.
type Expect struct {
	// Now is the latest time that an event may have; zero: any.
	Now time.Time
	// Stream says what is wrong with a stream of this name, and Event with an
	// event; nil: nothing is.
	Stream func(name message.StreamName) error
	Event  func(stream message.StreamName, eventType string, schema int) error
}

// expecting is Expect with what was seen of a file. It holds 16 bytes for each
// message id of the streams that it follows.
type expecting struct {
	Expect
	seen map[[16]byte]struct{}
}

func expect(e Expect) *expecting { return &expecting{e, map[[16]byte]struct{}{}} }

// forget is called where no stream goes on.
func (x *expecting) forget() { clear(x.seen) }

func (x *expecting) event(e *store.Event) error {
	name, err := x.stream(e.Stream)
	if err != nil {
		return err
	}
	if x.Event != nil && e.Type != store.TypeDeleted && e.Type != store.TypeErased {
		if err := x.Event(name, e.Type, e.Schema); err != nil {
			return err
		}
	}
	if !x.Now.IsZero() && e.RecordedAt.After(x.Now) {
		return fmt.Errorf("recorded_at is %s, but the clock says %s: correct it, set the clock right, or import when it is that late",
			e.RecordedAt.Format(time.RFC3339Nano), x.Now.UTC().Format(time.RFC3339Nano))
	}
	if e.MessageID == "" {
		return nil
	}
	sum := sha256.Sum256([]byte(string(e.Stream) + "\x00" + string(e.MessageID)))
	key := [16]byte(sum[:16])
	if _, twice := x.seen[key]; twice {
		return fmt.Errorf("message_id %q stands in stream %q twice: it stands in a stream once, on the first event that the message led to", e.MessageID, e.Stream)
	}
	x.seen[key] = struct{}{}
	return nil
}

func (x *expecting) stream(s message.Stream) (message.StreamName, error) {
	name, _, _ := s.Split()
	if x.Stream == nil {
		return name, nil
	}
	return name, x.Stream(name)
}

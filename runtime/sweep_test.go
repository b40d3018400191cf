package runtime

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ringhold/ringhold/message"
)

// While the store hangs, what nobody waits for any more is answered and let go,
// and the rest stays in its order.
func TestSweep_LetsGoOfWhatIsLate(t *testing.T) {
	bubble(t, setup{config: blocking}, func(t *testing.T, r *rig) {
		r.add("a", 1)
		release := r.store.stall(opAppend, fate{})
		first := r.send("a", doAdd, 1)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		second := r.send("a", doAdd, 10)
		var late []*pending
		for range 20 {
			late = append(late, r.start(ctx, r.message("a", doAdd, 1000)))
		}
		last := r.send("a", doAdd, 100)
		time.Sleep(3 * time.Second)
		for _, p := range late {
			is[message.ServiceTimeout](t, p.wait())
		}
		if n := r.host.Waiting(); n != 2 {
			t.Errorf("%d wait, want 2", n)
		}
		last.open()
		release()
		at(t, first.wait(), 1)
		at(t, second.wait(), 2)
		at(t, last.wait(), 3)
		if s, _ := r.read("a"); s.N != 112 {
			t.Errorf("state %d, want 112", s.N)
		}
		synctest.Wait()
		if n := r.host.open.Load(); n != 0 {
			t.Errorf("%d bytes are open although all is answered", n)
		}
	})
}

// The requests that are not answered are bounded over all aggregates.
func TestServe_OpenBytesAreBounded(t *testing.T) {
	bubble(t, setup{config: func(c *Config) { c.OpenBytes = 3 * (envelopeBytes + 64) }}, func(t *testing.T, r *rig) {
		release := r.store.stall(opAppend, fate{})
		var open []*pending
		for _, id := range []string{"a", "b", "c"} {
			open = append(open, r.send(id, doAdd, 1))
		}
		is[message.MailboxFull](t, r.tell("d", doAdd, 1))
		is[message.MailboxFull](t, r.tell("a", doAdd, 1))
		release()
		for _, p := range open {
			at(t, p.wait(), 0)
		}
		r.add("d", 1)
	})
}

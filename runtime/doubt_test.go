package runtime

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

// Of several commands of a state-based aggregate that were lost together, one that a
// later owner has run again says nothing of the others.
func TestOutcome_AChainThatWasOvertaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, setup{define: stateBased, config: func(c *Config) { c.Writers = 1 }})
		hold := a.store.stall(opAppend, fate{})
		blocker := a.send("c", doAdd, 1)
		synctest.Wait()
		a.store.next(opAppend, lost(false))
		raise := a.store.stall(opRaise, fate{})
		one, two := a.message("a", doAdd, 1), a.message("a", doAdd, 1)
		p, q := a.start(t.Context(), one), a.start(t.Context(), two)
		synctest.Wait()
		hold()
		at(t, blocker.wait(), 0)
		synctest.Wait()
		if ok, err := a.store.Depose(t.Context(), store.Depose{Member: "m1", Alone: true}); err != nil || !ok {
			t.Fatalf("deposing: %v %v", ok, err)
		}
		b.acquire(allSlots()...)
		b.add("a", 100)
		at(t, b.again(two.ID, "a", doAdd, 1), 1)
		raise()
		is[message.ServiceUnavailable](t, p.wait())
		is[message.ServiceUnavailable](t, q.wait()) // it was not this append
		at(t, b.again(one.ID, "a", doAdd, 1), 2)
	})
}

func TestHasRecent(t *testing.T) {
	row := func(ids string) (out []store.Processed) {
		for _, id := range strings.Fields(ids) {
			out = append(out, store.Processed{MessageID: message.ID(id)})
		}
		return out
	}
	full := strings.Repeat("z ", recentOfState-2)
	for _, c := range []struct {
		row, others string
		n           int
		has, known  bool
	}{
		{"a b c", "a b c", 3, true, true},
		{"a b c", "a b c", 1, true, true},
		{"a b c d e", "b c", 2, true, true},
		{"a c", "b c", 2, false, true},
		{"a b", "b c", 2, false, true},
		{"c", "b c", 2, false, true},
		{"b x c", "b c", 2, false, true},
		{"c x " + full, "b c", 2, true, true},         // b is out of reach
		{"x c " + full, "b c", 2, false, true},        // it would not be
		{"x y " + full, "b c", 2, false, false},       // nobody knows
		{"x b c " + full[:4], "a b c", 2, true, true}, // the chain is two of them
	} {
		if has, known := hasRecent(row(c.row), row(c.others), c.n); has != c.has || known != c.known {
			t.Errorf("%q in %.12q: %v %v", c.others, c.row, has, known)
		}
	}
}

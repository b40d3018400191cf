package ring_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/ringhold/ringhold/ring"
)

func TestRunsCoverTheSlots(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		slots := slotCounts().Draw(t, "slots")
		a := ring.Assignment(rapid.SliceOfN(rapid.IntRange(ring.NoMember, 3), slots, slots).Draw(t, "assignment"))
		next, before := 0, ring.NoMember-1
		for _, run := range a.Runs() {
			if int(run.First) != next || run.Count < 1 || run.Member == before {
				t.Fatalf("run %+v follows on slot %d of member %d", run, next-1, before)
			}
			for s := next; s < next+run.Count; s++ {
				if a[s] != run.Member {
					t.Fatalf("slot %d of run %+v has member %d", s, run, a[s])
				}
			}
			next, before = next+run.Count, run.Member
		}
		if next != slots {
			t.Fatalf("the runs end at %d of %d", next, slots)
		}
	})
}

func TestLoads(t *testing.T) {
	same(t, "loads", ring.Assignment{2, ring.NoMember, 0, 2}.Loads(4), []int{1, 0, 2, 0})
}

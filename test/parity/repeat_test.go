package parity

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ringhold/ringhold/message"
)

func TestRepeat_GetsTheFirstResponseAndVersion(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		decided := 0
		d := newTallies()
		d.command("add_noted", func(m *msg, s tally, c request) decision {
			decided++
			return m.Emit(d.added(added{c.N})).OK(s.N + c.N)
		})
		g := serving(t, start, d)
		g.do("open", `{"id":"a","n":5}`)
		first := g.doAs("m-1", "add_noted", `{"id":"a","n":2}`)
		want(t, first, ok(1, 7))
		g.do("add", `{"id":"a","n":1}`)
		want(t, g.doAs("m-1", "add_noted", `{"id":"a","n":2}`), first)
		same(t, "runs", decided, 1)
		same(t, "stored", len(g.events("a")), 3)
	})
}

func TestRepeat_BehindAnUnloading(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		g.do("open", `{"id":"a","n":5}`)
		want(t, g.doAs("m-1", "add", `{"id":"a","n":2}`), ok(1, 7))
		g.unload("a")
		want(t, g.doAs("m-1", "add", `{"id":"a","n":2}`), ok(1, 7))
		same(t, "stored", len(g.events("a")), 2)
	})
}

func TestRepeat_BehindARestart(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		want(t, g.doAs("m-1", "add", `{"id":"a","n":2}`), ok(0, 2))
		g.restart()
		want(t, g.doAs("m-1", "add", `{"id":"a","n":2}`), ok(0, 2))
		want(t, g.do("add", `{"id":"a","n":2}`), ok(1, 4))
	})
}

func TestRepeat_BehindManyOthers(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		want(t, g.doAs("m-1", "add", `{"id":"a","n":2}`), ok(0, 2))
		for range 100 {
			g.do("add", `{"id":"a","n":1}`)
		}
		want(t, g.doAs("m-1", "add", `{"id":"a","n":2}`), ok(0, 2))
		same(t, "stored", len(g.events("a")), 101)
	})
}

func TestRepeat_OfNew(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		want(t, g.doAs("m-1", "open", `{"id":"a","n":5}`), created("a", 0))
		want(t, g.doAs("m-1", "open", `{"id":"a","n":5}`), created("a", 0))
		g.restart()
		want(t, g.doAs("m-1", "open", `{"id":"a","n":5}`), created("a", 0))
		want(t, g.doAs("m-2", "open", `{"id":"a","n":5}`), conflict(0))
	})
}

func TestRepeat_BehindASnapshot(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := start(hosting(newTallies()).snapshots(3))
		want(t, g.doAs("m-1", "add", `{"id":"a","n":2}`), ok(0, 2))
		for range 5 {
			g.do("add", `{"id":"a","n":1}`)
		}
		g.restart()
		want(t, g.doAs("m-1", "add", `{"id":"a","n":2}`), ok(0, 2))
		same(t, "stored", len(g.events("a")), 6)
	})
}

func TestRepeat_BehindADeletion(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		want(t, g.doAs("m-1", "open", `{"id":"a","n":5}`), created("a", 0))
		g.remove("a", false, nil)
		want(t, g.doAs("m-1", "open", `{"id":"a","n":5}`), created("a", 0))
		want(t, g.doAs("m-2", "open", `{"id":"a","n":6}`), created("a", 2))
		g.restart()
		want(t, g.doAs("m-1", "open", `{"id":"a","n":5}`), created("a", 0))
		want(t, g.do("look", `{"id":"a"}`), ok(2, 6))
	})
}

func TestRepeat_OfAnErasedAggregate(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		g.doAs("m-1", "open", `{"id":"a","n":5}`)
		g.remove("a", true, nil)
		erased := message.StreamErased{Stream: tallies, ID: "a"}
		want(t, g.doAs("m-1", "open", `{"id":"a","n":5}`), erased)
		g.restart()
		want(t, g.doAs("m-1", "open", `{"id":"a","n":5}`), erased)
	})
}

func TestRepeat_OfAStateBasedAggregate(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		d := newTallies()
		d.StateBased()
		g := serving(t, start, d)
		want(t, g.doAs("m-0", "open", `{"id":"a","n":5}`), created("a", 0))
		want(t, g.doAs("m-1", "add", `{"id":"a","n":2}`), ok(1, 7))
		g.do("add", `{"id":"a","n":1}`)
		want(t, g.doAs("m-1", "add", `{"id":"a","n":2}`), ok(1, 7))
		g.restart()
		want(t, g.doAs("m-0", "open", `{"id":"a","n":5}`), created("a", 0))
		want(t, g.doAs("m-1", "add", `{"id":"a","n":2}`), ok(1, 7))
		want(t, g.do("look", `{"id":"a"}`), ok(2, 8))
	})
}

func TestRepeat_AStateBasedAggregateKnowsTheLast64(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		d := newTallies()
		d.StateBased()
		g := serving(t, start, d)
		const all = 70
		for i := range all {
			want(t, g.doAs(fmt.Sprintf("m-%d", i), "add", `{"id":"a","n":1}`), ok(message.Version(i), i+1))
		}
		g.restart()
		for i := all - 64; i < all; i++ {
			want(t, g.doAs(fmt.Sprintf("m-%d", i), "add", `{"id":"a","n":1}`), ok(message.Version(i), i+1))
		}
		want(t, g.do("look", `{"id":"a"}`), ok(all-1, all))
		want(t, g.doAs(fmt.Sprintf("m-%d", all-65), "add", `{"id":"a","n":1}`), ok(all, all+1)) // forgotten
	})
}

// leavesTheIDFree checks that a message that was answered so can be sent again
// under its id and runs.
func leavesTheIDFree(t *testing.T, g *group, first message.Response) {
	t.Helper()
	if _, refused := first.(message.MessageIDReused); refused {
		t.Fatalf("answered %#v", first)
	}
	for _, m := range []message.Version{0, 0} { // runs, then repeats
		want(t, g.doAs("m-1", "open", `{"id":"a","n":7}`), created("a", m))
	}
}

func TestRepeat_ANoBlockLeavesTheIDFree(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		d := newTallies()
		d.command("add_none", func(m *msg, _ tally, _ request) decision { return m.NoBlock().Emit(d.added(added{1})).OK() })
		g := serving(t, start, d)
		leavesTheIDFree(t, g, g.doAs("m-1", "add_none", `{"id":"a"}`))
	})
}

func TestRepeat_AValidationErrorLeavesTheIDFree(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		leavesTheIDFree(t, g, g.doAs("m-1", "add", `{"id":"a","n":0}`))
	})
}

func TestRepeat_ADryRunLeavesTheIDFree(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		m := g.messageAs("m-1", "open", `{"id":"a","n":5}`)
		m.DryRun = message.Dry
		leavesTheIDFree(t, g, g.send(m).Response)
	})
}

func TestRepeat_ARefusalLeavesTheIDFree(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		leavesTheIDFree(t, g, g.doAs("m-1", "look", `{"id":"a"}`))
	})
}

func TestRepeat_TheIDWithAnotherRequestIsRefused(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		for _, stateBased := range []bool{false, true} {
			d := newTallies()
			d.Core().StateBased = stateBased
			g := serving(t, start, d)
			g.doAs("m-1", "add", `{"id":"a","n":2}`)
			reused := message.MessageIDReused{MessageID: "m-1"}
			want(t, g.doAs("m-1", "add", `{"id":"a","n":3}`), reused)
			want(t, g.doAs("m-1", "open", `{"id":"a","n":2}`), reused)
			g.restart()
			want(t, g.doAs("m-1", "add", `{"id":"a","n":3}`), reused)
			want(t, g.doAs("m-1", "add", ` { "n" : 2.0 , "id" : "a" } `), ok(0, 2)) // the same, written otherwise
			want(t, g.do("look", `{"id":"a"}`), ok(0, 2))
		}
	})
}

func TestRepeat_TheSameIDForAnotherAggregateIsAnotherCommand(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		want(t, g.doAs("m-1", "open", `{"id":"a"}`), created("a", 0))
		want(t, g.doAs("m-1", "open", `{"id":"b"}`), created("b", 0))
	})
}

func TestRepeat_WhatWasTakenForAFirstAttemptIsRecognised(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		want(t, g.doAs("m-1", "add", `{"id":"a","n":2}`), ok(0, 2))
		g.restart()
		m := g.messageAs("m-1", "add", `{"id":"a","n":2}`)
		m.FirstAttempt = true
		want(t, g.send(m).Response, ok(0, 2))
		want(t, g.do("look", `{"id":"a"}`), ok(0, 2))
	})
}

func TestRepeat_IsAnsweredBeforeTheExpectedVersion(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		add := func() message.Response {
			m := g.messageAs("m-1", "add", `{"id":"a","n":2}`)
			m.Expected = version(message.NoVersion)
			return g.send(m).Response
		}
		want(t, add(), ok(0, 2))
		want(t, add(), ok(0, 2))
	})
}

func TestRepeat_AResponseThatIsTooLargeIsRefusedAndStoresNothing(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		for _, stateBased := range []bool{false, true} {
			d := newTallies()
			d.Core().StateBased = stateBased
			d.command("add_large", func(m *msg, _ tally, c request) decision {
				return m.Emit(d.added(added{1})).OK(strings.Repeat("x", c.N))
			})
			g := serving(t, start, d)
			const limit = 64 << 10
			r := is[message.TooLarge](t, g.doAs("m-1", "add_large", fmt.Sprintf(`{"id":"a","n":%d}`, limit)))
			if r.What != "response" || r.Limit != limit || r.Size <= limit {
				t.Errorf("answered %+v", r)
			}
			want(t, g.do("look", `{"id":"a"}`), notFound("a"))
			want(t, g.doAs("m-1", "add", `{"id":"a","n":1}`), ok(0, 1))
			is[message.OK](t, g.do("add_large", fmt.Sprintf(`{"id":"b","n":%d}`, limit-200)))
		}
	})
}

func TestRepeat_OfALargeRequestOnlyTheHashIsKept(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		large := `{"id":"a","n":1,"note":"` + strings.Repeat("x", 64<<10) + `"}`
		want(t, g.doAs("m-1", "add", large), ok(0, 1))
		want(t, g.do("add", `{"id":"a","n":1}`), ok(1, 2))
		events := g.events("a")
		same(t, "recorded of the large one", len(events[0].Command.Request), 0)
		same(t, "recorded of the small one", string(events[1].Command.Request), `{"id":"a","n":1}`)
		want(t, g.doAs("m-1", "add", large), ok(0, 1))
		want(t, g.doAs("m-1", "add", strings.Replace(large, "xx", "yy", 1)), message.MessageIDReused{MessageID: "m-1"})
	})
}

func TestRepeat_IdsMadeByDecideAreTheSame(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		d := newTallies()
		d.command("open_ids", func(m *msg, _ tally, _ request) decision {
			return m.Emit(d.opened(opened{})).OK([]string{m.NewID(), m.NewID()})
		})
		g := serving(t, start, d)
		m := g.messageAs("m-1", "open_ids", `{"id":"a"}`)
		m.DryRun = message.Dry
		dry := value[[]string](t, g.send(m).Response)
		same(t, "ids", value[[]string](t, g.doAs("m-1", "open_ids", `{"id":"a"}`)), dry)
		if dry[0] == dry[1] {
			t.Error("both ids are the same")
		}
	})
}

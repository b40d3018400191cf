package parity

import (
	"context"
	"testing"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// info returns how the store lists an aggregate; found is false if it does not.
func info(t *testing.T, g *group, id message.AggregateID) (one store.StreamInfo, found bool) {
	t.Helper()
	all, err := g.store.ListStreams(t.Context(), store.StreamQuery{Name: tallies, Prefix: string(id), Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range all {
		if one.Stream == message.StreamName(tallies).Of(id) {
			return one, true
		}
	}
	return store.StreamInfo{}, false
}

func TestRepo_HasAStreamOnceItIsStored(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		if _, found := info(t, g, "a"); found {
			t.Error("it is there before anything was stored")
		}
		g.do("look", `{"id":"a"}`)
		g.dry(message.Dry, "open", `{"id":"a"}`)
		if _, found := info(t, g, "a"); found {
			t.Error("it is there although nothing was stored")
		}
		g.do("open", `{"id":"a"}`)
		one, found := info(t, g, "a")
		same(t, "found", found, true)
		same(t, "version", one.Version, 0)
	})
}

func TestRepo_StreamsEventsFromAVersionInPages(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		for range 7 {
			g.do("add", `{"id":"a","n":1}`)
		}
		var pages []int
		next := message.Version(1)
		for {
			page, err := g.store.ReadStream(t.Context(), "tallies-a", next, 3)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			pages = append(pages, len(page))
			for i, e := range page {
				same(t, "version", e.Version, next+message.Version(i))
			}
			next += message.Version(len(page))
		}
		same(t, "pages", pages, []int{3, 3})
	})
}

func TestRepo_SavingAnswersTheLastVersion(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		want(t, g.do("open", `{"id":"a","n":5}`), created("a", 0))
		want(t, g.do("close", `{"id":"a"}`), ok(2))
		events := g.events("a")
		same(t, "last", events[len(events)-1].Version, 2)
	})
}

func TestRepo_SavingNoEventsLeavesTheVersion(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, filtering(withoutRefused))
		g.do("open", `{"id":"a","n":5}`)
		want(t, g.do("withdraw", `{"id":"a","n":9}`), refusal("not_enough", 5))
		want(t, g.do("look", `{"id":"a"}`), ok(0, 5))
		same(t, "appends", g.store.appends.Load(), 1)
	})
}

func TestRepo_SavingOnAnotherVersionIsAConflict(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		stale := true
		d := newTallies()
		d.HydrateWith(func(ctx context.Context, h *aggregate.Hydration[tally]) error {
			if stale {
				h.Use(tally{N: 5}, 0)
				return nil
			}
			return h.Default(ctx)
		})
		g := serving(t, start, d)
		stale = false
		g.do("open", `{"id":"a","n":5}`)
		g.do("add", `{"id":"a","n":1}`)
		g.do("add", `{"id":"a","n":1}`)
		stale = true
		g.unload("a")
		want(t, g.do("add", `{"id":"a","n":1}`), message.WrongExpectedVersion{Expected: 0, Current: 2})
		same(t, "stored", len(g.events("a")), 3)
		stale = false
		want(t, g.do("add", `{"id":"a","n":1}`), ok(3, 8))
	})
}

func TestRepo_ADeletedAggregateIsNotFound(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		g.do("open", `{"id":"a","n":5}`)
		want(t, g.remove("a", false, nil), ok(1))
		want(t, g.do("look", `{"id":"a"}`), notFound("a"))
		g.restart()
		want(t, g.do("look", `{"id":"a"}`), notFound("a"))
		one, _ := info(t, g, "a")
		same(t, "listed", one, store.StreamInfo{Stream: "tallies-a", Version: 1, Deleted: true})
	})
}

func TestRepo_DeletingDropsTheActor(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		for _, hard := range []bool{false, true} {
			g := serving(t, start, newTallies())
			g.do("open", `{"id":"a","n":5}`)
			same(t, "in memory", g.inMemory(), 1)
			g.remove("a", hard, nil)
			eventually(t, func() bool { return g.inMemory() == 0 })
		}
	})
}

func TestRepo_ASoftDeletionLeavesTheEventsReadable(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		g.do("open", `{"id":"a","n":5}`)
		before := g.events("a")[0]
		g.remove("a", false, nil)
		events := g.events("a")
		same(t, "stored", types(events), []string{"opened", "$deleted"})
		same(t, "event", events[0], before)
	})
}

func TestRepo_NewGoesOnBehindASoftDeletion(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := start(hosting(newTallies()).snapshots(2))
		g.do("open", `{"id":"a","n":5}`)
		g.do("add", `{"id":"a","n":1}`)
		g.remove("a", false, nil)
		want(t, g.do("open", `{"id":"a","n":7}`), created("a", 3))
		state, v, _ := g.read("a")
		same(t, "state", state, tally{N: 7, Applied: []string{"opened"}})
		same(t, "version", v, 3)
		g.restart()
		want(t, g.do("add", `{"id":"a","n":1}`), ok(4, 8))
		same(t, "stored", types(g.events("a")), []string{"opened", "added", "$deleted", "opened", "added"})
	})
}

func TestRepo_MaybeNewBeginsAnewBehindASoftDeletion(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		g.do("add", `{"id":"a","n":5}`)
		g.remove("a", false, nil)
		want(t, g.do("add", `{"id":"a","n":2}`), ok(2, 2))
	})
}

func TestRepo_AStateBasedAggregateIsDeletedAndMadeAnew(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		d := newTallies()
		d.StateBased()
		g := serving(t, start, d)
		g.do("open", `{"id":"a","n":5}`)
		g.do("add", `{"id":"a","n":1}`)
		want(t, g.remove("a", false, nil), ok(2))
		want(t, g.do("look", `{"id":"a"}`), notFound("a"))
		want(t, g.do("open", `{"id":"a","n":7}`), created("a", 3))
		g.restart()
		want(t, g.do("add", `{"id":"a","n":1}`), ok(4, 8))
		want(t, g.remove("a", true, nil), ok(5))
		want(t, g.do("open", `{"id":"a"}`), message.StreamErased{Stream: tallies, ID: "a"})
	})
}

func TestRepo_DeletingWithAnExpectedVersion(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		g.do("open", `{"id":"a","n":5}`)
		g.do("add", `{"id":"a","n":1}`)
		want(t, g.remove("a", false, version(0)), message.WrongExpectedVersion{Expected: 0, Current: 1})
		want(t, g.do("look", `{"id":"a"}`), ok(1, 6))
		want(t, g.remove("a", false, version(1)), ok(2))
	})
}

func TestRepo_DeletingAtAnyVersion(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		want(t, g.remove("a", false, nil), notFound("a"))
		g.do("open", `{"id":"a","n":5}`)
		g.do("add", `{"id":"a","n":1}`)
		want(t, g.remove("a", false, nil), ok(2))
		want(t, g.remove("a", false, nil), notFound("a"))
	})
}

func TestRepo_DeletingIsACommandThatHappensOnce(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		g.do("open", `{"id":"a","n":5}`)
		want(t, g.removeAs("m-1", "a", false, nil), ok(1))
		want(t, g.do("open", `{"id":"a","n":7}`), created("a", 2))
		want(t, g.removeAs("m-1", "a", false, nil), ok(1))
		want(t, g.do("look", `{"id":"a"}`), ok(2, 7))
	})
}

func TestRepo_AHardDeletionErasesPayloadsAndMetadata(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := start(hosting(newTallies()).snapshots(1))
		g.do("open", `{"id":"a","n":5}`)
		g.do("add", `{"id":"a","n":1}`)
		want(t, g.remove("a", true, nil), ok(2))
		eventually(t, func() bool {
			pending, err := g.store.PendingErasures(t.Context(), 10)
			return err == nil && len(pending) == 0
		})
		events := g.events("a")
		same(t, "stored", types(events), []string{"opened", "added", "$erased"})
		for _, e := range events[:2] {
			if len(e.Data) > 0 || len(e.Metadata) > 0 || e.Command != nil {
				t.Errorf("version %d still holds %q, %q, %+v", e.Version, e.Data, e.Metadata, e.Command)
			}
		}
		if l := loadOf(t, g, "a"); l.Snapshot != nil {
			t.Errorf("a snapshot is left: %+v", l.Snapshot)
		}
	})
}

func TestRepo_AHardDeletionKeepsTheOffsets(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		for _, id := range []string{"a", "b", "c", "d"} {
			g.do("open", `{"id":"`+id+`","n":5}`)
			g.do("add", `{"id":"`+id+`","n":1}`)
		}
		g.remove("a", true, nil)
		eventually(t, func() bool {
			pending, err := g.store.PendingErasures(t.Context(), 10)
			return err == nil && len(pending) == 0
		})
		total := 0
		for slot := range ring.Slot(16) {
			log, err := g.store.ReadSlot(t.Context(), slot, 0, 100)
			if err != nil {
				t.Fatal(err)
			}
			for i, e := range log {
				same(t, "offset", e.Offset, store.Offset(i))
			}
			total += len(log)
		}
		same(t, "events", total, 9)
	})
}

func TestRepo_AnErasedIDIsRefusedForEver(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		g.do("open", `{"id":"a","n":5}`)
		g.remove("a", true, nil)
		erased := message.StreamErased{Stream: tallies, ID: "a"}
		for range 2 {
			for _, service := range []string{"open", "add", "look"} {
				want(t, g.do(service, `{"id":"a","n":1}`), erased)
				want(t, g.dry(message.Dry, service, `{"id":"a","n":1}`), erased)
			}
			want(t, g.remove("a", false, nil), erased)
			g.restart()
		}
		one, _ := info(t, g, "a")
		same(t, "listed", one, store.StreamInfo{Stream: "tallies-a", Version: 1, Deleted: true, Erased: true})
	})
}

func TestRepo_ADeletedAggregateCanStillBeErased(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		g.do("open", `{"id":"a","n":5}`)
		g.remove("a", false, nil)
		want(t, g.remove("a", true, nil), ok(2))
		want(t, g.do("open", `{"id":"a"}`), message.StreamErased{Stream: tallies, ID: "a"})
	})
}

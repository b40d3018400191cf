package runtime

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/ringhold/ringhold/handler"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// TestHot_SameAnswersEitherWay runs the same history twice, over a store that fails
// the same commands in the same ways: once deciding on what is not durable yet, once
// one commit at a time. Answers and logs have to be the same.
func TestHot_SameAnswersEitherWay(t *testing.T) {
	for name, define := range kinds {
		for _, batch := range []int{1, 5, 1024} {
			t.Run(fmt.Sprintf("%s/%d", name, batch), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					rapid.Check(struct{ rapid.TB }{t}, func(rt *rapid.T) {
						h := drawHistory(rt, batch == 1)
						s := setup{define: define, config: func(c *Config) { c.BatchCommands, c.Writers, c.Page = batch, 1, 3 }}
						hot := h.run(rt, s)
						s.config = func(c *Config) { c.BatchCommands, c.Writers, c.Page, c.Blocking = batch, 1, 3, true }
						cold := h.run(rt, s)
						for i, got := range hot.answers {
							if got != cold.answers[i] {
								rt.Errorf("%s:\nahead     %s\none by one %s", h.ops[i].what(), got, cold.answers[i])
							}
						}
						if !slices.Equal(hot.log, cold.log) {
							rt.Errorf("the logs differ:\nahead\n%s\none by one\n%s", strings.Join(hot.log, "\n"), strings.Join(cold.log, "\n"))
						}
					})
				})
			})
		}
	}
}

// history is what is sent, in bursts, and what the store does to it.
type history struct {
	ops   []op
	fates map[message.ID][]string
	// doubts counts faults of which nobody knows, by message or, if messages share
	// appends, in all.
	doubts map[message.ID]int
}

// op is one thing that is asked.
type op struct {
	kind   string // tell, read, delete, unload
	id     string
	mid    message.ID
	do     string
	n      int
	first  bool
	dry    message.DryRun
	expect bool // at version 2
	pause  bool // all before it is answered first
}

func (o op) what() string { return fmt.Sprintf("%+v", o) }

// drawHistory draws a history. Faults that do not name their command are only drawn
// where each command has an append of its own, and so is the one that is meant.
func drawHistory(rt *rapid.T, alone bool) *history {
	h := &history{fates: map[message.ID][]string{}}
	names := []string{"slow", "lost, stored", "lost, not stored", "late", "duplicate"}
	if alone {
		names = append(names, "refused", "refused", "conflict")
	}
	var told []op
	overtaken := map[message.ID]bool{} // whether its first attempt reaches the store again depends on the way
	for i := range rapid.IntRange(1, 60).Draw(rt, "length") {
		o := op{kind: "tell", id: rapid.SampledFrom([]string{"a", "a", "a", "b"}).Draw(rt, "id"), mid: message.ID(fmt.Sprint("m", i))}
		o.pause = rapid.IntRange(0, 19).Draw(rt, "pause") == 0
		switch roll := rapid.IntRange(0, 29).Draw(rt, "kind"); {
		case roll == 0:
			o.kind = "delete"
		case roll == 1:
			o.kind = "unload"
		case roll < 5:
			o.kind = "read"
		case roll < 9 && len(told) > 0:
			was := rapid.SampledFrom(told).Draw(rt, "again")
			was.pause, was.first = o.pause, rapid.IntRange(0, 3).Draw(rt, "late") == 0 && h.fates[was.mid] == nil
			overtaken[was.mid] = overtaken[was.mid] || was.first
			if o = was; rapid.IntRange(0, 5).Draw(rt, "other") == 0 {
				o.n += 7
			}
		default:
			o.do = rapid.SampledFrom([]string{
				doAdd, doAdd, doAdd, doAdd, doAdd, doAdd, doMany, doMany, doRecord, doRefuse, doLook, doLook, doInvalid, doPanic, doBoom, doBadCheck,
			}).Draw(rt, "do")
			o.n = rapid.IntRange(1, 3).Draw(rt, "n")
			o.first = rapid.Bool().Draw(rt, "first")
			o.dry = rapid.SampledFrom([]message.DryRun{message.Real, message.Real, message.Real, message.Real, message.Real, message.Dry}).Draw(rt, "dry")
			o.expect = rapid.IntRange(0, 9).Draw(rt, "expect") == 0
			told = append(told, o)
		}
		h.ops = append(h.ops, o)
		if !overtaken[o.mid] && rapid.IntRange(0, 5).Draw(rt, "faulty") == 0 {
			for _, name := range rapid.SliceOfN(rapid.SampledFrom(names), 1, 2).Draw(rt, "faults") {
				h.strike(o.mid, name, alone)
			}
		}
	}
	return h
}

// strike adds a fault to a message. A command that was three times in an append of
// which nobody knows is refused, and its neighbours of an append count too: so
// there are two such faults at most, of a message that is alone in its append, or
// of all.
func (h *history) strike(mid message.ID, name string, alone bool) {
	if name == "lost, not stored" || name == "late" {
		if h.doubts == nil {
			h.doubts = map[message.ID]int{}
		}
		of := mid
		if !alone {
			of = ""
		}
		if h.doubts[of] == 2 {
			return
		}
		h.doubts[of]++
	}
	h.fates[mid] = append(h.fates[mid], name)
}

// outcome is what a history came to.
type outcome struct {
	answers []string
	log     []string
}

func (h *history) run(rt *rapid.T, s setup) (out outcome) {
	var booms atomic.Bool
	booms.Store(true)
	st := newFaulty(rt)
	s.store, s.booms = st, &booms
	s.binding = func(b *handler.Binding) { b.SnapshotEvery, b.CommitTimeout = 4, time.Hour }
	r := newRig(rt, s)
	defer r.host.Stop()
	left := map[message.ID][]string{}
	for id, fates := range h.fates {
		left[id] = slices.Clone(fates)
	}
	st.judge = func(a *store.Append) fate {
		is := fate{wait: time.Millisecond}
		for _, m := range messagesOf(a) {
			switch fates := left[m.id]; {
			case len(fates) == 0:
			case fates[0] == "slow" || fates[0] == "lost, stored": // unless another one of them is not stored
				is = fateOf(fates[0], m)
			case fates[0] == "refused": // until it is alone, and each time that it comes again
				return fateOf(fates[0], m)
			default:
				left[m.id] = fates[1:]
				return fateOf(fates[0], m)
			}
		}
		return is
	}
	ps := make([]*pending, len(h.ops))
	states := make([]*tally, len(h.ops))
	for i, o := range h.ops {
		if o.pause {
			for _, p := range ps[:i] {
				p.settle()
			}
		}
		ps[i], states[i] = h.send(r, o)
	}
	for i, p := range ps {
		got := p.wait()
		text := show(got)
		if h.ops[i].kind == "unload" { // whether it was in memory depends on the scheduler
			text = fmt.Sprintf("%T", got)
		}
		if _, is := got.(message.OK); is && states[i] != nil {
			text += fmt.Sprint(*states[i])
		}
		out.answers = append(out.answers, text)
	}
	synctest.Wait()
	out.log = logOf(rt, r)
	return out
}

// settle waits for the answer, and leaves it.
func (p *pending) settle() {
	if p != nil {
		p.answer <- p.wait()
	}
}

func (h *history) send(r *rig, o op) (*pending, *tally) {
	switch o.kind {
	case "read":
		return r.startRead(o.id)
	case "unload":
		return r.startUnload(o.id), nil
	case "delete":
		m := r.about("$delete", o.id)
		m.ID = o.mid
		p := r.pending(m)
		r.host.Delete(context.Background(), m, false, p.reply)
		return p, nil
	}
	m := r.messageWith(o.mid, o.id, o.do, o.n)
	m.FirstAttempt, m.DryRun = o.first, o.dry
	if o.expect {
		v := message.Version(2)
		m.Expected = &v
	}
	return r.start(context.Background(), m), nil
}

// named is a message of an append.
type named struct {
	id     message.ID
	stream message.Stream
}

func messagesOf(a *store.Append) (out []named) {
	for i := range a.Events {
		if a.Events[i].MessageID != "" {
			out = append(out, named{a.Events[i].MessageID, a.Events[i].Stream})
		}
	}
	for i := range a.States {
		for _, p := range a.States[i].Recent {
			out = append(out, named{p.MessageID, a.States[i].Stream})
		}
	}
	return out
}

func fateOf(name string, m named) fate {
	switch name {
	case "lost, stored":
		return lost(true)
	case "lost, not stored":
		return lost(false)
	case "late":
		return late()
	case "duplicate":
		return fate{err: &store.DuplicateMessageError{Stream: m.stream, MessageID: m.id}}
	case "refused":
		return refused()
	case "conflict":
		return fate{err: &store.VersionConflictError{Stream: m.stream, Expected: 70, Current: 77}}
	}
	return fate{wait: 50 * time.Millisecond}
}

// logOf lists all that is stored.
func logOf(t tb, r *rig) (out []string) {
	ctx := context.Background()
	for s := range testSlots {
		events, err := r.store.Store.ReadSlot(ctx, ring.Slot(s), 0, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		for i := range events {
			e := &events[i]
			out = append(out, fmt.Sprintf("%d/%d %s/%d %s %s %s", e.Slot, e.Offset, e.Stream, e.Version, e.Type, e.Data, e.MessageID))
		}
	}
	for _, id := range []string{"a", "b"} {
		found, err := r.store.Store.Load(ctx, []store.LoadRequest{{Stream: streamOf(id), Hydrate: true}})
		if err != nil {
			t.Fatal(err)
		}
		if row := found[0].State; row != nil {
			text := fmt.Sprintf("%s at %d is %s, recent", id, row.Version, row.Data)
			for _, p := range row.Recent {
				text += " " + string(p.MessageID)
			}
			out = append(out, text)
		}
		if sn := found[0].Snapshot; sn != nil {
			out = append(out, fmt.Sprintf("snapshot of %s at %d is %s", id, sn.Version, sn.Data))
		}
	}
	return out
}

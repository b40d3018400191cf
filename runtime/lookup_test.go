package runtime

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

// TestLookup_SameAnswersEitherWay runs the same history of callers' own ids, with
// repeats and failing commits, looking up each id alone, and those that wait together.
// Answers and logs have to be the same.
func TestLookup_SameAnswersEitherWay(t *testing.T) {
	for _, batch := range []int{1, 5, 1024} {
		for _, together := range []int{2, lookupsOfOne} {
			t.Run(fmt.Sprintf("%d/%d", batch, together), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					rapid.Check(struct{ rapid.TB }{t}, func(rt *rapid.T) {
						h := drawHistory(rt, batch == 1).withOwnIDs(rt)
						run := func(others int) outcome {
							return h.run(rt, setup{
								config: func(c *Config) { c.BatchCommands, c.Writers, c.Page = batch, 1, 3 },
								loader: func(l *loader) { l.others = others },
							})
						}
						one, all := run(0), run(together)
						for i, got := range all.answers {
							if got != one.answers[i] {
								rt.Errorf("%s:\ntogether   %s\none by one %s", h.ops[i].what(), got, one.answers[i])
							}
						}
						if !slices.Equal(one.log, all.log) {
							rt.Errorf("the logs differ:\ntogether\n%s\none by one\n%s", strings.Join(all.log, "\n"), strings.Join(one.log, "\n"))
						}
					})
				})
			})
		}
	}
}

// withOwnIDs puts so many commands in front of a history that memory does not know all
// ids, and makes most of its messages such that have to be looked up.
func (h *history) withOwnIDs(rt *rapid.T) *history {
	var before []op
	for i := range len(seenIDs{}.hashes) + 2 {
		for _, id := range []string{"a", "b"} {
			before = append(before, op{kind: "tell", id: id, mid: message.ID(fmt.Sprint("before", id, i)), do: doAdd, n: 1})
		}
	}
	for i := range h.ops {
		if h.ops[i].kind == "tell" && rapid.IntRange(0, 5).Draw(rt, "own") > 0 {
			h.ops[i].first = false
		}
	}
	h.ops = append(before, h.ops...)
	return h
}

// known gives an aggregate more messages than memory remembers.
func (r *rig) known(id string) (sent []*message.Message) {
	for range len(seenIDs{}.hashes) + 2 {
		m := r.message(id, doAdd, 1)
		accepted(r.t, r.start(context.Background(), m).wait())
		sent = append(sent, m)
	}
	return sent
}

// A thousand commands with ids of their callers' own need a few loads.
func TestLookup_ThatOfManyIsOne(t *testing.T) {
	const many = 1000
	loads := func(t *testing.T, others int) (n int) {
		stream := func(s *Stream) { s.Mailbox = 2 * many }
		bubble(t, setup{stream: stream, loader: func(l *loader) { l.others = others }}, func(t *testing.T, r *rig) {
			sent := r.known("a")
			r.store.disturb(func(op string) (is fate) {
				if op == opLoad || op == opAppend {
					is.wait = time.Millisecond
				}
				return is
			})
			before := r.store.count(opLoad)
			var ps, repeats []*pending
			for i := range many {
				ps = append(ps, r.send("a", doAdd, 1))
				if i%100 == 0 { // what the store has is found the same way
					repeats = append(repeats, r.start(t.Context(), r.retry(sent[i/100], 1)))
				}
			}
			for i, p := range ps {
				at(t, p.wait(), message.Version(len(sent)+i))
			}
			for v, p := range repeats {
				at(t, p.wait(), message.Version(v))
			}
			n = r.store.count(opLoad) - before
		})
		return n
	}
	alone, together := loads(t, 0), loads(t, lookupsOfOne)
	t.Logf("%d loads one by one, %d together", alone, together)
	if alone < many {
		t.Errorf("%d loads one by one: the others are not looked up at all", alone)
	}
	if want := many/lookupsOfOne + 3; together > want {
		t.Errorf("%d loads together, want %d at most", together, want)
	}
}

// Many aggregates that are loaded at once look up no more than a round trip can have.
func TestLookup_IsBounded(t *testing.T) {
	bubble(t, setup{config: func(c *Config) { c.Loaders = 1 }}, func(t *testing.T, r *rig) {
		var most int
		r.store.asked = func(reqs []store.LoadRequest) {
			n := 0
			for i := range reqs {
				n += len(reqs[i].Messages)
			}
			most = max(most, n)
		}
		release := r.store.stall(opLoad, fate{})
		ps := []*pending{r.send("first", doAdd, 1)}
		synctest.Wait()
		for range 100 {
			for n := range 100 {
				ps = append(ps, r.send(fmt.Sprint("a", n), doAdd, 1))
			}
		}
		release()
		for _, p := range ps {
			accepted(t, p.wait())
		}
		if most > maxLookups+100 || most < maxLookups/2 {
			t.Errorf("%d ids in one round trip", most)
		}
	})
}

// An id that the store did not know when it was looked up is new only if nobody stored
// it since: not if it was in flight, nor if it is also that of a message in front. Nobody
// is decided again then, to be found by the store's own check.
func TestLookup_OfWhatIsStoredMeanwhile(t *testing.T) {
	check := func(t *testing.T, config func(*Config), f func(t *testing.T, r *rig)) {
		t.Helper()
		bubble(t, setup{config: config}, func(t *testing.T, r *rig) {
			r.known("a")
			f(t, r)
			if n := r.store.duplicates; n != 0 {
				t.Errorf("%d appends were refused as repeats", n)
			}
			if n := len(r.events("a")); n != 12 {
				t.Errorf("%d events are stored", n)
			}
		})
	}
	// refuse makes a repeat that is refused if it is decided again.
	refuse := func(r *rig, m *message.Message) *message.Message {
		again := r.retry(m, 1)
		v := message.Version(9)
		again.Expected = &v
		return again
	}
	t.Run("in front", func(t *testing.T) {
		check(t, blocking, func(t *testing.T, r *rig) {
			load := r.store.stall(opLoad, fate{})
			one := r.message("a", doAdd, 1)
			head := r.send("a", doAdd, 1)
			synctest.Wait()
			next := r.store.stall(opLoad, fate{})
			ps := []*pending{r.send("a", doLook, 1), r.start(t.Context(), one), r.start(t.Context(), refuse(r, one)), r.start(t.Context(), r.retry(one, 3))}
			load()
			synctest.Wait()
			next() // which looks up what waits
			at(t, head.wait(), 10)
			at(t, ps[0].wait(), 10)
			at(t, ps[1].wait(), 11)
			at(t, ps[2].wait(), 11)
			is[message.MessageIDReused](t, ps[3].wait())
		})
	})
	t.Run("in front, a first attempt", func(t *testing.T) {
		check(t, blocking, func(t *testing.T, r *rig) {
			load := r.store.stall(opLoad, fate{})
			head := r.send("a", doAdd, 1)
			synctest.Wait()
			next := r.store.stall(opLoad, fate{})
			one := r.message("a", doAdd, 1)
			one.FirstAttempt = true
			ps := []*pending{r.send("a", doLook, 1), r.start(t.Context(), one), r.start(t.Context(), refuse(r, one))}
			load()
			synctest.Wait()
			next()
			at(t, head.wait(), 10)
			at(t, ps[0].wait(), 10)
			at(t, ps[1].wait(), 11)
			at(t, ps[2].wait(), 11)
		})
	})
	t.Run("in flight", func(t *testing.T) {
		check(t, nil, func(t *testing.T, r *rig) {
			store := r.store.stall(opAppend, fate{})
			one := r.message("a", doAdd, 1)
			one.FirstAttempt = true
			first := r.start(t.Context(), one)
			synctest.Wait()
			// The store answers the loads before it has the append, and slowly.
			answered, second := make(chan struct{}), make(chan struct{})
			r.store.answerLate(answered, second)
			look := r.send("a", doLook, 1)
			synctest.Wait()
			ps := []*pending{r.send("a", doLook, 1), r.start(t.Context(), refuse(r, one)), r.send("a", doAdd, 1)}
			close(answered)
			synctest.Wait()
			store()
			at(t, first.wait(), 10)
			synctest.Wait()
			close(second)
			at(t, look.wait(), 10)
			at(t, ps[0].wait(), 10)
			at(t, ps[1].wait(), 10)
			at(t, ps[2].wait(), 11)
		})
	})
	t.Run("the current one", func(t *testing.T) {
		check(t, blocking, func(t *testing.T, r *rig) {
			block := r.store.stall(opLoad, fate{})
			ps := []*pending{r.send("a", doAdd, 1)}
			synctest.Wait()
			next := r.store.stall(opLoad, fate{})
			one := r.message("a", doAdd, 1)
			ps = append(ps, r.start(t.Context(), one), r.start(t.Context(), refuse(r, one)))
			block()
			synctest.Wait()
			next()
			at(t, ps[0].wait(), 10)
			at(t, ps[1].wait(), 11)
			at(t, ps[2].wait(), 11)
		})
	})
}

// What was looked up ends with what made it valid: a state that is dropped, a commit
// that failed, a load that failed.
func TestLookup_EndsWithTheState(t *testing.T) {
	// queue has messages wait, of which all but the first are looked up together.
	queue := func(t *testing.T, r *rig, fill func() []*pending) []*pending {
		t.Helper()
		load := r.store.stall(opLoad, fate{})
		ps := []*pending{r.send("a", doLook, 1)}
		synctest.Wait()
		load2 := r.store.stall(opLoad, fate{})
		ps = append(ps, r.send("a", doLook, 1))
		ps = append(ps, fill()...)
		load()
		synctest.Wait()
		load2()
		return ps
	}
	t.Run("an erasure", func(t *testing.T) {
		bubble(t, setup{}, func(t *testing.T, r *rig) {
			sent := r.known("a")
			ps := queue(t, r, func() []*pending {
				return []*pending{r.start(t.Context(), r.retry(sent[3], 1)), r.startDelete("a", true), r.start(t.Context(), r.retry(sent[4], 1)), r.send("a", doAdd, 1)}
			})
			at(t, ps[2].wait(), 3)
			at(t, ps[3].wait(), 10)
			is[message.StreamErased](t, ps[4].wait())
			is[message.StreamErased](t, ps[5].wait())
		})
	})
	for name, drop := range map[string]func(r *rig) *pending{
		"unloaded": func(r *rig) *pending { return r.startUnload("a") },
		"deleted":  func(r *rig) *pending { return r.startDelete("a", false) },
		"panicked": func(r *rig) *pending { return r.send("a", doPanic, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, setup{}, func(t *testing.T, r *rig) {
				sent := r.known("a")
				var asked [][]message.ID
				r.store.asked = func(reqs []store.LoadRequest) { asked = append(asked, reqs[0].Messages) }
				last := r.message("a", doAdd, 1)
				ps := queue(t, r, func() []*pending {
					return []*pending{drop(r), r.start(t.Context(), last), r.start(t.Context(), r.retry(sent[0], 1))}
				})
				for _, p := range ps[:4] {
					p.wait()
				}
				at(t, ps[4].wait(), 0)
				if len(asked) != 3 || !slices.Contains(asked[1], last.ID) || !slices.Contains(asked[2], last.ID) {
					t.Errorf("looked up %v", asked)
				}
			})
		})
	}
	t.Run("a commit that failed", func(t *testing.T) {
		bubble(t, setup{}, func(t *testing.T, r *rig) {
			r.known("a")
			var asked [][]message.ID
			r.store.asked = func(reqs []store.LoadRequest) { asked = append(asked, reqs[0].Messages) }
			bad, last := r.message("a", doAdd, 1), r.message("a", doAdd, 1)
			r.store.judge = func(a *store.Append) (is fate) {
				if slices.ContainsFunc(a.Events, func(ev store.Event) bool { return ev.MessageID == bad.ID }) {
					is = refused()
				}
				return is
			}
			ps := queue(t, r, func() []*pending {
				return []*pending{r.start(t.Context(), bad), r.start(t.Context(), last)}
			})
			is[message.ServiceUnavailable](t, ps[2].wait())
			at(t, ps[3].wait(), 10)
			if len(asked) != 3 || !slices.Contains(asked[2], last.ID) || slices.Contains(asked[2], bad.ID) {
				t.Errorf("looked up %v", asked)
			}
		})
	})
	t.Run("a load that failed", func(t *testing.T) {
		bubble(t, setup{}, func(t *testing.T, r *rig) {
			sent := r.known("a")
			r.store.next(opLoad, fate{}, refused(), refused())
			head := []*pending{r.send("a", doLook, 1)}
			synctest.Wait()
			head[0].wait()
			release := r.store.stall(opAppend, fate{})
			first := r.message("a", doAdd, 1)
			first.FirstAttempt = true
			ps := []*pending{r.start(t.Context(), first)}
			synctest.Wait()
			for range 2 {
				ps = append(ps, r.send("a", doAdd, 1))
			}
			ps = append(ps, r.start(t.Context(), r.retry(sent[2], 1)), r.send("a", doAdd, 1))
			synctest.Wait()
			release()
			at(t, ps[0].wait(), 10)
			is[message.ServiceUnavailable](t, ps[1].wait())
			is[message.ServiceUnavailable](t, ps[2].wait())
			at(t, ps[3].wait(), 2)
			at(t, ps[4].wait(), 11)
		})
	})
}

// Whoever waits behind a message whose Before step runs is not looked up before that is
// done: the step works on its message.
func TestLookup_NotBehindABeforeStep(t *testing.T) {
	gate := make(chan struct{})
	synctest.Test(t, func(t *testing.T) {
		gate = make(chan struct{})
		r := newRig(t, setup{before: func(_ context.Context, m *message.Message, c tell) error {
			if c.N == 77 {
				<-gate
			}
			return nil
		}})
		r.known("a")
		var asked [][]message.ID
		r.store.asked = func(reqs []store.LoadRequest) { asked = append(asked, reqs[0].Messages) }
		load := r.store.stall(opLoad, fate{})
		ps := []*pending{r.send("a", doAdd, 1)}
		synctest.Wait()
		next := r.store.stall(opLoad, fate{})
		ps = append(ps, r.send("a", doAdd, 1), r.send("a", doAdd, 1), r.send("a", doAdd, 77), r.send("a", doAdd, 1))
		synctest.Wait()
		load()
		synctest.Wait()
		next()
		at(t, ps[2].wait(), 12)
		close(gate)
		at(t, ps[4].wait(), 14)
		var counts []int
		for _, ids := range asked {
			counts = append(counts, len(ids))
		}
		if !slices.Equal(counts, []int{1, 2, 2}) {
			t.Errorf("looked up %v", counts)
		}
	})
}

// A repeat that was found is answered, though its caller's time was over meanwhile.
func TestLookup_FoundTooLate(t *testing.T) {
	bubble(t, setup{}, func(t *testing.T, r *rig) {
		sent := r.known("a")
		release := r.store.stall(opLoad, fate{})
		repeat := r.start(within(t, time.Second), r.retry(sent[1], 1))
		other := r.start(within(t, time.Second), r.message("a", doAdd, 1))
		time.Sleep(2 * time.Second)
		release()
		at(t, repeat.wait(), 1)
		is[message.ServiceTimeout](t, other.wait())
	})
}

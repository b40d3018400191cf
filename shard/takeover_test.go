package shard

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/shard/internal/lease"
	"github.com/ringhold/ringhold/store"
	"github.com/ringhold/ringhold/store/memory"
)

// shared is a store that several processes of a test reach. Down, it answers
// nothing that has to do with members.
type shared struct {
	*memory.Store
	down        atomic.Bool
	slow        atomic.Int64           // how long each renewal takes
	incarnation atomic.Pointer[string] // instead of the store's own
	own         atomic.Pointer[string] // the store's, while it shows another
	deposed     atomic.Int64           // that were asked for and done
	blips       atomic.Int64           // how many reads of members fail
	deposeBlips atomic.Int64           // how many depositions fail
	lostJoins   atomic.Int64           // how many joins are done and not answered
	lostDeposes atomic.Int64           // how many depositions are
}

// counted reports whether it is time for one of n, and counts it.
func counted(n *atomic.Int64) bool {
	if n.Load() == 0 {
		return false
	}
	n.Add(-1)
	return true
}

func (s *shared) Members(ctx context.Context) ([]store.Member, error) {
	if counted(&s.blips) {
		return nil, errDown
	}
	return s.Store.Members(ctx)
}

var errDown = errors.New("connection refused")

func newShared() *shared {
	return &shared{Store: memory.New(memory.Config{Group: "test"})}
}

func (s *shared) answer(r store.Renewal, err error) (store.Renewal, error) {
	pass(time.Duration(s.slow.Load()))
	if s.down.Load() {
		return store.Renewal{}, errDown
	}
	if i := s.incarnation.Load(); i != nil {
		own := r.Incarnation
		s.own.Store(&own)
		r.Incarnation = *i
	}
	return r, err
}

func (s *shared) Join(ctx context.Context, m store.Member, length time.Duration) (store.Renewal, error) {
	r, err := s.answer(s.Store.Join(ctx, m, length))
	if err == nil && counted(&s.lostJoins) {
		return store.Renewal{}, &store.UnknownOutcomeError{Err: errDown}
	}
	return r, err
}

func (s *shared) Renew(ctx context.Context, id store.MemberID, length time.Duration, leaving bool) (store.Renewal, error) {
	if s.down.Load() {
		return store.Renewal{}, errDown
	}
	return s.answer(s.Store.Renew(ctx, id, length, leaving))
}

func (s *shared) Depose(ctx context.Context, d store.Depose) (bool, error) {
	if counted(&s.deposeBlips) {
		return false, errDown
	}
	if shown := s.incarnation.Load(); shown != nil && d.Incarnation == *shown {
		d.Incarnation = *s.own.Load()
	}
	done, err := s.Store.Depose(ctx, d)
	if done && d.Patience > 0 {
		s.deposed.Add(1)
	}
	if done && counted(&s.lostDeposes) {
		return false, &store.UnknownOutcomeError{Err: errDown}
	}
	return done, err
}

// process is a process of a test, up to the moment at which it would take slots.
type process struct {
	*Local
	lines *[]string
	mine  []ring.Member
}

func newProcess(t testing.TB, s store.Store, name string, members int) process {
	lines := new([]string)
	return process{&Local{
		cfg: LocalConfig{
			Store: s, Plan: &Plan{Group: "test", Slots: 64}, Members: members, Shared: true, Process: name,
			Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
			Say:    func(line string) { *lines = append(*lines, line) },
		},
		life: name,
	}, lines, nil}
}

// begin joins and takes over; what fails signs off.
func (p *process) begin(ctx context.Context) error {
	mine, _, err := p.enter(ctx)
	p.mine = mine
	if err != nil {
		err = errors.Join(err, p.signOff(context.WithoutCancel(ctx)))
	}
	return err
}

// serve takes all slots, as the members do.
func (p *process) serve(ctx context.Context) error {
	w, err := p.cfg.Store.Writer(ctx, p.mine[0].ID, 0)
	if err != nil {
		return err
	}
	if err := w.Raise(ctx, 1); err != nil {
		return err
	}
	claims, err := w.Acquire(ctx, []ring.Slot{0, 1, 2, 3})
	if err == nil && len(claims) != 4 {
		err = fmt.Errorf("got %d of 4 slots", len(claims))
	}
	return err
}

// bubble runs a case in a bubble, with a store in which the first process serves.
func bubble(t *testing.T, members int, run func(t *testing.T, s *shared, first process)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newShared()
		first := newProcess(t, s, "first", members)
		began := time.Now()
		if err := errors.Join(first.begin(t.Context()), first.serve(t.Context())); err != nil {
			t.Fatal(err)
		}
		took(t, "a start in an empty store", began, 0, 0)
		run(t, s, first)
	})
}

// kill ends the process without a word.
func (p *process) kill() {
	p.keeper.stop()
	p.keeper.stopped.Wait()
}

func took(t testing.TB, what string, since time.Time, least, most time.Duration) {
	t.Helper()
	if d := time.Since(since); d < least || d > most {
		t.Errorf("%s took %v, want %v to %v", what, d, least, most)
	}
}

func deposedMembers(t testing.TB, s store.Store, process string) (deposed, all int) {
	t.Helper()
	rows, err := s.Members(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range rows {
		if lease.ProcessOf(m.ID) == process {
			if all++; m.Deposed {
				deposed++
			}
		}
	}
	return deposed, all
}

// A start after a kill waits until lease and patience are over by the store's
// clock and by a run of its own, and says what it waits for.
func TestTakeOver_AfterAKill(t *testing.T) {
	bubble(t, 3, func(t *testing.T, s *shared, first process) {
		pass(10 * time.Second)
		first.kill()

		second := newProcess(t, s, "second", 2)
		began := time.Now()
		if err := second.begin(t.Context()); err != nil {
			t.Fatal(err)
		}
		took(t, "a start after a kill", began, lease.Length+lease.Patience, 3500*time.Millisecond)
		if deposed, all := deposedMembers(t, s, "first"); deposed != all {
			t.Errorf("%d of %d members are deposed", deposed, all)
		}
		if len(*second.lines) != 1 || !strings.Contains((*second.lines)[0], "waiting for the lease of member m0-first") {
			t.Errorf("it said %q", *second.lines)
		}
		if err := second.serve(t.Context()); err != nil {
			t.Error(err)
		}
		if err := second.signOff(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// Beside a process that is alive a start is refused, soon and with its name, and
// leaves nothing that a later start would wait for.
func TestTakeOver_BesideALivingOne(t *testing.T) {
	bubble(t, 3, func(t *testing.T, s *shared, first process) {
		pass(time.Minute)
		second := newProcess(t, s, "second", 3)
		began := time.Now()
		err := second.begin(t.Context())
		var rival *RivalError
		if !errors.As(err, &rival) || rival.Process != "first" || !strings.HasPrefix(string(rival.Member), "m") {
			t.Fatalf("the start ended with %v", err)
		}
		took(t, "a refusal", began, 0, time.Second)
		if deposed, all := deposedMembers(t, s, "second"); all != 3 || deposed != all {
			t.Errorf("%d of %d members that were refused are deposed", deposed, all)
		}
		pass(time.Minute)
		if !first.keeper.members[0].mayAnswer() || s.deposed.Load() != 0 {
			t.Error("the living one was harmed")
		}
		if err := first.signOff(t.Context()); err != nil {
			t.Fatal(err)
		}
		began = time.Now()
		third := newProcess(t, s, "third", 1)
		if err := third.begin(t.Context()); err != nil {
			t.Fatal(err)
		}
		took(t, "a start after a clean stop", began, 0, 0)
		if err := third.signOff(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// A process that drains is about to end: a start waits for it, and does not refuse.
func TestTakeOver_BesideOneThatLeaves(t *testing.T) {
	bubble(t, 2, func(t *testing.T, s *shared, first process) {
		first.keeper.leaving.Store(true)
		pass(lease.Period)
		second := newProcess(t, s, "second", 1)
		ended := make(chan error, 1)
		go func() { ended <- second.begin(t.Context()) }()
		for range 3 { // blips far from each other are no outage
			pass(startPatience)
			s.blips.Store(1)
		}
		pass(2 * look)
		select {
		case err := <-ended:
			t.Fatalf("it did not wait: %v", err)
		default:
		}
		if err := first.signOff(t.Context()); err != nil {
			t.Fatal(err)
		}
		signedOff := time.Now()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		took(t, "the start", signedOff, 0, look)
		if err := second.signOff(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// Of processes that start at whatever moments, with or without a dead one before
// them, exactly one serves, and nobody who is alive is deposed.
func TestTakeOver_Together(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		delays := rapid.SliceOfN(rapid.IntRange(0, 5000), 2, 4).Draw(rt, "milliseconds")
		before := rapid.Bool().Draw(rt, "a dead one before them")
		same := rapid.Bool().Draw(rt, "at one moment")
		synctest.Test(t, func(t *testing.T) {
			s := newShared()
			s.slow.Store(int64(2 * time.Millisecond))
			if before {
				dead := newProcess(t, s, "dead", 2)
				if err := errors.Join(dead.begin(t.Context()), dead.serve(t.Context())); err != nil {
					rt.Fatal(err)
				}
				dead.kill()
			}
			var mu sync.Mutex
			var won []*process
			var starting sync.WaitGroup
			for i, ms := range delays {
				p := newProcess(t, s, fmt.Sprintf("p%d", i), 2)
				starting.Go(func() {
					if !same {
						pass(time.Duration(ms) * time.Millisecond)
					}
					err := p.begin(t.Context())
					var rival *RivalError
					switch {
					case err == nil:
						err = p.serve(t.Context())
						mu.Lock()
						defer mu.Unlock()
						if won = append(won, &p); err != nil {
							rt.Errorf("%s cannot serve: %v", p.life, err)
						}
					case !errors.As(err, &rival):
						rt.Errorf("%s: %v", p.life, err)
					}
				})
			}
			starting.Wait()
			pass(10 * time.Second)
			if len(won) != 1 {
				rt.Errorf("%d processes serve", len(won))
			}
			for _, p := range won {
				select {
				case <-p.keeper.fenced:
					rt.Errorf("%s is deposed: %v", p.life, p.keeper.cause)
				default:
				}
				if err := p.signOff(t.Context()); err != nil {
					rt.Error(err)
				}
			}
			if want := map[bool]int64{true: 2}[before]; s.deposed.Load() != want {
				rt.Errorf("%d members were deposed in their absence, want %d", s.deposed.Load(), want)
			}
		})
	})
}

// While the store is away nothing is answered from memory and nobody is deposed;
// when it is back the leases are renewed soon. A process that started meanwhile
// does not take the other's silence for death.
func TestKeeper_StoreAway(t *testing.T) {
	bubble(t, 3, func(t *testing.T, s *shared, first process) {
		held := first.keeper.members
		pass(10*time.Second + 100*time.Millisecond)
		s.down.Store(true)
		pass(lease.Length - lease.Period)
		if !held[0].mayAnswer() {
			t.Error("the lease was over at once")
		}
		pass(lease.Period)
		for _, h := range held {
			if h.mayAnswer() {
				t.Errorf("%s answers after its lease", h.id)
			}
		}
		pass(5 * time.Minute)
		second := newProcess(t, s, "second", 1)
		ended := make(chan error, 1)
		s.down.Store(false)
		go func() { ended <- second.begin(t.Context()) }()
		pass(2 * lease.Period)
		for _, h := range held {
			if !h.mayAnswer() {
				t.Errorf("%s does not answer again", h.id)
			}
		}
		var rival *RivalError
		if err := <-ended; !errors.As(err, &rival) {
			t.Errorf("the second one ended with %v", err)
		}
		if s.deposed.Load() != 0 {
			t.Error("somebody was deposed")
		}
		if err := first.signOff(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// A starting process whose own renewals fail begins to wait anew.
func TestTakeOver_StoreAwayWhileItWaits(t *testing.T) {
	bubble(t, 1, func(t *testing.T, s *shared, first process) {
		first.kill()
		second := newProcess(t, s, "second", 1)
		ended := make(chan error, 1)
		go func() { ended <- second.begin(t.Context()) }()
		pass(2 * time.Second)
		s.down.Store(true)
		pass(4 * time.Second)
		if s.deposed.Load() != 0 {
			t.Error("it deposed while it could not renew")
		}
		s.down.Store(false)
		back := time.Now()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		took(t, "the rest", back, lease.Length+lease.Patience+lease.Period, 4*time.Second)
		if err := second.signOff(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// A process whose members were deposed learns it, answers nothing more, and says
// who serves now.
func TestKeeper_Deposed(t *testing.T) {
	bubble(t, 2, func(t *testing.T, s *shared, first process) {
		if _, err := s.Join(t.Context(), store.Member{ID: "m0-other", Address: "the other one", Writers: 1}, time.Minute); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Depose(t.Context(), store.Depose{Member: "m1-first", Alone: true}); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		<-first.TakenOver()
		took(t, "learning it", began, 0, lease.Period)
		if first.keeper.members[0].mayAnswer() {
			t.Error("it goes on answering")
		}
		var fenced *store.FencedError
		if err := first.Cause(t.Context()); !errors.As(err, &fenced) || fenced.Member != "m1-first" || !strings.Contains(err.Error(), "the other one") {
			t.Errorf("it ends with %v", err)
		}
		if err := first.signOff(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// An answer from memory needs a store that has not forgotten what is in memory:
// one with another incarnation has all slots taken again first.
func TestHeld_AnotherIncarnation(t *testing.T) {
	bubble(t, 1, func(t *testing.T, s *shared, first process) {
		h, other := first.keeper.members[0], "another"
		s.incarnation.Store(&other)
		pass(2 * lease.Period)
		if h.mayAnswer() || !h.outdated() {
			t.Error("it answers from a memory that the store may not share")
		}
		h.lookedAt(h.renewed.Load())
		if !h.mayAnswer() {
			t.Error("it does not answer after it looked")
		}
		if !slices.Equal(*first.lines, nil) {
			t.Errorf("it said %q", *first.lines)
		}
		s.incarnation.Store(nil)
		if err := first.signOff(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// A lease counts from when its renewal was sent: the store may have granted it then,
// however late the answer comes.
func TestHeld_CountsFromTheQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShared()
		s.slow.Store(int64(700 * time.Millisecond))
		k := newKeeper(s, slog.New(slog.DiscardHandler))
		h, err := k.join(t.Context(), store.Member{ID: "m0-a", Address: "a", Writers: 1})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			pass(lease.Length - lease.Margin - 701*time.Millisecond)
			if !h.mayAnswer() {
				t.Error("its lease is over too early")
			}
			pass(time.Millisecond)
			if h.mayAnswer() {
				t.Error("it counts from the answer")
			}
			k.round(t.Context())
		}
		if err := k.signOff(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// A store that does not answer for a moment ends no start and no sign-off.
func TestTakeOver_Blips(t *testing.T) {
	bubble(t, 1, func(t *testing.T, s *shared, first process) {
		first.kill()
		s.blips.Store(12)
		s.deposeBlips.Store(3)
		second := newProcess(t, s, "second", 1)
		if err := second.begin(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s.blips.Load()+s.deposeBlips.Load() > 0 {
			t.Error("there were no blips")
		}
		s.deposeBlips.Store(1)
		if err := second.signOff(t.Context()); err != nil {
			t.Error(err)
		}
		s.blips.Store(1 << 30)
		third := newProcess(t, s, "third", 1)
		began := time.Now()
		if err := third.begin(t.Context()); !errors.Is(err, errDown) {
			t.Errorf("a start without a store ended with %v", err)
		}
		took(t, "giving up", began, startPatience, startPatience+time.Second)
	})
}

// A join whose outcome is unknown is signed off: else the next start waits for it.
func TestKeeper_JoinOfUnknownOutcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShared()
		s.lostJoins.Store(1)
		first := newProcess(t, s, "first", 1)
		var unknown *store.UnknownOutcomeError
		if err := first.begin(t.Context()); !errors.As(err, &unknown) {
			t.Fatalf("it ended with %v", err)
		}
		if deposed, all := deposedMembers(t, s, "first"); all != 1 || deposed != 1 {
			t.Errorf("%d of %d members are deposed", deposed, all)
		}
	})
}

// A sign-off whose outcome is unknown is asked about again: it was done.
func TestKeeper_SignOffOfUnknownOutcome(t *testing.T) {
	bubble(t, 2, func(t *testing.T, s *shared, first process) {
		s.lostDeposes.Store(1)
		if err := first.signOff(t.Context()); err != nil {
			t.Error(err)
		}
		if deposed, all := deposedMembers(t, s, "first"); all != 2 || deposed != 2 {
			t.Errorf("%d of %d members are deposed", deposed, all)
		}
		for _, h := range first.keeper.members {
			if h.mayAnswer() {
				t.Errorf("%s answers after it signed off", h.id)
			}
		}
	})
}

// A start that is deposed while it waits, or told to end, ends at once, whether the
// store answers then or not.
func TestTakeOver_EndsWhileItWaits(t *testing.T) {
	for _, away := range []bool{false, true} {
		for _, how := range []string{"deposed", "told to end"} {
			bubble(t, 1, func(t *testing.T, s *shared, first process) {
				first.keeper.leaving.Store(true)
				pass(lease.Period)
				second := newProcess(t, s, "second", 1)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				ended := make(chan error, 1)
				go func() { ended <- second.begin(ctx) }()
				pass(time.Second)
				if away {
					s.blips.Store(1 << 30)
					pass(time.Second)
				}
				want, began := context.Canceled, time.Now()
				if how == "deposed" {
					if _, err := s.Depose(t.Context(), store.Depose{Member: "m0-second", Alone: true}); err != nil {
						t.Fatal(err)
					}
				} else {
					cancel()
				}
				err := <-ended
				took(t, "the end of a start that is "+how, began, 0, lease.Period+look)
				var fenced *store.FencedError
				if how == "deposed" && !errors.As(err, &fenced) || how != "deposed" && !errors.Is(err, want) {
					t.Errorf("%s, the store away %v: %v", how, away, err)
				}
				s.blips.Store(0)
				if err := first.signOff(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// pass lets the virtual time of a test pass.
func pass(d time.Duration) { time.Sleep(d) } //nolint:forbidigo // in bubbles of synctest only

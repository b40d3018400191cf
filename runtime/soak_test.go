package runtime

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/handler"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

// TestSoak lets many callers loose on few aggregates, over a store that fails in
// every way that it may, while slots are given up and taken again and the host is
// stopped, or fenced off, and replaced. Then it compares all that anybody was
// told with the log.
//
// All choices come from the seed in the name of the subtest; the interleaving is
// the scheduler's. RINGHOLD_SOAK_SEED runs one seed, again and again.
func TestSoak(t *testing.T) {
	length, seed := 4*time.Second, rand.Uint64()
	if testing.Short() {
		length = time.Second
	}
	fixed, err := strconv.ParseUint(os.Getenv("RINGHOLD_SOAK_SEED"), 10, 64)
	variants := []string{"events", "callbacks", "state"}
	for began, n := time.Now(), uint64(0); time.Since(began) < length && !t.Failed(); n++ {
		variant, is := variants[n%uint64(len(variants))], seed+n
		if err == nil {
			is = fixed
		}
		t.Run(fmt.Sprintf("%s/seed=%d", variant, is), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { newSoak(t, is, variant).run() })
		})
	}
}

const (
	soakCallers  = 8
	soakCommands = 25 // of each caller
	soakIDs      = 5
)

// soak is one run.
type soak struct {
	t       *testing.T
	seed    uint64
	rand    *rand.Rand // of the one who keeps the host going
	define  func(*aggregate.Definition[tally])
	store   *faulty
	booms   atomic.Bool
	rig     atomic.Pointer[rig]
	members int

	mu      sync.Mutex
	all     []*asked
	commits map[message.ID]int // how often OnCommit ran
	undone  map[message.ID]int // how often OnRollback ran
}

// asked is a command, all that was answered to it, and what that says.
type asked struct {
	caller, n int
	stream    message.Stream
	id        message.ID
	text      []byte
	request   tell
	expected  *message.Version
	attempts  int
	first     message.Response // the first answer that says that it was stored
	unstored  bool             // every answer so far says that it was not
}

func newSoak(t *testing.T, seed uint64, variant string) *soak {
	t.Helper()
	s := &soak{
		t: t, seed: seed, rand: rand.New(rand.NewPCG(seed, 0)), store: newFaulty(t),
		commits: map[message.ID]int{}, undone: map[message.ID]int{},
	}
	s.booms.Store(true)
	switch variant {
	case "callbacks":
		s.define = func(d *aggregate.Definition[tally]) {
			d.OnCommit(s.note(s.commits)).OnRollback(s.note(s.undone))
		}
	case "state":
		s.define = stateBased
	}
	faults := rand.New(rand.NewPCG(seed, 1))
	s.store.disturb(func(op string) fate { return chaos(faults, op) })
	return s
}

func (s *soak) note(counts map[message.ID]int) func(context.Context, *aggregate.Message[tally], tally) {
	return func(_ context.Context, m *aggregate.Message[tally], _ tally) {
		s.mu.Lock()
		defer s.mu.Unlock()
		counts[m.ID()]++
	}
}

// run lets all loose, then lets the store heal, and compares what was told with
// what is stored.
func (s *soak) run() {
	s.start()
	over := make(chan struct{})
	var callers, keeper sync.WaitGroup
	keeper.Go(func() { s.keep(over) })
	for c := range soakCallers {
		callers.Go(func() { s.call(c, rand.New(rand.NewPCG(s.seed, uint64(2+c)))) })
	}
	callers.Wait()
	close(over)
	keeper.Wait()
	s.store.heal()
	r := s.rig.Load()
	if _, err := r.host.Acquire(context.Background(), allSlots()); err != nil {
		r = s.replace()
		r.acquire(allSlots()...)
	}
	time.Sleep(memoryOfTrouble)
	s.check(r)
}

// chaos is the fate of one call of the store.
func chaos(r *rand.Rand, op string) (is fate) {
	roll := r.IntN(100)
	if r.IntN(20) == 0 {
		is.wait = time.Duration(r.IntN(200)) * time.Millisecond
	}
	fault := func(f fate) fate { f.wait = is.wait; return f }
	switch op {
	case opAppend:
		switch {
		case roll < 5:
			return fault(lost(true))
		case roll < 9:
			return fault(lost(false))
		case roll < 13:
			return fault(late())
		case roll < 17:
			return fault(refused())
		}
	case opAcquire, opRelease:
		switch {
		case roll < 10:
			return fault(lost(roll%2 == 0))
		case roll < 15:
			return fault(refused())
		}
	case opRaise:
		switch {
		case roll < 10:
			return fault(lost(roll%2 == 0))
		case roll < 20:
			return fault(refused())
		}
	case opVerify, opLog:
		if roll < 15 {
			return fault(refused())
		}
	case opLoad, opRead, opErase, opPending:
		if roll < 5 {
			return fault(refused())
		}
	}
	return is
}

// start brings a host up, on the same store as the one before.
func (s *soak) start() *rig {
	for {
		s.members++
		r, err := tryRig(s.t, setup{
			store: s.store, member: store.MemberID(fmt.Sprintf("m%d", s.members)), define: s.define, booms: &s.booms,
			stream: func(st *Stream) { st.MaxActors, st.IdleAfter, st.Mailbox = 3, 300*time.Millisecond, 40 },
			config: func(c *Config) {
				c.Page, c.BatchCommands = 7, 5
				c.Blocking = s.seed%8 == 0
				if s.seed%3 == 0 {
					c.PendingBytes = 4000 // actors wait for room
				}
			},
			binding: func(b *handler.Binding) { b.SnapshotEvery, b.CommitTimeout = 6, 100*time.Millisecond },
		})
		if err == nil {
			s.rig.Store(r)
			return r
		}
	}
}

// replace fences the host off, which may have to find that out by itself.
func (s *soak) replace() *rig {
	r := s.rig.Load()
	if s.rand.IntN(2) == 0 {
		r.host.Stop()
	}
	if ok, err := s.store.Depose(context.Background(), store.Depose{Member: r.host.cfg.Member, Alone: true}); err != nil || !ok {
		s.t.Errorf("deposing: %v %v", ok, err)
	}
	s.sleep(100)
	r.host.Stop()
	return s.start()
}

// keep gives slots up and takes them, and replaces the host, until all callers
// have what they want.
func (s *soak) keep(over <-chan struct{}) {
	for {
		r := s.rig.Load()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		switch s.rand.IntN(30) {
		case 0:
			s.replace()
		case 1, 2, 3:
			_ = r.host.Release(ctx, allSlots()[:s.rand.IntN(testSlots)]) // it may fail
		default:
			_, err := r.host.Acquire(ctx, allSlots())
			if isFenced(err) {
				s.t.Errorf("fenced off by itself: %v", err)
			}
		}
		cancel()
		s.sleep(60)
		select {
		case <-over:
			return
		default:
		}
	}
}

func (s *soak) sleep(ms int) { time.Sleep(time.Duration(s.rand.IntN(ms)) * time.Millisecond) }

// call is one caller: it pipelines commands, and asks again, with the same ids,
// for those that nobody could answer.
func (s *soak) call(c int, rnd *rand.Rand) {
	var mine []*asked
	for n := range soakCommands {
		a := s.command(c, n, rnd, mine)
		mine = append(mine, a)
		s.mu.Lock()
		s.all = append(s.all, a)
		s.mu.Unlock()
	}
	for len(mine) > 0 {
		burst := mine[:min(len(mine), 1+rnd.IntN(12))]
		mine = mine[len(burst):]
		for len(burst) > 0 {
			var ps []*pending
			for _, a := range burst {
				ps = append(ps, s.ask(a, rnd))
			}
			var again []*asked
			for i, p := range ps {
				if !s.answered(burst[i], p.wait()) {
					again = append(again, burst[i])
				}
			}
			s.beside(rnd)
			burst = again
			time.Sleep(time.Duration(rnd.IntN(100)) * time.Millisecond)
		}
	}
}

// command draws a command; some repeat an earlier one, or its id.
func (s *soak) command(c, n int, rnd *rand.Rand, before []*asked) *asked {
	kinds := []string{doAdd, doAdd, doAdd, doAdd, doMany, doMany, doRecord, doRefuse, doLook, doPanic, doInvalid, doBadEvent}
	a := &asked{
		caller: c, n: n, id: message.ID(fmt.Sprintf("c%d-%d", c, n)), unstored: true,
		request: tell{ID: fmt.Sprint("id", rnd.IntN(soakIDs)), N: 1 + rnd.IntN(4), Do: kinds[rnd.IntN(len(kinds))]},
	}
	if rnd.IntN(60) == 0 {
		a.request.Do = doBoom
	}
	if s.isState() && a.request.Do == doBadEvent {
		a.request.Do = doAdd // no event of it is encoded
	}
	if len(before) > 0 && rnd.IntN(12) == 0 && !s.isState() {
		old := before[rnd.IntN(len(before))]
		return old // the very same
	}
	if rnd.IntN(15) == 0 {
		v := message.Version(rnd.IntN(20) - 1)
		a.expected = &v
	}
	a.stream = streamOf(a.request.ID)
	var err error
	if a.text, err = json.Marshal(a.request); err != nil {
		s.t.Fatal(err)
	}
	return a
}

func (s *soak) isState() bool { return s.rig.Load().core.StateBased }

// ask sends a command, and checks its answer against what the store has confirmed.
func (s *soak) ask(a *asked, rnd *rand.Rand) *pending {
	raw, err := message.JSONBody(a.text)
	if err != nil {
		s.t.Fatal(err)
	}
	m := message.NewWithID("tell", a.id, raw)
	m.Expected = a.expected
	a.attempts++
	// A first attempt is so for the first time, or when it was overtaken.
	m.FirstAttempt = a.attempts == 1 && rnd.IntN(2) == 0 || rnd.IntN(20) == 0
	ctx, cancel := context.Background(), context.CancelFunc(func() {})
	if rnd.IntN(5) == 0 {
		ctx, cancel = context.WithTimeout(ctx, time.Duration(1+rnd.IntN(300))*time.Millisecond)
	}
	r := s.rig.Load()
	p := r.pending(m)
	r.host.Serve(ctx, r.bind, m, func(got message.Response) {
		cancel()
		s.resting(a, got)
		p.reply(got)
	})
	return p
}

// resting fails the test if an answer rests on what the store has not confirmed.
func (s *soak) resting(a *asked, got message.Response) {
	v, id := message.NoVersion, message.ID("")
	switch r := got.(type) {
	case message.OK:
		if v = r.Version; a.request.Do != doLook {
			id = a.id
		}
	case message.WrongExpectedVersion:
		v = r.Current
	case message.DomainError:
		if v = seenVersion(r.Detail); r.Code == "recorded" {
			id = a.id
		}
	}
	if !s.store.durable(a.stream, v, id) {
		s.t.Errorf("%s %s: answered %#v, which is not known to be durable", a.id, a.text, got)
	}
}

// seenVersion is the least version at which so many events can have been applied.
func seenVersion(v message.Value) message.Version {
	var was seen
	if err := json.Unmarshal(v.JSON, &was); err != nil {
		return message.NoVersion
	}
	return message.Version(was.Told - 1)
}

// answered notes an answer and reports whether it is one that ends the asking.
func (s *soak) answered(a *asked, got message.Response) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch r := got.(type) {
	case message.OK:
		if a.request.Do != doLook {
			s.isFirst(a, got)
		}
		return true
	case message.DomainError:
		if r.Code == "recorded" {
			s.isFirst(a, got)
		}
		return true
	case message.OutcomeUnknown:
		a.unstored = false
		return false
	case message.ServiceUnavailable, message.ServiceTimeout, message.MailboxFull:
		return false
	case message.WrongExpectedVersion:
		if a.expected == nil {
			return false // an actor that was overtaken
		}
		return true
	case message.Crashed, message.ValidationError, message.StreamErased, message.Quarantined:
		return true
	}
	s.t.Errorf("%s %s: answered %#v", a.id, a.text, got)
	return true
}

// isFirst compares an answer with the first one of its id.
func (s *soak) isFirst(a *asked, got message.Response) {
	if a.first == nil {
		a.first = got
		return
	}
	is, _ := message.EncodeResponse(got)
	was, _ := message.EncodeResponse(a.first)
	if string(is) != string(was) {
		s.t.Errorf("%s %s: answered %s, first %s", a.id, a.text, is, was)
	}
}

// beside reads, unloads and deletes between bursts.
func (s *soak) beside(rnd *rand.Rand) {
	r, id := s.rig.Load(), fmt.Sprint("id", rnd.IntN(soakIDs))
	switch rnd.IntN(12) {
	case 0:
		r.startUnload(id).wait()
	case 1:
		p, _ := r.startRead(id)
		if ok, is := p.wait().(message.OK); is && !s.store.durable(streamOf(id), ok.Version, "") {
			s.t.Errorf("%s was read at version %d, which is not known to be durable", id, ok.Version)
		}
	case 2:
		if rnd.IntN(3) == 0 {
			r.startDelete(id, id == "id0" && rnd.IntN(3) == 0).wait()
		}
	}
}

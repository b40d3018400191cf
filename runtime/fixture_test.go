package runtime

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/handler"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

const (
	testSlots  = 16
	testStream = message.StreamName("tallies")
)

// rig is a host over a faulty store.
type rig struct {
	t     tb
	store *faulty
	host  *Host
	core  *aggregate.Core
	bind  *handler.Binding
	watch *watcher
	ids   atomic.Int64
}

// setup says what a rig is made of; the zero value is good for most tests.
type setup struct {
	define  func(*aggregate.Definition[tally])
	before  func(context.Context, *message.Message, tell) error
	booms   *atomic.Bool
	store   *faulty
	member  store.MemberID
	unowned bool // it acquires no slot
	hangs   bool // its host gives up when it stops
	stream  func(*Stream)
	config  func(*Config)
	binding func(*handler.Binding)
	loader  func(*loader) // before anything is loaded
}

func newRig(t tb, s setup) *rig {
	t.Helper()
	r, err := tryRig(t, s)
	if err != nil {
		t.Fatal(err)
	}
	if s.unowned {
		return r
	}
	if n, err := r.host.Acquire(context.Background(), allSlots()); err != nil || n != testSlots {
		t.Fatalf("acquired %d slots: %v", n, err)
	}
	return r
}

// tryRig makes a rig that has no slots yet.
func tryRig(t tb, s setup) (*rig, error) {
	t.Helper()
	r := &rig{t: t, store: s.store, watch: &watcher{}}
	if r.store == nil {
		r.store = newFaulty(t)
	}
	if s.member == "" {
		s.member = "m1"
	}
	var options []aggregate.CommandOption[tell]
	if s.before != nil {
		options = append(options, aggregate.Before(s.before))
	}
	d := tallies(s.booms, options...)
	if s.define != nil {
		s.define(d)
	}
	r.core = d.Core()
	ctx := context.Background()
	if _, err := r.store.Join(ctx, store.Member{ID: s.member, Writers: 2}, time.Second); err != nil {
		t.Fatal(err)
	}
	stream := Stream{Core: r.core}
	if s.stream != nil {
		s.stream(&stream)
	}
	cfg := Config{
		Store: r.store, Member: s.member, Slots: testSlots, Writers: 2, Streams: []Stream{stream},
		Logger: slog.New(slog.DiscardHandler), Observer: r.watch,
	}
	if s.config != nil {
		s.config(&cfg)
	}
	var err error
	if r.host, err = New(ctx, cfg); err != nil {
		return nil, err
	}
	if s.loader != nil {
		s.loader(r.host.loader)
	}
	t.Cleanup(func() {
		if r.host.Stop(); !s.hangs {
			r.checkRoom()
		}
	})
	metadata, err := handler.NewMetadata(map[string]string{"app": "1"})
	if err != nil {
		t.Fatal(err)
	}
	r.bind = &handler.Binding{
		Service: "tell", Core: r.core, Command: r.core.Command("tell"), On: handler.MaybeNew,
		IDField: "id", CommitTimeout: 5 * time.Second, Metadata: metadata,
	}
	if s.binding != nil {
		s.binding(r.bind)
	}
	return r, nil
}

// checkRoom fails the test unless all room for what is not durable is free, as it is
// when nothing is under way: no byte of it was kept, and none was given back twice. Nor
// is an actor kept of a slot that was given up.
func (r *rig) checkRoom() {
	r.t.Helper()
	for _, c := range r.host.committers {
		c.mu.Lock()
		parked := len(c.parked)
		c.mu.Unlock()
		if n := c.bytes.Load(); n != 0 || parked != 0 || c.waiting.Load() != 0 {
			r.t.Errorf("writer %d: %d bytes of room are taken, %d actors are parked", c.id, n, parked)
		}
	}
	for i := range r.host.slots {
		s := &r.host.slots[i]
		s.mu.Lock()
		if n := len(s.orphans); n != 0 {
			r.t.Errorf("slot %d: %d actors of terms that are over are kept", i, n)
		}
		s.mu.Unlock()
	}
}

// blocking has a rig decide on durable state only.
func blocking(c *Config) { c.Blocking = true }

func allSlots() []ring.Slot {
	all := make([]ring.Slot, testSlots)
	for i := range all {
		all[i] = ring.Slot(i)
	}
	return all
}

func slotOf(id string) ring.Slot { return ring.SlotOf(streamOf(id), testSlots) }

func streamOf(id string) message.Stream { return testStream.Of(message.AggregateID(id)) }

// message makes a message with an id of its own.
func (r *rig) message(id, do string, n int) *message.Message {
	r.t.Helper()
	return r.messageWith(message.ID(fmt.Sprintf("msg-%s-%d", r.host.cfg.Member, r.ids.Add(1))), id, do, n)
}

func (r *rig) messageWith(mid message.ID, id, do string, n int) *message.Message {
	r.t.Helper()
	text, err := json.Marshal(tell{ID: id, N: n, Do: do})
	if err != nil {
		r.t.Fatal(err)
	}
	raw, err := message.JSONBody(text)
	if err != nil {
		r.t.Fatal(err)
	}
	return message.NewWithID("tell", mid, raw)
}

// about makes a message of reads, deletions and unloadings.
func (r *rig) about(service message.ServiceName, id string) *message.Message {
	m := message.NewWithID(service, message.ID(fmt.Sprintf("%s-%s-%d", service[1:], r.host.cfg.Member, r.ids.Add(1))), message.Body{})
	m.Aggregate.Stream, m.Aggregate.ID = testStream, message.AggregateID(id)
	return m
}

// pending is an answer that has not come yet.
type pending struct {
	t      tb
	what   string
	answer chan message.Response
	times  atomic.Int32
}

// reply takes the answer, of which there must be one.
func (p *pending) reply(r message.Response) {
	if p.times.Add(1) > 1 {
		p.t.Errorf("%s: answered twice, now with %#v", p.what, r)
		return
	}
	p.answer <- r
}

// wait returns the answer. No answer for a minute is none at all.
func (p *pending) wait() message.Response {
	p.t.Helper()
	timer := time.NewTimer(time.Minute)
	defer timer.Stop()
	select {
	case r := <-p.answer:
		return r
	case <-timer.C:
		p.t.Fatalf("%s: no answer", p.what)
		return nil
	}
}

// open fails the test if the answer is there already.
func (p *pending) open() {
	p.t.Helper()
	if n := p.times.Load(); n != 0 {
		p.t.Errorf("%s: answered already, with %#v", p.what, <-p.answer)
	}
}

func (r *rig) pending(m *message.Message) *pending {
	return &pending{t: r.t, what: fmt.Sprintf("%s %s %s", m.Service, m.ID, m.Raw.JSON()), answer: make(chan message.Response, 1)}
}

// start serves a message and does not wait.
func (r *rig) start(ctx context.Context, m *message.Message) *pending {
	p := r.pending(m)
	r.host.Serve(ctx, r.bind, m, p.reply)
	return p
}

func (r *rig) send(id, do string, n int) *pending {
	r.t.Helper()
	return r.start(context.Background(), r.message(id, do, n))
}

// tell serves a command and waits.
func (r *rig) tell(id, do string, n int) message.Response {
	r.t.Helper()
	return r.send(id, do, n).wait()
}

// add is a tell that has to be accepted.
func (r *rig) add(id string, n int) message.OK {
	r.t.Helper()
	return accepted(r.t, r.tell(id, doAdd, n))
}

func (r *rig) again(mid message.ID, id, do string, n int) message.Response {
	r.t.Helper()
	return r.start(context.Background(), r.messageWith(mid, id, do, n)).wait()
}

func (r *rig) startRead(id string) (*pending, *tally) {
	m, out := r.about("$read", id), new(tally)
	p := r.pending(m)
	r.host.Read(context.Background(), m, func(v handler.View) message.Response {
		if !v.Exists {
			return message.NotFound{Stream: testStream, ID: m.Aggregate.ID}
		}
		*out = *v.State.(*tally)
		return message.OK{Version: v.Version, HasVersion: true}
	}, p.reply)
	return p, out
}

// read returns the state of an aggregate that exists.
func (r *rig) read(id string) (tally, message.Version) {
	r.t.Helper()
	p, out := r.startRead(id)
	v := accepted(r.t, p.wait()).Version
	return *out, v
}

func (r *rig) startDelete(id string, hard bool) *pending {
	m := r.about("$delete", id)
	p := r.pending(m)
	r.host.Delete(context.Background(), m, hard, p.reply)
	return p
}

func (r *rig) startUnload(id string) *pending {
	m := r.about("$unload", id)
	p := r.pending(m)
	r.host.Unload(context.Background(), m, p.reply)
	return p
}

// unload drops an aggregate and reports whether it was in memory.
func (r *rig) unload(id string) bool {
	r.t.Helper()
	return string(accepted(r.t, r.startUnload(id).wait()).Value.JSON) == "true"
}

// actors returns how many actors are in the maps, loaded or not, and how many
// entries the unloader's heap has.
func (r *rig) actors() (mapped, planned int) {
	r.host.eachActor(func(*actor) { mapped++ })
	r.host.unloader.mu.Lock()
	defer r.host.unloader.mu.Unlock()
	return mapped, len(r.host.unloader.heap)
}

// events returns what is stored of an aggregate.
func (r *rig) events(id string) []store.Event {
	r.t.Helper()
	events, err := r.store.Store.ReadStream(context.Background(), streamOf(id), 0, 1<<20)
	if err != nil {
		r.t.Fatal(err)
	}
	return events
}

// accepted returns an OK, and fails the test on anything else.
func accepted(t tb, got message.Response) message.OK {
	t.Helper()
	return is[message.OK](t, got)
}

// is returns the answer as the kind that it has to be.
func is[R message.Response](t tb, got message.Response) R {
	t.Helper()
	r, ok := got.(R)
	if !ok {
		t.Fatalf("answered %#v, want a %T", got, r)
	}
	return r
}

func at(t tb, got message.Response, v message.Version) {
	t.Helper()
	if ok := accepted(t, got); ok.Version != v || !ok.HasVersion {
		t.Errorf("answered version %d, want %d", ok.Version, v)
	}
}

// watcher notes what a host tells its observer.
type watcher struct {
	mu                                         sync.Mutex
	loaded, unloaded, handled, timeouts, wrote int
}

func (w *watcher) note(n *int, by int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	*n += by
}

func (w *watcher) ActorLoaded(message.StreamName) { w.note(&w.loaded, 1) }

func (w *watcher) ActorUnloaded(message.StreamName) { w.note(&w.unloaded, 1) }

func (w *watcher) CommandHandled(*message.Message, message.Response, time.Duration) {
	w.note(&w.handled, 1)
}

func (w *watcher) CommitTimeout(*message.Message) { w.note(&w.timeouts, 1) }

func (w *watcher) Committed(_, events int, _ time.Duration) { w.note(&w.wrote, events) }

func (w *watcher) count(n *int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return *n
}

func ringSlots(slots ...ring.Slot) []ring.Slot { return slots }

// tb is what a test or a property gives to the fixture.
type tb interface {
	Helper()
	Cleanup(func())
	Error(args ...any)
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

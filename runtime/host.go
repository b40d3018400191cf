package runtime

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	goruntime "runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/handler"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// ErrStopped is the error of a host that is stopped.
var ErrStopped = errors.New("the host is stopped")

// Host holds the actors of one member. It is safe for concurrent use.
type Host struct {
	cfg    Config
	log    *slog.Logger
	hosted map[message.StreamName]*hosted
	slots  []slot

	workers    *workers
	loader     *loader
	committers []*committer
	unloader   *unloader
	eraser     *eraser

	ctx      context.Context // ends when the host stops; for callbacks
	cancel   context.CancelFunc
	endless  context.Context // for writes: what has begun is finished, what is decided while the host stops is committed
	before   sync.WaitGroup  // Before steps that run
	stopping atomic.Bool     // set before the slots are given up: none is taken again
	stopped  chan struct{}   // closed when all has ended
}

// hosted is a stream and how it is hosted.
type hosted struct {
	Stream
	core  *aggregate.Core
	live  atomic.Int64 // loaded actors
	bytes atomic.Int64 // their estimated size
}

// loaded counts an actor that came into memory, or, with -1, left it.
func (h *hosted) loaded(n, bytes int64) {
	h.live.Add(n)
	h.bytes.Add(bytes)
}

// crowded reports whether more is in memory than a share of the limits, in
// hundredths.
func (h *hosted) crowded(share int64) bool {
	return h.MaxActors > 0 && h.live.Load() > h.MaxActors*share/100 ||
		h.MemoryLimit > 0 && h.bytes.Load() > h.MemoryLimit/100*share
}

// slot holds the actors of one slot. While it is owned, actors has all of them;
// those that were busy when it was given up are on their own until their turn
// ends.
type slot struct {
	mu     sync.Mutex
	epoch  store.Epoch // at which it is owned; 0: it is not
	actors map[message.Stream]*actor
	busy   int       // actors that are in a turn, orphans too
	quiet  sync.Cond // busy has become 0
}

// start marks an actor as busy; the slot's mutex is held.
func (s *slot) start(a *actor) {
	a.busy = true
	s.busy++
}

// end is the reverse of start.
func (s *slot) end(a *actor) {
	a.busy, a.current = false, nil
	if s.busy--; s.busy == 0 {
		s.quiet.Broadcast()
	}
}

// wait returns when no actor of the slot is in a turn.
func (s *slot) wait() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.busy > 0 {
		s.quiet.Wait()
	}
}

// New starts a host. It owns no slot until Acquire.
func New(ctx context.Context, cfg Config) (*Host, error) {
	cfg.setDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	h := &Host{
		cfg: cfg, log: cfg.Logger.With("member", string(cfg.Member)),
		hosted: make(map[message.StreamName]*hosted, len(cfg.Streams)),
		slots:  make([]slot, cfg.Slots), stopped: make(chan struct{}),
	}
	for _, s := range cfg.Streams {
		h.hosted[s.Core.Stream] = &hosted{Stream: s, core: s.Core}
	}
	for i := range h.slots {
		h.slots[i].actors = make(map[message.Stream]*actor)
		h.slots[i].quiet.L = &h.slots[i].mu
	}
	h.endless = context.WithoutCancel(ctx)
	h.ctx, h.cancel = context.WithCancel(h.endless)
	h.workers = newWorkers(2*goruntime.GOMAXPROCS(0), h.step)
	for w := range cfg.Writers {
		c, err := newCommitter(ctx, h, store.WriterID(w))
		if err != nil {
			h.Stop()
			return nil, err
		}
		h.committers = append(h.committers, c)
	}
	h.loader = newLoader(h)
	h.unloader = newUnloader(h)
	h.eraser = newEraser(h)
	return h, nil
}

// Stop ends the host: what was decided is committed and answered, everything
// else is answered as unavailable. It waits for all of its goroutines, and for
// the turns that callers of Serve drive.
func (h *Host) Stop() {
	if h.stopping.Swap(true) {
		<-h.stopped
		return
	}
	defer close(h.stopped)
	for i := range h.slots {
		h.disown(ring.Slot(i))
	}
	h.cancel()
	h.before.Wait()
	for i := range h.slots {
		h.slots[i].wait() // turns need everything that follows
	}
	for _, c := range h.committers {
		c.stop()
	}
	if h.unloader != nil {
		h.loader.stop()
		h.unloader.stop()
		h.eraser.stop()
	}
	h.workers.close()
}

// Acquire takes those of the slots that are free, and serves them from now on.
// It returns how many of them it serves. If ctx ends first they may be taken
// and served later.
func (h *Host) Acquire(ctx context.Context, slots []ring.Slot) (int, error) {
	got := 0
	for w, mine := range h.byWriter(slots) {
		if len(mine) == 0 {
			continue
		}
		n, err := h.committers[w].acquire(ctx, mine)
		if err != nil {
			return got, fmt.Errorf("acquire %d slots: %w", len(mine), err)
		}
		got += n
	}
	return got, nil
}

// own serves a slot from now on, unless the host stops.
func (h *Host) own(c store.Claim) {
	s := &h.slots[c.Slot]
	s.mu.Lock()
	defer s.mu.Unlock()
	if !h.stopping.Load() {
		s.epoch = c.Epoch
	}
}

// Release stops serving the slots at once, and gives them up in the store once
// what was decided is durable. After an error, or if ctx ends first, the store
// may still have them as this member's for some time; calling it again is safe.
func (h *Host) Release(ctx context.Context, slots []ring.Slot) error {
	for w, mine := range h.byWriter(slots) {
		for _, s := range mine {
			h.disown(s)
		}
		if len(mine) == 0 {
			continue
		}
		if err := h.committers[w].release(ctx, mine); err != nil {
			return fmt.Errorf("release %d slots: %w", len(mine), err)
		}
	}
	return nil
}

// Owned returns how many slots the host serves.
func (h *Host) Owned() int {
	n := 0
	for i := range h.slots {
		h.slots[i].mu.Lock()
		if h.slots[i].epoch != 0 {
			n++
		}
		h.slots[i].mu.Unlock()
	}
	return n
}

// Actors returns how many aggregates are in memory, and their estimated bytes.
func (h *Host) Actors() (n, bytes int64) {
	for _, one := range h.hosted {
		n += one.live.Load()
		bytes += one.bytes.Load()
	}
	return n, bytes
}

// Epoch returns the epoch at which the host owns a slot; 0 if it does not.
func (h *Host) Epoch(id ring.Slot) store.Epoch {
	s := &h.slots[id]
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.epoch
}

func (h *Host) committer(s ring.Slot) *committer {
	return h.committers[int(s)%len(h.committers)]
}

// byWriter groups slots by their writer, which is fixed for the life of a host.
func (h *Host) byWriter(slots []ring.Slot) [][]ring.Slot {
	out := make([][]ring.Slot, len(h.committers))
	for _, s := range slots {
		w := int(s) % len(out)
		out[w] = append(out[w], s)
	}
	return out
}

// disown stops serving a slot and answers what waits in its mailboxes. Actors
// that are in a turn end it on their own: what they hold may be outdated when
// the slot is served again, so they are never found again. Commands whose Before
// step runs are answered when it has ended, since it works on their messages.
func (h *Host) disown(id ring.Slot) {
	s := &h.slots[id]
	var waiting []*envelope
	s.mu.Lock()
	s.epoch = 0
	for _, a := range s.actors {
		for a.mail.count > 0 {
			if e := a.mail.pop(); e.ready {
				waiting = append(waiting, e)
			} else {
				e.refused = true
			}
		}
		if !a.busy {
			h.discard(s, a)
		} else {
			h.remove(s, a)
		}
	}
	s.mu.Unlock()
	for _, e := range waiting {
		e.answer(h.notOwned(e.message))
	}
}

func (h *Host) notOwned(m *message.Message) message.Response {
	return message.ServiceUnavailable{Service: m.Service, Reason: "this member does not serve the aggregate's slot now"}
}

// Serve runs a command. Reply is called exactly once, on any goroutine, and must
// not block. The message is the host's until then; afterwards the caller may read
// it, and must not change it, since callbacks of a command whose outcome was
// unknown at its commit timeout get it later. The deadline of ctx bounds when the
// command may start; once it has started it runs to its end.
func (h *Host) Serve(ctx context.Context, b *handler.Binding, m *message.Message, reply func(message.Response)) {
	if p := handler.Guard("read", func() { b.Open(m) }); p != nil {
		h.logPanic(m, p)
		m.Return(p.Response())
	}
	if m.Halted && (m.FirstAttempt || m.Aggregate.ID == "") {
		reply(m.Response)
		return
	}
	// A repeat is answered as it was the first time, whatever is said of it now.
	before := !m.Halted && b.Command.HasBefore()
	e := &envelope{work: runCommand, message: m, binding: b, reply: reply, ready: !before}
	if a := h.enqueue(ctx, e, b.Stream()); a != nil && before {
		h.runBefore(ctx, a, e)
	}
}

// runBefore runs the step that may do I/O beside the mailbox: the command keeps
// its place in it. Enqueue has counted it.
func (h *Host) runBefore(ctx context.Context, a *actor, e *envelope) {
	go func() {
		defer h.before.Done()
		ctx, cancel := h.bound(ctx)
		defer cancel()
		if p := handler.Guard("before", func() { e.binding.Command.RunBefore(ctx, e.message) }); p != nil {
			h.logPanic(e.message, p)
			e.message.Return(p.Response())
		}
		h.markReady(a, e)
	}()
}

// bound returns ctx, ended also when the host stops.
func (h *Host) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(h.ctx, cancel)
	return ctx, func() { stop(); cancel() }
}

// Read runs f on an aggregate in a turn of its own: on durable state that
// nobody else touches meanwhile. What f returns is replied; f must not keep the
// state.
func (h *Host) Read(ctx context.Context, m *message.Message, f func(handler.View) message.Response, reply func(message.Response)) {
	h.enqueue(ctx, &envelope{work: readState, message: m, read: f, reply: reply, ready: true}, m.Aggregate.Stream)
}

// Delete ends an aggregate: softly, or for ever if hard, which also blanks its
// payloads. It is a command: the message's id makes it happen once.
func (h *Host) Delete(ctx context.Context, m *message.Message, hard bool, reply func(message.Response)) {
	h.enqueue(ctx, &envelope{work: deleteStream, message: m, hard: hard, reply: reply, ready: true}, m.Aggregate.Stream)
}

// Unload drops an aggregate from memory, once what it has begun is done, and
// ends a quarantine. It replies OK, with the value true if it was in memory.
func (h *Host) Unload(ctx context.Context, m *message.Message, reply func(message.Response)) {
	h.enqueue(ctx, &envelope{work: unloadActor, message: m, reply: reply, ready: true}, m.Aggregate.Stream)
}

// enqueue puts an envelope into the mailbox of its actor, and drives the actor
// if it is idle. It returns nil if the envelope was answered instead.
func (h *Host) enqueue(ctx context.Context, e *envelope, name message.StreamName) *actor {
	hosted := h.hosted[name]
	if hosted == nil {
		e.answer(message.ServiceUnavailable{Service: e.message.Service, NoSuchService: true, Reason: fmt.Sprintf("this member hosts no stream %q", name)})
		return nil
	}
	e.arrived = time.Now()
	e.caller = ctx
	e.deadline, _ = ctx.Deadline()
	stream := name.Of(e.message.Aggregate.ID)
	id := ring.SlotOf(stream, len(h.slots))
	s := &h.slots[id]
	s.mu.Lock()
	a := s.actors[stream]
	switch {
	case s.epoch == 0:
		s.mu.Unlock()
		e.answer(h.notOwned(e.message))
		return nil
	case a == nil:
		a = &actor{hosted: hosted, stream: stream, slot: id, epoch: s.epoch}
		a.forget()
		s.actors[stream] = a
	case a.mail.count >= hosted.Mailbox:
		s.mu.Unlock()
		e.answer(message.MailboxFull{Stream: name, ID: e.message.Aggregate.ID, Limit: hosted.Mailbox})
		return nil
	}
	a.mail.push(e)
	a.used = e.arrived.UnixNano()
	if !e.ready {
		h.before.Add(1) // under the lock, so that Stop sees it or refuses the command
	}
	start := !a.busy && e.ready
	if start {
		s.start(a)
	}
	s.mu.Unlock()
	if start {
		h.drive(a, 1)
	}
	return a
}

// markReady lets an actor take a command whose Before step is done.
func (h *Host) markReady(a *actor, e *envelope) {
	s := &h.slots[a.slot]
	s.mu.Lock()
	e.ready = true
	refused := e.refused
	start := !refused && !a.busy && a.mail.head == e
	if start {
		s.start(a)
	}
	s.mu.Unlock()
	switch {
	case refused:
		e.answer(h.notOwned(e.message))
	case start:
		h.step(a)
	}
}

package runtime

import (
	"context"
	"fmt"
	"time"

	"github.com/ringhold/ringhold/handler"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
)

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

// Read runs f on an aggregate in a turn of its own: on a state that
// nobody else touches meanwhile. What f returns is replied, once all that it saw is
// durable; f must not keep the state, and runs again if a commit fails that it saw.
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
	e.size = envelopeBytes + int64(e.message.Raw.Size())
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
	case a == nil && h.open.Load()+e.size <= int64(h.cfg.OpenBytes):
		a = newActor(hosted, stream, id, s.epoch)
		s.actors[stream] = a
	case a == nil || a.mail.count >= hosted.Mailbox || h.open.Load()+e.size > int64(h.cfg.OpenBytes):
		s.mu.Unlock()
		e.answer(message.MailboxFull{Stream: name, ID: e.message.Aggregate.ID, Limit: hosted.Mailbox})
		return nil
	}
	e.open = &h.open
	h.open.Add(e.size)
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
		h.workers.do(a) // not here: an author's code may take long, and the caller reads a stream
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

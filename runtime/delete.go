package runtime

import (
	"sync"
	"time"

	"github.com/ringhold/ringhold/handler"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

// eraseChunk is how many rows one step of an erasure blanks.
const eraseChunk = 1000

// delete decides a deletion and hands its event to the committer.
func (h *Host) delete(a *actor, e *envelope) (waits bool) {
	m := e.message
	seen := a.version
	if !a.exists {
		seen = message.NoVersion
	}
	switch {
	case m.Expected != nil && *m.Expected != seen:
		e.answer(message.WrongExpectedVersion{Expected: *m.Expected, Current: seen})
		return false
	case !a.exists && !(e.hard && a.version >= 0): // a deleted one can still be erased
		e.answer(message.NotFound{Stream: a.hosted.core.Stream, ID: m.Aggregate.ID})
		return false
	case m.DryRun != message.Real:
		e.answer(message.OK{Version: seen, HasVersion: true})
		return false
	}
	tomb := store.TypeDeleted
	if e.hard {
		tomb = store.TypeErased
	}
	after := a.version + 1
	response := message.OK{Version: after, HasVersion: true}
	encoded, err := message.EncodeResponse(response)
	if err != nil {
		e.answer(message.Crashed{Reason: err.Error()})
		return false
	}
	command := &store.Command{Service: m.Service, Hash: m.Raw.Hash(), Response: encoded, Events: 1}
	e.commit = &commit{
		actor: a, envelope: e, stream: a.stream, slot: a.slot, expected: a.version, after: after,
		command: command, tomb: tomb, response: response,
		events: []store.Event{{
			Stream: a.stream, Version: after, Slot: a.slot, Type: tomb, Schema: 1,
			Data: []byte("{}"), Metadata: noMetadata.For(m), MessageID: m.ID, Command: command,
		}},
		deadline: time.Now().Add(handler.DefaultCommitTimeout), timeout: handler.DefaultCommitTimeout,
	}
	h.committer(a.slot).submit(e.commit)
	return true
}

// noMetadata makes the metadata of deletions: the ids only.
var noMetadata = func() *handler.Metadata {
	m, err := handler.NewMetadata(nil)
	if err != nil { // without entries there is nothing to refuse
		panic(err)
	}
	return m
}()

// deleted ends the turn of a deletion that is stored: the actor is gone.
func (h *Host) deleted(a *actor, e *envelope, c *commit) {
	h.drop(a)
	if c.tomb == store.TypeErased {
		h.eraser.add(a.stream)
	}
	e.answerAt(c.response, c.after)
}

// eraser blanks the payloads of erased streams, in chunks beside the appends.
// What a crash interrupts is found again at the next start.
type eraser struct {
	host *Host
	mu   sync.Mutex
	todo []message.Stream
	wake chan struct{}
	done chan struct{}
}

func newEraser(h *Host) *eraser {
	e := &eraser{host: h, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go e.run()
	return e
}

func (e *eraser) add(s message.Stream) {
	e.mu.Lock()
	e.todo = append(e.todo, s)
	e.mu.Unlock()
	signal(e.wake)
}

func (e *eraser) run() {
	defer close(e.done)
	e.resume()
	for {
		for e.one() {
		}
		select {
		case <-e.host.ctx.Done():
			return
		case <-e.wake:
		}
	}
}

// resume finds what an earlier process left.
func (e *eraser) resume() {
	pending, err := e.host.cfg.Store.PendingErasures(e.host.ctx, eraseChunk)
	if err != nil {
		if e.host.ctx.Err() == nil {
			e.host.log.Error("unfinished erasures cannot be listed", "error", err)
		}
		return
	}
	e.mu.Lock()
	e.todo = append(e.todo, pending...)
	e.mu.Unlock()
}

// one erases a chunk of one stream and reports whether there may be more to do.
func (e *eraser) one() bool {
	e.mu.Lock()
	if len(e.todo) == 0 {
		e.mu.Unlock()
		return false
	}
	s := e.todo[0]
	e.todo = e.todo[1:]
	e.mu.Unlock()
	if e.host.ctx.Err() != nil {
		return false
	}
	done, err := e.host.cfg.Store.Erase(e.host.ctx, s, eraseChunk)
	if err != nil && e.host.ctx.Err() == nil {
		e.host.log.Error("an erased stream still holds payloads, blanking them is tried again at the next erasure or start", "stream", string(s), "error", err)
		return true
	}
	if !done {
		e.add(s)
	}
	return true
}

// stop waits for the chunk that is being blanked.
func (e *eraser) stop() { <-e.done }

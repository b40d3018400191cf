package runtime

import (
	"github.com/ringhold/ringhold/handler"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

// delete decides a deletion and hands its event to the committer.
func (h *Host) delete(a *actor, e *envelope) (waits bool) {
	m := e.message
	seen := a.version
	if !a.exists {
		seen = message.NoVersion
	}
	refusal := reply{memory: true}
	switch {
	case m.Expected != nil && *m.Expected != seen:
		refusal.response = message.WrongExpectedVersion{Expected: *m.Expected, Current: seen}
	case !a.exists && !(e.hard && a.version >= 0): // a deleted one can still be erased
		refusal.response = message.NotFound{Stream: a.hosted.core.Stream, ID: m.Aggregate.ID}
	case m.DryRun != message.Real:
		refusal.response = message.OK{Version: seen, HasVersion: true}
	}
	if refusal.response != nil {
		h.answer(a, e, refusal)
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
		h.answer(a, e, reply{response: message.Crashed{Reason: err.Error()}})
		return false
	}
	command := &store.Command{Service: m.Service, Hash: m.Raw.Hash(), Response: encoded, Events: 1}
	c := &e.commit
	*c = commit{
		actor: a, envelope: e, stream: a.stream, slot: a.slot, expected: a.version, after: after,
		command: command, tomb: tomb, response: response, blocks: true, weight: c.weight,
		events: []store.Event{{
			Stream: a.stream, Version: after, Slot: a.slot, Type: tomb, Schema: 1,
			Data: []byte("{}"), Metadata: noMetadata.For(m), MessageID: m.ID, Command: command,
		}},
		deadline: e.began.Add(handler.DefaultCommitTimeout), timeout: handler.DefaultCommitTimeout,
	}
	return h.block(a, c)
}

// block hands a commit to the committer, and has the turn go on with its outcome.
func (h *Host) block(a *actor, c *commit) (waits bool) {
	a.phase = afterCommit
	h.submit(a, c)
	if h.await(a, 0) {
		return true
	}
	a.phase = takeNext
	h.committed(a, a.current) // it is done already
	return false
}

// headOnly finds out where a stream ends without loading it: for deleting an
// aggregate whose events cannot be applied. It reports whether the store
// answered.
func (h *Host) headOnly(a *actor, e *envelope) bool {
	id := string(e.message.Aggregate.ID)
	found, err := h.cfg.Store.ListStreams(h.ctx, store.StreamQuery{Name: a.hosted.core.Stream, Prefix: id, Limit: 1})
	if err != nil || len(found) == 0 || found[0].Stream != a.stream {
		return false
	}
	a.version, a.exists = found[0].Version, !found[0].Deleted
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
	a.trouble = nil // what could not be loaded is gone
	if c.tomb == store.TypeErased {
		signal(h.eraser.wake)
	}
	e.answerAt(c.response, c.after)
}

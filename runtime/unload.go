package runtime

import (
	"time"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/message"
)

// unloadRule says what a command's events and the state after them say about
// leaving memory. What the state says goes first. A rule that panics says
// nothing: the command is none the worse for it.
func (h *Host) unloadRule(a *actor, m *message.Message, events []aggregate.Pending, state any) (rule aggregate.Unload) {
	h.guarded(m, "unload rule", func() { rule = a.hosted.core.UnloadRule(state) })
	if rule != (aggregate.Unload{}) {
		return rule
	}
	soonest := time.Duration(-1)
	for _, event := range events {
		if in, ok := a.hosted.UnloadOn[event.Type()]; ok && (soonest < 0 || in < soonest) {
			soonest = in
			rule = aggregate.UnloadIn(in)
		}
	}
	return rule
}

// planUnload notes when a rule wants the actor out of memory; rest acts on it.
// The slot's mutex is held.
func (a *actor) planUnload(rule aggregate.Unload, now int64) {
	in, keep, decided := rule.When()
	if !decided {
		return
	}
	if a.unloadAt = 0; !keep {
		a.unloadAt = now + int64(in)
	}
}

// due returns when an idle actor is to leave memory: when a rule says so or when
// it has not been used for long, whichever is earlier; 0 is never. One that has
// nothing but its trouble is kept until that is forgotten.
func (a *actor) due() int64 {
	if a.trouble != nil && !a.exists {
		return a.trouble.forgotten.UnixNano()
	}
	due := a.unloadAt
	if idle := a.hosted.IdleAfter; idle > 0 && (due == 0 || a.used+int64(idle) < due) {
		due = a.used + int64(idle)
	}
	return due
}

// rest is called with the slot's mutex held when an actor is held no longer: it
// leaves memory if there is nothing to keep or if it is time.
func (h *Host) rest(s *slot, a *actor, now int64) {
	a.used = now
	switch due := a.due(); {
	case a.orphan:
		delete(s.orphans, a)
		h.drop(a)
	case a.mail.count > 0: // its head waits for a Before step
	case !a.exists && a.trouble == nil, due != 0 && due <= now:
		h.discard(s, a)
	default:
		if due != 0 {
			h.unloader.watch(a, due)
		}
		h.relieve(a.hosted)
	}
}

// remove takes an actor out of its slot; the slot's mutex is held.
func (h *Host) remove(s *slot, a *actor) {
	delete(s.actors, a.stream)
	if a.orphan = true; a.held() {
		if s.orphans == nil {
			s.orphans = make(map[*actor]struct{})
		}
		s.orphans[a] = struct{}{}
	}
	if a.watched != 0 {
		a.watched = 0
		h.unloader.forget(a)
	}
}

// discard removes an idle actor; the slot's mutex is held.
func (h *Host) discard(s *slot, a *actor) {
	h.drop(a)
	h.remove(s, a)
}

// leave unloads an actor if it is time, or has it looked at again.
func (h *Host) leave(a *actor, at, now int64) {
	s := &h.slots[a.slot]
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.watched != at {
		return // it is gone, or an earlier time was set since
	}
	a.watched = 0
	if a.held() || a.mail.count > 0 {
		return // it is looked at again when it becomes idle
	}
	switch due := a.due(); {
	case due == 0:
	case due <= now:
		h.discard(s, a)
	default:
		h.unloader.watch(a, due)
	}
}

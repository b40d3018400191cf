package runtime

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

func (s *soak) check(r *rig) {
	s.checkSlots()
	for n := range soakIDs {
		id := fmt.Sprint("id", n)
		log := s.readLog(id)
		s.checkFinal(r, id, log)
		for _, a := range s.all {
			if a.stream == streamOf(id) {
				log.check(s.t, a)
				s.checkCallbacks(log, a)
			}
		}
		s.checkOrder(log)
	}
	if n := r.host.Waiting(); n != 0 {
		s.t.Errorf("%d still wait", n)
	}
}

// checkCallbacks: what was answered at its only attempt had its callback once,
// and nothing that is stored by its only attempt was rolled back.
func (s *soak) checkCallbacks(l *soakLog, a *asked) {
	if len(s.commits) == 0 || a.attempts != 1 {
		return
	}
	_, stored := l.commands[a.id]
	commits, undone := s.commits[a.id], s.undone[a.id]
	if (a.first != nil) && commits != 1 || !stored && commits != 0 || commits > 1 || undone > 1 || stored && undone > 0 {
		s.t.Errorf("%s %s: stored: %v, %d commits, %d rollbacks", a.id, a.text, stored, commits, undone)
	}
}

func (s *soak) checkSlots() {
	for _, slot := range allSlots() {
		events, err := s.store.Store.ReadSlot(context.Background(), slot, 0, 1<<20)
		if err != nil {
			s.t.Fatal(err)
		}
		epoch := store.Epoch(0)
		for i := range events {
			if events[i].Offset != store.Offset(i) || events[i].Epoch < epoch {
				s.t.Errorf("slot %d has offset %d of epoch %d at %d, behind epoch %d", slot, events[i].Offset, events[i].Epoch, i, epoch)
			}
			epoch = events[i].Epoch
		}
	}
}

// logged is a command as it stands in the log, with the state before it.
type logged struct {
	first  message.Version
	events int
	before seen
}

// soakLog is what is stored of one aggregate.
type soakLog struct {
	stateBased, erased bool
	commands           map[message.ID]logged
	order              []message.ID
	state              tally
	exists             bool
	last               message.Version
	states             map[seen]bool // that it ever had
}

// readLog folds what is stored, without the runtime.
func (s *soak) readLog(id string) *soakLog {
	l := &soakLog{stateBased: s.isState(), commands: map[message.ID]logged{}, states: map[seen]bool{{}: true}, last: message.NoVersion}
	if l.stateBased {
		l.readState(s, id)
		return l
	}
	events, err := s.store.Store.ReadStream(context.Background(), streamOf(id), 0, 1<<20)
	if err != nil {
		s.t.Fatal(err)
	}
	for i := range events {
		ev := &events[i]
		if ev.Version != message.Version(i) {
			s.t.Errorf("%s: version %d stands at %d", id, ev.Version, i)
		}
		l.last = ev.Version
		if ev.MessageID != "" {
			if _, twice := l.commands[ev.MessageID]; twice {
				s.t.Errorf("%s: message %s is stored twice", id, ev.MessageID)
			}
			l.commands[ev.MessageID] = logged{first: ev.Version, before: seen{l.state.N, len(l.state.Told)}}
			l.order = append(l.order, ev.MessageID)
		}
		mid := l.order[len(l.order)-1]
		c := l.commands[mid]
		c.events++
		l.commands[mid] = c
		switch {
		case ev.Type == store.TypeErased:
			l.erased = true
		case ev.Type == store.TypeDeleted:
			l.state, l.exists = tally{}, false
		case ev.Data != nil:
			var e told
			if err := json.Unmarshal(ev.Data, &e); err != nil {
				s.t.Fatal(err)
			}
			l.state.N, l.exists = l.state.N+e.N, true
			l.state.Told = append(l.state.Told, e.By)
			if message.ID(e.By) != mid {
				s.t.Errorf("%s: an event of %s stands with message %s", id, e.By, mid)
			}
		}
		l.states[seen{l.state.N, len(l.state.Told)}] = true
	}
	return l
}

// readState takes the row of a state-based aggregate for its log.
func (l *soakLog) readState(s *soak, id string) {
	found, err := s.store.Store.Load(context.Background(), []store.LoadRequest{{Stream: streamOf(id), Hydrate: true}})
	if err != nil {
		s.t.Fatal(err)
	}
	l.erased, l.last = found[0].Erased, found[0].Deleted
	row := found[0].State
	if l.erased || row == nil {
		return
	}
	for _, p := range row.Recent {
		if _, twice := l.commands[p.MessageID]; twice {
			s.t.Errorf("%s: message %s is stored twice", id, p.MessageID)
		}
		l.commands[p.MessageID] = logged{events: p.Command.Events}
	}
	if row.Version > found[0].Deleted {
		l.last, l.exists = row.Version, true
		if err := json.Unmarshal(row.Data, &l.state); err != nil {
			s.t.Fatal(err)
		}
	}
}

// check compares what a caller was told of a command with the log.
func (l *soakLog) check(t *testing.T, a *asked) {
	c, stored := l.commands[a.id]
	if l.stateBased {
		forgotten := len(l.commands) == recentOfState
		if a.first != nil && !stored && !l.erased && !forgotten {
			t.Errorf("%s %s: answered %#v, and not stored", a.id, a.text, a.first)
		}
		return
	}
	if a.unstored && a.first == nil && stored {
		t.Errorf("%s %s: stored at version %d, although nobody was told so", a.id, a.text, c.first)
	}
	if a.first == nil {
		return
	}
	if !stored {
		t.Errorf("%s %s: answered %#v, and not stored", a.id, a.text, a.first)
		return
	}
	if want := map[string]int{doAdd: 1, doRecord: 1, doMany: a.request.N}[a.request.Do]; c.events != want {
		t.Errorf("%s %s: %d events are stored, want %d", a.id, a.text, c.events, want)
	}
	var was seen
	switch r := a.first.(type) {
	case message.OK:
		if r.Version != c.first+message.Version(c.events)-1 {
			t.Errorf("%s %s: answered version %d, stored at %d", a.id, a.text, r.Version, c.first)
		}
		_ = json.Unmarshal(r.Value.JSON, &was)
	case message.DomainError:
		_ = json.Unmarshal(r.Detail.JSON, &was)
	}
	if was != c.before && !l.erased {
		t.Errorf("%s %s: decided on %v, the log says %v", a.id, a.text, was, c.before)
	}
}

// checkOrder: what a caller sent first and was answered at its first attempt
// stands first.
func (s *soak) checkOrder(l *soakLog) {
	of := map[message.ID]*asked{}
	for _, a := range s.all {
		of[a.id] = a
	}
	last := map[int]int{}
	for _, mid := range l.order {
		a := of[mid]
		if a == nil || a.attempts != 1 || a.first == nil {
			continue
		}
		if last[a.caller] > a.n {
			s.t.Errorf("%s stands behind a later command of its caller", mid)
		}
		last[a.caller] = a.n
	}
}

// checkFinal compares the state that the host serves with the fold of the log.
func (s *soak) checkFinal(r *rig, id string, l *soakLog) {
	p, got := r.startRead(id)
	switch answer := p.wait().(type) {
	case message.StreamErased:
		if !l.erased {
			s.t.Errorf("%s is erased, the log says otherwise", id)
		}
	case message.NotFound:
		if l.exists {
			s.t.Errorf("%s is not there, the log says otherwise", id)
		}
	case message.OK:
		if l.erased || !l.exists || answer.Version != l.last || got.N != l.state.N || !slices.Equal(got.Told, l.state.Told) {
			s.t.Errorf("%s is %v at version %d, the log says %v at %d", id, *got, answer.Version, l.state, l.last)
		}
	default:
		s.t.Errorf("%s cannot be read: %#v", id, answer)
	}
}

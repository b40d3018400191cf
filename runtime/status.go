package runtime

import "time"

// Waiting returns how many envelopes wait in mailboxes.
func (h *Host) Waiting() int {
	n := 0
	h.eachActor(func(a *actor) { n += a.mail.count })
	return n
}

// Quarantined names the aggregates that are quarantined now.
func (h *Host) Quarantined() []string {
	now := time.Now()
	var out []string
	h.eachActor(func(a *actor) {
		if a.busy {
			return // its trouble belongs to the turn
		}
		if _, yes := a.quarantined(now); yes {
			out = append(out, string(a.stream))
		}
	})
	return out
}

// eachActor calls f for every actor, with the mutex of its slot held.
func (h *Host) eachActor(f func(*actor)) {
	for i := range h.slots {
		s := &h.slots[i]
		s.mu.Lock()
		for _, a := range s.actors {
			f(a)
		}
		s.mu.Unlock()
	}
}

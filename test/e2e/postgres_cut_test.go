package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/ringhold/ringhold/message"
)

// A connection is cut after each byte of an append that carries the events of
// four commands, one of them decided on what another one of the append will
// leave, and a refusal rests on it: each caller is told the truth once, and a
// repeat the same.
func TestPostgresCut_RequestAtEveryByte(t *testing.T) {
	r := newCutRig(t)
	total := r.everywhere(r.proxy.CutAfter)
	t.Logf("%d bytes, cut after each", total)
	if total < 500 {
		t.Errorf("%d bytes are not what four commands take", total)
	}
	r.check()
}

// The same with the answer: the append is stored.
func TestPostgresCut_AnswerAtEveryByte(t *testing.T) {
	r := newCutRig(t)
	total := r.everywhere(r.proxy.CutAnswerAfter)
	t.Logf("%d bytes, cut after each", total)
	r.check()
}

// Nothing is cut: the connection is silent, at bytes all over the append and
// behind its last. Callers with a commit timeout that ends before the store's
// are told that nobody knows, and learn it by a repeat.
func TestPostgresCut_Stalled(t *testing.T) {
	r := newCutRig(t)
	for _, at := range []func(total int) int{
		func(int) int { return 0 }, func(int) int { return 1 }, func(int) int { return 5 },
		func(total int) int { return total / 3 }, func(total int) int { return total / 2 },
		func(total int) int { return total - 1 }, func(total int) int { return total },
	} {
		for _, patience := range []time.Duration{5 * time.Second, 100 * time.Millisecond} {
			for range 2 { // the first append of a session proves more than later ones, and is longer
				r.batch(func(int) <-chan struct{} { return nil }, 0)
			}
			total := int(r.sent)
			n := at(total)
			r.bind.CommitTimeout = patience
			answers := r.batch(r.proxy.StallAfter, n)
			r.bind.CommitTimeout = 5 * time.Second
			unknown := 0
			for _, a := range answers {
				if _, is := a.response.(message.OutcomeUnknown); is {
					unknown++
				}
			}
			if met := isClosed(r.met); !met || (unknown > 0) != (patience < time.Second) {
				t.Errorf("stalled after %d of %d bytes: %v; %d callers with a patience of %v do not know", n, total, met, unknown, patience)
			}
			r.repeat(answers)
		}
	}
	r.check()
}

// everywhere cuts at 0, 1, 2, … until nothing is left to cut, and returns how
// many bytes were cut after.
func (r *cutRig) everywhere(cut func(int) <-chan struct{}) int {
	r.t.Helper()
	smaller := 0
	for n := 0; ; {
		answers := r.batch(cut, n)
		for _, a := range answers {
			if _, unknown := a.response.(message.OutcomeUnknown); unknown {
				r.t.Errorf("after byte %d %s is answered that nobody knows", n, a.id)
			}
		}
		met := isClosed(r.met)
		r.proxy.Heal()
		r.repeat(answers)
		switch {
		case r.events < cutEvents:
			// The append came before all had been decided: once more.
			if smaller++; smaller > 50 {
				r.t.Fatalf("%d appends had less than %d events", smaller, cutEvents)
			}
		case !met:
			return n - 1
		default:
			n++
		}
	}
}

// check holds the whole log against what was answered.
func (r *cutRig) check() {
	r.t.Helper()
	balances := map[string]int{}
	for _, e := range readLog(r.t, r.url) {
		answered, is := r.accepted[e.messageID]
		if !is || answered.Version != message.Version(e.version) {
			r.t.Errorf("%s is stored at version %d of %s, and was answered %v", e.messageID, e.version, e.stream, answered)
		}
		delete(r.accepted, e.messageID)
		var amount int
		if _, err := fmt.Sscanf(e.data, `{"amount":%d}`, &amount); err != nil {
			r.t.Fatalf("%s: %v", e.data, err)
		}
		balances[e.stream] += amount
	}
	if len(r.accepted) > 0 {
		r.t.Errorf("accepted and not stored: %v", r.accepted)
	}
	for id, want := range r.balances {
		if got := balances["accounts-"+id]; got != want {
			r.t.Errorf("%s has %d, %d were accepted", id, got, want)
		}
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

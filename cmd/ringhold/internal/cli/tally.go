package cli

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/ringhold/ringhold/client"
	"github.com/ringhold/ringhold/message"
)

// tally counts messages and their answers. It is safe for concurrent use.
type tally struct {
	mu        sync.Mutex
	began     time.Time
	took      time.Duration // 0 until finished
	sent      int           // taken for sending
	answered  int
	decided   int
	worst     int // exit code of the failures
	overtaken int
	kinds     map[kind]int
}

// kind is an answer's kind: its outcome, and the code of a domain refusal.
type kind struct{ outcome, code string }

func newTally() *tally { return &tally{kinds: map[kind]int{}} }

func (t *tally) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.began = time.Now()
}

func (t *tally) sending() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sent++
}

// unsent takes back what sending counted.
func (t *tally) unsent() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sent--
}

// count counts an answer; refused is nil for a success.
func (t *tally) count(a client.Answer, refused *client.Error) {
	response := a.Result.Response
	if refused != nil {
		response = refused.Response()
	}
	k := kind{outcome: response.Outcome()}
	if r, is := response.(message.DomainError); is {
		k.code = r.Code
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kinds[k]++
	if a.Overtaken {
		t.overtaken++
	}
	t.answered++
	switch {
	case decided(response):
		t.decided++
	case t.worst != exitUnanswered:
		t.worst = exitCode(response)
	}
}

func (t *tally) finish() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.took = time.Since(t.began)
}

// decided reports whether a message was decided: it was accepted, or refused by
// what its service or aggregate knows. With any other response it failed.
func decided(r message.Response) bool {
	switch r.(type) {
	case message.OK, message.Created, message.DomainError, message.ValidationError, message.MissingID, message.NotFound,
		message.WrongExpectedVersion, message.StreamErased, message.MessageIDReused:
		return true
	case message.ServiceUnavailable, message.ServiceTimeout, message.OutcomeUnknown, message.InvalidRequest,
		message.Unauthorized, message.Forbidden, message.MailboxFull, message.TooLarge, message.Quarantined,
		message.Crashed, message.NoNodesAvailable, message.TryAnotherNode, message.NotOwner, message.OutOfOrder:
		return false
	}
	return false
}

// totals is what a tally comes to.
type totals struct {
	messages  int
	accepted  int
	refused   int // decided otherwise
	failed    int // answered, but not decided
	worst     int // exit code of the failures
	missing   int // not answered: the command was interrupted
	overtaken int
	took      time.Duration
	kinds     map[kind]int
}

func (t *tally) totals() totals {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := totals{messages: t.sent, worst: t.worst, overtaken: t.overtaken, took: t.took, kinds: maps.Clone(t.kinds)}
	if out.took == 0 {
		out.took = time.Since(t.began)
	}
	for k, n := range t.kinds {
		if k.outcome == "ok" || k.outcome == "created" {
			out.accepted += n
		}
	}
	out.refused = t.decided - out.accepted
	out.failed = t.answered - t.decided
	out.missing = t.sent - t.answered
	return out
}

// perSecond is the rate of messages.
func (t totals) perSecond() float64 { return float64(t.messages) / max(t.took.Seconds(), 1e-9) }

// sorted returns the kinds: successes first, then by name.
func (t totals) sorted() []kind {
	order := map[string]int{"created": -2, "ok": -1}
	return slices.SortedFunc(maps.Keys(t.kinds), func(a, b kind) int {
		if d := order[a.outcome] - order[b.outcome]; d != 0 {
			return d
		}
		return compare(a, b)
	})
}

func compare(a, b kind) int {
	switch {
	case a.outcome+a.code < b.outcome+b.code:
		return -1
	case a.outcome+a.code > b.outcome+b.code:
		return 1
	}
	return 0
}

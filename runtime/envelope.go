package runtime

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/ringhold/ringhold/handler"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

// work is what an envelope asks of an actor.
type work int8

const (
	runCommand work = iota
	readState
	deleteStream
	unloadActor
)

// envelope is one entry of a mailbox.
type envelope struct {
	work    work
	message *message.Message
	binding *handler.Binding // of a command
	reply   func(message.Response)
	read    func(handler.View) message.Response // of a read
	hard    bool                                // of a deletion

	caller   context.Context // for its values only: it may have ended
	deadline time.Time       // zero: none
	arrived  time.Time
	began    time.Time // of its turn
	next     *envelope // in the mailbox; guarded by the slot

	// ready is false while the Before step of a command runs; guarded by the slot.
	ready bool
	// refused says that the slot was given up meanwhile; guarded by the slot.
	refused bool
	// orphaned says that its actor is an orphan, which begins nothing any more.
	orphaned bool
	// retried says that the id was found in the store although it was taken for new.
	retried bool
	// looked is the life of its actor in which its id was looked up; 0: it was not.
	// In another one that does not count. Found is what the store knew of it.
	looked uint32
	found  *store.Recorded
	// decided says that the command ran, which may have left its mark on the message.
	decided bool

	// sent says that its commit was handed to the committer, and may be stored.
	sent     atomic.Bool
	answered atomic.Bool
	size     int64
	open     *atomic.Int64 // the host's sum of the sizes of what is not answered; nil: not counted

	// What the loader and the committer found out; set before the actor is
	// handed on, read by its next step.
	loaded *store.Loaded
	err    error

	commit commit // what it came to; here so that it needs no allocation of its own
}

// answer replies once; later answers are dropped.
func (e *envelope) answer(r message.Response) {
	if e.claim() {
		e.reply(r)
	}
}

// claim takes the right to reply, which there is once.
func (e *envelope) claim() bool {
	if !e.answered.CompareAndSwap(false, true) {
		return false
	}
	if e.open != nil {
		e.open.Add(-e.size)
	}
	return true
}

// answerAt is answer with the version that the aggregate has after the command.
// Only who answers writes it: an earlier answer may be being read.
func (e *envelope) answerAt(r message.Response, v message.Version) {
	if e.claim() {
		e.message.Aggregate.Version = v
		e.reply(r)
	}
}

// renew makes a command as it was before it was decided.
func (e *envelope) renew() {
	e.sent.Store(false)
	if m := e.message; e.decided {
		e.decided, m.Halted, m.Valid, m.Response = false, false, true, nil
	}
}

// expired answers an envelope whose caller has stopped waiting: nothing of it
// must be started any more.
func (e *envelope) expired(now time.Time) bool {
	if e.deadline.IsZero() || now.Before(e.deadline) {
		return false
	}
	e.answer(message.ServiceTimeout{Service: e.message.Service, MessageID: e.message.ID, Timeout: e.deadline.Sub(e.arrived)})
	return true
}

// mailbox is a first-in first-out queue of envelopes; guarded by the slot.
type mailbox struct {
	head, tail *envelope
	count      int
}

func (q *mailbox) push(e *envelope) {
	if q.tail == nil {
		q.head = e
	} else {
		q.tail.next = e
	}
	q.tail = e
	q.count++
}

// each calls f for all that is in it.
func (q *mailbox) each(f func(*envelope)) {
	for e := q.head; e != nil; e = e.next {
		f(e)
	}
}

func (q *mailbox) pushFront(e *envelope) {
	e.next = q.head
	q.head = e
	if q.tail == nil {
		q.tail = e
	}
	q.count++
}

// insert is push for what came back from the committer, in the order in which it
// was decided: a commit may fail after one behind it.
func (q *mailbox) insert(e *envelope) {
	if q.tail == nil || q.tail.commit.seq < e.commit.seq {
		q.push(e)
		return
	}
	at := &q.head
	for (*at).commit.seq < e.commit.seq {
		at = &(*at).next
	}
	e.next, *at = *at, e
	q.count++
}

// prepend puts the envelopes of another mailbox in front, in their order.
func (q *mailbox) prepend(front *mailbox) {
	if front.count == 0 {
		return
	}
	front.tail.next = q.head
	if q.head = front.head; q.tail == nil {
		q.tail = front.tail
	}
	q.count += front.count
	*front = mailbox{}
}

func (q *mailbox) pop() *envelope {
	e := q.head
	q.head, e.next = e.next, nil
	if q.head == nil {
		q.tail = nil
	}
	q.count--
	return e
}

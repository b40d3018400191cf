package gateway

import (
	"math/rand/v2"
	"time"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
)

// Back-off between attempts that were refused.
const (
	firstRefusalPause = 20 * time.Millisecond
	maxRefusalPause   = 200 * time.Millisecond
	// maxQuick attempts in a row follow a refusal at once, since it said where to
	// go, or since somebody else owns the slot meanwhile. Two members that each
	// take the other one for the owner are not to be asked without end.
	maxQuick = 2
	// maxDetour is how long new messages follow those of the same aggregate that
	// are on their way to a member that is not the owner any more, before they wait
	// for those to be answered. So a busy aggregate moves too.
	maxDetour = 100 * time.Millisecond
)

// route is the way of one aggregate's messages, as long as any is unanswered. It
// is guarded by its shard.
//
// Messages stand in it in the order in which they arrived. As long as any is on
// its way, all further ones go the same way behind it, so that the member gets
// them in order. The way changes only when nothing is on it: the route holds,
// until all that was sent is answered or refused or lost, and then sends all
// that is left from the first one on, to whoever is the owner then.
type route struct {
	key        message.Stream
	slot       ring.Slot
	slotted    bool // slot is known
	head, tail *entry
	flying     int   // entries that are in a parcel
	link       *link // where those go

	holding bool      // nothing more is given before flying is 0
	resting bool      // nothing is flying, and all waits for due or for another table
	at      int       // its place among the resting
	due     time.Time // when to try again; zero: with another table

	denied  bool          // something was refused since it was sent
	refused *link         // who has refused it, unless for the order alone
	hint    ring.MemberID // whom that member took for the owner
	quick   int           // attempts that followed a refusal at once
	pause   time.Duration // the last one; 0: none
	detour  time.Time     // since when link is not the owner's any more
}

func (rt *route) append(e *entry) {
	e.route = rt
	if rt.tail == nil {
		rt.head, rt.tail = e, e
		return
	}
	e.before, rt.tail.after, rt.tail = rt.tail, e, e
}

func (rt *route) remove(e *entry) {
	if e.before == nil {
		rt.head = e.after
	} else {
		e.before.after = e.after
	}
	if e.after == nil {
		rt.tail = e.before
	} else {
		e.after.before = e.before
	}
	e.before, e.after = nil, nil
}

// predecessor is the newest unanswered message before e that came on the same
// stream. Calls of their own have none: they have no order.
func (rt *route) predecessor(e *entry) *entry {
	stream := e.caller()
	if stream == nil {
		return nil
	}
	for p := e.before; p != nil; p = p.before {
		if p.caller() == stream {
			return p
		}
	}
	return nil
}

// charged counts the messages whose next attempt is one too many.
func (rt *route) charged() (n int) {
	for e := rt.head; e != nil; e = e.after {
		if e.sent && !e.free {
			n++
		}
	}
	return n
}

// backOff returns how long to wait before the next attempt, each time about
// twice as long.
func (rt *route) backOff() time.Duration {
	rt.pause = min(max(2*rt.pause, firstRefusalPause), maxRefusalPause)
	spread := rt.pause/2 + rand.N(rt.pause)
	return min(max(spread, firstRefusalPause), maxRefusalPause)
}

// settled forgets refusals, when a member has run a message, unless they are
// still to be followed.
func (rt *route) settled() {
	if rt.denied {
		return
	}
	rt.refused, rt.hint, rt.quick, rt.pause = nil, "", 0, 0
}

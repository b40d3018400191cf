package store

import (
	"context"
	"time"

	"github.com/ringhold/ringhold/ring"
)

// Member is a row of the members of a group.
type Member struct {
	ID      MemberID
	PodUID  string // empty outside Kubernetes; an empty one matches nothing
	Address string // where the other members reach it
	Writers int    // how many writers it has; each gets a fence row

	// What follows is the store's; Join ignores it.
	JoinedAt   time.Time
	LeaseUntil time.Time
	Leaving    bool
	Deposed    bool
}

// Renewal is the store's answer to a renewed lease.
type Renewal struct {
	Now         time.Time   // the store's clock
	LeaseUntil  time.Time   // Now plus the lease
	Incarnation string      // changes exactly when commits may have been lost
	Slots       int         // how many slots the member owns in the store
	EpochSum    int64       // the sum of their epochs
	RingVersion ring.Number // of the newest stored ring
	// Membership tells whether the members have changed since an earlier renewal.
	Membership MembershipVersion
}

// MembershipVersion grows each time that a member of a group joins, begins to leave or
// is deposed, and when the store may have lost commits, so that who has seen the
// members at one version need not read them again before there is another one: what
// Members returns after a renewal is of its version or newer. It is at least the
// store's clock at the change, in microseconds, so that a version that was lost is not
// given again. On a clock that is behind, the next one may then be a lower one: look
// whether it is another one, not whether it is higher.
type MembershipVersion int64

// Next is the version of a change at now, the store's clock.
func (v MembershipVersion) Next(now time.Time) MembershipVersion {
	return max(v+1, MembershipVersion(now.UnixMicro()))
}

// Depose asks to fence a member off.
type Depose struct {
	Member MemberID
	// Patience is how long after its lease a silent member is left alone.
	Patience time.Duration
	// Estimate is the store's time as the sender's own clock has it: what the
	// store said at its last renewal plus the monotonic time since.
	Estimate time.Time
	// Incarnation is the one under which the sender has renewed.
	Incarnation string
	// Alone says that no other process can be alive, because this one holds
	// the store's exclusive lock; lease, patience, estimate and incarnation are
	// then not looked at. A store without such a lock refuses it with an error.
	Alone bool
}

// SlotRow is the ownership of a slot as the store has it.
type SlotRow struct {
	Slot  ring.Slot
	Owner MemberID // empty: nobody
	Epoch Epoch
}

// Ring is a stored ring. One without a body is left behind by [Discarder]: the group
// has none, and the version of its next one goes on from there.
type Ring struct {
	Version ring.Number
	Body    []byte
}

// Empty reports whether the group has no ring: nobody serves it, or has imported
// anything into it that is still there.
func (r Ring) Empty() bool { return len(r.Body) == 0 }

// Membership is who may write. All times are the store's.
type Membership interface {
	// Join registers a new member and one fence row for each of its writers.
	// An id that was used is refused with ErrMemberExists as long as its row is there.
	// Behind Reap nobody knows of it any more and it is taken like any other one, with
	// generations that begin anew: what is still on its way from its first life could
	// pass for that of the second. So a start draws its id at random.
	Join(ctx context.Context, m Member, lease time.Duration) (Renewal, error)
	// Renew extends the lease of a member that is not deposed; a deposed or
	// unknown one gets a *FencedError. Leaving, once true, stays true.
	Renew(ctx context.Context, id MemberID, lease time.Duration, leaving bool) (Renewal, error)
	// Depose fences a member off and reports whether it is deposed now: false
	// means that it lives, or that the incarnation is another one. When it
	// returns true no append of that member commits any more. A member without
	// a row counts as deposed.
	Depose(ctx context.Context, d Depose) (bool, error)
	// Members returns all rows, deposed ones too, in order of id.
	Members(ctx context.Context) ([]Member, error)
	// Slots returns the rows of the slots that were ever acquired, in order.
	Slots(ctx context.Context) ([]SlotRow, error)
	// Reap removes the rows of the members that are deposed, own no slot and whose
	// lease ended more than age ago, and returns how many these were. Such a member
	// is refused for ever as it was before, now as one without a row.
	Reap(ctx context.Context, age time.Duration) (int, error)
	// SaveRing stores r if the newest stored ring has the version after (0: there is
	// none) and that of r is higher, and reports whether it did. Of several at once
	// with the same after, one is stored. Old rings are kept for a while, for people.
	SaveRing(ctx context.Context, r Ring, after ring.Number) (bool, error)
	// LoadRing returns the newest stored ring; Version 0 if there is none.
	LoadRing(ctx context.Context) (Ring, error)
}

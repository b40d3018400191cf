package lease

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/ringhold/ringhold/store"
)

// ProcessOf is the process of a member: what its id has behind the last dash,
// which all members of one start share.
func ProcessOf(id store.MemberID) string {
	return string(id[strings.LastIndexByte(string(id), '-')+1:])
}

// Rows is what the store says of a group at one moment.
type Rows struct {
	Members []store.Member
	// Owns says which members own slots.
	Owns map[store.MemberID]bool
}

// TakeOver decides what a process that has joined does about those that it
// finds in a group that one process serves. Each that is silent is deposed once
// its lease and the patience are over. One that is alive is left alone: of two
// that start at the same time the one that joined first stays.
type TakeOver struct {
	process string
	seen    map[store.MemberID]*sight
}

// sight is what was seen of the lease of another member.
type sight struct {
	until    time.Time // as it was seen last
	at       time.Time // when it was first seen like that, by the store's clock
	advances int       // how often it was seen to advance since it last fell
}

// alive is how many advances show that a member renews. One may be that of a
// process that is dead by now: its last renewal was under way.
const alive = 2

// NewTakeOver returns the decisions of a process.
func NewTakeOver(process string) *TakeOver {
	return &TakeOver{process: process, seen: map[store.MemberID]*sight{}}
}

// Decision is what to do now. With none of its fields set, and Done unset, there
// is nothing to do but to look again.
type Decision struct {
	// Rival is alive and stays: this process signs off and ends.
	Rival *store.Member
	// Fenced says that a member of this process is deposed itself.
	Fenced *store.Member
	// Depose asks to depose members whose silence has lasted.
	Depose []store.Depose
	// Waiting are those whose lease or patience is not over, or which live and
	// are about to end.
	Waiting []store.Member
	// Done says that nobody else is left: the slots can be taken.
	Done bool
}

// Observe decides on rows that were read after the process had joined.
func (t *TakeOver) Observe(now time.Time, run *Run, rows Rows) Decision {
	var d Decision
	for i := range rows.Members {
		m := &rows.Members[i]
		mine := ProcessOf(m.ID) == t.process
		if !mine {
			t.look(m, now, run)
		}
		switch {
		case mine && m.Deposed:
			return Decision{Fenced: m}
		case mine || m.Deposed:
		case t.stays(m, rows):
			return Decision{Rival: m}
		case t.silent(m, now, run):
			d.Depose = append(d.Depose, store.Depose{
				Member: m.ID, Patience: Patience, Estimate: run.Estimate(now), Incarnation: run.Incarnation(),
			})
		default:
			d.Waiting = append(d.Waiting, *m)
		}
	}
	d.Done = len(d.Depose) == 0 && len(d.Waiting) == 0
	return d
}

// stays reports whether a member is alive and goes before this process: it
// joined earlier, or its process holds slots already because it did not see this
// one when it looked.
func (t *TakeOver) stays(m *store.Member, rows Rows) bool {
	if m.Leaving || t.seen[m.ID].advances < alive {
		return false
	}
	return t.earlier(ProcessOf(m.ID), rows.Members) || serves(ProcessOf(m.ID), rows)
}

// look notes what is seen of a lease.
func (t *TakeOver) look(m *store.Member, now time.Time, run *Run) {
	s, estimate := t.seen[m.ID], m.LeaseUntil
	if run.Answered() {
		estimate = run.Estimate(now)
	}
	switch {
	case s == nil || m.LeaseUntil.Before(s.until): // a store that was restored forgets renewals
		t.seen[m.ID] = &sight{until: m.LeaseUntil, at: estimate}
	case m.LeaseUntil.After(s.until):
		s.until, s.at = m.LeaseUntil, estimate
		s.advances++
	}
}

// until is when a lease ends. One that nobody can have been granted by the clock of
// today was granted before the store's clock was set back: it counts as over when
// it was first seen, so that nobody waits for as long as the clock was set back.
func (t *TakeOver) until(m *store.Member) time.Time {
	s := t.seen[m.ID]
	if m.LeaseUntil.After(s.at.Add(2 * Length)) {
		return s.at
	}
	return m.LeaseUntil
}

// silent reports whether a member may be asked to be deposed. The store has the
// last word on it, by the row that renewals write.
func (t *TakeOver) silent(m *store.Member, now time.Time, run *Run) bool {
	return run.Lasts(now) && t.until(m).Add(Patience).Before(run.Estimate(now))
}

// earlier orders processes by when they joined; every process reads the same
// rows and so finds the same order.
func (t *TakeOver) earlier(process string, members []store.Member) bool {
	return cmp.Or(joined(process, members).Compare(joined(t.process, members)), cmp.Compare(process, t.process)) < 0
}

// joined is when the first member of a process joined.
func joined(process string, members []store.Member) time.Time {
	var first time.Time
	for i := range members {
		if at := members[i].JoinedAt; ProcessOf(members[i].ID) == process && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first
}

func serves(process string, rows Rows) bool {
	return slices.ContainsFunc(rows.Members, func(m store.Member) bool {
		return ProcessOf(m.ID) == process && rows.Owns[m.ID]
	})
}

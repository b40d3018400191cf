package shard

import (
	"context"
	"fmt"
	"time"

	"github.com/ringhold/ringhold/shard/internal/lease"
	"github.com/ringhold/ringhold/store"
)

// startPatience is how long a start goes on while the store does not answer.
const startPatience = 30 * time.Second

// look is how often a start looks whether those that it waits for are gone.
const look = 100 * time.Millisecond

// RivalError refuses to start: another process that is alive serves the group,
// or is about to.
type RivalError struct {
	Group  string
	Member store.MemberID
	// Process is what the other process says of itself.
	Process string
}

func (e *RivalError) Error() string {
	return fmt.Sprintf("group %s of this database is served by %s (member %s renews its lease), and one process serves a group: end that one first, or give this service a group of its own (spec.store.group)", e.Group, e.Process, e.Member)
}

// takenOverError ends a process whose members were deposed: it was silent for so
// long that another one could take the group over, or somebody deposed it.
type takenOverError struct {
	group string
	cause error
	by    string // what the other process says of itself; may be empty
}

func (e *takenOverError) Error() string {
	by := "nobody that is alive serves it now: start again"
	if e.by != "" {
		by = "now " + e.by + " serves it"
	}
	return fmt.Sprintf("this process does not own group %s any more: its leases were over for longer than %v, since it or the database was stopped or cut off, and it was deposed (%v): %s", e.group, lease.Patience, e.cause, by)
}

func (e *takenOverError) Unwrap() error { return e.cause }

// takeOver returns once no process but this one can write to the group: it
// deposes the members of processes that are gone, when their leases and the
// patience are over, and refuses when one is alive.
func (l *Local) takeOver(ctx context.Context) error {
	t := lease.NewTakeOver(l.life)
	told := map[store.MemberID]bool{}
	var failing time.Time // since when the store does not answer; zero: it does
	for {
		rows, err := l.rows(ctx)
		if err != nil {
			if err := l.bear(ctx, &failing, err); err != nil {
				return err
			}
			continue
		}
		d, remaining := l.keeper.decide(t, rows)
		switch {
		case d.Rival != nil:
			return &RivalError{Group: l.cfg.Plan.Group, Member: d.Rival.ID, Process: d.Rival.Address}
		case d.Fenced != nil:
			return l.takenOver(ctx, &store.FencedError{Member: d.Fenced.ID, Reason: "it is deposed"})
		case d.Done:
			return nil
		}
		l.tell(d.Waiting, told, remaining)
		gone, err := l.deposeSilent(ctx, d.Depose)
		if err != nil {
			if err := l.bear(ctx, &failing, err); err != nil {
				return err
			}
			continue
		}
		failing = time.Time{}
		if gone > 0 && len(d.Waiting) == 0 && gone == len(d.Depose) {
			continue
		}
		select {
		case <-l.keeper.fenced:
			return l.takenOver(ctx, l.keeper.cause)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(look):
		}
	}
}

// deposeSilent deposes members of processes that are gone, and says how many it did.
func (l *Local) deposeSilent(ctx context.Context, silent []store.Depose) (gone int, err error) {
	for _, one := range silent {
		done, err := l.cfg.Store.Depose(ctx, one)
		switch {
		case err != nil:
			return gone, fmt.Errorf("depose member %s of an earlier process: %w", one.Member, err)
		case done:
			gone++
			l.cfg.Logger.Info("a member of an earlier process is deposed", "member", string(one.Member))
		}
	}
	return gone, nil
}

// bear waits a moment after the store did not answer, or returns the error when it
// has not for too long.
func (l *Local) bear(ctx context.Context, failing *time.Time, err error) error {
	if failing.IsZero() {
		*failing = time.Now()
		l.cfg.Logger.Warn("the store does not answer a start, which tries again", "error", explainStore(err), "for", startPatience)
	}
	if time.Since(*failing) >= startPatience {
		return err
	}
	select {
	case <-l.keeper.fenced:
		return l.takenOver(ctx, l.keeper.cause)
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(look):
		return nil
	}
}

// rows reads who is there.
func (l *Local) rows(ctx context.Context) (lease.Rows, error) {
	members, err := l.cfg.Store.Members(ctx)
	if err != nil {
		return lease.Rows{}, err
	}
	slots, err := l.cfg.Store.Slots(ctx)
	if err != nil {
		return lease.Rows{}, err
	}
	rows := lease.Rows{Members: members, Owns: map[store.MemberID]bool{}}
	for _, s := range slots {
		rows.Owns[s.Owner] = true
	}
	return rows, nil
}

// tell says once of each process what is waited for, when its silence has lasted
// a little: one that is alive is about to be heard.
func (l *Local) tell(waiting []store.Member, told map[store.MemberID]bool, remaining time.Duration) {
	if lease.Length+lease.Patience+lease.Period-remaining < 2*lease.Period {
		return
	}
	for i := range waiting {
		m := &waiting[i]
		process := store.MemberID(lease.ProcessOf(m.ID))
		if told[process] || l.cfg.Say == nil {
			continue
		}
		told[process] = true
		l.cfg.Say(fmt.Sprintf("waiting for the lease of member %s, last renewed %s, of %s: it did not sign off; if it stays silent its slots are taken in %.1f s",
			m.ID, m.LeaseUntil.Add(-lease.Length).Format(time.DateTime), m.Address, remaining.Seconds()))
	}
}

// takenOver says who has the group now.
func (l *Local) takenOver(ctx context.Context, cause error) error {
	e := &takenOverError{group: l.cfg.Plan.Group, cause: cause}
	ctx, cancel := context.WithTimeout(ctx, lease.Length)
	defer cancel()
	rows, err := l.rows(ctx)
	if err != nil {
		return e // what matters is known
	}
	for i := range rows.Members {
		if m := &rows.Members[i]; !m.Deposed && lease.ProcessOf(m.ID) != l.life {
			e.by = m.Address
		}
	}
	return e
}

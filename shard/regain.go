package shard

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/shard/internal/lease"
)

const (
	// firstRegain is how soon slots that were lost are looked at.
	firstRegain = 10 * time.Millisecond
	// longestRegain is the longest pause between two looks.
	longestRegain = time.Second
)

// regainer takes slots again that a member should serve and does not: their
// claims were refused, or the store may have forgotten commits, so that nothing
// in memory is worth anything. A lost slot does not stay lost, however long the
// store is away.
type regainer struct {
	member *Member
	held   *held
	slots  []ring.Slot // that are the member's by the ring
	log    *slog.Logger

	trouble bool // run's own: it was told that slots are missing
}

// run looks after the slots until ctx ends. After failures it looks less often,
// but once a second at least.
func (r *regainer) run(ctx context.Context) {
	for wait := lease.Period; r.wait(ctx, wait); {
		whole, err := r.look(ctx)
		if whole {
			r.trouble, wait = false, lease.Period
			continue
		}
		wait = min(2*wait, longestRegain)
		if !r.trouble && ctx.Err() == nil {
			r.trouble = true
			if err == nil {
				err = errors.New("another process owns them")
			}
			r.log.Warn("slots that were lost are not regained yet", "error", explainStore(err))
		}
	}
}

// wait waits for the time of the next look, and returns false if there is none.
// Slots that were just lost are looked at soon, but not while earlier ones stay
// lost: that would be a loop without a pause.
func (r *regainer) wait(ctx context.Context, d time.Duration) bool {
	lost := r.held.lost
	if r.trouble {
		lost = nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-lost:
		return pause(ctx, firstRegain) == nil
	case <-ctx.Done():
		return false
	}
}

// look reports whether all of the slots are served. Without an error the store
// has another owner for what is not.
func (r *regainer) look(ctx context.Context) (whole bool, err error) {
	incarnation, outdated := r.held.renewed.Load(), r.held.outdated()
	if outdated {
		r.log.Warn("the store may have lost commits: all aggregates leave memory", "slots", len(r.slots))
		if err := r.member.host.Release(ctx, r.slots); err != nil {
			return false, err
		}
	}
	var missing []ring.Slot
	for _, s := range r.slots {
		if r.member.host.Epoch(s) == 0 {
			missing = append(missing, s)
		}
	}
	if len(missing) > 0 {
		got, err := r.member.host.Acquire(ctx, missing)
		if err != nil || got < len(missing) {
			return false, err
		}
		r.log.Info("slots that were lost are served again", "slots", got)
	}
	if outdated {
		r.held.lookedAt(incarnation)
	}
	return true, nil
}

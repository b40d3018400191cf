package shard

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ringhold/ringhold/shard/internal/lease"
	"github.com/ringhold/ringhold/store"
)

// keeper renews the leases of the members of this process, from their joining
// until they sign off, whether the store answers or not. One goroutine renews
// all of them, one behind the other.
type keeper struct {
	store   store.Store
	log     *slog.Logger
	members []*held
	leaving atomic.Bool
	fenced  chan struct{} // closed once the store said that one is deposed
	once    sync.Once
	cause   error // why; to be read once fenced is closed
	stop    context.CancelFunc
	stopped sync.WaitGroup
	failing string // why renewals fail, as it was told last; the goroutine's own

	mu  sync.Mutex
	run lease.Run // of the first member's renewals
}

// held is the lease of one member. It is safe for concurrent use.
type held struct {
	id          store.MemberID
	term        atomic.Pointer[lease.Term] // never changed once it stands there
	incarnation atomic.Pointer[string]     // under which the slots were acquired or looked at last
	renewed     atomic.Pointer[string]     // at the last renewal
	lost        chan struct{}              // holds one token once slots were lost
}

func newHeld(id store.MemberID, joined lease.Renewed) *held {
	h := &held{id: id, lost: make(chan struct{}, 1)}
	h.incarnation.Store(&joined.Incarnation)
	h.renew(joined)
	return h
}

// renew notes the incarnation first: no answer comes from memory by a lease that
// was granted by a store that may have forgotten what is in memory.
func (h *held) renew(n lease.Renewed) {
	h.renewed.Store(&n.Incarnation)
	term := *h.currentTerm()
	term.Renew(n.Sent)
	h.term.Store(&term)
}

func (h *held) currentTerm() *lease.Term {
	if t := h.term.Load(); t != nil {
		return t
	}
	return &lease.Term{}
}

// mayAnswer reports whether the member may answer from what it has in memory:
// its lease is not over, and the store is the one that its memory is of.
func (h *held) mayAnswer() bool { return !h.outdated() && !h.currentTerm().Over(time.Now()) }

// outdated reports whether the store may have lost commits since the slots were
// acquired.
func (h *held) outdated() bool { return *h.renewed.Load() != *h.incarnation.Load() }

// lookedAt says that the slots were acquired under an incarnation.
func (h *held) lookedAt(incarnation *string) { h.incarnation.Store(incarnation) }

// lose says that slots were lost.
func (h *held) lose() {
	select {
	case h.lost <- struct{}{}:
	default:
	}
}

// revoke ends the lease.
func (h *held) revoke() { h.term.Store(&lease.Term{}) }

func newKeeper(s store.Store, log *slog.Logger) *keeper {
	return &keeper{store: s, log: log, fenced: make(chan struct{})}
}

// join registers a member, whose lease is renewed from start on.
func (k *keeper) join(ctx context.Context, m store.Member) (*held, error) {
	n := lease.Renewed{Sent: time.Now()}
	var err error
	if n.Renewal, err = k.store.Join(ctx, m, lease.Length); err != nil {
		var unknown *store.UnknownOutcomeError
		if errors.As(err, &unknown) { // it may have joined: then somebody has to sign it off
			h := newHeld(m.ID, n)
			h.revoke()
			k.members = append(k.members, h)
		}
		return nil, err
	}
	n.Answered = time.Now()
	h := newHeld(m.ID, n)
	if len(k.members) == 0 {
		k.run.Renewed(n)
	}
	k.members = append(k.members, h)
	return h, nil
}

// start renews until the keeper signs off.
func (k *keeper) start(ctx context.Context) {
	ctx, k.stop = context.WithCancel(context.WithoutCancel(ctx))
	k.stopped.Go(func() {
		tick := time.NewTicker(lease.Period)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-k.fenced:
				return
			case <-tick.C:
				k.round(ctx)
			}
		}
	})
}

// round renews all leases. The members share a store: where one is not answered
// the others are left for the next round, so that it begins soon.
func (k *keeper) round(ctx context.Context) {
	for i, h := range k.members {
		n, err := k.renew(ctx, h.id)
		var fenced *store.FencedError
		switch {
		case err == nil:
			h.renew(n)
		case errors.As(err, &fenced):
			k.giveUp(err)
			return
		case ctx.Err() != nil:
			return
		default:
			k.failed(h.id, err)
			return
		}
		if i == 0 {
			k.goOn(n)
		}
	}
	if k.failing != "" {
		k.failing = ""
		k.log.Info("the leases are renewed again")
	}
}

func (k *keeper) renew(ctx context.Context, id store.MemberID) (lease.Renewed, error) {
	ctx, cancel := context.WithTimeout(ctx, lease.Length)
	defer cancel()
	n := lease.Renewed{Sent: time.Now()}
	var err error
	n.Renewal, err = k.store.Renew(ctx, id, lease.Length, k.leaving.Load())
	n.Answered = time.Now()
	return n, err
}

func (k *keeper) goOn(n lease.Renewed) {
	k.mu.Lock()
	broken := k.run.Renewed(n)
	k.mu.Unlock()
	if broken != "" {
		k.log.Warn("the renewals of the leases were interrupted", "reason", broken)
	}
}

func (k *keeper) failed(id store.MemberID, err error) {
	k.mu.Lock()
	k.run.Break()
	k.mu.Unlock()
	if text := explainStore(err).Error(); text != k.failing { // each reason once
		k.failing = text
		k.log.Warn("the leases cannot be renewed: until they are, commands are answered as unavailable", "member", string(id), "error", text)
	}
}

// giveUp ends all leases: what the process holds is not its own any more.
func (k *keeper) giveUp(cause error) {
	k.once.Do(func() {
		for _, h := range k.members {
			h.revoke()
		}
		k.cause = cause
		close(k.fenced)
	})
}

// decide lets a take-over look at rows in the light of the renewals so far.
func (k *keeper) decide(t *lease.TakeOver, rows lease.Rows) (lease.Decision, time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	return t.Observe(now, &k.run, rows), k.run.Remaining(now)
}

// signOff ends the memberships, so that the next start has nobody to wait for.
// The members answer nothing any more.
func (k *keeper) signOff(ctx context.Context) error {
	if k.stop != nil {
		k.stop()
	}
	k.stopped.Wait()
	for _, h := range k.members {
		h.revoke()
	}
	for _, h := range k.members {
		err := k.leave(ctx, h.id)
		if err != nil && pause(ctx, look) == nil { // one blip is no reason to have the next start wait
			err = k.leave(ctx, h.id)
		}
		if err != nil {
			return fmt.Errorf("sign off member %s, whose lease the next start waits for now: %w", h.id, err)
		}
	}
	return nil
}

// leave has a member deposed whose lease was ended by itself.
func (k *keeper) leave(ctx context.Context, id store.MemberID) error {
	r, err := k.store.Renew(ctx, id, 0, true)
	answered := time.Now()
	for err == nil {
		// A moment has to pass: a lease that ends now is not over yet.
		if err = pause(ctx, time.Millisecond); err != nil {
			break
		}
		var done bool
		done, err = k.store.Depose(ctx, store.Depose{Member: id, Estimate: r.Now.Add(time.Since(answered)), Incarnation: r.Incarnation})
		if done {
			return nil
		}
		if err == nil {
			r, err = k.store.Renew(ctx, id, 0, true)
			answered = time.Now()
		}
	}
	var fenced *store.FencedError
	if errors.As(err, &fenced) {
		return nil // it is deposed already
	}
	return err
}

// pause waits, or returns the error of a context that ends first.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

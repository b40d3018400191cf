package shard

import (
	"context"
	"errors"
	"fmt"

	"github.com/ringhold/ringhold/store"
)

// TakenOver is closed when the process does not own the group any more: its
// members are deposed. It is nil if nobody else can take it.
func (l *Local) TakenOver() <-chan struct{} {
	if l.keeper == nil {
		return nil
	}
	return l.keeper.fenced
}

// Cause says, once TakenOver is closed, what happened and who has the group now.
func (l *Local) Cause(ctx context.Context) error { return l.takenOver(ctx, l.keeper.cause) }

// Stop drains the members, marks them as gone in the store, and waits for all
// goroutines. The store stays open.
func (l *Local) Stop(ctx context.Context) error {
	var faults []error
	if l.keeper != nil {
		l.keeper.leaving.Store(true)
	}
	if l.regain != nil {
		l.regain()
	}
	l.regainers.Wait()
	for _, conn := range l.conns {
		faults = append(faults, conn.Close())
	}
	for _, m := range l.members {
		faults = append(faults, l.unlessTakenOver(m.Stop(ctx)))
	}
	left := l.signOff(ctx)
	l.serving.Wait()
	if left != nil && l.keeper != nil { // what else the store did not take says the same
		l.cfg.Logger.Debug("the members did not stop in order", "error", errors.Join(faults...))
		return &plainFault{text: "stopped without signing off, so the next start waits for the leases: " + explainStore(errors.Unwrap(left)).Error(), cause: left}
	}
	return errors.Join(append(faults, left)...)
}

// unlessTakenOver leaves errors of a group that is not the process's any more to
// what Cause says of it.
func (l *Local) unlessTakenOver(err error) error {
	select {
	case <-l.TakenOver():
		return nil
	default:
		return err
	}
}

func (l *Local) signOff(ctx context.Context) error {
	if l.keeper != nil {
		return l.keeper.signOff(ctx)
	}
	var faults []error
	for _, m := range l.members {
		if _, err := l.cfg.Store.Depose(ctx, store.Depose{Member: m.ID(), Alone: true}); err != nil {
			faults = append(faults, fmt.Errorf("sign off member %s: %w", m.ID(), err))
		}
	}
	return errors.Join(faults...)
}

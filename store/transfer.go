package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
)

// SlotHead is where a slot's log ends.
type SlotHead struct {
	Slot ring.Slot
	Head Head
}

// Exporter is what a store is asked for when a whole group is read. Each page
// is read by itself, without a transaction that is held open over all of them:
// one that is would keep a server from cleaning up for as long as an export
// takes. So the events up to Heads are those of one moment, since events never
// change; rows are it only while nobody writes.
type Exporter interface {
	// Heads returns the heads of the slots that have events, as they are at
	// one moment, in the order of slots.
	Heads(ctx context.Context) ([]SlotHead, error)
	// ReadSnapshots returns up to limit snapshots of the streams behind after,
	// in the order of their bytes, and none behind the last one.
	ReadSnapshots(ctx context.Context, after message.Stream, limit int) ([]Snapshot, error)
	// ReadStates is ReadSnapshots for the rows of state-based aggregates.
	ReadStates(ctx context.Context, after message.Stream, limit int) ([]State, error)
	// ReadAlarms returns up to limit alarms whose ids are behind after, in the
	// order of their bytes.
	ReadAlarms(ctx context.Context, after string, limit int) ([]Alarm, error)
}

// Importer is a [Writer] that also stores a log that was written elsewhere.
type Importer interface {
	// Import stores a or nothing. It proves what Append proves: fence, owner,
	// epoch and head of each claim. So a member that imports is as safe from
	// other members, and they from it, as one that appends. It differs in what
	// it stores:
	//
	//   - An event keeps its epoch, which is that of the slot's head or higher,
	//     and its RecordedAt, which may not be later than the store's clock:
	//     what is appended next has that. A slot whose last event has a higher epoch than
	//     the claim gets that epoch, as if it had been acquired as often: the
	//     next claim on the slot has it, and the next acquisition one more.
	//   - A stream's versions rise; they need not follow each other, since
	//     those of a state-based aggregate's deletions do not. Else
	//     *VersionConflictError, in which Expected is the version before the event.
	//   - A message id may stand without its command, as in a blanked row.
	//   - Data and Metadata that are nil are those of a blanked row.
	//   - States and snapshots replace what there is. They need neither events
	//     beside them nor, for snapshots, a claim.
	Import(ctx context.Context, a *Append) error
}

// Discard names what a [Discarder] removes, and who does it.
type Discard struct {
	Member MemberID
	Writer WriterID
	Gen    Generation
	// Ring is the version of the newest ring, by which the caller knows that the
	// group was never served.
	Ring ring.Number
	// Limit bounds the events of one call, where a call with more would last.
	Limit int
}

// Discarder is a [Writer] that removes a group into which an import was begun.
type Discarder interface {
	// Discard removes up to d.Limit events, in each slot the newest first, so that
	// what is left is the beginning of a log at any time. When none is left it
	// removes snapshots, states, alarms and erasures, stores an empty [Ring] of the
	// next version in place of the newest, and reports that it is done.
	// Who was a member and how often a slot was acquired stays known: it is by them
	// that a process which was stopped in the middle is refused when it goes on, and
	// epochs and ring versions never fall, whatever becomes of the events.
	// It proves member, writer and generation as Append does, and that the newest
	// ring is d.Ring, else ErrOtherRing.
	Discard(ctx context.Context, d Discard) (done bool, err error)
}

// ErrOtherRing is wrapped by the refusal to discard a group whose newest ring is
// another one than was said.
var ErrOtherRing = errors.New("the group has another ring by now")

// ValidateImport is Validate for what is handed to [Importer]. It looks at a
// alone.
func (a *Append) ValidateImport() error {
	claims := map[ring.Slot]Claim{}
	if err := a.claimed(claims); err != nil {
		return err
	}
	if err := a.validateImported(claims); err != nil {
		return err
	}
	for i := range a.States {
		if s := &a.States[i]; !has(claims, s.Slot) {
			return fmt.Errorf("import: the state of stream %q is in slot %d, which is not claimed", s.Stream, s.Slot)
		}
	}
	for i := range a.Alarms {
		if al := &a.Alarms[i]; !has(claims, al.Slot) {
			return fmt.Errorf("import: alarm %q is in slot %d, which is not claimed", al.ID, al.Slot)
		}
	}
	return nil
}

// validateImported moves the heads along the events.
func (a *Append) validateImported(claims map[ring.Slot]Claim) error {
	last := make(map[message.Stream]message.Version, len(a.Events))
	before := make(map[ring.Slot]*Event, len(claims))
	for i := range a.Events {
		e := &a.Events[i]
		c, ok := claims[e.Slot]
		was := before[e.Slot]
		switch v, seen := last[e.Stream]; {
		case !ok:
			return fmt.Errorf("import: an event of stream %q is in slot %d, which is not claimed", e.Stream, e.Slot)
		case e.Offset != c.Head.Offset+1:
			return fmt.Errorf("import: an event of stream %q has offset %d in slot %d, %d is the next one", e.Stream, e.Offset, e.Slot, c.Head.Offset+1)
		case e.Epoch < 1 || e.Epoch < c.Head.Epoch:
			return fmt.Errorf("import: the epoch of slot %d falls from %d to %d at offset %d", e.Slot, c.Head.Epoch, e.Epoch, e.Offset)
		case was != nil && e.RecordedAt.Before(was.RecordedAt):
			return fmt.Errorf("import: the time of slot %d falls from %s to %s at offset %d", e.Slot, was.RecordedAt, e.RecordedAt, e.Offset)
		case e.RecordedAt.IsZero():
			return fmt.Errorf("import: the event at offset %d of slot %d has no time", e.Offset, e.Slot)
		case e.Version < 0 || seen && e.Version <= v:
			return fmt.Errorf("import: stream %q goes from version %d to %d at offset %d of slot %d", e.Stream, v, e.Version, e.Offset, e.Slot)
		case e.MessageID == "" && e.Command != nil:
			return fmt.Errorf("import: event %d of stream %q has a command without a message id", e.Version, e.Stream)
		}
		last[e.Stream] = e.Version
		before[e.Slot] = e
		c.Head = Head{Offset: e.Offset, Epoch: e.Epoch}
		claims[e.Slot] = c
	}
	return nil
}

// ImportedClaims returns the claims as they are once a was imported: with the
// heads and epochs of its events.
func (a *Append) ImportedClaims() []Claim {
	claims := make([]Claim, len(a.Claims))
	at := make(map[ring.Slot]int, len(a.Claims))
	for i, c := range a.Claims {
		claims[i], at[c.Slot] = c, i
	}
	for i := range a.Events {
		e := &a.Events[i]
		c := &claims[at[e.Slot]]
		c.Head = Head{Offset: e.Offset, Epoch: e.Epoch}
		c.Epoch = max(c.Epoch, e.Epoch)
	}
	return claims
}

// CheckTimes reports the first event that was recorded after now, the store's
// time, or nil.
func (a *Append) CheckTimes(now time.Time) error {
	for i := range a.Events {
		if e := &a.Events[i]; e.RecordedAt.After(now) {
			return fmt.Errorf("import: the event at offset %d of slot %d was recorded at %s, but the store's clock says %s: set the clock of the store's machine right, or import when it is that late", e.Offset, e.Slot, e.RecordedAt.Format(time.RFC3339Nano), now.Format(time.RFC3339Nano))
		}
	}
	return nil
}

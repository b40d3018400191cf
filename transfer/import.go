package transfer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// batchBytes is the most that one import's transaction holds, by payloads.
const batchBytes = 4 << 20

// batchEvents is the most events and rows that it holds; tests make it small.
var batchEvents = 1000

// Target is a store to import into, and the member as which that is done. The
// member has joined, its writer's generation is raised, and no other member
// lives; that nobody takes its place meanwhile is what the store proves for each
// transaction.
type Target struct {
	Store interface {
		Source
		store.Membership
	}
	Writer store.Writer
	Member store.MemberID
	ID     store.WriterID // of Writer
	Gen    store.Generation
	// Now is the store's time at some moment since the member joined. Events
	// that come without a time get it.
	Now time.Time
}

// ImportConfig says what to import.
type ImportConfig struct {
	Group string
	// Rename lets the file be of another group.
	Rename bool
	// Slots is the number of slots that the group has by its manifest; 0 if it
	// is that of the file.
	Slots    int
	Progress Progress
	// Expect is what the file may hold.
	Expect Expect
}

// Imported is what became of an import.
type Imported struct {
	Summary
	Stored  int64 // events that this import stored
	Present int64 // events that were there already, and are the same
	// Lifted counts the events whose times were set to that of the event before
	// them in their slot, which was later.
	Lifted int64
}

// DifferentError says that the target has another event than the file at a place.
type DifferentError struct {
	Slot   ring.Slot
	Offset store.Offset
	Reason string
}

func (e *DifferentError) Error() string {
	return fmt.Sprintf("offset %d of slot %d: %s: the file is of another log than the one in the target; import into an empty group", e.Offset, e.Slot, e.Reason)
}

// Import stores a file that Export wrote. What an earlier import of the same file
// stored is compared, not stored again. It is done when the target, read back,
// has the hash of the file. Until then the target's ring is one that no process
// serves; see [Unfinished].
func Import(ctx context.Context, to Target, r io.Reader, cfg ImportConfig) (Imported, error) {
	f, err := newFileReader(r, cfg.Expect)
	if err != nil {
		return Imported{}, err
	}
	h := f.header
	if err := cfg.Accepts(h.Group, h.Slots); err != nil {
		return Imported{}, err
	}
	text, err := headerLine(h)
	if err != nil {
		return Imported{}, err
	}
	sum := sha256.Sum256(text)
	im := newImporter(to, cfg, h.Slots, h.Heads.events(), hex.EncodeToString(sum[:8]))
	if err := im.begin(ctx, h.Heads); err != nil {
		return Imported{}, err
	}
	if err := im.all(ctx, f.next); err != nil {
		return Imported{}, err
	}
	want := f.check.trailer()
	log, err := im.readBack(ctx)
	if err != nil {
		return Imported{}, err
	}
	if log.Sum() != want.Log {
		return Imported{}, fmt.Errorf("the target, read back, has the log's hash %s with %d events, the file has %s with %d: the import is not finished; report this as a fault", log.Sum(), log.Events(), want.Log, want.Events)
	}
	im.done.Summary = Summary{Group: cfg.Group, Slots: h.Slots, Trailer: want}
	return im.done, im.finish(ctx)
}

// Accepts says why a file of a group with so many slots cannot be imported, or nil.
func (c ImportConfig) Accepts(group string, slots int) error {
	switch {
	case group != c.Group && !c.Rename:
		return fmt.Errorf("the file is of group %s, not of %s: give --group %s to import it under that name", group, c.Group, c.Group)
	case c.Slots != 0 && slots != c.Slots:
		return fmt.Errorf("spec.slots is %d, the file has %d slots: slots cannot be changed, write slots: %d", c.Slots, slots, slots)
	}
	return nil
}

// importer is an import under way.
type importer struct {
	to       Target
	cfg      ImportConfig
	slots    int
	total    int64  // events; 0: not known
	identity string // of the file

	writer   store.Importer
	claims   map[ring.Slot]store.Claim
	stored   map[ring.Slot]store.Offset // what was there before
	compare  map[ring.Slot][]store.Event
	complete bool // the target is one that nothing is stored into any more
	marked   bool // the ring says that an import is under way
	version  ring.Number
	empty    bool // the target had no ring
	batch    store.Append
	claimed  map[ring.Slot]bool
	size     int
	done     Imported
}

func newImporter(to Target, cfg ImportConfig, slots int, total int64, identity string) *importer {
	return &importer{to: to, cfg: cfg, slots: slots, total: total, identity: identity,
		claims: map[ring.Slot]store.Claim{}, stored: map[ring.Slot]store.Offset{}, compare: map[ring.Slot][]store.Event{}, claimed: map[ring.Slot]bool{}}
}

// begin looks at what the target has and takes all slots. heads, where they are
// known, are those that the target may have at most.
func (im *importer) begin(ctx context.Context, heads Heads) error {
	var ok bool
	if im.writer, ok = im.to.Writer.(store.Importer); !ok {
		return fmt.Errorf("a store of this kind (%T) takes no import", im.to.Store)
	}
	if err := im.look(ctx); err != nil {
		return err
	}
	all := make([]ring.Slot, im.slots)
	for i := range all {
		all[i] = ring.Slot(i)
	}
	claims, err := im.to.Writer.Acquire(ctx, all)
	if err != nil {
		return err
	}
	if len(claims) != im.slots {
		return fmt.Errorf("only %d of %d slots could be taken: another member has the others", len(claims), im.slots)
	}
	most := map[ring.Slot]store.Offset{}
	for _, h := range heads {
		most[h.Slot] = h.Head.Offset + 1
	}
	events := int64(0)
	for _, c := range claims {
		im.claims[c.Slot], im.stored[c.Slot] = c, c.Head.Offset
		events += int64(c.Head.Offset) + 1
		if heads != nil && c.Head.Offset >= most[c.Slot] {
			return &DifferentError{Slot: c.Slot, Offset: most[c.Slot], Reason: "the target has an event there, the file ends before it"}
		}
	}
	if events > 0 && im.empty {
		return errors.New("the target has events but no ring, so nobody knows its number of slots: import into an empty group")
	}
	return nil
}

// all takes every line until next returns io.EOF.
func (im *importer) all(ctx context.Context, next func() (item, error)) error {
	for {
		it, err := next()
		if errors.Is(err, io.EOF) {
			return im.flush(ctx)
		}
		if err == nil {
			err = im.take(ctx, it)
		}
		if err != nil {
			return err
		}
	}
}

func (im *importer) take(ctx context.Context, it item) error {
	switch {
	case it.event != nil:
		if it.event.Offset <= im.stored[it.event.Slot] {
			return im.present(ctx, it)
		}
		im.claim(it.event.Slot)
		im.batch.Events = append(im.batch.Events, *it.event)
		im.size += len(it.event.Data) + len(it.event.Metadata)
		if c := it.event.Command; c != nil {
			im.size += len(c.Request) + len(c.Response)
		}
	case im.complete: // its rows have gone on
	case it.snapshot != nil:
		im.claim(ring.SlotOf(it.snapshot.Stream, im.slots))
		im.batch.Snapshots = append(im.batch.Snapshots, *it.snapshot)
		im.size += len(it.snapshot.Data)
	case it.state != nil:
		im.claim(it.state.Slot)
		im.batch.States = append(im.batch.States, *it.state)
		im.size += len(it.state.Data)
		for _, p := range it.state.Recent {
			im.size += len(p.Command.Request) + len(p.Command.Response)
		}
	case it.alarm != nil:
		im.claim(it.alarm.Slot)
		im.batch.Alarms = append(im.batch.Alarms, *it.alarm)
		im.size += len(it.alarm.Message)
	}
	if im.size >= batchBytes || len(im.batch.Events)+len(im.batch.Snapshots)+len(im.batch.States)+len(im.batch.Alarms) >= batchEvents {
		return im.flush(ctx)
	}
	return nil
}

// claim adds the slot's claim to the batch, once.
func (im *importer) claim(s ring.Slot) {
	if !im.claimed[s] {
		im.claimed[s] = true
		im.batch.Claims = append(im.batch.Claims, im.claims[s])
	}
}

// present compares an event with the one that the target has.
func (im *importer) present(ctx context.Context, it item) error {
	e := it.event
	events := im.compare[e.Slot]
	if len(events) == 0 {
		var err error
		clear(im.compare) // a file goes from slot to slot
		if events, err = im.to.Store.ReadSlot(ctx, e.Slot, e.Offset, page); err != nil {
			return err
		}
	}
	if len(events) == 0 || events[0].Offset != e.Offset {
		return &DifferentError{Slot: e.Slot, Offset: e.Offset, Reason: "the target's log has a gap there"}
	}
	have := &events[0]
	im.compare[e.Slot] = events[1:]
	if it.given && !have.RecordedAt.Before(it.own) { // by an earlier import, which had another time
		e.RecordedAt = have.RecordedAt
	}
	if !sameEvent(e, have) {
		return &DifferentError{Slot: e.Slot, Offset: e.Offset, Reason: "the target has another event there, " + difference(e, have)}
	}
	im.done.Present++
	im.progress()
	return nil
}

// difference names the first field in which two events differ.
func difference(file, target *store.Event) string {
	for _, f := range []struct {
		name         string
		file, target any
	}{
		{"stream", file.Stream, target.Stream}, {"version", file.Version, target.Version}, {"type", file.Type, target.Type},
		{"epoch", file.Epoch, target.Epoch}, {"schema_version", file.Schema, target.Schema}, {"encoding", file.Encoding, target.Encoding},
		{"message_id", file.MessageID, target.MessageID}, {"recorded_at", file.RecordedAt.UnixMicro(), target.RecordedAt.UnixMicro()},
	} {
		if f.file != f.target {
			return fmt.Sprintf("whose %s is %v and not %v", f.name, f.target, f.file)
		}
	}
	switch {
	case !bytes.Equal(file.Data, target.Data):
		return "with other data"
	case !bytes.Equal(file.Metadata, target.Metadata):
		return "with other metadata"
	}
	return "with another command"
}

// flush stores the batch.
func (im *importer) flush(ctx context.Context) error {
	if len(im.claimed) == 0 {
		return nil
	}
	if im.complete {
		e := im.batch.Events[0]
		return &DifferentError{Slot: e.Slot, Offset: e.Offset, Reason: "the target ends before it, and has been served or imported whole"}
	}
	if err := im.mark(ctx); err != nil {
		return err
	}
	a := im.batch
	a.Member, a.Writer, a.Gen = im.to.Member, im.to.ID, im.to.Gen
	if err := im.writer.Import(ctx, &a); err != nil {
		return explainImport(&a, err)
	}
	for _, c := range a.ImportedClaims() {
		im.claims[c.Slot] = c
	}
	im.done.Stored += int64(len(a.Events))
	im.batch, im.size = store.Append{}, 0
	clear(im.claimed)
	im.progress()
	return nil
}

func (im *importer) progress() { im.cfg.Progress.now(im.done.Present+im.done.Stored, im.total) }

// readBack computes the hash of what the target holds now.
func (im *importer) readBack(ctx context.Context) (*LogHash, error) {
	log, err := HashStore(ctx, im.to.Store, nil)
	if err != nil {
		return nil, fmt.Errorf("read the target back: %w", err)
	}
	return log, nil
}

// explainImport says what a refusal means for who imports.
func explainImport(a *store.Append, err error) error {
	var fenced *store.FencedError
	var stale *store.StaleSlotError
	var unknown *store.UnknownOutcomeError
	var twice *store.DuplicateMessageError
	switch {
	case errors.As(err, &unknown):
		return fmt.Errorf("%w: import the same file again, it goes on with what is stored", err)
	case errors.As(err, &fenced), errors.As(err, &stale):
		return fmt.Errorf("%w: another process has taken the group over while it was imported; end that, and import the same file again", err)
	case errors.As(err, &twice):
		return fmt.Errorf("%w: a message_id stands in a stream once, on the first event that the message led to", err)
	}
	if n := len(a.Events); n > 0 {
		return fmt.Errorf("store the events from offset %d of slot %d to offset %d of slot %d: %w", a.Events[0].Offset, a.Events[0].Slot, a.Events[n-1].Offset, a.Events[n-1].Slot, err)
	}
	return fmt.Errorf("store the snapshots, states and alarms: %w", err)
}

package transfer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// Members of the rings that an import stores. They are no members of any group:
// the id says how far the import is, and the address which file it is of.
const (
	importing ring.MemberID = "importing"
	imported  ring.MemberID = "imported"
)

// ErrUnfinished refuses to serve a group into which an import was begun and not
// finished.
var ErrUnfinished = errors.New("an import into this group has not come to its end: run `ringhold import` with the same file again, it goes on where it stopped; or remove what it stored with `ringhold import --discard`")

// Unfinished returns ErrUnfinished for the ring of such a group, else nil. A
// process asks before it serves: a part of the aggregates is not there yet, and
// commands would make others in their places.
func Unfinished(r *ring.Ring) error {
	if len(r.Members) == 1 && r.Members[0].ID == importing {
		return ErrUnfinished
	}
	return nil
}

// look reads the target's ring: who may store into it.
func (im *importer) look(ctx context.Context) error {
	stored, err := im.to.Store.LoadRing(ctx)
	if err != nil {
		return err
	}
	im.version = stored.Version
	if im.empty = stored.Empty(); im.empty {
		return nil
	}
	var r ring.Ring
	if err := json.Unmarshal(stored.Body, &r); err != nil {
		return fmt.Errorf("read ring %d of the target: %w", stored.Version, err)
	}
	if r.Slots != im.slots {
		return fmt.Errorf("the target has %d slots, the import is for %d: slots cannot be changed, import into an empty group", r.Slots, im.slots)
	}
	if Unfinished(&r) == nil {
		im.complete = true
		return nil
	}
	if at := r.Members[0].Address; at != im.identity {
		return fmt.Errorf("an import of another file (%s) into this group was begun and not finished, this one is %s: go on with that file, or import into an empty group", at, im.identity)
	}
	im.marked = true
	return nil
}

// mark says in the ring that the group is not to be served yet, and how many
// slots it has.
func (im *importer) mark(ctx context.Context) error {
	if im.marked {
		return nil
	}
	if err := im.saveRing(ctx, importing); err != nil {
		return err
	}
	im.marked = true
	return nil
}

// finish says in the ring that the group may be served, and gives up its slots.
func (im *importer) finish(ctx context.Context) error {
	if !im.complete {
		if err := im.saveRing(ctx, imported); err != nil {
			return err
		}
	}
	claims := make([]store.Claim, 0, len(im.claims))
	for _, c := range im.claims {
		claims = append(claims, c)
	}
	return im.to.Writer.Release(ctx, claims)
}

func (im *importer) saveRing(ctx context.Context, as ring.MemberID) error {
	r, err := ring.Assign(&ring.Ring{Version: im.version, Slots: im.slots}, []ring.Member{{ID: as, Address: im.identity}}, nil)
	if err != nil {
		return err
	}
	body, err := json.Marshal(r)
	if err != nil {
		return err
	}
	saved, err := im.to.Store.SaveRing(ctx, store.Ring{Version: r.Version, Body: body}, im.version)
	if err == nil && !saved {
		err = errors.New("another process stores rings for this group: end it, and import the same file again")
	}
	if err == nil {
		im.version = r.Version
	}
	return err
}

package transfer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// discardEvents is how many events one step of a removal takes; tests make it small.
var discardEvents = 1000

// ErrNotImporting refuses to remove a group that is no import under way.
var ErrNotImporting = errors.New("no import into this group is unfinished, so nothing of it is removed")

// Discard removes a group into which an import was begun and not finished, and
// which so was never served. Broken off, it goes on when it is called again, and
// so does the import.
func Discard(ctx context.Context, to Target, progress Progress) (events int64, err error) {
	w, ok := to.Writer.(store.Discarder)
	if !ok {
		return 0, fmt.Errorf("a store of this kind (%T) removes no group", to.Store)
	}
	stored, err := to.Store.LoadRing(ctx)
	if err != nil {
		return 0, err
	}
	if stored.Empty() {
		return 0, ErrNotImporting
	}
	var r ring.Ring
	if err := json.Unmarshal(stored.Body, &r); err != nil {
		return 0, fmt.Errorf("read ring %d of the target: %w", stored.Version, err)
	}
	if Unfinished(&r) == nil {
		return 0, ErrNotImporting
	}
	// An import that was stopped before its last step must not say, of what is left
	// by then, that it is whole: so the ring's version goes on first.
	r.Version = stored.Version + 1
	body, err := json.Marshal(r)
	if err != nil {
		return 0, err
	}
	saved, err := to.Store.SaveRing(ctx, store.Ring{Version: r.Version, Body: body}, stored.Version)
	if err == nil && !saved {
		err = store.ErrOtherRing
	}
	if err != nil {
		return 0, err
	}
	heads, err := to.Store.Heads(ctx)
	if err != nil {
		return 0, err
	}
	total := Heads(heads).events()
	for events = 0; ; {
		done, err := w.Discard(ctx, store.Discard{Member: to.Member, Writer: to.ID, Gen: to.Gen, Ring: r.Version, Limit: discardEvents})
		if err != nil {
			return events, fmt.Errorf("remove the group: %w", err)
		}
		events = min(events+int64(discardEvents), total)
		progress.now(events, total)
		if done {
			return total, nil
		}
	}
}

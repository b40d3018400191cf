package sqlite

import (
	"database/sql"
	"errors"
	"fmt"

	"github.com/ringhold/ringhold/store"
)

// fence refuses what does not come from the newest generation of a writer whose
// member is not deposed. A row that is not there counts as deposed.
func (t *tx) fence(m store.MemberID, w store.WriterID, g store.Generation) error {
	refused := func(reason string) error {
		return &store.FencedError{Member: m, Writer: w, Gen: g, Reason: reason}
	}
	var gen store.Generation
	var deposed bool
	err := t.one([]any{&gen, &deposed}, `SELECT gen, deposed FROM fences WHERE service_group = ? AND member = ? AND writer = ?`, t.group, string(m), int64(w))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return refused("it has not joined with this writer")
	case err != nil:
		return err
	case deposed:
		return refused("it is deposed")
	case g == 0:
		return refused("the writer's generation was not raised")
	case g != gen:
		return refused(fmt.Sprintf("the writer is at generation %d", gen))
	}
	return nil
}

// raise makes g the generation, unless it has been that or a newer one.
func (t *tx) raise(m store.MemberID, w store.WriterID, g store.Generation) error {
	n, err := t.affected(`UPDATE fences SET gen = ? WHERE service_group = ? AND member = ? AND writer = ? AND gen < ? AND NOT deposed`,
		int64(g), t.group, string(m), int64(w), int64(g))
	if err != nil || n == 1 {
		return err
	}
	if err := t.fence(m, w, g); err != nil {
		return err
	}
	return &store.FencedError{Member: m, Writer: w, Gen: g, Reason: "the writer is at this generation already"}
}

// staleClaims gives the positions of those claims in ?3 that are not what the
// file holds: the owner and the epoch of the slot, and its newest event.
const staleClaims = `
SELECT c.key FROM json_each(?3) AS c
WHERE NOT EXISTS (
    SELECT 1 FROM slots WHERE service_group = ?1 AND slot = c.value ->> 0 AND owner = ?2 AND epoch = c.value ->> 1)
  OR (c.value ->> 2, c.value ->> 3) IS NOT (
    SELECT slot_offset, epoch FROM events WHERE service_group = ?1 AND slot = c.value ->> 0 ORDER BY slot_offset DESC LIMIT 1)`

// scanStale adds the claims of staleClaims to stale.
func scanStale(claims []store.Claim, stale *[]store.Claim) func(*sql.Rows) error {
	return func(rows *sql.Rows) error {
		var i int
		if err := rows.Scan(&i); err != nil {
			return err
		}
		*stale = append(*stale, claims[i])
		return nil
	}
}

// acquire takes what has no owner or one that is deposed, or m itself.
const acquire = `
INSERT INTO slots (service_group, slot, owner, epoch)
SELECT ?1, c.value, ?2, 1 FROM json_each(?3) AS c WHERE true
ON CONFLICT DO UPDATE SET owner = excluded.owner, epoch = epoch + 1
WHERE owner IS NULL OR owner = excluded.owner OR NOT EXISTS (
  SELECT 1 FROM members WHERE service_group = slots.service_group AND member = slots.owner AND NOT deposed)
RETURNING slot, epoch`

const headOf = `SELECT slot_offset, epoch FROM events WHERE service_group = ? AND slot = ? ORDER BY slot_offset DESC LIMIT 1`

func (t *tx) acquire(m store.MemberID, slots string) ([]store.Claim, error) {
	var claims []store.Claim
	err := t.each(func(rows *sql.Rows) error {
		c := store.Claim{Head: store.Head{Offset: store.NoOffset}}
		err := rows.Scan(&c.Slot, &c.Epoch)
		claims = append(claims, c)
		return err
	}, acquire, t.group, string(m), slots)
	if err != nil {
		return nil, err
	}
	for i := range claims {
		c := &claims[i]
		err := t.one([]any{&c.Head.Offset, &c.Head.Epoch}, headOf, t.group, int64(c.Slot))
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return nil, err
		}
	}
	return claims, nil
}

const release = `
UPDATE slots SET owner = NULL WHERE service_group = ?1 AND owner = ?2
  AND (slot, epoch) IN (SELECT c.value ->> 0, c.value ->> 1 FROM json_each(?3) AS c)`

package sqlite

import (
	"database/sql"
	"errors"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

// plan is an append made ready by its caller's goroutine, so that the committer
// only has to run statements.
type plan struct {
	*store.Append
	claims   string    // JSON, for staleClaims
	built    []builtOn // the streams, each once
	versions string    // built as JSON, for movedStreams
	commands []string  // of the events; empty where there is none
	recent   []string  // of the states
}

// builtOn is a stream with the version that the append expects it to have.
type builtOn struct {
	stream   message.Stream
	expected message.Version
}

func planAppend(a *store.Append) *plan {
	p := &plan{Append: a, claims: claimsJSON(a.Claims), commands: make([]string, len(a.Events))}
	at := make(map[message.Stream]bool, len(a.Events)+len(a.States))
	for i := range a.Events {
		e := &a.Events[i]
		if e.Command != nil {
			p.commands[i] = string(store.EncodeCommand(e.Command))
		}
		if !at[e.Stream] {
			at[e.Stream] = true
			p.built = append(p.built, builtOn{e.Stream, e.Version - 1})
		}
	}
	for i := range a.States {
		st := &a.States[i]
		p.built = append(p.built, builtOn{st.Stream, st.Expected})
		p.recent = append(p.recent, string(store.EncodeRecent(st.Recent)))
	}
	b := []byte{'['}
	for i, on := range p.built {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '[')
		b = appendJSONString(b, string(on.stream))
		b = append(b, ',')
		b = strconv.AppendInt(b, int64(on.expected), 10)
		b = append(b, ']')
	}
	p.versions = string(append(b, ']'))
	return p
}

// append stores all of p, or returns an error after which the caller rolls back.
func (t *tx) append(p *plan) error {
	if err := t.fence(p.Member, p.Writer, p.Gen); err != nil {
		return err
	}
	var stale []store.Claim
	if err := t.each(scanStale(p.Claims, &stale), staleClaims, t.group, string(p.Member), p.claims); err != nil {
		return err
	}
	if len(stale) > 0 {
		e := &store.StaleSlotError{}
		for _, c := range stale {
			e.Slots = append(e.Slots, c.Slot)
		}
		return e
	}
	if err := t.checkVersions(p); err != nil {
		return err
	}
	if err := t.insertEvents(p); err != nil {
		return err
	}
	return t.insertRows(p)
}

// movedStreams gives the first of the streams in ?2 that is not at the version
// that was expected, and its version.
const movedStreams = `
SELECT c.key, max(
  coalesce((SELECT version FROM events WHERE service_group = ?1 AND stream = c.value ->> 0 ORDER BY version DESC LIMIT 1), -1),
  coalesce((SELECT version FROM states WHERE service_group = ?1 AND stream = c.value ->> 0), -1)) AS current
FROM json_each(?2) AS c
WHERE current <> c.value ->> 1
LIMIT 1`

func (t *tx) checkVersions(p *plan) error {
	if len(p.built) == 0 {
		return nil
	}
	var i int
	var current message.Version
	err := t.one([]any{&i, &current}, movedStreams, t.group, p.versions)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	// Of an append that is a repeat as well as late, its first response is what
	// the caller wants.
	if dup, err := t.duplicate(p, false); dup != nil || err != nil {
		return errors.Join(err, dup)
	}
	return &store.VersionConflictError{Stream: p.built[i].stream, Expected: p.built[i].expected, Current: current}
}

const insertEvent = `
INSERT INTO events (service_group, slot, slot_offset, epoch, stream, version, type, schema_version,
  encoding, data, metadata, message_id, command, recorded_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

func (t *tx) insertEvents(p *plan) error {
	now := t.now.UnixMicro()
	args := make([]any, 14)
	for i := range p.Events {
		e := &p.Events[i]
		args = append(args[:0], t.group, int64(e.Slot), int64(e.Offset), int64(e.Epoch), string(e.Stream), int64(e.Version), e.Type, e.Schema,
			int64(e.Encoding), payload(e.Encoding, e.Data), payload(store.JSON, e.Metadata), nil, nil, now)
		if e.MessageID != "" {
			args[11], args[12] = string(e.MessageID), p.commands[i]
		}
		if _, err := t.exec(insertEvent, args...); err != nil {
			return t.diagnose(p, err)
		}
		if e.Type == store.TypeErased {
			if _, err := t.exec(`INSERT INTO erasures (service_group, stream, next_version) VALUES (?, ?, 0)`, t.group, string(e.Stream)); err != nil {
				return err
			}
		}
	}
	return nil
}

// diagnose tells what a violated index means: fence, claims and versions were
// found right, so only a message id can be there already.
func (t *tx) diagnose(p *plan, err error) error {
	if !isUnique(err) {
		return err
	}
	if dup, derr := t.duplicate(p, true); dup != nil || derr != nil {
		return errors.Join(derr, dup)
	}
	return err
}

// duplicate returns a *store.DuplicateMessageError for the first message of p
// that is stored in its stream, or that p has twice. With own, rows from the
// expected versions on are p's own.
func (t *tx) duplicate(p *plan, own bool) (dup, err error) {
	limits := map[message.Stream]message.Version{}
	seen := map[builtKey]bool{}
	for i := range p.Events {
		e := &p.Events[i]
		if _, ok := limits[e.Stream]; !ok {
			limits[e.Stream] = math.MaxInt64
			if own {
				limits[e.Stream] = e.Version
			}
		}
		if e.MessageID == "" {
			continue
		}
		k := builtKey{e.Stream, e.MessageID}
		stored := 0
		err := t.one([]any{&stored}, `SELECT count(*) FROM events WHERE service_group = ? AND stream = ? AND message_id = ? AND version < ?`,
			t.group, string(e.Stream), string(e.MessageID), int64(limits[e.Stream]))
		if err != nil {
			return nil, err
		}
		if stored > 0 || seen[k] {
			return &store.DuplicateMessageError{Stream: e.Stream, MessageID: e.MessageID}, nil
		}
		seen[k] = true
	}
	return nil, nil
}

type builtKey struct {
	stream message.Stream
	id     message.ID
}

// payload is stored as text where that is what it is, so that a SQL shell shows
// and takes apart JSON. Never NULL: that is how erased rows are known.
func payload(enc store.Encoding, b []byte) any {
	if enc == store.JSON && utf8.Valid(b) {
		return string(b)
	}
	if b == nil {
		return []byte{}
	}
	return b
}

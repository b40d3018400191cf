package postgres

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// The codes that the functions raise.
const (
	stateFenced    = "RH001"
	stateStale     = "RH002"
	stateRepeated  = "RH003"
	stateMoved     = "RH004"
	stateNotErased = "RH005"
	stateUsedID    = "RH006"
	stateUnproved  = "RH007"
)

// stateReadOnly is the server's code for a write in a read-only transaction.
const stateReadOnly = "25006"

// stateUnique is the server's code for the violation of a unique index.
const stateUnique = "23505"

// refused makes the contract's error of what the server said to an append.
func (w *writer) refused(a *store.Append, err error) error {
	var pg *pgconn.PgError
	if errors.As(err, new(*store.UnknownOutcomeError)) || !errors.As(err, &pg) {
		return w.s.explain("append to", err)
	}
	switch pg.Code {
	case stateFenced:
		return fenced(a.Member, a.Writer, a.Gen, err)
	case stateStale:
		stale := &store.StaleSlotError{}
		if jerr := json.Unmarshal([]byte(pg.Detail), &stale.Slots); jerr != nil {
			return fmt.Errorf("read which claims are stale: %w", jerr)
		}
		return stale
	case stateRepeated:
		i, perr := strconv.Atoi(pg.Detail)
		if perr != nil || i < 1 || i > len(a.Events) {
			return fmt.Errorf("read which message is repeated: the server says %q", pg.Detail)
		}
		return repeated(a, i)
	case stateMoved:
		var at [2]int64
		if jerr := json.Unmarshal([]byte(pg.Detail), &at); jerr != nil {
			return fmt.Errorf("read which stream has moved on: %w", jerr)
		}
		return w.moved(at[0], message.Version(at[1]))
	case stateUnique:
		return w.diagnose(a, err)
	}
	return w.s.explain("append to", err)
}

// fenced is the refusal with the server's reason.
func fenced(m store.MemberID, w store.WriterID, g store.Generation, err error) error {
	e := &store.FencedError{Member: m, Writer: w, Gen: g}
	if pg := new(pgconn.PgError); errors.As(err, &pg) {
		e.Reason = pg.Message
	}
	return e
}

// repeated names the message of the i-th event, from 1.
func repeated(a *store.Append, i int) error {
	return &store.DuplicateMessageError{Stream: a.Events[i-1].Stream, MessageID: a.Events[i-1].MessageID}
}

// moved names the i-th of the streams that were looked up, from 1.
func (w *writer) moved(i int64, current message.Version) error {
	if i < 1 || i > int64(len(w.proof.built)) {
		return fmt.Errorf("read which stream is at another version: the server names the %d. of %d", i, len(w.proof.built))
	}
	on := w.proof.built[i-1]
	return &store.VersionConflictError{Stream: on.stream, Expected: on.expected, Current: current}
}

const repeatedMessage = `SELECT repeated_v1($1, $2, $3)`

// takenOffsets gives the slots in which an event has one of the offsets.
const takenOffsets = `
SELECT DISTINCT u.slot FROM unnest($2::integer[], $3::bigint[]) AS u (slot, slot_offset)
CROSS JOIN LATERAL (
  SELECT 1 FROM events AS x WHERE x.service_group = $1 AND x.slot = u.slot AND x.slot_offset = u.slot_offset LIMIT 1) AS e`

// newestVersions gives position and version of the streams that are not where
// they were expected.
const newestVersions = `
SELECT b.i, greatest(coalesce(e.version, -1), coalesce(t.version, -1))
FROM unnest($2::text[], $3::bigint[]) WITH ORDINALITY AS b (stream, expected, i)
LEFT JOIN LATERAL (
  SELECT v.version FROM events AS v WHERE v.service_group = $1 AND v.stream = b.stream ORDER BY v.version DESC LIMIT 1) AS e ON true
LEFT JOIN LATERAL (SELECT x.version FROM states AS x WHERE x.service_group = $1 AND x.stream = b.stream LIMIT 1) AS t ON true
WHERE greatest(coalesce(e.version, -1), coalesce(t.version, -1)) <> b.expected
ORDER BY b.i`

// diagnose tells what a violated unique index means, by looking: what the server
// says about it is in its own language. Nothing of the append is stored.
func (w *writer) diagnose(a *store.Append, err error) error {
	var i int
	w.begin()
	w.p.list(oidText, len(a.Events))
	for k := range a.Events {
		w.p.addText(string(a.Events[k].Stream))
	}
	w.p.list(oidText, len(a.Events))
	for k := range a.Events {
		if a.Events[k].MessageID == "" {
			w.p.addNull()
		} else {
			w.p.addText(string(a.Events[k].MessageID))
		}
	}
	if lerr := w.look(repeatedMessage, func(v [][]byte) {
		if v[0] != nil {
			i = int(getInt8(v[0]))
		}
	}); lerr != nil || i > 0 {
		if lerr != nil {
			return lerr
		}
		return repeated(a, i)
	}
	return w.diagnosePlace(a, err)
}

// diagnosePlace looks for the offsets, then for the versions.
func (w *writer) diagnosePlace(a *store.Append, err error) error {
	stale := &store.StaleSlotError{}
	w.begin()
	w.p.list(oidInt4, len(a.Events))
	for k := range a.Events {
		w.p.addInt4(int32(a.Events[k].Slot))
	}
	w.p.list(oidInt8, len(a.Events))
	for k := range a.Events {
		w.p.addInt8(int64(a.Events[k].Offset))
	}
	if lerr := w.look(takenOffsets, func(v [][]byte) { stale.Slots = append(stale.Slots, ring.Slot(getInt4(v[0]))) }); lerr != nil {
		return lerr
	}
	if len(stale.Slots) > 0 {
		return stale
	}
	w.proof.plan(a) // of all streams, since all was forgotten
	w.begin()
	w.p.streams(w.proof.built)
	w.proof.forget()
	var conflict error
	if lerr := w.look(newestVersions, func(v [][]byte) {
		if conflict == nil {
			conflict = w.moved(getInt8(v[0]), message.Version(getInt8(v[1])))
		}
	}); lerr != nil {
		return lerr
	}
	if conflict != nil {
		return conflict
	}
	return w.s.explain("append to", err)
}

func (w *writer) begin() {
	w.p.reset()
	w.p.text(w.s.group)
}

// look reads with w.p on the writer's session. What fails now changes nothing
// of what is known of the append: it was not stored.
func (w *writer) look(query string, row func([][]byte)) error {
	if w.session == nil {
		return errors.New("find out why an append was refused: the connection is lost; nothing was stored")
	}
	err := w.write(query, func(v [][]byte) error { row(v); return nil })
	if err == nil {
		return nil
	}
	if lost := new(store.UnknownOutcomeError); errors.As(err, &lost) {
		err = lost.Err // that of the append is known
	}
	return fmt.Errorf("find out why an append was refused (nothing was stored): %w", err)
}

package postgres

import "github.com/ringhold/ringhold/store"

const raiseSlots = `
WITH raised AS (
  UPDATE slots AS s SET epoch = c.epoch FROM unnest($2::integer[], $3::bigint[]) AS c (slot, epoch)
  WHERE s.service_group = $1 AND s.slot = c.slot AND s.epoch < c.epoch RETURNING 1)
UPDATE fences AS f SET moves = f.moves + 1
WHERE f.service_group = $1 AND f.member = $4 AND f.writer = $5 AND EXISTS (SELECT 1 FROM raised)`

// raiseEpochs gives the slots the epochs of their last events, and counts that as a
// move: renewals say what the sum of the epochs is.
func (w *writer) raiseEpochs(a *store.Append) error {
	claims := a.ImportedClaims()
	w.begin()
	w.p.list(oidInt4, len(claims))
	for i := range claims {
		w.p.addInt4(int32(claims[i].Slot))
	}
	w.p.list(oidInt8, len(claims))
	for i := range claims {
		w.p.addInt8(int64(claims[i].Epoch))
	}
	w.p.text(string(a.Member))
	w.p.int4(int32(a.Writer))
	return w.run(raiseSlots, nil)
}

const insertImported = `
INSERT INTO events (service_group, slot, slot_offset, epoch, stream, version, type, schema_version, encoding, data, metadata,
  message_id, command, recorded_at)
SELECT $1, u.slot, u.slot_offset, u.epoch, u.stream, u.version, u.type, u.schema_version, u.encoding, u.data, u.metadata,
  u.message_id, u.command, u.recorded_at
FROM unnest($2::integer[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[], $7::text[], $8::integer[], $9::smallint[],
    $10::bytea[], $11::bytea[], $12::text[], $13::text[], $14::timestamptz[])
  AS u (slot, slot_offset, epoch, stream, version, type, schema_version, encoding, data, metadata, message_id, command, recorded_at)`

const insertErasures = `
INSERT INTO erasures (service_group, stream, next_version) SELECT DISTINCT $1, u.stream, 0 FROM unnest($2::text[]) AS u (stream)
ON CONFLICT (service_group, stream) DO UPDATE SET next_version = 0`

func (w *writer) importEvents(a *store.Append) error {
	if len(a.Events) == 0 {
		return nil
	}
	w.begin()
	w.column(oidInt4, a.Events, func(e *store.Event) { w.p.addInt4(int32(e.Slot)) })
	w.column(oidInt8, a.Events, func(e *store.Event) { w.p.addInt8(int64(e.Offset)) })
	w.column(oidInt8, a.Events, func(e *store.Event) { w.p.addInt8(int64(e.Epoch)) })
	w.column(oidText, a.Events, func(e *store.Event) { w.p.addText(string(e.Stream)) })
	w.column(oidInt8, a.Events, func(e *store.Event) { w.p.addInt8(int64(e.Version)) })
	w.column(oidText, a.Events, func(e *store.Event) { w.p.addText(e.Type) })
	w.column(oidInt4, a.Events, func(e *store.Event) { w.p.addInt4(int32(e.Schema)) }) //nolint:gosec // schema numbers are small
	w.column(oidInt2, a.Events, func(e *store.Event) { w.p.addInt2(int16(e.Encoding)) })
	w.column(oidBytea, a.Events, func(e *store.Event) { w.p.addBytesOrNull(e.Data) })
	w.column(oidBytea, a.Events, func(e *store.Event) { w.p.addBytesOrNull(e.Metadata) })
	w.column(oidText, a.Events, func(e *store.Event) { w.p.addTextOrNull(string(e.MessageID)) })
	w.column(oidText, a.Events, func(e *store.Event) {
		if e.Command == nil {
			w.p.addNull()
			return
		}
		w.p.addBytes(store.EncodeCommand(e.Command))
	})
	w.column(oidTimestamptz, a.Events, func(e *store.Event) { w.p.addInt8(toPostgres(e.RecordedAt)) })
	if err := w.run(insertImported, nil); err != nil {
		return err
	}
	var erased []store.Event
	for i := range a.Events {
		if a.Events[i].Type == store.TypeErased {
			erased = append(erased, a.Events[i])
		}
	}
	if len(erased) == 0 {
		return nil
	}
	w.begin()
	w.column(oidText, erased, func(e *store.Event) { w.p.addText(string(e.Stream)) })
	return w.run(insertErasures, nil)
}

// What replaces rows. Of two rows with one key in an import, the later one counts.
const (
	replaceSnapshots = `
INSERT INTO snapshots (service_group, stream, version, schema_version, encoding, data)
SELECT DISTINCT ON (u.stream) $1, u.stream, u.version, u.schema_version, u.encoding, u.data
FROM unnest($2::text[], $3::bigint[], $4::integer[], $5::smallint[], $6::bytea[]) WITH ORDINALITY
  AS u (stream, version, schema_version, encoding, data, i)
ORDER BY u.stream, u.i DESC
ON CONFLICT (service_group, stream) DO UPDATE
  SET version = excluded.version, schema_version = excluded.schema_version, encoding = excluded.encoding, data = excluded.data`

	replaceStates = `
INSERT INTO states (service_group, stream, slot, version, schema_version, encoding, data, recent)
SELECT DISTINCT ON (u.stream) $1, u.stream, u.slot, u.version, u.schema_version, u.encoding, u.data, u.recent
FROM unnest($2::text[], $3::integer[], $4::bigint[], $5::integer[], $6::smallint[], $7::bytea[], $8::text[]) WITH ORDINALITY
  AS u (stream, slot, version, schema_version, encoding, data, recent, i)
ORDER BY u.stream, u.i DESC
ON CONFLICT (service_group, stream) DO UPDATE
  SET slot = excluded.slot, version = excluded.version, schema_version = excluded.schema_version, encoding = excluded.encoding,
    data = excluded.data, recent = excluded.recent`

	replaceAlarms = `
INSERT INTO alarms (service_group, id, stream, slot, due_at, message)
SELECT DISTINCT ON (u.id) $1, u.id, u.stream, u.slot, u.due_at, u.message
FROM unnest($2::text[], $3::text[], $4::integer[], $5::timestamptz[], $6::bytea[]) WITH ORDINALITY
  AS u (id, stream, slot, due_at, message, i)
ORDER BY u.id, u.i DESC
ON CONFLICT (service_group, id) DO UPDATE
  SET stream = excluded.stream, slot = excluded.slot, due_at = excluded.due_at, message = excluded.message`
)

// importRows stores what stands beside the events.
func (w *writer) importRows(a *store.Append) error {
	if len(a.Snapshots) > 0 {
		w.begin()
		w.p.snapshots(a.Snapshots)
		if err := w.run(replaceSnapshots, nil); err != nil {
			return err
		}
	}
	if len(a.States) > 0 {
		w.begin()
		w.p.states(a.States)
		if err := w.run(replaceStates, nil); err != nil {
			return err
		}
	}
	if len(a.Alarms) > 0 {
		w.begin()
		w.p.alarms(a.Alarms)
		return w.run(replaceAlarms, nil)
	}
	return nil
}

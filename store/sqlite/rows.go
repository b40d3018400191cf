package sqlite

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

const insertSnapshot = `
INSERT INTO snapshots (service_group, stream, version, schema_version, encoding, data) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET version = excluded.version, schema_version = excluded.schema_version, encoding = excluded.encoding, data = excluded.data
WHERE excluded.version >= snapshots.version`

const insertState = `
INSERT OR REPLACE INTO states (service_group, stream, slot, version, schema_version, encoding, data, recent)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)`

const insertAlarm = `
INSERT OR REPLACE INTO alarms (service_group, id, stream, slot, due_at, message) VALUES (?, ?, ?, ?, ?, ?)`

// insertRows stores what an append carries beside its events.
func (t *tx) insertRows(p *plan) error {
	for i := range p.Snapshots {
		s := &p.Snapshots[i]
		if _, err := t.exec(insertSnapshot, t.group, string(s.Stream), int64(s.Version), s.Schema, int64(s.Encoding), payload(s.Encoding, s.Data)); err != nil {
			return err
		}
	}
	for i := range p.States {
		s := &p.States[i]
		if _, err := t.exec(insertState, t.group, string(s.Stream), int64(s.Slot), int64(s.Version), s.Schema, int64(s.Encoding), payload(s.Encoding, s.Data), p.recent[i]); err != nil {
			return err
		}
	}
	for i := range p.Alarms {
		a := &p.Alarms[i]
		if _, err := t.exec(insertAlarm, t.group, a.ID, string(a.Stream), int64(a.Slot), a.DueAt.UnixMicro(), payload(store.JSON, a.Message)); err != nil {
			return err
		}
	}
	return nil
}

// claimsJSON is an array of [slot, epoch, offset of the head, epoch of the
// head]; the last two are null for an empty slot.
func claimsJSON(claims []store.Claim) string {
	b := make([]byte, 0, 2+24*len(claims))
	b = append(b, '[')
	for i, c := range claims {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '[')
		b = strconv.AppendUint(b, uint64(c.Slot), 10)
		b = append(b, ',')
		b = strconv.AppendInt(b, int64(c.Epoch), 10)
		if c.Head == (store.Head{Offset: store.NoOffset}) {
			b = append(b, ",null,null]"...)
			continue
		}
		b = append(b, ',')
		b = strconv.AppendInt(b, int64(c.Head.Offset), 10)
		b = append(b, ',')
		b = strconv.AppendInt(b, int64(c.Head.Epoch), 10)
		b = append(b, ']')
	}
	return string(append(b, ']'))
}

func slotsJSON(slots []ring.Slot) string {
	b := make([]byte, 0, 2+6*len(slots))
	b = append(b, '[')
	for i, s := range slots {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendUint(b, uint64(s), 10)
	}
	return string(append(b, ']'))
}

// appendJSONString appends s as a JSON string. Streams are valid UTF-8; those
// of plain ASCII, nearly all, need no look at each character.
func appendJSONString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			text, _ := json.Marshal(s) // a string always has a JSON form
			return append(b, text...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

func fromMicros(us int64) time.Time { return time.UnixMicro(us).UTC() }

package handler

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/ringhold/ringhold/internal/plainjson"
	"github.com/ringhold/ringhold/message"
)

// Names of the metadata that Ringhold adds to every event.
const (
	metaMessageID     = "message_id"
	metaCorrelationID = "correlation_id"
	metaCausationID   = "causation_id"
)

// Metadata makes the metadata of events: the entries that the manifest asks
// for, and the ids of the message.
type Metadata struct{ prefix []byte }

// NewMetadata checks the entries; the names of the ids are Ringhold's own.
func NewMetadata(entries map[string]string) (*Metadata, error) {
	prefix := []byte{'{'}
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		switch name {
		case metaMessageID, metaCorrelationID, metaCausationID:
			return nil, fmt.Errorf("event metadata %q is set by Ringhold itself: choose another name", name)
		}
		prefix = appendString(prefix, name)
		prefix = append(prefix, ':')
		prefix = appendString(prefix, entries[name])
		prefix = append(prefix, ',')
	}
	return &Metadata{prefix: prefix}, nil
}

// For returns the metadata of the events of a message: a JSON object.
func (d *Metadata) For(m *message.Message) []byte {
	out := make([]byte, 0, len(d.prefix)+len(m.ID)+len(m.CorrelationID)+len(m.CausationID)+64)
	out = append(out, d.prefix...)
	out = append(out, `"`+metaMessageID+`":`...)
	out = appendString(out, string(m.ID))
	out = append(out, `,"`+metaCorrelationID+`":`...)
	out = appendString(out, string(m.CorrelationID))
	out = append(out, `,"`+metaCausationID+`":`...)
	out = appendString(out, string(m.CausationID))
	return append(out, '}')
}

// appendString appends s as a JSON string; the ids that it is for rarely need
// escapes.
func appendString(out []byte, s string) []byte {
	start := len(out)
	out = append(out, '"')
	out = append(out, s...)
	if plainjson.SkipUnescaped(out, start+1) == len(out) {
		return append(out, '"')
	}
	quoted, err := json.Marshal(s)
	if err != nil { // a string always encodes
		panic(err)
	}
	return append(out[:start], quoted...)
}

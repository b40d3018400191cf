package aggregate

import (
	"cmp"
	"slices"
)

// Form is a name and schema number under which an event is stored, or was by an
// earlier release.
type Form struct {
	Name   string
	Schema int
	Proto  bool // protobuf bytes; otherwise JSON
	Former bool // read, but no longer written
}

// Forms returns all forms in which events can be read, in the order of their
// names and schema numbers. Retired events are not among them.
func (c *Core) Forms() []Form {
	out := make([]Form, 0, len(c.kinds))
	for stored, k := range c.kinds {
		out = append(out, Form{Name: stored.name, Schema: stored.schema, Proto: k.proto, Former: k.current != nil})
	}
	slices.SortFunc(out, func(a, b Form) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Schema, b.Schema))
	})
	return out
}

// IsRetired reports whether stored events of a name are skipped.
func (c *Core) IsRetired(name string) bool { return c.isRetired(name) }

// ReadEvent decodes a stored event, in its present form, without applying it.
// The error is an *UnknownEventError for retired events too.
func (c *Core) ReadEvent(eventType string, schema int, p Payload) (Pending, error) {
	k := c.kinds[former{eventType, schema}]
	if k == nil {
		return Pending{}, &UnknownEventError{Stream: c.Stream, Type: eventType, Schema: schema}
	}
	value, err := k.decode(p)
	if err != nil {
		return Pending{}, err
	}
	if k.current != nil {
		k = k.current
	}
	return Pending{kind: k, value: value}, nil
}

// Rewrite decodes a stored event in the form in which it was stored and encodes
// it again. What the result lacks is what this binary no longer reads.
func (c *Core) Rewrite(eventType string, schema int, p Payload) (Payload, error) {
	k := c.kinds[former{eventType, schema}]
	if k == nil {
		return Payload{}, &UnknownEventError{Stream: c.Stream, Type: eventType, Schema: schema}
	}
	return k.rewrite(p)
}

package jsonschema

import (
	"bytes"
	"encoding/json"
)

// Draft is the dialect of the schemas.
const Draft = "https://json-schema.org/draft/2020-12/schema"

// node is a schema, or a part of one. Its fields stand in the order in which
// they are written.
type node struct {
	Schema      string   `json:"$schema,omitempty"`
	Ref         string   `json:"$ref,omitempty"`
	Type        any      `json:"type,omitempty"` // a string, or several
	Format      string   `json:"format,omitempty"`
	Encoding    string   `json:"contentEncoding,omitempty"`
	Description string   `json:"description,omitempty"`
	Enum        []string `json:"enum,omitempty"`
	Minimum     *int64   `json:"minimum,omitempty"`
	Maximum     *int64   `json:"maximum,omitempty"`
	Items       *node    `json:"items,omitempty"`
	Properties  *ordered `json:"properties,omitempty"`
	Values      *node    `json:"additionalProperties,omitempty"` // of a map
	Required    []string `json:"required,omitempty"`
	Defs        *ordered `json:"$defs,omitempty"`
}

// ordered is an object whose keys keep the order in which they were added, so
// that properties stand as they are declared.
type ordered struct {
	names []string
	nodes []*node
}

func (o *ordered) add(name string, n *node) {
	o.names = append(o.names, name)
	o.nodes = append(o.nodes, n)
}

// MarshalJSON writes the keys in their order.
func (o *ordered) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, name := range o.names {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := json.Marshal(name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(o.nodes[i])
		if err != nil {
			return nil, err
		}
		b.Write(key)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// finish writes a root with the definitions that it refers to.
func finish(root *node, defs *ordered) json.RawMessage {
	root.Schema = Draft
	if len(defs.names) > 0 {
		root.Defs = defs
	}
	b, err := json.Marshal(root)
	if err != nil {
		panic("jsonschema: " + err.Error()) // strings and numbers only: cannot happen
	}
	return b
}

package aggregate

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"

	"github.com/ringhold/ringhold/message"
)

// CatalogueFormat is the version of the catalogue's JSON. It grows with a
// change that an older reader would misunderstand; added fields are none.
const CatalogueFormat = 1

// Catalogue lists what a binary hosts: its contract with callers and with what
// is stored. A later release is compared with it before it rolls out. Its JSON
// has a stable order, so that two of them can be compared as text.
type Catalogue struct {
	Format     int                  `json:"format"` // CatalogueFormat
	Aggregates []CatalogueAggregate `json:"aggregates"`
	// Services are those without an aggregate. NewCatalogue leaves them empty;
	// who adds some calls Sort afterwards.
	Services []CatalogueService `json:"services"`
}

// CatalogueAggregate is one hosted definition.
type CatalogueAggregate struct {
	Stream     message.StreamName `json:"stream"`
	StateBased bool               `json:"state_based"`
	State      CatalogueState     `json:"state"`
	Commands   []CatalogueCommand `json:"commands"`
	Events     []CatalogueEvent   `json:"events"`
	// Retired are the events that are skipped, whatever their schema number.
	Retired []string `json:"retired,omitempty"`
}

// CatalogueState says which snapshots and state rows the binary writes and reads.
type CatalogueState struct {
	Schema   int               `json:"schema"`
	Encoding CatalogueEncoding `json:"encoding"`
	// Reads are the older schema numbers that can be restored.
	Reads []int `json:"reads,omitempty"`
}

// CatalogueCommand is a command with the JSON Schema of its requests.
type CatalogueCommand struct {
	Name   string          `json:"name"`
	Doc    string          `json:"doc,omitempty"`
	Schema json.RawMessage `json:"schema"`
}

// CatalogueEvent is an event as it is stored now, and the forms in which
// earlier releases stored it.
type CatalogueEvent struct {
	Name     string            `json:"name"`
	Schema   int               `json:"schema"`
	Encoding CatalogueEncoding `json:"encoding"`
	Former   []CatalogueFormer `json:"former,omitempty"`
}

// CatalogueFormer is a name and schema number under which an event is read.
type CatalogueFormer struct {
	Name     string            `json:"name"`
	Schema   int               `json:"schema"`
	Encoding CatalogueEncoding `json:"encoding"`
}

// CatalogueService is a service without an aggregate.
type CatalogueService struct {
	Name   message.ServiceName `json:"name"`
	Doc    string              `json:"doc,omitempty"`
	Schema json.RawMessage     `json:"schema,omitempty"` // of its requests, if they have a type
}

// CatalogueEncoding is how a payload is stored.
type CatalogueEncoding string

// The encodings of payloads.
const (
	EncodedJSON  CatalogueEncoding = "json"
	EncodedProto CatalogueEncoding = "protobuf"
)

// NewCatalogue returns the catalogue of what is hosted.
func NewCatalogue(hosted ...Hosted) Catalogue {
	c := Catalogue{Format: CatalogueFormat, Aggregates: []CatalogueAggregate{}, Services: []CatalogueService{}}
	for _, h := range hosted {
		c.Aggregates = append(c.Aggregates, h.Core().catalogue())
	}
	c.Sort()
	return c
}

// Sort puts aggregates and services into the order of their names.
func (c *Catalogue) Sort() {
	slices.SortStableFunc(c.Aggregates, func(a, b CatalogueAggregate) int { return cmp.Compare(a.Stream, b.Stream) })
	slices.SortStableFunc(c.Services, func(a, b CatalogueService) int { return cmp.Compare(a.Name, b.Name) })
}

func (c *Core) catalogue() CatalogueAggregate {
	out := CatalogueAggregate{
		Stream: c.Stream, StateBased: c.StateBased,
		State: CatalogueState{
			Schema: c.StateSchema, Encoding: encodingOf(c.stateProto),
			Reads: slices.Sorted(maps.Keys(c.restore)),
		},
		Commands: make([]CatalogueCommand, 0, len(c.commands)),
		Events:   make([]CatalogueEvent, 0, len(c.events)),
		Retired:  slices.Sorted(slices.Values(c.retired)),
	}
	for _, cmd := range c.commands {
		out.Commands = append(out.Commands, CatalogueCommand{Name: cmd.Name, Doc: cmd.Doc, Schema: cmd.RequestSchema()})
	}
	for _, k := range c.events {
		out.Events = append(out.Events, k.catalogue())
	}
	slices.SortFunc(out.Commands, func(a, b CatalogueCommand) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(out.Events, func(a, b CatalogueEvent) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Schema, b.Schema))
	})
	return out
}

func (k *kind) catalogue() CatalogueEvent {
	out := CatalogueEvent{Name: k.name, Schema: k.schema, Encoding: encodingOf(k.proto)}
	for _, old := range k.older {
		out.Former = append(out.Former, CatalogueFormer{Name: old.name, Schema: old.schema, Encoding: encodingOf(old.proto)})
	}
	slices.SortFunc(out.Former, func(a, b CatalogueFormer) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Schema, b.Schema))
	})
	return out
}

func encodingOf(isProto bool) CatalogueEncoding {
	if isProto {
		return EncodedProto
	}
	return EncodedJSON
}

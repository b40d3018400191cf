package main

import (
	"fmt"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
)

// ids are the aggregates that callers use, with the requests for them. They do
// not change.
type ids struct {
	n        int
	prefix   string
	streams  []string
	slots    []ring.Slot
	requests [][]byte
}

// newIDs makes n ids with a prefix; payload is the size of their events' data.
func newIDs(prefix string, n, payload int) *ids {
	all := &ids{n: n, prefix: prefix, streams: make([]string, n), slots: make([]ring.Slot, n), requests: make([][]byte, n)}
	note := noteFor(payload)
	for i := range n {
		id := all.id(i)
		stream := message.StreamName("accounts").Of(id)
		all.streams[i] = string(stream)
		all.slots[i] = ring.SlotOf(stream, slots)
		all.requests[i] = fmt.Appendf(nil, `{"account_id":"%s","amount":%d,"note":"%s"}`, id, amount, note)
	}
	return all
}

func (i *ids) id(n int) message.AggregateID {
	return message.AggregateID(fmt.Sprintf("%s-%07d", i.prefix, n))
}

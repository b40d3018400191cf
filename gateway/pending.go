package gateway

import (
	"context"
	"slices"
	"sync"

	"github.com/ringhold/ringhold/message"
)

// Bounds of what may wait on one link.
const (
	maxPending      = 1 << 16
	maxPendingBytes = 256 << 20
	entryBytes      = 512 // what an entry takes beside its request
)

// pending holds the messages of a link that were not answered: those to be
// sent, in the order in which they arrived, and those that were. It is safe for
// concurrent use; it calls nobody while it is locked.
type pending struct {
	mu     sync.Mutex
	unsent []*entry // in order; gone ones are passed over
	gone   int      // how many of unsent are gone
	sent   map[uint64]*entry
	last   uint64 // sequence of the current stream
	bytes  int
	up     bool
	closed bool
	wake   chan struct{} // of one: there is something to send
}

func newPending() *pending {
	return &pending{sent: map[uint64]*entry{}, wake: make(chan struct{}, 1)}
}

// add takes an entry in. If it cannot, it returns the answer instead.
func (p *pending) add(e *entry) message.Response {
	p.mu.Lock()
	defer p.mu.Unlock()
	waiting := len(p.unsent) - p.gone + len(p.sent)
	switch {
	case p.closed:
		return message.ServiceUnavailable{Service: e.m.Service, Reason: "the gateway is stopping"}
	case !p.up && !e.repeat:
		return message.TryAnotherNode{Reason: "the member cannot be reached now"}
	case waiting >= maxPending || p.bytes+e.size > maxPendingBytes:
		return message.MailboxFull{Limit: maxPending}
	}
	e.leave = context.AfterFunc(e.ctx, func() { p.abandon(e) })
	p.bytes += e.size
	p.unsent = append(p.unsent, e)
	signal(p.wake)
	return nil
}

// next returns the next entry to send, with its sequence, or nil.
func (p *pending) next() (e *entry, sequence uint64, first bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.unsent) > 0 {
		e := p.unsent[0]
		p.unsent[0] = nil
		p.unsent = p.unsent[1:]
		if e.gone {
			p.gone--
			continue
		}
		p.last++
		e.sequence = p.last
		p.sent[e.sequence] = e
		first, e.tried = !e.tried, true
		return e, e.sequence, first
	}
	p.unsent = nil
	return nil, 0, false
}

// take removes the entry that has a sequence, to be answered; nil if nobody
// waits for it any more.
func (p *pending) take(sequence uint64) *entry {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.sent[sequence]
	if e != nil {
		p.remove(e)
	}
	return e
}

// abandon removes an entry whose caller does not wait any more.
func (p *pending) abandon(e *entry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.gone {
		return
	}
	p.remove(e)
	const worth = 64
	if p.gone > worth && p.gone > len(p.unsent)/2 {
		p.unsent = slices.DeleteFunc(p.unsent, func(e *entry) bool { return e.gone })
		p.gone = 0
	}
}

// remove takes an entry out. The caller holds the lock.
func (p *pending) remove(e *entry) {
	e.gone = true
	p.bytes -= e.size
	if e.sequence != 0 {
		delete(p.sent, e.sequence)
	} else {
		p.gone++
	}
}

// opened begins a new stream, with sequences from 1 on.
func (p *pending) opened() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.up, p.last = true, 0
	signal(p.wake)
}

// down says that nothing more is sent for now.
func (p *pending) down() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.up = false
}

// broken ends the stream: what waits and may be repeated is to be sent again,
// in the same order and before all else. It returns the entries that may not
// be, for their answers.
func (p *pending) broken() (rest []*entry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.up = false
	all := p.ordered()
	p.unsent, p.gone, p.sent = nil, 0, map[uint64]*entry{}
	for _, e := range all {
		e.sequence = 0
		if e.repeat {
			p.unsent = append(p.unsent, e)
			continue
		}
		e.gone = true
		p.bytes -= e.size
		rest = append(rest, e)
	}
	return rest
}

// ordered returns all entries in the order in which they arrived. The caller
// holds the lock.
func (p *pending) ordered() []*entry {
	all := make([]*entry, 0, len(p.sent)+len(p.unsent))
	for _, e := range p.sent {
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b *entry) int { return int(a.sequence) - int(b.sequence) })
	for _, e := range p.unsent {
		if !e.gone {
			all = append(all, e)
		}
	}
	return all
}

// close refuses new entries and returns those that nobody will answer.
func (p *pending) close() []*entry {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.up, p.closed = false, true
	all := p.ordered()
	for _, e := range all {
		e.gone = true
	}
	p.unsent, p.gone, p.sent, p.bytes = nil, 0, map[uint64]*entry{}, 0
	return all
}

func (p *pending) isUp() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.up
}

// await waits until there may be something to send, or ctx ends.
func (p *pending) await(ctx context.Context) {
	select {
	case <-p.wake:
	case <-ctx.Done():
	}
}

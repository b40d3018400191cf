package gateway

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
)

// Bounds of what may wait on one link, and of what may wait for one.
const (
	maxPending      = 1 << 16
	maxPendingBytes = 256 << 20
	entryBytes      = 512 // what an entry takes beside its request
)

// taken is what became of a parcel that was given to a link.
type taken int8

const (
	takenIn   taken = iota
	takenNot        // the link is down
	takenFull       // too much waits already
)

// pending holds the parcels of a link that were not answered: those to be sent,
// in the order in which they arrived, and those that were. It is safe for
// concurrent use; it calls nobody while it is locked.
type pending struct {
	mu     sync.Mutex
	unsent []*parcel // in order; gone ones are passed over
	gone   int       // how many of unsent are gone
	sent   map[uint64]*parcel
	last   uint64 // sequence of the current stream
	bytes  int
	closed bool
	up     atomic.Bool   // written under the lock
	wake   chan struct{} // of one: there is something to send
}

func newPending() *pending {
	return &pending{sent: map[uint64]*parcel{}, wake: make(chan struct{}, 1)}
}

// add takes a parcel in, or says why not.
func (p *pending) add(one *parcel) taken {
	p.mu.Lock()
	defer p.mu.Unlock()
	waiting := len(p.unsent) - p.gone + len(p.sent)
	switch {
	case one.gone: // given up before it came here
		return takenIn
	case !p.up.Load():
		return takenNot
	case waiting >= maxPending || p.bytes+one.entry.size > maxPendingBytes:
		return takenFull
	}
	one.in = true
	p.bytes += one.entry.size
	p.unsent = append(p.unsent, one)
	signal(p.wake)
	return takenIn
}

// next returns the next parcel to send, with its sequence, or nil.
func (p *pending) next() *parcel {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.up.Load() {
		return nil
	}
	for len(p.unsent) > 0 {
		one := p.unsent[0]
		p.unsent[0] = nil
		p.unsent = p.unsent[1:]
		if one.gone {
			p.gone--
			continue
		}
		p.last++
		one.sequence = p.last
		p.sent[one.sequence] = one
		return one
	}
	p.unsent = nil
	return nil
}

// take removes the parcel that has a sequence, to be answered; nil if nobody
// waits for it any more.
func (p *pending) take(sequence uint64) *parcel {
	p.mu.Lock()
	defer p.mu.Unlock()
	one := p.sent[sequence]
	if one != nil {
		p.remove(one)
	}
	return one
}

// abandon removes a parcel for which nobody waits any more, and tells whether it
// was there.
func (p *pending) abandon(one *parcel) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if one.gone {
		return false
	}
	if !one.in {
		one.gone = true
		return true
	}
	p.remove(one)
	p.compact()
	return true
}

// recall removes a parcel that was not sent; false: it was, or is gone.
func (p *pending) recall(one *parcel) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if one.gone || one.sequence != 0 {
		return false
	}
	p.remove(one)
	p.compact()
	return true
}

// compact forgets gone ones when they are many. The caller holds the lock.
func (p *pending) compact() {
	const worth = 64
	if p.gone > worth && p.gone > len(p.unsent)/2 {
		p.unsent = slices.DeleteFunc(p.unsent, func(one *parcel) bool { return one.gone })
		p.gone = 0
	}
}

// remove takes a parcel out. The caller holds the lock.
func (p *pending) remove(one *parcel) {
	one.gone = true
	p.bytes -= one.entry.size
	if one.sequence != 0 {
		delete(p.sent, one.sequence)
	} else {
		p.gone++
	}
}

// opened begins a new stream, with sequences from 1 on; false: the link is
// closed for good.
func (p *pending) opened() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.last = 0
	p.up.Store(true)
	signal(p.wake)
	return true
}

// down takes no more, and returns what was not sent, in order.
func (p *pending) down() []*parcel {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.up.Store(false)
	rest := slices.DeleteFunc(p.unsent, func(one *parcel) bool { return one.gone })
	for _, one := range rest {
		one.gone = true
		p.bytes -= one.entry.size
	}
	p.unsent, p.gone = nil, 0
	return rest
}

// broken ends the stream and takes no more. It returns all that was not answered
// in the order in which it arrived: what has a sequence may have run.
func (p *pending) broken() []*parcel {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.up.Store(false)
	all := make([]*parcel, 0, len(p.sent)+len(p.unsent)-p.gone)
	for _, one := range p.sent {
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b *parcel) int { return int(a.sequence) - int(b.sequence) })
	for _, one := range p.unsent {
		if !one.gone {
			all = append(all, one)
		}
	}
	for _, one := range all {
		one.gone = true
	}
	p.unsent, p.gone, p.sent, p.bytes = nil, 0, map[uint64]*parcel{}, 0
	return all
}

// close takes no more, ever.
func (p *pending) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.up.Store(false)
}

// await waits until there may be something to send, or ctx ends.
func (p *pending) await(ctx context.Context) {
	select {
	case <-p.wake:
	case <-ctx.Done():
	}
}

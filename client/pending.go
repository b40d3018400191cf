package client

import (
	"container/list"
	"time"

	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
)

// pending is an item that has no answer yet.
type pending struct {
	item      Item
	req       *pb.DispatchRequest
	sequence  uint64    // of its place in the stream, kept over all connections
	deadline  time.Time // zero: none
	attempts  int
	inFlight  bool      // sent over the present link, which owes an answer
	refused   error     // why the last attempt found nobody, if it did
	since     time.Time // when the first attempt found nobody
	overtaken bool
}

// window is what a stream has sent or will send, in order. The stream's loop
// owns it.
type window struct {
	order    *list.List // of *pending
	bySeq    map[uint64]*list.Element
	perKey   map[string]int
	next     *list.Element // the next to send over the present link; nil: none
	last     uint64        // the last sequence that was given
	inFlight int           // how many answers the present link owes
	refused  map[uint64]*pending
	deadline time.Time // none of the items has an earlier one; zero: none has one
}

func newWindow() *window {
	return &window{
		order: list.New(), bySeq: map[uint64]*list.Element{},
		perKey: map[string]int{}, refused: map[uint64]*pending{},
	}
}

func (w *window) len() int { return w.order.Len() }

// add appends an item.
func (w *window) add(p *pending) {
	w.last++
	p.sequence = w.last
	e := w.order.PushBack(p)
	w.bySeq[p.sequence] = e
	if p.item.Key != "" {
		w.perKey[p.item.Key]++
	}
	if w.next == nil {
		w.next = e
	}
	w.deadline = earlier(w.deadline, p.deadline)
}

// get returns an item that has no answer; nil if there is none of that number.
func (w *window) get(sequence uint64) *pending {
	if e := w.bySeq[sequence]; e != nil {
		return e.Value.(*pending)
	}
	return nil
}

// toSend returns the next item for the present link; nil if there is none.
func (w *window) toSend() *pending {
	if w.next == nil {
		return nil
	}
	return w.next.Value.(*pending)
}

// sent notes that the next item went over the present link.
func (w *window) sent() {
	p := w.toSend()
	p.attempts++
	p.inFlight, p.refused = true, nil
	w.inFlight++
	w.next = w.next.Next()
}

// lands notes that the present link owes no answer to p any more.
func (w *window) lands(p *pending) {
	if p.inFlight {
		p.inFlight = false
		w.inFlight--
	}
}

// refuse keeps an item whose attempt found nobody to run it, and returns for
// how long that is so.
func (w *window) refuse(p *pending, why error) time.Duration {
	w.lands(p)
	if p.since.IsZero() {
		p.since = time.Now()
	}
	p.refused = why
	w.refused[p.sequence] = p
	return time.Since(p.since)
}

// remove takes an item out that has its answer.
func (w *window) remove(p *pending) {
	w.lands(p)
	e := w.bySeq[p.sequence]
	if w.next == e {
		w.next = e.Next()
	}
	w.order.Remove(e)
	delete(w.bySeq, p.sequence)
	delete(w.refused, p.sequence)
	if p.item.Key != "" {
		if w.perKey[p.item.Key]--; w.perKey[p.item.Key] == 0 {
			delete(w.perKey, p.item.Key)
		}
	}
}

// overtake marks the refused items of p's key that stand before it: p ran first.
func (w *window) overtake(p *pending) {
	if p.item.Key == "" {
		return
	}
	for _, r := range w.refused {
		if r.sequence < p.sequence && r.item.Key == p.item.Key {
			r.overtaken = true
		}
	}
}

// rewind prepares for another link: everything is to be sent, from the first on.
func (w *window) rewind() {
	for e := w.order.Front(); e != nil; e = e.Next() {
		w.lands(e.Value.(*pending))
	}
	w.next = w.order.Front()
}

// each calls f for every item, in order; f may remove it.
func (w *window) each(f func(*pending)) {
	for e := w.order.Front(); e != nil; {
		p := e.Value.(*pending)
		e = e.Next()
		f(p)
	}
}

// earlier returns the earlier of two times; zero is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

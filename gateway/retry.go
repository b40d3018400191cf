package gateway

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/ringhold/ringhold/message"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
	"github.com/ringhold/ringhold/ring"
)

const (
	// budgetPause is how soon a route asks again whether there is budget for it, or
	// up to twice as late: in an outage very many ask.
	budgetPause = 50 * time.Millisecond
	// sweepPause is the least time between two looks at all that rest.
	sweepPause = 5 * time.Millisecond
)

// start sends all messages of a route on which nothing is flying, in order, to
// the owner; or has it rest until it may. The caller holds the shard's lock.
func (r *routes) start(sh *routeShard, rt *route) {
	rt.holding = false
	target := r.target(rt)
	if target == nil {
		sh.rest(rt, time.Time{})
		return
	}
	if rt.denied {
		rt.denied = false
		if rt.quick == maxQuick || target == rt.refused {
			r.restFor(sh, rt, rt.backOff())
			return
		}
		rt.quick++
	}
	if n := rt.charged(); n > 0 && !r.budget.take(n, len(r.gateway.members.table.Load().links)) {
		r.gateway.stats.exhausted.Add(1)
		r.restFor(sh, rt, budgetPause+rand.N(budgetPause))
		return
	}
	sh.wakeUp(rt)
	rt.link, rt.hint, rt.detour = target, "", time.Time{}
	for e := rt.head; e != nil; e = e.after {
		switch outcome := r.give(rt, e); {
		case outcome == takenIn:
			continue
		case rt.flying > 0:
			rt.holding = true
		case outcome == takenFull:
			r.restFor(sh, rt, rt.backOff())
		default: // the link goes down, which makes another table
			sh.rest(rt, time.Time{})
		}
		return
	}
}

func (r *routes) restFor(sh *routeShard, rt *route, d time.Duration) {
	sh.rest(rt, time.Now().Add(d))
	signal(r.poke)
}

// target returns the link that a route is to take now; nil if there is none.
func (r *routes) target(rt *route) *link {
	t := r.gateway.members.table.Load()
	if l := t.links[rt.hint]; l != nil && l != rt.refused && l.isUp() {
		return l
	}
	if l := t.owner(r.slotOf(rt)); l != nil && l.isUp() {
		return l
	}
	return nil
}

// answered takes the answer of a member to a message for an aggregate: its
// caller's, unless it is not the last word.
func (r *routes) answered(p *parcel, resp message.Response, by *pb.Served) {
	switch why := resp.(type) { //nolint:gochecksumtype // all others are for the caller
	case message.NotOwner:
		r.refused(p, retryNotOwner, ring.MemberID(why.Owner))
		r.refresh(why)
		return
	case message.OutOfOrder:
		r.refused(p, retryOutOfOrder, "")
		return
	case message.TryAnotherNode:
		r.refused(p, retryElsewhere, "")
		return
	}
	if !r.gateway.epochs.accept(by, r.gateway.ring(), time.Now) {
		r.gateway.stats.lowerEpochs.Add(1)
		p.link.log.LogAttrs(p.entry.ctx, slog.LevelDebug, "an answer of an ended ownership is refused, the message is sent again",
			slog.String("message_id", string(p.entry.m.ID)), slog.Uint64("slot", uint64(by.GetSlot())), slog.Uint64("epoch", by.GetEpoch()))
		r.refused(p, retryLowerEpoch, "")
		return
	}
	e := p.entry
	e.shard.mu.Lock()
	current := !e.done && e.parcel == p
	if current {
		e.route.settled()
		r.drop(e.shard, e.route, e)
	}
	e.shard.mu.Unlock()
	if current {
		e.noteServed(by)
		e.answer(resp)
	}
}

// refused has a message sent again, with all those behind it. Except in an
// answer of a lower epoch the member has not begun to run it.
func (r *routes) refused(p *parcel, why retry, hint ring.MemberID) {
	e := p.entry
	e.shard.mu.Lock()
	defer e.shard.mu.Unlock()
	if e.done || e.parcel != p {
		return
	}
	r.gateway.stats.retries[why].Add(1)
	rt := e.route
	r.takeOff(rt, e)
	if why == retryLowerEpoch {
		e.lost = true
	} else if !e.lost {
		e.noteRan(false)
	}
	if !rt.denied {
		rt.denied, rt.holding = true, true
		r.recall(rt)
	}
	if why != retryOutOfOrder {
		rt.refused, rt.hint = p.link, hint
	}
	if rt.flying == 0 {
		r.start(e.shard, rt)
	}
}

// takeOff takes a message off its parcel.
func (r *routes) takeOff(rt *route, e *entry) {
	e.parcel = nil
	rt.flying--
	r.wait(e) // it was let in
}

// recall takes back what was given to the link and not sent: nothing is sent
// behind what was refused.
func (r *routes) recall(rt *route) {
	for e := rt.head; e != nil; e = e.after {
		if e.parcel != nil && rt.link.pending.recall(e.parcel) {
			r.takeOff(rt, e)
		}
	}
}

// lost has a message sent again that a link has let go of. If it was sent it may
// have run, and its first such loss is not charged: else the death of a busy
// member would be felt for as long as the budget takes to grow.
func (r *routes) lost(p *parcel, why retry) {
	e := p.entry
	e.shard.mu.Lock()
	defer e.shard.mu.Unlock()
	if e.done || e.parcel != p {
		return
	}
	rt := e.route
	r.takeOff(rt, e)
	if p.sequence != 0 && e.sent {
		r.gateway.stats.retries[why].Add(1)
		e.free, e.lost = !e.lost, true
	}
	rt.holding = true
	if rt.flying == 0 {
		r.start(e.shard, rt)
	}
}

// refresh asks for a newer view if a member knows one.
func (r *routes) refresh(why message.NotOwner) {
	cluster, can := r.gateway.cfg.Cluster.(Refresher)
	if !can {
		return
	}
	known := r.gateway.ring()
	if known == nil || why.RingVersion > uint64(known.Version) ||
		why.Owner != "" && r.gateway.members.linkOf(ring.MemberID(why.Owner)) == nil {
		cluster.Refresh()
	}
}

// changed lets routes go on that have waited for another table, and those that
// were refused by somebody who is not their owner any more.
func (r *routes) changed() {
	for i := range r.shards {
		sh := &r.shards[i]
		sh.mu.Lock()
		for at := len(sh.resting) - 1; at >= 0; at-- { // who goes on makes room for one that was looked at
			rt := sh.resting[at]
			owner := r.owner(rt)
			if rt.due.IsZero() || rt.refused != nil && owner != nil && owner != rt.refused && owner.isUp() {
				r.start(sh, rt)
			}
		}
		sh.mu.Unlock()
	}
}

// pace lets routes go on whose time has come, until ctx ends.
func (r *routes) pace(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.poke:
		case <-timer.C:
		}
		next := r.sweep(time.Now())
		wait(ctx, sweepPause)
		if !next.IsZero() {
			timer.Reset(max(time.Until(next), 0))
		}
	}
}

// sweep lets those go on that are due, and returns when the next one is.
func (r *routes) sweep(now time.Time) (next time.Time) {
	for i := range r.shards {
		sh := &r.shards[i]
		sh.mu.Lock()
		for at := len(sh.resting) - 1; at >= 0; at-- {
			rt := sh.resting[at]
			if !rt.due.IsZero() && !rt.due.After(now) {
				r.start(sh, rt)
			}
			if rt.resting && !rt.due.IsZero() && (next.IsZero() || rt.due.Before(next)) {
				next = rt.due
			}
		}
		sh.mu.Unlock()
	}
	return next
}

// close answers what waits, and lets nothing in any more.
func (r *routes) close() {
	var left []*entry
	for i := range r.shards {
		sh := &r.shards[i]
		sh.mu.Lock()
		sh.closed = true
		for _, rt := range sh.routes {
			for e := rt.head; e != nil; e = e.after {
				e.done = true
				left = append(left, e)
			}
		}
		sh.routes, sh.resting = nil, nil
		sh.mu.Unlock()
	}
	for _, e := range left {
		e.answer(unanswered(e, e.lost, "the gateway is stopping"))
	}
}

// unanswered is the answer to what no member will answer: if it may have run,
// that there is none.
func unanswered(e *entry, ran bool, reason string) message.Response {
	if ran {
		return message.ServiceTimeout{Service: e.m.Service, MessageID: e.m.ID, Timeout: max(time.Since(e.m.InvokedAt), 0)}
	}
	return message.ServiceUnavailable{Service: e.m.Service, Reason: reason}
}

// answered takes a member's answer.
func (g *Gateway) answered(p *parcel, resp message.Response, by *pb.Served) {
	if p.entry.route != nil {
		g.routes.answered(p, resp, by)
		return
	}
	p.entry.noteServed(by)
	p.entry.answer(resp)
}

// takeBack routes again what a link has let go of. A service without an
// aggregate has no memory of message ids: what may have run is not run again.
func (g *Gateway) takeBack(all []*parcel, why retry) {
	for _, p := range all {
		switch e := p.entry; {
		case e.route != nil:
			g.routes.lost(p, why)
		case p.sequence != 0:
			e.answer(unanswered(e, true, ""))
		default:
			e.answer(message.TryAnotherNode{Reason: errNowhere.Error()})
		}
	}
}

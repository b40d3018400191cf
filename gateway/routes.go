package gateway

import (
	"context"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ringhold/ringhold/dispatch"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
)

// routeShards is over how many locks the routes are spread.
const routeShards = 64

// maxSpareRoutes is how many routes a shard keeps for later use.
const maxSpareRoutes = 64

// routes has the route of each aggregate that has unanswered messages. It is the
// [dispatch.Node] of all services with an aggregate.
//
// A shard's lock may be held while a link's pending is locked, never the other
// way round.
type routes struct {
	gateway *Gateway
	seed    maphash.Seed
	shards  [routeShards]routeShard
	budget  *budget
	poke    chan struct{} // of one: the pacer has something to wait for

	waiting      atomic.Int64 // messages in no parcel
	waitingBytes atomic.Int64
}

type routeShard struct {
	mu      sync.Mutex
	routes  map[message.Stream]*route
	resting []*route
	spare   []*route
	closed  bool
	fresh   atomic.Uint64 // messages that were taken in
	_       [24]byte      // two shards share no cache line
}

var _ dispatch.Node = (*routes)(nil)

func newRoutes(g *Gateway) *routes {
	r := &routes{gateway: g, seed: maphash.MakeSeed(), poke: make(chan struct{}, 1)}
	r.budget = newBudget(r.taken)
	for i := range r.shards {
		r.shards[i].routes = map[message.Stream]*route{}
	}
	return r
}

// taken counts the messages that were taken in.
func (r *routes) taken() (n uint64) {
	for i := range r.shards {
		n += r.shards[i].fresh.Load()
	}
	return n
}

func (r *routes) shardOf(key message.Stream) *routeShard {
	return &r.shards[maphash.String(r.seed, string(key))%routeShards]
}

// ID returns the gateway's name: which member runs a message is not known before
// it is answered.
func (r *routes) ID() string { return r.gateway.cfg.Node }

// Dispatch takes a message to the owner of its aggregate, however often that
// changes meanwhile; see [dispatch.Node].
func (r *routes) Dispatch(ctx context.Context, m *message.Message, reply func(message.Response)) {
	e := &entry{ctx: ctx, m: m, reply: reply, size: m.Raw.Size() + entryBytes, served: servedOf(ctx)}
	key := m.Aggregate.Stream.Of(m.Aggregate.ID)
	sh := r.shardOf(key)
	e.shard = sh
	sh.fresh.Add(1)
	sh.mu.Lock()
	refused := r.admit(sh, key, e)
	sh.mu.Unlock()
	if refused != nil {
		e.reply(refused)
	}
}

// admit takes a message in, or answers it. The caller holds the shard's lock.
func (r *routes) admit(sh *routeShard, key message.Stream, e *entry) message.Response {
	if sh.closed {
		return message.ServiceUnavailable{Service: e.m.Service, Reason: "the gateway is stopping"}
	}
	rt := sh.routes[key]
	if rt == nil {
		rt = sh.open(key)
	}
	rt.append(e)
	switch {
	case rt.flying == 0 && !rt.resting:
		r.start(sh, rt)
	case rt.flying > 0 && !rt.holding && !r.detours(rt):
		switch r.give(rt, e) {
		case takenIn:
		case takenNot:
			rt.holding = true
		case takenFull:
			r.drop(sh, rt, e)
			return message.MailboxFull{Limit: maxPending}
		}
	default:
		rt.holding = rt.flying > 0
	}
	if e.parcel == nil && !r.wait(e) {
		r.drop(sh, rt, e)
		return message.MailboxFull{Limit: maxPending}
	}
	e.leave = context.AfterFunc(e.ctx, func() { r.abandon(e) })
	return nil
}

func (sh *routeShard) open(key message.Stream) *route {
	var rt *route
	if n := len(sh.spare); n > 0 {
		rt = sh.spare[n-1]
		sh.spare = sh.spare[:n-1]
	} else {
		rt = new(route)
	}
	rt.key = key
	sh.routes[key] = rt
	return rt
}

// close forgets a route without messages.
func (sh *routeShard) close(rt *route) {
	delete(sh.routes, rt.key)
	sh.wakeUp(rt)
	*rt = route{}
	if len(sh.spare) < maxSpareRoutes {
		sh.spare = append(sh.spare, rt)
	}
}

// rest has a route wait until a time, or for another table.
func (sh *routeShard) rest(rt *route, due time.Time) {
	rt.due, rt.holding = due, false
	if rt.resting {
		return
	}
	rt.resting, rt.at = true, len(sh.resting)
	sh.resting = append(sh.resting, rt)
}

func (sh *routeShard) wakeUp(rt *route) {
	if !rt.resting {
		return
	}
	last := sh.resting[len(sh.resting)-1]
	sh.resting[rt.at], last.at = last, rt.at
	sh.resting[len(sh.resting)-1] = nil
	sh.resting = sh.resting[:len(sh.resting)-1]
	rt.resting = false
}

// give puts a message on the way that its route has.
func (r *routes) give(rt *route, e *entry) taken {
	p := e.nextParcel(rt.link)
	e.slot = uint32(r.slotOf(rt))
	outcome := rt.link.pending.add(p)
	if outcome != takenIn {
		return outcome
	}
	e.parcel = p
	rt.flying++
	r.unwait(e)
	return takenIn
}

// slotOf finds the slot of a route, once a ring is known: the number of slots
// never changes.
func (r *routes) slotOf(rt *route) ring.Slot {
	if known := r.gateway.ring(); !rt.slotted && known != nil {
		rt.slot, rt.slotted = ring.SlotOf(rt.key, known.Slots), true
	}
	return rt.slot
}

// detours tells whether the route has led past the owner for too long.
func (r *routes) detours(rt *route) bool {
	owner := r.owner(rt)
	if owner == rt.link || owner == nil || !owner.isUp() {
		rt.detour = time.Time{}
		return false
	}
	now := time.Now()
	if rt.detour.IsZero() {
		rt.detour = now
	}
	return now.Sub(rt.detour) >= maxDetour
}

func (r *routes) owner(rt *route) *link {
	return r.gateway.members.table.Load().owner(r.slotOf(rt))
}

// wait counts a message that is in no parcel; false: there are too many.
func (r *routes) wait(e *entry) bool {
	e.waiting = true
	e.noteWaited()
	n, bytes := r.waiting.Add(1), r.waitingBytes.Add(int64(e.size))
	return n <= maxPending && bytes <= maxPendingBytes
}

func (r *routes) unwait(e *entry) {
	if e.waiting {
		e.waiting = false
		r.waiting.Add(-1)
		r.waitingBytes.Add(-int64(e.size))
	}
}

// drop takes a message out, which is answered or given up. The caller holds the
// shard's lock.
func (r *routes) drop(sh *routeShard, rt *route, e *entry) {
	e.done = true
	rt.remove(e)
	r.unwait(e)
	if e.parcel != nil {
		rt.flying--
	}
	switch {
	case rt.head == nil:
		sh.close(rt)
	case rt.flying == 0 && !rt.resting: // it was held up for this one
		r.start(sh, rt)
	}
}

// abandon forgets a message for which nobody waits any more.
func (r *routes) abandon(e *entry) {
	sh := e.shard
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if e.done {
		return
	}
	if e.parcel != nil {
		e.parcel.link.pending.abandon(e.parcel)
	}
	r.drop(sh, e.route, e)
}

// sending is called when a parcel is about to be sent. It returns the message
// that it has to run behind, and whether it is the first attempt; current is
// false if it is not to be sent any more.
func (r *routes) sending(p *parcel) (prev message.ID, first, current bool) {
	e := p.entry
	sh := e.shard
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if e.done || e.parcel != p {
		return "", false, false
	}
	if before := e.route.predecessor(e); before != nil {
		prev = before.m.ID
	}
	first, e.sent, e.free = !e.sent, true, false
	e.noteRan(true)
	return prev, first, true
}

// Authorized asks the owner; see [dispatch.Node].
func (r *routes) Authorized(ctx context.Context, m *message.Message) (bool, message.Response, error) {
	owner := r.gateway.owner(m.Aggregate.Stream, m.Aggregate.ID)
	if owner == nil {
		return false, nil, errNowhere
	}
	return owner.Authorized(ctx, m)
}

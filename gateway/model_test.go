package gateway

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
)

// seeds of the random test, and what each runs with.
const (
	modelSeeds    = 200
	modelStreams  = 3
	modelAccounts = 4
	modelMessages = 60 // of each stream
	modelFaults   = 12
)

// model is a small group of members: who owns what, in one place, and what was
// stored. Members run messages, or forward them, or refuse them; they die, are
// cut off, hand slots over, and wake from pauses in which they were deposed.
type model struct {
	*town
	random *rand.Rand

	mu      sync.Mutex
	owner   []ring.MemberID // of each slot, as the store has it
	epoch   []uint64
	dead    map[ring.MemberID]bool
	stored  map[string][]string        // by account, in order
	known   map[string]map[string]bool // the same
	queues  map[string][]*arrival      // of a member and an account
	view    View
	version ring.Number
	next    int // of members
	stats   map[string]int
}

func (w *model) chance(n int) bool { return w.random.IntN(n) == 0 }

// take is called when a message reaches a member: it stands behind the others of
// its account there.
func (w *model) take(a *arrival) {
	w.mu.Lock()
	defer w.mu.Unlock()
	key := string(a.node.id) + "/" + a.req.GetRouting().GetAggregateId()
	w.queues[key] = append(w.queues[key], a)
	if len(w.queues[key]) == 1 {
		go w.work(key)
	}
}

// work runs what a member has for an account, one after the other.
func (w *model) work(key string) {
	for {
		w.mu.Lock()
		queue := w.queues[key]
		if len(queue) == 0 {
			w.mu.Unlock()
			return
		}
		a, pause := queue[0], time.Duration(w.random.IntN(4000))*time.Microsecond
		w.mu.Unlock()
		pass(pause)
		w.mu.Lock()
		r, epoch := w.run(a, a.node.id)
		w.queues[key] = w.queues[key][1:]
		w.mu.Unlock()
		a.reply(r, epoch)
	}
}

// run decides a message at a member. The caller holds the lock.
func (w *model) run(a *arrival, at ring.MemberID) (message.Response, uint64) {
	account, slot := a.req.GetRouting().GetAggregateId(), a.req.GetRouting().GetSlot()
	owner := w.owner[slot]
	prev := a.req.GetRouting().GetPrevMessageId()
	switch {
	case w.dead[at]:
		return w.stale(ring.Slot(slot))
	case prev != "" && !w.known[account][prev]:
		w.stats["out of order"]++
		return message.OutOfOrder{}, 0
	case owner == at:
	case w.dead[owner] || w.chance(4):
		w.stats["not owner, no hint"]++
		return message.NotOwner{Slot: slot}, 0
	case w.chance(3):
		w.stats["not owner"]++
		return message.NotOwner{Slot: slot, Owner: string(owner), RingVersion: uint64(w.version)}, 0
	default: // the owner runs it, on behalf
		w.stats["forwarded"]++
	}
	if !w.known[account][a.id()] {
		w.stored[account] = append(w.stored[account], a.id())
		if w.known[account] == nil {
			w.known[account] = map[string]bool{}
		}
		w.known[account][a.id()] = true
	} else {
		w.stats["repeated"]++
	}
	return message.OK{}, w.epoch[slot]
}

// stale is what a member answers that was deposed while it was paused, and does
// not know: from memory, in the epoch that it had. What the gateway cannot know
// to be stale is left out. The caller holds the lock.
func (w *model) stale(slot ring.Slot) (message.Response, uint64) {
	seen := w.gateway.epochs.slots.Load()
	if old := w.epoch[slot] - 1; seen != nil && old > 0 && (*seen)[slot].highest.Load() > old {
		w.stats["stale answer"]++
		return message.NotFound{}, old
	}
	return message.NotOwner{}, 0
}

// publish tells the gateway the view as it is now. The caller holds the lock.
func (w *model) publish() { w.cluster.set(w.view) }

// adopt gives the slots of those that are not there to the effective owners.
// The caller holds the lock.
func (w *model) adopt() {
	var live []ring.Live
	for _, m := range w.view.Members {
		live = append(live, ring.Live{ID: m.ID, Leaving: m.Leaving})
	}
	for s, id := range ring.Owners(w.view.Ring, testSlots, live) {
		if w.dead[w.owner[s]] || w.owner[s] == "" {
			w.owner[s] = id
			w.epoch[s]++
		}
	}
}

// reassign makes a ring of the members that stay, and hands over slot by slot.
// The caller holds the lock.
func (w *model) reassign() {
	previous := *w.view.Ring
	r, err := ring.Assign(&previous, w.view.Members, nil)
	if err != nil {
		return
	}
	w.version = r.Version
	w.view.Ring = r
}

func (w *model) handOver() {
	for s := range testSlots {
		w.mu.Lock()
		m, ok := w.view.Ring.Owner(ring.Slot(s))
		if ok && m.ID != w.owner[s] && !w.dead[m.ID] {
			w.owner[s] = m.ID
			w.epoch[s]++
		}
		w.mu.Unlock()
		if s%4 == 0 {
			pass(time.Millisecond)
		}
	}
}

// join adds a member. The caller holds the lock.
func (w *model) join() {
	id := ring.MemberID(fmt.Sprint("m", w.next))
	w.next++
	w.town.mu.Lock()
	w.nodes[id] = &node{id: id, handle: w.take}
	w.town.mu.Unlock()
	w.view.Members = append(slices.Clone(w.view.Members), ring.Member{ID: id})
	w.view.Membership++
}

// kill ends a member: its streams break, and a while later it is deposed.
func (w *model) kill(id ring.MemberID) {
	w.mu.Lock()
	w.dead[id] = true
	w.mu.Unlock()
	n := w.nodes[id]
	n.locked(func() { n.refuses = true })
	n.reset()
	w.bury(id)
}

// bury deposes a member that is dead, or is taken for dead.
func (w *model) bury(id ring.MemberID) {
	pass(time.Duration(w.random.IntN(2000)) * time.Millisecond)
	w.depose(id)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.chance(2) {
		w.reassign()
	}
	w.publish()
}

// depose has others adopt what a member owned.
func (w *model) depose(id ring.MemberID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dead[id] = true
	w.view.Members = slices.DeleteFunc(slices.Clone(w.view.Members), func(m ring.Member) bool { return m.ID == id })
	w.view.Membership++
	w.adopt()
}

func (w *model) count(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stats[what]++
}

// fault does one thing to the group.
func (w *model) fault() {
	w.mu.Lock()
	var stay []ring.MemberID
	for _, m := range w.view.Members {
		if !m.Leaving {
			stay = append(stay, m.ID)
		}
	}
	w.mu.Unlock()
	id, kind := stay[w.random.IntN(len(stay))], w.random.IntN(6)
	if len(stay) < 2 {
		kind = 0
	}
	switch kind {
	case 0, 1:
		w.mu.Lock()
		w.join()
		w.reassign()
		w.publish()
		w.mu.Unlock()
		w.handOver()
		w.count("join")
	case 2:
		w.kill(id)
		w.count("kill")
	case 3:
		w.nodes[id].reset() // the connection only
		w.count("reset")
	case 4: // cut off, maybe for so long that it is deposed
		w.nodes[id].cut(true)
		pass(time.Duration(w.random.IntN(2500)) * time.Millisecond)
		if w.chance(2) { // it wakes up before the gateway hears that it is deposed
			w.depose(id)
			pass(time.Second)
			w.nodes[id].cut(false)
			pass(time.Duration(w.random.IntN(1500)) * time.Millisecond)
			w.mu.Lock()
			w.publish()
			w.mu.Unlock()
		}
		w.nodes[id].cut(false)
		w.count("cut")
	case 5:
		w.mu.Lock()
		w.view.Members = slices.Clone(w.view.Members)
		for i, m := range w.view.Members {
			if m.ID == id {
				w.view.Members[i].Leaving = true
			}
		}
		w.view.Membership++
		w.reassign()
		w.publish()
		w.mu.Unlock()
		w.handOver()
		w.kill(id)
		w.count("leave")
	}
}

func newModel(t *testing.T, seed uint64) *model {
	w := &model{
		town: startTown(t, "m0", "m1", "m2"), random: rand.New(&locked{source: rand.NewPCG(seed, 1)}), //nolint:gosec // it has to repeat
		owner: make([]ring.MemberID, testSlots), epoch: make([]uint64, testSlots),
		dead: map[ring.MemberID]bool{}, stored: map[string][]string{}, known: map[string]map[string]bool{},
		queues: map[string][]*arrival{}, next: 3, stats: map[string]int{},
	}
	for _, n := range w.nodes {
		n.handle = w.take
	}
	w.view = View{Ring: &ring.Ring{Version: 1, Slots: testSlots}, Membership: 1}
	for i := range 3 {
		w.view.Members = append(w.view.Members, ring.Member{ID: ring.MemberID(fmt.Sprint("m", i))})
	}
	w.reassign()
	w.adopt()
	w.publish()
	return w
}

// locked is a source for several goroutines.
type locked struct {
	mu     sync.Mutex
	source rand.Source
}

func (l *locked) Uint64() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.source.Uint64()
}

// Whatever happens to members, each message is answered once, and ok; and the
// messages of one stream to one account are stored once each, in the order in
// which they were sent.
func TestRandomFaults(t *testing.T) {
	total, seeds := map[string]int{}, uint64(modelSeeds)
	if testing.Short() {
		seeds /= 10
	}
	for seed := range seeds {
		inTown(t, func(t *testing.T) {
			w := newModel(t, seed)
			defer w.stop()
			w.check(w.load())
			for what, n := range w.stats {
				total[what] += n
			}
			for what, n := range w.gateway.Stats().Retries {
				total["retry "+what] += int(n)
			}
		})
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	t.Logf("%d seeds: %v", seeds, total)
	for _, what := range []string{
		"out of order", "not owner", "not owner, no hint", "forwarded", "repeated", "join", "kill", "reset", "cut", "leave",
		"retry link_broken", "retry lower_epoch", "retry not_owner", "retry out_of_order",
	} {
		if total[what] == 0 && !testing.Short() {
			t.Errorf("%q never happened", what)
		}
	}
}

// load sends what the streams have to send while faults happen, and waits for the
// answers.
func (w *model) load() map[string][]*sent {
	all := make([]map[string][]*sent, modelStreams+1)
	var running sync.WaitGroup
	for n := range all {
		all[n] = map[string][]*sent{}
		running.Go(func() {
			stream := &conversation{}
			if n == modelStreams { // the last one makes calls of its own
				stream = nil
			}
			for i := range modelMessages {
				account := fmt.Sprint("acc", w.random.IntN(modelAccounts))
				key := fmt.Sprintf("%d/%s", n, account)
				all[n][key] = append(all[n][key], w.send(stream, account, fmt.Sprintf("%s/%d", key, i), long))
				if w.chance(3) {
					pass(time.Duration(w.random.IntN(300)) * time.Millisecond)
				}
			}
		})
	}
	for range modelFaults {
		w.fault()
		pass(time.Duration(w.random.IntN(200)) * time.Millisecond)
	}
	running.Wait()
	pass(long)
	synctest.Wait()
	out := map[string][]*sent{}
	for _, one := range all {
		for key, messages := range one {
			out[key] = messages
		}
	}
	return out
}

func (w *model) check(all map[string][]*sent) {
	place := map[string]int{}
	for _, ids := range w.stored {
		for i, id := range ids {
			if _, twice := place[id]; twice {
				w.t.Errorf("message %s is stored twice", id)
			}
			place[id] = i
		}
	}
	for key, messages := range all {
		last := -1
		for _, m := range messages {
			if m.outcome() != "ok" || m.times.Load() != 1 {
				w.t.Errorf("message %s is answered %q, %d times", m.id, m.outcome(), m.times.Load())
			}
			at, is := place[m.id]
			if !is {
				w.t.Errorf("message %s is not stored", m.id)
			}
			if key[0] != byte('0'+modelStreams) && at < last {
				w.t.Errorf("message %s is stored at %d, its predecessor at %d", m.id, at, last)
			}
			last = at
		}
	}
	if n := w.gateway.Stats().Waiting; n != 0 {
		w.t.Errorf("%d messages wait when all are answered", n)
	}
}

package gateway

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/ringhold/ringhold/dispatch"
	"github.com/ringhold/ringhold/message"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
	"github.com/ringhold/ringhold/ring"
)

// members are the links to the members of the newest view, and what they offer
// together. They follow the view: a link is made for who joins, and ended for
// who is dead.
type members struct {
	gateway  *Gateway
	registry *dispatch.Registry
	table    atomic.Pointer[table]
	now      atomic.Pointer[catalogue]

	any   atomic.Bool // one has told its services at least
	stale atomic.Bool // the table is not of today

	mu    sync.Mutex
	view  View
	known bool // there was a view
	links map[ring.MemberID]*link
	told  map[ring.MemberID][]*pb.ServiceInfo
	// departed are dead members that the registry still has.
	departed []ring.MemberID

	settled chan struct{} // closed when each member has told, or has failed once
	first   sync.Once
}

// catalogue is what all members offer together. It never changes.
type catalogue struct{ services []*pb.ServiceInfo } // sorted by name

func newMembers(g *Gateway) *members {
	m := &members{
		gateway: g, registry: g.registry, links: map[ring.MemberID]*link{},
		told: map[ring.MemberID][]*pb.ServiceInfo{}, settled: make(chan struct{}),
	}
	m.table.Store(newTable(View{}, nil))
	m.now.Store(&catalogue{})
	return m
}

// follow takes a view, unless it is older than what is known. Links run until
// life ends or their members are gone.
func (m *members) follow(life context.Context, next View) {
	gone, ok := m.take(life, next)
	if !ok {
		return
	}
	for _, l := range gone {
		l.stop()
	}
	m.changed()
	m.gateway.updateHealth()
}

func (m *members) take(life context.Context, next View) (gone []*link, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if life.Err() != nil {
		return nil, false
	}
	if old := m.view.Ring; old != nil && next.Ring != nil && old.Slots != next.Ring.Slots {
		m.gateway.cfg.Logger.ErrorContext(life, "a ring of another number of slots is not of this group, and is ignored",
			slog.Int("slots", old.Slots), slog.Int("ignored", next.Ring.Slots), slog.Int64("version", int64(next.Ring.Version)))
		next.Ring = old
	}
	merged, ok := m.view.Merge(next)
	if !ok {
		return nil, false
	}
	m.view, m.known = merged, true
	links := make(map[ring.MemberID]*link, len(merged.Members))
	for _, member := range merged.Members {
		l := m.links[member.ID]
		if l == nil || l.member.Address != member.Address {
			l = m.start(life, member)
		}
		links[member.ID] = l
	}
	for id, l := range m.links {
		if links[id] != l {
			gone = append(gone, l)
			delete(m.told, id)
		}
		if links[id] == nil {
			m.departed = append(m.departed, id)
		}
	}
	m.links = links
	m.forget()
	m.publish()
	return gone, true
}

// forget removes dead members from the registry, unless nobody else offers
// anything: services do not cease to exist with their members. The caller holds
// the lock.
func (m *members) forget() {
	if len(m.told) == 0 {
		return
	}
	for _, id := range m.departed {
		m.registry.Leave(string(id))
	}
	m.departed = nil
}

// start makes a link. The caller holds the lock.
func (m *members) start(life context.Context, member ring.Member) *link {
	l := newLink(member, m.gateway)
	ctx, stop := context.WithCancel(life)
	l.stop = stop
	m.gateway.running.Go(func() {
		defer stop()
		l.run(ctx)
	})
	return l
}

// changed reckons anew who owns what, and has what waited for that go on. It is
// called when a view was taken, and after a link went up or down.
func (m *members) changed() {
	m.stale.Store(true)
	m.mu.Lock()
	if m.stale.Swap(false) { // else somebody has done it meanwhile, for us too
		m.table.Store(newTable(m.view, m.links))
	}
	if m.isSettled() {
		m.first.Do(func() { close(m.settled) })
	}
	m.mu.Unlock()
	m.gateway.routes.changed()
}

// isSettled tells whether it is known of each member what it offers, or that it
// cannot be reached. The caller holds the lock.
func (m *members) isSettled() bool {
	if !m.known || len(m.links) > 0 && len(m.told) == 0 {
		return false
	}
	for id, l := range m.links {
		if _, told := m.told[id]; !told && !l.failed.Load() {
			return false
		}
	}
	return true
}

// await returns when every member that can be reached has told its services, or
// after d.
func (m *members) await(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-m.settled:
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// haveTold reports whether any member has told its services yet: before that
// nobody can say that there is no such service.
func (m *members) haveTold() bool { return m.any.Load() }

// linkOf returns the link to a member, or nil.
func (m *members) linkOf(id ring.MemberID) *link { return m.table.Load().links[id] }

// learn takes what a member offers, each time that it is connected.
func (m *members) learn(l *link, services []*pb.ServiceInfo) {
	if m.note(l, services) {
		m.any.Store(true)
	}
	m.changed()
	m.gateway.updateHealth()
}

// note keeps what a member offers; false: the member is gone meanwhile.
func (m *members) note(l *link, services []*pb.ServiceInfo) bool {
	announced := make([]dispatch.Announcement, len(services))
	for i, s := range services {
		announced[i] = announcement(s)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.links[l.member.ID] != l {
		return false
	}
	m.registry.Join(l, announced)
	m.told[l.member.ID] = services
	m.forget()
	m.publish()
	return true
}

// publish makes what was told visible, unless it was before; what was offered
// last stays when nobody is left. The caller holds the lock.
func (m *members) publish() {
	if len(m.told) == 0 {
		return
	}
	byName := map[string]*pb.ServiceInfo{}
	for _, id := range slices.Sorted(maps.Keys(m.told)) {
		for _, s := range m.told[id] {
			byName[s.GetName()] = s
		}
	}
	next := &catalogue{services: slices.SortedFunc(maps.Values(byName), func(a, b *pb.ServiceInfo) int {
		return cmp.Compare(a.GetName(), b.GetName())
	})}
	same := func(a, b *pb.ServiceInfo) bool { return proto.Equal(a, b) }
	if !slices.EqualFunc(m.now.Load().services, next.services, same) {
		m.now.Store(next)
	}
}

// list returns the services of a visibility, sorted by name.
func (c *catalogue) list(v pb.Visibility) []*pb.ServiceInfo {
	var out []*pb.ServiceInfo
	v = cmp.Or(v, pb.Visibility_VISIBILITY_PUBLIC)
	for _, s := range c.services {
		if v == pb.Visibility_VISIBILITY_ALL || s.GetVisibility() == v {
			out = append(out, s)
		}
	}
	return out
}

// announcement says to the dispatcher what a service is.
func announcement(s *pb.ServiceInfo) dispatch.Announcement {
	out := dispatch.Announcement{
		Name: message.ServiceName(s.GetName()), Doc: s.GetDoc(), Visibility: dispatch.Private,
		Info: dispatch.ServiceInfo{
			Stream: message.StreamName(s.GetStream()), On: onName(s.GetOn()), IDField: s.GetIdField(),
			GenerateID: s.GetGeneratesId(), RequestSchema: []byte(s.GetRequestSchema()),
		},
	}
	if s.GetVisibility() == pb.Visibility_VISIBILITY_PUBLIC { // anything else is not for callers
		out.Visibility = dispatch.Public
	}
	switch s.GetAccess() {
	case pb.Access_ACCESS_PUBLIC:
		out.Access = dispatch.AccessPublic
	case pb.Access_ACCESS_AUTHENTICATED:
		out.Access = dispatch.AccessAuthenticated
	case pb.Access_ACCESS_RULE:
		out.Access = dispatch.AccessRule
	default:
		out.Access = dispatch.AccessDenied
	}
	return out
}

// onName is how people write on which aggregates a service works.
func onName(on pb.On) string {
	switch on {
	case pb.On_ON_NEW:
		return "New"
	case pb.On_ON_EXISTING:
		return "Existing"
	case pb.On_ON_MAYBE_NEW:
		return "MaybeNew"
	default:
		return ""
	}
}

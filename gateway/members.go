package gateway

import (
	"cmp"
	"context"
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

// members are the links to all members, and what they offer together.
type members struct {
	registry *dispatch.Registry
	links    []*link // in the order of the configuration; never changed
	byID     map[ring.MemberID]*link
	now      atomic.Pointer[catalogue]

	any atomic.Bool // one has told at least

	learned func() // called after a member has told

	mu   sync.Mutex
	told map[ring.MemberID][]*pb.ServiceInfo
	all  chan struct{} // closed when every member has told
}

// catalogue is what all members offer together. It never changes.
type catalogue struct{ services []*pb.ServiceInfo } // sorted by name

func newMembers(cfg Config, registry *dispatch.Registry, learned func()) *members {
	m := &members{
		registry: registry, learned: learned, byID: map[ring.MemberID]*link{},
		told: map[ring.MemberID][]*pb.ServiceInfo{}, all: make(chan struct{}),
	}
	for _, member := range cfg.Members {
		l := newLink(member, cfg.Ring, cfg.Logger, m.learn)
		m.links = append(m.links, l)
		m.byID[member.ID] = l
	}
	if len(m.links) == 0 {
		close(m.all)
	}
	m.now.Store(&catalogue{})
	return m
}

// await returns when every member has told its services, or after d.
func (m *members) await(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-m.all:
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// haveTold reports whether any member has told its services yet: before that
// nobody can say that there is no such service.
func (m *members) haveTold() bool { return m.any.Load() }

// learn takes what a member offers, each time that it is connected.
func (m *members) learn(l *link, services []*pb.ServiceInfo) {
	announced := make([]dispatch.Announcement, len(services))
	for i, s := range services {
		announced[i] = announcement(s)
	}
	m.registry.Join(l, announced)
	m.any.Store(true)
	m.note(l, services)
	m.learned()
}

func (m *members) note(l *link, services []*pb.ServiceInfo) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, again := m.told[l.member.ID]
	m.told[l.member.ID] = services
	m.publish()
	if !again && len(m.told) == len(m.links) {
		close(m.all)
	}
}

// publish makes what was told visible, unless it was before. The caller holds
// the lock.
func (m *members) publish() {
	byName := map[string]*pb.ServiceInfo{}
	for _, l := range m.links {
		for _, s := range m.told[l.member.ID] {
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

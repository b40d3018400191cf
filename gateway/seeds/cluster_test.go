package seeds

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/ringhold/ringhold/gateway"
	"github.com/ringhold/ringhold/message/wire"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
	"github.com/ringhold/ringhold/ring"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

// member is a server of WatchRing that tells what the test wants.
type member struct {
	pb.UnimplementedClusterServer
	id      string
	address string
	server  *grpc.Server

	mu      sync.Mutex
	view    gateway.View
	changed chan struct{} // closed at each change
	asked   int           // streams that were opened
	open    int
	mute    bool
}

func startMember(t *testing.T, id string) *member {
	t.Helper()
	m := &member{id: id, changed: make(chan struct{})}
	m.serve(t, "127.0.0.1:0")
	return m
}

func (m *member) serve(t *testing.T, address string) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	m.address = listener.Addr().String()
	m.server = grpc.NewServer()
	pb.RegisterClusterServer(m.server, m)
	served := make(chan error, 1)
	server := m.server
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		<-served
	})
}

func (m *member) WatchRing(req *pb.WatchRingRequest, out grpc.ServerStreamingServer[pb.WatchRingResponse]) error {
	m.mu.Lock()
	m.asked++
	m.open++
	m.broadcast()
	m.mu.Unlock()
	defer func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.open--
		m.broadcast()
	}()
	known := req.GetRingVersion()
	for {
		m.mu.Lock()
		view, changed, mute := m.view, m.changed, m.mute
		m.mu.Unlock()
		if !mute {
			resp := &pb.WatchRingResponse{Membership: view.Membership, From: m.id}
			for _, one := range view.Members {
				resp.Members = append(resp.Members, wire.EncodeMember(one))
			}
			if view.Ring != nil && uint64(view.Ring.Version) > known {
				resp.Ring, known = wire.EncodeRing(view.Ring), uint64(view.Ring.Version)
			}
			if err := out.Send(resp); err != nil {
				return err
			}
		}
		select {
		case <-changed:
		case <-out.Context().Done():
			return nil
		}
	}
}

// broadcast wakes who waits for a change. The caller holds the lock.
func (m *member) broadcast() {
	close(m.changed)
	m.changed = make(chan struct{})
}

func (m *member) tell(v gateway.View) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.view = v
	m.broadcast()
}

// await waits until something holds of the member.
func (m *member) await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	late := time.After(patience)
	for {
		m.mu.Lock()
		done, changed := holds(), m.changed
		m.mu.Unlock()
		if done {
			return
		}
		select {
		case <-changed:
		case <-late:
			t.Fatalf("member %s: %s", m.id, what)
		}
	}
}

// viewOf is a view of members, all in its ring.
func viewOf(t *testing.T, membership uint64, version ring.Number, members ...*member) gateway.View {
	t.Helper()
	var all []ring.Member
	for _, m := range members {
		all = append(all, ring.Member{ID: ring.MemberID(m.id), Address: m.address})
	}
	r, err := ring.Assign(&ring.Ring{Version: version - 1, Slots: 8}, all, nil)
	if err != nil {
		t.Fatal(err)
	}
	return gateway.View{Ring: r, Members: all, Membership: membership}
}

// follower is a running Watch.
type follower struct {
	t       *testing.T
	cluster *Cluster
	views   chan gateway.View
}

func follow(t *testing.T, addresses ...string) *follower {
	t.Helper()
	c, err := New(Config{
		Addresses: addresses, Logger: slog.New(slog.DiscardHandler),
		Dial: func(address string) (gateway.Conn, error) {
			return grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()))
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	f := &follower{t: t, cluster: c, views: make(chan gateway.View, 1000)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.Watch(ctx, func(v gateway.View) { f.views <- v })
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return f
}

// await waits for a view, and fails if one is told that is older than another.
func (f *follower) await(membership uint64, version ring.Number) gateway.View {
	f.t.Helper()
	late := time.After(patience)
	var last gateway.View
	for {
		select {
		case v := <-f.views:
			if v.Membership < last.Membership || last.Ring != nil && (v.Ring == nil || v.Ring.Version < last.Ring.Version) {
				f.t.Fatalf("view %d, ring %v is told behind view %d, ring %v", v.Membership, v.Ring, last.Membership, last.Ring)
			}
			last = v
			if v.Membership == membership && v.Ring != nil && v.Ring.Version == version {
				return v
			}
		case <-late:
			f.t.Fatalf("view %d with ring %d is not told; the last is %+v", membership, version, last)
		}
	}
}

func threeMembers(t *testing.T) []*member {
	t.Helper()
	all := []*member{startMember(t, "a"), startMember(t, "b"), startMember(t, "c")}
	for _, m := range all {
		m.tell(viewOf(t, 1, 1, all...))
	}
	return all
}

func listened(all []*member) (out []*member) {
	for _, m := range all {
		m.mu.Lock()
		if m.open > 0 {
			out = append(out, m)
		}
		m.mu.Unlock()
	}
	return out
}

// awaitListened waits until exactly n of the members have a stream, each one.
func awaitListened(t *testing.T, all []*member, n int) []*member {
	t.Helper()
	late := time.After(patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if got := listened(all); len(got) == n {
			return got
		}
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("%d members are listened to, not %d", len(listened(all)), n)
		}
	}
}

// From one seed all members are found, and two are listened to.
func TestFollowsTwoMembers(t *testing.T) {
	all := threeMembers(t)
	f := follow(t, all[0].address)
	v := f.await(1, 1)
	if len(v.Members) != 3 || v.Members[2].Address != all[2].address {
		t.Errorf("the members are %v", v.Members)
	}
	awaitListened(t, all, 2)
	for _, m := range listened(all) {
		m.tell(viewOf(t, 2, 1, all[:2]...))
	}
	f.await(2, 1)
}

// Whoever hears of something first tells it; what is older changes nothing.
func TestTheNewestHolds(t *testing.T) {
	all := threeMembers(t)
	f := follow(t, all[0].address)
	f.await(1, 1)
	two := awaitListened(t, all, 2)
	two[0].tell(viewOf(t, 3, 1, all...))
	f.await(3, 1)
	two[1].tell(viewOf(t, 2, 5, all[:1]...)) // late with its members, ahead with its ring
	two[1].tell(viewOf(t, 4, 5, all...))
	if v := f.await(4, 5); len(v.Members) != 3 {
		t.Errorf("the members are %v", v.Members)
	}
	two[0].tell(viewOf(t, 5, 2, all...)) // an older ring
	f.await(5, 5)
}

// When a member goes, another one takes its place, which the seeds know nothing of.
func TestFailsOver(t *testing.T) {
	all := threeMembers(t)
	f := follow(t, all[0].address)
	f.await(1, 1)
	first := awaitListened(t, all, 2)
	rest := slices.DeleteFunc(slices.Clone(all), func(m *member) bool { return m == first[0] })
	first[0].server.Stop()
	for _, m := range rest {
		m.tell(viewOf(t, 2, 2, rest...))
	}
	f.await(2, 2)
	awaitListened(t, rest, 2)
	if all[0] != first[0] {
		all[0].server.Stop() // the seed goes too
	}
}

// A member that is dead to the others is not listened to.
func TestLeavesTheDead(t *testing.T) {
	all := threeMembers(t)
	f := follow(t, all[0].address)
	f.await(1, 1)
	two := awaitListened(t, all, 2)
	rest := slices.DeleteFunc(slices.Clone(all), func(m *member) bool { return m == two[0] })
	for _, m := range rest {
		m.tell(viewOf(t, 2, 2, rest...))
	}
	f.await(2, 2)
	two[0].await(t, "is listened to", func() bool { return two[0].open == 0 })
	awaitListened(t, rest, 2)
}

// With everybody silent nothing is told, and nobody is dead; who comes back is
// heard.
func TestAllSilent(t *testing.T) {
	m := startMember(t, "a")
	m.tell(viewOf(t, 1, 1, m))
	f := follow(t, m.address)
	f.await(1, 1)
	m.server.Stop()
	began := time.Now()
	m.await(t, "is listened to", func() bool { return m.open == 0 })
	m.mu.Lock()
	m.view = viewOf(t, 2, 1, m)
	m.mu.Unlock()
	m.serve(t, m.address)
	f.await(2, 1)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	if len(f.views) > 0 {
		t.Errorf("then %+v is told", <-f.views)
	}
}

// A member that takes connections and says nothing is given up.
func TestSilentMemberIsGivenUp(t *testing.T) {
	all := threeMembers(t)
	for _, m := range all[:2] {
		m.mute = true
	}
	f := follow(t, all[0].address, all[1].address, all[2].address)
	began := time.Now()
	f.await(1, 1)
	if took := time.Since(began); took > 3*answerWithin {
		t.Errorf("it took %v", took)
	}
}

// Several addresses of one member are one source.
func TestTwoAddressesOfOneMember(t *testing.T) {
	all := threeMembers(t)
	_, port, err := net.SplitHostPort(all[0].address)
	if err != nil {
		t.Fatal(err)
	}
	f := follow(t, all[0].address, "localhost:"+port)
	f.await(1, 1)
	awaitListened(t, all, 2)
	all[0].await(t, "has two streams", func() bool { return all[0].open <= 1 })
}

// Refresh asks again at once, however often it is called.
func TestRefresh(t *testing.T) {
	m := startMember(t, "a")
	m.tell(viewOf(t, 1, 1, m))
	f := follow(t, m.address)
	f.await(1, 1)
	began := time.Now()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for asked := 1; asked < 4; {
		f.cluster.Refresh()
		<-tick.C
		m.mu.Lock()
		asked = m.asked
		m.mu.Unlock()
	}
	if took := time.Since(began); took < 2*refreshPause || took > streamAge/2 {
		t.Errorf("three times took %v", took)
	}
}

func TestConfigIsValidated(t *testing.T) {
	if _, err := New(Config{Addresses: []string{""}}); err == nil {
		t.Error("a faulty configuration was taken")
	}
	if _, err := New(Config{Dial: func(string) (gateway.Conn, error) { return nil, fmt.Errorf("no") }}); err == nil {
		t.Error("no address is taken")
	}
}

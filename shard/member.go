package shard

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"github.com/ringhold/ringhold/dispatch"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/runtime"
	"github.com/ringhold/ringhold/store"
)

// maxMemberMessage bounds one message between a gateway and a member, in bytes:
// above what gateways take from callers, so that it is they who refuse.
const maxMemberMessage = 16 << 20

// MemberConfig says what a member is.
type MemberConfig struct {
	ID      store.MemberID // has joined the store
	Address string         // where it serves, for the ring
	Writers int
	Store   store.Store
	Plan    *Plan
	Logger  *slog.Logger
	// Observer of dispatches; may be nil.
	Observer dispatch.Observer
	// MayAnswer says whether what is in memory is known to be the newest. Nil: it
	// always is, since nobody else can write.
	MayAnswer func() bool
	// OnLost is told of slots that were served and are not any more. It must not
	// block, and may be nil.
	OnLost func(slots []ring.Slot, err error)
}

// Member hosts the aggregates of the slots that it owns and serves them over
// gRPC. It is made by StartMember and ended by Stop.
type Member struct {
	cfg     MemberConfig
	log     *slog.Logger
	host    *runtime.Host
	router  *dispatch.Router
	calls   *dispatch.Dispatcher
	peers   *dispatch.Registry // the other members, for what services dispatch
	server  *grpc.Server
	ring    atomic.Pointer[ring.Ring]
	started time.Time
}

// StartMember starts a member of a store that it has joined. It owns no slot
// yet.
func StartMember(ctx context.Context, cfg MemberConfig) (*Member, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	m := &Member{cfg: cfg, log: cfg.Logger.With("member", string(cfg.ID)), started: time.Now().UTC()}
	var err error
	m.host, err = runtime.New(ctx, runtime.Config{
		Store: cfg.Store, Member: cfg.ID, Writers: cfg.Writers, Slots: cfg.Plan.Slots,
		Streams: cfg.Plan.Streams, Logger: cfg.Logger, Observer: runtimeObserver{cfg.Observer, string(cfg.ID)},
		MayAnswer: cfg.MayAnswer, OnLost: cfg.OnLost,
	})
	if err != nil {
		return nil, fmt.Errorf("start member %s: %w", cfg.ID, err)
	}
	if m.router, err = cfg.Plan.router(m.host); err != nil {
		m.host.Stop()
		return nil, fmt.Errorf("start member %s: %w", cfg.ID, err)
	}
	m.peers = dispatch.NewRegistry(dispatch.RegistryConfig{SeesPrivate: true, Observer: cfg.Observer})
	m.calls, err = dispatch.New(dispatch.Config{
		Node: string(cfg.ID), Local: m.router, Registry: m.peers, Place: m.place,
		Observer: cfg.Observer, Logger: cfg.Logger,
	})
	if err != nil {
		m.host.Stop()
		return nil, fmt.Errorf("start member %s: %w", cfg.ID, err)
	}
	m.server = m.newServer()
	return m, nil
}

// Own takes those slots of the ring that are the member's and serves them.
func (m *Member) Own(ctx context.Context, r *ring.Ring) error {
	m.ring.Store(r)
	mine := m.slotsOf(r)
	got, err := m.host.Acquire(ctx, mine)
	if err != nil {
		return fmt.Errorf("member %s: %w", m.cfg.ID, err)
	}
	if got != len(mine) {
		return fmt.Errorf("member %s got %d of its %d slots: another process owns the rest", m.cfg.ID, got, len(mine))
	}
	return nil
}

// slotsOf returns the slots that a ring gives to the member.
func (m *Member) slotsOf(r *ring.Ring) []ring.Slot {
	var mine []ring.Slot
	for _, s := range m.cfg.Plan.allSlots() {
		if owner, ok := r.Owner(s); ok && owner.ID == m.cfg.ID {
			mine = append(mine, s)
		}
	}
	return mine
}

// Meet tells the member of another one of its group: what services dispatch
// goes to the owner of its aggregate, and a service can choose a node.
func (m *Member) Meet(other *Member) {
	m.peers.Join(other.calls.Runner(), other.router.Announcements())
}

// place sends a message for an aggregate to the owner of its id. What has no id,
// or no owner that is known, is answered here.
func (m *Member) place(msg *message.Message, info *dispatch.ServiceInfo, candidates []dispatch.Node) []dispatch.Node {
	r := m.ring.Load()
	if info.Stream == "" || r == nil {
		return candidates
	}
	here := candidates[:1]
	id, refusal := msg.AggregateIDIn(info.Stream, info.IDField, info.GenerateID) // who runs it gets the request as it was received
	if refusal != nil {
		return here
	}
	owner, ok := r.Owner(ring.SlotOf(info.Stream.Of(id), r.Slots))
	if !ok {
		return here
	}
	for i, node := range candidates {
		if node.ID() == string(owner.ID) {
			return candidates[i : i+1]
		}
	}
	return here
}

// Host returns what hosts the member's actors.
func (m *Member) Host() *runtime.Host { return m.host }

// Dispatcher returns what dispatches messages to the member's services.
func (m *Member) Dispatcher() *dispatch.Dispatcher { return m.calls }

// ID returns the member's id.
func (m *Member) ID() store.MemberID { return m.cfg.ID }

// Server returns the gRPC server; its caller serves it on listeners of its own.
func (m *Member) Server() *grpc.Server { return m.server }

// release gives all slots up. That a connection was lost while it was idle is
// found out by its first use, so a failure is not the last word.
func (m *Member) release(ctx context.Context) error {
	err := m.host.Release(ctx, m.cfg.Plan.allSlots())
	for range 3 {
		var fenced *store.FencedError
		if err == nil || errors.As(err, &fenced) || pause(ctx, look) != nil {
			break
		}
		err = m.host.Release(ctx, m.cfg.Plan.allSlots())
	}
	return err
}

// Stop ends the member: what was decided is committed and answered, its slots
// are given up, and its goroutines have ended when it returns.
func (m *Member) Stop(ctx context.Context) error {
	stopped := make(chan struct{})
	go func() {
		m.server.GracefulStop()
		close(stopped)
	}()
	err := m.calls.Close(ctx)
	if releaseErr := m.release(ctx); err == nil {
		err = releaseErr
	}
	m.host.Stop()
	select {
	case <-stopped:
	case <-ctx.Done():
		m.server.Stop()
		<-stopped
	}
	if err != nil {
		return fmt.Errorf("stop member %s: %w", m.cfg.ID, err)
	}
	return nil
}

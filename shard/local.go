package shard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/ringhold/ringhold/dispatch"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/shard/internal/lease"
	"github.com/ringhold/ringhold/store"
	"github.com/ringhold/ringhold/transfer"
)

// longestOwn is how long a start tries to take its slots: what an earlier process
// has left in the store may hold them for a moment.
const longestOwn = 10 * time.Second

// LocalConfig says how a group runs within one process.
type LocalConfig struct {
	Store   store.Store
	Plan    *Plan
	Members int
	Logger  *slog.Logger
	// Observer of dispatches; may be nil.
	Observer dispatch.Observer

	// Shared says that other processes reach the store too. The members then keep
	// leases, and a start waits until those of an earlier process are over. Not
	// set, the store is this process's alone, and who was there before is gone.
	Shared bool
	// Process is what this process says of itself to one that wants to start
	// beside it, above all where it listens. Needed when the store is shared.
	Process string
	// Say is given lines for a person who waits for the start; may be nil.
	Say func(line string)
}

// Local is a whole group in one process: its members over one store that no other
// process writes to meanwhile, each behind an in-memory connection of its own, as gateways
// reach members elsewhere over the network.
type Local struct {
	cfg     LocalConfig
	members []*Member
	conns   map[ring.MemberID]*grpc.ClientConn
	ring    *ring.Ring
	serving sync.WaitGroup

	life   string  // what the ids of the members end with
	keeper *keeper // nil unless the store is shared
	// Of those who look after the slots of a shared store.
	regainers sync.WaitGroup
	looking   context.Context
	regain    context.CancelFunc // ends looking
}

// StartLocal deposes the members that an earlier process left behind, joins new
// ones, spreads the slots evenly over them and serves. Where another process is
// alive it returns a *RivalError.
func StartLocal(ctx context.Context, cfg LocalConfig) (*Local, error) {
	if cfg.Members < 1 || cfg.Members > cfg.Plan.Slots {
		return nil, fmt.Errorf("members is %d, it has to be from 1 to the number of slots, %d", cfg.Members, cfg.Plan.Slots)
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	life := uuid.Must(uuid.NewV7()).String()
	l := &Local{cfg: cfg, conns: map[ring.MemberID]*grpc.ClientConn{}, life: life[len(life)-12:]}
	if err := l.start(ctx); err != nil {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
		defer cancel()
		return nil, errors.Join(err, l.Stop(stopping))
	}
	return l, nil
}

func (l *Local) start(ctx context.Context) error {
	if _, err := l.lastRing(ctx); err != nil { // before anybody waits for anything
		return err
	}
	joined, leases, err := l.enter(ctx)
	if err != nil {
		return err
	}
	old, err := l.lastRing(ctx)
	if err != nil {
		return err
	}
	if l.ring, err = ring.Assign(&ring.Ring{Version: old, Slots: l.cfg.Plan.Slots}, joined, nil); err != nil {
		return err
	}
	if err := l.publish(ctx); err != nil {
		return err
	}
	for i, one := range joined {
		if err := l.startMember(ctx, one, leases[i]); err != nil {
			return err
		}
	}
	for _, m := range l.members {
		for _, other := range l.members {
			if other != m {
				m.Meet(other)
			}
		}
	}
	return nil
}

// enter joins the members, and returns once no other process can write. The
// leases are nil in a store that nobody else reaches.
func (l *Local) enter(ctx context.Context) ([]ring.Member, []*held, error) {
	joined := make([]ring.Member, l.cfg.Members)
	leases := make([]*held, l.cfg.Members)
	for i := range joined {
		id := fmt.Sprintf("m%d-%s", i, l.life)
		joined[i] = ring.Member{ID: ring.MemberID(id), Address: "in-process:" + id}
	}
	if !l.cfg.Shared {
		if err := l.deposeEarlier(ctx); err != nil {
			return nil, nil, err
		}
		for _, m := range joined {
			// Nobody waits for this lease, and nobody renews it.
			if _, err := l.cfg.Store.Join(ctx, store.Member{ID: m.ID, Address: m.Address, Writers: 1}, lease.Length); err != nil {
				return nil, nil, err
			}
		}
		return joined, leases, nil
	}
	l.keeper = newKeeper(l.cfg.Store, l.cfg.Logger)
	for i, m := range joined {
		var err error
		if leases[i], err = l.keeper.join(ctx, store.Member{ID: m.ID, Address: l.cfg.Process, Writers: 1}); err != nil {
			return nil, nil, err
		}
	}
	l.keeper.start(ctx)
	return joined, leases, l.takeOver(ctx)
}

// lastRing returns the version of the stored ring, and refuses another number
// of slots than the one that the events were stored with.
func (l *Local) lastRing(ctx context.Context) (ring.Number, error) {
	stored, err := l.cfg.Store.LoadRing(ctx)
	if err != nil || stored.Empty() {
		return stored.Version, err
	}
	var r ring.Ring
	if err := json.Unmarshal(stored.Body, &r); err != nil {
		return 0, fmt.Errorf("read ring %d of the store: %w", stored.Version, err)
	}
	if r.Slots != l.cfg.Plan.Slots {
		return 0, fmt.Errorf("spec.slots is %d, the events of group %s were stored with %d slots: slots cannot be changed, write slots: %d", l.cfg.Plan.Slots, l.cfg.Plan.Group, r.Slots, r.Slots)
	}
	return stored.Version, transfer.Unfinished(&r)
}

func (l *Local) deposeEarlier(ctx context.Context) error {
	members, err := l.cfg.Store.Members(ctx)
	if err != nil {
		return err
	}
	for _, m := range members {
		if m.Deposed {
			continue
		}
		done, err := l.cfg.Store.Depose(ctx, store.Depose{Member: m.ID, Alone: true})
		if err != nil || !done {
			return fmt.Errorf("depose member %s of an earlier process (done: %v): %w", m.ID, done, err)
		}
	}
	return nil
}

func (l *Local) publish(ctx context.Context) error {
	body, err := json.Marshal(l.ring)
	if err != nil {
		return err
	}
	saved, err := l.cfg.Store.SaveRing(ctx, store.Ring{Version: l.ring.Version, Body: body}, l.ring.Version-1)
	if err == nil && !saved {
		err = errors.New("another process stores rings for this group")
	}
	return err
}

func (l *Local) startMember(ctx context.Context, as ring.Member, leased *held) error {
	cfg := MemberConfig{
		ID: as.ID, Address: as.Address, Writers: 1, Store: l.cfg.Store,
		Plan: l.cfg.Plan, Logger: l.cfg.Logger, Observer: l.cfg.Observer,
	}
	if leased != nil {
		cfg.MayAnswer, cfg.OnLost = leased.mayAnswer, func([]ring.Slot, error) { leased.lose() }
	}
	m, err := StartMember(ctx, cfg)
	if err != nil {
		return err
	}
	l.members = append(l.members, m)
	if err := l.own(ctx, m, leased); err != nil {
		return err
	}
	return l.connect(m)
}

// own has a member take its slots, and looks after them from then on if another
// process, or the store, could take them away.
func (l *Local) own(ctx context.Context, m *Member, leased *held) error {
	err := m.Own(ctx, l.ring)
	if leased == nil {
		return err
	}
	patient, cancel := context.WithTimeout(ctx, longestOwn)
	defer cancel()
	for err != nil && pause(patient, look) == nil {
		err = m.Own(ctx, l.ring)
	}
	if err != nil {
		return err
	}
	if l.looking == nil {
		l.looking, l.regain = context.WithCancel(context.WithoutCancel(ctx))
	}
	r := &regainer{member: m, held: leased, slots: m.slotsOf(l.ring), log: m.log}
	l.regainers.Go(func() { r.run(l.looking) })
	return nil
}

// connect serves a member on a connection in memory.
func (l *Local) connect(m *Member) error {
	listener := bufconn.Listen(1 << 20)
	l.serving.Go(func() {
		if err := m.Server().Serve(listener); err != nil {
			m.log.Error("the member does not serve any more", "error", err)
		}
	})
	conn, err := grpc.NewClient("passthrough:///"+string(m.ID()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMemberMessage)))
	if err != nil {
		return fmt.Errorf("connect to member %s: %w", m.ID(), err)
	}
	l.conns[m.ID()] = conn
	return nil
}

// Ring returns who owns what.
func (l *Local) Ring() *ring.Ring { return l.ring }

// Conns returns the connections to the members, which the group closes.
func (l *Local) Conns() map[ring.MemberID]*grpc.ClientConn { return l.conns }

// Members returns the members.
func (l *Local) Members() []*Member { return l.members }

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
	"github.com/ringhold/ringhold/store"
)

// localLease is the lease of members that share a process. Nobody waits for it:
// the store is theirs alone, and a process that opens it later deposes them.
const localLease = time.Second

// LocalConfig says how a group runs within one process.
type LocalConfig struct {
	Store   store.Store // of which no other process may be alive
	Plan    *Plan
	Members int
	Logger  *slog.Logger
	// Observer of dispatches; may be nil.
	Observer dispatch.Observer
}

// Local is a whole group in one process: its members over one store that is
// theirs alone, each behind an in-memory connection of its own, as gateways
// reach members elsewhere over the network.
type Local struct {
	cfg     LocalConfig
	members []*Member
	conns   map[ring.MemberID]*grpc.ClientConn
	ring    *ring.Ring
	serving sync.WaitGroup
}

// StartLocal deposes the members that an earlier process left behind, joins new
// ones, spreads the slots evenly over them and serves.
func StartLocal(ctx context.Context, cfg LocalConfig) (*Local, error) {
	if cfg.Members < 1 || cfg.Members > cfg.Plan.Slots {
		return nil, fmt.Errorf("members is %d, it has to be from 1 to the number of slots, %d", cfg.Members, cfg.Plan.Slots)
	}
	l := &Local{cfg: cfg, conns: map[ring.MemberID]*grpc.ClientConn{}}
	if err := l.start(ctx); err != nil {
		return nil, errors.Join(err, l.Stop(ctx))
	}
	return l, nil
}

func (l *Local) start(ctx context.Context) error {
	old, err := l.lastRing(ctx)
	if err != nil {
		return err
	}
	if err := l.deposeEarlier(ctx); err != nil {
		return err
	}
	joined, err := l.join(ctx)
	if err != nil {
		return err
	}
	if l.ring, err = ring.NewEven(old+1, l.cfg.Plan.Slots, joined); err != nil {
		return err
	}
	if err := l.publish(ctx); err != nil {
		return err
	}
	for i, one := range joined {
		if err := l.startMember(ctx, i, one); err != nil {
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

// lastRing returns the version of the stored ring, and refuses another number
// of slots than the one that the events were stored with.
func (l *Local) lastRing(ctx context.Context) (ring.Number, error) {
	stored, err := l.cfg.Store.LoadRing(ctx)
	if err != nil || stored.Version == 0 {
		return 0, err
	}
	var r ring.Ring
	if err := json.Unmarshal(stored.Body, &r); err != nil {
		return 0, fmt.Errorf("read ring %d of the store: %w", stored.Version, err)
	}
	if r.Slots != l.cfg.Plan.Slots {
		return 0, fmt.Errorf("spec.slots is %d, the events of group %s were stored with %d slots: slots cannot be changed, write slots: %d", l.cfg.Plan.Slots, l.cfg.Plan.Group, r.Slots, r.Slots)
	}
	return stored.Version, nil
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

func (l *Local) join(ctx context.Context) ([]ring.Member, error) {
	joined := make([]ring.Member, l.cfg.Members)
	life := uuid.Must(uuid.NewV7()).String()
	for i := range joined {
		id := fmt.Sprintf("m%d-%s", i, life[len(life)-12:])
		joined[i] = ring.Member{ID: ring.MemberID(id), Address: "in-process:" + id}
		if _, err := l.cfg.Store.Join(ctx, store.Member{ID: joined[i].ID, Address: joined[i].Address, Writers: 1}, localLease); err != nil {
			return nil, err
		}
	}
	return joined, nil
}

func (l *Local) publish(ctx context.Context) error {
	body, err := json.Marshal(l.ring)
	if err != nil {
		return err
	}
	saved, err := l.cfg.Store.SaveRing(ctx, store.Ring{Version: l.ring.Version, Body: body})
	if err == nil && !saved {
		err = errors.New("another process stores rings for this group")
	}
	return err
}

func (l *Local) startMember(ctx context.Context, i int, as ring.Member) error {
	m, err := StartMember(ctx, MemberConfig{
		ID: as.ID, Address: as.Address, Writers: 1, Store: l.cfg.Store,
		Plan: l.cfg.Plan, Logger: l.cfg.Logger, Observer: l.cfg.Observer,
	})
	if err != nil {
		return err
	}
	l.members = append(l.members, m)
	if err := m.Own(ctx, l.ring); err != nil {
		return err
	}
	listener := bufconn.Listen(1 << 20)
	l.serving.Go(func() {
		if err := m.Server().Serve(listener); err != nil {
			m.log.Error("the member does not serve any more", "error", err)
		}
	})
	conn, err := grpc.NewClient("passthrough:///"+string(as.ID),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMemberMessage)))
	if err != nil {
		return fmt.Errorf("connect to member %d: %w", i, err)
	}
	l.conns[as.ID] = conn
	return nil
}

// Ring returns who owns what.
func (l *Local) Ring() *ring.Ring { return l.ring }

// Conns returns the connections to the members, which the group closes.
func (l *Local) Conns() map[ring.MemberID]*grpc.ClientConn { return l.conns }

// Members returns the members.
func (l *Local) Members() []*Member { return l.members }

// Stop drains the members, marks them as gone in the store, and waits for all
// goroutines. The store stays open.
func (l *Local) Stop(ctx context.Context) error {
	var faults []error
	for _, conn := range l.conns {
		faults = append(faults, conn.Close())
	}
	for _, m := range l.members {
		faults = append(faults, m.Stop(ctx))
		if _, err := l.cfg.Store.Depose(ctx, store.Depose{Member: m.ID(), Alone: true}); err != nil {
			faults = append(faults, fmt.Errorf("sign off member %s: %w", m.ID(), err))
		}
	}
	l.serving.Wait()
	return errors.Join(faults...)
}

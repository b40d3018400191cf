package shard

import (
	"log/slog"
	"testing"
	"testing/synctest"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/shard/internal/lease"
	"github.com/ringhold/ringhold/store"
)

// startShared starts a group of the poisons over a store that others reach.
func startShared(t *testing.T, s store.Store) *Local {
	t.Helper()
	l, err := StartLocal(t.Context(), LocalConfig{
		Store: s, Plan: poisonsPlan(t), Members: 1, Logger: slog.New(slog.NewTextHandler(t.Output(), nil)), Shared: true, Process: "this one",
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func stopLocal(t *testing.T, l *Local) {
	t.Helper()
	if err := l.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

func connOf(l *Local) *grpc.ClientConn { return l.Conns()[l.Ring().Members[0].ID] }

func armed(t *testing.T, l *Local, id string) error {
	t.Helper()
	_, err := pb.NewDispatcherClient(connOf(l)).Dispatch(t.Context(), &pb.DispatchRequest{Service: "arm", Request: &pb.DispatchRequest_Json{Json: []byte(`{"id":"` + id + `"}`)}})
	return err
}

// absent reads the state of what was never armed, from memory.
func absent(t *testing.T, l *Local) codes.Code {
	t.Helper()
	_, err := pb.NewStreamsClient(connOf(l)).GetState(t.Context(), &pb.GetStateRequest{Stream: "poisons", AggregateId: "nobody"})
	return status.Code(err)
}

// Nothing is answered from memory once the lease may be over, and everything again
// when it is renewed.
func TestShared_AnswersByItsLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShared()
		l := startShared(t, s)
		defer stopLocal(t, l)
		if err := armed(t, l, "a"); err != nil {
			t.Fatal(err)
		}
		if code := absent(t, l); code != codes.NotFound {
			t.Errorf("with a lease: %v", code)
		}
		s.down.Store(true)
		pass(lease.Length)
		if code := absent(t, l); code != codes.Unavailable {
			t.Errorf("without a lease: %v", code)
		}
		s.down.Store(false)
		pass(lease.Period)
		if code := absent(t, l); code != codes.NotFound {
			t.Errorf("with a lease again: %v", code)
		}
	})
}

// A store that may have lost commits has all slots taken anew, at another epoch,
// before anything is answered from memory.
func TestShared_AnotherIncarnation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShared()
		l := startShared(t, s)
		defer stopLocal(t, l)
		if err := armed(t, l, "a"); err != nil {
			t.Fatal(err)
		}
		host := l.Members()[0].Host()
		before := host.Epoch(0)
		other := "another"
		s.incarnation.Store(&other)
		pass(lease.Length)
		if after := host.Epoch(0); after <= before {
			t.Errorf("the slot's epoch is %d, it was %d", after, before)
		}
		if code := absent(t, l); code != codes.NotFound {
			t.Errorf("after the slots were taken anew: %v", code)
		}
	})
}

// A slot that was lost, whoever took it, is served again when it can be.
func TestShared_LostSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShared()
		l := startShared(t, s)
		defer stopLocal(t, l)
		host := l.Members()[0].Host()
		before := host.Epoch(0)
		// What is released is lost to the host, which nobody told of another owner.
		if err := host.Release(t.Context(), []ring.Slot{0}); err != nil {
			t.Fatal(err)
		}
		if host.Epoch(0) != 0 {
			t.Fatal("the slot is served all the same")
		}
		pass(lease.Length)
		if after := host.Epoch(0); after <= before {
			t.Errorf("the slot's epoch is %d, it was %d", after, before)
		}
		if err := armed(t, l, "b"); err != nil {
			t.Error(err)
		}
	})
}

package client_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/ringhold/ringhold/client"
	"github.com/ringhold/ringhold/internal/fakeserver"
	"github.com/ringhold/ringhold/message"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
	"github.com/ringhold/ringhold/store"
)

func stored(n int) (out []*pb.Event) {
	for v := range n {
		out = append(out, &pb.Event{
			Stream: "accounts", AggregateId: "acc-1", Version: int64(v), Type: "deposited", SchemaVersion: 1,
			Data:     &pb.Value{Form: &pb.Value_Json{Json: fmt.Appendf(nil, `{"amount":%d}`, v)}},
			Metadata: []byte(`{"app_version":"1.0.0"}`), MessageId: fmt.Sprintf("m-%d", v),
			RecordedAt: timestamppb.New(time.Unix(1_700_000_000, 0)), Slot: 17, Offset: proto.Uint64(uint64(v)), Epoch: 3,
		})
	}
	return out
}

func versions(t *testing.T, c *client.Client, o client.EventsOptions) (out []int) {
	t.Helper()
	for e, err := range c.Events(t.Context(), "accounts", "acc-1", o) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, int(e.Version))
	}
	return out
}

func numbered(from, to int) (out []int) {
	for i := from; i < to; i++ {
		out = append(out, i)
	}
	return out
}

func TestEventsInPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, client.Config{}, &fakeserver.Server{Events: stored(25)})
		defer s.end()
		for name, c := range map[string]struct {
			o    client.EventsOptions
			want []int
		}{
			"all":                    {client.EventsOptions{PageSize: 10}, numbered(0, 25)},
			"pages that come out":    {client.EventsOptions{PageSize: 5}, numbered(0, 25)},
			"from a version":         {client.EventsOptions{PageSize: 10, From: 20}, numbered(20, 25)},
			"limit within a page":    {client.EventsOptions{PageSize: 10, Limit: 3}, numbered(0, 3)},
			"limit over pages":       {client.EventsOptions{PageSize: 10, From: 2, Limit: 13}, numbered(2, 15)},
			"limit behind the end":   {client.EventsOptions{Limit: 100}, numbered(0, 25)},
			"from behind the end":    {client.EventsOptions{From: 25}, nil},
			"a page of the server's": {client.EventsOptions{}, numbered(0, 25)},
		} {
			if got := versions(t, s.Client, c.o); !slices.Equal(got, c.want) {
				t.Errorf("%s: got %v", name, got)
			}
		}
		for e, err := range s.Client.Events(t.Context(), "accounts", "acc-1", client.EventsOptions{From: 4}) {
			if err != nil || e.Type != "deposited" || string(e.Data.JSON) != `{"amount":4}` || e.MessageID != "m-4" ||
				e.Slot != 17 || e.Offset != 4 || e.Epoch != 3 || e.RecordedAt.Unix() != 1_700_000_000 {
				t.Errorf("event %+v, %v", e, err)
			}
			break
		}
		for _, err := range s.Client.Events(t.Context(), "accounts", "nobody", client.EventsOptions{}) {
			var refused *client.Error
			if !errors.As(err, &refused) || refused.Response() != (message.NotFound{Stream: "accounts", ID: "nobody"}) {
				t.Errorf("error %v", err)
			}
		}
	})
}

// cutting breaks the first reads in the middle.
type cutting struct {
	*fakeserver.Server
	mu   sync.Mutex
	cuts []int // how many events the next reads bring before they break
}

func (c *cutting) ReadStream(req *pb.ReadStreamRequest, call grpc.ServerStreamingServer[pb.ReadStreamResponse]) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.cuts) == 0 {
		return c.Server.ReadStream(req, call)
	}
	cut := c.cuts[0]
	c.cuts = c.cuts[1:]
	short := proto.CloneOf(req)
	short.Limit = uint64(cut)
	if cut > 0 {
		if err := c.Server.ReadStream(short, call); err != nil {
			return err
		}
	}
	_, err := refusalStatus(message.ServiceUnavailable{Reason: "going away"})
	return err
}

func TestEventsGoOnWhereTheConnectionBroke(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &site{Server: &fakeserver.Server{Events: stored(25)}}
		breaking := &cutting{Server: s.Server, cuts: []int{3, 0, 7, 10}}
		c, err := client.New("passthrough:pipe", client.Config{DialOptions: []grpc.DialOption{s.pipe.Dial()}})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		g := grpc.NewServer()
		pb.RegisterStreamsServer(g, breaking)
		l := s.pipe.Listen()
		go func() { _ = g.Serve(l) }()
		defer g.Stop()
		if got := versions(t, c, client.EventsOptions{PageSize: 10}); !slices.Equal(got, numbered(0, 25)) {
			t.Errorf("got %v", got)
		}
	})
}

func TestStateAndStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, client.Config{}, &fakeserver.Server{
			States: &pb.GetStateResponse{
				Stream: "accounts", AggregateId: "acc-1", Version: 3, SchemaVersion: 2,
				State: &pb.Value{Form: &pb.Value_Json{Json: []byte(`{"balance":5}`)}},
			},
			Infos: []*pb.StreamInfo{
				{Stream: "accounts", AggregateId: "a-1", Version: 3, Events: 4}, {Stream: "accounts", AggregateId: "a-2"},
				{Stream: "accounts", AggregateId: "a-3", Deleted: true}, {Stream: "accounts", AggregateId: "b-1"},
				{Stream: "accounts", AggregateId: "b-2", Version: -1},
			},
		})
		defer s.end()
		state, err := s.Client.State(t.Context(), "accounts", "acc-1", nil)
		if err != nil || state.Version != 3 || string(state.State.JSON) != `{"balance":5}` {
			t.Errorf("state %+v, %v", state, err)
		}
		var refused *client.Error
		at := message.Version(9)
		if _, err := s.Client.State(t.Context(), "accounts", "acc-1", &at); !errors.As(err, &refused) || refused.Response().Outcome() != "invalid_request" {
			t.Errorf("error %v", err)
		}
		for prefix, want := range map[string][]string{"": {"a-1", "a-2", "a-3", "b-1", "b-2"}, "b-": {"b-1", "b-2"}, "c": nil} {
			var ids []string
			for info, err := range s.Client.Streams(t.Context(), client.StreamsOptions{Stream: "accounts", Prefix: prefix}) {
				if err != nil {
					t.Fatal(err)
				}
				ids = append(ids, string(info.ID))
			}
			if !slices.Equal(ids, want) {
				t.Errorf("prefix %q: %v", prefix, ids)
			}
		}
	})
}

func TestDelete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, client.Config{}, &fakeserver.Server{})
		defer s.end()
		deleted, err := s.Client.Delete(t.Context(), "accounts", "acc-1", client.DeleteOptions{Hard: true})
		if err != nil || deleted.Version != 4 || deleted.MessageID == "" {
			t.Errorf("deleted %+v, %v", deleted, err)
		}
		if got := s.Deletes()[0]; got.GetConfirmId() != "acc-1" || got.GetMessageId() != string(deleted.MessageID) {
			t.Errorf("sent %v", got)
		}
		expected := message.Version(2)
		_, err = s.Client.Delete(t.Context(), "accounts", "acc-1", client.DeleteOptions{ExpectedVersion: &expected, MessageID: "m-9"})
		var refused *client.Error
		if !errors.As(err, &refused) || refused.MessageID != "m-9" || refused.Response() != (message.WrongExpectedVersion{Expected: 2, Current: 3}) {
			t.Errorf("error %v", err)
		}
	})
}

func TestClusterAndServices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, client.Config{}, &fakeserver.Server{
			Services: []*pb.ServiceInfo{
				{Name: "audit", Visibility: pb.Visibility_VISIBILITY_PRIVATE},
				{Name: "open_account", Stream: "accounts", On: pb.On_ON_NEW, IdField: "id", Access: pb.Access_ACCESS_PUBLIC},
			},
			Allowed: &pb.AuthorizedResponse{Reason: "access is Denied"},
			Ring: &pb.Ring{
				Version: 7, Slots: 4, Members: []*pb.Member{{Id: "a", State: pb.MemberState_MEMBER_STATE_LIVE}, {Id: "b"}},
				Assignment: []*pb.SlotRun{{FirstSlot: 0, Count: 1, Member: 0}, {FirstSlot: 1, Count: 1, Member: 1}, {FirstSlot: 2, Count: 2, Member: 0}},
			},
			Owner:  &pb.GetOwnerResponse{Slot: 3, Member: &pb.Member{Id: "a"}, Epoch: 5, RingVersion: 7, Explanation: []string{"why"}},
			Status: []*pb.MemberStatus{{Member: &pb.Member{Id: "a"}, Slots: 3, LeaseLeft: durationpb.New(time.Second)}},
		})
		defer s.end()
		public, err := s.Client.Services(t.Context(), client.ServicesOptions{})
		if err != nil || len(public) != 1 || public[0].On != client.OnNew || public[0].Access != client.AccessPublic {
			t.Errorf("services %+v, %v", public, err)
		}
		all, err := s.Client.Services(t.Context(), client.ServicesOptions{Private: true})
		if err != nil || len(all) != 2 || !all[0].Private || all[0].Access != client.AccessDenied {
			t.Errorf("services %+v, %v", all, err)
		}
		if p, err := s.Client.Authorized(t.Context(), "audit", nil, client.DispatchOptions{}); err != nil || p != (client.Permission{Reason: "access is Denied"}) {
			t.Errorf("permission %+v, %v", p, err)
		}
		r, err := s.Client.Ring(t.Context())
		if err != nil || r.Version != 7 || r.SlotsOf(0) != 3 || r.SlotsOf(1) != 1 || r.Members[0].State != client.MemberLive {
			t.Errorf("ring %+v, %v", r, err)
		}
		owner, err := s.Client.Owner(t.Context(), "accounts", "acc-1")
		if err != nil || owner.Member.ID != "a" || owner.Epoch != store.Epoch(5) || owner.Slot != 3 {
			t.Errorf("owner %+v, %v", owner, err)
		}
		status, err := s.Client.Status(t.Context(), "")
		if err != nil || status[0].Slots != 3 || status[0].LeaseLeft != time.Second {
			t.Errorf("status %+v, %v", status, err)
		}
		if was, err := s.Client.Unload(t.Context(), "accounts", "acc-1"); err != nil || !was {
			t.Errorf("unloaded %v, %v", was, err)
		}
		if err := s.Client.Ping(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestValidateIsADryRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, client.Config{}, &fakeserver.Server{Answer: answer(ok(3))})
		defer s.end()
		if _, err := s.Client.Validate(t.Context(), "deposit", nil, client.DispatchOptions{}); err != nil {
			t.Fatal(err)
		}
		if got := s.Seen()[0].GetDryRun(); got != pb.DryRun_DRY_RUN_DRY {
			t.Errorf("ran as %v", got)
		}
	})
}

func TestPingFailsWhereNothingAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, client.Config{}, &fakeserver.Server{})
		s.Server.Kill()
		defer func() { _ = s.Client.Close() }()
		var refused *client.Error
		if err := s.Client.Ping(t.Context()); !errors.As(err, &refused) || refused.Op != "reach passthrough:pipe" {
			t.Errorf("error %v", err)
		}
	})
}

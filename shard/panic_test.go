package shard

import (
	"log/slog"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/api/v1alpha1"
	"github.com/ringhold/ringhold/dispatch"
	"github.com/ringhold/ringhold/message"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
	"github.com/ringhold/ringhold/store/memory"
)

// poison panics when it is encoded, as an author's MarshalJSON may.
type poison struct{ Armed bool }

func (p poison) MarshalJSON() ([]byte, error) {
	if p.Armed {
		panic("told to panic when encoded")
	}
	return []byte(`{}`), nil
}

type arm struct {
	ID string `json:"id"`
}

func poisons() *aggregate.Definition[poison] {
	d := aggregate.New[poison]("poisons")
	armed := aggregate.Event(d, "armed", func(p *poison, _ struct{}) { p.Armed = true })
	aggregate.Command(d, "arm", nil, func(m *aggregate.Message[poison], _ poison, _ arm) aggregate.Decision[poison] {
		return m.Emit(armed(struct{}{})).OK()
	})
	aggregate.Command(d, "shout", nil, func(m *aggregate.Message[poison], _ poison, _ arm) aggregate.Decision[poison] {
		return m.Error("loud", strings.Repeat("x", maxAnswer+1))
	})
	return d
}

func poisonsPlan(t *testing.T) *Plan {
	t.Helper()
	m := &v1alpha1.AggregateService{}
	m.Name = "poisons"
	m.Spec.Slots = 1
	m.Spec.Streams = []v1alpha1.StreamSpec{{Name: "poisons", MailboxLimit: 10}}
	for _, service := range []string{"arm", "shout"} {
		m.Spec.Handlers = append(m.Spec.Handlers, v1alpha1.HandlerSpec{Service: service, Stream: "poisons", On: v1alpha1.OnMaybeNew, ID: "id", Access: v1alpha1.AccessPublic})
		m.Spec.Handlers[len(m.Spec.Handlers)-1].CommitTimeout.Duration = dispatch.DefaultTimeout
	}
	plan, err := Resolve("poisons.yaml", m, Binary{Hosted: []Hosted{poisons()}})
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func startPoisons(t *testing.T) *Local {
	t.Helper()
	l, err := StartLocal(t.Context(), LocalConfig{Store: memory.New(memory.Config{Group: "poisons"}), Plan: poisonsPlan(t), Members: 1, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// A state whose encoding panics fails the reads of it, now and in the past, and
// not the member.
func TestGetState_EncodingPanics(t *testing.T) {
	l := startPoisons(t)
	defer func() {
		if err := l.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	conn := l.Conns()[l.Ring().Members[0].ID]
	calls := pb.NewDispatcherClient(conn)
	if _, err := calls.Dispatch(t.Context(), &pb.DispatchRequest{Service: "arm", Request: &pb.DispatchRequest_Json{Json: []byte(`{"id":"a"}`)}}); err != nil {
		t.Fatal(err)
	}
	first := int64(0)
	for _, version := range []*int64{nil, &first} {
		_, err := pb.NewStreamsClient(conn).GetState(t.Context(), &pb.GetStateRequest{Stream: "poisons", AggregateId: "a", Version: version})
		if status.Code(err) != codes.Internal {
			t.Errorf("at version %v: %v", version, err)
		}
	}
	if _, err := calls.Dispatch(t.Context(), &pb.DispatchRequest{Service: "arm", Request: &pb.DispatchRequest_Json{Json: []byte(`{"id":"b"}`)}}); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// An answer over the limit is replaced, so that it does not end the stream that
// all messages to the member share.
func TestDispatchStream_AnswerTooLarge(t *testing.T) {
	l := startPoisons(t)
	defer func() {
		if err := l.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	stream, err := pb.NewDispatcherClient(l.Conns()[l.Ring().Members[0].ID]).DispatchStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := map[uint64]codes.Code{1: codes.ResourceExhausted, 2: codes.OK}
	for sequence, service := range []message.ServiceName{"shout", "arm"} {
		if err := stream.Send(&pb.DispatchStreamRequest{Sequence: uint64(sequence) + 1, Request: &pb.DispatchRequest{Service: string(service), Request: &pb.DispatchRequest_Json{Json: []byte(`{"id":"a"}`)}}}); err != nil {
			t.Fatal(err)
		}
	}
	for range want {
		in, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if got := codes.Code(in.GetError().GetCode()); got != want[in.GetSequence()] {
			t.Errorf("message %d is answered with %v, want %v", in.GetSequence(), got, want[in.GetSequence()])
		}
	}
	if err := stream.CloseSend(); err != nil {
		t.Error(err)
	}
}

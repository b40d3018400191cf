package runtime_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/handler"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/runtime"
	"github.com/ringhold/ringhold/store"
	"github.com/ringhold/ringhold/store/memory"
)

type counter struct{ N int }

type add struct {
	ID string `json:"id"`
	N  int    `json:"n"`
}

type added struct{ N int }

func counters() *aggregate.Definition[counter] {
	d := aggregate.New[counter]("counters")
	ev := aggregate.Event(d, "added", func(c *counter, e added) { c.N += e.N })
	aggregate.Command(d, "add", nil, func(m *aggregate.Message[counter], s counter, c add) aggregate.Decision[counter] {
		if c.N < 0 {
			return m.Error("negative")
		}
		return m.Emit(ev(added{c.N})).OK(s.N + c.N)
	})
	return d
}

func newHost(t testing.TB, s store.Store, d aggregate.Hosted, member store.MemberID) *runtime.Host {
	t.Helper()
	ctx := context.Background()
	if _, err := s.Join(ctx, store.Member{ID: member, Writers: 1}, time.Second); err != nil {
		t.Fatal(err)
	}
	h, err := runtime.New(ctx, runtime.Config{Store: s, Member: member, Slots: 16, Streams: []runtime.Stream{{Core: d.Core()}}})
	if err != nil {
		t.Fatal(err)
	}
	all := make([]ring.Slot, 16)
	for i := range all {
		all[i] = ring.Slot(i)
	}
	if n, err := h.Acquire(ctx, all); err != nil || n != 16 {
		t.Fatalf("acquired %d: %v", n, err)
	}
	return h
}

func serve(t testing.TB, h *runtime.Host, b *handler.Binding, id message.ID, body string) message.Response {
	t.Helper()
	raw, err := message.JSONBody([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	m := message.NewWithID(b.Service, id, raw)
	out := make(chan message.Response, 1)
	h.Serve(context.Background(), b, m, func(r message.Response) { out <- r })
	select {
	case r := <-out:
		return r
	case <-time.After(5 * time.Second):
		t.Fatal("no answer")
		return nil
	}
}

func TestHost_RunsCommandsOneAtATime(t *testing.T) {
	s := memory.New(memory.Config{Group: "test"})
	d := counters()
	h := newHost(t, s, d, "m1")
	meta, _ := handler.NewMetadata(map[string]string{"app": "1"})
	b := &handler.Binding{Service: "add", Core: d.Core(), Command: d.Core().Command("add"), On: handler.MaybeNew, IDField: "id", CommitTimeout: time.Second, Metadata: meta, SnapshotEvery: 10}
	var wg sync.WaitGroup
	for i := range 1000 {
		wg.Go(func() {
			r := serve(t, h, b, message.ID(fmt.Sprintf("m-%d", i)), fmt.Sprintf(`{"id":"a%d","n":1}`, i%7))
			if _, ok := r.(message.OK); !ok {
				t.Errorf("answer %#v", r)
			}
		})
	}
	wg.Wait()
	r := serve(t, h, b, "m-y", `{"id":"a3","n":1}`)
	if ok, is := r.(message.OK); !is || string(ok.Value.JSON) != "144" {
		t.Errorf("answer %s", ok.Value.JSON)
	}
	h.Stop()
}

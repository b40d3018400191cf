package runtime_test

import (
	"context"
	"testing"
	"time"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/handler"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store/memory"
)

// A decision that takes long holds up its own aggregate only, also for the
// caller who sent it and goes on sending.
func TestServe_ReturnsBeforeTheDecision(t *testing.T) {
	began, goOn := make(chan struct{}, 1), make(chan struct{})
	d := aggregate.New[counter]("counters")
	ev := aggregate.Event(d, "added", func(c *counter, e added) { c.N += e.N })
	aggregate.Command(d, "add", nil, func(m *aggregate.Message[counter], s counter, c add) aggregate.Decision[counter] {
		if c.N == 99 {
			began <- struct{}{}
			<-goOn
		}
		return m.Emit(ev(added{c.N})).OK(s.N + c.N)
	})
	h := newHost(t, memory.New(memory.Config{Group: "test"}), d, "m1")
	defer h.Stop()
	meta, err := handler.NewMetadata(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &handler.Binding{Service: "add", Core: d.Core(), Command: d.Core().Command("add"), On: handler.MaybeNew, IDField: "id", CommitTimeout: time.Minute, Metadata: meta}
	serve(t, h, b, "warm", `{"id":"slow","n":1}`)
	raw, err := message.JSONBody([]byte(`{"id":"slow","n":99}`))
	if err != nil {
		t.Fatal(err)
	}
	slow := make(chan message.Response, 1)
	h.Serve(context.Background(), b, message.New("add", raw), func(r message.Response) { slow <- r }) // returns
	<-began
	if r, ok := serve(t, h, b, "other", `{"id":"quick","n":1}`).(message.OK); !ok {
		t.Errorf("the other aggregate was answered %#v", r)
	}
	close(goOn)
	if r, ok := (<-slow).(message.OK); !ok || string(r.Value.JSON) != "100" {
		t.Errorf("the slow one was answered %#v", r)
	}
}

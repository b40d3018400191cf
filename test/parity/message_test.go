package parity

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/dispatch"
	"github.com/ringhold/ringhold/message"
)

// seen is a plain service that keeps a copy of each message that it gets.
func seen() (*dispatch.FuncService, <-chan message.Message) {
	got := make(chan message.Message, 10)
	return dispatch.Func("seen", func(_ context.Context, m *message.Message) message.Response {
		got <- *m
		return message.OK{}
	}), got
}

func TestMessage_ServiceSeesItsFields(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		service, got := seen()
		g := serving(t, start, service)
		m := g.messageAs("m-1", "seen", `{"n":1}`)
		m.CorrelationID, m.CausationID = "c-1", "c-2"
		m.LogAttributes = map[string]string{"user": "ada"}
		m.DryRun = message.Verbose
		m.Traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
		m.Caller = message.Caller{Name: "ada", Authenticated: true, Claims: map[string]any{"role": "admin"}}
		m.Assign("limit", 7)
		want(t, g.send(m).Response, message.OK{})
		saw := <-got
		same(t, "service", saw.Service, "seen")
		same(t, "ids", []message.ID{saw.ID, saw.CorrelationID, saw.CausationID}, []message.ID{"m-1", "c-1", "c-2"})
		same(t, "log attributes", saw.LogAttributes, map[string]string{"user": "ada"})
		same(t, "dry run", saw.DryRun, message.Verbose)
		same(t, "raw request", string(saw.Raw.JSON()), `{"n":1}`)
		same(t, "caller", saw.Caller, message.Caller{Name: "ada", Authenticated: true, Claims: map[string]any{"role": "admin"}})
		same(t, "origin", saw.Origin, string(g.member().ID()))
		if limit, ok := message.Assigned[int](&saw, "limit"); !ok || limit != 7 {
			t.Errorf("assigned %d (%t)", limit, ok)
		}
		if !saw.Valid || saw.Halted || saw.InvokedAt.Location() != time.UTC || saw.Traceparent == "" {
			t.Errorf("saw %+v", saw)
		}
	})
}

func TestMessage_AnswerNamesTheAggregate(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		at := func(service, request string) message.Meta { return g.send(g.message(service, request)).Aggregate }
		same(t, "opened", at("open", `{"id":"a","n":1}`), message.Meta{Stream: tallies, ID: "a", Version: 0})
		same(t, "added to", at("add", `{"id":"a","n":1}`), message.Meta{Stream: tallies, ID: "a", Version: 1})
		same(t, "refused with an event", at("withdraw", `{"id":"a","n":9}`), message.Meta{Stream: tallies, ID: "a", Version: 2})
		same(t, "looked at", at("look", `{"id":"a"}`), message.Meta{Stream: tallies, ID: "a", Version: 2})
		same(t, "refused", at("open", `{"id":"a"}`), message.Meta{Stream: tallies, ID: "a", Version: 2})
		g.doAs("m-1", "add", `{"id":"a","n":1}`)
		g.do("add", `{"id":"a","n":1}`)
		same(t, "repeated", g.send(g.messageAs("m-1", "add", `{"id":"a","n":1}`)).Aggregate, message.Meta{Stream: tallies, ID: "a", Version: 3})
		same(t, "never made", at("look", `{"id":"b"}`), message.Meta{Stream: tallies, ID: "b", Version: message.NoVersion})
	})
}

func TestMessage_DecideSeesItsFields(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		d := newTallies()
		d.command("add_seen", func(m *msg, _ tally, _ request) decision {
			return m.OK([]any{m.Service(), m.ID(), m.CorrelationID(), m.CausationID(), m.AggregateID(), m.Version(), m.IsDryRun(), m.Caller().Name})
		})
		g := serving(t, start, d)
		m := g.messageAs("m-1", "add_seen", `{"id":"a"}`)
		m.CorrelationID, m.CausationID, m.Caller.Name, m.DryRun = "c-1", "c-2", "ada", message.Dry
		same(t, "decide saw", value[[]any](t, g.send(m).Response), []any{"add_seen", "m-1", "c-1", "c-2", "a", -1.0, true, "ada"})
	})
}

func TestMessage_IDIsGeneratedIfAbsent(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		m := &message.Message{Service: "open", Raw: g.message("open", `{"id":"a"}`).Raw, Valid: true}
		answer := g.send(m)
		want(t, answer.Response, created("a", 0))
		if _, err := uuid.Parse(string(answer.ID)); err != nil {
			t.Errorf("the id is %q: %v", answer.ID, err)
		}
		same(t, "correlation and causation id", []message.ID{answer.CorrelationID, answer.CausationID}, []message.ID{answer.ID, answer.ID})
		same(t, "stored with", g.events("a")[0].MessageID, answer.ID)
	})
}

func TestMessage_IDsAreOrderedUUIDs(t *testing.T) {
	ids := make([]message.ID, 1000)
	for i := range ids {
		ids[i] = newMessage(t, "open", "").ID
		if u := uuid.MustParse(string(ids[i])); u.Version() != 7 {
			t.Fatalf("id %s is a UUID of version %d", ids[i], u.Version())
		}
	}
	if !slices.IsSorted(ids) {
		t.Error("ids that were made later do not sort later")
	}
}

func TestMessage_CorrelationDefaultsToTheID(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		m := g.messageAs("m-1", "open", `{"id":"a"}`)
		m.CorrelationID, m.CausationID = "", ""
		g.send(m)
		same(t, "metadata", metadata(t, g.events("a")[0]), map[string]string{"message_id": "m-1", "correlation_id": "m-1", "causation_id": "m-1"})
	})
}

func TestMessage_CausationDefaultsToTheCorrelation(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		m := g.messageAs("m-1", "open", `{"id":"a"}`)
		m.CorrelationID, m.CausationID = "c-1", ""
		g.send(m)
		same(t, "metadata", metadata(t, g.events("a")[0]), map[string]string{"message_id": "m-1", "correlation_id": "c-1", "causation_id": "c-1"})
	})
}

func TestMessage_NewIsRealValidAndNotHalted(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		m := g.message("open", `{"id":"a"}`)
		if m.DryRun != message.Real || !m.Valid || m.Halted || len(m.Events()) > 0 || m.Response != nil {
			t.Errorf("new message: %+v", m)
		}
		want(t, g.send(m).Response, created("a", 0))
		same(t, "stored", types(g.events("a")), []string{"opened"})
	})
}

func TestMessage_InvokedAtIsSetAtDispatch(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, start start) {
		d := newTallies()
		d.command("add_now", func(m *msg, _ tally, _ request) decision { return m.OK(m.Now()) })
		g := serving(t, start, d)
		m := g.message("add_now", `{"id":"a"}`)
		<-time.After(time.Minute)
		now := time.Now().UTC()
		answer := g.send(m)
		if !answer.InvokedAt.Equal(now) || answer.InvokedAt.Location() != time.UTC {
			t.Errorf("invoked at %v, dispatched at %v", answer.InvokedAt, now)
		}
		if saw := value[time.Time](t, answer.Response); !saw.Equal(now) {
			t.Errorf("decide saw %v, want %v", saw, now)
		}
	})
}

func TestMessage_CausedByHasItsOwnIDAndKeepsTheCorrelation(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		cause := g.messageAs("m-1", "open", `{"id":"a"}`)
		cause.CorrelationID = "c-1"
		caused := message.NewCausedBy(cause, "open", g.message("open", `{"id":"b"}`).Raw)
		g.send(caused)
		same(t, "metadata", metadata(t, g.events("b")[0]), map[string]string{"message_id": string(caused.ID), "correlation_id": "c-1", "causation_id": "m-1"})
		if caused.ID == cause.ID {
			t.Error("it has the id of its cause")
		}
	})
}

func TestMessage_CausedByInheritsNoRequestAssignsOrDryRun(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		service, got := seen()
		g := serving(t, start, service)
		cause := g.message("seen", `{"n":1}`).Assign("limit", 7)
		cause.DryRun, cause.Request = message.Dry, request{N: 1}
		g.send(message.NewCausedBy(cause, "seen", message.Body{}))
		saw := <-got
		if _, ok := message.Assigned[int](&saw, "limit"); ok || !saw.Raw.IsZero() || saw.Request != nil || saw.DryRun != message.Real {
			t.Errorf("saw %+v", saw)
		}
	})
}

func TestMessage_CausedByKeepsLogAttributesAndTrace(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		service, got := seen()
		g := serving(t, start, service)
		cause := g.message("seen", "")
		cause.LogAttributes, cause.Traceparent = map[string]string{"user": "ada"}, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
		g.send(message.NewCausedBy(cause, "seen", message.Body{}))
		saw := <-got
		same(t, "log attributes", saw.LogAttributes, map[string]string{"user": "ada"})
		same(t, "traceparent", saw.Traceparent, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	})
}

func TestMessage_ToKeepsIDsRequestAndAssigns(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		service, got := seen()
		g := serving(t, start, service)
		m := g.messageAs("m-1", "elsewhere", `{"n":1}`).Assign("limit", 7)
		m.CorrelationID, m.CausationID = "c-1", "c-2"
		g.send(m.To("seen"))
		saw := <-got
		same(t, "service", saw.Service, "seen")
		same(t, "ids", []message.ID{saw.ID, saw.CorrelationID, saw.CausationID}, []message.ID{"m-1", "c-1", "c-2"})
		same(t, "request", string(saw.Raw.JSON()), `{"n":1}`)
		if limit, ok := message.Assigned[int](&saw, "limit"); !ok || limit != 7 {
			t.Errorf("assigned %d (%t)", limit, ok)
		}
	})
}

func TestMessage_PutInRawStartsARequest(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		m := g.message("open", "")
		if err := m.PutInRaw("id", "a"); err != nil {
			t.Fatal(err)
		}
		want(t, g.send(m).Response, created("a", 0))
		same(t, "stored request", string(g.events("a")[0].Command.Request), `{"id":"a"}`)
	})
}

func TestMessage_AssignsAreTypedOnRead(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		d := newTallies()
		aggregate.Command(d.Definition, "add_assigned", nil,
			func(m *msg, _ tally, _ request) decision {
				n, found := aggregate.Assigned[int](m, "limit")
				_, asText := aggregate.Assigned[string](m, "limit")
				_, other := aggregate.Assigned[int](m, "other")
				return m.OK([]any{n, found, asText, other})
			},
			aggregate.Before(func(_ context.Context, m *message.Message, c request) error {
				m.Assign("limit", c.N+1)
				return nil
			}))
		g := serving(t, start, d)
		same(t, "assigned", value[[]any](t, g.do("add_assigned", `{"id":"a","n":6}`)), []any{7.0, true, false, false})
	})
}

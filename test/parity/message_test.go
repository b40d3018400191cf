package parity

import (
	"context"
	"log/slog"
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

func TestMessage_ResponsesHalt(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		answers := map[string]struct {
			give func(*message.Message) *message.Message
			want message.Response
		}{
			"return":      {func(m *message.Message) *message.Message { return m.Return(message.Forbidden{Reason: "why"}) }, message.Forbidden{Reason: "why"}},
			"ok":          {func(m *message.Message) *message.Message { return m.OK() }, message.OK{}},
			"ok_value":    {func(m *message.Message) *message.Message { return m.OK(map[string]int{"n": 1}) }, message.OK{Value: encoded([]any{map[string]int{"n": 1}})}},
			"created":     {func(m *message.Message) *message.Message { return m.Created("a") }, message.Created{ID: "a"}},
			"error":       {func(m *message.Message) *message.Message { return m.Error("no") }, refusal("no")},
			"error_value": {func(m *message.Message) *message.Message { return m.Error("no", 7) }, refusal("no", 7)},
		}
		halts := dispatch.Func("halts", func(_ context.Context, m *message.Message) message.Response {
			name := string(m.Raw.JSON())[2 : len(m.Raw.JSON())-4]
			if given := answers[name].give(m); !given.Halted || given != m {
				t.Errorf("%s does not halt the message", name)
			}
			return m.Response
		})
		g := serving(t, start, halts)
		for name, answer := range answers {
			want(t, g.do("halts", `{"`+name+`":1}`), answer.want)
		}
	})
}

func TestMessage_EventsKeepTheirOrder(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		d := newTallies()
		d.command("open_more", func(m *msg, _ tally, _ request) decision {
			return m.Emit(d.opened(opened{1}), d.added(added{2})).Emit(d.refused(refused{3}), d.closed(closed{}), d.added(added{4})).Created()
		})
		g := serving(t, start, d)
		want(t, g.do("open_more", `{"id":"a"}`), created("a", 4))
		same(t, "stored", types(g.events("a")), []string{"opened", "added", "refused", "closed", "added"})
		m := g.message("open", "").AddEvent(1).AddEvent("two").AddEvent(3.0)
		same(t, "added to a message", m.Events(), []any{1, "two", 3.0})
	})
}

func TestMessage_ReplyCarriesNoRequestAndNoEvents(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		for _, kind := range []message.DryRun{message.Dry, message.Real} {
			m := g.message("open", `{"id":"a"}`)
			m.DryRun = kind
			answer := g.send(m)
			if !answer.Raw.IsZero() || answer.Request != nil || len(answer.Events()) > 0 {
				t.Errorf("the answer carries %+v", answer)
			}
			if accepted, is := answer.Response.(message.OK); is && len(accepted.Events) > 0 {
				t.Errorf("a dry run answers the events %v", accepted.Events)
			}
		}
	})
}

func TestMessage_ReplyCarriesEventsInAVerboseDryRun(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		r := is[message.OK](t, g.dry(message.Verbose, "open", `{"id":"a","n":3}`))
		if len(r.Events) != 1 || r.Events[0].Type != "opened" || string(r.Events[0].Value.JSON) != `{"N":3}` {
			t.Errorf("events %+v", r.Events)
		}
	})
}

func TestMessage_InvalidRequestIsNotDecided(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		d := newTallies()
		decided := false
		aggregate.Command(d.Definition, "add_checked",
			func(c request, _ *msg, _ tally) (v aggregate.Violations) {
				v.Require(c.N > 0, "n", "must be positive")
				return v
			},
			func(m *msg, _ tally, _ request) decision { decided = true; return m.OK() })
		g := serving(t, start, d)
		answer := g.send(g.message("add_checked", `{"id":"a","n":-1}`))
		r := is[message.ValidationError](t, answer.Response)
		want(t, r, invalid("n", "must be positive"))
		same(t, "the request", r.Request, any(request{ID: "a", N: -1}))
		if decided || answer.Valid || !answer.Halted {
			t.Errorf("decided %t, valid %t, halted %t", decided, answer.Valid, answer.Halted)
		}
	})
}

func TestMessage_AllViolationsAtOnceWithPaths(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		d := newTallies()
		type line struct {
			SKU string `json:"sku"`
		}
		type order struct {
			ID    string `json:"id"`
			Lines []line `json:"lines"`
			N     int    `json:"n"`
		}
		aggregate.Command(d.Definition, "add_order",
			func(c order, _ *msg, _ tally) (v aggregate.Violations) {
				v.Require(c.N > 0, "n", "must be positive")
				v.Require(c.Lines[1].SKU != "", "lines[1].sku", "is missing")
				return v
			},
			func(m *msg, _ tally, _ order) decision { return m.OK() })
		g := serving(t, start, d)
		want(t, g.do("add_order", `{"id":"a","lines":[{"sku":"x"},{}]}`), message.ValidationError{Violations: message.Violations{
			{Path: "n", Message: "must be positive"}, {Path: "lines[1].sku", Message: "is missing"},
		}})
		want(t, g.do("add_order", `{"id":"a","lines":[{"sku":7}]}`), invalid("lines.sku", "has to be a string, not a JSON number"))
	})
}

func TestMessage_NilEventAddsNothing(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		d := newTallies()
		d.command("open_with_nothing", func(m *msg, _ tally, _ request) decision {
			var none emitted
			return m.Emit(none, d.opened(opened{}), none).Created()
		})
		d.command("add_nothing", func(m *msg, _ tally, _ request) decision {
			var none emitted
			return m.Emit(none).OK()
		})
		g := serving(t, start, d)
		want(t, g.do("open_with_nothing", `{"id":"a"}`), created("a", 0))
		want(t, g.do("add_nothing", `{"id":"b"}`), ok(message.NoVersion))
		same(t, "stored", len(g.events("a"))+len(g.events("b")), 1)
		same(t, "added to a message", len(g.message("open", "").AddEvent(nil).Events()), 0)
	})
}

func TestMessage_AggregateIDStandsInTheField(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		want(t, g.do("open", `{"n":1,"id":"with spaces / and ünïcode"}`), created("with spaces / and ünïcode", 0))
		same(t, "stored", len(g.events("with spaces / and ünïcode")), 1)
	})
}

// withoutID are the ways in which a request has no aggregate id.
var withoutID = map[string]string{"missing": `{"n":1}`, "null": `{"id":null}`, "empty": `{"id":""}`, "no request at all": ""}

func TestMessage_MissingIDIsRefused(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		for _, service := range []string{"open", "add", "look"} {
			for how, body := range withoutID {
				t.Log(service, how)
				want(t, g.do(service, body), message.MissingID{Field: "id"})
			}
		}
	})
}

func TestMessage_MissingIDIsGenerated(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		d := newTallies()
		d.command("open_seen", func(m *msg, _ tally, c request) decision {
			return m.Emit(d.opened(opened{c.N})).Created([]any{c.ID, m.AggregateID()})
		})
		s := hosting(d)
		s.handler("open_seen").GenerateID = true
		g := start(s)
		for how, body := range withoutID {
			r := is[message.Created](t, g.do("open_seen", body))
			if _, err := uuid.Parse(string(r.ID)); err != nil {
				t.Errorf("%s: id %q: %v", how, r.ID, err)
			}
			same(t, "the command saw", value[[]message.AggregateID](t, r), []message.AggregateID{r.ID, r.ID})
			same(t, "stored", len(g.events(r.ID)), 1)
		}
	})
}

func TestMessage_GeneratedIDComesFromTheMessageID(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		s := hosting(newTallies())
		s.handler("open").GenerateID = true
		g := start(s)
		first := is[message.Created](t, g.doAs("m-1", "open", `{"n":1}`))
		same(t, "id", first.ID, message.GeneratedID(tallies, "m-1"))
		g.restart()
		want(t, g.doAs("m-1", "open", `{"n":1}`), first)
		if other := is[message.Created](t, g.doAs("m-2", "open", `{"n":1}`)); other.ID == first.ID {
			t.Error("another message made up the same id")
		}
	})
}

func TestMessage_IntegerIDBecomesAString(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		d := newTallies()
		d.command("open_seen", func(m *msg, _ tally, c request) decision { return m.Emit(d.opened(opened{})).Created(c.ID) })
		g := serving(t, start, d)
		const large = "123456789012345678901234567890"
		r := g.do("open_seen", `{"id":`+large+`}`)
		same(t, "id", is[message.Created](t, r).ID, large)
		same(t, "the command saw", value[string](t, r), large)
		want(t, g.do("look", `{"id":"`+large+`"}`), ok(0, 0))
		for _, no := range []string{"1.5", "1e3", "true", "[]", `{}`} {
			is[message.ValidationError](t, g.do("open_seen", `{"id":`+no+`}`))
		}
	})
}

func TestMessage_UUIDIsTakenAsID(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		const id = "018f4e3a-7b1c-7def-8a90-0123456789ab"
		want(t, g.do("open", `{"id":"`+id+`"}`), created(id, 0))
	})
}

func TestMessage_LogAttributesReachEveryLine(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		d := newTallies()
		out := &logged{}
		logger := slog.New(dispatch.NewLogHandler(out.handler()))
		say := func(ctx context.Context, text string) { logger.InfoContext(ctx, text) }
		d.OnCommit(func(ctx context.Context, _ *msg, _ tally) { say(ctx, "committed") })
		d.OnSaved(func(ctx context.Context, _ message.AggregateID, _ tally, _ message.Version) { say(ctx, "saved") })
		d.OnRollback(func(ctx context.Context, _ *msg, _ tally) { say(ctx, "rolled back") })
		d.HydrateWith(func(ctx context.Context, h *aggregate.Hydration[tally]) error {
			say(ctx, "hydrated")
			return h.Default(ctx)
		})
		aggregate.Command(d.Definition, "open_slowly", nil,
			func(m *msg, _ tally, _ request) decision { return m.Emit(d.opened(opened{})).Created() },
			aggregate.Before(func(ctx context.Context, _ *message.Message, _ request) error { say(ctx, "before"); return nil }))
		d.command("crash", func(*msg, tally, request) decision { panic("no") })
		plain := dispatch.Func("plain", func(ctx context.Context, m *message.Message) message.Response {
			say(ctx, "plain")
			return m.OK().Response
		})
		s := hosting(d, plain)
		s.log = out.handler()
		g := start(s)
		send := func(kind message.DryRun, service, body string) {
			m := g.messageAs("m-"+service+kind.String(), service, body)
			m.LogAttributes, m.DryRun = map[string]string{"user": "ada"}, kind
			g.send(m)
		}
		send(message.Real, "open_slowly", `{"id":"a"}`)
		send(message.Dry, "add", `{"id":"a","n":1}`)
		send(message.Real, "plain", "")
		send(message.Real, "crash", `{"id":"a"}`)
		for text, id := range map[string]string{
			"before": "m-open_slowlyfalse", "hydrated": "m-open_slowlyfalse", "committed": "m-open_slowlyfalse", "saved": "m-open_slowlyfalse",
			"rolled back": "m-addtrue", "plain": "m-plainfalse",
			"a handler panicked; its command failed, others go on": "m-crashfalse",
		} {
			line := out.line(t, text)
			if line["user"] != "ada" || line["message_id"] != id || line["correlation_id"] != id {
				t.Errorf("line %v", line)
			}
		}
	})
}

package parity

import (
	"context"
	"log/slog"
	"testing"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/dispatch"
	"github.com/ringhold/ringhold/message"
)

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

func TestMessage_LogAttributesReachEveryLine(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		d := newTallies()
		out := &logged{}
		logger := slog.New(dispatch.NewLogHandler(out.handler()))
		say := func(ctx context.Context, text string) { logger.InfoContext(ctx, text) } //nolint:sloglint // the texts are constants of this test
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

package parity

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/ringhold/ringhold/dispatch"
	"github.com/ringhold/ringhold/message"
)

func TestRouter_TelemetryOfADispatch(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		o := &recorder{}
		s := hosting(newTallies())
		s.observer = o
		g := start(s)
		m := g.messageAs("m-1", "open", `{"id":"a"}`)
		m.CorrelationID, m.Traceparent = "c-1", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
		g.send(m)
		same(t, "steps", o.steps(), []string{
			"discovering", "found", "invoking", "received", "executing", "actor_spawned", "command_handled", "finished", "responded",
		})
		for _, e := range o.all() {
			if e.Step == dispatch.StepActorSpawned {
				continue
			}
			if e.Service != "open" || e.MessageID != "m-1" || e.CorrelationID != "c-1" || e.Traceparent != m.Traceparent || e.Origin != string(g.member().ID()) {
				t.Errorf("%s: %+v", e.Step, e)
			}
		}
	})
}

func TestRouter_TelemetryOfAServiceThatNobodyHas(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		o := &recorder{}
		s := hosting(newTallies())
		s.observer = o
		start(s).do("nobody_has_it", "")
		same(t, "steps", o.steps(), []string{"discovering", "not_found"})
	})
}

func TestRouter_TelemetryTellsServiceVisibilityAndOrigin(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		o := &recorder{}
		s := hosting(newTallies())
		s.handler("open").Visibility = "Private"
		s.observer = o
		g := start(s)
		elsewhere(t, registryOf(g, groupNode)).Dispatch(t.Context(), g.message("open", `{"id":"a"}`))
		for _, e := range o.all() {
			if e.Step == dispatch.StepReceived && (e.Service != "open" || e.Visibility != dispatch.Private || e.Origin != "elsewhere") {
				t.Errorf("received %+v", e)
			}
		}
		same(t, "received", o.count(dispatch.StepReceived), 1)
	})
}

func TestRouter_TelemetryTellsTheTimeInTheServiceAndTheTimeWaited(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, start start) {
		o := &recorder{}
		s := hosting(dispatch.Func("slow", func(_ context.Context, m *message.Message) message.Response {
			<-time.After(3 * time.Second)
			return m.OK().Response
		}))
		s.observer = o
		g := start(s)
		is[message.ServiceTimeout](t, g.send(g.message("slow", ""), dispatch.Within(2*time.Second)).Response)
		<-time.After(5 * time.Second)
		took := map[dispatch.Step]time.Duration{}
		outcome := map[dispatch.Step]string{}
		for _, e := range o.all() {
			took[e.Step], outcome[e.Step] = e.Duration, e.Outcome
		}
		same(t, "in the service", took[dispatch.StepFinished], 3*time.Second)
		same(t, "waited", took[dispatch.StepResponded], 2*time.Second)
		same(t, "outcomes", []string{outcome[dispatch.StepFinished], outcome[dispatch.StepResponded]}, []string{"ok", "service_timeout"})
	})
}

func TestRouter_TelemetryKeepsDryRunsApart(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		o := &recorder{}
		s := hosting(newTallies())
		s.observer = o
		g := start(s)
		g.dry(message.Verbose, "open", `{"id":"a"}`)
		for _, e := range o.all() {
			if e.Step != dispatch.StepActorSpawned && e.DryRun != message.Verbose {
				t.Errorf("%s: dry run %s", e.Step, e.DryRun)
			}
		}
		same(t, "responded", o.count(dispatch.StepResponded), 1)
	})
}

func TestRouter_TelemetryOfAuthorized(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		o := &recorder{}
		s := hosting(newTallies())
		s.observer = o
		g := start(s)
		g.dispatcher().Authorized(t.Context(), g.message("open", `{"id":"a"}`))
		same(t, "steps", o.steps(), []string{"authorized"})
		same(t, "outcome", o.all()[0].Outcome, "allowed")
	})
}

func TestRouter_TelemetryOfActors(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		o := &recorder{}
		s := hosting(newTallies())
		s.observer = o
		g := start(s)
		g.do("open", `{"id":"a","n":5}`)
		g.do("withdraw", `{"id":"a","n":9}`)
		same(t, "spawned", o.count(dispatch.StepActorSpawned), 1)
		g.unload("a")
		g.do("look", `{"id":"a"}`)
		same(t, "spawned", o.count(dispatch.StepActorSpawned), 2)
		var handled []string
		for _, e := range o.all() {
			if e.Step == dispatch.StepCommandHandled {
				handled = append(handled, string(e.Stream)+" "+string(e.Service)+" "+e.Outcome)
			}
		}
		same(t, "handled", handled, []string{"tallies open created", "tallies withdraw error", "tallies look ok"})
	})
}

func TestRouter_TelemetryOfACommitTimeout(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, start start) {
		o := &recorder{}
		s := hosting(newTallies())
		s.handler("open").CommitTimeout.Duration = time.Second
		s.observer = o
		g := start(s)
		stall := g.store.stallNext()
		is[message.OutcomeUnknown](t, g.doAs("m-1", "open", `{"id":"a"}`))
		stall.store()
		g.do("look", `{"id":"a"}`)
		same(t, "commit timeouts", o.count(dispatch.StepCommitTimeout), 1)
		for _, e := range o.all() {
			if e.Step == dispatch.StepCommitTimeout && (e.MessageID != "m-1" || e.Stream != tallies) {
				t.Errorf("%+v", e)
			}
		}
	})
}

func TestRouter_TelemetryOfWhoJoinsAndLeaves(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		o := &recorder{}
		g := serving(t, start, newTallies())
		r := registryOf(g, dispatch.RegistryConfig{Observer: o})
		r.Leave(string(g.member().ID()))
		same(t, "steps", o.steps(), []string{"joined", "left"})
		same(t, "node", o.all()[0].Node, string(g.member().ID()))
	})
}

func TestRouter_LogsOfACallStayOnItsNode(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		out := &logged{}
		s := hosting(dispatch.Func("crash", func(context.Context, *message.Message) message.Response { panic("no") }))
		s.log = out.handler()
		g := start(s)
		m := g.messageAs("m-1", "crash", "")
		m.LogAttributes = map[string]string{"user": "ada"}
		elsewhere(t, registryOf(g, groupNode)).Dispatch(t.Context(), m)
		line := out.line(t, "service panicked")
		if line["user"] != "ada" || line["message_id"] != "m-1" {
			t.Errorf("line %v", line)
		}
	})
}

func TestRouter_ACrashInAServiceIsAnsweredAtOnce(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, start start) {
		g := serving(t, start, dispatch.Func("crash", func(context.Context, *message.Message) message.Response { panic("no") }), answers("plain", message.OK{}))
		began := time.Now()
		is[message.Crashed](t, g.do("crash", ""))
		same(t, "waited", time.Since(began), 0)
		want(t, g.do("plain", ""), message.OK{})
	})
}

func TestRouter_APanicIsLoggedWithItsStack(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		out := &logged{}
		d := newTallies()
		d.command("add_crash", func(*msg, tally, request) decision { panic("secret") })
		s := hosting(d)
		s.log = out.handler()
		g := start(s)
		is[message.Crashed](t, g.doAs("m-1", "add_crash", `{"id":"a"}`))
		line := out.line(t, "a handler panicked; its command failed, others go on")
		stack, _ := line["stack"].(string)
		if line["panic"] != "panic in decide: secret" || line["message_id"] != "m-1" || !strings.Contains(stack, "TestRouter_APanicIsLoggedWithItsStack") {
			t.Errorf("line %v", line)
		}
	})
}

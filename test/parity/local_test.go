package parity

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/api/manifest"
	"github.com/ringhold/ringhold/message"
)

func TestLocal_TheGivenDefinitionsRun(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies(), answers("plain", message.OK{}))
		want(t, g.do("open", `{"id":"a"}`), created("a", 0))
		want(t, g.do("plain", ""), message.OK{})
	})
}

// faults are what is wrong with what a binary hosts and its manifest declares.
func faults(t *testing.T, s *setup) string {
	t.Helper()
	_, err := s.resolve()
	var wrong *manifest.Error
	if !errors.As(err, &wrong) {
		t.Fatalf("resolved with %v", err)
	}
	return err.Error()
}

func TestLocal_AStreamWithoutADefinitionIsAFault(t *testing.T) {
	s := hosting(newTallies())
	s.stream().Name = "others"
	text := faults(t, s)
	if !strings.Contains(text, `no aggregate of this binary has the stream "others"`) || !strings.Contains(text, tallies) {
		t.Error(text)
	}
}

func TestLocal_ADefinitionWithoutAStreamIsAFault(t *testing.T) {
	s := hosting(newTallies())
	s.streams, s.handlers = nil, nil
	if text := faults(t, s); !strings.Contains(text, `"tallies"`) || !strings.Contains(text, "is not declared") {
		t.Error(text)
	}
}

func TestLocal_ACommandWithoutAServiceIsAFault(t *testing.T) {
	s := hosting(newTallies())
	s.handlers = s.handlers[1:]
	if text := faults(t, s); !strings.Contains(text, `the command "open" of stream "tallies"`) || !strings.Contains(text, "has no service") {
		t.Error(text)
	}
}

func TestLocal_AServiceWithoutACommandIsAFault(t *testing.T) {
	s := hosting(newTallies())
	s.also("audit", "look").Command = "audit_v2"
	if text := faults(t, s); !strings.Contains(text, `service "audit" runs command "audit_v2"`) {
		t.Error(text)
	}
}

func TestLocal_AnIDFieldThatTheCommandLacksIsAFault(t *testing.T) {
	s := hosting(newTallies())
	s.handler("look").ID = "account_id"
	if text := faults(t, s); !strings.Contains(text, `has no field "account_id"`) {
		t.Error(text)
	}
}

func TestLocal_AnActorIsSpawnedByItsFirstCommand(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		same(t, "in memory", g.inMemory(), 0)
		g.do("open", `{"id":"a"}`)
		g.do("open", `{"id":"b"}`)
		g.do("look", `{"id":"a"}`)
		same(t, "in memory", g.inMemory(), 2)
	})
}

func TestLocal_AnActorCanBeUnloaded(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		g.do("open", `{"id":"a","n":5}`)
		same(t, "was in memory", g.unload("a"), true)
		eventually(t, func() bool { return g.inMemory() == 0 })
		same(t, "is still in memory", g.unload("a"), false)
		want(t, g.do("look", `{"id":"a"}`), ok(0, 5))
	})
}

func TestLocal_AnActorIsReadWhereItLives(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		g.do("open", `{"id":"a","n":5}`)
		state, v, exists := g.read("a")
		same(t, "state", state.N, 5)
		same(t, "version", v, 0)
		same(t, "exists", exists, true)
	})
}

func TestLocal_AnActorThatFailsTakesNoOtherAlong(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		d := newTallies()
		d.command("crash", func(*msg, tally, request) decision { panic("no") })
		aggregate.Command(d.Definition, "crash_before", nil,
			func(m *msg, _ tally, _ request) decision { return m.OK() },
			aggregate.Before(func(context.Context, *message.Message, request) error { panic("no") }))
		g := serving(t, start, d)
		g.do("open", `{"id":"a","n":5}`)
		g.do("open", `{"id":"b","n":6}`)
		for range 5 {
			is[message.Crashed](t, g.do("crash", `{"id":"a"}`))
			is[message.Crashed](t, g.do("crash_before", `{"id":"a"}`))
		}
		want(t, g.do("look", `{"id":"a"}`), ok(0, 5))
		want(t, g.do("look", `{"id":"b"}`), ok(0, 6))
	})
}

func TestLocal_StoppingFinishesWhatWasBegun(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		stall := g.store.stallNext()
		p := g.begin(g.message("open", `{"id":"a","n":5}`))
		<-stall.reached
		stopped := make(chan struct{})
		go func() { g.stop(); close(stopped) }()
		<-time.After(time.Second)
		stall.store()
		<-stopped
		want(t, p.response(), created("a", 0))
		g.start()
		want(t, g.do("look", `{"id":"a"}`), ok(0, 5))
	})
}

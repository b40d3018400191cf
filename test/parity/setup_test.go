package parity

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/api/v1alpha1"
	"github.com/ringhold/ringhold/dispatch"
	"github.com/ringhold/ringhold/shard"
)

// setup says what a group hosts and how: what a binary and its manifest say.
type setup struct {
	hosted   []shard.Hosted
	streams  []v1alpha1.StreamSpec
	handlers []v1alpha1.HandlerSpec
	metadata map[string]string
	members  int // 0: one
	observer dispatch.Observer
	log      slog.Handler // nil: logs go to the test's output
}

// hosting hosts definitions and plain services. Each command and each plain
// service is public under its own name. A command whose name begins with "open"
// makes a new aggregate, one that begins with "add" takes either, the others
// need an existing one.
func hosting(hosted ...shard.Hosted) *setup {
	s := &setup{hosted: hosted}
	for _, one := range hosted {
		switch one := one.(type) {
		case aggregate.Hosted:
			core := one.Core()
			s.streams = append(s.streams, v1alpha1.StreamSpec{Name: string(core.Stream), MailboxLimit: 1000})
			for _, c := range core.Commands() {
				s.handlers = append(s.handlers, v1alpha1.HandlerSpec{Service: c.Name, Stream: string(core.Stream), On: onOf(c.Name)})
			}
		case *dispatch.FuncService:
			s.handlers = append(s.handlers, v1alpha1.HandlerSpec{Service: string(one.Service().Name)})
		}
	}
	for i := range s.handlers {
		h := &s.handlers[i]
		h.ID, h.Access, h.Visibility = "id", v1alpha1.AccessPublic, v1alpha1.VisibilityPublic
		h.CommitTimeout.Duration = 5 * time.Second
	}
	return s
}

func onOf(command string) v1alpha1.On {
	switch {
	case strings.HasPrefix(command, "open"):
		return v1alpha1.OnNew
	case strings.HasPrefix(command, "add"):
		return v1alpha1.OnMaybeNew
	}
	return v1alpha1.OnExisting
}

// handler returns the handler of a service, to be changed.
func (s *setup) handler(service string) *v1alpha1.HandlerSpec {
	for i := range s.handlers {
		if s.handlers[i].Service == service {
			return &s.handlers[i]
		}
	}
	panic("no handler has the service " + service)
}

// also adds a handler: another service of a command.
func (s *setup) also(service string, like string) *v1alpha1.HandlerSpec {
	h := *s.handler(like)
	h.Service, h.Command = service, h.CommandName()
	s.handlers = append(s.handlers, h)
	return s.handler(service)
}

// stream returns the first stream, to be changed.
func (s *setup) stream() *v1alpha1.StreamSpec { return &s.streams[0] }

// snapshots has a snapshot stored each time so many events have come.
func (s *setup) snapshots(every int32) *setup {
	s.stream().SnapshotEvery = every
	return s
}

func (s *setup) resolve() (*shard.Plan, error) {
	m := &v1alpha1.AggregateService{}
	m.Name = "parity"
	m.Spec.Slots = 16
	m.Spec.EventMetadata = s.metadata
	m.Spec.Streams, m.Spec.Handlers = s.streams, s.handlers
	return shard.Resolve("parity.yaml", m, shard.Binary{Hosted: s.hosted})
}

// serving is hosting for tests that only need the group of it.
func serving(t *testing.T, start start, hosted ...shard.Hosted) *group {
	t.Helper()
	return start(hosting(hosted...))
}

package aggregatetest

import (
	"testing"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/message"
)

// State returns the state and the version that events lead to, with the checks
// that a scenario makes of them.
func State[S any](t testing.TB, d *aggregate.Definition[S], events ...aggregate.Emitted[S]) (S, message.Version) {
	t.Helper()
	h := newHistory(t, d.Core()).with(pending(events))
	return *h.state().(*S), message.Version(len(h.events) - 1)
}

// Apply returns the state and the version that further events lead to, with
// the checks that a scenario makes of them. The state that was given stays as
// it is.
func Apply[S any](t testing.TB, d *aggregate.Definition[S], state S, version message.Version, events ...aggregate.Emitted[S]) (S, message.Version) {
	t.Helper()
	h := newHistory(t, d.Core())
	h.startFrom(&state, false)
	h = h.with(pending(events))
	return *h.state().(*S), version + message.Version(len(h.events))
}

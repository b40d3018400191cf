package aggregate_test

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/message"
)

// A definition without hooks has the defaults.
func TestWithoutHooks(t *testing.T) {
	core, m, state := accounts().Core(), messageOf(t, `{}`), new(account)
	core.Loaded(state)
	core.Committed(t.Context(), m, state)
	core.RolledBack(t.Context(), m, state)
	core.Saved(t.Context(), "acc-1", state, 0)
	if core.HasCallbacks() || core.CustomHydration() || core.Authorize(m) != nil {
		t.Error("there are hooks")
	}
	if custom, err := core.Hydrate(t.Context(), nil); custom || err != nil {
		t.Errorf("hydrated: %t %v", custom, err)
	}
	if _, _, decided := core.UnloadRule(state).When(); decided {
		t.Error("an unloading is decided")
	}
	events := []aggregate.Pending{{}}
	if got, err := core.Filter(m, events); err != nil || !reflect.DeepEqual(got, events) {
		t.Errorf("filtered: %v %v", got, err)
	}
}

func TestHooksGetMessageAndState(t *testing.T) {
	var calls []string
	note := func(hook string, m *msg, s account) {
		calls = append(calls, hook+" "+string(m.ID())+" "+s.Owner)
	}
	d := aggregate.New[account]("accounts").
		StateBased().
		OnLoad(func(s account) account { s.Owner += "!"; return s }).
		OnCommit(func(_ context.Context, m *msg, s account) { note("commit", m, s) }).
		OnRollback(func(_ context.Context, m *msg, s account) { note("rollback", m, s) }).
		OnSaved(func(_ context.Context, id message.AggregateID, s account, v message.Version) {
			calls = append(calls, "saved "+string(id)+" "+s.Owner)
		}).
		Authorize(func(m *msg) message.Response {
			if m.Caller().Name == "mallory" {
				return message.Forbidden{Reason: "known"}
			}
			return nil
		})
	core, m, state := d.Core(), messageOf(t, `{}`), &account{Owner: "Ada"}
	core.Loaded(state)
	core.Committed(t.Context(), m, state)
	core.RolledBack(t.Context(), m, state)
	core.Saved(t.Context(), "acc-1", state, 3)
	if want := []string{"commit m1 Ada!", "rollback m1 Ada!", "saved acc-1 Ada!"}; !reflect.DeepEqual(calls, want) {
		t.Errorf("got %q, want %q", calls, want)
	}
	if !core.HasCallbacks() || !core.StateBased {
		t.Error("the hooks are not there")
	}
	if got := core.Authorize(m); got != nil {
		t.Errorf("refused: %+v", got)
	}
	m.Caller.Name = "mallory"
	if got := core.Authorize(m); got != (message.Forbidden{Reason: "known"}) {
		t.Errorf("got %+v", got)
	}
	if only := aggregate.New[account]("a").OnRollback(func(context.Context, *msg, account) {}).Core(); !only.HasCallbacks() {
		t.Error("a rollback is no callback")
	}
}

func TestFilterEvents(t *testing.T) {
	d := accounts()
	d.FilterEvents(func(m *msg, events []aggregate.Pending) ([]aggregate.Pending, error) {
		if m.ID() == "bad" {
			return nil, errors.New("no")
		}
		return events[1:], nil
	})
	m := messageOf(t, `{}`)
	if got, err := d.Core().Filter(m, make([]aggregate.Pending, 3)); err != nil || len(got) != 2 {
		t.Errorf("%v %v", got, err)
	}
	m.ID = "bad"
	if _, err := d.Core().Filter(m, make([]aggregate.Pending, 3)); err == nil {
		t.Error("no error")
	}
}

// host is what hydrates in a test.
type host struct {
	aggregate.Hydrator
	state   any
	version message.Version
}

func (h *host) State() (any, message.Version)    { return h.state, h.version }
func (h *host) Set(state any, v message.Version) { h.state, h.version = state, v }
func (h *host) ID() message.AggregateID          { return "acc-1" }
func (h *host) Default(context.Context) error    { h.Set(&account{Owner: "Ada"}, 4); return nil }

func TestHydrateWith(t *testing.T) {
	d := accounts().HydrateWith(func(ctx context.Context, h *aggregate.Hydration[account]) error {
		if err := h.Default(ctx); err != nil {
			return err
		}
		s, v := h.Current()
		s.Owner += " of " + string(h.ID())
		if v != 4 {
			return aggregate.Refuse("other_version", v)
		}
		return nil
	})
	h := new(host)
	if custom, err := d.Core().Hydrate(t.Context(), h); !custom || err != nil || !d.Core().CustomHydration() {
		t.Errorf("%t %v", custom, err)
	}
	if *h.state.(*account) != (account{Owner: "Ada of acc-1"}) || h.version != 4 {
		t.Errorf("%+v at %d", h.state, h.version)
	}
	d = accounts().HydrateWith(func(_ context.Context, h *aggregate.Hydration[account]) error {
		h.Use(account{Balance: 9}, 12)
		return nil
	})
	if _, err := d.Core().Hydrate(t.Context(), h); err != nil || *h.state.(*account) != (account{Balance: 9}) || h.version != 12 {
		t.Errorf("%+v at %d (%v)", h.state, h.version, err)
	}
}

func TestUnloadRules(t *testing.T) {
	for _, test := range []struct {
		rule          aggregate.Unload
		in            time.Duration
		keep, decided bool
	}{
		{aggregate.Unload{}, 0, false, false},
		{aggregate.UnloadNow(), 0, false, true},
		{aggregate.UnloadIn(time.Minute), time.Minute, false, true},
		{aggregate.UnloadIn(0), 0, false, true},
		{aggregate.UnloadIn(-1), 0, false, true},
		{aggregate.UnloadSkip(), 0, true, true},
	} {
		d := accounts().UnloadWhen(func(s account) aggregate.Unload { return test.rule })
		if in, keep, decided := d.Core().UnloadRule(new(account)).When(); in != test.in || keep != test.keep || decided != test.decided {
			t.Errorf("%+v: %s %t %t", test.rule, in, keep, decided)
		}
	}
}

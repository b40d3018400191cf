package postgres

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ringhold/ringhold/internal/pgtest"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// tenant is a group in a schema that it shares. All tenants have members, slots,
// streams, messages and alarms of the same names.
type tenant struct {
	t          *testing.T
	s          *Store
	admin      *pgconn.PgConn
	a, b, d, e *testMember
}

func newTenant(t *testing.T, address, group string) *tenant {
	t.Helper()
	s, err := Open(t.Context(), Config{URL: address, Group: group, Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return &tenant{t: t, s: s, admin: raw(t, s)}
}

func (n *tenant) must(what string, err error) {
	n.t.Helper()
	if err != nil {
		n.t.Fatalf("group %s: %s: %v", n.s.group, what, err)
	}
}

// commanded is an append of one event with a message id.
func (n *tenant) commanded(m *testMember, stream message.Stream, v message.Version, id message.ID) *store.Append {
	a := m.one(stream, v, `{}`)
	a.Events[0].MessageID, a.Events[0].Command = id, &store.Command{Service: "do_it", Response: []byte(`{}`), Events: 1}
	return a
}

// settled moves the member's head behind the events of an append.
func (n *tenant) settled(m *testMember, a *store.Append, err error) {
	n.t.Helper()
	n.must("append", err)
	last := a.Events[len(a.Events)-1]
	m.claim.Head = store.Head{Offset: last.Offset, Epoch: last.Epoch}
}

// begin writes into every table.
func (n *tenant) begin() {
	n.t.Helper()
	n.a = newTestMember(n.t, n.s, "a", 1, time.Hour)
	n.b = newTestMember(n.t, n.s, "b", 3, time.Hour)
	n.d = newTestMember(n.t, n.s, "d", 2, 0)
	n.e = newTestMember(n.t, n.s, "e", 4, time.Hour)
	first := n.commanded(n.a, "accounts-a", 0, "m-0")
	end := first.Events[0]
	end.Stream, end.Offset, end.Type, end.MessageID, end.Command = "people-p", end.Offset+1, store.TypeErased, "", nil
	first.Events = append(first.Events, end)
	first.Snapshots = []store.Snapshot{{Stream: "accounts-a", Version: 0, Data: []byte("{}")}, {Stream: "people-p", Version: 0, Data: []byte("{}")}}
	first.States = []store.State{{Stream: "carts-a", Slot: 1, Expected: -1, Version: 0, Data: []byte("{}")}}
	for _, stream := range []message.Stream{"accounts-a", "people-p"} {
		first.Alarms = append(first.Alarms, store.Alarm{ID: "of-" + string(stream), Stream: stream, Slot: 1, DueAt: time.Unix(1, 0), Message: []byte("{}")})
	}
	n.settled(n.a, first, n.a.w.Append(n.t.Context(), first))
	second := n.commanded(n.a, "accounts-c", 0, "m-0") // with states there already
	second.States = []store.State{{Stream: "carts-c", Slot: 1, Expected: -1, Version: 4, Data: []byte("{}")},
		{Stream: "people-p", Slot: 1, Expected: 0, Version: 1, Data: []byte("{}")}} // which erasing removes
	n.settled(n.a, second, n.a.w.Append(n.t.Context(), second))
	n.d.mustAppend("accounts-d", 0, "{}")
	saved, err := n.s.SaveRing(n.t.Context(), store.Ring{Version: 1, Body: []byte("one")}, 0)
	n.must("save a ring", err)
	if !saved {
		n.t.Fatalf("group %s has a ring already", n.s.group)
	}
}

// proceed uses every call that changes something.
func (n *tenant) proceed() {
	n.t.Helper()
	ctx := n.t.Context()
	r, err := n.s.Renew(ctx, "a", 2*time.Hour, true)
	n.must("renew", err)
	if r.Slots != 1 || r.EpochSum != 1 || r.RingVersion != 1 {
		n.t.Errorf("group %s: a renewal is answered with %+v", n.s.group, r)
	}
	deposed, err := n.s.Depose(ctx, store.Depose{Member: "d", Estimate: time.Now().Add(time.Hour), Incarnation: r.Incarnation})
	n.must("depose", err)
	if !deposed {
		n.t.Fatalf("group %s: the member is not deposed", n.s.group)
	}
	run(n.t, n.admin, `DELETE FROM members WHERE member = 'e' AND service_group = `+literal(n.s.group))
	n.must("release", n.b.w.Release(ctx, []store.Claim{n.b.claim}))
	claims, err := n.b.w.Acquire(ctx, []ring.Slot{1, 2, 4})
	n.must("acquire", err)
	want := []store.Claim{{Slot: 2, Epoch: 2, Head: store.Head{Offset: 0, Epoch: 1}}, {Slot: 4, Epoch: 2, Head: store.Head{Offset: store.NoOffset}}}
	if !slices.Equal(claims, want) {
		n.t.Fatalf("group %s: acquired %+v, want %+v", n.s.group, claims, want)
	}
	n.b.claim = claims[0]
	if err := n.e.append("accounts-e", 0, "{}"); !errors.As(err, new(*store.FencedError)) {
		n.t.Errorf("group %s: an append of a member without a row ends with %v", n.s.group, err)
	}
	n.a.raise(2)
	if stale, err := n.a.w.Verify(ctx, []store.Claim{n.a.claim}); err != nil || len(stale) > 0 {
		n.t.Errorf("group %s: %+v are stale, %v", n.s.group, stale, err)
	}
	if err := n.a.w.Append(ctx, n.commanded(n.a, "accounts-a", 1, "m-0")); !errors.As(err, new(*store.DuplicateMessageError)) {
		n.t.Errorf("group %s: a repeat ends with %v", n.s.group, err)
	}
	conflict := new(store.VersionConflictError)
	if err := n.a.append("accounts-a", 7, "{}"); !errors.As(err, &conflict) || conflict.Current != 0 {
		n.t.Errorf("group %s: an append on another version ends with %v", n.s.group, err)
	}
	wrong := n.commanded(n.a, "accounts-a", 1, "m-1")
	wrong.States = []store.State{{Stream: "carts-c", Slot: 1, Expected: 7, Version: 8, Data: []byte("{}")}}
	if err := n.a.w.Append(ctx, wrong); !errors.As(err, &conflict) || conflict.Current != 4 {
		n.t.Errorf("group %s: a state on another version ends with %v", n.s.group, err)
	}
	second := n.commanded(n.a, "accounts-a", 1, "m-1")
	n.settled(n.a, second, n.a.w.Append(ctx, second))
	n.bring()
	done, err := n.s.Erase(ctx, "people-p", 100)
	n.must("erase", err)
	if !done {
		n.t.Errorf("group %s: 100 rows are not all of one", n.s.group)
	}
	saved, err := n.s.SaveRing(ctx, store.Ring{Version: 2, Body: []byte("two")}, 1)
	n.must("save a ring", err)
	if !saved {
		n.t.Errorf("group %s: the second ring does not follow the first", n.s.group)
	}
}

// bring imports into the slot that was taken over.
func (n *tenant) bring() {
	n.t.Helper()
	a := n.commanded(n.b, "accounts-d", 1, "m-0")
	e := &a.Events[0]
	e.Epoch, e.RecordedAt, e.Metadata = 9, time.Now(), []byte("{}")
	end := *e
	end.Stream, end.Version, end.Offset, end.Type, end.MessageID, end.Command = "people-q", 0, e.Offset+1, store.TypeErased, "", nil
	a.Events = append(a.Events, end)
	a.Snapshots = []store.Snapshot{{Stream: "accounts-d", Version: 1, Data: []byte("{}")}}
	a.States = []store.State{{Stream: "carts-d", Slot: 2, Version: 3, Data: []byte("{}")}}
	a.Alarms = []store.Alarm{{ID: "of-accounts-d", Stream: "accounts-d", Slot: 2, DueAt: time.Unix(1, 0), Message: []byte("{}")}}
	n.settled(n.b, a, n.b.w.(store.Importer).Import(n.t.Context(), a))
	n.b.claim.Epoch = 9
	n.b.mustAppend("accounts-d", 2, "{}")
}

// discard removes the group.
func (n *tenant) discard() {
	n.t.Helper()
	for done := false; !done; {
		var err error
		done, err = n.b.w.(store.Discarder).Discard(n.t.Context(), store.Discard{Member: "b", Gen: 1, Ring: 2, Limit: 2})
		n.must("discard", err)
	}
}

// rows is what the tables have of the group; ours leaves out what differs
// between groups that did the same.
func (n *tenant) rows(ours bool) string {
	n.t.Helper()
	less := `'{}'`
	if ours {
		less = `'{service_group, recorded_at, joined_at, lease_until, membership}'`
	}
	var all []string
	for _, table := range tables {
		if table == "incarnation" {
			continue // all groups have it in common
		}
		for _, row := range run(n.t, n.admin, `SELECT to_jsonb(x) - `+less+`::text[] AS row FROM `+table+` AS x WHERE service_group = `+literal(n.s.group)+` ORDER BY 1`) {
			all = append(all, table+" "+string(row[0]))
		}
	}
	return strings.Join(all, "\n")
}

// seen is what all calls that read say of the group.
func (n *tenant) seen() string {
	n.t.Helper()
	ctx := n.t.Context()
	var all []string
	note := func(what string, v any, err error) {
		n.t.Helper()
		n.must(what, err)
		text, err := json.Marshal(v)
		n.must(what, err)
		all = append(all, what+" "+string(text))
	}
	members, err := n.s.Members(ctx)
	note("members", members, err)
	slots, err := n.s.Slots(ctx)
	note("slots", slots, err)
	newest, err := n.s.LoadRing(ctx)
	note("ring", newest, err)
	for _, stream := range []message.Stream{"accounts-a", "accounts-d", "carts-a", "carts-d", "people-p", "people-q"} {
		loaded, err := n.s.Load(ctx, []store.LoadRequest{{Stream: stream, Hydrate: true, Events: 9, Messages: []message.ID{"m-0", "m-1"}}})
		note("load", loaded, err)
		bare, err := n.s.Load(ctx, []store.LoadRequest{{Stream: stream, Hydrate: true, Events: 9, Bare: true}})
		note("load bare", bare, err)
		events, err := n.s.ReadStream(ctx, stream, 0, 9)
		note("stream", events, err)
	}
	for slot := range ring.Slot(5) {
		events, err := n.s.ReadSlot(ctx, slot, 0, 9)
		note("slot", events, err)
	}
	for _, q := range []store.StreamQuery{{Limit: 9}, {Limit: 9, After: "accounts-a"}, {Name: "people", Limit: 9}} {
		streams, err := n.s.ListStreams(ctx, q)
		note("streams", streams, err)
	}
	alarms, err := n.s.Alarms(ctx, []ring.Slot{0, 1, 2, 3, 4}, time.Now(), 9)
	note("alarms", alarms, err)
	pending, err := n.s.PendingErasures(ctx, 9)
	note("erasures", pending, err)
	heads, err := n.s.Heads(ctx)
	note("heads", heads, err)
	snapshots, err := n.s.ReadSnapshots(ctx, "", 9)
	note("snapshots", snapshots, err)
	states, err := n.s.ReadStates(ctx, "", 9)
	note("states", states, err)
	exported, err := n.s.ReadAlarms(ctx, "", 9)
	note("exported alarms", exported, err)
	return strings.Join(all, "\n")
}

// apart runs a step of one tenant, which must change nothing of another.
func apart(t *testing.T, step func(), other *tenant) {
	t.Helper()
	rows, seen := other.rows(false), other.seen()
	step()
	if now := other.rows(false); now != rows {
		t.Errorf("group %s was changed by another:\n%s\nbefore:\n%s", other.s.group, now, rows)
	}
	if now := other.seen(); now != seen {
		t.Errorf("group %s sees another's rows:\n%s\nbefore:\n%s", other.s.group, now, seen)
	}
}

// TestGroupsApart has two groups in one schema, in which everything has the same
// names, and which are now ahead of each other, now behind: neither changes nor
// sees the other's rows, and both end with the same ones.
func TestGroupsApart(t *testing.T) {
	address := pgtest.URL(t)
	one, two := newTenant(t, address, "one"), newTenant(t, address, "two")
	one.begin()
	apart(t, two.begin, one)
	apart(t, two.proceed, one)
	apart(t, one.proceed, two)
	if a, b := one.rows(true), two.rows(true); a != b {
		t.Errorf("the groups did the same and differ:\n%s\nand\n%s", a, b)
	}
	apart(t, two.discard, one)
	if left := two.rows(false); strings.Contains(left, "events ") || strings.Contains(left, "alarms ") || strings.Contains(left, "states ") {
		t.Errorf("of a group that was discarded there is left\n%s", left)
	}
}

package postgres_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ringhold/ringhold/internal/pgtest"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
	"github.com/ringhold/ringhold/store/postgres"
)

const plansGroup = "plans"

// TestPlans: at a million events every statement of the store descends an
// index, and touches no more of the tables than what it is asked for, whether
// its plan was made while the tables were empty, without statistics, or with
// them.
func TestPlans(t *testing.T) {
	server := pgtest.Start(t, pgtest.Options{Settings: loggingPlans})
	url := server.URL(t)
	log := newPlanLog(t, server)

	early := newPlanned(t, url, log, "early")
	early.operations() // all plans are made now
	began := time.Now()
	fill(t, log, url)
	t.Logf("filled in %v", time.Since(began).Round(time.Millisecond))
	t.Run("planned on empty tables", func(t *testing.T) { early.check(t) })
	early.release()

	blind := newPlanned(t, url, log, "blind")
	t.Run("planned without statistics", func(t *testing.T) { blind.check(t) })
	blind.release()
	views(t, blind.store, log, url)
	t.Run("people without statistics", func(t *testing.T) { checkViews(t, log, url) })

	log.exec(`ANALYZE`)
	informed := newPlanned(t, url, log, "informed")
	t.Run("planned with statistics", func(t *testing.T) { informed.check(t) })
	t.Run("people with statistics", func(t *testing.T) { checkViews(t, log, url) })
}

// planned is a member whose store's plans are looked at. Its sessions stay the
// same.
type planned struct {
	t      *testing.T
	log    *planLog
	store  *postgres.Store
	writer store.Writer
	id     store.MemberID
	gen    store.Generation
	claims []store.Claim
	round  int
}

func newPlanned(t *testing.T, url string, log *planLog, id store.MemberID) *planned {
	t.Helper()
	s, err := postgres.Open(t.Context(), postgres.Config{URL: url, Group: plansGroup, Migrate: true, ReadConnections: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	p := &planned{t: t, log: log, store: s, id: id}
	if _, err := s.Join(t.Context(), store.Member{ID: id, Writers: 1}, time.Hour); err != nil {
		t.Fatal(err)
	}
	if p.writer, err = s.Writer(t.Context(), id, 0); err != nil {
		t.Fatal(err)
	}
	return p
}

// planSlots are those of the accounts that the operations use.
var planSlots = []ring.Slot{0, 1, 2, 3}

// operation is one call of the store, what it reads, and how many blocks of the
// tables one of its statements may touch.
type operation struct {
	name   string
	do     func(*planned) error
	reads  []string
	blocks int
}

const (
	bySlot      = "events by events_slot"
	byStream    = "events by events_stream"
	byMessage   = "events by events_message"
	byDeletion  = "events by events_deleted"
	fence       = "fences by fences_pkey"
	slot        = "slots by slots_pkey"
	slotOwner   = "slots by slots_owner"
	member      = "members by members_pkey"
	snapshot    = "snapshots by snapshots_pkey"
	state       = "states by states_pkey"
	incarnation = "incarnation by"
	leases      = "leases by leases_pkey"
	group       = "service_groups by service_groups_pkey"
	rings       = "rings by rings_pkey"
)

var operations = []operation{
	{"raise", (*planned).raise, []string{fence}, 20},
	{"acquire", (*planned).acquire, []string{bySlot, fence, member, slotOwner, slot}, 150},
	{"verify", (*planned).verify, []string{bySlot, slot}, 100},
	{"append", func(p *planned) error { return p.append(false) }, []string{bySlot, byStream, fence, slot, state}, 250},
	{"append a message again", func(p *planned) error {
		if err := p.append(true); !errors.As(err, new(*store.DuplicateMessageError)) {
			return errors.Join(errors.New("a repeated message was not refused"), err)
		}
		return nil
	}, []string{byMessage, byStream, fence, state}, 250}, // its claims are proved
	{"load", (*planned).load, []string{byDeletion, byMessage, byStream, snapshot, state}, 100},
	{"read a stream", (*planned).readStream, []string{byStream}, 20},
	{"read a slot", (*planned).readSlot, []string{bySlot}, 130},
	{"list streams", (*planned).listStreams, []string{byStream, state}, 300},
	{"due alarms", (*planned).alarms, []string{"alarms by alarms_due"}, 60},
	{"renew", (*planned).renew, []string{fence, incarnation, leases, member, group, slotOwner}, 60},
	// Deposing has a session of its own, which reads the server's catalogue first.
	{"join and depose", (*planned).joinAndDepose, []string{fence, incarnation, leases, member, group}, 800},
	{"reap", func(p *planned) error { _, err := p.store.Reap(p.t.Context(), 0); return err }, []string{fence, leases, member, slotOwner}, 300},
	{"members", func(p *planned) error { _, err := p.store.Members(p.t.Context()); return err }, []string{leases, member}, 300},
	{"slots", func(p *planned) error { _, err := p.store.Slots(p.t.Context()); return err }, []string{slot}, 300},
	{"rings", (*planned).rings, []string{rings, group}, 60},
	{"erase", (*planned).erase, []string{"alarms by Tid Scan", "alarms by alarms_stream", "erasures by erasures_pkey", byStream, snapshot, state}, 200},
	{"pending erasures", func(p *planned) error { _, err := p.store.PendingErasures(p.t.Context(), 10); return err },
		[]string{"erasures by erasures_pkey"}, 60},
}

// operations does all of them once.
func (p *planned) operations() {
	p.t.Helper()
	p.round++
	for _, o := range operations {
		if err := o.do(p); err != nil {
			p.t.Fatalf("%s: %v", o.name, err)
		}
	}
}

// check does all of them twice, and looks at the second time: by then nothing of
// the server's catalogue is read any more.
func (p *planned) check(t *testing.T) {
	p.operations()
	p.round++
	for _, o := range operations {
		p.log.next()
		if err := o.do(p); err != nil {
			t.Fatalf("%s: %v", o.name, err)
		}
		plans := p.log.next()
		if got := used(plans); !slices.EqualFunc(got, o.reads, strings.HasPrefix) {
			t.Errorf("%s reads\n  %s\nwant\n  %s", o.name, strings.Join(got, ", "), strings.Join(o.reads, ", "))
		}
		most := 0
		for i := range plans {
			most = max(most, plans[i].Hit+plans[i].Read)
			checkPlan(t, o, &plans[i])
		}
		t.Logf("%-22s %2d statements, at most %3d blocks", o.name, len(plans), most)
	}
}

func checkPlan(t *testing.T, o operation, root *plan) {
	t.Helper()
	if touched := root.Hit + root.Read; touched > o.blocks {
		t.Errorf("%s touches %d blocks, %d are enough: %s", o.name, touched, o.blocks, root.statement)
	}
	root.each(func(p *plan) {
		switch {
		case p.Node == "Seq Scan" && p.Relation != "incarnation": // which has one row
			t.Errorf("%s scans all of %s: %s", o.name, p.Relation, root.statement)
		case strings.HasPrefix(p.Node, "Bitmap"), p.Node == "Hash Join", p.Node == "Merge Join":
			t.Errorf("%s has a %s: %s", o.name, p.Node, root.statement)
		case strings.Contains(p.Node, "Sort") && p.Rows > 200:
			t.Errorf("%s sorts %.0f rows: %s", o.name, p.Rows, root.statement)
		}
	})
}

func (p *planned) raise() error {
	p.gen++
	return p.writer.Raise(p.t.Context(), p.gen)
}

func (p *planned) acquire() (err error) {
	p.claims, err = p.writer.Acquire(p.t.Context(), planSlots)
	if err == nil && len(p.claims) != len(planSlots) {
		err = errors.New("not all slots are its own")
	}
	return err
}

func (p *planned) release() {
	p.t.Helper()
	if err := p.writer.Release(p.t.Context(), p.claims); err != nil {
		p.t.Fatal(err)
	}
}

func (p *planned) verify() error {
	stale, err := p.writer.Verify(p.t.Context(), p.claims)
	if err == nil && len(stale) > 0 {
		err = errors.New("its claims are stale")
	}
	return err
}

// append stores an event of a new stream in each slot, a snapshot, a state and
// an alarm. Again: the same messages at other versions.
func (p *planned) append(again bool) error {
	a := &store.Append{Member: p.id, Gen: p.gen, Claims: p.claims}
	for i, c := range p.claims {
		name := message.StreamName("accounts").Of(message.AggregateID(string(p.id) + string(rune('a'+p.round)) + string(rune('a'+i))))
		e := store.Event{
			Stream: name, Slot: c.Slot, Epoch: c.Epoch, Offset: c.Head.Offset + 1, Type: "deposited", Schema: 1,
			Data: []byte(`{}`), Metadata: []byte(`{}`), MessageID: "m-1", Command: &store.Command{Service: "deposit", Events: 1},
		}
		if again {
			e.Version = 7
		}
		a.Events = append(a.Events, e)
	}
	first := &a.Events[0]
	a.Snapshots = []store.Snapshot{{Stream: first.Stream, Version: first.Version, Schema: 1, Data: []byte(`{}`)}}
	a.States = []store.State{{Stream: "totals-" + first.Stream, Slot: first.Slot, Expected: message.NoVersion, Schema: 1, Data: []byte(`{}`)}}
	a.Alarms = []store.Alarm{{ID: string(first.Stream), Stream: first.Stream, Slot: first.Slot, DueAt: time.Unix(1, 0), Message: []byte(`{}`)}}
	if err := p.writer.Append(p.t.Context(), a); err != nil {
		return err
	}
	for i := range p.claims {
		p.claims[i].Head = store.Head{Offset: a.Events[i].Offset, Epoch: a.Events[i].Epoch}
	}
	return nil
}

func (p *planned) load() error {
	_, err := p.store.Load(p.t.Context(), []store.LoadRequest{
		{Stream: "accounts-0000010", Hydrate: true, Events: 100, Messages: []message.ID{"m-10-3"}},
		{Stream: "accounts-0001000", Hydrate: true, Events: 100}, // deleted
		{Stream: "accounts-0000001", Hydrate: true, Events: 100}, // with a snapshot
		{Stream: "totals-0000010", Hydrate: true, Messages: []message.ID{"new"}},
		{Stream: "accounts-new", Hydrate: true, Events: 100, Messages: []message.ID{"new"}},
	})
	return err
}

func (p *planned) readStream() error {
	_, err := p.store.ReadStream(p.t.Context(), "accounts-0123456", 1, 10)
	return err
}

func (p *planned) readSlot() error {
	_, err := p.store.ReadSlot(p.t.Context(), 77, 1000, 100)
	return err
}

func (p *planned) listStreams() error {
	_, err := p.store.ListStreams(p.t.Context(), store.StreamQuery{Name: "accounts", After: "accounts-0100000", Limit: 10})
	return err
}

func (p *planned) alarms() error {
	_, err := p.store.Alarms(p.t.Context(), planSlots, time.Now(), 10)
	return err
}

func (p *planned) renew() error {
	_, err := p.store.Renew(p.t.Context(), p.id, time.Hour, false)
	return err
}

// joinAndDepose ends with a member that is not deposed: it lives.
func (p *planned) joinAndDepose() error {
	id := p.id + "-" + store.MemberID(rune('a'+p.round))
	joined, err := p.store.Join(p.t.Context(), store.Member{ID: id, Writers: 1}, time.Hour)
	if err != nil {
		return err
	}
	if deposed, err := p.store.Depose(p.t.Context(), store.Depose{Member: id, Estimate: joined.Now, Incarnation: joined.Incarnation}); err != nil || deposed {
		return errors.Join(errors.New("a living member was deposed"), err)
	}
	if _, err := p.store.Renew(p.t.Context(), id, 0, true); err != nil {
		return err
	}
	deposed := false
	for !deposed && err == nil { // a lease that ends now is not over yet
		deposed, err = p.store.Depose(p.t.Context(), store.Depose{Member: id, Estimate: joined.Now.Add(time.Hour), Incarnation: joined.Incarnation})
	}
	return err
}

func (p *planned) rings() error {
	r, err := p.store.LoadRing(p.t.Context())
	if err == nil {
		_, err = p.store.SaveRing(p.t.Context(), store.Ring{Version: r.Version + 1, Body: []byte(`{}`)}, r.Version)
	}
	return err
}

func (p *planned) erase() error {
	c := &p.claims[0]
	e := store.Event{Stream: "accounts-erased" + message.Stream(rune('a'+p.round)) + message.Stream(p.id), Slot: c.Slot, Epoch: c.Epoch, Offset: c.Head.Offset + 1,
		Type: store.TypeErased, Schema: 1, Data: []byte(`{}`), Metadata: []byte(`{}`)}
	if err := p.writer.Append(p.t.Context(), &store.Append{Member: p.id, Gen: p.gen, Claims: []store.Claim{*c}, Events: []store.Event{e}}); err != nil {
		return err
	}
	c.Head = store.Head{Offset: e.Offset, Epoch: e.Epoch}
	p.log.next() // it is the erasing that is looked at
	for done := false; !done; {
		var err error
		if done, err = p.store.Erase(p.t.Context(), e.Stream, 2); err != nil {
			return err
		}
	}
	return nil
}

package e2e

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/handler"
	"github.com/ringhold/ringhold/internal/pgtest"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/runtime"
	"github.com/ringhold/ringhold/store"
	"github.com/ringhold/ringhold/store/postgres"
)

// cutRig is a host whose store is behind a proxy. One writer has all slots.
type cutRig struct {
	t       *testing.T
	url     string // without the proxy
	proxy   *pgtest.Proxy
	host    *runtime.Host
	bind    *handler.Binding
	gate    *gate
	decided chan struct{} // a token for each decision
	rounds  int

	// Of the last batch.
	met    <-chan struct{} // closed when the fault happened
	events int             // that its append had when the fault was armed
	sent   int64           // bytes of the append, if nothing happened to it

	accepted map[string]message.OK // by message id
	balances map[string]int        // by account
}

type account struct {
	Balance int `json:"balance"`
}

type deposit struct {
	AccountID string `json:"account_id"`
	Amount    int    `json:"amount"`
}

type deposited struct {
	Amount int `json:"amount"`
}

func (r *cutRig) binding() *handler.Binding {
	d := aggregate.New[account]("accounts")
	event := aggregate.Event(d, "deposited", func(a *account, e deposited) { a.Balance += e.Amount })
	aggregate.Command(d, "deposit", nil, func(m *aggregate.Message[account], a account, c deposit) aggregate.Decision[account] {
		r.decided <- struct{}{}
		if a.Balance+c.Amount < 0 {
			return m.Error("insufficient", a.Balance)
		}
		return m.Emit(event(deposited{c.Amount})).OK(a.Balance + c.Amount)
	})
	metadata, err := handler.NewMetadata(nil)
	if err != nil {
		r.t.Fatal(err)
	}
	return &handler.Binding{
		Service: "deposit", Core: d.Core(), Command: d.Core().Command("deposit"), On: handler.MaybeNew,
		IDField: "account_id", CommitTimeout: 5 * time.Second, Metadata: metadata,
	}
}

func newCutRig(t *testing.T) *cutRig {
	t.Helper()
	const slots = 16
	r := &cutRig{t: t, decided: make(chan struct{}, 1<<20), accepted: map[string]message.OK{}, balances: map[string]int{}}
	server := pgtest.Start(t, pgtest.Options{})
	r.url = server.URL(t)
	r.proxy = pgtest.NewProxy(t, server.Addr())
	s, err := postgres.Open(t.Context(), postgres.Config{URL: r.proxy.URL(r.url), Group: "bank", Migrate: true, WriteTimeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	r.gate = &gate{Store: s}
	if _, err := s.Join(t.Context(), store.Member{ID: "m1", Writers: 1}, time.Hour); err != nil {
		t.Fatal(err)
	}
	r.bind = r.binding()
	r.host, err = runtime.New(t.Context(), runtime.Config{
		Store: r.gate, Member: "m1", Slots: slots, Streams: []runtime.Stream{{Core: r.bind.Core}},
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.host.Stop)
	all := make([]ring.Slot, slots)
	for i := range all {
		all[i] = ring.Slot(i)
	}
	if n, err := r.host.Acquire(t.Context(), all); err != nil || n != slots {
		t.Fatalf("acquired %d slots: %v", n, err)
	}
	return r
}

// cutAnswer is a command and what it was answered.
type cutAnswer struct {
	id       message.ID
	account  string
	amount   int
	response message.Response
}

// cutEvents is how many events a whole batch has.
const cutEvents = 4

// batch has five commands wait behind an append, so that the next one carries
// all that they store, and lets something happen to that one after n bytes.
func (r *cutRig) batch(fault func(int) <-chan struct{}, n int) []cutAnswer {
	r.t.Helper()
	r.rounds++
	for len(r.decided) > 0 {
		<-r.decided
	}
	prefix := fmt.Sprintf("batch-%06d-", r.rounds)
	held, release, appends := make(chan struct{}), make(chan struct{}), 0
	r.met, r.events = nil, 0
	var before int64
	r.gate.set(func(a *store.Append) {
		switch appends++; appends {
		case 1:
			close(held)
			<-release
		case 2:
			r.events = len(a.Events)
			r.proxy.Only(prefix)
			r.met = fault(n)
			before = r.proxy.Sent()
		}
	})
	blocker := r.start(message.ID("first-"+prefix), "blocker", 1)
	<-held
	commands := []cutAnswer{{account: "a", amount: 5}, {account: "b", amount: 7}, {account: "c", amount: 9}, {account: "a", amount: -2}, {account: "a", amount: -1 << 30}}
	waiting := make([]*waiter, 0, len(commands)+1)
	for i := range commands {
		c := &commands[i]
		c.id = message.ID(fmt.Sprintf("%s%d", prefix, i))
		waiting = append(waiting, r.start(c.id, c.account, c.amount))
	}
	late := time.After(time.Minute)
	for range len(commands) + 1 {
		select {
		case <-r.decided:
		case <-late:
			close(release)
			r.t.Fatalf("not all of batch %d were decided", r.rounds)
		}
	}
	close(release)
	commands = append(commands, cutAnswer{id: message.ID("first-" + prefix), account: "blocker", amount: 1})
	waiting = append(waiting, blocker)
	for i := range commands {
		commands[i].response = waiting[i].wait()
	}
	r.sent = r.proxy.Sent() - before
	r.gate.set(nil)
	r.judge(commands)
	for _, w := range waiting {
		if n := w.times.Load(); n != 1 {
			r.t.Errorf("%s was answered %d times", w.id, n)
		}
	}
	return commands
}

// judge notes what was accepted. Nothing but an unknown outcome is answered to
// what is to be stored, and nothing but a refusal to the overdraft.
func (r *cutRig) judge(answers []cutAnswer) {
	r.t.Helper()
	for _, a := range answers {
		switch response := a.response.(type) {
		case message.OK:
			if _, known := r.accepted[string(a.id)]; !known {
				r.accepted[string(a.id)] = response
				r.balances[a.account] += a.amount
			}
		case message.DomainError:
			if a.amount > -1000 {
				r.t.Errorf("%s is refused: %v", a.id, response)
			}
		case message.OutcomeUnknown:
		default:
			r.t.Errorf("%s is answered %#v", a.id, response)
		}
	}
}

// repeat sends each message again: who knew is told the same.
func (r *cutRig) repeat(answers []cutAnswer) {
	r.t.Helper()
	for i := range answers {
		a := &answers[i]
		again := r.start(a.id, a.account, a.amount).wait()
		if _, unknown := a.response.(message.OutcomeUnknown); !unknown && cmp.Diff(a.response, again) != "" {
			r.t.Errorf("%s was answered %#v, and then %#v", a.id, a.response, again)
		}
		if _, unknown := again.(message.OutcomeUnknown); unknown {
			r.t.Errorf("a repeat of %s is not told either", a.id)
		}
		a.response = again
	}
	r.judge(answers)
}

// waiter is a caller.
type waiter struct {
	t      *testing.T
	id     message.ID
	answer chan message.Response
	times  atomic.Int32
}

func (r *cutRig) start(id message.ID, account string, amount int) *waiter {
	r.t.Helper()
	raw, err := message.JSONBody(fmt.Appendf(nil, `{"account_id":%q,"amount":%d}`, account, amount))
	if err != nil {
		r.t.Fatal(err)
	}
	w := &waiter{t: r.t, id: id, answer: make(chan message.Response, 8)}
	r.host.Serve(context.WithoutCancel(r.t.Context()), r.bind, message.NewWithID("deposit", id, raw), func(response message.Response) {
		w.times.Add(1)
		w.answer <- response
	})
	return w
}

func (w *waiter) wait() message.Response {
	w.t.Helper()
	select {
	case response := <-w.answer:
		return response
	case <-time.After(time.Minute):
		w.t.Fatalf("%s has no answer", w.id)
		return nil
	}
}

// gate is a store that shows each append before it is made.
type gate struct {
	store.Store
	before atomic.Pointer[func(*store.Append)]
}

func (g *gate) set(before func(*store.Append)) {
	if before == nil {
		before = func(*store.Append) {}
	}
	g.before.Store(&before)
}

func (g *gate) Writer(ctx context.Context, m store.MemberID, id store.WriterID) (store.Writer, error) {
	w, err := g.Store.Writer(ctx, m, id)
	if err != nil {
		return nil, err
	}
	return &gatedWriter{w, g}, nil
}

type gatedWriter struct {
	store.Writer
	gate *gate
}

func (w *gatedWriter) Append(ctx context.Context, a *store.Append) error {
	if before := w.gate.before.Load(); before != nil {
		(*before)(a)
	}
	return w.Writer.Append(ctx, a)
}

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/handler"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/runtime"
	"github.com/ringhold/ringhold/store"
	"github.com/ringhold/ringhold/store/sqlite"
)

// account is a small aggregate, as many are.
type account struct {
	Balance int    `json:"balance"`
	Note    string `json:"note"`
}

type deposit struct {
	AccountID string `json:"account_id"`
	Amount    int    `json:"amount"`
	Note      string `json:"note"`
}

type deposited struct {
	Amount int    `json:"amount"`
	Note   string `json:"note"`
}

func accounts() *aggregate.Definition[account] {
	d := aggregate.New[account]("accounts")
	event := aggregate.Event(d, "deposited", func(a *account, e deposited) { a.Balance += e.Amount })
	aggregate.Command(d, "deposit", nil, func(m *aggregate.Message[account], _ account, c deposit) aggregate.Decision[account] {
		return m.Emit(event(deposited{c.Amount, c.Note})).OK()
	})
	return d
}

// hosted is a runtime over a SQLite file.
type hosted struct {
	store   store.Store
	host    *runtime.Host
	binding *handler.Binding
}

const benchSlots = 256

func newHosted(dir string) (*hosted, error) {
	ctx := context.Background()
	s, err := sqlite.Open(ctx, sqlite.Config{Path: filepath.Join(dir, "ringhold.db"), Group: "bench", Migrate: true})
	if err != nil {
		return nil, err
	}
	if _, err := s.Join(ctx, store.Member{ID: "bench", Writers: 1}, time.Second); err != nil {
		return nil, err
	}
	core := accounts().Core()
	h, err := runtime.New(ctx, runtime.Config{
		Store: s, Member: "bench", Slots: benchSlots, Streams: []runtime.Stream{{Core: core}},
	})
	if err != nil {
		return nil, err
	}
	all := make([]ring.Slot, benchSlots)
	for i := range all {
		all[i] = ring.Slot(i)
	}
	if _, err := h.Acquire(ctx, all); err != nil {
		return nil, err
	}
	meta, err := handler.NewMetadata(nil)
	if err != nil {
		return nil, err
	}
	return &hosted{store: s, host: h, binding: &handler.Binding{
		Service: "deposit", Core: core, Command: core.Command("deposit"), On: handler.MaybeNew,
		IDField: "account_id", CommitTimeout: handler.DefaultCommitTimeout, Metadata: meta,
	}}, nil
}

func (h *hosted) close() error {
	h.host.Stop()
	return h.store.Close()
}

var note = strings.Repeat("x", 20)

// deposit runs one command until it is durable and answered.
func (h *hosted) deposit(account string) error {
	raw, err := message.JSONBody([]byte(`{"account_id":"` + account + `","amount":100,"note":"` + note + `"}`))
	if err != nil {
		return err
	}
	m := &message.Message{Service: "deposit", Raw: raw, Valid: true, InvokedAt: time.Now().UTC()}
	m.FillIDs()
	answer := make(chan message.Response, 1)
	h.host.Serve(context.Background(), h.binding, m, func(r message.Response) { answer <- r })
	r := <-answer
	if _, ok := r.(message.OK); !ok {
		return fmt.Errorf("answered %#v", r)
	}
	return nil
}

// durable asks how many commands a second become durable in process, against
// the ceiling of the same table.
func durable(o options) error {
	fmt.Println("How many commands a second are durable on SQLite, in process, against plain inserts into the same table in groups (best of three)?")
	fmt.Printf("%8s %28s %28s %7s\n", "callers", "ceiling /s (p50, p99)", "ringhold /s (p50, p99)", "ratio")
	for _, callers := range []int{1, 16, 256, 1024} {
		top, own, err := durablePair(o, callers)
		if err != nil {
			return err
		}
		fmt.Printf("%8d %28s %28s %7.2f\n", callers, top, own, own.perSecond/top.perSecond)
	}
	fmt.Println()
	return nil
}

func (f figure) String() string {
	return fmt.Sprintf("%.0f (%v, %v)", f.perSecond, f.p50.Round(10*time.Microsecond), f.p99.Round(10*time.Microsecond))
}

func measureCeiling(dir string, callers int, each time.Duration) (f figure, err error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return f, err
	}
	c, err := newCeiling(dir)
	if err != nil {
		return f, err
	}
	if f, err = closedLoop(callers, each, c.do); err != nil {
		return f, err
	}
	return f, c.close()
}

func durablePair(o options, callers int) (top, own figure, err error) {
	dir, err := os.MkdirTemp(o.dir, "durable-")
	if err != nil {
		return top, own, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a temporary directory
	for run := range 3 {                     // the best of three
		one, err := measureCeiling(filepath.Join(dir, fmt.Sprint("ceiling", run)), callers, o.each)
		if err != nil {
			return top, own, err
		}
		if one.perSecond > top.perSecond {
			top = one
		}
	}
	h, err := newHosted(dir)
	if err != nil {
		return top, own, err
	}
	own, err = closedLoop(callers, o.each, func(caller, _ int) error {
		return h.deposit(fmt.Sprintf("acc-%d", caller))
	})
	if err != nil {
		return top, own, err
	}
	return top, own, h.close()
}

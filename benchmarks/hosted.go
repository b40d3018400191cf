package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"time"

	"github.com/ringhold/ringhold/handler"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/runtime"
	"github.com/ringhold/ringhold/store"
)

// slots is the default of a group.
const slots = 1024

// hosted is Ringhold in this process: a host of all slots of a group, over a
// store of its own.
type hosted struct {
	place   *place
	group   string
	store   *counted
	member  store.MemberID
	writers int
	host    *runtime.Host
	binding *handler.Binding
	ids     *ids
	sent    int64 // commands that were answered, outside of callers

	callersIDs bool
}

// setup says how an aggregate is hosted.
type setup struct {
	group      string
	ids        *ids
	oneAtATime bool // no decision before the last commit
	writers    int  // 0: as -writers says, or what the runtime takes by itself
	callersIDs bool // messages have ids of their callers, which may have been used before
}

// longLease is longer than any measurement: nobody renews here.
const longLease = 24 * time.Hour

func (p *place) host(ctx context.Context, s setup) (h *hosted, err error) {
	h = &hosted{place: p, group: s.group, ids: s.ids, writers: s.writers, callersIDs: s.callersIDs}
	if h.writers == 0 {
		h.writers = p.b.writersOn(p.store)
	}
	inner, err := p.open(ctx, s.group)
	if err != nil {
		return nil, fmt.Errorf("open the %s store: %w", p.store, err)
	}
	h.store = &counted{Store: inner}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.close(ctx))
			h = nil
		}
	}()
	p.b.hosts++
	h.member = store.MemberID(fmt.Sprintf("bench-%d-%d", os.Getpid(), p.b.hosts))
	if _, err = h.store.Join(ctx, store.Member{ID: h.member, Writers: h.writers}, longLease); err != nil {
		return nil, fmt.Errorf("join the group: %w", err)
	}
	core := accounts(s.oneAtATime).Core()
	h.host, err = runtime.New(ctx, runtime.Config{
		Store: h.store, Member: h.member, Writers: h.writers, Slots: slots,
		// One mailbox has to hold the callers of a hot id.
		Streams: []runtime.Stream{{Core: core, Mailbox: 16 << 10}},
		Logger:  slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return nil, err
	}
	if n, err := h.host.Acquire(ctx, allSlots()); err != nil || n != slots {
		return nil, fmt.Errorf("acquire the slots: got %d of %d: %w", n, slots, err)
	}
	meta, err := handler.NewMetadata(nil)
	if err != nil {
		return nil, err
	}
	h.binding = &handler.Binding{
		Service: "deposit", Core: core, Command: core.Command("deposit"), On: handler.MaybeNew,
		IDField: "account_id", CommitTimeout: time.Minute, Metadata: meta,
	}
	return h, nil
}

// writersOn returns how many writers a host over a store has.
func (b *bench) writersOn(kind string) int {
	if kind == onPostgres && b.writers > 0 {
		return b.writers
	}
	return runtime.DefaultWriters
}

func allSlots() []ring.Slot {
	all := make([]ring.Slot, slots)
	for i := range all {
		all[i] = ring.Slot(i)
	}
	return all
}

// close gives the slots up, so that another host of the group may follow.
func (h *hosted) close(ctx context.Context) error {
	var err error
	if h.host != nil {
		if ctx.Err() == nil {
			err = h.host.Release(ctx, allSlots())
		}
		h.host.Stop()
	}
	return errors.Join(err, h.store.Close())
}

// client is one caller's way to the host. It is for one goroutine at a time.
type client struct {
	h      *hosted
	answer chan message.Response
	reply  func(message.Response)
}

func (h *hosted) client() *client {
	c := &client{h: h, answer: make(chan message.Response, 1)}
	c.reply = func(r message.Response) { c.answer <- r }
	return c
}

// send starts a command on an id.
func (h *hosted) send(id int, reply func(message.Response)) error {
	return h.serve(h.ids.requests[id], reply)
}

func (h *hosted) serve(request []byte, reply func(message.Response)) error {
	raw, err := message.JSONBody(request)
	if err != nil {
		return err
	}
	m := &message.Message{Service: "deposit", Raw: raw, Valid: true, InvokedAt: time.Now().UTC()}
	if h.callersIDs {
		m.ID = message.NewID()
	}
	m.FillIDs()
	h.host.Serve(context.Background(), h.binding, m, reply)
	return nil
}

// deposit runs one command until it is durable and answered.
func (c *client) deposit(id int) error {
	if err := c.h.send(id, c.reply); err != nil {
		return err
	}
	return isOK(<-c.answer)
}

// depositTo is deposit for an id that is none of the host's.
func (c *client) depositTo(id string) error {
	if err := c.h.serve(fmt.Appendf(nil, `{"account_id":"%s","amount":%d,"note":""}`, id, amount), c.reply); err != nil {
		return err
	}
	return isOK(<-c.answer)
}

// balance reads an aggregate's state, which loads it if it is cold.
func (c *client) balance(id int) (balance int, err error) {
	m := &message.Message{Service: "balance", Valid: true, InvokedAt: time.Now().UTC()}
	m.Aggregate = message.Meta{Stream: "accounts", ID: c.h.ids.id(id)}
	m.FillIDs()
	c.h.host.Read(context.Background(), m, func(v handler.View) message.Response {
		balance = v.State.(*account).Balance
		return message.OK{}
	}, c.reply)
	return balance, isOK(<-c.answer)
}

func isOK(r message.Response) error {
	if _, ok := r.(message.OK); !ok {
		return fmt.Errorf("a command was answered %T %+v", r, r)
	}
	return nil
}

// caller uses the ids at random.
func (h *hosted) caller(n int) func() error {
	c, random := h.client(), rand.New(rand.NewPCG(uint64(n), 1))
	return func() error { return c.deposit(random.IntN(h.ids.n)) }
}

// warm makes every id live: each takes a command.
func (h *hosted) warm(ctx context.Context) error {
	h.sent += int64(h.ids.n)
	return each(ctx, 256, h.ids.n, func(id int) error { return h.client().deposit(id) })
}

func (h *hosted) on() string { return h.place.store }

func (h *hosted) appended() int64 { return h.store.appends.Load() }

// settle uses enough ids for every writer to get some.
func (h *hosted) settle(context.Context) error {
	c := h.client()
	for id := range min(16, h.ids.n) {
		h.sent++
		if err := c.deposit(id); err != nil {
			return err
		}
	}
	return nil
}

// check compares what was answered with what is stored.
func (h *hosted) check(ctx context.Context, answered int64) error {
	stored, err := h.place.events(ctx, h.store, h.group)
	if err != nil {
		return err
	}
	if stored != answered+h.sent {
		return fmt.Errorf("%d commands were answered, %d events are stored: this must not be", answered+h.sent, stored)
	}
	return nil
}

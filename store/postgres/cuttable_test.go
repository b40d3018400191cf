package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringhold/ringhold/internal/pgtest"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
	"github.com/ringhold/ringhold/store/postgres"
)

// cuttable is a writer behind a proxy, and a reader that is not. It owns one
// slot, and appends three events at a time to one stream.
type cuttable struct {
	t       *testing.T
	server  *pgtest.Server
	proxy   *pgtest.Proxy
	reader  store.Store
	writer  store.Writer
	gen     store.Generation
	claim   store.Claim
	appends int      // that were tried; each has its own message id and data
	log     []string // the data of what was found to be stored
}

const cutMember = store.MemberID("writer")

func newCuttable(t *testing.T, timeout time.Duration) *cuttable {
	t.Helper()
	c := &cuttable{t: t, server: pgtest.Start(t, pgtest.Options{})}
	c.proxy = pgtest.NewProxy(t, c.server.Addr())
	url := c.server.URL(t)
	c.reader = c.open(postgres.Config{URL: url, Group: "g", Migrate: true})
	behind := c.open(postgres.Config{URL: c.proxy.URL(url), Group: "g", WriteTimeout: timeout})
	if _, err := c.reader.Join(t.Context(), store.Member{ID: cutMember, Writers: 1}, time.Hour); err != nil {
		t.Fatal(err)
	}
	var err error
	if c.writer, err = behind.Writer(t.Context(), cutMember, 0); err != nil {
		t.Fatal(err)
	}
	c.raise()
	claims, err := c.writer.Acquire(t.Context(), []ring.Slot{7})
	if err != nil || len(claims) != 1 {
		t.Fatalf("acquire a slot: %v, %v", claims, err)
	}
	c.claim = claims[0]
	return c
}

func (c *cuttable) open(config postgres.Config) store.Store {
	c.t.Helper()
	s, err := postgres.Open(c.t.Context(), config)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		if err := s.Close(); err != nil {
			c.t.Error(err)
		}
	})
	return s
}

// raise raises the generation. A session that was cut behind an answer breaks
// only now, so the first attempt may have an unknown outcome too.
func (c *cuttable) raise() {
	c.t.Helper()
	c.gen++
	err := c.writer.Raise(c.t.Context(), c.gen)
	if errors.As(err, new(*store.UnknownOutcomeError)) {
		c.gen++
		err = c.writer.Raise(c.t.Context(), c.gen)
	}
	if err != nil {
		c.t.Fatalf("raise to generation %d: %v", c.gen, err)
	}
}

// append appends three events behind what is stored.
func (c *cuttable) append() error {
	c.appends++
	a := &store.Append{Member: cutMember, Gen: c.gen, Claims: []store.Claim{c.claim}}
	for i := range 3 {
		a.Events = append(a.Events, store.Event{
			Stream: "accounts-1", Version: message.Version(len(c.log) + i), Slot: c.claim.Slot,
			Offset: c.claim.Head.Offset + 1 + store.Offset(i), Epoch: c.claim.Epoch,
			Type: "happened", Schema: 1, Data: c.data(i), Metadata: []byte(`{}`),
		})
	}
	a.Events[0].MessageID = message.ID(fmt.Sprintf("m-%06d", c.appends))
	a.Events[0].Command = &store.Command{Service: "bank.Deposit", Response: []byte(`{}`), Events: 3}
	return c.writer.Append(c.t.Context(), a)
}

// data has the same length in each append: so has what is sent.
func (c *cuttable) data(event int) []byte { return fmt.Appendf(nil, `"%06d-%d"`, c.appends, event) }

// settle raises the generation and looks what is stored of the last append: all
// of it or nothing, as was answered.
func (c *cuttable) settle(answer error) (stored bool) {
	c.t.Helper()
	c.raise()
	stored = c.found()
	unknown := errors.As(answer, new(*store.UnknownOutcomeError))
	if !unknown && stored != (answer == nil) {
		c.t.Fatalf("append %d was answered %v, and is stored: %v", c.appends, answer, stored)
	}
	if stored {
		c.advance()
	}
	return stored
}

// advance notes that the last append is stored.
func (c *cuttable) advance() {
	for i := range 3 {
		c.log = append(c.log, string(c.data(i)))
	}
	c.claim.Head = store.Head{Offset: c.claim.Head.Offset + 3, Epoch: c.claim.Epoch}
}

// found says whether the last append is stored behind the head.
func (c *cuttable) found() bool {
	c.t.Helper()
	events, err := c.reader.ReadSlot(c.t.Context(), c.claim.Slot, c.claim.Head.Offset+1, 10)
	if err != nil {
		c.t.Fatal(err)
	}
	for i := range events {
		if len(events) != 3 || string(events[i].Data) != string(c.data(i)) {
			c.t.Fatalf("append %d: %d events behind the head, the first is %s", c.appends, len(events), events[0].Data)
		}
	}
	return len(events) > 0
}

// unchanged compares the whole log with what was found at the time.
func (c *cuttable) unchanged() {
	c.t.Helper()
	events, err := c.reader.ReadSlot(c.t.Context(), c.claim.Slot, 0, len(c.log)+10)
	if err != nil {
		c.t.Fatal(err)
	}
	if len(events) != len(c.log) {
		c.t.Fatalf("the log has %d events, %d were found before", len(events), len(c.log))
	}
	for i := range events {
		if string(events[i].Data) != c.log[i] || events[i].Offset != store.Offset(i) || events[i].Version != message.Version(i) {
			c.t.Fatalf("event %d is %s at version %d, offset %d; it was %s", i, events[i].Data, events[i].Version, events[i].Offset, c.log[i])
		}
	}
}

// good appends without a fault, and returns how many bytes that has: those that
// prepare the statement too if it is the first append on its connection.
func (c *cuttable) good() int {
	c.t.Helper()
	before := c.proxy.Sent()
	if err := c.append(); err != nil {
		c.t.Fatalf("an append without a fault: %v", err)
	}
	c.advance()
	return int(c.proxy.Sent() - before)
}

// broken appends with a fault, which has to happen.
func (c *cuttable) broken(met <-chan struct{}) (stored bool, answer error) {
	c.t.Helper()
	answer = c.append()
	select {
	case <-met:
	default:
		c.t.Fatalf("no fault happened, and an append was answered %v", answer)
	}
	return c.settle(answer), answer
}

// oneWriterLeft waits until the server has ended the older sessions of writers.
func (c *cuttable) oneWriterLeft() {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, c.server.Superuser(c.t))
	if err != nil {
		c.t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for sessions := 0; sessions != 1; {
		const query = "SELECT count(*) FROM pg_stat_activity, pg_sleep(0.01) WHERE application_name = 'ringhold writer'"
		if err := conn.QueryRow(ctx, query).Scan(&sessions); err != nil {
			c.t.Fatalf("%d sessions of writers: %v", sessions, err)
		}
	}
}

package postgres_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

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

func (c *cuttable) raise() {
	c.t.Helper()
	c.gen++
	if err := c.writer.Raise(c.t.Context(), c.gen); err != nil {
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
	a.Events[0].MessageID = message.ID(fmt.Sprint("m-", c.appends))
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

// everywhere cuts an append after each byte of a direction, and returns how many
// bytes it has. Its statement was prepared on the connection before; if cold, it
// is the append itself that prepares it.
func (c *cuttable) everywhere(cut func(n int) <-chan struct{}, cold bool, check func(n int, stored bool, answer error)) int {
	c.t.Helper()
	for n := 0; ; n++ {
		if !cold {
			if err := c.append(); err != nil {
				c.t.Fatalf("an append without a fault: %v", err)
			}
			c.advance()
		}
		met := cut(n)
		answer := c.append()
		select {
		case <-met:
			check(n, c.settle(answer), answer)
		default:
			c.proxy.Heal()
			if answer != nil {
				c.t.Fatalf("no fault happened, and an append was answered %v", answer)
			}
			c.settle(answer)
			return n - 1
		}
	}
}

// A connection that is cut at any byte of an append: the answer is true, and
// what the log shows once the generation is raised is final.
func TestCutAppend(t *testing.T) {
	c := newCuttable(t, 10*time.Second)
	stored := map[int]bool{}
	total := c.everywhere(c.proxy.CutAfter, false, func(n int, is bool, answer error) {
		if answer == nil {
			t.Fatalf("cut after byte %d: the append was answered as stored", n)
		}
		stored[n] = is
	})
	for n, is := range stored {
		if is != (n == total) { // nothing commits before the last byte
			t.Errorf("cut after %d of %d bytes: stored %v", n, total, is)
		}
	}
	t.Logf("an append of %d bytes", total)
	c.unchanged()
}

// The same while the append prepares its statement.
func TestCutFirstAppend(t *testing.T) {
	c := newCuttable(t, 10*time.Second)
	total := c.everywhere(c.proxy.CutAfter, true, func(int, bool, error) {})
	t.Logf("preparing and an append of %d bytes", total)
	c.unchanged()
}

// A connection that is cut at any byte of the answer: it is stored.
func TestCutAnswer(t *testing.T) {
	c := newCuttable(t, 10*time.Second)
	total := c.everywhere(c.proxy.CutAnswerAfter, false, func(n int, stored bool, answer error) {
		if !stored {
			t.Fatalf("the answer was cut after byte %d: %v, and nothing is stored", n, answer)
		}
	})
	t.Logf("an answer of %d bytes", total)
	c.unchanged()
}

package sqlite

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

const (
	benchSlots   = 256
	benchStreams = 10_000
	benchBatch   = 256 // events a transaction
)

// BenchmarkAppend asks what the contract costs: commands of one event, stored
// by the writers of three members, against the same rows inserted by a plain
// loop, as many to a transaction. Both print events/s and run on the same
// table, connection settings and machine.
func BenchmarkAppend(b *testing.B) {
	b.Run("ceiling", benchCeiling)
	for _, writers := range []int{1, 3, 12} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) { benchWriters(b, writers, benchBatch/writers) })
	}
	b.Run("one-caller", func(b *testing.B) { benchWriters(b, 1, 1) })
}

func openBench(b *testing.B) *Store {
	b.Helper()
	s, err := Open(context.Background(), Config{Path: filepath.Join(b.TempDir(), "bench.db"), Group: "default.bench", Migrate: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	return s
}

// log makes the events of the slots n with n%of == part.
type log struct {
	part, of int
	next     int
	heads    [benchSlots]store.Head
	versions [benchStreams]message.Version
}

func (l *log) event() store.Event {
	i := l.next
	l.next++
	stream := (i*7919)%(benchStreams/l.of)*l.of + l.part
	slot := ring.Slot(l.part + (stream/l.of%(benchSlots/l.of))*l.of)
	h := &l.heads[slot]
	e := store.Event{
		Stream: message.Stream(fmt.Sprintf("accounts-acc-%d", stream)), Version: l.versions[stream], Slot: slot, Offset: h.Offset, Epoch: 1,
		Type: "deposited", Schema: 1, Data: benchPayload, Metadata: []byte(`{"caller":"teller-7","correlation_id":"01890a5d-ac96-774b-bcce-b302099a8057"}`),
		MessageID: message.ID(fmt.Sprintf("01890a5d-ac96-774b-%04d-%012d", l.part, i)),
		Command:   &store.Command{Service: "deposit", Request: []byte(`{"account_id":"acc-1","amount":100}`), Response: []byte(`{"result":"ok","version":1}`), Events: 1},
	}
	h.Offset, h.Epoch = h.Offset+1, 1
	l.versions[stream]++
	return e
}

var benchPayload = []byte(`{"amount":100,"note":"` + strings.Repeat("x", 178) + `"}`)

func benchCeiling(b *testing.B) {
	s := openBench(b)
	l := &log{of: 1}
	for n := 0; n < b.N; n += benchBatch {
		err := s.committer.do(context.Background(), func(t *tx) error {
			args := make([]any, 14)
			for range min(benchBatch, b.N-n) {
				e := l.event()
				args = append(args[:0], t.group, int64(e.Slot), int64(e.Offset), int64(1), string(e.Stream), int64(e.Version), e.Type, 1, 0,
					string(e.Data), string(e.Metadata), string(e.MessageID), string(store.EncodeCommand(e.Command)), time.Now().UnixMicro())
				if _, err := t.exec(insertEvent, args...); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

func benchWriters(b *testing.B, writers, batch int) {
	b.Helper()
	s := openBench(b)
	ctx := context.Background()
	var all sync.WaitGroup
	for part := range writers {
		id := store.MemberID(fmt.Sprint("member-", part))
		if _, err := s.Join(ctx, store.Member{ID: id, Writers: 1}, time.Hour); err != nil {
			b.Fatal(err)
		}
		w, err := s.Writer(ctx, id, 0)
		if err != nil {
			b.Fatal(err)
		}
		var slots []ring.Slot
		for n := part; n+writers <= benchSlots || n < benchSlots; n += writers {
			slots = append(slots, ring.Slot(n))
		}
		if err := w.Raise(ctx, 1); err != nil {
			b.Fatal(err)
		}
		if _, err := w.Acquire(ctx, slots); err != nil {
			b.Fatal(err)
		}
		all.Go(func() {
			l := &log{part: part, of: writers}
			for n := 0; n < b.N/writers; n += batch {
				if err := w.Append(ctx, l.append(id, batch)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(b.N)/float64(s.committer.commits), "events/commit")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

func (l *log) append(id store.MemberID, n int) *store.Append {
	a := &store.Append{Member: id, Gen: 1}
	claimed := map[ring.Slot]bool{}
	before := l.heads
	for range n {
		e := l.event()
		a.Events = append(a.Events, e)
		if !claimed[e.Slot] {
			claimed[e.Slot] = true
			h := before[e.Slot]
			h.Offset-- // log counts the next offset
			if h.Offset == store.NoOffset {
				h.Epoch = 0
			}
			a.Claims = append(a.Claims, store.Claim{Slot: e.Slot, Epoch: 1, Head: h})
		}
	}
	return a
}

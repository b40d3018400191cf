package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// tb is a *testing.T or a *rapid.T.
type tb interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Logf(format string, args ...any)
	Context() context.Context
}

// as fails the test unless err is an E, and returns it. Refusals are certain.
func as[E error](t tb, err error) E {
	t.Helper()
	var e E
	if !errors.As(err, &e) {
		t.Fatalf("error is %v (%T), want a %T", err, err, e)
	}
	if unknown := new(store.UnknownOutcomeError); errors.As(err, &unknown) {
		t.Fatalf("a refusal says that its outcome is unknown: %v", err)
	}
	return e
}

// is is as for those who want to know no more.
func is[E error](t tb, err error) {
	t.Helper()
	_ = as[E](t, err) // which has looked at it
}

// must fails the test on an error, and returns the value.
func must[T any](v T, err error) func(tb, string) T {
	return func(t tb, doing string) T {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", doing, err)
		}
		return v
	}
}

// stream reads a whole stream.
func stream(t tb, s store.Store, name message.Stream) []store.Event {
	t.Helper()
	return must(s.ReadStream(t.Context(), name, 0, 1<<20))(t, "read "+string(name))
}

// loadOne loads a stream with all its events.
func loadOne(t tb, s store.Store, name message.Stream, ids ...message.ID) store.Loaded {
	t.Helper()
	loaded := must(s.Load(t.Context(), []store.LoadRequest{{Stream: name, Hydrate: true, Events: 1 << 20, Messages: ids}}))(t, "load "+string(name))
	if len(loaded) != 1 || len(loaded[0].Commands) != len(ids) {
		t.Fatalf("one request with %d message ids is answered by %d, with %d commands", len(ids), len(loaded), len(loaded[0].Commands))
	}
	return loaded[0]
}

// versions are those of events, for a short comparison.
func versions(events []store.Event) string {
	var b bytes.Buffer
	for i, e := range events {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprint(&b, e.Version)
	}
	return b.String()
}

// log reads a slot's whole log and fails the test if offsets have a gap, if an
// epoch falls or if a time does.
func log(t tb, s store.Store, slot ring.Slot) []store.Event {
	t.Helper()
	events := must(s.ReadSlot(t.Context(), slot, 0, 1<<20))(t, fmt.Sprintf("read slot %d", slot))
	for i, e := range events {
		if e.Offset != store.Offset(i) || e.Slot != slot {
			t.Fatalf("event %d of slot %d has slot %d and offset %d", i, slot, e.Slot, e.Offset)
		}
		if i > 0 && e.Epoch < events[i-1].Epoch {
			t.Fatalf("slot %d: the epoch falls from %d to %d at offset %d", slot, events[i-1].Epoch, e.Epoch, i)
		}
		if i > 0 && e.RecordedAt.Before(events[i-1].RecordedAt) {
			t.Fatalf("slot %d: the time falls from %s to %s at offset %d", slot, events[i-1].RecordedAt, e.RecordedAt, i)
		}
	}
	return events
}

// logs reads the logs of all slots.
func logs(t tb, s store.Store) (events []store.Event) {
	t.Helper()
	for _, slot := range allSlots() {
		events = append(events, log(t, s, slot)...)
	}
	return events
}

// sameEvents compares stored events with those of an append. Times are the
// store's; nil and empty bytes are the same.
func sameEvents(t tb, got, want []store.Event) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d events, want %d: versions %s, want %s", len(got), len(want), versions(got), versions(want))
	}
	for i := range got {
		g, w := normal(got[i]), normal(want[i])
		if !reflect.DeepEqual(g, w) {
			t.Fatalf("event %d is\n%s\nwant\n%s", i, show(g), show(w))
		}
		if got[i].RecordedAt.IsZero() {
			t.Fatalf("event %d has no time", i)
		}
	}
}

func normal(e store.Event) store.Event {
	e.RecordedAt = time.Time{}
	e.Data, e.Metadata = orNil(e.Data), orNil(e.Metadata)
	return e
}

func orNil(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return b
}

func show(e store.Event) string {
	s := fmt.Sprintf("%s@%d slot %d/%d epoch %d %s/%d enc %d data %q meta %q id %q", e.Stream, e.Version, e.Slot, e.Offset, e.Epoch,
		e.Type, e.Schema, e.Encoding, e.Data, e.Metadata, e.MessageID)
	if e.Command != nil {
		s += fmt.Sprintf(" command %s", store.EncodeCommand(e.Command))
	}
	return s
}

package postgres

import (
	"errors"
	"testing"
	"time"

	"github.com/ringhold/ringhold/internal/pgtest"
	"github.com/ringhold/ringhold/store"
)

// TestReadingAlone: a store that is opened for reading changes nothing, although
// its role may and the server takes writes.
func TestReadingAlone(t *testing.T) {
	address := pgtest.URL(t)
	m := newTestMember(t, openTest(t, Config{URL: address}), "a", 0, time.Hour)
	m.mustAppend("accounts-a", 0, "{}")
	reader, err := Open(t.Context(), Config{URL: address, Group: testGroup, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()
	w, err := reader.Writer(t.Context(), "a", 0)
	if err != nil {
		t.Fatal(err)
	}
	for name, call := range map[string]func() error{
		"join": func() error {
			_, err := reader.Join(t.Context(), store.Member{ID: "r", Writers: 1}, time.Hour)
			return err
		},
		"renew":  func() error { _, err := reader.Renew(t.Context(), "a", time.Hour, false); return err },
		"depose": func() error { _, err := reader.Depose(t.Context(), store.Depose{Member: "nobody"}); return err },
		"raise":  func() error { return w.Raise(t.Context(), 2) },
		"ring":   func() error { _, err := reader.SaveRing(t.Context(), store.Ring{Version: 1}, 0); return err },
		"view":   func() error { return reader.CreateStreamView(t.Context(), "accounts") },
	} {
		if e := new(Error); !errors.As(call(), &e) || e.Kind != ReadOnly {
			t.Errorf("%s in a store that is opened for reading does not end with what it is", name)
		}
	}
	if stored(t, reader, 0) != 1 {
		t.Error("the reader sees another log")
	}
	m.mustAppend("accounts-a", 1, "{}")
}

package postgres

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/ringhold/ringhold/internal/pgtest"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

// TestBubble uses a store inside a bubble of testing/synctest: while nothing is
// asked of it, none of its goroutines holds up the bubble's time.
func TestBubble(t *testing.T) {
	address := pgtest.URL(t)
	synctest.Test(t, func(t *testing.T) {
		s, err := Open(t.Context(), Config{URL: address, Group: testGroup, Migrate: true})
		if err != nil {
			t.Fatal(err)
		}
		m := newTestMember(t, s, "a", 0, time.Hour)
		for v := range 3 {
			m.mustAppend("accounts-a", message.Version(v), "")
			<-time.After(time.Hour) // of the bubble's time
		}
		if _, err := s.Load(t.Context(), []store.LoadRequest{{Stream: "accounts-a", Hydrate: true, Events: 9}}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Renew(t.Context(), "a", time.Hour, false); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

package sqlite

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/ringhold/ringhold/store"
)

// TestLateResults ends a caller's context while the commit of what it asked for
// goes on: the outcome is unknown, and the race detector sees whether the result
// is looked at nevertheless.
func TestLateResults(t *testing.T) {
	for name, ask := range map[string]func(context.Context, *Store) (bool, error){
		"depose": func(ctx context.Context, s *Store) (bool, error) {
			return s.Depose(ctx, store.Depose{Member: "a", Alone: true})
		},
		"save a ring": func(ctx context.Context, s *Store) (bool, error) {
			return s.SaveRing(ctx, store.Ring{Version: 1, Body: []byte("{}")}, 0)
		},
		"erase": func(ctx context.Context, s *Store) (bool, error) { return s.Erase(ctx, "people-p", 100) },
	} {
		t.Run(name, func(t *testing.T) {
			s := openTest(t, testConfig(t))
			m := newTestMember(t, s, "a", 0)
			m.mustAppend("people-p", 0, 3, "{}")
			m.mustErase("people-p", 3)
			ctx, cancel := context.WithCancel(t.Context())
			written, free := make(chan struct{}), make(chan struct{})
			commit, clock := s.committer.commit, s.committer.now
			s.committer.now = func() time.Time { // it begins, and has written nothing yet
				cancel()
				for range 1000 { // the caller returns; a channel would order the two
					runtime.Gosched()
				}
				return clock()
			}
			s.committer.commit = func(w *session) error {
				close(written)
				<-free
				return commit(w)
			}
			done, err := ask(ctx, s)
			<-written // before anything else of this goroutine could order the two
			if _, ok := errors.AsType[*store.UnknownOutcomeError](err); !ok || done {
				t.Errorf("it answers %t, %v", done, err)
			}
			close(free)
		})
	}
}

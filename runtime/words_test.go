package runtime

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

// talkative is an error of a store that says more than callers may know.
type talkative struct{}

func (talkative) Error() string { return "write to postgres://role@db7.internal:5432/x: no space left" }

func (talkative) Public() string { return "its disk is full" }

// Callers are told of the store's errors in words that name no host, no role and no
// member; the log has all of it, once for each attempt.
func TestWords_CallersAreToldNoSecrets(t *testing.T) {
	shown := fmt.Errorf("append: %w", talkative{})
	plain := fmt.Errorf("dial tcp db7.internal:5432: connection refused")
	for name, c := range map[string]struct {
		op   string
		is   fate
		want string
	}{
		"append":           {opAppend, fate{err: shown}, "did not take the command: its disk is full"},
		"append, no kind":  {opAppend, fate{err: plain}, "did not take the command"},
		"append, fenced":   {opAppend, fate{err: &store.FencedError{Member: "db7.internal", Reason: "deposed"}}, notServed},
		"append, stale":    {opAppend, fate{err: &store.StaleSlotError{Slots: allSlots()}}, notServed},
		"load":             {opLoad, fate{err: shown}, "did not answer: its disk is full"},
		"load, no kind":    {opLoad, fate{err: plain}, "did not answer"},
		"read of a stream": {opRead, fate{err: shown}, "did not answer: its disk is full"},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, setup{config: func(cfg *Config) {
					cfg.Page, cfg.Writers = 2, 1
					cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
				}})
				at(t, r.tell("a", doMany, 5), 4)
				if c.op != opAppend {
					r.unload("a")
				}
				r.store.next(c.op, c.is)
				got := is[message.ServiceUnavailable](t, r.tell("a", doAdd, 1))
				if strings.Contains(got.Reason, "db7") || !strings.HasSuffix(got.Reason, c.want) {
					t.Errorf("the caller is told %q", got.Reason)
				}
				r.host.Stop()
			})
			if n := strings.Count(log.String(), "db7.internal"); n != 1 && !strings.Contains(name, "stale") {
				t.Errorf("the log names it %d times: %s", n, log.String())
			}
		})
	}
}

// What is stored does not come out with the reason why it cannot be read.
func TestUnreadableWords(t *testing.T) {
	secret := errors.New("cannot unmarshal \"secret\"")
	for _, c := range []struct {
		err  error
		want string
	}{
		{&aggregate.UnreadableEventError{Type: "told", Schema: 2, Err: secret}, `event "told" of schema 2`},
		{&aggregate.UnknownEventError{Stream: "s", Type: "gone", Schema: 1}, `"gone"`},
		{&aggregate.ErrOtherSchema{Stream: "s", Have: 1, Want: 7}, "schema 1"},
		{&holeError{after: 3, found: 5}, "between version 3 and version 5"},
		{secret, "cannot be read"},
	} {
		if got := unreadableWords(fmt.Errorf("load: %w", c.err)); !strings.Contains(got, c.want) || strings.Contains(got, "secret") {
			t.Errorf("of %v a caller is told %q, want %q", c.err, got, c.want)
		}
	}
}

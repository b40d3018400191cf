package postgres

import (
	"context"
	"errors"
	"testing"

	"github.com/ringhold/ringhold/internal/pgtest"
	"github.com/ringhold/ringhold/store"
)

// TestMigratedMeanwhile has a newer binary migrate while this one waits for its
// turn to: what it finds then is not for it.
func TestMigratedMeanwhile(t *testing.T) {
	address := pgtest.URL(t)
	c, schema, err := parseURL(address)
	if err != nil {
		t.Fatal(err)
	}
	newer, watch := raw(t, &Store{config: c, schema: schema}), raw(t, &Store{config: c, schema: schema})
	run(t, newer, `SELECT pg_advisory_lock(hashtextextended('ringhold migrates ' || `+literal(schema)+`, 0))`)
	opened := make(chan error, 1)
	go func() {
		s, err := Open(context.WithoutCancel(t.Context()), Config{URL: address, Group: testGroup, Migrate: true})
		if err == nil {
			err = errors.Join(errors.New("it is open"), s.Close())
		}
		opened <- err
	}()
	eventually(t, watch, "it waits", `SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE application_name = 'ringhold opens' AND wait_event = 'advisory')`)
	run(t, newer, `CREATE SCHEMA `+quote(schema)+`; CREATE TABLE schema (one integer, version integer, min_binary integer); INSERT INTO schema VALUES (1, 70, 70)`)
	run(t, newer, `SELECT pg_advisory_unlock_all()`)
	var e *store.SchemaError
	if err := <-opened; !errors.As(err, &e) || e.Version != 70 || e.MinBinary != 70 {
		t.Errorf("opening it ends with %v", err)
	}
}

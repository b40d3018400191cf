package main

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"

	_ "modernc.org/sqlite" // the driver that the store uses too

	"github.com/ringhold/ringhold/store/sqlite"
)

// ceiling is the simplest program that makes commands durable in the table that
// the store uses: one goroutine takes what is pending, inserts it row by row
// with a prepared statement, and commits. It checks nothing, so nothing that
// keeps Ringhold's promises can be faster with the same driver.
type ceiling struct {
	db      *sql.DB
	pending chan ceilingRow
	done    chan struct{}
}

type ceilingRow struct {
	caller, i int
	answer    chan error
}

const ceilingBatch = 1024

var (
	ceilingData    = `{"amount":100,"note":"` + strings.Repeat("x", 20) + `"}`
	ceilingCommand = `{"service":"deposit","hash":"` + strings.Repeat("0", 64) + `","request":{"account_id":"acc-1","amount":100},"response":{"result":"ok","version":1},"events":1}`
	ceilingMeta    = `{"message_id":"01890a5d-ac96-774b-bcce-b302099a8057","correlation_id":"01890a5d-ac96-774b-bcce-b302099a8057","causation_id":"01890a5d-ac96-774b-bcce-b302099a8057"}`
)

const ceilingInsert = `INSERT INTO events (service_group, slot, slot_offset, epoch, stream, version, type, schema_version, encoding, data, metadata, message_id, command, recorded_at)
	VALUES ('ceiling', ?, ?, 1, ?, ?, 'deposited', 1, 0, ?, ?, ?, ?, 1)`

func newCeiling(dir string) (*ceiling, error) {
	path := filepath.Join(dir, "ceiling.db")
	s, err := sqlite.Open(context.Background(), sqlite.Config{Path: path, Group: "ceiling", Migrate: true})
	if err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	// The settings of the store, so that the two differ in what they promise only.
	db, err := sql.Open("sqlite", path+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=wal_autocheckpoint(8000)&_pragma=cache_size(-65536)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	c := &ceiling{db: db, pending: make(chan ceilingRow, 4096), done: make(chan struct{})}
	insert, err := db.PrepareContext(context.Background(), ceilingInsert)
	if err != nil {
		return nil, err
	}
	go c.run(insert)
	return c, nil
}

func (c *ceiling) close() error {
	close(c.pending)
	<-c.done
	return c.db.Close()
}

// do makes one command durable.
func (c *ceiling) do(caller, i int) error {
	row := ceilingRow{caller, i, make(chan error, 1)}
	c.pending <- row
	return <-row.answer
}

func (c *ceiling) run(insert *sql.Stmt) {
	defer close(c.done)
	offsets := make([]int, 256)
	for first := range c.pending {
		batch := []ceilingRow{first}
		for len(batch) < ceilingBatch && len(c.pending) > 0 {
			batch = append(batch, <-c.pending)
		}
		err := c.commit(insert, batch, offsets)
		for _, row := range batch {
			row.answer <- err
		}
	}
}

func (c *ceiling) commit(insert *sql.Stmt, batch []ceilingRow, offsets []int) error {
	ctx := context.Background()
	t, err := c.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	in := t.StmtContext(ctx, insert)
	for _, row := range batch {
		slot := row.caller % len(offsets)
		_, err := in.ExecContext(ctx, slot, offsets[slot], fmt.Sprintf("accounts-acc-%d", row.caller), row.i, ceilingData, ceilingMeta,
			fmt.Sprintf("01890a5d-ac96-774b-%04d-%012d", row.caller, row.i), ceilingCommand)
		if err != nil {
			return fmt.Errorf("%w (rolled back: %w)", err, t.Rollback())
		}
		offsets[slot]++
	}
	return t.Commit()
}

package transfer

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"path/filepath"
	"reflect"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/ringhold/ringhold/internal/pgtest"
	"github.com/ringhold/ringhold/store"
)

var past = time.Date(2019, 3, 4, 5, 6, 7, 891_234_000, time.UTC)

func exported(t fataler, from Source, compress bool) ([]byte, Summary) {
	t.Helper()
	var out bytes.Buffer
	sum, err := Export(t.Context(), from, &out, ExportConfig{Group: group, Slots: slots, Compress: compress})
	if err != nil {
		t.Fatalf("export: %v", err)
	}
	return out.Bytes(), sum
}

func into(t fataler, st full, file []byte) Imported {
	t.Helper()
	to := member(t, st, store.MemberID("importer-"+time.Now().Format(time.RFC3339Nano)))
	done, err := Import(t.Context(), to, bytes.NewReader(file), ImportConfig{Group: group, Slots: slots})
	if err != nil {
		t.Fatalf("import: %v\n%s", err, file)
	}
	_ = to.Writer.Close()
	return done
}

// Any log goes from one kind of store to another and back: the files are the
// same byte for byte, the hashes too, and so is every event that is read.
func TestRoundTrip(t *testing.T) {
	dir, n := t.TempDir(), 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		first, second, third := inMemory(), inFile(t, filepath.Join(dir, strconv.Itoa(n))), inMemory()
		fill(t, first)
		file, sum := exported(t, first, rapid.Bool().Draw(t, "compressed"))
		checked, err := Check(bytes.NewReader(file), Expect{}, nil)
		if err != nil || checked != sum {
			t.Fatalf("checked: %+v, %v, want %+v", checked, err, sum)
		}
		if done := into(t, second, file); done.Summary != sum || done.Stored != sum.Events || done.Present != 0 {
			t.Fatalf("imported %+v, want %+v", done, sum)
		}
		again, sum2 := exported(t, second, false)
		plain, _ := exported(t, first, false)
		if !bytes.Equal(again, plain) || sum2 != sum {
			t.Fatalf("exported again\n%s\nwant\n%s", again, plain)
		}
		into(t, third, again)
		if last, _ := exported(t, third, false); !bytes.Equal(last, plain) {
			t.Fatalf("exported from the third\n%s\nwant\n%s", last, plain)
		}
		for slot := range slots {
			sameLogs(t, first, second, slot)
			sameLogs(t, first, third, slot)
		}
		if done := into(t, second, file); done.Stored != 0 || done.Present != sum.Events {
			t.Fatalf("imported once more: %+v", done)
		}
	})
}

// The same with PostgreSQL in the middle, and SQLite at both ends.
func TestRoundTripPostgres(t *testing.T) {
	url := pgtest.URL(t)
	checks := flag.Lookup("rapid.checks")
	defer func(n string) { _ = checks.Value.Set(n) }(checks.Value.String())
	if err := checks.Value.Set("20"); err != nil { // a group in a database takes its time
		t.Fatal(err)
	}
	dir, n := t.TempDir(), 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		first, second, third := inFile(t, filepath.Join(dir, strconv.Itoa(n))), inDatabase(t, url, fmt.Sprint("group-", n)), inMemory()
		fill(t, first)
		file, sum := exported(t, first, false)
		if done := into(t, second, file); done.Summary != sum || done.Stored != sum.Events {
			t.Fatalf("imported %+v, want %+v", done, sum)
		}
		again, _ := exported(t, second, false)
		if !bytes.Equal(again, file) {
			t.Fatalf("exported again\n%s\nwant\n%s", again, file)
		}
		into(t, third, again)
		for slot := range slots {
			sameLogs(t, first, second, slot)
			sameLogs(t, first, third, slot)
		}
		if done := into(t, second, file); done.Stored != 0 || done.Present != sum.Events {
			t.Fatalf("imported once more: %+v", done)
		}
	})
}

// sameLogs compares events as they are read, without the encoder of the file.
func sameLogs(t fataler, a, b full, slot int) {
	t.Helper()
	x, err := a.ReadSlot(context.Background(), ringSlot(slot), 0, 1<<20)
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	y, err := b.ReadSlot(context.Background(), ringSlot(slot), 0, 1<<20)
	if err != nil || len(x) != len(y) {
		t.Fatalf("slot %d has %d and %d events, %v", slot, len(x), len(y), err)
	}
	for i := range x {
		g, w := normal(x[i]), normal(y[i])
		if !reflect.DeepEqual(g, w) {
			t.Fatalf("slot %d: event\n%+v\nand\n%+v", slot, g, w)
		}
	}
}

// normal takes away what stores may keep in other ways: nil for empty bytes, and
// white space around the JSON of a command.
func normal(e store.Event) store.Event {
	orNil := func(b []byte) []byte {
		if len(b) == 0 {
			return nil
		}
		return b
	}
	e.Data, e.Metadata = orNil(e.Data), orNil(e.Metadata)
	if e.Command != nil {
		c := *e.Command
		c.Request, c.Response = trimmed(c.Request), orNil(trimmed(c.Response))
		e.Command = &c
	}
	return e
}

package main

import "testing"

// Each size of a batch is cut into statements without a row lost or sent twice.
func TestSQLiteCeilingStoresAllRows(t *testing.T) {
	ctx := t.Context()
	b := &bench{options: options{dir: t.TempDir()}}
	of := newIDs("acc", 100, smallestPayload)
	p, err := b.newPlace(ctx, onSQLite)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.migrate(ctx); err != nil {
		t.Fatal(err)
	}
	r, err := newSQLiteRaw(ctx, p, sqliteTemplate{"{}", "{}", "{}"}, of)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.close(ctx); err != nil {
			t.Error(err)
		}
	}()
	var want int64
	for n := 1; n <= 70; n++ {
		batch := make([]*rawCommand, n)
		for i := range batch {
			batch[i] = &rawCommand{id: i}
		}
		if err := r.queues[0].writer.commit(ctx, batch); err != nil {
			t.Fatalf("%d rows: %v", n, err)
		}
		want += int64(n)
		if got, err := p.events(ctx, nil, rawGroup); err != nil || got != want {
			t.Fatalf("after a batch of %d rows: %d are stored, want %d: %v", n, got, want, err)
		}
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// bloat asks what many appends leave behind for autovacuum.
func bloat(ctx context.Context, b *bench, r *result) (err error) {
	s, err := b.postgres(ctx)
	if err != nil {
		return err
	}
	p, err := b.newPlace(ctx, onPostgres)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	if err := b.roomFor(ctx, b.appends*1000); err != nil {
		return err
	}
	h, err := p.host(ctx, setup{group: "bench", ids: newIDs("acc", 10*b.ids, smallestPayload)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close(ctx)) }()
	if err := h.warm(ctx); err != nil {
		return err
	}
	r.how("%s commands of 256 callers on %s ids, autovacuum as the store's migration and the server have it; then a wait until autovacuum rests.", number(float64(b.appends)), number(float64(h.ids.n)))
	r.how("PostgreSQL: %s.", s.settings)
	t := table{Title: "Commands along the way", Columns: []string{"stored", "commands/s", "p50", "p99", "per fsync", "WAL each", "size"}}
	speed := series{Name: "commands/s"}
	const parts = 10
	stored := h.sent
	for part := range parts {
		b.progress("bloat: part %d of %d", part+1, parts)
		f, err := b.count(ctx, h, func() (figure, error) { return countedLoop(ctx, 256, b.appends/parts, h.caller) })
		if err != nil {
			return err
		}
		stored += f.count
		bytes, err := p.totalSize(ctx)
		if err != nil {
			return err
		}
		t.Rows = append(t.Rows, []string{number(float64(stored)), number(f.perSecond), milliseconds(f.p50), milliseconds(f.p99), number(f.perSync()), number(f.walEach()), size(bytes)})
		speed.add(float64(stored), f.perSecond)
	}
	if err := h.check(ctx, stored-int64(h.ids.n)); err != nil {
		return err
	}
	r.Tables = append(r.Tables, t)
	r.Charts = append(r.Charts, chart{File: "bloat", Title: "Commands a second as the table grows", Kind: "lines", X: "events stored", Y: "commands/s", Series: []series{speed}})
	b.progress("bloat: waiting for autovacuum")
	if err := p.quiet(ctx, 5*time.Minute); err != nil {
		return err
	}
	return p.leftovers(ctx, r, number(float64(stored)))
}

// leftovers adds what there is to say of dead rows and sizes.
func (p *place) leftovers(ctx context.Context, r *result, events string) error {
	sizes, err := p.sizes(ctx, events)
	if err != nil {
		return err
	}
	counts, err := p.vacuums(ctx)
	if err != nil {
		return err
	}
	r.Tables = append(r.Tables, sizes, counts)
	found, ok, err := p.dead(ctx)
	if err != nil {
		return err
	}
	if ok {
		r.Tables = append(r.Tables, found)
	} else {
		r.note("The server does not have pgstattuple, so dead rows are those that it counts itself.")
	}
	if len(counts.Rows) == 0 {
		return fmt.Errorf("the server counts no rows in %s", p.schema)
	}
	return nil
}

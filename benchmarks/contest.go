package main

import (
	"context"
	"errors"
	"fmt"
)

// contender is one side of a comparison. It is run on an empty place of its own.
type contender struct {
	name   string
	detail string // what is particular to it among those of its name
	open   func(ctx context.Context, p *place) (competitor, error)
}

// competitor is what a contender measures.
type competitor interface {
	subject
	// warm uses each id once, so that all are live and stored.
	warm(ctx context.Context) error
	// check compares what was answered, to callers and besides, with what is
	// stored.
	check(ctx context.Context, answered int64) error
	close(ctx context.Context) error
}

// contenders are Ringhold over a store, and the bare clients beside it.
func (b *bench) contenders(ctx context.Context, kind string, of *ids) ([]contender, error) {
	var field []contender
	for _, writers := range b.hostWriters(kind) {
		field = append(field, contender{ringholdName, counting(writers), func(ctx context.Context, p *place) (competitor, error) {
			return p.host(ctx, setup{group: "bench", ids: of, writers: writers})
		}})
	}
	switch kind {
	case inMemory:
		return append(field, contender{handOverName, counting(1), func(ctx context.Context, _ *place) (competitor, error) {
			return &bare{raw: newRaw(ctx, inMemory, of, rawBatch, noStore{})}, nil
		}}), nil
	case onSQLite:
		row, err := b.sqliteTemplate(ctx, of)
		return append(field, contender{ceilingName, counting(1), func(ctx context.Context, p *place) (competitor, error) {
			if err := p.migrate(ctx); err != nil {
				return nil, err
			}
			r, err := newSQLiteRaw(ctx, p, row, of)
			if err != nil {
				return nil, err
			}
			return &bare{r, func(ctx context.Context) (int64, error) { return p.events(ctx, nil, rawGroup) }}, nil
		}}), err
	}
	events, err := b.eventsTemplate(ctx, of)
	if err != nil {
		return nil, err
	}
	for _, writers := range b.rawWriters() {
		k := rawKind{table: events, writers: writers, limit: rawBatch}
		field = append(field, k.contender(ceilingName, of), k.plain().contender(plainName, of))
	}
	return field, nil
}

// counting names a number of writers.
func counting(writers int) string {
	if writers == 1 {
		return "1 writer"
	}
	return fmt.Sprintf("%d writers", writers)
}

// hostWriters are the numbers of writers that Ringhold tries, first what it
// takes by itself: over PostgreSQL one and two, as bare clients do, since an
// operator may choose, unless -writers has chosen.
func (b *bench) hostWriters(kind string) []int {
	own := b.writersOn(kind)
	if kind != onPostgres || b.writers > 0 {
		return []int{own}
	}
	tried := []int{own}
	for _, writers := range []int{1, 2} {
		if writers != own {
			tried = append(tried, writers)
		}
	}
	return tried
}

// rawWriters are the numbers of writers that bare clients try: one, two, and
// as many as Ringhold has.
func (b *bench) rawWriters() []int {
	if w := b.writersOn(onPostgres); w > 2 {
		return []int{1, 2, w}
	}
	return []int{1, 2}
}

// contender opens a bare client of a table in a place that the store's own
// migration has made.
func (k rawKind) contender(name string, of *ids) contender {
	return contender{name, counting(k.writers), func(ctx context.Context, p *place) (competitor, error) {
		if err := p.migrate(ctx); err != nil {
			return nil, err
		}
		if k.isPlain {
			if err := p.makePlain(ctx); err != nil {
				return nil, err
			}
		}
		in := k
		in.table = k.table.in(p)
		r, err := p.newPostgresRaw(ctx, in, of)
		if err != nil {
			return nil, err
		}
		return &bare{r, func(ctx context.Context) (n int64, err error) {
			return n, p.b.server.conn.QueryRow(ctx, `SELECT count(*) FROM `+in.table.name).Scan(&n)
		}}, nil
	}}
}

// bare is a bare client that can be checked.
type bare struct {
	*raw
	count func(ctx context.Context) (int64, error) // nil: nothing is stored
}

func (c *bare) check(ctx context.Context, answered int64) error {
	if c.count == nil {
		return nil
	}
	stored, err := c.count(ctx)
	if err != nil {
		return fmt.Errorf("count the stored rows: %w", err)
	}
	if stored != answered+c.sent {
		return fmt.Errorf("the bare client had %d commands answered, %d rows are stored", answered+c.sent, stored)
	}
	return nil
}

// contest measures all contenders a number of rounds, each time in another
// order, and returns the best figure of each name.
func (b *bench) contest(ctx context.Context, what string, field []contender, kind string, callers int) (map[string]figure, error) {
	best := map[string]figure{}
	for round := range b.rounds {
		b.progress("%s: %s, %d callers, round %d of %d", what, kind, callers, round+1, b.rounds)
		for i := range field {
			one := field[(i+round)%len(field)]
			f, err := b.compete(ctx, one, kind, callers)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", one.name, err)
			}
			best[one.name] = best[one.name].better(f)
		}
	}
	return best, nil
}

func (b *bench) compete(ctx context.Context, one contender, kind string, callers int) (f figure, err error) {
	p, err := b.newPlace(ctx, kind)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	c, err := one.open(ctx, p)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, c.close(ctx)) }()
	if err := c.warm(ctx); err != nil {
		return f, err
	}
	if f, err = b.measure(ctx, c, callers); err != nil {
		return f, err
	}
	f.detail = one.detail
	return f, c.check(ctx, f.count)
}

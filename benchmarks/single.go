package main

import (
	"context"
	"errors"
	"fmt"
)

// single asks how long one caller of one id waits.
func single(ctx context.Context, b *bench, r *result) error {
	r.how("One caller, one live id, each figure over %v, the best of %d rounds on both sides. The durable append is one row of the same bytes with INSERT … VALUES or unnest, whichever is faster, sent by the caller itself. Ringhold has as many writers as it takes by itself, or as -writers says.", b.each, b.rounds)
	of := newIDs("acc", 1, b.payload)
	t := table{Title: "One caller of one id", Columns: []string{"store", "append p50", "append p99", "command p50", "command p99", "p50 ratio"}}
	for _, kind := range []string{onSQLite, onPostgres} {
		if !b.uses(kind) {
			continue
		}
		field, err := b.singles(ctx, kind, of)
		if err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
		quickest := map[string]figure{}
		for round := range b.rounds {
			b.progress("single: %s, round %d of %d", kind, round+1, b.rounds)
			for i := range field {
				one := field[(i+round)%len(field)]
				f, err := b.compete(ctx, one, kind, 1)
				if err != nil {
					return fmt.Errorf("%s: %s: %w", kind, one.name, err)
				}
				if old, ok := quickest[one.name]; !ok || f.p50 < old.p50 {
					quickest[one.name] = f
				}
			}
		}
		top, own := quickest[ceilingName], quickest[ringholdName]
		ratio := own.p50.Seconds() / top.p50.Seconds()
		t.Rows = append(t.Rows, []string{title(kind), milliseconds(top.p50), milliseconds(top.p99), milliseconds(own.p50), milliseconds(own.p99), number(ratio)})
		if kind == onPostgres {
			r.Goals = append(r.Goals, goal{Text: "one caller's p50 in process on PostgreSQL, in durable appends of one row", Goal: 2.5, Figure: ratio, Unit: "×", Most: true})
		}
	}
	if len(t.Rows) == 0 {
		return errors.New("it needs SQLite or PostgreSQL, see -stores")
	}
	r.Tables = append(r.Tables, t)
	return nil
}

// singles are the contenders, with INSERT … VALUES among them.
func (b *bench) singles(ctx context.Context, kind string, of *ids) ([]contender, error) {
	field, err := b.contenders(ctx, kind, of)
	if err != nil {
		return nil, err
	}
	if kind != onPostgres {
		return []contender{field[0], direct(field[1])}, nil
	}
	events, err := b.eventsTemplate(ctx, of)
	if err != nil {
		return nil, err
	}
	unnest := rawKind{table: events, writers: 1, limit: rawBatch}
	values := rawKind{table: events, writers: 1, limit: 1, single: true}
	return []contender{field[0], direct(unnest.contender(ceilingName, of)), direct(values.contender(ceilingName, of))}, nil
}

// direct has the one caller of a bare client commit by itself.
func direct(c contender) contender {
	open := c.open
	c.open = func(ctx context.Context, p *place) (competitor, error) {
		opened, err := open(ctx, p)
		if err != nil {
			return nil, err
		}
		return &alone{opened.(*bare)}, nil
	}
	return c
}

// alone is a bare client of one writer whose one caller hands nothing over: the
// writer's goroutine rests while it works.
type alone struct{ *bare }

func (c *alone) caller(int) func() error {
	batch := []*rawCommand{{}} // of the one id
	return func() error {
		err := c.queues[0].writer.commit(context.Background(), batch)
		c.done.Add(1)
		return err
	}
}

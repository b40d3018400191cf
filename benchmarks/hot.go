package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
)

const (
	atATimeName  = "Ringhold, one commit at a time"
	callersName  = "Ringhold, ids of the callers"
	rowAtATime   = "bare rows, one commit at a time"
	hotGoal      = 20_000
	hotRatioGoal = 10
)

// hot asks how many commands a second one id takes.
func hot(ctx context.Context, b *bench, r *result) error {
	r.how("All callers use one id, each figure over %v, the best of %d rounds on all sides. One commit at a time: an aggregate with a callback behind its commits, which is decided on durable state only; and a bare client that commits row after row with INSERT … VALUES.", b.each, b.rounds)
	r.how("Commands come without message ids and are given theirs by the host, so that none can have been processed before and none is looked up; this is what counts for the goals. Ids of the callers: each command has an id of its caller's own, may be a repetition, and is looked up unless memory knows all of the aggregate's. Ringhold has as many writers as it takes by itself, or as -writers says.")
	of := newIDs("hot", 1, b.payload)
	t := table{Title: "One hot id", Columns: []string{"store", "callers", "", "commands/s", "p50", "p99", "per append", "Ringhold is"}}
	for _, kind := range []string{onSQLite, onPostgres} {
		if !b.uses(kind) {
			continue
		}
		field, err := b.hotField(ctx, kind, of)
		if err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
		for _, callers := range []int{256, 1024} {
			best, err := b.contest(ctx, "hot", field, kind, callers)
			if err != nil {
				return fmt.Errorf("%s: %w", kind, err)
			}
			own := best[ringholdName]
			slowest := own.perSecond // the lesser of the ratios counts
			for _, what := range []string{ringholdName, callersName, atATimeName, rowAtATime} {
				f, ok := best[what]
				if !ok {
					continue
				}
				ratio := own.perSecond / f.perSecond
				if what == atATimeName || what == rowAtATime {
					slowest = min(slowest, ratio)
				}
				t.Rows = append(t.Rows, []string{title(kind), strconv.Itoa(callers), what, number(f.perSecond), milliseconds(f.p50), milliseconds(f.p99), number(f.perAppend()), number(ratio) + "×"})
			}
			if kind == onPostgres {
				r.Goals = append(r.Goals,
					goal{Text: fmt.Sprintf("one hot id on PostgreSQL, %d callers, of one commit at a time (the faster of both)", callers), Goal: hotRatioGoal, Figure: slowest, Unit: "×"},
					goal{Text: fmt.Sprintf("one hot id on PostgreSQL, %d callers", callers), Goal: hotGoal, Figure: own.perSecond, Unit: "/s"})
			}
		}
	}
	if len(t.Rows) == 0 {
		return errors.New("it needs SQLite or PostgreSQL, see -stores")
	}
	r.Tables = append(r.Tables, t)
	return nil
}

func (b *bench) hotField(ctx context.Context, kind string, of *ids) ([]contender, error) {
	host := func(name string, s setup) contender {
		return contender{name, counting(b.writersOn(kind)), func(ctx context.Context, p *place) (competitor, error) {
			return p.host(ctx, s)
		}}
	}
	field := []contender{
		host(ringholdName, setup{group: "bench", ids: of}),
		host(callersName, setup{group: "bench", ids: of, callersIDs: true}),
		host(atATimeName, setup{group: "bench", ids: of, oneAtATime: true}),
	}
	if kind != onPostgres {
		return field, nil
	}
	events, err := b.eventsTemplate(ctx, of)
	if err != nil {
		return nil, err
	}
	values := rawKind{table: events, writers: 1, limit: 1, single: true}
	return append(field, values.contender(rowAtATime, of)), nil
}

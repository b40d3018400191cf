package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// growthCallers are those that growth measures with.
var growthCallers = []int{256, 1024}

// growth asks what commands cost on a big table, against an empty one.
func growth(ctx context.Context, b *bench, r *result) (err error) {
	s, err := b.postgres(ctx)
	if err != nil {
		return err
	}
	full, err := b.newPlace(ctx, onPostgres)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, full.close()) }()
	f := newFill(full, b.events)
	r.how("%s events (%s streams of %d, two to a command, %d bytes of data; filled by INSERT … SELECT in rounds over all streams, %d events of a stream at a time), VACUUM ANALYZE; then closed loops over %v, the best of %d rounds, in turn on the full table and on one that is empty but for the ids in use.",
		number(float64(f.total())), number(float64(f.ids.n)), fillVersions, smallestPayload, fillAtOnce, b.each, b.rounds)
	r.how("Existing ids: %d, in memory when it begins. New ids: each command makes an aggregate.", b.ids)
	r.how("PostgreSQL: %s.", s.settings)
	kept, err := f.filled(ctx)
	if err != nil {
		return err
	}
	if kept != "" {
		err = f.adopt(ctx, kept)
	} else {
		err = f.run(ctx)
	}
	if err != nil {
		return err
	}
	if f.added > 0 {
		r.how("The table was filled by an earlier run, and has %s events more from measurements.", number(float64(f.added)))
	}
	if err := f.describe(ctx, r); err != nil {
		return err
	}
	t := table{Title: "Commands on the full table, against an empty one", Columns: []string{"callers", "ids", "empty /s (p50, p99)", "full /s (p50, p99)", "full ÷ empty", "per CPU-s empty", "per CPU-s full", "WAL each empty", "WAL each full", "blocks read or added each"}}
	bars := chart{File: "growth", Title: "Commands a second on a full table ÷ on an empty one", Kind: "bars", Y: "ratio", Line: 1, Series: []series{{Name: "full ÷ empty"}}}
	for _, callers := range growthCallers {
		for _, fresh := range []bool{false, true} {
			row, ratio, err := growthPair(ctx, b, full, f, callers, fresh)
			if err != nil {
				return err
			}
			t.Rows = append(t.Rows, row)
			bars.Labels = append(bars.Labels, fmt.Sprintf("%s, %d callers", kindOfIDs(fresh), callers))
			bars.Series[0].Y = append(bars.Series[0].Y, ratio)
			r.Goals = append(r.Goals, goal{
				Text: fmt.Sprintf("commands on %s ids at %d callers with %s events stored, of those on an empty table (no given goal)", kindOfIDs(fresh), callers, number(float64(f.total()))),
				Goal: 0.8, Figure: ratio, Partial: unless(b.events >= 50_000_000, "-events is less than 50 million"),
			})
		}
	}
	r.Tables = append(r.Tables, t)
	r.Charts = append(r.Charts, bars)
	return f.describe(ctx, r)
}

func kindOfIDs(fresh bool) string {
	if fresh {
		return "new"
	}
	return "existing"
}

// growthPair measures both tables in turn.
func growthPair(ctx context.Context, b *bench, full *place, f *fill, callers int, fresh bool) (row []string, ratio float64, err error) {
	var onFull, onEmpty grown
	for round := range b.rounds {
		b.progress("growth: %s ids, %d callers, round %d of %d", kindOfIDs(fresh), callers, round+1, b.rounds)
		empty, err := b.newPlace(ctx, onPostgres)
		if err != nil {
			return nil, 0, err
		}
		few := newIDs("few", b.ids, smallestPayload)
		one, err := growthRun(ctx, b, empty, few, 0, callers, fresh)
		if err = errors.Join(err, empty.close()); err != nil {
			return nil, 0, fmt.Errorf("empty table: %w", err)
		}
		onEmpty = onEmpty.better(one)
		if one, err = growthRun(ctx, b, full, f.some(b.ids), f.total()+f.added, callers, fresh); err != nil {
			return nil, 0, fmt.Errorf("full table: %w", err)
		}
		f.added += one.stored
		onFull = onFull.better(one)
	}
	ratio = onFull.perSecond / onEmpty.perSecond
	rate := func(g grown) string {
		return fmt.Sprintf("%s (%s, %s)", number(g.perSecond), milliseconds(g.p50), milliseconds(g.p99))
	}
	return []string{
		fmt.Sprint(callers), kindOfIDs(fresh), rate(onEmpty), rate(onFull), fmt.Sprintf("%.2f", ratio),
		number(onEmpty.perCPU()), number(onFull.perCPU()), number(onEmpty.walEach()), number(onFull.walEach()),
		fmt.Sprintf("%.3f", float64(onFull.blocks)/float64(onFull.count)),
	}, ratio, nil
}

// grown is a figure with what it left and read.
type grown struct {
	figure
	stored int64 // events that the run added, outside of callers included
	blocks int64 // of tables and indexes, that were not among the server's buffers
}

func (g grown) better(h grown) grown {
	if h.perSecond > g.perSecond {
		return h
	}
	return g
}

// growthRun measures a host on a place that has so many events already.
func growthRun(ctx context.Context, b *bench, p *place, of *ids, already int64, callers int, fresh bool) (g grown, err error) {
	h, err := p.host(ctx, setup{group: growthGroup, ids: of})
	if err != nil {
		return g, err
	}
	defer func() { err = errors.Join(err, h.close(ctx)) }()
	if err := h.warm(ctx); err != nil {
		return g, err
	}
	var on subject = h
	if fresh {
		on = &newcomers{hosted: h, run: time.Now().UnixNano()}
	}
	before, err := p.blocksRead(ctx)
	if err != nil {
		return g, err
	}
	if g.figure, err = b.measure(ctx, on, callers); err != nil {
		return g, err
	}
	after, err := p.blocksRead(ctx)
	if err != nil {
		return g, err
	}
	g.blocks, g.stored = after-before, g.count+h.sent
	return g, h.check(ctx, already+g.count)
}

// blocksRead returns how many blocks of the events the server has asked the
// system for.
func (p *place) blocksRead(ctx context.Context) (n int64, err error) {
	err = p.b.server.conn.QueryRow(ctx, `SELECT coalesce(heap_blks_read, 0) + coalesce(idx_blks_read, 0)
		FROM pg_statio_user_tables WHERE relid = $1::regclass`, p.schema+".events").Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("ask the server for blocks: %w", err)
	}
	return n, nil
}

// newcomers are callers each of whose commands makes an aggregate.
type newcomers struct {
	*hosted
	run int64 // another one each time, since the table may stay from run to run
}

func (n *newcomers) caller(c int) func() error {
	client, i := n.client(), 0
	return func() error {
		i++
		return client.depositTo(fmt.Sprintf("new-%d-%d-%d", n.run, c, i))
	}
}

package main

import (
	"context"
	"fmt"
	goruntime "runtime"
	"strconv"

	"github.com/ringhold/ringhold/runtime"
)

// durable asks how many commands a second become durable in process.
func durable(ctx context.Context, b *bench, r *result) error {
	r.how("Closed loops of callers on %d aggregates that are live, events with %d bytes of data, each figure over %v; the best of %d rounds on both sides, in turn, each round on empty tables.", b.ids, b.payload, b.each, b.rounds)
	r.how("The ceiling is a client that hands commands over to a writer, which inserts them in groups with the bytes that Ringhold stores, and checks nothing; on PostgreSQL with INSERT … SELECT FROM unnest, with one or two writers, whichever is better. For the memory store it is a hand-over to a goroutine that stores nothing.")
	r.how("The plain table has 200 bytes of data (or what -payload says), a primary key and one unique index. Commands per CPU-second count callers, Ringhold and server. SQLite commits with one fsync of its log each time; its WAL bytes are all that the process writes.")
	r.how("Ringhold on PostgreSQL, unless -writers says how many: with one writer and with two, as the ceiling, whichever is better; the rows tell which. By itself the runtime takes %d. The members of a group in one process, as in ringhold dev, have one each, so three members are three writers.", runtime.DefaultWriters)
	of := newIDs("acc", b.ids, b.payload)
	for _, kind := range []string{inMemory, onSQLite, onPostgres} {
		if !b.uses(kind) {
			continue
		}
		if err := durableOn(ctx, b, r, kind, of); err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
	}
	return nil
}

// durableTable has the columns of all stores; a store's own table has those
// that it can fill.
var durableColumns = []string{"callers", "", "commands/s", "p50", "p99", "per CPU-s", "process CPU", "server CPU", "per fsync", "WAL each", "per append", "Ringhold is"}

// durableOn measures one store at all numbers of callers.
func durableOn(ctx context.Context, b *bench, r *result, kind string, of *ids) error {
	t := table{Title: title(kind), Columns: durableColumns}
	rate := map[string]*series{}
	own, ownSlow := series{Name: "Ringhold p50"}, series{Name: "Ringhold p99"}
	rawP50, rawP99 := series{Name: "ceiling p50", Dashed: true}, series{Name: "ceiling p99", Dashed: true}
	ratios := series{Name: "Ringhold ÷ ceiling"}
	var last float64
	field, err := b.contenders(ctx, kind, of)
	if err != nil {
		return err
	}
	for _, callers := range b.callers {
		best, err := b.contest(ctx, "durable", field, kind, callers)
		if err != nil {
			return err
		}
		for _, what := range []string{ringholdName, handOverName, ceilingName, plainName} {
			f, ok := best[what]
			if !ok {
				continue
			}
			t.Rows = append(t.Rows, f.row(callers, what, best[ringholdName]))
			if rate[what] == nil {
				rate[what] = &series{Name: what, Dashed: what != ringholdName}
			}
			rate[what].add(float64(callers), f.perSecond)
		}
		mine, top := best[ringholdName], best[ceilingName].better(best[handOverName])
		own.add(float64(callers), mine.p50.Seconds()*1000)
		ownSlow.add(float64(callers), mine.p99.Seconds()*1000)
		rawP50.add(float64(callers), top.p50.Seconds()*1000)
		rawP99.add(float64(callers), top.p99.Seconds()*1000)
		last = mine.perSecond / top.perSecond
		ratios.add(float64(callers), last)
	}
	r.Tables = append(r.Tables, t)
	throughput := chart{File: "durable-" + kind, Title: "Durable commands a second, " + title(kind), Kind: "lines", X: "callers", Y: "commands/s", LogX: true}
	for _, what := range []string{ringholdName, handOverName, ceilingName, plainName} {
		if s := rate[what]; s != nil {
			throughput.Series = append(throughput.Series, *s)
		}
	}
	r.Charts = append(r.Charts, throughput, chart{
		File: "latency-" + kind, Title: "Latency, " + title(kind), Kind: "lines", X: "callers", Y: "ms", LogX: true, LogY: true,
		Series: []series{own, ownSlow, rawP50, rawP99},
	})
	most := b.callers[len(b.callers)-1]
	switch kind {
	case onPostgres:
		r.how("PostgreSQL: %s.", b.server.settings)
		r.Goals = append(r.Goals, goal{Text: fmt.Sprintf("durable commands on PostgreSQL at %d callers, of the ceiling in the same table", most), Goal: 0.6, Figure: last, Partial: unless(most == 1024, "-callers does not end with 1024")})
		r.Charts = append(r.Charts, chart{File: "ratio-" + kind, Title: "Ringhold ÷ ceiling, " + title(kind), Kind: "lines", X: "callers", Y: "ratio", LogX: true, Line: 0.6, Series: []series{ratios}})
	case onSQLite:
		lowest := ratios.Y[0]
		for _, ratio := range ratios.Y {
			lowest = min(lowest, ratio)
		}
		r.Goals = append(r.Goals, goal{Text: "durable commands on SQLite, of its ceiling, at the worst number of callers", Goal: 0.5, Figure: lowest})
	}
	return nil
}

func unless(ok bool, why string) string {
	if ok {
		return ""
	}
	return why
}

const (
	ringholdName = "Ringhold"
	ceilingName  = "ceiling, same table"
	plainName    = "ceiling, plain table"
	handOverName = "hand-over that stores nothing"
)

func title(kind string) string {
	return map[string]string{inMemory: "memory", onSQLite: "SQLite", onPostgres: "PostgreSQL"}[kind]
}

// row writes a figure into the table of durable commands.
func (f figure) row(callers int, what string, own figure) []string {
	ratio := "–"
	if what != ringholdName {
		ratio = fmt.Sprintf("%.2f of it", own.perSecond/f.perSecond)
	}
	share := func(cpu float64) string {
		if cpu < 0 {
			return "–"
		}
		return fmt.Sprintf("%.0f %%", 100*cpu/f.took.Seconds())
	}
	return []string{
		strconv.Itoa(callers), what + ", " + f.detail, number(f.perSecond), milliseconds(f.p50), milliseconds(f.p99),
		number(f.perCPU()), share(f.cost.process.Seconds()), share(f.cost.server.Seconds()),
		number(f.perSync()), number(f.walEach()), number(f.perAppend()), ratio,
	}
}

// collect frees what the steps before have left.
func collect() {
	goruntime.GC()
	goruntime.GC()
}

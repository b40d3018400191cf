package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// options are the flags.
type options struct {
	only    []string
	stores  []string
	callers []int
	each    time.Duration
	rounds  int
	ids     int
	payload int
	writers int
	idle    int
	events  int64
	appends int64
	dir     string
	out     string
	profile string
}

// postgresEnv names a server that is there already.
const postgresEnv = "RINGHOLD_BENCH_POSTGRES"

const helpText = `Benchmarks of Ringhold: each question prints its figures and the ratio to what
the machine can do, measured in the same run.

  go run ./benchmarks                                   all but fill, growth and bloat
  go run ./benchmarks -only durable -stores postgres    one question, one store
  go run ./benchmarks -only growth -events 5000000      a smaller table
  go run ./benchmarks -only fill -events 5000000        fill it now, for a later growth
  go run ./benchmarks -out benchmarks/RESULTS.md        keep what was found

PostgreSQL: with $` + postgresEnv + ` set to a URL of a superuser, that server is used
(schemas named ringhold_bench_… are made and dropped in it); without it, one is
started from the installed binaries, with its data under -dir, fsync and
synchronous_commit on. CPU, fsyncs and WAL are counted for the whole server, so
nobody else should use it. Without either, leave PostgreSQL out with -stores.
What fill has filled stays in such a server until its schema is dropped.

With -out FILE.md the answers go into results.json beside it, where those of
other questions stay; FILE.md is written anew from all of them, but for what
stands between its "by hand" marks. make bench-results also draws the charts.

Questions:
`

func parseOptions(args []string) (options, error) {
	o := options{}
	f := flag.NewFlagSet("benchmarks", flag.ContinueOnError)
	f.Usage = func() {
		fmt.Fprint(f.Output(), helpText)
		for _, q := range questions {
			fmt.Fprintf(f.Output(), "  %-8s %s\n", q.name, q.asks)
		}
		fmt.Fprint(f.Output(), "\nFlags:\n")
		f.PrintDefaults()
	}
	only := f.String("only", "", "`questions` to ask, separated by commas; default: all but fill, growth and bloat")
	stores := f.String("stores", "memory,sqlite,postgres", "`stores` to measure, separated by commas")
	callers := f.String("callers", "1,16,256,1024", "`numbers` of callers that durable measures")
	f.DurationVar(&o.each, "for", 3*time.Second, "how long each figure is measured")
	f.IntVar(&o.rounds, "rounds", 3, "how often each figure is measured; the best counts, on both sides")
	f.IntVar(&o.ids, "ids", 10_000, "how many aggregates the callers use")
	f.IntVar(&o.payload, "payload", 200, "`bytes` of an event's data")
	f.IntVar(&o.writers, "writers", 0, "writers of Ringhold over PostgreSQL; 0: what it takes by itself, for durable the better of one and two")
	f.IntVar(&o.idle, "idle", 1_000_000, "how many idle aggregates are held in memory")
	f.Int64Var(&o.events, "events", 50_000_000, "how many events growth and fill fill the table with")
	f.Int64Var(&o.appends, "appends", 10_000_000, "how many commands bloat runs")
	f.StringVar(&o.dir, "dir", "", "`directory` for the files of stores and of the server; default: a temporary one")
	f.StringVar(&o.out, "out", "", "write the answers into this `file` (Markdown) and results.json beside it")
	f.StringVar(&o.profile, "cpuprofile", "", "write a CPU profile of this process into `file`, for go tool pprof; bare clients are in it too")
	if err := f.Parse(args); err != nil {
		return o, errors.Join(flag.ErrHelp, err)
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("%q is not a flag; -help lists them", f.Arg(0))
	}
	o.only, o.stores = list(*only), list(*stores)
	for _, text := range list(*callers) {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return o, fmt.Errorf("-callers: %q is not a number of callers", text)
		}
		o.callers = append(o.callers, n)
	}
	return o, o.validate()
}

func list(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
}

func (o *options) validate() error {
	var faults []error
	for _, name := range o.only {
		if !slices.ContainsFunc(questions, func(q question) bool { return q.name == name }) {
			faults = append(faults, fmt.Errorf("-only: there is no question %q; there are %s", name, names(questions)))
		}
	}
	for _, name := range o.stores {
		if !slices.Contains([]string{inMemory, onSQLite, onPostgres}, name) {
			faults = append(faults, fmt.Errorf("-stores: there is no store %q; there are memory, sqlite and postgres", name))
		}
	}
	if o.each < 100*time.Millisecond {
		faults = append(faults, errors.New("-for: less than 100ms says nothing"))
	}
	if o.payload < smallestPayload {
		faults = append(faults, fmt.Errorf("-payload: at least %d bytes are needed", smallestPayload))
	}
	if o.rounds < 1 || o.ids < 1 || o.idle < 1 || o.events < 1 || o.appends < 1 || o.writers < 0 {
		faults = append(faults, errors.New("-rounds, -ids, -idle, -events and -appends have to be positive"))
	}
	if o.out != "" && !strings.HasSuffix(o.out, ".md") {
		faults = append(faults, fmt.Errorf("-out: %q does not end in .md", o.out))
	}
	if o.dir != "" {
		if info, err := os.Stat(o.dir); err != nil || !info.IsDir() {
			faults = append(faults, fmt.Errorf("-dir: %q is not a directory", o.dir))
		}
	}
	return errors.Join(faults...)
}

func (o *options) asked(q question) bool {
	if len(o.only) == 0 {
		return q.always
	}
	return slices.Contains(o.only, q.name)
}

// uses reports whether a store is to be measured.
func (o *options) uses(store string) bool { return slices.Contains(o.stores, store) }

// Command benchmarks answers questions about cost. Each is a file of this
// folder, and each answer is a ratio of two figures of the same run, so that
// the machine matters little.
//
//	go run ./benchmarks -help
//	go run ./benchmarks -only durable -stores postgres -for 5s
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/pprof"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) (err error) {
	o, err := parseOptions(args)
	if err != nil {
		return err
	}
	if o.profile != "" {
		end, err := profile(o.profile)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, end()) }()
	}
	b, err := newBench(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	if o.uses(onPostgres) { // what lacks is said before an hour of work, not after
		if _, err := b.postgres(ctx); err != nil {
			return err
		}
	}
	fmt.Println(b.machine)
	fmt.Println()
	for _, q := range questions {
		if !o.asked(q) {
			continue
		}
		fmt.Printf("== %s: %s\n\n", q.name, q.asks)
		r := b.newResult(q)
		if err := q.answer(ctx, b, r); err != nil {
			if ctx.Err() != nil {
				return fmt.Errorf("%s: interrupted", q.name)
			}
			return fmt.Errorf("%s: %w", q.name, err)
		}
		r.print(os.Stdout)
		if r.aside {
			continue
		}
		if err := b.keep(r); err != nil {
			return err
		}
	}
	return nil
}

// profile writes a CPU profile until end is called.
func profile(path string) (end func() error, err error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("-cpuprofile: %w", err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(fmt.Errorf("-cpuprofile: %w", err), f.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return f.Close()
	}, nil
}

// question is one thing that is asked.
type question struct {
	name   string
	asks   string
	always bool // asked when -only names nothing
	answer func(ctx context.Context, b *bench, r *result) error
}

// questions are asked in this order: the one about memory first, while the
// process has nothing of the others.
var questions = []question{
	{"idle", "what does an idle aggregate take in memory over its own state?", true, idle},
	{"durable", "how many commands a second become durable in process, against group commit of bare rows into the same table?", true, durable},
	{"single", "how long does one caller of one id wait, against one durable append of one bare row?", true, single},
	{"hot", "how many commands a second does one id take from many callers, against one commit at a time?", true, hot},
	{"open", "how long do callers wait who come at 70 % of the best rate, whether the ones before are answered or not?", true, openLoop},
	{"hydrate", "how many events a second does a core fold that loads aggregates?", true, hydrate},
	{"cold", "how long does it take until 10,000 cold aggregates, hit at once, have answered?", true, cold},
	{"fill", "fill a table for growth and keep it on the server, so that it is measured when the machine is quiet", false, fillOnly},
	{"growth", "what do commands cost on a table with 50 million events, against an empty one?", false, growth},
	{"bloat", "what do 10 million appends leave behind for autovacuum?", false, bloat},
}

func names(of []question) string {
	all := make([]string, len(of))
	for i, q := range of {
		all[i] = q.name
	}
	return strings.Join(all, ", ")
}

// Command benchmarks answers questions about cost, each as a ratio of two
// figures of the same run, so that the machine matters little.
//
//	go run ./benchmarks            all questions
//	go run ./benchmarks -only=durable -for=5s
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"time"
)

// options are the flags.
type options struct {
	only string
	each time.Duration
	idle int
	dir  string
}

func main() {
	var o options
	flag.StringVar(&o.only, "only", "", "durable or idle; default: all")
	flag.DurationVar(&o.each, "for", 3*time.Second, "how long each figure is measured")
	flag.IntVar(&o.idle, "idle", 200_000, "how many idle aggregates are measured")
	flag.StringVar(&o.dir, "dir", "", "directory for the files of the store; default: a temporary one")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	if o.dir == "" {
		dir, err := os.MkdirTemp("", "ringhold-bench-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }() // a temporary directory
		o.dir = dir
	}
	fmt.Printf("%s, %s/%s, GOMAXPROCS %d\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0))
	if o.only == "" || o.only == "durable" {
		if err := durable(o); err != nil {
			return fmt.Errorf("durable: %w", err)
		}
	}
	if o.only == "" || o.only == "idle" {
		if err := idle(o); err != nil {
			return fmt.Errorf("idle: %w", err)
		}
	}
	return nil
}

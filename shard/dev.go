package shard

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ringhold/ringhold/api/manifest"
	"github.com/ringhold/ringhold/dispatch"
	"github.com/ringhold/ringhold/gateway"
	"github.com/ringhold/ringhold/message/wire"
	"github.com/ringhold/ringhold/ring"
)

// devMembers is how many members dev starts unless it is told: enough to see
// that ids are spread.
const devMembers = 3

// shutdownTime is how long a stopping process waits for what it has begun.
const shutdownTime = 10 * time.Second

const (
	devName = "dev" // the command that brings schemas up to date by itself
	// storeEnv holds a store's address, so that a password need not stand on a
	// command line, which everybody on a machine can read.
	storeEnv = "RINGHOLD_STORE"
)

// runOptions are the flags of dev and serve.
type runOptions struct {
	manifest string
	data     string
	store    string
	listen   string
	admin    string // serve only: where Streams and Cluster stand
	members  int
	logLevel string
	logJSON  bool
	maxBytes int
	given    *pflag.FlagSet
}

func (o *runOptions) flags(cmd *cobra.Command, listen string) {
	f := cmd.Flags()
	o.given = f
	f.StringVarP(&o.manifest, "file", "f", "aggregateservice.yaml", "manifest of the AggregateService to run")
	f.StringVar(&o.data, "data", "", "directory of the embedded store (default .ringhold/NAME of the manifest)")
	f.StringVar(&o.store, "store", "", "store to use instead: postgres://USER@HOST:PORT/DATABASE, sqlite:PATH, or memory: for one that is gone at the end (default $"+storeEnv+")")
	f.StringVar(&o.listen, "listen", listen, "address to serve gRPC and HTTP on")
	f.StringVar(&o.logLevel, "log-level", "info", "what to log: debug, info, warn or error")
	f.BoolVar(&o.logJSON, "log-json", false, "log JSON lines instead of text")
	f.IntVar(&o.maxBytes, "max-message-bytes", 4<<20, "the largest request that is taken, in bytes")
}

func devCommand(b Binary) *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   devName,
		Short: "Run a service in one process, on SQLite or PostgreSQL: members, ring and gateway",
		Long: `Runs the service of a manifest in one process: the members, the ring and the
gateway, over an embedded SQLite store. What was answered is on disk: a second
start goes on where the first one stopped, however it stopped.

With --store postgres://USER@HOST:PORT/DATABASE it keeps the events in PostgreSQL,
in the schema ringhold or the one that ?search_path=NAME names, which it creates.
One process serves a group: a second one is refused while the first is alive. After
a process that was killed, a start waits about three seconds until that is certain.
RINGHOLD_STORE can hold the URL instead, and PGPASSWORD or a password file the
password.

It serves gRPC (with reflection) and JSON over HTTP on one port, with the streams
and the cluster's inspection on it too, and asks nobody who they are. So it
listens on loopback unless told otherwise.`,
		Example: `  ringhold dev -f examples/bank/aggregateservice.yaml
  ringhold dev -f examples/bank/aggregateservice.yaml --data /tmp/bank --members 1
  ringhold dev -f aggregateservice.yaml --store memory: --listen 127.0.0.1:9090
  ringhold dev -f aggregateservice.yaml --store postgres://me@localhost/shop`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("members") && o.members < 1 {
				return usagef("--members is %d: write how many members share the slots, 1 or more", o.members)
			}
			return run(cmd.Context(), cmd.Name(), cmd.OutOrStdout(), cmd.ErrOrStderr(), b, o)
		},
	}
	o.flags(cmd, "127.0.0.1:8080")
	cmd.Flags().IntVar(&o.members, "members", 0, "how many members share the slots (default 3, or as many as there are slots)")
	return cmd
}

func serveCommand(b Binary) *cobra.Command {
	o := runOptions{members: 1}
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve one member of a service",
		Long: `Serves the service of a manifest with one member. The dispatching of messages
and health stand on --listen; reading streams and inspecting the cluster, which
nobody is asked for, on --admin. The schema of a PostgreSQL store is left as it
is: "migrate" brings it up to date.`,
		Example: "  ringhold serve -f aggregateservice.yaml --listen 127.0.0.1:7400 --admin 127.0.0.1:7401",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return run(cmd.Context(), cmd.Name(), cmd.OutOrStdout(), cmd.ErrOrStderr(), b, o)
		},
	}
	o.flags(cmd, "127.0.0.1:7400")
	cmd.Flags().StringVar(&o.admin, "admin", "127.0.0.1:7401", "address of the streams and the cluster's inspection")
	return cmd
}

// run serves until ctx ends, then drains.
func run(ctx context.Context, name string, out, errOut io.Writer, b Binary, o runOptions) (err error) {
	if err := o.check(); err != nil {
		return err
	}
	log, err := newLogger(errOut, o)
	if err != nil {
		return err
	}
	m, err := manifest.Load(o.manifest)
	if err != nil {
		return err
	}
	plan, err := Resolve(o.manifest, m, b)
	if err != nil {
		return err
	}
	if o.members > plan.Slots {
		return usagef("--members is %d: there are %d slots (spec.slots) to share, so %d at most", o.members, plan.Slots, plan.Slots)
	}
	listener, err := listen(ctx, o.listen, "--listen")
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }()
	address, process := storeAddress(o, m.Name), describe(name, listener.Addr())
	where := opening{
		address: address, group: plan.Group, owner: process, log: log,
		migrate: name == devName || !isPostgres(address),
	}
	s, err := openStore(ctx, where)
	if err != nil {
		return where.explain(err)
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if isPostgres(address) && name == devName {
		if err := makeViews(ctx, address, s, m); err != nil {
			log.Warn("the views of the streams are not made, which only people miss", "error", err)
		}
	}
	if o.members == 0 {
		o.members = min(devMembers, plan.Slots)
	}
	served := s
	if isPostgres(address) {
		served = newWatched(s, log)
	}
	local, err := StartLocal(ctx, LocalConfig{
		Store: served, Plan: plan, Members: o.members, Logger: log, Shared: isPostgres(address), Process: process,
		Say: func(line string) { fmt.Fprintln(out, line) },
	})
	if err != nil {
		return explainStore(err)
	}
	defer func() {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
		defer cancel()
		err = errors.Join(err, local.Stop(stopping))
	}()
	servers, err := openServers(ctx, local, log, o, listener)
	if err != nil {
		return err
	}
	banner{name: name, manifest: m, plan: plan, local: local, store: redacted(address), listener: listener.Addr(), open: o.admin == "", out: out}.print()
	err = serveAll(ctx, servers, local)
	fmt.Fprintln(out, "\nstopping: finishing what was begun")
	return err
}

// server is a gateway and where it listens.
type server struct {
	gateway  *gateway.Gateway
	listener net.Listener
}

// openServers makes the gateway of the listener and, if it is asked for, that of
// the admin address.
func openServers(ctx context.Context, local *Local, log *slog.Logger, o runOptions, public net.Listener) ([]server, error) {
	var admin net.Listener
	if o.admin != "" {
		var err error
		if admin, err = listen(ctx, o.admin, "--admin"); err != nil {
			return nil, err
		}
	}
	g, err := newGateway(ctx, local, log, o, admin == nil)
	if err != nil || admin == nil {
		if admin != nil {
			err = errors.Join(err, admin.Close())
		}
		return []server{{g, public}}, err
	}
	second, err := newGateway(ctx, local, log, o, true)
	if err != nil {
		return nil, errors.Join(err, g.Shutdown(ctx), admin.Close())
	}
	return []server{{g, public}, {second, admin}}, nil
}

// serveAll serves until ctx ends, one of the servers fails or another process has
// taken the group, then shuts all of them down.
func serveAll(ctx context.Context, servers []server, local *Local) error {
	failed := make(chan error, len(servers))
	var serving sync.WaitGroup
	for _, s := range servers {
		serving.Go(func() { failed <- s.gateway.Serve(s.listener) })
	}
	var first error
	select {
	case <-ctx.Done():
	case first = <-failed:
	case <-local.TakenOver():
		first = local.Cause(ctx)
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	faults := make([]error, len(servers)+1)
	faults[len(servers)] = first
	var ending sync.WaitGroup
	for i, s := range servers {
		ending.Go(func() { faults[i] = s.gateway.Shutdown(stopping) })
	}
	ending.Wait()
	serving.Wait() // what they return now is that they were told to end
	return errors.Join(faults...)
}

func newGateway(ctx context.Context, local *Local, log *slog.Logger, o runOptions, admin bool) (*gateway.Gateway, error) {
	conns := local.Conns()
	return gateway.New(ctx, gateway.Config{
		Cluster:         gateway.Static(gateway.View{Ring: local.Ring(), Members: local.Ring().Members}),
		Dial:            func(m ring.Member) (gateway.Conn, error) { return gateway.Borrowed(conns[m.ID]), nil },
		MaxMessageBytes: o.maxBytes,
		DefaultTimeout:  dispatch.DefaultTimeout, Logger: log, Admin: admin,
	})
}

func newLogger(w io.Writer, o runOptions) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(o.logLevel)); err != nil {
		return nil, usagef("--log-level: %q is none of debug, info, warn, error", o.logLevel)
	}
	options := &slog.HandlerOptions{Level: level}
	if o.logJSON {
		return slog.New(dispatch.NewLogHandler(slog.NewJSONHandler(w, options))), nil
	}
	return slog.New(dispatch.NewLogHandler(slog.NewTextHandler(w, options))), nil
}

// check reports flags that no manifest and no machine make right.
func (o *runOptions) check() error {
	switch {
	case o.store == "" && o.given.Changed("store"):
		return usagef("--store is empty, such as from a variable that is not set: write where events are kept, or leave it out")
	case o.store != "" && o.data != "":
		return usagef("--data is the directory of the embedded store: leave it out with --store")
	case o.maxBytes < 1 || o.maxBytes > maxMemberMessage-wire.MaxEnvelopeBytes:
		return usagef("--max-message-bytes is %d: write how many bytes are taken, from 1 to %d", o.maxBytes, maxMemberMessage-wire.MaxEnvelopeBytes)
	}
	return nil
}

// storeAddress is --store, or what the environment says, or the embedded file in
// the data directory.
func storeAddress(o runOptions, name string) string {
	if o.store != "" {
		return canonical(o.store)
	}
	if from := os.Getenv(storeEnv); from != "" && o.data == "" {
		return canonical(from)
	}
	dir := o.data
	if dir == "" {
		dir = filepath.Join(".ringhold", name)
	}
	return "sqlite:" + filepath.Join(dir, "ringhold.db")
}

// describe says what this process is, for a second one that wants its store.
func describe(name string, address net.Addr) string {
	host, err := os.Hostname()
	if err != nil {
		host = "this host, which has no name"
	}
	return fmt.Sprintf("ringhold %s, pid %d on %s, since %s, listening on %s", name, os.Getpid(), host, time.Now().Format(time.DateTime), address)
}

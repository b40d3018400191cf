package seeds

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/ringhold/ringhold/gateway"
)

// How many members are listened to, and how they are.
const (
	streams      = 2
	firstPause   = 50 * time.Millisecond // before an address that failed is tried again
	maxPause     = time.Second
	answerWithin = time.Second     // of opening a stream
	streamAge    = 5 * time.Second // after which it is opened anew, give or take a fifth
	refreshPause = 100 * time.Millisecond
)

// Config says where to begin.
type Config struct {
	// Addresses are where members serve gRPC, as host:port, or names that lead to
	// any of them. They need not all be alive.
	Addresses []string
	// Dial makes a connection to an address, which is closed here. It must not wait
	// for the server.
	Dial   func(address string) (gateway.Conn, error)
	Logger *slog.Logger
}

// Cluster follows the members of a group. It is safe for concurrent use.
type Cluster struct {
	cfg     Config
	refresh chan struct{} // of one
}

var (
	_ gateway.Cluster   = (*Cluster)(nil)
	_ gateway.Refresher = (*Cluster)(nil)
)

// New returns a cluster; it does nothing before Watch. An error says what is
// wrong with the configuration.
func New(cfg Config) (*Cluster, error) {
	var faults []error
	if len(cfg.Addresses) == 0 {
		faults = append(faults, errors.New("seeds: there is no address to begin at"))
	}
	for _, address := range cfg.Addresses {
		if address == "" {
			faults = append(faults, errors.New("seeds: an address is empty"))
		}
	}
	if cfg.Dial == nil {
		faults = append(faults, errors.New("seeds: nothing connects to members"))
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	return &Cluster{cfg: cfg, refresh: make(chan struct{}, 1)}, errors.Join(faults...)
}

// Refresh has the members asked again what they know.
func (c *Cluster) Refresh() {
	select {
	case c.refresh <- struct{}{}:
	default:
	}
}

// Watch follows the members until ctx ends; see [gateway.Cluster]. Calls of it
// know nothing of each other.
func (c *Cluster) Watch(ctx context.Context, learn func(gateway.View)) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	w := &watch{
		cfg: c.cfg, ctx: ctx, running: &running, learn: learn, heard: make(chan word),
		sources: map[string]*source{}, failures: map[string]*failure{},
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if next := w.fill(time.Now()); !next.IsZero() {
			timer.Reset(max(time.Until(next), time.Millisecond))
		}
		select {
		case <-ctx.Done():
			return
		case said := <-w.heard:
			w.take(said)
		case <-c.refresh:
			w.renew()
		case <-timer.C:
		}
	}
}

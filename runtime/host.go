package runtime

import (
	"context"
	"errors"
	"log/slog"
	goruntime "runtime"
	"sync"
	"sync/atomic"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

// ErrStopped is the error of a host that is stopped.
var ErrStopped = errors.New("the host is stopped")

// Host holds the actors of one member. It is safe for concurrent use.
type Host struct {
	cfg    Config
	log    *slog.Logger
	hosted map[message.StreamName]*hosted
	slots  []slot

	workers    *workers
	loader     *loader
	committers []*committer
	unloader   *unloader
	eraser     *eraser

	ctx      context.Context // ends when the host stops; for callbacks
	cancel   context.CancelFunc
	endless  context.Context    // for writes: what has begun is finished, what is decided while the host stops is committed
	giveUp   context.CancelFunc // ends endless
	before   sync.WaitGroup     // Before steps that run
	sweeper  sync.WaitGroup
	open     atomic.Int64  // bytes of the envelopes that are not answered
	stopping atomic.Bool   // set before the slots are given up: none is taken again
	stopped  chan struct{} // closed when all has ended
}

// hosted is a stream and how it is hosted.
type hosted struct {
	Stream
	core     *aggregate.Core
	blocking bool         // Config's
	live     atomic.Int64 // loaded actors
	bytes    atomic.Int64 // their estimated size
}

// loaded counts an actor that came into memory, or, with -1, left it.
func (h *hosted) loaded(n, bytes int64) {
	h.live.Add(n)
	h.bytes.Add(bytes)
}

// crowded reports whether more is in memory than a share of the limits, in
// hundredths.
func (h *hosted) crowded(share int64) bool {
	return h.MaxActors > 0 && h.live.Load() > h.MaxActors*share/100 ||
		h.MemoryLimit > 0 && h.bytes.Load() > h.MemoryLimit/100*share
}

// New starts a host. It owns no slot until Acquire.
func New(ctx context.Context, cfg Config) (*Host, error) {
	cfg.setDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	h := &Host{
		cfg: cfg, log: cfg.Logger.With("member", string(cfg.Member)),
		hosted: make(map[message.StreamName]*hosted, len(cfg.Streams)),
		slots:  make([]slot, cfg.Slots), stopped: make(chan struct{}),
	}
	for _, s := range cfg.Streams {
		h.hosted[s.Core.Stream] = &hosted{Stream: s, core: s.Core, blocking: cfg.Blocking}
	}
	for i := range h.slots {
		h.slots[i].actors = make(map[message.Stream]*actor)
		h.slots[i].quiet.L = &h.slots[i].mu
	}
	h.endless, h.giveUp = context.WithCancel(context.WithoutCancel(ctx))
	h.ctx, h.cancel = context.WithCancel(h.endless)
	h.workers = newWorkers(2*goruntime.GOMAXPROCS(0), h.step)
	for w := range cfg.Writers {
		c, err := newCommitter(ctx, h, store.WriterID(w))
		if err != nil {
			h.Stop()
			return nil, err
		}
		h.committers = append(h.committers, c)
	}
	h.loader = newLoader(h)
	h.unloader = newUnloader(h)
	h.eraser = newEraser(h)
	h.sweeper.Go(h.sweep)
	return h, nil
}

// Actors returns how many aggregates are in memory, and their estimated bytes.
func (h *Host) Actors() (n, bytes int64) {
	for _, one := range h.hosted {
		n += one.live.Load()
		bytes += one.bytes.Load()
	}
	return n, bytes
}

package dispatch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/ringhold/ringhold/message"
)

// DefaultTimeout is how long a dispatch waits that does not say.
const DefaultTimeout = 5 * time.Second

// Config says what a dispatcher knows.
type Config struct {
	Node     string    // the name of this node
	Local    *Router   // the services of this node; nil: it has none
	Registry *Registry // the other nodes; nil: there are none
	Place    Place     // nil: this node first, then as they joined

	// Timeout is how long a dispatch waits if neither its caller nor its
	// service says; 0: DefaultTimeout.
	Timeout time.Duration

	Observer Observer // may be nil
	Logger   *slog.Logger
	Now      func() time.Time
}

// Place returns the nodes that may run a message, the first to be tried first:
// for an aggregate the owner of its id, and nobody else. Candidates are those
// that have the service, this node first; the slice must be neither changed nor
// kept. Place may answer the message itself with Return; then nobody runs it.
// It must be quick, and safe for concurrent use.
type Place func(m *message.Message, info *ServiceInfo, candidates []Node) []Node

// Validate reports all faults of the configuration at once.
func (c *Config) Validate() error {
	var faults []error
	if c.Node == "" {
		faults = append(faults, errors.New("dispatch: the node has no name"))
	}
	if c.Local == nil && c.Registry == nil {
		faults = append(faults, errors.New("dispatch: there are neither services of this node nor other nodes"))
	}
	if c.Timeout < 0 {
		faults = append(faults, fmt.Errorf("dispatch: the timeout %v is negative", c.Timeout))
	}
	return errors.Join(faults...)
}

// Dispatcher sends messages to the nodes that have their services. It is safe
// for concurrent use.
type Dispatcher struct {
	cfg    Config
	runner *Runner // nil without services of this node
	// waiters holds what Dispatch waited with, alarms what calls expire by. They
	// are the dispatcher's own, since channels and timers made in one test's bubble
	// must not get into another's.
	waiters sync.Pool
	alarms  sync.Pool
}

// New returns a dispatcher. Its owner closes it.
func New(cfg Config) (*Dispatcher, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.Timeout = cmp.Or(cfg.Timeout, DefaultTimeout)
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	d := &Dispatcher{cfg: cfg, waiters: sync.Pool{New: newWaiter}}
	if cfg.Local != nil {
		d.runner = NewRunner(RunnerConfig{
			Node: cfg.Node, Router: cfg.Local, Registry: cfg.Registry,
			Observer: cfg.Observer, Logger: cfg.Logger, Now: cfg.Now,
		})
		d.runner.dispatcher = d
	}
	return d, nil
}

// Runner returns what runs the services of this node, for servers that take
// messages of other nodes in; nil if it has none.
func (d *Dispatcher) Runner() *Runner { return d.runner }

// Close closes the runner of this node.
func (d *Dispatcher) Close(ctx context.Context) error {
	if d.runner == nil {
		return nil
	}
	return d.runner.Close(ctx)
}

// Option changes one dispatch.
type Option struct{ timeout time.Duration }

// NoTimeout waits for as long as it takes, or until the context ends.
var NoTimeout = Option{timeout: -1}

// Within waits for an answer no longer than d.
func Within(d time.Duration) Option { return Option{timeout: max(d, 1)} }

// Dispatch has a message run and returns its answer, a message of its own with
// ids and response. The dispatcher owns m from here on. A message that is
// halted comes back as it is.
//
// When the time is over, or ctx ends, the answer is ServiceTimeout. The service
// runs on, and its late reply reaches nobody.
//
// It allocates four times for a service of this node: the call, the answer, and
// two for the context and the reply that the service is given.
func (d *Dispatcher) Dispatch(ctx context.Context, m *message.Message, options ...Option) *message.Message {
	if m.Halted {
		return m
	}
	w := d.waiters.Get().(*waiter)
	c := d.begin(ctx, m, w.deliver, options)
	c.start(false)
	answer := w.wait(ctx, c)
	d.waiters.Put(w)
	return answer
}

// Start is Dispatch for a caller that does not wait: reply is called exactly
// once, on any goroutine, maybe before Start returns. It must not block.
func (d *Dispatcher) Start(ctx context.Context, m *message.Message, reply func(*message.Message), options ...Option) {
	if m.Halted {
		reply(m)
		return
	}
	c := d.begin(ctx, m, reply, options)
	c.start(true)
}

// Validate asks what Dispatch would answer, and stores nothing: the message
// becomes a dry run, unless it is one.
func (d *Dispatcher) Validate(ctx context.Context, m *message.Message, options ...Option) *message.Message {
	if !m.Halted && m.DryRun == message.Real {
		m.DryRun = message.Dry
	}
	return d.Dispatch(ctx, m, options...)
}

// Services returns what can be dispatched to from here, sorted by name.
func (d *Dispatcher) Services(f Filter) []Announcement {
	var out []Announcement
	seen := map[message.ServiceName]bool{}
	if d.cfg.Local != nil {
		for _, s := range d.cfg.Local.Services(f) {
			out = append(out, s.Announcement())
			seen[s.Name] = true
		}
	}
	if d.cfg.Registry != nil {
		for _, a := range d.cfg.Registry.Services(f) {
			if !seen[a.Name] {
				out = append(out, a)
			}
		}
	}
	slices.SortFunc(out, byName)
	return out
}

// prepare makes a message ready to be sent.
func (d *Dispatcher) prepare(m *message.Message, now time.Time) {
	m.InvokedAt = now.Round(0).UTC() // without the monotonic clock: it travels
	m.FillIDs()
	if m.Origin == "" {
		m.Origin = d.cfg.Node
	}
}

func (d *Dispatcher) observe(step Step, node string, m *message.Message) {
	if d.cfg.Observer != nil {
		d.cfg.Observer.Observe(EventOf(step, node, m))
	}
}

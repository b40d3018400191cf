package dispatch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/ringhold/ringhold/message"
)

// RunnerConfig says what a runner runs.
type RunnerConfig struct {
	Node     string    // the node's name
	Router   *Router   // the services of the node
	Registry *Registry // finds the nodes that services choose; may be nil
	Observer Observer  // may be nil
	Logger   *slog.Logger
	Now      func() time.Time
}

// Runner runs the services of a router: the [Node] that is this process. It is
// what a server hands the messages of other nodes to, too.
type Runner struct {
	cfg    RunnerConfig
	life   context.Context
	end    context.CancelFunc
	closed atomic.Bool
	calls  calls

	dispatcher *Dispatcher // whose runner it is; nil: nobody's
}

var (
	errNoSuchService = errors.New("the node does not have the service")
	errStopping      = errors.New("the node is stopping")
)

// NewRunner returns a runner. Its owner closes it.
func NewRunner(cfg RunnerConfig) *Runner {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	r := &Runner{cfg: cfg}
	r.life, r.end = context.WithCancel(context.Background())
	return r
}

// ID returns the node's name.
func (r *Runner) ID() string { return r.cfg.Node }

// Close refuses new messages, waits for the functions that run until ctx ends,
// and then ends their contexts. The error says how many were left running.
func (r *Runner) Close(ctx context.Context) error {
	r.closed.Store(true)
	r.calls.close()
	err := r.calls.wait(ctx)
	r.end()
	return err
}

// Dispatch runs the message's service, if the caller may; see [Node]. The
// service runs on when ctx ends.
func (r *Runner) Dispatch(ctx context.Context, m *message.Message, reply func(message.Response)) {
	deadline, _ := ctx.Deadline()
	if ctx.Err() != nil {
		reply(message.ServiceTimeout{Service: m.Service, MessageID: m.ID})
		return
	}
	r.dispatch(ctx, deadline, m, &execution{caller: reply})
}

// dispatch runs a message in an execution that knows whom to answer and nothing
// else yet.
func (r *Runner) dispatch(ctx context.Context, deadline time.Time, m *message.Message, e *execution) {
	if r.closed.Load() {
		e.reply(message.ServiceUnavailable{Service: m.Service, Reason: errStopping.Error()})
		return
	}
	s := r.cfg.Router.Lookup(m.Service)
	if s == nil {
		e.reply(message.ServiceUnavailable{Service: m.Service, NoSuchService: true})
		return
	}
	r.observe(StepReceived, s, m)
	if s.ChooseNode != nil && !Forwarded(ctx) {
		if r.sentOn(ctx, deadline, s, m, e.reply) {
			return
		}
	}
	if why := s.Check(m, r.cfg.Logger); why != nil {
		e.reply(why)
		return
	}
	r.execute(ctx, deadline, s, m, e)
}

// sentOn lets the service choose its node; false: it is this one.
func (r *Runner) sentOn(ctx context.Context, deadline time.Time, s *Service, m *message.Message, reply func(message.Response)) bool {
	id, failed := r.choose(s, m)
	switch {
	case failed != nil:
		reply(failed)
		return true
	case id == "" || id == r.cfg.Node:
		return false
	}
	var node Node
	if r.cfg.Registry != nil {
		node = r.cfg.Registry.Node(id)
	}
	if node == nil {
		reply(message.TryAnotherNode{Reason: fmt.Sprintf("the service chose node %q, which is not known here", id)})
		return true
	}
	onward, release := AsForwarded(ctx), context.CancelFunc(nil)
	if deadline.IsZero() {
		onward, release = context.WithCancel(onward)
	} else {
		onward, release = context.WithDeadline(onward, deadline)
	}
	node.Dispatch(onward, m, func(answer message.Response) {
		release()
		reply(answer)
	})
	return true
}

func (r *Runner) choose(s *Service, m *message.Message) (id string, failed message.Response) {
	defer func() {
		if v := recover(); v != nil {
			failed = crashed(r.cfg.Logger, m, "choose node", v)
		}
	}()
	return s.ChooseNode(m), nil
}

func (r *Runner) execute(caller context.Context, deadline time.Time, s *Service, m *message.Message, e *execution) {
	r.observe(StepExecuting, s, m)
	e.runner, e.service, e.message = r, s, m
	e.ctx = serviceContext{
		Context: context.WithoutCancel(caller), life: r.life,
		deadline: deadline, shown: s.Run != nil, of: identityOf(m),
		dispatcher: r.dispatcher, caller: m.Caller,
	}
	if r.cfg.Observer != nil {
		e.started = r.cfg.Now()
	}
	if s.Run != nil {
		e.run()
		return
	}
	if !r.calls.add() {
		e.reply(message.ServiceUnavailable{Service: m.Service, Reason: errStopping.Error()})
		return
	}
	go func() {
		defer r.calls.done()
		e.call()
	}()
}

// Authorized asks whether the message would be allowed to run; see [Node].
func (r *Runner) Authorized(ctx context.Context, m *message.Message) (bool, message.Response, error) {
	s := r.cfg.Router.Lookup(m.Service)
	switch {
	case r.closed.Load():
		return false, nil, errStopping
	case s == nil:
		return false, nil, errNoSuchService
	}
	answer := make(chan message.Response, 1)
	if !r.calls.add() {
		return false, nil, errStopping
	}
	go func() {
		defer r.calls.done()
		answer <- s.Check(m, r.cfg.Logger)
	}()
	select {
	case why := <-answer:
		return why == nil, why, nil
	case <-ctx.Done():
		return false, nil, fmt.Errorf("authorize %q: %w", m.Service, ctx.Err())
	}
}

func (r *Runner) observe(step Step, s *Service, m *message.Message) {
	if r.cfg.Observer == nil {
		return
	}
	e := EventOf(step, r.cfg.Node, m)
	e.Visibility = s.Visibility
	r.cfg.Observer.Observe(e)
}

// execution is one run of a service. Whoever asks for it owns it, and leaves it
// alone then: what was given to the service points into it.
type execution struct {
	attempt *attempt               // whom to answer: an attempt of this node's dispatcher,
	caller  func(message.Response) // or another caller

	ctx     serviceContext
	runner  *Runner
	service *Service
	message *message.Message
	started time.Time // if anybody observes
	replied atomic.Bool
}

// reply hands an answer on.
func (e *execution) reply(r message.Response) {
	if e.attempt != nil {
		e.attempt.answered(r)
		return
	}
	e.caller(r)
}

func (e *execution) run() {
	defer e.recover()
	e.service.Run(&e.ctx, e.message, e.answer)
}

func (e *execution) call() {
	defer e.recover()
	if r := e.service.Call(&e.ctx, e.message); r != nil {
		e.answer(r)
		return
	}
	e.finished(OutcomeNoReply)
}

// recover answers a panic of the service.
func (e *execution) recover() {
	if v := recover(); v != nil {
		e.answer(crashed(e.runner.cfg.Logger, e.message, "run", v))
	}
}

// answer replies once; a later answer is dropped.
func (e *execution) answer(r message.Response) {
	if !e.replied.CompareAndSwap(false, true) {
		return
	}
	if r == nil {
		r = message.Crashed{Reason: "the service replied without a response"}
	}
	e.finished(r.Outcome())
	e.reply(r)
}

func (e *execution) finished(outcome string) {
	r := e.runner
	if r.cfg.Observer == nil {
		return
	}
	event := EventOf(StepFinished, r.cfg.Node, e.message)
	event.Visibility, event.Outcome = e.service.Visibility, outcome
	event.Duration = r.cfg.Now().Sub(e.started)
	r.cfg.Observer.Observe(event)
}

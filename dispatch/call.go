package dispatch

import (
	"cmp"
	"context"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ringhold/ringhold/message"
)

// call is one dispatch. Its nodes are tried one after the other: what belongs
// to that is owned by the attempt that has not replied yet. The deadline, the
// caller's context and the attempt compete to settle it, once.
type call struct {
	d        *Dispatcher
	ctx      context.Context // the caller's
	service  message.ServiceName
	id       message.ID
	trace    string
	started  time.Time
	deadline time.Time     // zero: none
	timeout  time.Duration // negative: none

	// Owned by the attempt.
	message  *message.Message
	pristine *message.Message // for a further attempt; nil if there is only one
	nodes    providers
	refusals []message.Refusal
	declined int // how many of them were TryAnotherNode
	missing  int // how many of them did not have the service
	first    attempt
	local    execution // of the first attempt, if it is at this node

	mu       sync.Mutex
	settled  bool
	alarm    *alarm             // nil: it never expires by itself
	unfollow func() bool        // stops following ctx
	nodeCtx  context.Context    // of attempts at other nodes
	release  context.CancelFunc // ends nodeCtx

	// Owned by who settles.
	answer *message.Message
	reply  func(*message.Message)
}

// begin prepares the message and finds out how long to wait. Nothing runs yet.
func (d *Dispatcher) begin(ctx context.Context, m *message.Message, reply func(*message.Message), options []Option) *call {
	now := d.cfg.Now()
	d.prepare(m, now)
	c := &call{
		d: d, ctx: ctx, service: m.Service, id: m.ID, trace: m.Traceparent, started: now,
		message: m, answer: m.Reply(), reply: reply,
	}
	c.answer.Response = nil
	for _, o := range options {
		c.timeout = o.timeout
	}
	return c
}

// start finds the nodes and tries the first. With follow the call expires when
// the caller's context ends; otherwise the caller sees to that.
func (c *call) start(follow bool) {
	d, m := c.d, c.message
	d.observe(StepDiscovering, d.cfg.Node, m)
	nodes, found := d.find(m.Service)
	if !found {
		d.observe(StepNotFound, d.cfg.Node, m)
		answer := c.finish()
		answer.Response = message.ServiceUnavailable{Service: m.Service, NoSuchService: true}
		c.reply(answer)
		return
	}
	d.observe(StepFound, d.cfg.Node, m)
	c.nodes = nodes
	c.arm(follow)
	if c.ctx.Err() != nil {
		c.expire()
		return
	}
	if d.place(m, &c.nodes); m.Halted {
		c.settle(m.Response, "", m)
		return
	}
	if c.nodes.more() {
		c.pristine = new(message.Message)
		*c.pristine = *m
	}
	c.try()
}

// arm starts the clock: the caller's timeout, else the service's, else the
// dispatcher's, and never beyond the deadline of the caller's context.
func (c *call) arm(follow bool) {
	if c.timeout == 0 {
		c.timeout = c.nodes.info.Timeout
	}
	if c.timeout == 0 {
		c.timeout = c.d.cfg.Timeout
	}
	if at, ok := c.ctx.Deadline(); ok {
		if left := max(at.Sub(c.started), 1); c.timeout < 0 || left < c.timeout {
			c.timeout = left
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timeout >= 0 {
		c.deadline = c.started.Add(c.timeout)
		c.alarm = c.d.setAlarm(c)
	}
	if follow && c.ctx.Done() != nil {
		c.unfollow = context.AfterFunc(c.ctx, c.expire)
	}
}

// try asks the next node.
func (c *call) try() {
	node := c.nodes.take()
	if node == nil {
		c.settle(c.noneLeft(), "", nil)
		return
	}
	m, a := c.message, &c.first
	if len(c.refusals) > 0 {
		a = new(attempt) // the first node may still hold its own, and its message
		m = new(message.Message)
		*m = *c.pristine
		c.message = m
	}
	a.call, a.node, a.message = c, node.ID(), m
	c.d.observe(StepInvoking, a.node, m)
	c.invoke(node, a)
}

func (c *call) invoke(node Node, a *attempt) {
	defer func() {
		if v := recover(); v != nil {
			a.answered(crashed(c.d.cfg.Logger, a.message, "ask node "+a.node, v))
		}
	}()
	if runner, local := node.(*Runner); local && runner == c.d.runner {
		e := &c.local
		if a != &c.first { // the first one may still be running
			e = new(execution)
		}
		e.attempt = a
		runner.dispatch(c.ctx, c.deadline, a.message, e)
		return
	}
	if ctx := c.nodeContext(); ctx != nil {
		node.Dispatch(ctx, a.message, a.answered)
	}
}

// nodeContext returns the context of attempts at other nodes; nil if the call
// was settled meanwhile.
func (c *call) nodeContext() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.settled {
		return nil
	}
	if c.nodeCtx == nil {
		ctx, release := context.WithCancel(context.WithoutCancel(c.ctx))
		c.nodeCtx, c.release = &nodeContext{ctx, c.deadline}, release
	}
	return c.nodeCtx
}

// attempt is one node that was asked.
type attempt struct {
	call    *call
	node    string
	message *message.Message
	replied atomic.Bool
}

// answered takes the node's reply; a second one is dropped.
func (a *attempt) answered(r message.Response) {
	if !a.replied.CompareAndSwap(false, true) {
		return
	}
	if r == nil {
		r = message.Crashed{Reason: "the node replied without a response"}
	}
	c := a.call
	switch {
	case !c.passedOver(a, r):
		c.settle(r, a.node, a.message)
	case c.late():
		c.expire()
	default:
		c.try()
	}
}

// passedOver notes why a node did not run the message; false: it did.
func (c *call) passedOver(a *attempt, r message.Response) bool {
	var reason string
	if try, ok := r.(message.TryAnotherNode); ok {
		reason = try.Reason
		c.declined++
	} else if none, ok := r.(message.ServiceUnavailable); ok && none.Service == c.service {
		reason = none.Reason
		if none.NoSuchService {
			reason = cmp.Or(reason, errNoSuchService.Error())
			c.missing++
		}
	} else {
		return false
	}
	c.refusals = append(c.refusals, message.Refusal{Node: a.node, Reason: reason})
	c.d.cfg.Logger.LogAttrs(context.Background(), slog.LevelDebug, "node passed over",
		append(LogAttrs(a.message), slog.String("node", a.node), slog.String("reason", reason))...)
	return true
}

// noneLeft is the answer when all nodes were passed over.
func (c *call) noneLeft() message.Response {
	if c.declined > 0 {
		return message.NoNodesAvailable{Service: c.service, Refusals: c.refusals}
	}
	none := message.ServiceUnavailable{Service: c.service, Reason: "no node that could run it is known now"}
	switch len(c.refusals) {
	case 0:
		return none
	case 1:
		none.Reason = c.refusals[0].Reason
	default:
		reasons := make([]string, len(c.refusals))
		for i, r := range c.refusals {
			reasons[i] = r.Node + ": " + r.Reason
		}
		none.Reason = strings.Join(reasons, "; ")
	}
	none.NoSuchService = c.missing == len(c.refusals)
	return none
}

// late reports whether nothing must be started any more.
func (c *call) late() bool {
	return c.isSettled() || !c.deadline.IsZero() && !c.d.cfg.Now().Before(c.deadline)
}

// expire answers that the time is over, unless the call is settled.
func (c *call) expire() {
	waited := c.d.cfg.Now().Sub(c.started)
	if c.timeout >= 0 {
		waited = min(c.timeout, waited)
	}
	c.settle(message.ServiceTimeout{Service: c.service, MessageID: c.id, Timeout: waited}, "", nil)
}

func (c *call) isSettled() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.settled
}

// settle answers the caller, once; later answers are dropped. ran is the
// message as the node leaves it, nil if it is not known.
func (c *call) settle(r message.Response, node string, ran *message.Message) {
	answer := c.finish()
	if answer == nil {
		return
	}
	answer.Response = r
	if ran != nil {
		answer.Aggregate, answer.Valid = ran.Aggregate, ran.Valid
	}
	if d := c.d; d.cfg.Observer != nil {
		e := EventOf(StepResponded, node, answer)
		e.Traceparent, e.Outcome, e.Duration = c.trace, r.Outcome(), d.cfg.Now().Sub(c.started)
		d.cfg.Observer.Observe(e)
	}
	c.reply(answer)
}

// finish ends the call and gives its answer out, for the first who asks; nil
// for others.
func (c *call) finish() *message.Message {
	c.mu.Lock()
	if c.settled {
		c.mu.Unlock()
		return nil
	}
	c.settled = true
	c.mu.Unlock()
	// From here on nobody changes these.
	if c.alarm != nil {
		c.d.stopAlarm(c.alarm)
	}
	if c.unfollow != nil {
		c.unfollow()
	}
	if c.release != nil {
		c.release()
	}
	answer := c.answer
	c.answer = nil // a service that never replies keeps the call, but not this
	return answer
}

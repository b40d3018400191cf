package dispatch

import (
	"context"
	"log/slog"
	"time"

	"github.com/ringhold/ringhold/message"
)

// Authorized tells whether a message would be allowed to run; why is the answer
// if not. Nothing runs, and m stays the caller's.
//
// Each node that is asked has the time of the option (otherwise the
// dispatcher's timeout) to answer; one that fails is passed over for the next.
// If nobody answers, why is ServiceUnavailable, or ServiceTimeout if ctx ended.
func (d *Dispatcher) Authorized(ctx context.Context, m *message.Message, options ...Option) (allowed bool, why message.Response) {
	if m.Halted {
		return false, m.Response
	}
	asked := *m // Place may prepare it, and nodes may look at it after they were given up
	started := d.cfg.Now()
	d.prepare(&asked, started)
	allowed, why = d.authorized(ctx, &asked, d.askFor(options))
	if d.cfg.Observer != nil {
		e := EventOf(StepAuthorized, d.cfg.Node, &asked)
		e.Outcome, e.Duration = OutcomeAllowed, d.cfg.Now().Sub(started)
		if !allowed {
			e.Outcome = why.Outcome()
		}
		d.cfg.Observer.Observe(e)
	}
	return allowed, why
}

// askFor is how long one node may take; negative: for ever.
func (d *Dispatcher) askFor(options []Option) time.Duration {
	timeout := d.cfg.Timeout
	for _, o := range options {
		timeout = o.timeout
	}
	return timeout
}

func (d *Dispatcher) authorized(ctx context.Context, m *message.Message, timeout time.Duration) (bool, message.Response) {
	nodes, found := d.find(m.Service)
	if !found {
		return false, message.ServiceUnavailable{Service: m.Service, NoSuchService: true}
	}
	if d.place(m, &nodes); m.Halted {
		return false, m.Response
	}
	var last error
	for node := nodes.take(); node != nil; node = nodes.take() {
		allowed, why, err := ask(ctx, node, m, timeout)
		switch {
		case err != nil:
		case allowed:
			return true, nil
		case why == nil:
			return false, message.Forbidden{}
		default:
			return false, why
		}
		if ctx.Err() != nil {
			return false, message.ServiceTimeout{Service: m.Service, MessageID: m.ID}
		}
		last = err
		d.cfg.Logger.LogAttrs(ctx, slog.LevelDebug, "node passed over",
			append(LogAttrs(m), slog.String("node", node.ID()), slog.Any("reason", err))...)
	}
	none := message.ServiceUnavailable{Service: m.Service, Reason: "no node that could run it is known now"}
	if last != nil {
		none.Reason = last.Error()
	}
	return false, none
}

func ask(ctx context.Context, node Node, m *message.Message, timeout time.Duration) (bool, message.Response, error) {
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	return node.Authorized(ctx, m)
}

package runtime

import (
	"time"

	"github.com/ringhold/ringhold/message"
)

// reply says what an answer that stores nothing is, and what it rests on.
type reply struct {
	response message.Response
	version  message.Version // of the aggregate, where versioned
	// versioned: the message gets the version.
	versioned bool
	// memory: nothing but this member's memory says so.
	memory bool
	// handled: a command was decided.
	handled bool
}

// answer answers what stores nothing: at once if everything that was decided before
// is durable, else behind that, since the answer may rest on it, and must not
// overtake other answers.
func (h *Host) answer(a *actor, e *envelope, r reply) {
	c := &e.commit
	*c = commit{
		actor: a, envelope: e, stream: a.stream, slot: a.slot, after: message.NoVersion, weight: c.weight,
		response: r.response, memory: r.memory, handled: r.handled, deadline: e.deadline,
	}
	if r.versioned {
		c.after = r.version
	}
	if h.quiet(a) {
		h.committer(a.slot).leave(e)
		h.release(c)
		return
	}
	h.submit(a, c)
}

// release gives an answer out. Whether this member may still answer from memory is
// asked here, behind everything that was read for it.
func (h *Host) release(c *commit) {
	e, r := c.envelope, c.response
	if c.memory && h.cfg.MayAnswer != nil && !h.cfg.MayAnswer() {
		r = message.ServiceUnavailable{Service: e.message.Service, Reason: "this member may have been replaced, and does not answer from memory now"}
	}
	switch {
	case c.handled:
		h.respond(e, r, time.Now())
	case c.after != message.NoVersion:
		e.answerAt(r, c.after)
	default:
		e.answer(r)
	}
}

// respond answers a command that stored nothing.
func (h *Host) respond(e *envelope, r message.Response, now time.Time) {
	h.cfg.Observer.CommandHandled(e.message, r, now.Sub(e.arrived))
	e.answer(r)
}

// respondStored answers a command whose events are stored.
func (h *Host) respondStored(e *envelope, c *commit, now time.Time) {
	h.cfg.Observer.CommandHandled(e.message, c.response, now.Sub(e.arrived))
	e.answerAt(c.response, c.after)
}

// submit hands a commit, or an answer that has to wait, to the committer.
func (h *Host) submit(a *actor, c *commit) {
	h.fly(a, c)
	h.committer(a.slot).submit(c)
}

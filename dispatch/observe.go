package dispatch

import (
	"time"

	"github.com/ringhold/ringhold/message"
)

// Step is one step of a message, or of a node.
type Step int8

// The steps. Those from StepReceived to StepFinished are taken at the node that
// runs the message, the others before them at the dispatcher.
const (
	StepDiscovering Step = iota + 1 // a message was dispatched
	StepNotFound                    // nobody has its service
	StepFound                       // somebody has
	StepInvoking                    // Node is asked to run it; again for each node that is tried
	StepReceived                    // it arrived at the node that has the service
	StepExecuting                   // it was allowed and runs
	StepFinished                    // the service is done; Duration is the time in it
	StepResponded                   // the caller has its answer; Duration is the time waited
	StepAuthorized                  // Authorized was asked; the only step of that

	StepJoined // Node joined the registry
	StepLeft   // Node left it

	StepActorSpawned   // an aggregate was loaded or begun
	StepCommandHandled // an actor has decided a command and answered it
	StepCommitTimeout  // the store did not confirm in time
)

var stepNames = [...]string{
	StepDiscovering: "discovering", StepNotFound: "not_found", StepFound: "found", StepInvoking: "invoking",
	StepReceived: "received", StepExecuting: "executing", StepFinished: "finished", StepResponded: "responded",
	StepAuthorized: "authorized", StepJoined: "joined", StepLeft: "left",
	StepActorSpawned: "actor_spawned", StepCommandHandled: "command_handled", StepCommitTimeout: "commit_timeout",
}

func (s Step) String() string {
	if s < 1 || int(s) >= len(stepNames) {
		return "invalid"
	}
	return stepNames[s]
}

// Outcomes of events that are not the outcome of a response.
const (
	OutcomeAllowed = "allowed"  // of StepAuthorized
	OutcomeNoReply = "no_reply" // of StepFinished: the service returned no answer
)

// Event is one observation. Fields that a step has nothing to say about are
// zero.
type Event struct {
	Step       Step
	Node       string // where it happened; of StepInvoking and StepResponded: who is asked, who answered
	Service    message.ServiceName
	Visibility Visibility // from StepReceived on, at the node that runs the message
	Origin     string     // the node that the message entered at
	DryRun     message.DryRun
	Outcome    string // of a response; see message.Response
	Duration   time.Duration
	Stream     message.StreamName // of the steps of actors

	MessageID     message.ID
	CorrelationID message.ID
	CausationID   message.ID
	Traceparent   string
}

// Observer is told of every step. It is called by many goroutines at once, in
// the path of the message: it must be quick and must not block. A nil Observer
// costs nothing.
type Observer interface {
	// Observe is told of one step.
	Observe(Event)
}

// ObserverFunc is an Observer made of a function.
type ObserverFunc func(Event)

// Observe calls f.
func (f ObserverFunc) Observe(e Event) { f(e) }

// Observers tells several observers, in their order; nil ones are left out.
func Observers(all ...Observer) Observer {
	var some observers
	for _, o := range all {
		if o != nil {
			some = append(some, o)
		}
	}
	switch len(some) {
	case 0:
		return nil
	case 1:
		return some[0]
	}
	return some
}

type observers []Observer

func (o observers) Observe(e Event) {
	for _, one := range o {
		one.Observe(e)
	}
}

// EventOf returns an event with what a message says of itself.
func EventOf(step Step, node string, m *message.Message) Event {
	return Event{
		Step: step, Node: node, Service: m.Service, Origin: m.Origin, DryRun: m.DryRun,
		Stream: m.Aggregate.Stream, MessageID: m.ID, CorrelationID: m.CorrelationID, CausationID: m.CausationID,
		Traceparent: m.Traceparent,
	}
}

package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/ringhold/ringhold/message"
)

// Visibility says from where a service can be called.
type Visibility int8

// The kinds of visibility.
const (
	Public  Visibility = iota // announced to every node, gateways too
	Private                   // only for nodes of the same group
)

func (v Visibility) String() string {
	switch v {
	case Public:
		return "public"
	case Private:
		return "private"
	}
	return "invalid"
}

// Access says who may call a service from outside.
type Access int8

// The kinds of access.
const (
	AccessDenied        Access = iota // nobody
	AccessPublic                      // everybody
	AccessAuthenticated               // who has proved who they are
	AccessRule                        // whom Service.Rule allows
)

func (a Access) String() string {
	switch a {
	case AccessDenied:
		return "denied"
	case AccessPublic:
		return "public"
	case AccessAuthenticated:
		return "authenticated"
	case AccessRule:
		return "rule"
	}
	return "invalid"
}

// Service is what a message can be dispatched to. It does not change once it is
// registered, and its functions are called by many goroutines at once.
//
// Exactly one of Run and Call is set.
type Service struct {
	Name       message.ServiceName
	Doc        string // for people; may be empty
	Visibility Visibility
	Access     Access
	// Rule decides with AccessRule. It must not change the message.
	Rule func(*message.Message) (bool, error)
	// Authorize is the service's own check: nil allows, anything else is the
	// answer. It runs in the dispatching goroutine, so it must be quick, and it
	// must not change the message. A nil function allows.
	Authorize func(*message.Message) message.Response
	// ChooseNode may name the node that shall run the message; "" is this one.
	// The node that was chosen does not choose again.
	ChooseNode func(*message.Message) string

	// Run starts the service and must not block: it may return before it
	// replies. It calls reply at most once, from any goroutine, and does not
	// touch the message afterwards; reply never blocks for long. If it never
	// does, the caller times out. The context's Deadline is when the caller
	// stops waiting, and what has not begun by then should not; but the context
	// does not end there, it ends with the node.
	Run func(ctx context.Context, m *message.Message, reply func(message.Response))
	// Call runs the service in a goroutine of its own. What it returns is the
	// answer; nil is none, and then the caller times out. The context ends with
	// the node only, and has no Deadline of its own; see [Deadline].
	Call func(ctx context.Context, m *message.Message) message.Response

	Info ServiceInfo
	// Source says what stands behind the service, for errors: "command open of
	// accounts", "function main.greet".
	Source string
}

// ServiceInfo is what callers may want to know of a service.
type ServiceInfo struct {
	Stream        message.StreamName // "": a service without an aggregate
	On            string             // New, Existing or MaybeNew; "" without a stream
	IDField       string             // the request's field with the aggregate's id
	GenerateID    bool               // a missing id is made up
	RequestSchema json.RawMessage    // JSON Schema; nil: not known
	// Timeout is how long a dispatch waits that does not say; 0 leaves it to
	// the dispatcher.
	Timeout time.Duration
}

// Announcement is what a node tells others of a service.
type Announcement struct {
	Name       message.ServiceName
	Doc        string
	Visibility Visibility
	Access     Access
	Info       ServiceInfo
}

// Announcement returns what others are told of the service.
func (s *Service) Announcement() Announcement {
	return Announcement{Name: s.Name, Doc: s.Doc, Visibility: s.Visibility, Access: s.Access, Info: s.Info}
}

// Validate reports all faults of the service at once.
func (s *Service) Validate() error {
	var faults []error
	fault := func(ok bool, text string) {
		if !ok {
			faults = append(faults, fmt.Errorf("service %q: %s", s.Name, text))
		}
	}
	if err := s.Name.Validate(); err != nil {
		faults = append(faults, err)
	}
	fault((s.Run == nil) != (s.Call == nil), "exactly one of Run and Call has to be set")
	fault(s.Access != AccessRule || s.Rule != nil, "access by rule needs a rule")
	fault(s.Info.Timeout >= 0, "the timeout is negative")
	return errors.Join(faults...)
}

// source names what stands behind the service.
func (s *Service) source() string {
	if s.Source != "" {
		return s.Source
	}
	if s.Info.Stream != "" {
		return fmt.Sprintf("%s on stream %s", s.Info.On, s.Info.Stream)
	}
	return "a service without a source"
}

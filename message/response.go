package message

import "time"

// Response is what a message is answered with: exactly one of the types of this
// file. A switch over it is checked for completeness by the linter.
//
//sumtype:decl
type Response interface {
	response()
	// Outcome is a short, bounded name of the kind, for logs and metrics.
	Outcome() string
}

type (
	// OK says that the command was accepted. Version is the aggregate's after
	// it; HasVersion is false where no aggregate answered.
	OK struct {
		Value      Value
		Version    Version
		HasVersion bool
		// Events are those that would have been stored; only in a verbose dry run.
		Events []Event
	}

	// Created says that the command made a new aggregate.
	Created struct {
		ID         AggregateID
		Version    Version
		HasVersion bool
		Value      Value
	}

	// ServiceUnavailable says that nobody can run the service: nobody has it
	// (NoSuchService), or its owner cannot be reached now.
	ServiceUnavailable struct {
		Service       ServiceName
		NoSuchService bool
		Reason        string
	}

	// ServiceTimeout says that no answer came in time. The service may run on;
	// a retry with the same message id gets its outcome.
	ServiceTimeout struct {
		Service   ServiceName
		MessageID ID
		Timeout   time.Duration
	}

	// OutcomeUnknown says that the store did not confirm the command within its
	// commit timeout. A retry with the same message id tells what became of it.
	OutcomeUnknown struct {
		Service   ServiceName
		MessageID ID
		Timeout   time.Duration
	}

	// ValidationError lists all faults of a request.
	ValidationError struct {
		Violations Violations
		Request    any // as far as it could be read; not sent over the wire
	}

	// InvalidRequest refuses what is not a request at all: broken JSON, an
	// object expected, an invalid message id.
	InvalidRequest struct{ Reason string }

	// MissingID says that the request has no aggregate id in the field.
	MissingID struct{ Field string }

	// NotFound says that the aggregate does not exist.
	NotFound struct {
		Stream StreamName
		ID     AggregateID
	}

	// WrongExpectedVersion says that the aggregate is not at the version that
	// the caller expected, or exists although a new one was asked for.
	WrongExpectedVersion struct {
		Expected Version // NoVersion: that it does not exist
		Current  Version
	}

	// Unauthorized says that the caller is not authenticated.
	Unauthorized struct{ Reason string }

	// Forbidden says that the caller may not use the service.
	Forbidden struct{ Reason string }

	// DomainError is a refusal by the aggregate or the service. Code is part of
	// its contract.
	DomainError struct {
		Code   string
		Detail Value
	}

	// MessageIDReused says that the message id was used for another request.
	MessageIDReused struct{ MessageID ID }

	// MailboxFull says that too much waits for the aggregate or the member.
	MailboxFull struct {
		Stream StreamName
		ID     AggregateID
		Limit  int
	}

	// TooLarge says that a request or response is over a size limit, in bytes.
	TooLarge struct {
		What  string
		Size  int
		Limit int
	}

	// StreamErased says that the aggregate was erased: its id is refused for ever.
	StreamErased struct {
		Stream StreamName
		ID     AggregateID
	}

	// Quarantined says that the aggregate's stored events cannot be applied by
	// this binary; Reason names the event. The other aggregates go on.
	Quarantined struct {
		Stream StreamName
		ID     AggregateID
		Reason string
	}

	// Crashed says that the handler panicked. Nothing was stored. The stack is
	// in the log of the member.
	Crashed struct{ Reason string }

	// NoNodesAvailable says that every node that has the service refused it.
	NoNodesAvailable struct {
		Service  ServiceName
		Refusals []Refusal
	}

	// TryAnotherNode is how a service says that another node has to run the
	// message. It never reaches a caller.
	TryAnotherNode struct{ Reason string }

	// NotOwner says that the member does not own the aggregate's slot, and did
	// not begin to run the message. It goes between members and gateways, and
	// never reaches a caller. (Slots, members and rings are of package ring,
	// which builds on this one.)
	NotOwner struct {
		Slot        uint32
		Owner       string // the id of the member that should own it; empty: nobody is known
		Address     string // where that member serves gRPC; empty: not known
		RingVersion uint64 // of the ring that says so
	}

	// OutOfOrder says that the message names a predecessor that the member has
	// neither run nor has ahead of it, so it did not begin to run the message. It
	// goes between members and gateways, and never reaches a caller.
	OutOfOrder struct{ Reason string }
)

// Refusal is one node's reason for not running a message.
type Refusal struct {
	Node   string `json:"node"`
	Reason string `json:"reason"`
}

// Event is an event as a verbose dry run answers it.
type Event struct {
	Type  string `json:"type"`
	Value Value  `json:"-"`
}

func (OK) response()                   {}
func (Created) response()              {}
func (ServiceUnavailable) response()   {}
func (ServiceTimeout) response()       {}
func (OutcomeUnknown) response()       {}
func (ValidationError) response()      {}
func (InvalidRequest) response()       {}
func (MissingID) response()            {}
func (NotFound) response()             {}
func (WrongExpectedVersion) response() {}
func (Unauthorized) response()         {}
func (Forbidden) response()            {}
func (DomainError) response()          {}
func (MessageIDReused) response()      {}
func (MailboxFull) response()          {}
func (TooLarge) response()             {}
func (StreamErased) response()         {}
func (Quarantined) response()          {}
func (Crashed) response()              {}
func (NoNodesAvailable) response()     {}
func (TryAnotherNode) response()       {}
func (NotOwner) response()             {}
func (OutOfOrder) response()           {}

// Outcome returns "ok".
func (OK) Outcome() string { return "ok" }

// Outcome returns "created".
func (Created) Outcome() string { return "created" }

// Outcome tells a missing service from one without an owner.
func (r ServiceUnavailable) Outcome() string {
	if r.NoSuchService {
		return "no_such_service"
	}
	return "service_unavailable"
}

// Outcome returns "service_timeout".
func (ServiceTimeout) Outcome() string { return "service_timeout" }

// Outcome returns "outcome_unknown".
func (OutcomeUnknown) Outcome() string { return "outcome_unknown" }

// Outcome returns "validation_error".
func (ValidationError) Outcome() string { return "validation_error" }

// Outcome returns "invalid_request".
func (InvalidRequest) Outcome() string { return "invalid_request" }

// Outcome returns "missing_id".
func (MissingID) Outcome() string { return "missing_id" }

// Outcome returns "not_found".
func (NotFound) Outcome() string { return "not_found" }

// Outcome returns "wrong_expected_version".
func (WrongExpectedVersion) Outcome() string { return "wrong_expected_version" }

// Outcome returns "unauthorized".
func (Unauthorized) Outcome() string { return "unauthorized" }

// Outcome returns "forbidden".
func (Forbidden) Outcome() string { return "forbidden" }

// Outcome returns "error"; the code is the service's own and unbounded.
func (DomainError) Outcome() string { return "error" }

// Outcome returns "message_id_reused".
func (MessageIDReused) Outcome() string { return "message_id_reused" }

// Outcome returns "mailbox_full".
func (MailboxFull) Outcome() string { return "mailbox_full" }

// Outcome returns "too_large".
func (TooLarge) Outcome() string { return "too_large" }

// Outcome returns "stream_erased".
func (StreamErased) Outcome() string { return "stream_erased" }

// Outcome returns "quarantined".
func (Quarantined) Outcome() string { return "quarantined" }

// Outcome returns "crashed".
func (Crashed) Outcome() string { return "crashed" }

// Outcome returns "no_nodes_available".
func (NoNodesAvailable) Outcome() string { return "no_nodes_available" }

// Outcome returns "try_another_node".
func (TryAnotherNode) Outcome() string { return "try_another_node" }

// Outcome returns "not_owner".
func (NotOwner) Outcome() string { return "not_owner" }

// Outcome returns "out_of_order".
func (OutOfOrder) Outcome() string { return "out_of_order" }

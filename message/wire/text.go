package wire

import (
	"fmt"

	"github.com/ringhold/ringhold/message"
)

// text is what a status says to a developer. Programs decide on the refusal.
func text(r message.Response) string {
	switch r := r.(type) {
	case message.OK, message.Created:
		return ""
	case message.ServiceUnavailable:
		if r.NoSuchService {
			return because(fmt.Sprintf("there is no service %q", r.Service), r.Reason)
		}
		return because(fmt.Sprintf("service %q is not available now", r.Service), r.Reason)
	case message.ServiceTimeout:
		return fmt.Sprintf("no answer within %v; a retry with the same message id gets the outcome", r.Timeout)
	case message.OutcomeUnknown:
		return fmt.Sprintf("the store did not confirm within %v; a retry with the same message id tells the outcome", r.Timeout)
	case message.ValidationError:
		return r.Violations.String()
	case message.InvalidRequest:
		return r.Reason
	case message.MissingID:
		return fmt.Sprintf("the request lacks the aggregate's id in field %q", r.Field)
	case message.NotFound:
		return fmt.Sprintf("%s does not exist", r.Stream.Of(r.ID))
	case message.WrongExpectedVersion:
		return wrongVersion(r)
	case message.Unauthorized:
		return because("the caller is not authenticated", r.Reason)
	case message.Forbidden:
		return because("the caller may not use the service", r.Reason)
	case message.DomainError:
		return r.Code
	case message.MessageIDReused:
		return fmt.Sprintf("message id %q was used for another request", r.MessageID)
	case message.MailboxFull:
		return mailboxFull(r)
	case message.TooLarge:
		return tooLarge(r)
	case message.StreamErased:
		return fmt.Sprintf("%s was erased, its id is refused for ever", r.Stream.Of(r.ID))
	case message.Quarantined:
		return because(string(r.Stream.Of(r.ID))+" is set aside until a person has looked", r.Reason)
	case message.Crashed:
		return because("the service failed", r.Reason)
	case message.NoNodesAvailable:
		return fmt.Sprintf("every node that was asked refused service %q", r.Service)
	case message.TryAnotherNode:
		return because("another node has to run the message", r.Reason)
	case message.NotOwner:
		if r.Owner == "" {
			return fmt.Sprintf("the member does not own slot %d, and knows nobody who does", r.Slot)
		}
		return fmt.Sprintf("the member does not own slot %d: ring %d gives it to %s", r.Slot, r.RingVersion, r.Owner)
	case message.OutOfOrder:
		return because("the message came before its predecessor", r.Reason)
	}
	return "nobody answered"
}

func because(what, reason string) string {
	if reason == "" {
		return what
	}
	return what + ": " + reason
}

func wrongVersion(r message.WrongExpectedVersion) string {
	switch message.NoVersion {
	case r.Expected:
		return fmt.Sprintf("the aggregate exists already, at version %d", r.Current)
	case r.Current:
		return fmt.Sprintf("the aggregate does not exist, version %d was expected", r.Expected)
	}
	return fmt.Sprintf("the aggregate is at version %d, not %d", r.Current, r.Expected)
}

func mailboxFull(r message.MailboxFull) string {
	if r.Stream == "" {
		return "too many messages wait for the member already"
	}
	return fmt.Sprintf("%d messages wait for %s already", r.Limit, r.Stream.Of(r.ID))
}

func tooLarge(r message.TooLarge) string {
	if r.Size == 0 {
		return fmt.Sprintf("the %s is larger than %d bytes", r.What, r.Limit)
	}
	return fmt.Sprintf("the %s has %d bytes, at most %d are allowed", r.What, r.Size, r.Limit)
}

package gateway

import (
	"sync/atomic"

	"github.com/ringhold/ringhold/message"
)

// retry is why a message was sent again.
type retry int

const (
	retryNotOwner retry = iota
	retryOutOfOrder
	retryElsewhere
	retryBroken
	retryMoved
	retryLowerEpoch
	retries
)

// names of the reasons, as metrics have them.
var retryNames = [retries]string{"not_owner", "out_of_order", "try_another_node", "link_broken", "moved", "lower_epoch"}

// Stats is what a gateway has done since it was started, and how it stands. The
// keys of its maps are bounded.
type Stats struct {
	Answers         map[string]uint64 // messages by outcome, see message.Response
	Retries         map[string]uint64 // messages that were sent again, by reason
	LinkBreaks      uint64            // links that were up and broke
	LowerEpochs     uint64            // answers of an ended ownership that were refused
	BudgetExhausted uint64            // times that a retry had to wait for the budget

	Links   int // to members that live
	LinksUp int // of these
	Waiting int // messages that are on no link now
}

// outcomes are those that responses have.
var outcomes = func() (names []string) {
	for _, r := range []message.Response{
		message.OK{}, message.Created{}, message.ServiceUnavailable{}, message.ServiceUnavailable{NoSuchService: true},
		message.ServiceTimeout{}, message.OutcomeUnknown{}, message.ValidationError{}, message.InvalidRequest{}, message.MissingID{},
		message.NotFound{}, message.WrongExpectedVersion{}, message.Unauthorized{}, message.Forbidden{}, message.DomainError{},
		message.MessageIDReused{}, message.MailboxFull{}, message.TooLarge{}, message.StreamErased{}, message.Quarantined{},
		message.Crashed{}, message.NoNodesAvailable{}, message.TryAnotherNode{}, message.NotOwner{}, message.OutOfOrder{},
	} {
		names = append(names, r.Outcome())
	}
	return names
}()

// stats are the counters behind [Stats].
type stats struct {
	answers     map[string]*atomic.Uint64 // never changed
	retries     [retries]atomic.Uint64
	linkBreaks  atomic.Uint64
	lowerEpochs atomic.Uint64
	exhausted   atomic.Uint64
}

func newStats() *stats {
	s := &stats{answers: make(map[string]*atomic.Uint64, len(outcomes))}
	for _, name := range outcomes {
		s.answers[name] = new(atomic.Uint64)
	}
	return s
}

func (s *stats) answered(r message.Response) {
	if r == nil {
		return
	}
	if n := s.answers[r.Outcome()]; n != nil {
		n.Add(1)
	}
}

// Stats returns what the gateway has done so far. It may be called at any time.
func (g *Gateway) Stats() Stats {
	out := Stats{
		Answers: make(map[string]uint64, len(g.stats.answers)), Retries: make(map[string]uint64, retries),
		LinkBreaks: g.stats.linkBreaks.Load(), LowerEpochs: g.stats.lowerEpochs.Load(),
		BudgetExhausted: g.stats.exhausted.Load(), Waiting: int(g.routes.waiting.Load()),
	}
	for name, n := range g.stats.answers {
		out.Answers[name] = n.Load()
	}
	for why, name := range retryNames {
		out.Retries[name] = g.stats.retries[why].Load()
	}
	for _, l := range g.members.table.Load().links {
		out.Links++
		if l.isUp() {
			out.LinksUp++
		}
	}
	return out
}

package gateway

import (
	"context"

	"github.com/ringhold/ringhold/message"
)

// entry is one message on a link, from dispatch to reply. It is guarded by the
// queue's mutex, except for what never changes.
type entry struct {
	ctx    context.Context // ends when nobody waits any more
	m      *message.Message
	reply  func(message.Response)
	size   int         // bytes, as the bounds count them
	repeat bool        // safe to send again: an aggregate remembers message ids
	leave  func() bool // stops following ctx; nil: it was not taken in

	sequence uint64 // on the stream that it was sent on; 0: it was not
	tried    bool   // it was sent once, and may have run
	gone     bool   // answered or given up
}

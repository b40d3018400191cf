package client

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ringhold/ringhold/message"
)

// Defaults of [StreamConfig].
const (
	DefaultWindow   = 256
	DefaultPerKey   = 1
	DefaultRetryFor = time.Minute
)

// StreamConfig configures a stream. The zero StreamConfig is complete.
type StreamConfig struct {
	// Window is how many items may be sent and not taken from Answers; Send
	// waits for room. 0 is DefaultWindow.
	Window int
	// PerKey is how many items of the same key may be sent and unanswered. With
	// 1, the default, an item is sent when the one before it has its answer:
	// then the order of a key holds whatever happens. More is faster for one
	// key, but where the server turns items away (a full mailbox, a slot that
	// moves), later ones may overtake them. 0 is DefaultPerKey.
	PerKey int
	// RetryFor is how long the stream goes on without any answer after the
	// connection broke or an item found nobody to run it. Then it ends, and
	// all that is unanswered fails. 0 is DefaultRetryFor.
	RetryFor time.Duration
	// Timeout is how long a server may take for each attempt of an item that
	// has no timeout of its own. Behind it the item is answered with
	// message.ServiceTimeout. 0 leaves it to the server.
	Timeout time.Duration
	// OnTrouble, if not nil, is told when the stream begins to wait before it
	// tries again, with what went wrong, and with nil once answers come again:
	// TurnedAway tells whether a server answered. It is called by the stream's
	// own goroutine and must return soon.
	OnTrouble func(err error)
}

func (c StreamConfig) withDefaults() StreamConfig {
	if c.Window == 0 {
		c.Window = DefaultWindow
	}
	if c.PerKey == 0 {
		c.PerKey = DefaultPerKey
	}
	if c.RetryFor == 0 {
		c.RetryFor = DefaultRetryFor
	}
	if c.OnTrouble == nil {
		c.OnTrouble = func(error) {}
	}
	return c
}

// Validate reports all that is wrong with the configuration.
func (c StreamConfig) Validate() error {
	var faults []error
	if c.Window < 0 || c.PerKey < 0 {
		faults = append(faults, fmt.Errorf("the window is %d and PerKey %d, they cannot be negative", c.Window, c.PerKey))
	}
	if c.RetryFor < 0 || c.Timeout < 0 {
		faults = append(faults, fmt.Errorf("the time to retry is %v and the timeout %v, they cannot be negative", c.RetryFor, c.Timeout))
	}
	return errors.Join(faults...)
}

// Item is one message of a stream.
type Item struct {
	Service message.ServiceName
	Request any // as in Client.Dispatch
	// Options are those of the message. Its timeout counts from when Send took
	// it and is kept over all attempts. With no timeout the item waits as long
	// as the stream, and StreamConfig.Timeout bounds each attempt.
	Options DispatchOptions
	// Key, if not empty, names the aggregate: see StreamConfig.PerKey.
	Key string
	// Tag is the caller's own; it comes back with the answer.
	Tag any
}

// Answer is how an item ended.
type Answer struct {
	Item   Item
	Result Result // if Err is nil
	Err    error  // an *Error
	// Overtaken says that a later item of the same key ran before this one: it
	// was refused for want of an owner or of room, and had to be sent again.
	Overtaken bool
}

// Errors of a stream that takes no more items.
var (
	// ErrStreamClosed says that CloseSend or Close was called.
	ErrStreamClosed = errors.New("the stream is closed")
	// ErrGaveUp says that the stream found no server for StreamConfig.RetryFor.
	ErrGaveUp = errors.New("no answer for too long")
)

// Stream sends messages without waiting for each answer. Items of the same key
// run in the order in which they were sent. If the connection breaks
// or the server goes away, the stream finds it again and sends what was not
// answered once more, in order and with the same ids: what had been stored is
// answered as the first time.
//
// An item that finds nobody to run it (UNAVAILABLE, a full mailbox) is sent
// again too, and everything behind it waits. With a StreamConfig.PerKey above 1,
// or with items that name no key, what was under way then may have run before
// it; [Answer.Overtaken] tells of those with a key.
//
// Send, CloseSend and Close are safe for concurrent use. Somebody has to take
// the answers all the time: a caller that only sends comes to wait for itself.
type Stream struct {
	client  *Client
	config  StreamConfig
	cancel  context.CancelCauseFunc
	items   chan *pending
	answers chan Answer
	closed  chan struct{} // closed by the first of CloseSend and Close
	close   sync.Once
	done    chan struct{} // closed behind everything else
	err     error         // read behind done
}

// Stream opens a stream of messages; it connects with the first item. The
// stream ends when ctx ends, at Close, or when all is answered after CloseSend.
// The caller has to bring about one of them.
func (c *Client) Stream(ctx context.Context, config StreamConfig) (*Stream, error) {
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("stream configuration: %w", err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	s := &Stream{
		client: c, config: config.withDefaults(), cancel: cancel,
		items: make(chan *pending), answers: make(chan Answer),
		closed: make(chan struct{}), done: make(chan struct{}),
	}
	go newStreamLoop(s).run(ctx)
	return s, nil
}

// Send takes an item for sending, in the order of calls, and waits for room in
// the window, at most until ctx ends. An item that cannot travel, since it
// cannot be encoded or is too large, is an error at once, and is not sent; so
// is any item once the stream has ended.
func (s *Stream) Send(ctx context.Context, item Item) error {
	req, err := s.client.request(item.Service, item.Request, item.Options)
	if err != nil {
		return err
	}
	p := &pending{item: item, req: req}
	if timeout := item.Options.Timeout; timeout > 0 {
		p.deadline = time.Now().Add(timeout)
	}
	select {
	case s.items <- p:
		return nil
	case <-s.closed:
		return ErrStreamClosed
	case <-s.done:
		if s.err == nil {
			return ErrStreamClosed
		}
		return s.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Answers returns where the answers come, as they are ready: one for each item
// that Send took. It is closed when the stream has ended; after Close, or after
// the end of the stream's context, without the answers that were still out.
func (s *Stream) Answers() <-chan Answer { return s.answers }

// CloseSend ends sending. Answers is closed when all items have their answer.
func (s *Stream) CloseSend() {
	s.close.Do(func() { close(s.closed) })
}

// Err waits until the stream has ended and returns why: nil after CloseSend
// once all was answered, ErrStreamClosed after Close, else what ended it.
func (s *Stream) Err() error {
	<-s.done
	return s.err
}

// Close ends the stream at once and waits until it has ended. Items without an
// answer may have run or not; the same ids, sent again, tell.
func (s *Stream) Close() error {
	s.CloseSend()
	s.cancel(ErrStreamClosed)
	<-s.done
	return nil
}

package gateway

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/ringhold/ringhold/dispatch"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/message/wire"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
)

// Bounds of what one stream may have open. At either the gateway reads no more
// until something is answered, and the caller feels it by flow control.
const (
	windowItems = 1024
	windowBytes = 32 << 20
)

type callerStream = grpc.BidiStreamingServer[pb.DispatchStreamRequest, pb.DispatchStreamResponse]

// DispatchStream has many messages run, each answered when it is done.
func (s *dispatcherServer) DispatchStream(stream callerStream) error {
	c := &conversation{
		gateway: s.gateway, stream: stream, trace: traceOf(stream.Context()),
		changed: make(chan struct{}, 1), room: make(chan struct{}, 1),
	}
	// Only the stream's context ends the reader's wait for the caller, and the
	// context ends when this handler returns. So the gateway waits for it.
	s.gateway.running.Go(c.read)
	return c.write()
}

// conversation is one DispatchStream. Its reader starts the messages one after
// the other, which keeps their order; its writer, in the handler's goroutine,
// sends the answers.
type conversation struct {
	gateway *Gateway
	stream  callerStream
	trace   string
	changed chan struct{} // of one: there is something for the writer
	room    chan struct{} // of one: there may be room in the window

	mu      sync.Mutex
	last    uint64   // the newest sequence that was accepted
	open    int      // how many are accepted, and their answers not sent
	bytes   int      // the size of their requests
	answers []answer // to be sent
	ended   bool     // nothing more is read
	err     error    // of reading
	drained bool     // nothing more is accepted
}

// answer is what is to be sent, and how many bytes its request and itself hold.
type answer struct {
	resp *pb.DispatchStreamResponse
	size int
}

// read accepts messages until the caller has sent its last, the stream breaks
// or it is drained.
func (c *conversation) read() {
	err := c.acceptAllSafely()
	c.mu.Lock()
	c.ended, c.err = true, err
	c.mu.Unlock()
	signal(c.changed)
}

// acceptAllSafely keeps a panic from the process, as the interceptors do for
// what runs in a handler's goroutine.
func (c *conversation) acceptAllSafely() (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = c.gateway.panicked(c.stream.Context(), pb.Dispatcher_DispatchStream_FullMethodName, v)
		}
	}()
	return c.acceptAll()
}

func (c *conversation) acceptAll() error {
	for {
		in, err := c.stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		m, timeout, refusal := wire.ParseRequest(in.GetRequest(), false)
		size := m.Raw.Size() + entryBytes
		if !c.waitForRoom(size) {
			return nil
		}
		if accepted, err := c.accept(in.GetSequence(), size); !accepted {
			return err
		}
		m.Traceparent = cmp.Or(m.Traceparent, c.trace)
		c.start(in, m, timeout, refusal, size)
	}
}

// waitForRoom waits until a request of a size fits in the window; one that is
// larger than the window has it for itself. It returns false if the stream ends
// or is drained before.
func (c *conversation) waitForRoom(size int) bool {
	for {
		c.mu.Lock()
		fits := c.open == 0 || c.open < windowItems && c.bytes+size <= windowBytes
		c.mu.Unlock()
		if fits {
			return true
		}
		select {
		case <-c.room:
		case <-c.gateway.draining:
			return false
		case <-c.stream.Context().Done():
			return false
		}
	}
}

func (c *conversation) accept(sequence uint64, size int) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.drained {
		return false, nil
	}
	if sequence <= c.last {
		reason := fmt.Sprintf("sequence %d follows %d: each has to be greater than the one before it, and than 0", sequence, c.last)
		return false, wire.RefusalStatus(&pb.Refusal{Kind: pb.Kind_KIND_INVALID_REQUEST, Field: "sequence", Reason: reason}, reason).Err()
	}
	c.last = sequence
	c.open++
	c.bytes += size
	return true, nil
}

// start has a message run; its answer is sent when it is there.
func (c *conversation) start(in *pb.DispatchStreamRequest, m *message.Message, timeout time.Duration, refusal message.Response, size int) {
	g, req, sequence := c.gateway, in.GetRequest(), in.GetSequence()
	if refusal == nil {
		refusal = g.refuse(m)
	}
	if refusal != nil {
		c.answer(sequence, req, m.Return(refusal), nil, size)
		return
	}
	timeout = min(cmp.Or(timeout, g.cfg.DefaultTimeout), g.cfg.MaxTimeout)
	ctx, by := withServed(c.stream.Context(), c)
	g.dispatcher.Start(ctx, m, func(m *message.Message) {
		by.fair(m)
		g.log(ctx, m)
		c.answer(sequence, req, m, by.get(), size)
	}, dispatch.Within(timeout))
}

// answer leaves an answer to the writer.
func (c *conversation) answer(sequence uint64, req *pb.DispatchRequest, m *message.Message, by *pb.Served, size int) {
	out := &pb.DispatchStreamResponse{Sequence: sequence}
	resp, st := wire.EncodeResponse(m, m.Response, by)
	resp, st = wire.ForCaller(req, resp, st)
	if st != nil {
		out.Outcome = &pb.DispatchStreamResponse_Error{Error: st.Proto()}
	} else {
		out.Outcome = &pb.DispatchStreamResponse_Response{Response: resp}
	}
	held := proto.Size(out) // until the caller reads it
	c.mu.Lock()
	c.bytes += held
	c.answers = append(c.answers, answer{out, size + held})
	c.mu.Unlock()
	signal(c.changed)
}

// write sends answers until all is answered and nothing more comes, or the
// stream breaks.
func (c *conversation) write() error {
	draining := c.gateway.draining
	for {
		done, err := c.sendAll()
		if done || err != nil {
			return err
		}
		select {
		case <-c.changed:
		case <-draining:
			draining = nil
			if err := c.drain(); err != nil {
				return err
			}
		case <-c.stream.Context().Done():
			return c.stream.Context().Err()
		}
	}
}

// sendAll sends the answers that are there; done tells that there will be no
// more.
func (c *conversation) sendAll() (done bool, err error) {
	for {
		c.mu.Lock()
		batch := c.answers
		c.answers = nil
		done, err := (c.ended || c.drained) && c.open == 0, c.err
		c.mu.Unlock()
		if err != nil || len(batch) == 0 {
			return done, err
		}
		for _, a := range batch {
			if err := c.stream.Send(a.resp); err != nil {
				return false, err
			}
			c.sent(a.size)
		}
	}
}

func (c *conversation) sent(size int) {
	c.mu.Lock()
	c.open--
	c.bytes -= size
	c.mu.Unlock()
	signal(c.room)
}

// drain tells the caller to go elsewhere with what comes after the newest
// message that was accepted.
func (c *conversation) drain() error {
	c.mu.Lock()
	c.drained = true
	last := c.last
	c.mu.Unlock()
	return c.stream.Send(&pb.DispatchStreamResponse{
		Outcome: &pb.DispatchStreamResponse_Drain{Drain: &pb.Drain{LastSequence: last}},
	})
}

// signal wakes who waits on a channel of one.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

package gateway

import (
	"errors"
	"net"
	"sync"
	"time"
)

// preface is what every HTTP/2 connection begins with, and no HTTP/1 one.
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// peekTimeout is how long a connection may take to show what it speaks.
const peekTimeout = 10 * time.Second

// splitter hands the connections of one listener to two: those that begin with
// the preface of HTTP/2, and all others.
type splitter struct {
	net.Listener
	http1, http2 *queue

	mu      sync.Mutex
	peeking map[net.Conn]struct{}
	closed  bool
	peeks   sync.WaitGroup
}

func newSplitter(l net.Listener) *splitter {
	return &splitter{Listener: l, http1: newQueue(l.Addr()), http2: newQueue(l.Addr()), peeking: map[net.Conn]struct{}{}}
}

// run takes connections until close is called, then returns nil; or until the
// listener fails. Its goroutines have ended when it returns.
func (s *splitter) run() error {
	defer s.peeks.Wait()
	defer s.close()
	var pause time.Duration
	for {
		conn, err := s.Accept()
		if err == nil {
			pause = 0
			s.start(conn)
			continue
		}
		var failed net.Error
		switch {
		case s.isClosed():
			return nil
		case errors.As(err, &failed) && failed.Temporary(): //nolint:staticcheck // as net/http: out of files passes
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			s.http1.pause(pause)
		default:
			return err
		}
	}
}

func (s *splitter) start(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = conn.Close()
		return
	}
	s.peeking[conn] = struct{}{}
	s.peeks.Go(func() { s.split(conn) })
}

// split reads just enough of a connection to know what it speaks.
func (s *splitter) split(conn net.Conn) {
	seen, err := peek(conn)
	s.mu.Lock()
	delete(s.peeking, conn)
	s.mu.Unlock()
	if err != nil {
		_ = conn.Close()
		return
	}
	to := s.http1
	if string(seen) == preface {
		to = s.http2
	}
	to.put(&peeked{Conn: conn, seen: seen})
}

func peek(conn net.Conn) ([]byte, error) {
	if err := conn.SetReadDeadline(time.Now().Add(peekTimeout)); err != nil {
		return nil, err
	}
	buf, n := make([]byte, len(preface)), 0
	for n < len(buf) {
		more, err := conn.Read(buf[n:])
		n += more
		if string(buf[:n]) != preface[:n] {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	return buf[:n], conn.SetReadDeadline(time.Time{})
}

func (s *splitter) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// close takes no more connections, and cuts those off that have not shown what
// they speak.
func (s *splitter) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.closed = true
	_ = s.Close()
	for conn := range s.peeking {
		_ = conn.Close()
	}
	_ = s.http1.Close()
	_ = s.http2.Close()
}

// queue is a listener that is given its connections.
type queue struct {
	addr  net.Addr
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newQueue(addr net.Addr) *queue {
	return &queue{addr: addr, conns: make(chan net.Conn), done: make(chan struct{})}
}

// put waits until the connection is taken, or closes it if none is any more.
func (q *queue) put(conn net.Conn) {
	select {
	case q.conns <- conn:
	case <-q.done:
		_ = conn.Close()
	}
}

func (q *queue) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-q.done:
	}
}

// Accept returns the next connection, or net.ErrClosed.
func (q *queue) Accept() (net.Conn, error) {
	select {
	case conn := <-q.conns:
		return conn, nil
	case <-q.done:
		return nil, net.ErrClosed
	}
}

// Close ends Accept.
func (q *queue) Close() error {
	q.once.Do(func() { close(q.done) })
	return nil
}

// Addr returns the address of the listener that was split.
func (q *queue) Addr() net.Addr { return q.addr }

// peeked is a connection of which the first bytes were read already.
type peeked struct {
	net.Conn
	seen []byte
}

// Read returns what was read already, then what comes.
func (p *peeked) Read(b []byte) (int, error) {
	if len(p.seen) == 0 {
		return p.Conn.Read(b)
	}
	n := copy(b, p.seen)
	p.seen = p.seen[n:]
	return n, nil
}

// CloseWrite ends what is sent and still reads: net/http closes so, that a
// client that is still sending gets to read why it was refused.
func (p *peeked) CloseWrite() error {
	if half, ok := p.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return p.Conn.Close()
}

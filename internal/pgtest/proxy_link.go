package pgtest

import (
	"bytes"
	"io"
	"net"
)

type direction int

const (
	fromClient direction = iota
	fromServer
)

// link is one connection through the proxy. Its fields below the ends are
// guarded by the proxy's mutex, but ids, which belongs to the pump of answers.
type link struct {
	proxy          *Proxy
	client, server *net.TCPConn
	ids            *idChanger // nil: the process id is passed on

	fault   *fault        // that met this connection and is not over
	stalled chan struct{} // closed when it goes on; nil if it is not stalled
	over    bool          // cut: what comes is thrown away
}

// pump passes on one direction until its end.
func (l *link) pump(from, to *net.TCPConn, d direction) {
	piece := make([]byte, 64<<10)
	for {
		n, err := from.Read(piece)
		data := piece[:n]
		if d == fromServer && l.ids != nil {
			data = l.ids.pass(data)
		}
		if len(data) > 0 && !l.forward(data, from, to, d) {
			// It is read on, so that the end arrives as an end, not as a reset that could overtake the bytes before it.
			_, _ = io.Copy(io.Discard, from)
			return
		}
		if err != nil {
			l.held()
			_ = to.CloseWrite()
			return
		}
	}
}

// forward passes a piece on as far as the faults allow. It returns false if
// nothing more will be passed on.
func (l *link) forward(data []byte, from, to *net.TCPConn, d direction) bool {
	for len(data) > 0 {
		l.held()
		n, then := l.share(data, d)
		if then != nil && then.kind == cutAnswer {
			close(then.met) // a client that got the bytes may rely on it
		}
		if n > 0 {
			if _, err := to.Write(data[:n]); err != nil {
				_ = from.Close() // the other end is gone, and this one has to know
				return false
			}
		}
		data = data[n:]
		if then != nil {
			l.meet(then)
		}
		if l.isOver() {
			return false
		}
	}
	return true
}

// share says how much of a piece is passed on, and which fault happens then.
func (l *link) share(data []byte, d direction) (int, *fault) {
	p := l.proxy
	p.mu.Lock()
	defer p.mu.Unlock()
	if l.over {
		return 0, nil
	}
	if d == fromClient && p.waiting != nil && bytes.Contains(data, []byte(p.only)) {
		l.fault, p.waiting = p.waiting, nil
	}
	f, n := l.fault, len(data)
	met := f != nil && (f.kind == cutAnswer) == (d == fromServer)
	if met {
		n = min(f.left, n)
		f.left -= n
	}
	if d == fromClient {
		p.sent += int64(n)
	}
	if !met {
		return n, nil
	}
	if f.left > 0 {
		return n, nil
	}
	l.fault = nil
	return n, f
}

// meet lets a fault happen.
func (l *link) meet(f *fault) {
	l.proxy.mu.Lock()
	defer l.proxy.mu.Unlock()
	if f.kind == stall {
		if !l.over {
			l.stalled = make(chan struct{})
		}
		close(f.met)
		return
	}
	l.over = true
	_ = l.server.CloseWrite()
	if f.kind == cut {
		close(f.met) // a client that saw its end may rely on it
	}
	_ = l.client.CloseWrite()
}

// held waits while the connection is stalled or the proxy paused.
func (l *link) held() {
	for {
		l.proxy.mu.Lock()
		hold := l.stalled
		if hold == nil {
			hold = l.proxy.paused
		}
		over := l.over
		l.proxy.mu.Unlock()
		if hold == nil || over {
			return
		}
		<-hold
	}
}

func (l *link) isOver() bool {
	l.proxy.mu.Lock()
	defer l.proxy.mu.Unlock()
	return l.over
}

// end closes both ends at once and releases its pumps. The proxy's mutex is
// held.
func (l *link) end() {
	_ = l.client.Close()
	_ = l.server.Close()
	l.resume()
}

// resume lets a stalled connection go on. The proxy's mutex is held.
func (l *link) resume() {
	if l.stalled != nil {
		close(l.stalled)
		l.stalled = nil
	}
}

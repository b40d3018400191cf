package pgtest

// fault is what will happen to a connection.
type fault struct {
	kind faultKind
	left int           // bytes that are still passed on
	met  chan struct{} // closed when it has happened
}

type faultKind int

const (
	cut faultKind = iota
	cutAnswer
	stall
)

// CutAfter passes on exactly n more bytes of the client's stream, of the
// connection that sends next, and then closes both ends. With n = 0 it closes
// as soon as the client sends something. The server gets the n bytes and an end
// of the stream; what it answers to them is thrown away.
//
// The channel is closed when it has happened. It stays open if the client sent
// fewer bytes: then all were passed on.
func (p *Proxy) CutAfter(n int) <-chan struct{} { return p.arm(cut, n) }

// CutAnswerAfter passes on exactly n bytes of the server's answer to the
// connection that sends next, and then closes both ends. The server gets all
// that the client sent. With n = 0 it closes when the answer's first byte is
// there. The channel is that of [Proxy.CutAfter]; it is closed before the client
// has the last of the n bytes.
func (p *Proxy) CutAnswerAfter(n int) <-chan struct{} { return p.arm(cutAnswer, n) }

// StallAfter passes on exactly n more bytes of the client's stream, of the
// connection that sends next, and then nothing in either direction, also no
// end. Both ends stay open, as those of a host that lost its power, until
// [Proxy.Heal], [Proxy.Resume] or the end of the test. The channel is that of
// [Proxy.CutAfter].
func (p *Proxy) StallAfter(n int) <-chan struct{} { return p.arm(stall, n) }

func (p *Proxy) arm(kind faultKind, n int) <-chan struct{} {
	f := &fault{kind: kind, left: n, met: make(chan struct{})}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting = f
	return f.met
}

// Only lets faults wait for a connection that sends these bytes, in what the
// proxy reads at once (up to 64 KiB; clients write a message or a batch at
// once). A fault counts from the start of that piece. "" lets them take any.
func (p *Proxy) Only(bytes string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.only = bytes
}

// Pause holds back everything in both directions, on all connections and new
// ones, until [Proxy.Resume] or [Proxy.Heal]: nothing is lost.
func (p *Proxy) Pause() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.paused == nil {
		p.paused = make(chan struct{})
	}
}

// Resume ends a pause, and lets stalled connections go on where they stopped:
// the bytes that were under way arrive late.
func (p *Proxy) Resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.unpause()
	for l := range p.links {
		l.resume()
	}
}

// Refuse refuses new connections; open ones stay.
func (p *Proxy) Refuse() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse()
}

// Drop closes all connections. New ones are accepted.
func (p *Proxy) Drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.end()
	}
}

// Heal ends every fault: new connections are accepted and passed on untouched,
// so are open ones, a pause is over, and stalled connections are closed.
func (p *Proxy) Heal() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting = nil
	p.unpause()
	for l := range p.links {
		l.fault = nil
		if l.stalled != nil {
			l.end()
		}
	}
	if p.listener == nil && !p.closed {
		if err := p.listen(); err != nil {
			p.t.Errorf("the proxy: %v", err)
		}
	}
}

// ChangeProcessIDs lets new connections see another process id than that of
// their backend in the server's BackendKeyData, as poolers do. Connections that
// turn to TLS are passed on as they are.
func (p *Proxy) ChangeProcessIDs() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.newIDs = true
}

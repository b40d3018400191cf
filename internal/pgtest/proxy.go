package pgtest

import (
	"context"
	"net"
	"net/url"
	"sync"
	"testing"
)

// Proxy passes TCP connections on to a server, and breaks them when it is told
// to, at an exact byte. It ends with its test. Its methods may be called at any
// time from any goroutine.
//
// A fault ([Proxy.CutAfter], [Proxy.CutAnswerAfter], [Proxy.StallAfter]) waits
// for the connection whose client sends next, whether it was open before or
// not; see [Proxy.Only] to choose among several. It meets that one alone and
// once; all others are passed on untouched. One fault waits at a time: the next
// one takes its place.
type Proxy struct {
	t      testing.TB
	target string
	addr   string
	ctx    context.Context // of connections to the server, until the end
	cancel context.CancelFunc
	all    sync.WaitGroup // of all goroutines

	mu       sync.Mutex
	listener net.Listener // nil while connections are refused
	links    map[*link]struct{}
	waiting  *fault        // for the next connection that sends
	only     string        // a fault's connection has to send this
	paused   chan struct{} // closed at the end of a pause; nil if there is none
	newIDs   bool          // new connections get another process id
	sent     int64         // bytes of clients that were passed on
	closed   bool
}

// NewProxy starts a proxy on loopback in front of the server at addr.
func NewProxy(t testing.TB, addr string) *Proxy {
	t.Helper()
	port, err := freePort(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{t: t, target: addr, addr: loopback(port), links: map[*link]struct{}{}}
	p.ctx, p.cancel = context.WithCancel(context.WithoutCancel(t.Context()))
	p.mu.Lock()
	err = p.listen()
	p.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	return p
}

// Addr is where the proxy listens, host:port.
func (p *Proxy) Addr() string { return p.addr }

// Sent counts the bytes of all clients that were passed on so far.
func (p *Proxy) Sent() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sent
}

// URL returns the same URL through the proxy.
func (p *Proxy) URL(of string) string {
	p.t.Helper()
	u, err := url.Parse(of)
	if err != nil {
		p.t.Fatal("the URL of the server is malformed") // it may hold a password
	}
	u.Host = p.addr
	return u.String()
}

// listen starts to accept connections. p.mu is held.
func (p *Proxy) listen() error {
	listener, err := listen(p.ctx, p.addr)
	if err != nil {
		return err
	}
	p.listener = listener
	p.all.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return // closed: it is the only fault of a listener on loopback
			}
			p.all.Go(func() { p.serve(client.(*net.TCPConn)) })
		}
	})
	return nil
}

// serve connects a client with the server until both directions have ended. A
// client for which the server cannot be reached is closed.
func (p *Proxy) serve(client *net.TCPConn) {
	defer func() { _ = client.Close() }()
	var dialer net.Dialer
	conn, err := dialer.DialContext(p.ctx, "tcp", p.target)
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	l := &link{proxy: p, client: client, server: conn.(*net.TCPConn)}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return
	}
	if p.newIDs {
		l.ids = &idChanger{}
	}
	p.links[l] = struct{}{}
	p.mu.Unlock()
	var answers sync.WaitGroup
	answers.Go(func() { l.pump(l.server, l.client, fromServer) })
	l.pump(l.client, l.server, fromClient)
	answers.Wait()
	p.mu.Lock()
	delete(p.links, l)
	p.mu.Unlock()
}

func (p *Proxy) close() {
	p.cancel()
	p.mu.Lock()
	p.closed = true
	p.refuse()
	p.unpause()
	for l := range p.links {
		l.end()
	}
	p.mu.Unlock()
	p.all.Wait()
}

// refuse and unpause are called with p.mu held.
func (p *Proxy) refuse() {
	if p.listener != nil {
		_ = p.listener.Close()
		p.listener = nil
	}
}

func (p *Proxy) unpause() {
	if p.paused != nil {
		close(p.paused)
		p.paused = nil
	}
}

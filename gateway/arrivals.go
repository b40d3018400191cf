package gateway

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// arrivals are the HTTP requests that handlers have, and those of them whose
// bodies are still coming. The time of a body is kept as the read deadline of
// its connection, which stays when the body did not come: net/http reads what a
// handler leaves unread, and must not wait for it for ever. It is safe for
// concurrent use.
type arrivals struct {
	mu     sync.Mutex
	inside int                    // requests that a handler has
	coming map[*incoming]struct{} // their bodies that are not there
	over   bool                   // no body is waited for any more
}

// incoming is the body of a request while it comes.
type incoming struct {
	io.ReadCloser
	arrivals *arrivals
	control  *http.ResponseController
	until    time.Time // the read deadline; guarded by the arrivals' mutex
}

// Read notes when the whole body is there.
func (in *incoming) Read(b []byte) (int, error) {
	n, err := in.ReadCloser.Read(b)
	if errors.Is(err, io.EOF) {
		in.arrivals.arrived(in)
	}
	return n, err
}

// within lets the body come until t, or the earlier time that it has. The
// caller holds the arrivals' mutex.
func (in *incoming) within(t time.Time) {
	if in.until.IsZero() || t.Before(in.until) {
		in.until = t
		_ = in.control.SetReadDeadline(t) // a test's recorder has none
	}
}

// enter counts a request in, and gives its body its time. The handler works on
// the request that is returned, and calls leave when it is done.
func (g *Gateway) enter(w http.ResponseWriter, r *http.Request) (_ *http.Request, leave func()) {
	a := &g.arrivals
	a.mu.Lock()
	defer a.mu.Unlock()
	a.inside++
	if r.ContentLength == 0 {
		return r, func() { a.leave(nil) }
	}
	in := &incoming{ReadCloser: r.Body, arrivals: a, control: http.NewResponseController(w)}
	if a.coming == nil {
		a.coming = map[*incoming]struct{}{}
	}
	a.coming[in] = struct{}{}
	in.within(time.Now().Add(g.bodyTimeout(r)))
	if a.over {
		in.within(time.Now())
	}
	own := r.WithContext(r.Context()) // the server goes by the body of its own
	own.Body = in
	return own, func() { a.leave(in) }
}

// bodyTimeout is how long the body of a request may take: no longer than its
// caller waits. A header that cannot be read is refused by others.
func (g *Gateway) bodyTimeout(r *http.Request) time.Duration {
	timeout, err := timeoutHeader(r)
	if err != nil || timeout == 0 {
		return g.cfg.bodyTimeout
	}
	return min(timeout, g.cfg.MaxTimeout, g.cfg.bodyTimeout)
}

func (a *arrivals) arrived(in *incoming) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, coming := a.coming[in]; coming {
		delete(a.coming, in)
		_ = in.control.SetReadDeadline(time.Time{})
	}
}

func (a *arrivals) leave(in *incoming) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.inside--
	if _, coming := a.coming[in]; coming {
		delete(a.coming, in)
		in.within(time.Now().Add(unreadTimeout))
	}
}

// accepted is how many requests are there as a whole and not answered.
func (a *arrivals) accepted() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.inside - len(a.coming)
}

func (a *arrivals) ended() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.over
}

// endArrivals waits for no body any more.
func (g *Gateway) endArrivals() {
	a := &g.arrivals
	a.mu.Lock()
	defer a.mu.Unlock()
	a.over = true
	for in := range a.coming {
		in.within(time.Now())
	}
	if n := len(a.coming); n > 0 {
		g.cfg.Logger.Warn("HTTP requests are refused: their bodies did not come before the gateway has to stop", slog.Int("requests", n))
	}
}

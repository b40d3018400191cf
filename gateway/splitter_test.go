package gateway

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func startSplitter(t *testing.T) *splitter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := newSplitter(l)
	done := make(chan error, 1)
	go func() { done <- s.run() }()
	t.Cleanup(func() {
		s.close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s
}

func dial(t *testing.T, s *splitter) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// A connection is handed on as soon as it has shown what it is, with all that
// it has sent.
func TestSplitterTellsThemApart(t *testing.T) {
	s := startSplitter(t)
	for sent, to := range map[string]*queue{
		preface + "rest": s.http2, "GET / HTTP/1.1\r\n": s.http1, "POST /": s.http1, "PRI * HTTP/1": s.http1, "\x16\x03\x01": s.http1,
	} {
		client := dial(t, s)
		if _, err := io.WriteString(client, sent); err != nil {
			t.Fatal(err)
		}
		conn, err := to.Accept()
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(sent))
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != sent {
			t.Errorf("of %q came %q, %v", sent, got, err)
		}
		_ = conn.Close()
	}
}

func TestSplitterReadsThePrefaceByteByByte(t *testing.T) {
	s := startSplitter(t)
	client := dial(t, s)
	for i := range len(preface) {
		if _, err := client.Write([]byte{preface[i]}); err != nil {
			t.Fatal(err)
		}
	}
	conn, err := s.http2.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
}

// Closing cuts off those that have said nothing, and nobody waits.
func TestSplitterCloses(t *testing.T) {
	s := startSplitter(t)
	silent, ready := dial(t, s), dial(t, s)
	if _, err := io.WriteString(ready, "GET / HTTP/1.1\r\n"); err != nil {
		t.Fatal(err)
	}
	var accepting sync.WaitGroup
	accepting.Go(func() {
		if _, err := s.http2.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("accept ends with %v", err)
		}
	})
	s.close()
	accepting.Wait()
	for _, conn := range []net.Conn{silent, ready} {
		if _, err := conn.Read(make([]byte, 1)); err == nil {
			t.Error("a connection was left open")
		}
	}
}

// While the gateway drains, what is open is answered, and told to connect anew.
func TestHTTPWhileDraining(t *testing.T) {
	g := startGroup(t, 1)
	conn, err := net.Dial("tcp", g.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	in := bufio.NewReader(conn)
	get := func() (code int, closes bool) {
		if _, err := io.WriteString(conn, "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		return resp.StatusCode, resp.Close
	}
	if code, closes := get(); code != http.StatusOK || closes {
		t.Errorf("before: %d, closes %v", code, closes)
	}
	g.gateway.drain()
	if code, closes := get(); code != http.StatusServiceUnavailable || !closes {
		t.Errorf("while draining: %d, closes %v", code, closes)
	}
}

// Who connects and says nothing does not hold a connection.
func TestSplitterDoesNotWaitForever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := newQueue(&net.TCPAddr{})
		s := newSplitter(from)
		done := make(chan error, 1)
		go func() { done <- s.run() }()
		client, server := net.Pipe()
		from.put(server)
		if _, err := io.WriteString(client, "PRI"); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("the connection ends with %v", err)
		}
		if waited := time.Since(began); waited != peekTimeout {
			t.Errorf("it was held for %v", waited)
		}
		s.close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestHTTPServerIsBounded(t *testing.T) {
	g := startGroup(t, 0)
	s := g.gateway.http
	if s.ReadHeaderTimeout <= 0 || s.IdleTimeout <= 0 || s.MaxHeaderBytes <= 0 {
		t.Errorf("header timeout %v, idle timeout %v, %d bytes of headers", s.ReadHeaderTimeout, s.IdleTimeout, s.MaxHeaderBytes)
	}
}

// While it lingers, the gateway takes what clients send that do not know yet.
func TestLinger(t *testing.T) {
	g := startGroup(t, 1, func(cfg *Config, _ []*fakeMember) { cfg.Linger = patience })
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		_ = g.gateway.Shutdown(ctx)
	}()
	<-g.gateway.draining
	if answer := g.do(t, "POST", "/v1/services/deposit", `{"account_id":"a"}`); answer.code != http.StatusOK {
		t.Errorf("got %d %s", answer.code, answer.text)
	}
	if _, err := g.calls.Dispatch(t.Context(), request("deposit", `{"account_id":"a"}`)); err != nil {
		t.Error(err)
	}
	cancel()
	<-stopped
}

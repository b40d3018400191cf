package gateway

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
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
	get := func() *http.Response {
		if _, err := io.WriteString(conn, "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		return resp
	}
	if resp := get(); resp.StatusCode != http.StatusOK || resp.Close {
		t.Errorf("before: %v", resp)
	}
	g.gateway.drain()
	if resp := get(); resp.StatusCode != http.StatusServiceUnavailable || !resp.Close {
		t.Errorf("while draining: %v", resp)
	}
}

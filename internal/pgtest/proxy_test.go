package pgtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// echoServer answers each byte with the same byte, and keeps what it got.
type echoServer struct {
	addr string
	got  chan []byte // the whole stream of each connection that ended
}

func startEcho(t *testing.T) *echoServer {
	t.Helper()
	listener, err := listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e := &echoServer{addr: listener.Addr().String(), got: make(chan []byte, 100)}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer conn.Close()
				var got bytes.Buffer
				_, _ = io.Copy(io.MultiWriter(&got, conn), conn)
				e.got <- got.Bytes()
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		all.Wait()
	})
	return e
}

func dial(t *testing.T, addr string) *net.TCPConn {
	t.Helper()
	var dialer net.Dialer
	conn, err := dialer.DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn.(*net.TCPConn)
}

func send(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
}

// exchange sends and expects the same back.
func exchange(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	send(t, conn, text)
	expect(t, conn, text)
}

func expect(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	got := make([]byte, len(text))
	if n, err := io.ReadFull(conn, got); err != nil || string(got) != text {
		t.Fatalf("got %q and %v, want %q", got[:n], err, text)
	}
}

// rest reads until the end of the stream, which has to come.
func rest(t *testing.T, conn net.Conn) string {
	t.Helper()
	got, err := io.ReadAll(conn)
	if err != nil {
		t.Fatalf("no end of the stream after %q: %v", got, err)
	}
	return string(got)
}

func silent(t *testing.T, conn net.Conn) {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Read(make([]byte, 1)); n != 0 || !errors.Is(err, context.DeadlineExceeded) && !isTimeout(err) {
		t.Fatalf("read %d bytes and %v, want silence", n, err)
	}
	if err := conn.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

func happened(t *testing.T, met <-chan struct{}, want bool) {
	t.Helper()
	select {
	case <-met:
		if !want {
			t.Error("the fault has happened")
		}
	default:
		if want {
			t.Error("the fault has not happened")
		}
	}
}

func TestCutAtEveryByte(t *testing.T) {
	const text = "0123456789"
	e := startEcho(t)
	p := NewProxy(t, e.addr)
	for n := range len(text) + 2 {
		conn := dial(t, p.Addr())
		exchange(t, conn, "before")
		met := p.CutAfter(n)
		send(t, conn, text)
		if n <= len(text) {
			rest(t, conn)
			happened(t, met, true)
		} else {
			expect(t, conn, text)
			happened(t, met, false)
			conn.Close()
		}
		if got, want := string(<-e.got), "before"+text[:min(n, len(text))]; got != want {
			t.Errorf("cut after %d: the server got %q, want %q", n, got, want)
		}
	}
}

func TestCutAnswerAtEveryByte(t *testing.T) {
	const text = "0123456789"
	e := startEcho(t)
	p := NewProxy(t, e.addr)
	for n := range len(text) + 1 {
		conn := dial(t, p.Addr())
		exchange(t, conn, "before")
		met := p.CutAnswerAfter(n)
		send(t, conn, text)
		if got := rest(t, conn); got != text[:n] {
			t.Errorf("cut after %d: the client got %q", n, got)
		}
		happened(t, met, true)
		if got := string(<-e.got); got != "before"+text {
			t.Errorf("cut the answer after %d: the server got %q", n, got)
		}
	}
}

// A cut counts over many pieces, and large ones.
func TestCutInALargeStream(t *testing.T) {
	e := startEcho(t)
	p := NewProxy(t, e.addr)
	conn := dial(t, p.Addr())
	const n = 1_000_003
	p.CutAfter(n)
	var sender sync.WaitGroup
	sender.Go(func() { _, _ = io.WriteString(conn, strings.Repeat("x", 3*n)) })
	_, _ = io.Copy(io.Discard, conn)
	sender.Wait()
	conn.Close()
	if got := len(<-e.got); got != n {
		t.Errorf("the server got %d bytes, want %d", got, n)
	}
}

// A fault meets the connection that sends next, or that sends certain bytes,
// and no other; and only once.
func TestFaultMeetsOneConnection(t *testing.T) {
	e := startEcho(t)
	p := NewProxy(t, e.addr)
	a, b := dial(t, p.Addr()), dial(t, p.Addr())
	exchange(t, a, "a")
	exchange(t, b, "b")
	p.Only("commit")
	met := p.CutAfter(2)
	exchange(t, a, "other things")
	happened(t, met, false)
	send(t, b, "commit")
	rest(t, b)
	happened(t, met, true)
	exchange(t, a, "commit")
}

func TestStall(t *testing.T) {
	e := startEcho(t)
	p := NewProxy(t, e.addr)
	lost, late, other := dial(t, p.Addr()), dial(t, p.Addr()), dial(t, p.Addr())
	met := p.StallAfter(3)
	send(t, lost, "abcdef")
	<-met
	lost.Close() // the server must not see it
	met = p.StallAfter(2)
	send(t, late, "uvwxyz")
	<-met
	silent(t, late)
	exchange(t, other, "untouched")
	if len(e.got) != 0 {
		t.Fatal("the server saw an end")
	}
	p.Resume()
	expect(t, late, "uvwxyz")
	if got := string(<-e.got); got != "abcdef" {
		t.Errorf("the server got %q of the connection that went on", got)
	}

	met = p.StallAfter(0)
	send(t, late, "never")
	<-met
	p.Heal()
	if got := string(<-e.got); got != "uvwxyz" {
		t.Errorf("the server got %q of the connection that was closed", got)
	}
	exchange(t, other, "untouched")
}

func TestHealTakesFaultsBack(t *testing.T) {
	e := startEcho(t)
	p := NewProxy(t, e.addr)
	conn := dial(t, p.Addr())
	p.CutAfter(5)
	exchange(t, conn, "abc")
	p.Heal()
	exchange(t, conn, "defghi")
	p.CutAfter(0)
	p.Heal()
	exchange(t, conn, "j")
}

func TestRefuseAndDrop(t *testing.T) {
	e := startEcho(t)
	p := NewProxy(t, e.addr)
	conn := dial(t, p.Addr())
	exchange(t, conn, "a")
	p.Refuse()
	var dialer net.Dialer
	if _, err := dialer.DialContext(t.Context(), "tcp", p.Addr()); err == nil {
		t.Error("a new connection was accepted")
	}
	exchange(t, conn, "b")
	p.Heal()
	exchange(t, dial(t, p.Addr()), "c")
	p.Drop()
	if _, err := conn.Read(make([]byte, 1)); err == nil || isTimeout(err) {
		t.Errorf("a dropped connection reads %v", err)
	}
	exchange(t, dial(t, p.Addr()), "d")
}

func TestPause(t *testing.T) {
	e := startEcho(t)
	p := NewProxy(t, e.addr)
	old := dial(t, p.Addr())
	exchange(t, old, "a")
	p.Pause()
	fresh := dial(t, p.Addr())
	send(t, old, "b")
	send(t, fresh, "c")
	silent(t, old)
	silent(t, fresh)
	p.Resume()
	expect(t, old, "b")
	expect(t, fresh, "c")
}

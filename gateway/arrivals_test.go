package gateway

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ringhold/ringhold/message"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
)

// raw is a connection on which a test sends what no HTTP client would.
type raw struct {
	net.Conn
	in *bufio.Reader
}

func (g *group) dial(t *testing.T, head string) *raw {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", g.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, strings.ReplaceAll(head, "\n", "\r\n")); err != nil {
		t.Fatal(err)
	}
	return &raw{conn, bufio.NewReader(conn)}
}

// ends reads one answer and the end of the connection behind it, and returns
// its status and body.
func (r *raw) ends(t *testing.T) (code int, body string) {
	t.Helper()
	resp, err := http.ReadResponse(r.in, nil)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.in.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("behind the answer %d %s comes %v, not the end", resp.StatusCode, b, err)
	}
	return resp.StatusCode, string(b)
}

const stalled = "Host: 127.0.0.1\nContent-Length: 30\nContent-Type: application/json\n"

// A client that does not send its body is told so, and loses its connection.
func TestStalledBody(t *testing.T) {
	g := startGroup(t, 1, func(cfg *Config, _ []*fakeMember) { cfg.bodyTimeout = 50 * time.Millisecond })
	code, body := g.dial(t, "POST /v1/services/deposit HTTP/1.1\n"+stalled+"\n{").ends(t)
	if code != http.StatusRequestTimeout || !strings.Contains(body, "the body did not come within 50ms") {
		t.Errorf("the answer is %d %s", code, body)
	}
}

// What is refused unread does not hold its connection for the time of a body.
func TestStalledBodyOfARefusal(t *testing.T) {
	g := startGroup(t, 1)
	query := g.dial(t, "POST /v1/services/deposit?dry_run=perhaps HTTP/1.1\n"+stalled+"\n{")
	path := g.dial(t, "POST /nowhere HTTP/1.1\n"+stalled+"\n{")
	for conn, want := range map[*raw]int{query: http.StatusBadRequest, path: http.StatusNotFound} {
		if code, body := conn.ends(t); code != want {
			t.Errorf("the answer is %d %s, want %d", code, body, want)
		}
	}
}

// Nobody waits for a body longer than its caller for the answer.
func TestStalledBodyOfAHurriedCaller(t *testing.T) {
	g := startGroup(t, 1)
	code, body := g.dial(t, "POST /v1/services/deposit HTTP/1.1\nRinghold-Timeout: 50ms\n"+stalled+"\n{").ends(t)
	if code != http.StatusRequestTimeout || !strings.Contains(body, "50ms") {
		t.Errorf("the answer is %d %s", code, body)
	}
}

// The time of a body ends with it: its connection is good for further requests,
// and the service may take longer.
func TestTimelyBody(t *testing.T) {
	const short = 200 * time.Millisecond
	g := startGroup(t, 1, func(cfg *Config, members []*fakeMember) {
		cfg.bodyTimeout = short
		members[0].run = func(_ *pb.DispatchRequest, reply func(message.Response)) {
			time.AfterFunc(2*short, func() { reply(message.OK{}) })
		}
	})
	for range 2 {
		if got := g.do(t, "POST", "/v1/services/deposit", `{"account_id":"a"}`); got.code != 200 || got.header.Get("Connection") == "close" {
			t.Errorf("got %d %s %v", got.code, got.text, got.header)
		}
	}
}

// Shutdown refuses a request whose body does not come, and is no failure for it.
func TestShutdownWithAStalledBody(t *testing.T) {
	var log bytes.Buffer
	g := startGroup(t, 1, func(cfg *Config, _ []*fakeMember) { cfg.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	conn := g.dial(t, "POST /v1/services/deposit HTTP/1.1\nExpect: 100-continue\n"+stalled+"\n")
	if resp, err := http.ReadResponse(conn.in, nil); err != nil || resp.StatusCode != http.StatusContinue { //nolint:bodyclose // it has none
		t.Fatalf("the gateway does not read the body: %v, %v", resp, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if err := g.gateway.Shutdown(ctx); err != nil {
		t.Errorf("shutdown says %v", err)
	}
	if ctx.Err() != nil {
		t.Error("shutdown took all of its time")
	}
	if code, body := conn.ends(t); code != http.StatusServiceUnavailable || !strings.Contains(body, "the gateway is stopping") {
		t.Errorf("the answer is %d %s", code, body)
	}
	if !strings.Contains(log.String(), "bodies did not come") {
		t.Errorf("the log is %s", log.String())
	}
}

// Shutdown that has no time for it either cuts the connection, which is no
// failure; to cut off what was accepted is one.
func TestShutdownThatCutsHTTP(t *testing.T) {
	for name, test := range map[string]struct {
		body string
		want error
	}{
		"a body that does not come": {"Expect: 100-continue\n" + stalled + "\n", nil},
		"a request":                 {"Host: 127.0.0.1\nContent-Length: 18\n\n" + `{"account_id":"a"}`, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			g := startGroup(t, 1, func(_ *Config, members []*fakeMember) {
				members[0].run = func(*pb.DispatchRequest, func(message.Response)) {}
			})
			conn := g.dial(t, "POST /v1/services/deposit HTTP/1.1\n"+test.body)
			if test.want != nil {
				g.members[0].await(t, 1)
			} else if _, err := conn.in.Peek(1); err != nil { // of 100 Continue
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := g.gateway.finishHTTP(ctx); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

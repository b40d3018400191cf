package cli

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringhold/ringhold/internal/fakeserver"
	"github.com/ringhold/ringhold/message"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
)

// ledger is a service that keeps what a store would: it answers a repeated
// message as the first time, and remembers what ran, in order.
type ledger struct {
	mu      sync.Mutex
	first   map[string]message.Response
	ran     map[string][]int // by aggregate: the numbers of its messages
	repeats int
	onRun   func(n int) // called with how many ran, under the lock
}

func newLedger() *ledger {
	return &ledger{first: map[string]message.Response{}, ran: map[string][]int{}}
}

// answer refuses every tenth message of an aggregate.
func (l *ledger) answer(_ context.Context, req *pb.DispatchRequest) message.Response {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r := l.first[req.GetMessageId()]; r != nil {
		l.repeats++
		return r
	}
	var body struct {
		Package string `json:"package"`
		Number  int    `json:"number"`
	}
	if err := json.Unmarshal(req.GetJson(), &body); err != nil {
		return message.InvalidRequest{Reason: err.Error()}
	}
	l.ran[body.Package] = append(l.ran[body.Package], body.Number)
	var r message.Response = message.OK{Version: message.Version(len(l.ran[body.Package])), HasVersion: true}
	if body.Number%10 == 3 {
		r = message.DomainError{Code: "not_newer"}
	}
	l.first[req.GetMessageId()] = r
	if l.onRun != nil {
		l.onRun(len(l.first))
	}
	return r
}

// check looks whether n messages ran once each, in order.
func (l *ledger) check(t *testing.T, n int) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	total := 0
	for name, numbers := range l.ran {
		total += len(numbers)
		for i, number := range numbers {
			if number != i {
				t.Errorf("%s ran %v", name, numbers)
				break
			}
		}
	}
	if total != n {
		t.Errorf("%d messages ran, want %d", total, n)
	}
}

var packages = []*pb.ServiceInfo{{Name: "release", Stream: "packages", IdField: "package", On: pb.On_ON_MAYBE_NEW}}

// releases returns a file of messages for some aggregates in turn.
func releases(each, aggregates int) string {
	var b strings.Builder
	for n := range each {
		for a := range aggregates {
			fmt.Fprintf(&b, `{"service":"release","id":"m-%d-%d","raw_request":{"package":"p%d","number":%d}}`+"\n", a, n, a, n)
		}
	}
	return b.String()
}

func write(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func zip(t *testing.T, s string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// summaryOf reads the summary that was printed as JSON.
func summaryOf(t *testing.T, r ran) (s summaryJSON) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.out), &s); err != nil {
		t.Fatalf("%v in %q (%q)", err, r.out, r.errOut)
	}
	return s
}

// The server dies twice while the file is sent: nothing is lost, nothing runs
// twice, and each aggregate's messages run in the order of the file.
func TestFromFileSurvivesRestarts(t *testing.T) {
	const each, aggregates = 100, 7
	book := newLedger()
	server := &fakeserver.Server{Answer: book.answer, Services: packages}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	server.Start(l)
	var restarts sync.WaitGroup
	book.onRun = func(n int) {
		if n == 150 || n == 420 {
			restarts.Go(func() {
				server.Kill()
				l, err := net.Listen("tcp", address)
				if err != nil {
					t.Error(err)
					return
				}
				server.Start(l)
			})
		}
	}
	answers := filepath.Join(t.TempDir(), "answers")
	r := ringhold(t, "", "dispatch", "--from-file", write(t, "f.jsonl.gz", zip(t, releases(each, aggregates))),
		"--server", address, "-o", "json", "--answers", answers)
	restarts.Wait()
	server.Kill()
	if r.code != exitOK {
		t.Fatalf("exit %d: %s", r.code, r.errOut)
	}
	book.check(t, each*aggregates)
	if s := summaryOf(t, r); s.Messages != 700 || s.Accepted != 630 || s.Refused != 70 || s.Errors["not_newer"] != 70 || s.Failed != 0 {
		t.Errorf("summary %+v", s)
	}
	if !strings.Contains(r.errOut, "no answer from "+address) || !strings.Contains(r.errOut, "answers again") {
		t.Errorf("it does not say that it waited: %s", r.errOut)
	}
	lines, err := os.ReadFile(answers)
	if err != nil || bytes.Count(lines, []byte("\n")) != 700 || bytes.Count(lines, []byte(`"code":"not_newer"`)) != 70 {
		t.Errorf("answers %s, %v", lines, err)
	}
}

func TestFromFileAgainIsAnsweredTheSame(t *testing.T) {
	book := newLedger()
	address := start(t, &fakeserver.Server{Answer: book.answer, Services: packages})
	file := releases(30, 3)
	first := ringhold(t, file, "dispatch", "--from-file", "-", "--server", address, "-o", "json")
	again := ringhold(t, file, "dispatch", "--from-file", "-", "--server", address, "-o", "json")
	if a, b := summaryOf(t, first), summaryOf(t, again); a.Accepted != b.Accepted || a.Refused != b.Refused || a.Messages != 90 {
		t.Errorf("summaries %+v and %+v", a, b)
	}
	book.check(t, 90)
	if book.repeats != 90 {
		t.Errorf("%d repeats", book.repeats)
	}
}

// It waits for a server that is not there yet.
func TestFromFileWaitsForTheServer(t *testing.T) {
	address := silentAddress(t)
	book := newLedger()
	server := &fakeserver.Server{Answer: book.answer, Services: packages}
	started := make(chan error, 1)
	timer := time.AfterFunc(300*time.Millisecond, func() {
		l, err := net.Listen("tcp", address)
		if err == nil {
			server.Start(l)
		}
		started <- err
	})
	defer timer.Stop()
	r := ringhold(t, releases(3, 2), "dispatch", "--from-file", "-", "--server", address)
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	defer server.Kill()
	if r.code != exitOK || !strings.Contains(r.errOut, "nothing answers at "+address+" yet") {
		t.Errorf("exit %d: %s", r.code, r.errOut)
	}
	book.check(t, 6)
}

// A server that never has room again: the command gives up, and says so.
func TestFromFileGivesUp(t *testing.T) {
	address := start(t, bank())
	r := ringhold(t, "", "dispatch", "full", "--from-file", "testdata/requests.jsonl", "--server", address, "--retry-for", "200ms")
	if r.code != exitUnanswered {
		t.Errorf("exit %d", r.code)
	}
	for _, want := range []string{
		"the mailbox of accounts-acc-1 is full: sending again", "line 1: mailbox full", "line 2: mailbox full", "2 messages failed", "sending it again is safe",
	} {
		if !strings.Contains(r.errOut, want) {
			t.Errorf("%q is missing in:\n%s", want, r.errOut)
		}
	}
	for _, wrong := range []string{"no answer from", "answers again"} {
		if strings.Contains(r.errOut, wrong) {
			t.Errorf("it says %q of a server that answered:\n%s", wrong, r.errOut)
		}
	}
	if n := strings.Count(r.errOut, "sending again, "); n != 1 {
		t.Errorf("it says %d times that a mailbox is full:\n%s", n, r.errOut)
	}
	r = ringhold(t, "", "dispatch", "full", "--from-file", "testdata/requests.jsonl", "--server", address, "--retry-for", "200ms", "-q")
	if strings.Contains(r.errOut, "sending again, ") {
		t.Errorf("it is not quiet:\n%s", r.errOut)
	}
}

func TestFromFileIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	address := start(t, &fakeserver.Server{Services: packages, Answer: func(ctx context.Context, _ *pb.DispatchRequest) message.Response {
		cancel()
		<-ctx.Done()
		return message.OK{}
	}})
	r := command(ctx, New(), releases(5, 1), "dispatch", "--from-file", "-", "--server", address, "-o", "json")
	if r.code != exitInterrupted || !strings.Contains(r.errOut, "interrupted") {
		t.Errorf("exit %d: %s", r.code, r.errOut)
	}
	if s := summaryOf(t, r); s.Missing == 0 || s.Missing != s.Messages {
		t.Errorf("summary %+v", s)
	}
}

func TestFromFileThatIsCutOff(t *testing.T) {
	address := start(t, bank())
	whole := zip(t, strings.Repeat(`{"service":"touch"}`+"\n", 100))
	for name, c := range map[string]struct {
		content []byte
		want    string
	}{
		"cut":     {whole[:len(whole)-9], "the compressed file ends here, before its end"},
		"damaged": {append(bytes.Clone(whole[:len(whole)-8]), make([]byte, 8)...), "its checksum is wrong"},
		"no gzip": {[]byte("\x1f\x8bnonsense"), "begins as gzip does"},
		"long":    {[]byte(`{"service":"touch"}` + "\n" + strings.Repeat("x", maxLine+1)), "line 2: is longer than"},
	} {
		r := ringhold(t, "", "dispatch", "--from-file", write(t, "f", c.content), "--server", address, "--keep-going")
		if r.code != exitUsage || !strings.Contains(r.errOut, c.want) {
			t.Errorf("%s: exit %d, %s", name, r.code, r.errOut)
		}
	}
	dos := "\xef\xbb\xbf{\"service\":\"touch\"}\r\n\r\n{\"service\":\"touch\"}"
	if r := ringhold(t, dos, "dispatch", "--from-file", "-", "--server", address, "-o", "json"); r.code != exitOK || summaryOf(t, r).Accepted != 2 {
		t.Errorf("as Windows writes it: exit %d, %s", r.code, r.errOut)
	}
}

// Messages of one aggregate have one key, however the id is written.
func TestKeys(t *testing.T) {
	k := keys{"release": {"packages", "package"}}
	for request, want := range map[string]string{
		`{"package":"bash"}`: "packages-bash", `{"package": 7}`: "packages-7", `{"package":"7"}`: "packages-7",
		`{"package":""}`: "", `{"package":1.5}`: "", `{}`: "", ``: "",
	} {
		body, err := message.JSONBody([]byte(request))
		if err != nil {
			t.Fatal(err)
		}
		if got := k.of("release", body); got != want {
			t.Errorf("%s: key %q, want %q", request, got, want)
		}
		if got := k.of("other", body); got != "" {
			t.Errorf("an unknown service has the key %q", got)
		}
	}
}

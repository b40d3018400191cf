package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/ringhold/ringhold/internal/fakeserver"
	"github.com/ringhold/ringhold/message"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
)

// built is the path of the command, as `go build` makes it.
var built string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "ringhold")
		if err != nil {
			panic(err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		built = filepath.Join(dir, "ringhold")
		if runtime.GOOS == "windows" {
			built += ".exe"
		}
		if out, err := exec.Command("go", "build", "-o", built, ".").CombinedOutput(); err != nil {
			panic(string(out))
		}
		return m.Run()
	}())
}

var answers = map[string]message.Response{
	"touch":    message.OK{Version: 3, HasVersion: true},
	"refused":  message.DomainError{Code: "closed"},
	"faulty":   message.MissingID{Field: "id"},
	"nobody":   message.NotFound{Stream: "accounts", ID: "acc-1"},
	"conflict": message.WrongExpectedVersion{Expected: 1, Current: 2},
	"denied":   message.Forbidden{},
	"late":     message.ServiceTimeout{},
	"panics":   message.Crashed{},
}

// start serves the answers; a message to "hangs" is told of, and has none.
func start(t *testing.T) (address string, hangs <-chan struct{}) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	arrived := make(chan struct{}, 1)
	s := &fakeserver.Server{Answer: func(ctx context.Context, req *pb.DispatchRequest) message.Response {
		if req.GetService() == "hangs" {
			arrived <- struct{}{}
			<-ctx.Done()
		}
		return answers[req.GetService()]
	}}
	s.Start(l)
	t.Cleanup(s.Kill)
	return l.Addr().String(), arrived
}

func run(t *testing.T, address string, args ...string) (code int, out, errOut string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), built, args...)
	cmd.Env = append(os.Environ(), "RINGHOLD_SERVER="+address)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	var exited *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exited) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()
}

func TestExitCodes(t *testing.T) {
	address, _ := start(t)
	for args, want := range map[string]int{
		"dispatch touch": 0, "dispatch @": 2, "dispatch touch @nowhere.json": 1, "dispatch refused": 3, "dispatch faulty": 4,
		"dispatch nobody": 5, "dispatch conflict": 6, "dispatch denied": 7, "dispatch late": 8, "dispatch panics": 9,
		"frobnicate": 2, "state accounts": 2, "version": 0, "help": 0, "dispatch touch --server 127.0.0.1:1": 8,
	} {
		code, out, errOut := run(t, address, strings.Fields(args)...)
		if code != want {
			t.Errorf("%s: exit %d, want %d\n%s%s", args, code, want, out, errOut)
		}
		if (errOut == "") != (want == 0) {
			t.Errorf("%s: the error output is %q", args, errOut)
		}
	}
}

// What runs a service comes with the command, and hosts the examples.
func TestHostsTheExamples(t *testing.T) {
	code, out, errOut := run(t, "", "--help")
	for _, want := range []string{"dev", "serve", "migrate", "catalogue", "init", "dispatch"} {
		if !strings.Contains(out, "\n  "+want+" ") {
			t.Errorf("exit %d: %s is missing in\n%s%s", code, want, out, errOut)
		}
	}
	code, out, errOut = run(t, "", "catalogue")
	for _, want := range []string{`"accounts"`, `"packages"`, `"greet"`} {
		if !strings.Contains(out, want) {
			t.Errorf("exit %d: %s is missing in\n%s%s", code, want, out, errOut)
		}
	}
}

package e2e

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// dev is a running `dev` process.
type dev struct {
	t       *testing.T
	binary  string
	args    []string
	dir     string // where it runs; the checkout if empty
	address string
	cmd     *exec.Cmd
	out     *output
	done    chan struct{}
	err     error // of the process; read after done
}

// output collects what a process prints.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// startDev runs a manifest with a binary, on a port and in a directory of its
// own, until the test ends.
func startDev(t *testing.T, binary, manifest string, flags ...string) *dev {
	t.Helper()
	d := &dev{t: t, binary: binary, address: freeAddress(t)}
	d.args = append([]string{"dev", "-f", manifest, "--listen", d.address, "--data", t.TempDir()}, flags...)
	d.start()
	t.Cleanup(func() {
		d.kill()
		if t.Failed() {
			t.Logf("dev printed:\n%s", d.out)
		}
	})
	return d
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// start starts the process and waits until it answers.
func (d *dev) start() {
	d.t.Helper()
	d.out, d.done = &output{}, make(chan struct{})
	d.cmd = exec.Command(d.binary, d.args...)
	d.cmd.Dir = cmp.Or(d.dir, root)
	d.cmd.Stdout, d.cmd.Stderr = d.out, d.out
	if err := d.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	go func() {
		d.err = d.cmd.Wait()
		close(d.done)
	}()
	ctx, cancel := context.WithTimeout(d.t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if r, err := http.Get("http://" + d.address + "/readyz"); err == nil {
			_ = r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-d.done:
			d.t.Fatalf("dev ended: %v\n%s", d.err, d.out)
		case <-ctx.Done():
			d.t.Fatalf("dev does not answer\n%s", d.out)
		case <-tick.C:
		}
	}
}

// kill ends the process at once, as a power cut would end it.
func (d *dev) kill() {
	_ = d.cmd.Process.Kill() // it may have ended
	<-d.done
}

// stop ends the process as Ctrl-C does, and demands that it ends well.
func (d *dev) stop() {
	d.t.Helper()
	if err := d.cmd.Process.Signal(syscall.SIGINT); err != nil {
		d.t.Fatal(err)
	}
	select {
	case <-d.done:
	case <-time.After(30 * time.Second):
		d.t.Fatalf("dev does not end\n%s", d.out)
	}
	if d.err != nil {
		d.t.Fatalf("dev ended with %v\n%s", d.err, d.out)
	}
}

// database is the path of the embedded store's file.
func (d *dev) database() string {
	for i, a := range d.args {
		if a == "--data" {
			return filepath.Join(d.args[i+1], "ringhold.db")
		}
	}
	return ""
}

// result is what a command came to.
type result struct {
	out  string // of both streams
	code int
}

// run runs a program until it ends.
func run(t *testing.T, name string, args ...string) result {
	t.Helper()
	return runWith(t, nil, name, args...)
}

func runWith(t *testing.T, stdin []byte, name string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = root
	cmd.Stdin = bytes.NewReader(stdin)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if ctx.Err() != nil {
		t.Fatalf("%s %v does not end\n%s", name, args, out.String())
	}
	if err != nil && cmd.ProcessState == nil {
		t.Fatalf("%s %v: %v", name, args, err)
	}
	return result{out.String(), cmd.ProcessState.ExitCode()}
}

// cli runs the ringhold command against the process.
func (d *dev) cli(args ...string) result {
	d.t.Helper()
	return run(d.t, ringhold, append(args, "--server", d.address)...)
}

// curl sends a request and returns status and body.
func (d *dev) curl(path string, flags ...string) (status int, body string) {
	d.t.Helper()
	need(d.t, "curl")
	file := filepath.Join(d.t.TempDir(), "body")
	flags = append([]string{"--silent", "--show-error", "--max-time", "30", "--output", file, "--write-out", "%{http_code}"}, flags...)
	r := run(d.t, "curl", append(flags, "http://"+d.address+path)...)
	if _, err := fmt.Sscanf(r.out, "%d", &status); err != nil || r.code != 0 {
		d.t.Fatalf("curl %s: exit %d: %s", path, r.code, r.out)
	}
	b, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		d.t.Fatal(err)
	}
	return status, string(b)
}

// post sends a JSON body to a service.
func (d *dev) post(service, body string, flags ...string) (status int, answer string) {
	d.t.Helper()
	return d.curl("/v1/services/"+service, append([]string{"--data-binary", body, "-H", "Content-Type: application/json"}, flags...)...)
}

// send sends a message with an id to a service, from any goroutine. A status of
// 0 is no answer.
func (d *dev) send(service, body, id string) (status int, answer string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(d.t.Context()), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+d.address+"/v1/services/"+service, strings.NewReader(body))
	if err != nil {
		panic(err) // the test wrote the request
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", id)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(b)
}

// contains fails unless text has all of the parts.
func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("want %q in:\n%s", part, text)
		}
	}
}

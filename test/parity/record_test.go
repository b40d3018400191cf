package parity

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ringhold/ringhold/dispatch"
)

// recorder keeps what an observer is told.
type recorder struct {
	mu     sync.Mutex
	events []dispatch.Event
}

// Observe keeps an event.
func (r *recorder) Observe(e dispatch.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

func (r *recorder) all() []dispatch.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.events)
}

// steps names the steps so far.
func (r *recorder) steps() []string {
	var out []string
	for _, e := range r.all() {
		out = append(out, e.Step.String())
	}
	return out
}

// count counts a step.
func (r *recorder) count(step dispatch.Step) (n int) {
	for _, e := range r.all() {
		if e.Step == step {
			n++
		}
	}
	return n
}

func (r *recorder) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = nil
}

// notes keeps what callbacks write down, in order.
type notes struct {
	mu    sync.Mutex
	lines []string
}

func (n *notes) add(line string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, line)
}

// take returns the lines and forgets them.
func (n *notes) take() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	lines := n.lines
	n.lines = nil
	return lines
}

// logged is a log that a test reads.
type logged struct {
	mu  sync.Mutex
	out bytes.Buffer
}

// Write takes a line.
func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.Write(b)
}

func (l *logged) handler() slog.Handler {
	return slog.NewJSONHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug})
}

// line returns the attributes of the only line with a message.
func (l *logged) line(t *testing.T, text string) map[string]any {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []map[string]any
	for line := range strings.Lines(l.out.String()) {
		var one map[string]any
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatal(err)
		}
		if one[slog.MessageKey] == text {
			found = append(found, one)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d lines say %q:\n%s", len(found), text, l.out.String())
	}
	return found[0]
}

package storetest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// crashPlace names the place to a child of the crash test.
const crashPlace = "RINGHOLD_STORETEST_CRASH_PLACE"

const (
	crashMembers = 3  // of the child, each appending on its own
	crashStreams = 30 // shared out by slot
	crashEvents  = 3  // of each command
)

// killed kills a process that is appending, several times, at any moment. What
// it acknowledged is there, of what it did not acknowledge all or nothing.
func (t *test) killed() {
	place := t.Locate(t.T)
	acknowledged := map[string]message.Stream{}
	top, _, _ := strings.Cut(t.Name(), "/")
	for round := range 6 {
		for id, name := range crash(t, top, place, 10+rand.IntN(120)) {
			acknowledged[id] = name
		}
		st := must(t.Open(t.Context(), place))(t, "open after the kill")
		stored := completeCommands(t, st)
		for id, name := range acknowledged {
			if stored[id] != name {
				t.Errorf("round %d: message %s of %s was acknowledged and is lost", round, id, name)
			}
		}
		t.Logf("round %d: %d commands acknowledged so far, %d stored", round, len(acknowledged), len(stored))
		if err := st.Close(); err != nil {
			t.Fatalf("close: %v", err)
		}
	}
}

// crash runs a child until it has acknowledged some commands and kills it.
func crash(t tb, top, place string, after int) map[string]message.Stream {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+top+"$")
	child.Env = append(os.Environ(), crashPlace+"="+place)
	out := must(child.StdoutPipe())(t, "pipe")
	var complaints strings.Builder
	child.Stderr = &complaints
	if err := child.Start(); err != nil {
		t.Fatalf("start the child: %v", err)
	}
	acknowledged := map[string]message.Stream{}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var id, name string
		if n, _ := fmt.Sscanf(lines.Text(), "stored %s %s .", &id, &name); n == 2 && strings.HasSuffix(lines.Text(), " .") {
			acknowledged[id] = message.Stream(name)
		}
		if len(acknowledged) == after {
			after = -1
			if err := child.Process.Kill(); err != nil {
				t.Fatalf("kill the child: %v", err)
			}
		}
	}
	err := child.Wait()
	var exit *exec.ExitError
	if after != -1 || !errors.As(err, &exit) {
		t.Fatalf("the child ended by itself: %v\n%s", err, complaints.String())
	}
	return acknowledged
}

// completeCommands returns the commands of a store's logs by message id, and
// fails if one is there in part, or if a stream has a gap.
func completeCommands(t tb, st store.Store) map[string]message.Stream {
	t.Helper()
	commands := map[string]message.Stream{}
	at := map[message.Stream]message.Version{}
	left := map[message.Stream]int{} // events that the stream's last command still has to have
	for _, e := range logs(t, st) {
		if v, ok := at[e.Stream]; ok && e.Version != v+1 || !ok && e.Version != 0 {
			t.Fatalf("%s goes from version %d to %d", e.Stream, v, e.Version)
		}
		at[e.Stream] = e.Version
		if e.Command != nil {
			if left[e.Stream] != 0 {
				t.Fatalf("%s: message %s begins inside another command", e.Stream, e.MessageID)
			}
			if _, ok := commands[string(e.MessageID)]; ok {
				t.Fatalf("message %s is stored twice", e.MessageID)
			}
			commands[string(e.MessageID)], left[e.Stream] = e.Stream, e.Command.Events
		}
		left[e.Stream]--
	}
	for name, n := range left {
		if n != 0 {
			t.Fatalf("the last command of %s lacks %d events", name, n)
		}
	}
	return commands
}

// appendUntilKilled is the child's whole life.
func appendUntilKilled(h Harness, place string) {
	err := appendForEver(context.Background(), h, place)
	fmt.Fprintln(os.Stderr, "appending ended:", err)
	os.Exit(1)
}

func appendForEver(ctx context.Context, h Harness, place string) error {
	st, err := h.Open(ctx, place)
	if err != nil {
		return err
	}
	if err := buryAll(ctx, h, st); err != nil {
		return err
	}
	failed := make(chan error, crashMembers)
	var out sync.Mutex
	for i := range crashMembers {
		c := &crasher{st: st, part: i, out: os.Stdout, mu: &out, id: store.MemberID(fmt.Sprintf("p%d-%d-%d", os.Getpid(), time.Now().UnixNano(), i))}
		if err := c.start(ctx); err != nil {
			return err
		}
		go func() { failed <- c.run(ctx) }()
	}
	return <-failed
}

// buryAll deposes the members of the processes before.
func buryAll(ctx context.Context, h Harness, st store.Store) error {
	r, err := st.Join(ctx, store.Member{ID: store.MemberID(fmt.Sprintf("gravedigger-%d", time.Now().UnixNano())), Writers: 1}, time.Hour)
	if err != nil {
		return err
	}
	members, err := st.Members(ctx)
	if err != nil {
		return err
	}
	for _, m := range members {
		for deposed := m.Deposed; !deposed && !strings.HasPrefix(string(m.ID), "gravedigger"); {
			d := store.Depose{Member: m.ID, Incarnation: r.Incarnation, Estimate: future(), Alone: h.Exclusive}
			if deposed, err = st.Depose(ctx, d); err != nil {
				return err
			}
		}
	}
	return nil
}

// crasher is a member of the child.
type crasher struct {
	st   store.Store
	id   store.MemberID
	part int
	out  io.Writer
	mu   *sync.Mutex // of out

	w        store.Writer
	claims   map[ring.Slot]store.Claim
	versions map[message.Stream]message.Version
}

// start takes the member's share of the slots and reads where their streams are.
func (c *crasher) start(ctx context.Context) (err error) {
	if _, err = c.st.Join(ctx, store.Member{ID: c.id, Writers: 1}, 0); err != nil {
		return err
	}
	if c.w, err = c.st.Writer(ctx, c.id, 0); err != nil {
		return err
	}
	if err = c.w.Raise(ctx, 1); err != nil {
		return err
	}
	var share []ring.Slot
	for slot := c.part; slot < slots; slot += crashMembers {
		share = append(share, ring.Slot(slot))
	}
	claims, err := c.w.Acquire(ctx, share)
	if err != nil {
		return err
	}
	if len(claims) != len(share) {
		return fmt.Errorf("%s acquired %v of %v", c.id, claims, share)
	}
	c.claims, c.versions = map[ring.Slot]store.Claim{}, map[message.Stream]message.Version{}
	for _, claim := range claims {
		c.claims[claim.Slot] = claim
	}
	for n := range crashStreams {
		name := message.Stream(fmt.Sprint("accounts-", n))
		if _, mine := c.claims[slotOf(name)]; !mine {
			continue
		}
		events, err := c.st.ReadStream(ctx, name, 0, 1<<20)
		if err != nil {
			return err
		}
		c.versions[name] = message.Version(len(events))
	}
	return nil
}

// run appends a command for each of a few streams at a time, and says so when
// it is stored.
func (c *crasher) run(ctx context.Context) error {
	for n := 0; ; n++ {
		b := (&member{id: c.id, gen: 1, claims: c.claims}).batch()
		said := ""
		for name, v := range c.versions { // map order: any of them first
			id := message.ID(fmt.Sprintf("%s-%d-%s", c.id, n, name))
			b.command(id, name, v, crashEvents)
			c.versions[name] = v + crashEvents
			said += fmt.Sprintf("stored %s %s .\n", id, name)
			if len(b.a.Events) > 3*crashEvents {
				break
			}
		}
		b.m.w = c.w
		if err := b.try(ctx); err != nil {
			return err
		}
		c.mu.Lock()
		_, err := io.WriteString(c.out, said)
		c.mu.Unlock()
		if err != nil {
			return err
		}
	}
}

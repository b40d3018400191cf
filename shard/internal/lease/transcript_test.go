package lease

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ringhold/ringhold/store"
)

// TestTranscripts runs the schedules of testdata. A line is what happens, at a time
// since the start; those that begin with > are what is decided, which the test
// makes again and compares. With RINGHOLD_UPDATE=1 it writes them.
//
//	TIME renew [now=TIME] [incarnation=ID]    the own renewal is answered; the store's clock says now
//	TIME fails                                it is not
//	TIME row ID joined=TIME until=TIME [leaving] [deposed] [owns]
//	TIME look                                 the rows are read
//	TIME over?                                may the lease be over
//
// The process is p2, with the member m0-p2.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := replay(t, text)
			if bytes.Equal(got, text) {
				return
			}
			if os.Getenv("RINGHOLD_UPDATE") == "1" {
				if err := os.WriteFile(file, got, 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			t.Errorf("it is decided\n%s\nwant\n%s", got, text)
		})
	}
}

// stage is the state of a transcript.
type stage struct {
	t    *testing.T
	zero time.Time
	run  Run
	term Term
	over *TakeOver
	rows Rows
	out  bytes.Buffer
}

func replay(t *testing.T, text []byte) []byte {
	t.Helper()
	s := &stage{t: t, zero: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), over: NewTakeOver("p2"), rows: Rows{Owns: map[store.MemberID]bool{}}}
	for in := bufio.NewScanner(bytes.NewReader(text)); in.Scan(); {
		line := in.Text()
		if strings.HasPrefix(strings.TrimSpace(line), ">") {
			continue
		}
		fmt.Fprintln(&s.out, line)
		if words := strings.Fields(line); len(words) > 1 && words[0] != "#" {
			s.play(s.at(words[0]), words[1], words[2:])
		}
	}
	return s.out.Bytes()
}

func (s *stage) say(format string, args ...any) { fmt.Fprintf(&s.out, "    > "+format+"\n", args...) }

func (s *stage) at(text string) time.Time {
	d, err := time.ParseDuration(text)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.zero.Add(d)
}

func (s *stage) play(now time.Time, what string, words []string) {
	args := map[string]string{}
	for _, w := range words {
		name, value, _ := strings.Cut(w, "=")
		args[name] = value
	}
	switch what {
	case "renew":
		n := Renewed{Sent: now, Answered: now, Renewal: store.Renewal{Now: now, Incarnation: args["incarnation"]}}
		if at := args["now"]; at != "" {
			n.Now = s.at(at)
		}
		s.term.Renew(now)
		if broken := s.run.Renewed(n); broken != "" {
			s.say("the run begins anew: %s", broken)
		}
	case "renews":
		for every := now; !every.After(s.at(args["until"])); every = every.Add(Period) {
			s.play(every, "renew", words)
		}
	case "fails":
		s.run.Break()
	case "row":
		s.row(store.MemberID(words[0]), args)
	case "over?":
		s.say("%v", s.term.Over(now))
	case "look":
		s.look(now)
	default:
		s.t.Fatalf("what is %q", what)
	}
}

func (s *stage) row(id store.MemberID, args map[string]string) {
	has := func(word string) bool { _, ok := args[word]; return ok }
	m := store.Member{ID: id, JoinedAt: s.at(args["joined"]), LeaseUntil: s.at(args["until"]), Leaving: has("leaving"), Deposed: has("deposed")}
	s.rows.Owns[id] = has("owns")
	for i := range s.rows.Members {
		if s.rows.Members[i].ID == id {
			s.rows.Members[i] = m
			return
		}
	}
	s.rows.Members = append(s.rows.Members, m)
}

func (s *stage) look(now time.Time) {
	d := s.over.Observe(now, &s.run, s.rows)
	if d.Rival != nil {
		s.say("refuse to start beside %s", d.Rival.ID)
	}
	if d.Fenced != nil {
		s.say("end: %s is deposed", d.Fenced.ID)
	}
	for _, one := range d.Depose {
		s.say("depose %s, silent for %v after its lease, at %v, incarnation %q", one.Member, one.Patience, one.Estimate.Sub(s.zero), one.Incarnation)
	}
	for _, m := range d.Waiting {
		s.say("wait for %s", m.ID)
	}
	if d.Done {
		s.say("take the slots")
	}
}

package cli

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ringhold/ringhold/internal/fakeserver"
)

var update = flag.Bool("update", false, "write the transcripts anew")

// stamped is when everything in the transcripts happened.
var stamped = time.Date(2026, 3, 1, 12, 30, 0, 250e6, time.UTC)

// TestTranscripts runs the commands of testdata/*.txt, each on a line that
// begins with "$ ", against a fake server, and compares what they print. Lines
// of the error output begin with "! ", and an exit code other than 0 is said.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("transcripts %v, %v", files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s := bank()
			var got bytes.Buffer
			tell := teller(t, s)
			lines := bufio.NewScanner(bytes.NewReader(want))
			for lines.Scan() {
				switch line := lines.Text(); {
				case strings.HasPrefix(line, "$ ringhold "):
					fmt.Fprintf(&got, "%s\n%s\n", line, tell(strings.TrimPrefix(line, "$ ringhold ")))
				case strings.HasPrefix(line, "# "):
					fmt.Fprintf(&got, "%s\n", line)
				}
			}
			if *update {
				if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got.String() != string(want) {
				t.Errorf("%s differs (go test -update writes it anew):\n%s", file, difference(string(want), got.String()))
			}
		})
	}
}

// teller returns a function that runs a command line and tells what came of it.
func teller(t *testing.T, s *fakeserver.Server) func(line string) string {
	t.Helper()
	address := start(t, s)
	t.Setenv(serverEnv, address)
	silent := silentAddress(t)
	return func(line string) string {
		words := split(t, strings.ReplaceAll(line, "SILENT", silent))
		stdin := ""
		if n := len(words); n > 2 && words[n-2] == "<" {
			b, err := os.ReadFile(words[n-1])
			if err != nil {
				t.Fatal(err)
			}
			stdin, words = string(b), words[:n-2]
		}
		r := ringhold(t, stdin, words...)
		var b strings.Builder
		b.WriteString(r.out)
		for line := range strings.Lines(r.errOut) {
			b.WriteString("! " + line)
		}
		if r.code != exitOK {
			fmt.Fprintf(&b, "exit %d\n", r.code)
		}
		return hide(strings.ReplaceAll(strings.ReplaceAll(b.String(), address, "SERVER"), silent, "SILENT"))
	}
}

// silentAddress returns an address at which nobody listens.
func silentAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

var (
	uuids = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	rates = regexp.MustCompile(`in \S+ \(\d+/s\)`)
	speed = regexp.MustCompile(`"seconds":[^,]+,"per_second":\d+`)
	tries = regexp.MustCompile(`after \d+ attempts`)
	waits = regexp.MustCompile(`too long \([^)]*\)`)
	noFil = regexp.MustCompile(`(open \S*nowhere\S*): .*`)
	goVer = regexp.MustCompile(`ringhold \S+ \(go\S+, [a-z0-9]+/[a-z0-9]+\)`)
)

// hide replaces what differs from run to run.
func hide(s string) string {
	s = uuids.ReplaceAllString(s, "NEW-ID")
	s = rates.ReplaceAllString(s, "in TIME (RATE/s)")
	s = speed.ReplaceAllString(s, `"seconds":TIME,"per_second":RATE`)
	s = tries.ReplaceAllString(s, "after N attempts")
	s = waits.ReplaceAllString(s, "too long (TIME)")
	s = noFil.ReplaceAllString(s, "$1: NO SUCH FILE")
	return goVer.ReplaceAllString(s, "ringhold VERSION (GO, PLATFORM)")
}

// split splits a command line as a shell does, as far as transcripts need it.
func split(t *testing.T, line string) (words []string) {
	t.Helper()
	word, quoted, begun := "", false, false
	for _, c := range line {
		switch {
		case c == '\'':
			quoted, begun = !quoted, true
		case c == ' ' && !quoted:
			if begun {
				words = append(words, word)
			}
			word, begun = "", false
		default:
			word, begun = word+string(c), true
		}
	}
	if quoted {
		t.Fatalf("a quote is open: %s", line)
	}
	if begun {
		words = append(words, word)
	}
	return words
}

// difference shows the first lines that differ.
func difference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		var one, other string
		if i < len(w) {
			one = w[i]
		}
		if i < len(g) {
			other = g[i]
		}
		if one != other {
			return fmt.Sprintf("line %d\n  want %q\n  got  %q", i+1, one, other)
		}
	}
	return "nothing"
}

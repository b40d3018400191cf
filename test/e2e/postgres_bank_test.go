package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ringhold/ringhold/internal/pgtest"
)

// The README's transcript is true on PostgreSQL too, word for word.
func TestPostgresBank_Transcript(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, text, found := strings.Cut(string(readme), "```console\n")
	text, _, closed := strings.Cut(text, "```")
	if !found || !closed {
		t.Fatal("the README has no transcript")
	}
	store := pgtest.URL(t)
	d := startOn(t, store)
	t.Setenv("RINGHOLD_SERVER", d.address)
	t.Setenv("PATH", filepath.Dir(ringhold)+string(os.PathListSeparator)+os.Getenv("PATH"))
	steps := strings.Split(strings.TrimPrefix(text, "$ "), "\n$ ")
	if len(steps) < 5 {
		t.Fatalf("the transcript has %d commands", len(steps))
	}
	for _, step := range steps {
		command, want, _ := strings.Cut(step, "\n")
		command, state := strings.CutSuffix(command, " | jq -c .state") // which a machine may lack
		got := run(t, "sh", "-c", command).out
		if state {
			var answer struct{ State json.RawMessage }
			if err := json.Unmarshal([]byte(got), &answer); err != nil {
				t.Errorf("%s: %v\n%s", command, err, got)
			}
			compact, _ := json.Marshal(answer.State) // it was decoded from JSON
			got = string(compact)
		}
		if strings.TrimSpace(got) != strings.TrimSpace(want) {
			t.Errorf("%s\nprints  %s\nwant    %s", command, got, want)
		}
	}
	d.stop()
	var kinds []string
	for _, e := range readLog(t, store) {
		kinds = append(kinds, e.kind)
	}
	if want := []string{"opened", "deposited", "withdrawal_rejected"}; !slices.Equal(kinds, want) {
		t.Errorf("stored: %v, want %v", kinds, want)
	}
}

// Two hundred callers at once deposit to one account, ten times each.
func TestPostgresBank_OneAccountForAll(t *testing.T) {
	const callers, each = 200, 10
	store := pgtest.URL(t)
	d := startOn(t, store)
	if r := d.cli("dispatch", "open_account", ada); r.code != 0 {
		t.Fatal(r.out)
	}
	var all sync.WaitGroup
	versions := make(chan int, callers*each)
	for i := range callers {
		all.Go(func() {
			for n := range each {
				status, body := d.send("deposit", `{"account_id":"acc-1","amount":1}`, fmt.Sprintf("m-%d-%d", i, n))
				var answer struct{ Version int }
				if err := json.Unmarshal([]byte(body), &answer); err != nil || status != http.StatusOK {
					t.Errorf("a deposit is answered %d %s", status, body)
				}
				versions <- answer.Version
			}
		})
	}
	all.Wait()
	close(versions)
	http.DefaultClient.CloseIdleConnections()
	seen := map[int]bool{}
	for v := range versions {
		seen[v] = true
	}
	if len(seen) != callers*each {
		t.Errorf("%d answers have %d versions", callers*each, len(seen))
	}
	if r := d.cli("state", "accounts", "acc-1", "-o", "json"); !strings.Contains(strings.ReplaceAll(r.out, " ", ""), fmt.Sprintf(`"balance":%d`, callers*each)) {
		t.Errorf("in the end: %s", r.out)
	}
	if n := len(readLog(t, store)); n != 1+callers*each {
		t.Errorf("%d events are stored", n)
	}
	d.stop()
}

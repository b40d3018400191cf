package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The answers never go into the file that the messages come from, by whatever
// name it is called.
func TestAnswersDoNotOverwriteTheMessages(t *testing.T) {
	address := start(t, bank())
	const content = `{"service":"touch","id":"m-1"}` + "\n"
	path := write(t, "f.jsonl", []byte(content))
	link := filepath.Join(filepath.Dir(path), "link")
	if err := os.Link(path, link); err != nil {
		t.Fatal(err)
	}
	for _, answers := range []string{path, link, filepath.Join(filepath.Dir(path), ".", "f.jsonl")} {
		r := ringhold(t, "", "dispatch", "--from-file", path, "--answers", answers, "--server", address)
		if r.code != exitUsage || !strings.Contains(r.errOut, "is the file of the messages itself") {
			t.Errorf("--answers %s: exit %d: %s", answers, r.code, r.errOut)
		}
		if left, err := os.ReadFile(path); err != nil || string(left) != content {
			t.Fatalf("the messages are %q, %v", left, err)
		}
	}
}

func TestAnswersToTheOutput(t *testing.T) {
	address := start(t, bank())
	t.Chdir(t.TempDir())
	r := ringhold(t, `{"service":"touch","id":"m-1"}`, "dispatch", "--from-file", "-", "--answers", "-", "--server", address)
	if r.code != exitOK || !strings.HasPrefix(r.out, `{"line":1,"result":"ok","version":3,"message_id":"m-1"}`+"\n1 messages in ") {
		t.Errorf("exit %d: %q %q", r.code, r.out, r.errOut)
	}
	if files, err := os.ReadDir("."); err != nil || len(files) > 0 {
		t.Errorf("it made %v, %v", files, err)
	}
}

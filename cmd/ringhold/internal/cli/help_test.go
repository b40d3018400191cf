package cli

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/ringhold/ringhold/internal/fakeserver"
)

func each(c *cobra.Command, f func(*cobra.Command)) {
	f(c)
	for _, sub := range c.Commands() {
		each(sub, f)
	}
}

// Help teaches: every command says what it does and shows how it is used.
func TestEveryCommandHasAnExample(t *testing.T) {
	each(New(), func(c *cobra.Command) {
		if c.Runnable() && (c.Short == "" || !strings.Contains(c.Example, "ringhold")) {
			t.Errorf("%s: %q, example %q", c.CommandPath(), c.Short, c.Example)
		}
		for _, line := range strings.Split(c.Long, "\n") {
			if len(line) > 90 {
				t.Errorf("%s: a line of %d characters: %s", c.CommandPath(), len(line), line)
			}
		}
	})
}

func TestHelp(t *testing.T) {
	for args, want := range map[string]string{
		"--help":          "Send messages:",
		"dispatch --help": "--from-file",
		"help exit-codes": "130  it was interrupted",
		"completion bash": "__start_ringhold",
	} {
		if r := ringhold(t, "", strings.Fields(args)...); r.code != exitOK || !strings.Contains(r.out, want) {
			t.Errorf("%s: exit %d\n%s%s", args, r.code, r.out, r.errOut)
		}
	}
}

func TestCompletion(t *testing.T) {
	s := bank()
	address := start(t, s)
	for args, want := range map[string]string{
		"dispatch d":             "deposit\tPays money in.\n:4\n",
		"dispatch deposit ":      ":0\n",
		"authorized g":           "greet\tGreets.\n:4\n",
		"streams ":               "accounts\n:4\n",
		"state ":                 "accounts\n:4\n",
		"events accounts acc":    "acc-1\nacc-2\n:4\n",
		"actor unload a":         "accounts\n:4\n",
		"owner accounts acc-1 x": ":4\n",
	} {
		words := strings.Split(args, " ")
		words = append([]string{"__complete"}, append(words[:len(words)-1:len(words)-1], "--server", address, words[len(words)-1])...)
		if r := ringhold(t, "", words...); r.out != want {
			t.Errorf("%s: %q, want %q", args, r.out, want)
		}
	}
	if r := ringhold(t, "", "__complete", "dispatch", "--server", silentAddress(t), ""); r.out != ":4\n" {
		t.Errorf("without a server: %q", r.out)
	}
}

// The flags reach the server as they were meant.
func TestFlagsReachTheServer(t *testing.T) {
	s := bank()
	address := start(t, s)
	t.Setenv(serverEnv, address)
	r := ringhold(t, "", "dispatch", "deposit", `{ "n": 12345678901234567890 }`, "--id", "m-1", "--correlation-id", "c-1",
		"--causation-id", "m-0", "--dry-run", "--expect", "-1")
	if r.code != exitOK {
		t.Fatal(r.errOut)
	}
	seen := s.Seen()[0]
	if string(seen.GetJson()) != `{ "n": 12345678901234567890 }` || seen.GetMessageId() != "m-1" || seen.GetCorrelationId() != "c-1" ||
		seen.GetCausationId() != "m-0" || seen.GetDryRun().String() != "DRY_RUN_DRY" || seen.ExpectedVersion == nil || seen.GetExpectedVersion() != -1 {
		t.Errorf("sent %v", seen)
	}
	ringhold(t, "", "dispatch", "--from-file", "testdata/messages.jsonl", "--timeout", "7s", "--dry-run=verbose")
	file := s.Seen()[1:]
	if len(file) != 7 || file[1].ExpectedVersion == nil || file[1].GetMessageId() != "m-2" || file[6].GetLogAttributes()["from"] != "test" ||
		file[6].GetCorrelationId() != "c-1" || file[0].GetDryRun().String() != "DRY_RUN_VERBOSE" {
		t.Errorf("sent %v", file)
	}
	if d := file[0].GetTimeout().AsDuration(); d <= 0 || d.Seconds() > 7 {
		t.Errorf("timeout %v", d)
	}
	if r := ringhold(t, "", "delete", "accounts", "acc-1", "--hard", "--confirm", "acc-1", "--expect", "3"); r.code != exitOK {
		t.Fatal(r.errOut)
	}
	if d := s.Deletes()[0]; !d.GetHard() || d.GetConfirmId() != "acc-1" || d.GetExpectedVersion() != 3 {
		t.Errorf("sent %v", d)
	}
}

func TestNotAllowed(t *testing.T) {
	s := &fakeserver.Server{Allowed: bank().Allowed}
	s.Allowed.Allowed, s.Allowed.Reason = false, "access is Denied"
	address := start(t, s)
	if r := ringhold(t, "", "authorized", "deposit", "--server", address); r.code != exitNotAllowed || r.errOut != "not allowed: access is Denied\n" {
		t.Errorf("exit %d: %s", r.code, r.errOut)
	}
}

package shard_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/ringhold/ringhold/examples/bank"
	"github.com/ringhold/ringhold/shard"
)

const bankManifest = "../examples/bank/aggregateservice.yaml"

var hosted = shard.Binary{Hosted: []shard.Hosted{bank.Accounts, bank.Greet}}

func command(args ...string) (root *cobra.Command, out *bytes.Buffer) {
	root, out = &cobra.Command{Use: "shard", SilenceErrors: true, SilenceUsage: true}, new(bytes.Buffer)
	root.AddCommand(shard.Commands(hosted)...)
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(out)
	return root, out
}

// A command line that is wrong ends with 2, before anything was begun.
func TestWrongCommandLines(t *testing.T) {
	wrong(t, map[string]string{
		"dev extra":                                     `"extra"`,
		"serve extra":                                   `"extra"`,
		"migrate extra":                                 `"extra"`,
		"catalogue extra":                               `"extra"`,
		"dev -f MANIFEST --log-level loud":              "none of debug, info, warn, error",
		"dev -f MANIFEST --members 257":                 "256 at most",
		"dev -f MANIFEST --members 0":                   "1 or more",
		"dev -f MANIFEST --members -1":                  "1 or more",
		"dev -f MANIFEST --listen nowhere":              "write host:port",
		"dev -f MANIFEST --listen 127.0.0.1:x":          "is no port",
		"dev -f MANIFEST --listen :99999":               "is no port",
		"dev -f MANIFEST --max-message-bytes 0":         "from 1 to",
		"dev -f MANIFEST --store memory: --data d":      "leave it out with --store",
		"migrate -f MANIFEST --store sqlite:f --data d": "leave it out with --store",
		"migrate -f MANIFEST --store nonsense":          "--store",
		"dev -f MANIFEST --store=":                      "--store is empty",
		"migrate -f MANIFEST --store memory: --role x":  "--role is a role of PostgreSQL",
		"dev -f MANIFEST --store mysql://me:top@h/db":   "mysql://me:xxxxx@h/db",
	})
}

// wrong runs command lines that have to end with 2 and a text, and to make nothing.
// MANIFEST stands for that of the bank.
func wrong(t *testing.T, lines map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	t.Setenv("RINGHOLD_STORE", "")
	manifest := filepath.Join(repository(t), "examples/bank/aggregateservice.yaml")
	for args, want := range lines {
		root, out := command(strings.Fields(strings.ReplaceAll(args, "MANIFEST", manifest))...)
		if err := root.ExecuteContext(t.Context()); !isUsage(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, output %q", args, err, out)
		}
	}
	if left, err := os.ReadDir("."); err != nil || len(left) > 0 {
		t.Errorf("it left %v, %v", left, err)
	}
}

// isUsage reports whether an error ends a process as a wrong command line does.
func isUsage(err error) bool {
	var coded interface{ ExitCode() int }
	return errors.As(err, &coded) && coded.ExitCode() == 2
}

func repository(t *testing.T) string {
	t.Helper()
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(filepath.Dir(file))
}

// Execute says what is wrong with a command line too.
func TestExecute(t *testing.T) {
	root, out := command("dev", "extra")
	if code := shard.Execute(root); code != 2 || !strings.Contains(out.String(), "extra") {
		t.Errorf("exit %d: %s", code, out)
	}
}

func TestMigrateSaysWhatItDid(t *testing.T) {
	dir := t.TempDir()
	for _, want := range []string{": schema 1 was made\n", ": it had what this binary needs already, schema 1\n"} {
		root, out := command("migrate", "-f", bankManifest, "--data", dir)
		if err := root.ExecuteContext(t.Context()); err != nil || !strings.HasSuffix(out.String(), want) {
			t.Errorf("%v: %s", err, out)
		}
	}
}

// A fault against the code names its line in the manifest.
func TestFaultsAgainstTheCodeHaveLines(t *testing.T) {
	good, err := os.ReadFile(bankManifest)
	if err != nil {
		t.Fatal(err)
	}
	const field = "id: account_id"
	at := strings.Index(string(good), field)
	bad := string(good)[:at] + "id: account" + string(good)[at+len(field):]
	file := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(file, []byte(bad), 0o600); err != nil {
		t.Fatal(err)
	}
	root, _ := command("dev", "-f", file)
	err = root.ExecuteContext(t.Context())
	if want := fmt.Sprintf("bad.yaml:%d: spec.handlers", strings.Count(bad[:at], "\n")+1); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
}

// The banner tells what is so: who reaches it, how, and what is left behind.
func TestBanner(t *testing.T) {
	for _, c := range []struct {
		args         []string
		want, unwant []string
	}{
		{
			[]string{"--listen", "127.0.0.1:0", "--data", t.TempDir()},
			[]string{"http://127.0.0.1:", "what was answered stays"},
			[]string{"warning", "everything is gone"},
		},
		{
			[]string{"--listen", "0.0.0.0:0", "--store", "memory:"},
			[]string{"curl -X POST http://127.0.0.1:", "--server 127.0.0.1:", "everything is gone then", "warning  nobody is asked who they are: anyone who reaches this address can read, delete and erase"},
			[]string{"http://0.0.0.0", "http://[::]", "what was answered stays"},
		},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		root, out := command(append([]string{"dev", "-f", bankManifest}, c.args...)...)
		root.SetOut(ending{out, cancel})
		if err := root.ExecuteContext(ctx); err != nil {
			t.Errorf("%v: %v", c.args, err)
		}
		for _, want := range c.want {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%v: %q is missing in\n%s", c.args, want, out)
			}
		}
		for _, unwant := range c.unwant {
			if strings.Contains(out.String(), unwant) {
				t.Errorf("%v: %q is in\n%s", c.args, unwant, out)
			}
		}
	}
}

// ending ends the command once the banner's last line was written.
type ending struct {
	*bytes.Buffer
	cancel context.CancelFunc
}

func (e ending) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte("Ctrl-C")) {
		defer e.cancel()
	}
	return e.Buffer.Write(b)
}

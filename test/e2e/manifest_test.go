package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Each mistake in a manifest ends the start with a line that names the place
// and what to write instead.
func TestManifest_Mistakes(t *testing.T) {
	good, err := os.ReadFile(filepath.Join(root, bankManifest))
	if err != nil {
		t.Fatal(err)
	}
	for name, one := range map[string]struct {
		old, new string
		want     []string
	}{
		"a service without a command":   {"service: deposit,", "service: deposit_all,", []string{"spec.handlers[", "deposit_all", "it has: "}},
		"a stream without an aggregate": {"accounts", "acounts", []string{"spec.streams[0].name", "acounts", "accounts"}},
		"a handler without a stream":    {"stream: accounts, on: New", "stream: acounts, on: New", []string{"spec.handlers", "acounts"}},
		"an id field that is not there": {"id: account_id", "id: account", []string{".id", `"account"`, "account_id"}},
		"a bad field":                   {"slots: 256", "slots: 100", []string{"spec.slots", "power of two"}},
		"an unknown field":              {"slots: 256", "slotz: 256", []string{"slotz", "slots"}},
		"a duplicate service":           {"service: withdraw,", "service: deposit, command: withdraw,", []string{"deposit", "spec.handlers"}},
		"a wrong type":                  {"slots: 256", "slots: many", []string{"spec.slots"}},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			times := 1
			if one.old == "accounts" {
				times = -1 // the stream, and the handlers that name it
			}
			bad := strings.Replace(string(good), one.old, one.new, times)
			if bad == string(good) {
				t.Fatalf("the manifest has no %q", one.old)
			}
			file := filepath.Join(t.TempDir(), "bad.yaml")
			if err := os.WriteFile(file, []byte(bad), 0o600); err != nil {
				t.Fatal(err)
			}
			r := run(t, ringhold, "dev", "-f", file, "--data", t.TempDir(), "--listen", freeAddress(t))
			if r.code == 0 {
				t.Errorf("it started")
			}
			contains(t, r.out, append(one.want, "bad.yaml")...)
			t.Log(r.out)
		})
	}
}

// The number of slots cannot be changed under the events.
func TestManifest_OtherSlotsThanTheData(t *testing.T) {
	d := startDev(t, ringhold, bankManifest)
	d.stop()
	good, err := os.ReadFile(filepath.Join(root, bankManifest))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "other.yaml")
	if err := os.WriteFile(file, []byte(strings.Replace(string(good), "slots: 256", "slots: 512", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	args := append([]string{}, d.args...)
	args[2] = file
	r := run(t, ringhold, args...)
	if r.code == 0 {
		t.Error("it started")
	}
	contains(t, r.out, "512", "256", "slots")
}

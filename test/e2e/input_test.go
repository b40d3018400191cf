package e2e

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Bad input through every door has the right status, and nothing is stored.
func TestInput_Bad(t *testing.T) {
	d := startDev(t, ringhold, bankManifest)
	large := filepath.Join(t.TempDir(), "large.json")
	if err := os.WriteFile(large, []byte(`{"id":"big","owner":"`+strings.Repeat("x", 10<<20)+`"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("a", 10_000)
	for _, one := range []struct {
		what, body string
		status     int
	}{
		{"broken JSON", `{"id":`, 400},
		{"no object", `[1,2]`, 400},
		{"a string", `"x"`, 400},
		{"a key twice", `{"id":"a","id":"b","owner":"x"}`, 400},
		{"no UTF-8", "{\"id\":\"\xff\",\"owner\":\"x\"}", 400},
		{"nested too deep", strings.Repeat(`{"a":`, 20000) + "1" + strings.Repeat("}", 20000), 400},
		{"a wrong type", `{"id":"a","owner":7}`, 422},
		{"an id that is an object", `{"id":{},"owner":"x"}`, 422},
		{"an id that is a fraction", `{"id":1.5,"owner":"x"}`, 422},
		{"an id with an exponent", `{"id":1e3,"owner":"x"}`, 422},
		{"an id of 10,000 characters", `{"id":"` + long + `","owner":"x"}`, 422},
		{"an id with NUL", `{"id":"a\u0000b","owner":"x"}`, 422},
		{"an id with a newline", `{"id":"a\nb","owner":"x"}`, 422},
		{"10 MB", "@" + large, 413},
	} {
		status, body := d.post("open_account", one.body)
		if status != one.status {
			t.Errorf("%s: status %d, want %d: %s", one.what, status, one.status, clip(body))
		}
	}
	for _, missing := range []string{`{"account_id":"","amount":1}`, `{"account_id":null,"amount":1}`, `{"amount":1}`, `{}`, ``} {
		if status, body := d.post("deposit", missing); status != 400 || !strings.Contains(body, "KIND_MISSING_ID") {
			t.Errorf("%q: status %d: %s", missing, status, body)
		}
	}
	for _, path := range []string{
		"/v1/streams/accounts/" + url.PathEscape(long) + "/events",
		"/v1/streams/accounts/a%00b/state",
		"/v1/streams/ACCOUNTS/a/state",
		"/v1/streams/accounts/a/events?from=-1",
		"/v1/streams/accounts/a/events?from=x",
		"/v1/streams/accounts/a/state?version=x",
	} {
		if status, body := d.curl(path); status != 400 {
			t.Errorf("GET %s: status %d: %s", clip(path), status, clip(body))
		}
	}
	if r := run(t, grpcurl, "-plaintext", "-max-msg-sz", "20000000", "-d", `{"service":"open_account","object":{"id":9007199254740993,"owner":"x"}}`, d.address, "ringhold.v1.Dispatcher/Dispatch"); r.code == 0 {
		t.Errorf("a number above 2^53 was taken: %s", r.out)
	} else {
		contains(t, r.out, "json")
	}
	d.stop()
	if strings.Contains(d.out.String(), "panic") {
		t.Errorf("dev panicked:\n%s", d.out)
	}
	packages, _ := stored(t, d)
	if len(packages) != 0 {
		t.Errorf("stored: %v", packages)
	}
}

// Odd ids that are allowed work through every door.
func TestInput_OddIDs(t *testing.T) {
	d := startDev(t, ringhold, bankManifest)
	for _, id := range []string{"with space", "a/b/c", "ünï-çødé-日本", "%41", "a?b#c&d=e", "..", "'quotes\"", strings.Repeat("é", 256), "-", "acc-1-2"} {
		body := `{"id":` + quote(id) + `,"owner":"x"}`
		if status, answer := d.post("open_account", body); status != 201 {
			t.Errorf("%q: status %d: %s", clip(id), status, answer)
			continue
		}
		escaped := strings.ReplaceAll(url.PathEscape(id), ".", "%2E")
		if status, answer := d.curl("/v1/streams/accounts/"+escaped+"/state", "--path-as-is"); status != 200 || !strings.Contains(answer, `"owner":`) {
			t.Errorf("%q: state has status %d: %s", clip(id), status, answer)
		}
		if r := run(t, ringhold, "events", "--server", d.address, "accounts", "--", id); r.code != 0 || !strings.Contains(r.out, "opened") {
			t.Errorf("%q: events: %s", clip(id), r.out)
		}
	}
	if status, _ := d.post("open_account", `{"id":42,"owner":"x"}`); status != 201 {
		t.Errorf("an integer as id: status %d", status)
	}
	if status, _ := d.post("deposit", `{"account_id":"42","amount":1}`); status != 200 {
		t.Errorf("the integer as a string: status %d", status)
	}
}

func clip(s string) string { return s[:min(len(s), 200)] }

func quote(s string) string { return `"` + strings.ReplaceAll(s, `"`, `\"`) + `"` }

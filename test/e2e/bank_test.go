package e2e

import (
	"database/sql"
	"strings"
	"testing"
)

const bankManifest = "examples/bank/aggregateservice.yaml"

const ada = `{"id":"acc-1","owner":"Ada"}`

// The README's example, with the command line.
func TestBank_CommandLine(t *testing.T) {
	d := startDev(t, ringhold, bankManifest)
	for _, step := range []struct {
		args []string
		want string
		code int
	}{
		{[]string{"dispatch", "open_account", ada, "--id", "first"}, "created acc-1 @0", 0},
		{[]string{"dispatch", "open_account", ada}, "current 0", -1},
		{[]string{"dispatch", "open_account", ada, "--id", "first"}, "created acc-1 @0", 0},
		{[]string{"dispatch", "deposit", `{"account_id":"acc-1","amount":100}`}, "ok @1", 0},
		{[]string{"dispatch", "withdraw", `{"account_id":"acc-1","amount":500}`}, "insufficient_funds", -1},
		{[]string{"dispatch", "deposit", `{"account_id":"acc-1","amount":1}`, "--dry-run"}, "ok @2", 0},
		{[]string{"dispatch", "deposit", `{"account_id":"acc-1","amount":1}`, "--dry-run=verbose"}, "deposited", 0},
		{[]string{"dispatch", "close", `{"account_id":"acc-1"}`}, `"returned":100`, 0},
		{[]string{"events", "accounts", "acc-1"}, "withdrawal_rejected", 0},
		{[]string{"state", "accounts", "acc-1", "--at", "1"}, "100", 0},
		{[]string{"streams", "accounts"}, "acc-1", 0},
		{[]string{"services"}, "open_account", 0},
		{[]string{"owner", "accounts", "acc-1"}, "slot", 0},
		{[]string{"ring"}, "256", 0},
		{[]string{"actor", "unload", "accounts", "acc-1"}, "", 0},
		{[]string{"delete", "accounts", "acc-1"}, "", 0},
		{[]string{"dispatch", "deposit", `{"account_id":"acc-1","amount":1}`}, "not found", -1},
		{[]string{"delete", "accounts", "acc-1", "--hard"}, "--confirm", -1},
		{[]string{"delete", "accounts", "acc-1", "--hard", "--confirm", "acc-1"}, "", 0},
		{[]string{"dispatch", "open_account", ada}, "erased", -1},
	} {
		r := d.cli(step.args...)
		if step.code == 0 && r.code != 0 || step.code != 0 && r.code == 0 {
			t.Errorf("%v ended with exit code %d: %s", step.args, r.code, r.out)
		}
		if !strings.Contains(r.out, step.want) {
			t.Errorf("%v printed no %q:\n%s", step.args, step.want, r.out)
		}
	}
	d.stop()
}

// The same with curl, and the statuses that a client relies on.
func TestBank_Curl(t *testing.T) {
	d := startDev(t, ringhold, bankManifest)
	for _, step := range []struct {
		what, service, body string
		flags               []string
		status              int
		want                string
	}{
		{"open", "open_account", ada, []string{"-H", "Idempotency-Key: k1"}, 201, `"result":"created"`},
		{"the same message again", "open_account", ada, []string{"-H", "Idempotency-Key: k1"}, 201, `"version":0`},
		{"the same message, another request", "open_account", `{"id":"acc-1","owner":"Bob"}`, []string{"-H", "Idempotency-Key: k1"}, 422, ""},
		{"open again", "open_account", ada, nil, 409, ""},
		{"deposit", "deposit", `{"account_id":"acc-1","amount":100}`, nil, 200, `"version":1`},
		{"deposit to nobody", "deposit", `{"account_id":"nobody","amount":100}`, nil, 404, ""},
		{"without an id", "deposit", `{"amount":100}`, nil, 400, "account_id"},
		{"a negative amount", "deposit", `{"account_id":"acc-1","amount":-1}`, nil, 422, `"amount"`},
		{"too little money", "withdraw", `{"account_id":"acc-1","amount":500}`, nil, 409, "insufficient_funds"},
		{"an unknown service", "open_vault", `{}`, nil, 404, ""},
		{"a version that is not the current one", "deposit", `{"account_id":"acc-1","amount":1}`, []string{"-H", "If-Match: 0"}, 409, ""},
		{"a version that is", "deposit", `{"account_id":"acc-1","amount":1}`, []string{"-H", "If-Match: 2"}, 200, `"version":3`},
		{"a page of another origin", "deposit", `{"account_id":"acc-1","amount":1}`, []string{"-H", "Origin: http://evil.example"}, 403, ""},
	} {
		status, body := d.post(step.service, step.body, step.flags...)
		if status != step.status || !strings.Contains(body, step.want) {
			t.Errorf("%s: status %d (want %d), body (want %q): %s", step.what, status, step.status, step.want, body)
		}
	}
	for path, want := range map[string]string{
		"/v1/services": "open_account",
		"/v1/streams/accounts/acc-1/events?from=1":   "deposited",
		"/v1/streams/accounts/acc-1/state":           `"balance":101`,
		"/v1/streams/accounts/acc-1/state?version=0": `"balance":0`,
		"/v1/streams/accounts":                       "acc-1",
		"/v1/ring":                                   `"slots"`,
		"/openapi.json":                              "/v1/services/open_account",
	} {
		if status, body := d.curl(path); status != 200 || !strings.Contains(strings.ReplaceAll(body, " ", ""), want) {
			t.Errorf("GET %s: status %d, no %q in %s", path, status, want, body)
		}
	}
}

// The same with grpcurl, which knows nothing of Ringhold but what reflection
// tells.
func TestBank_Grpcurl(t *testing.T) {
	d := startDev(t, ringhold, bankManifest)
	call := func(method, request string) result {
		return run(t, grpcurl, "-plaintext", "-d", request, d.address, method)
	}
	if r := run(t, grpcurl, "-plaintext", d.address, "list"); r.code != 0 {
		t.Fatalf("list: %s", r.out)
	} else {
		contains(t, r.out, "ringhold.v1.Dispatcher", "ringhold.v1.Streams", "ringhold.v1.Cluster", "grpc.health.v1.Health")
	}
	const dispatch = "ringhold.v1.Dispatcher/Dispatch"
	r := call(dispatch, `{"service":"open_account","object":`+ada+`,"message_id":"g1"}`)
	contains(t, r.out, `"created"`, `"acc-1"`)
	r = call(dispatch, `{"service":"open_account","object":`+ada+`}`)
	contains(t, r.out, "Aborted", "KIND_WRONG_EXPECTED_VERSION")
	r = call(dispatch, `{"service":"deposit","object":{"account_id":"nobody","amount":1}}`)
	contains(t, r.out, "NotFound")
	r = call(dispatch, `{"service":"deposit","object":{"account_id":"acc-1","amount":-1}}`)
	contains(t, r.out, "InvalidArgument", "amount")
	r = call(dispatch, `{"service":"open_vault","object":{}}`)
	contains(t, r.out, "Unimplemented")
	r = call("grpc.health.v1.Health/Check", `{}`)
	contains(t, r.out, "SERVING")
	r = call("ringhold.v1.Streams/GetState", `{"stream":"accounts","aggregate_id":"acc-1"}`)
	if r.code != 0 {
		t.Errorf("state: %s", r.out)
	}
}

// What was answered is there after a kill, and a second process is told who has
// the data.
func TestBank_KilledAndStartedAgain(t *testing.T) {
	d := startDev(t, ringhold, bankManifest)
	if r := d.cli("dispatch", "open_account", ada); r.code != 0 {
		t.Fatal(r.out)
	}
	second := append([]string{}, d.args...)
	for i, a := range second {
		if a == "--listen" {
			second[i+1] = freeAddress(t)
		}
	}
	r := run(t, ringhold, second...)
	if r.code == 0 {
		t.Errorf("a second process uses the same data")
	}
	contains(t, r.out, "pid", d.address)
	d.kill()
	d.start()
	if r := d.cli("state", "accounts", "acc-1"); !strings.Contains(r.out, "Ada") {
		t.Errorf("after a kill: %s", r.out)
	}
	d.stop()
	d.start()
	if r := d.cli("dispatch", "deposit", `{"account_id":"acc-1","amount":5}`); !strings.Contains(r.out, "ok @1") {
		t.Errorf("after a stop: %s", r.out)
	}
}

// A stream that somebody has taken an event out of stops, and says where.
func TestBank_HoleInAStream(t *testing.T) {
	d := startDev(t, ringhold, bankManifest)
	d.cli("dispatch", "open_account", ada)
	for range 3 {
		d.cli("dispatch", "deposit", `{"account_id":"acc-1","amount":1}`)
	}
	d.stop()
	db, err := sql.Open("sqlite", "file:"+d.database())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`DELETE FROM events WHERE version = 2`); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	d.start()
	status, body := d.post("deposit", `{"account_id":"acc-1","amount":1}`)
	if status != 409 {
		t.Errorf("status %d: %s", status, body)
	}
	contains(t, body, "KIND_QUARANTINED", "version 1", "version 3")
	if status, body := d.curl("/v1/streams/accounts/acc-1/state?version=3"); status == 200 {
		t.Errorf("a past state over a hole: %s", body)
	}
}

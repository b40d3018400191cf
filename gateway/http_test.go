package gateway

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/ringhold/ringhold/message"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
)

// httpAnswer is an answer over HTTP, read.
type httpAnswer struct {
	code   int
	header http.Header
	text   string
	json   map[string]any
}

// do sends one request; headers are pairs of name and value.
func (g *group) do(t *testing.T, method, target, body string, headers ...string) httpAnswer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+g.addr+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
		if headers[i] == "Host" {
			req.Host = headers[i+1]
		}
	}
	resp, err := g.http.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	out := httpAnswer{code: resp.StatusCode, header: resp.Header, text: string(b)}
	if resp.Header.Get("Content-Type") == "application/json" {
		decoder := json.NewDecoder(bytes.NewReader(b))
		decoder.UseNumber()
		if err := decoder.Decode(&out.json); err != nil {
			t.Fatalf("%s %s answers %q: %v", method, target, b, err)
		}
	}
	return out
}

// detail returns a detail of a status by the end of its type's name.
func (a httpAnswer) detail(kind string) map[string]any {
	details, _ := a.json["details"].([]any)
	for _, d := range details {
		if d, ok := d.(map[string]any); ok && strings.HasSuffix(d["@type"].(string), kind) {
			return d
		}
	}
	return nil
}

func TestHTTPSuccess(t *testing.T) {
	g := startGroup(t, 2, func(_ *Config, members []*fakeMember) {
		for _, m := range members {
			m.run = func(req *pb.DispatchRequest, reply func(message.Response)) {
				if req.GetService() == "open_account" {
					reply(message.Created{ID: "acc-1", Version: 0, HasVersion: true})
					return
				}
				reply(message.OK{Version: 1, HasVersion: true, Value: message.Value{JSON: []byte(`{"z":18446744073709551616,"a":"<&>"}`)}})
			}
		}
	})
	created := g.do(t, "POST", "/v1/services/open_account", `{"id":"acc-1"}`, "Idempotency-Key", `"m-1"`)
	if want := `{"result":"created","id":"acc-1","version":0,"message_id":"m-1","correlation_id":"m-1"}` + "\n"; created.code != 201 || created.text != want {
		t.Errorf("got %d %s, want %s", created.code, created.text, want)
	}
	ok := g.do(t, "POST", "/v1/services/deposit", `{"account_id":"acc-1"}`, "Idempotency-Key", "m-2", "Ringhold-Correlation-Id", "c-1",
		"Ringhold-Causation-Id", "m-1", "If-Match", `"3"`, "Ringhold-Timeout", "1.5",
		"Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "Content-Type", "application/json; charset=utf-8")
	// What the service wrote arrives as it wrote it: numbers, order, signs.
	if want := `{"result":"ok","version":1,"value":{"z":18446744073709551616,"a":"<&>"},"message_id":"m-2","correlation_id":"c-1"}` + "\n"; ok.code != 200 || ok.text != want {
		t.Errorf("got %d %s, want %s", ok.code, ok.text, want)
	}
	got := g.owner("acc-1").await(t, 2)[1]
	if got.GetCausationId() != "m-1" || got.GetExpectedVersion() != 3 || got.GetTraceparent() == "" || got.GetRouting().GetFirstAttempt() {
		t.Errorf("the member gets %v", got)
	}
	if timeout := got.GetTimeout().AsDuration(); timeout <= time.Second || timeout > 1500*time.Millisecond {
		t.Errorf("the member is given %v", timeout)
	}
}

func TestHTTPDryRun(t *testing.T) {
	g := startGroup(t, 1, func(_ *Config, members []*fakeMember) {
		members[0].run = func(_ *pb.DispatchRequest, reply func(message.Response)) {
			reply(message.OK{Version: 4, HasVersion: true, Events: []message.Event{{Type: "deposited", Value: message.Value{JSON: []byte(`{"amount":1}`)}}}})
		}
	})
	verbose := g.do(t, "POST", "/v1/services/deposit?dry_run=verbose", `{"account_id":"a"}`)
	if !strings.Contains(verbose.text, `"events":[{"version":5,"type":"deposited","data":{"amount":1}`) {
		t.Errorf("got %s", verbose.text)
	}
	if g.do(t, "POST", "/v1/services/deposit?dry_run=true", `{"account_id":"a"}`).code != 200 {
		t.Error("a dry run is refused")
	}
	got := g.members[0].await(t, 2)
	if got[0].GetDryRun() != pb.DryRun_DRY_RUN_VERBOSE || got[1].GetDryRun() != pb.DryRun_DRY_RUN_DRY {
		t.Errorf("dry runs arrive as %v, %v", got[0].GetDryRun(), got[1].GetDryRun())
	}
}

func TestHTTPRefusals(t *testing.T) {
	unknownType := &anypb.Any{TypeUrl: "type.googleapis.com/bank.Unknown", Value: []byte{8, 1}}
	var answers = map[string]message.Response{
		"conflict":   message.WrongExpectedVersion{Expected: message.NoVersion, Current: 7},
		"missing":    message.NotFound{Stream: "accounts", ID: "missing"},
		"negative":   message.ValidationError{Violations: message.Violations{{Path: "amount", Message: "must be positive"}}},
		"refused":    message.DomainError{Code: "insufficient_funds", Detail: message.Value{JSON: []byte(`{"limit":"5"}`)}},
		"opaque":     message.DomainError{Code: "opaque", Detail: message.Value{Any: unknownType}},
		"erased":     message.StreamErased{Stream: "accounts", ID: "erased"},
		"full":       message.MailboxFull{Stream: "accounts", ID: "full", Limit: 10},
		"down":       message.ServiceUnavailable{Service: "deposit", Reason: "the lease is over"},
		"panic":      message.Crashed{Reason: "boom"},
		"unknown":    message.OutcomeUnknown{Service: "deposit"},
		"forbidden":  message.Forbidden{},
		"strangers":  message.Unauthorized{},
		"reused":     message.MessageIDReused{MessageID: "m"},
		"quarantine": message.Quarantined{Stream: "accounts", ID: "quarantine", Reason: "event x"},
	}
	g := startGroup(t, 1, func(_ *Config, members []*fakeMember) {
		members[0].run = func(req *pb.DispatchRequest, reply func(message.Response)) {
			reply(answers[req.GetRouting().GetAggregateId()])
		}
	})
	codes := map[string]int{
		"conflict": 409, "missing": 404, "negative": 422, "refused": 409, "opaque": 409, "erased": 410, "full": 429, "down": 503,
		"panic": 500, "unknown": 504, "forbidden": 403, "strangers": 401, "reused": 422, "quarantine": 409,
	}
	got := map[string]httpAnswer{}
	for id, code := range codes {
		got[id] = g.do(t, "POST", "/v1/services/deposit", `{"account_id":"`+id+`"}`)
		if got[id].code != code || got[id].detail("ringhold.v1.Refusal") == nil {
			t.Errorf("%s is answered %d %s, want %d", id, got[id].code, got[id].text, code)
		}
	}
	if v := got["conflict"].detail("Refusal")["currentVersion"]; v != json.Number("7") {
		t.Errorf("the current version is %#v", v)
	}
	violations := got["negative"].detail("BadRequest")["fieldViolations"].([]any)[0].(map[string]any)
	if violations["field"] != "amount" || violations["description"] != "must be positive" {
		t.Errorf("the violation is %v", violations)
	}
	if d := got["refused"].detail("Refusal")["detail"].(map[string]any)["object"].(map[string]any)["limit"]; d != "5" {
		t.Errorf("the service's own text was changed to %#v", d)
	}
	if !strings.Contains(got["opaque"].text, `"value":"CAE="`) {
		t.Errorf("a value of an unknown type is shown as %s", got["opaque"].text)
	}
	for _, id := range []string{"full", "down"} {
		if got[id].header.Get("Retry-After") == "" {
			t.Errorf("%s does not say when to retry", id)
		}
	}
}

// Bad input through every door: the right status, no panic, and nothing
// reaches a member.
func TestHTTPBadInput(t *testing.T) {
	g := startGroup(t, 1)
	long := strings.Repeat("x", 10_000)
	const deposit, good = "/v1/services/deposit", `{"account_id":"a"}`
	for name, test := range map[string]struct {
		method, target, body string
		headers              []string
		code                 int
	}{
		"broken JSON":              {"POST", deposit, `{"account_id":`, nil, 400},
		"not JSON":                 {"POST", deposit, "account_id=a", nil, 400},
		"a list":                   {"POST", deposit, "[]", nil, 400},
		"a text":                   {"POST", deposit, `"a"`, nil, 400},
		"duplicate keys":           {"POST", deposit, `{"account_id":"a","account_id":"b"}`, nil, 400},
		"not UTF-8":                {"POST", deposit, "{\"account_id\":\"\xff\"}", nil, 400},
		"deep nesting":             {"POST", deposit, strings.Repeat(`{"a":`, 20_000), nil, 400},
		"10 MB":                    {"POST", deposit, `{"account_id":"` + strings.Repeat("x", 10<<20) + `"}`, nil, 413},
		"empty body":               {"POST", deposit, "", nil, 400},
		"empty id":                 {"POST", deposit, `{"account_id":""}`, nil, 400},
		"null id":                  {"POST", deposit, `{"account_id":null}`, nil, 400},
		"an object for an id":      {"POST", deposit, `{"account_id":{}}`, nil, 422},
		"a fraction for an id":     {"POST", deposit, `{"account_id":1.5}`, nil, 422},
		"NUL in an id":             {"POST", deposit, `{"account_id":"a\u0000b"}`, nil, 422},
		"newline in an id":         {"POST", deposit, `{"account_id":"a\nb"}`, nil, 422},
		"10,000 characters":        {"POST", deposit, `{"account_id":"` + long + `"}`, nil, 422},
		"no such service":          {"POST", "/v1/services/nope", good, nil, 404},
		"private service":          {"POST", "/v1/services/audit", `{"id":"a"}`, nil, 404},
		"a name with spaces":       {"POST", "/v1/services/open%20account", good, nil, 400},
		"a name with a slash":      {"POST", "/v1/services/open%2Faccount", good, nil, 400},
		"a long name":              {"POST", "/v1/services/" + long, good, nil, 400},
		"no name":                  {"POST", "/v1/services/", good, nil, 400},
		"XML":                      {"POST", deposit, "<a/>", []string{"Content-Type", "application/xml"}, 415},
		"half a content type":      {"POST", deposit, good, []string{"Content-Type", "application"}, 415},
		"compressed":               {"POST", deposit, good, []string{"Content-Encoding", "gzip"}, 415},
		"unknown parameter":        {"POST", deposit + "?dryrun=true", good, nil, 400},
		"dry_run=maybe":            {"POST", deposit + "?dry_run=maybe", good, nil, 400},
		"dry_run":                  {"POST", deposit + "?dry_run", good, nil, 400},
		"dry_run=":                 {"POST", deposit + "?dry_run=", good, nil, 400},
		"hard=":                    {"DELETE", "/v1/streams/accounts/a?hard=", "", nil, 400},
		"hard":                     {"DELETE", "/v1/streams/accounts/a?hard", "", nil, 400},
		"limit=":                   {"GET", "/v1/streams/accounts/a/events?limit=", "", nil, 400},
		"from=":                    {"GET", "/v1/streams/accounts/a/events?from=", "", nil, 400},
		"page_size=":               {"GET", "/v1/streams?page_size=", "", nil, 400},
		"visibility=":              {"GET", "/v1/services?visibility=", "", nil, 400},
		"erase unconfirmed":        {"DELETE", "/v1/streams/accounts/a?hard=true", "", nil, 400},
		"empty message id":         {"POST", deposit, good, []string{"Idempotency-Key", ""}, 400},
		"quoted empty message id":  {"POST", deposit, good, []string{"Idempotency-Key", `""`}, 400},
		"empty correlation id":     {"POST", deposit, good, []string{"Ringhold-Correlation-Id", ""}, 400},
		"empty timeout":            {"POST", deposit, good, []string{"Ringhold-Timeout", ""}, 400},
		"empty If-Match":           {"POST", deposit, good, []string{"If-Match", ""}, 400},
		"If-Match of no aggregate": {"POST", "/v1/services/greet", "{}", []string{"If-Match", "3"}, 400},
		"latin1":                   {"POST", deposit, good, []string{"Content-Type", "application/json; charset=latin1"}, 415},
		"dry_run twice":            {"POST", deposit + "?dry_run=true&dry_run=true", good, nil, 400},
		"broken query":             {"POST", deposit + "?dry_run=%zz", good, nil, 400},
		"timeout 0":                {"POST", deposit, good, []string{"Ringhold-Timeout", "0"}, 400},
		"timeout soon":             {"POST", deposit, good, []string{"Ringhold-Timeout", "soon"}, 400},
		"negative timeout":         {"POST", deposit, good, []string{"Ringhold-Timeout", "-1s"}, 400},
		"long message id":          {"POST", deposit, good, []string{"Idempotency-Key", long}, 400},
		"two message ids":          {"POST", deposit, good, []string{"Idempotency-Key", "a", "Idempotency-Key", "b"}, 400},
		"message id not UTF-8":     {"POST", deposit, good, []string{"Idempotency-Key", "a\xff"}, 400},
		"correlation id":           {"POST", deposit, good, []string{"Ringhold-Correlation-Id", long}, 400},
		"causation id":             {"POST", deposit, good, []string{"Ringhold-Causation-Id", long}, 400},
		"If-Match *":               {"POST", deposit, good, []string{"If-Match", "*"}, 400},
		"If-Match -2":              {"POST", deposit, good, []string{"If-Match", "-2"}, 400},
		"wrong method":             {"GET", deposit, "", nil, 405},
		"unknown path":             {"GET", "/v2/services", "", nil, 404},
		"root":                     {"GET", "/", "", nil, 404},
		"empty id in a path":       {"GET", "/v1/streams/accounts//events", "", nil, 400},
		"dots in a path":           {"GET", "/v1/streams/accounts/../ring", "", nil, 400},
		"NUL in a path":            {"GET", "/v1/streams/accounts/a%00b/events", "", nil, 400},
		"not UTF-8 in a path":      {"GET", "/v1/streams/accounts/%ff/events", "", nil, 400},
		"a long id in a path":      {"GET", "/v1/streams/accounts/" + long + "/events", "", nil, 400},
		"a stream with a dash":     {"GET", "/v1/streams/ac-counts/a/state", "", nil, 400},
		"from=-1":                  {"GET", "/v1/streams/accounts/a/events?from=-1", "", nil, 400},
		"limit=0":                  {"GET", "/v1/streams/accounts/a/events?limit=0", "", nil, 400},
		"limit=many":               {"GET", "/v1/streams/accounts/a/events?limit=many", "", nil, 400},
		"version=":                 {"GET", "/v1/streams/accounts/a/state?version=", "", nil, 400},
		"version=9":                {"GET", "/v1/streams/accounts/a/state?version=9", "", nil, 400},
		"prefix not UTF-8":         {"GET", "/v1/streams/accounts?prefix=%ff", "", nil, 400},
		"a stream not UTF-8":       {"GET", "/v1/streams/%ff", "", nil, 400},
		"page_size=-1":             {"GET", "/v1/streams?page_size=-1", "", nil, 400},
		"hard=perhaps":             {"DELETE", "/v1/streams/accounts/a?hard=perhaps", "", nil, 400},
		"visibility=secret":        {"GET", "/v1/services?visibility=secret", "", nil, 400},
		"parameter of none":        {"GET", "/v1/ring?pretty", "", nil, 400},
		"foreign origin":           {"POST", deposit, good, []string{"Origin", "https://evil.example"}, 403},
		"foreign origin reads":     {"GET", "/v1/streams", "", []string{"Origin", "null"}, 403},
		"cross-site":               {"GET", "/v1/services", "", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		"same-site":                {"POST", deposit, good, []string{"Sec-Fetch-Site", "same-site"}, 403},
		"another name (rebinding)": {"GET", "/v1/streams", "", []string{"Host", "evil.example:8080"}, 403},
	} {
		answer := g.do(t, test.method, test.target, test.body, test.headers...)
		if answer.code != test.code {
			t.Errorf("%s is answered %d %.300s, want %d", name, answer.code, answer.text, test.code)
		}
		if answer.json["message"] == "" || answer.json["code"] == nil {
			t.Errorf("%s is answered %.300s, which is no status", name, answer.text)
		}
	}
	if got := g.members[0].await(t, 0); len(got) > 0 {
		t.Errorf("the member got %v", got)
	}
	if allow := g.do(t, "GET", deposit, "").header.Get("Allow"); allow != "POST" {
		t.Errorf("Allow is %q", allow)
	}
}

// Ids may hold whatever a text may.
func TestHTTPIDs(t *testing.T) {
	g := startGroup(t, 3)
	for _, id := range []string{"acc-1", "a b", "a/b", "../ring", "..", "Łódź/äöü", "100%", "a?b#c", `"quoted"`, "+", strings.Repeat("x", 512)} {
		body, err := json.Marshal(map[string]string{"account_id": id})
		if err != nil {
			t.Fatal(err)
		}
		if answer := g.do(t, "POST", "/v1/services/deposit", string(body)); answer.code != 200 {
			t.Errorf("%q is answered %d %s", id, answer.code, answer.text)
		}
		state := g.do(t, "GET", "/v1/streams/accounts/"+url.PathEscape(id)+"/state", "")
		if dots := id == ".."; dots { // a client resolves dots before it sends them
			state = g.do(t, "GET", "/v1/streams/accounts/%2E%2E/state", "")
		}
		if state.code != 200 || state.json["id"] != id {
			t.Errorf("the state of %q is answered %d %s", id, state.code, state.text)
		}
	}
}

func TestHTTPStreams(t *testing.T) {
	g := startGroup(t, 1, func(_ *Config, members []*fakeMember) {
		at := timestamppb.New(time.Unix(1_700_000_000, 0))
		for v := range int64(5) {
			offset := uint64(v)
			members[0].events = append(members[0].events, &pb.Event{
				Version: v, Type: "deposited", Data: &pb.Value{Form: &pb.Value_Json{Json: []byte(`{"amount":1.0}`)}},
				Metadata: []byte(`{"app":"1"}`), RecordedAt: at, Offset: &offset, Epoch: 1,
			})
		}
	})
	page := g.do(t, "GET", "/v1/streams/accounts/a/events?from=1&limit=2", "")
	const event = `{"version":1,"type":"deposited","data":{"amount":1.0},"metadata":{"app":"1"},"recorded_at":"2023-11-14T22:13:20Z","slot":0,"offset":1,"epoch":1}`
	if page.code != 200 || !strings.Contains(page.text, event) || page.json["next"] != json.Number("3") || len(page.json["events"].([]any)) != 2 {
		t.Errorf("a page is %d %s", page.code, page.text)
	}
	rest := g.do(t, "GET", "/v1/streams/accounts/a/events?from=3&limit=2", "")
	if _, more := rest.json["next"]; more || len(rest.json["events"].([]any)) != 2 {
		t.Errorf("the last page is %s", rest.text)
	}
	state := g.do(t, "GET", "/v1/streams/accounts/a/state?version=3", "")
	if want := `{"stream":"accounts","id":"a","version":3,"state":{"balance":18446744073709551615}}` + "\n"; state.text != want {
		t.Errorf("the state is %s, want %s", state.text, want)
	}
	list := g.do(t, "GET", "/v1/streams/accounts?prefix=ac&page_size=5&page_token=t", "")
	if want := `{"next_page_token":"more","streams":[{"stream":"accounts","id":"acc-1","slot":0,"version":0,"events":1}]}` + "\n"; list.text != want {
		t.Errorf("the list is %s, want %s", list.text, want)
	}
	if q := g.members[0].listed; q.GetStream() != "accounts" || q.GetPrefix() != "ac" || q.GetPageSize() != 5 || q.GetPageToken() != "t" {
		t.Errorf("the member is asked %v", q)
	}
	deleted := g.do(t, "DELETE", "/v1/streams/accounts/a%2Fb?hard=true&confirm=a%2Fb", "", "If-Match", "4", "Idempotency-Key", "m-1")
	if q := g.members[0].delete; deleted.code != 200 || !q.GetHard() || q.GetConfirmId() != "a/b" || q.GetAggregateId() != "a/b" || q.GetExpectedVersion() != 4 || q.GetMessageId() != "m-1" {
		t.Errorf("got %s, the member is asked %v", deleted.text, q)
	}
	if unnamed := g.do(t, "DELETE", "/v1/streams/accounts/a", ""); unnamed.code != 200 || g.members[0].delete.GetMessageId() == "" {
		t.Errorf("a deletion without an id: %s", unnamed.text)
	}
}

// What is said over HTTP is said in its words.
func TestHTTPAdvice(t *testing.T) {
	g := startGroup(t, 1)
	for target, want := range map[string]string{
		"DELETE /v1/streams/accounts/a%20b?hard=true&confirm=a": "confirm it with confirm=a+b",
		"POST /v1/services/deposit?dry_run=":                    "write dry_run=true or dry_run=verbose",
	} {
		method, path, _ := strings.Cut(target, " ")
		if got := g.do(t, method, path, ""); !strings.Contains(got.text, want) {
			t.Errorf("%s is answered %s", target, got.text)
		}
	}
	if got := g.do(t, "POST", "/v1/services/deposit", `{"account_id":"a"}`, "Content-Type", "application/json; charset=UTF-8"); got.code != 200 {
		t.Errorf("UTF-8 is answered %d %s", got.code, got.text)
	}
}

func TestHTTPCluster(t *testing.T) {
	g := startGroup(t, 2)
	owner := g.do(t, "GET", "/v1/owner/accounts/acc-1", "")
	if owner.code != 200 || owner.json["member"].(map[string]any)["id"] != string(g.owner("acc-1").id) || owner.json["epoch"] != json.Number("7") {
		t.Errorf("the owner is %s", owner.text)
	}
	ring := g.do(t, "GET", "/v1/ring", "")
	if want, err := json.Marshal(g.ring); err != nil || ring.text != string(want)+"\n" {
		t.Errorf("the ring is %s, want %s (%v)", ring.text, want, err)
	}
	if unloaded := g.do(t, "POST", "/v1/actors/accounts/acc-1/unload", ""); unloaded.code != 200 || unloaded.json["unloaded"] != true {
		t.Errorf("got %s", unloaded.text)
	}
	for target, code := range map[string]int{"/healthz": 200, "/readyz": 200} {
		if got := g.do(t, "GET", target, "").code; got != code {
			t.Errorf("%s answers %d", target, got)
		}
	}
}

func TestHTTPServices(t *testing.T) {
	g := startGroup(t, 1)
	got := g.do(t, "GET", "/v1/services", "")
	services := got.json["services"].([]any)
	open := services[2].(map[string]any)
	if len(services) != 3 || open["name"] != "open_account" || open["on"] != "New" || open["access"] != "public" || open["request_schema"].(map[string]any)["type"] != "object" {
		t.Errorf("the services are %s", got.text)
	}
	private := g.do(t, "GET", "/v1/services?visibility=private", "")
	if !strings.Contains(private.text, `"audit"`) || strings.Contains(private.text, `"greet"`) {
		t.Errorf("the private services are %s", private.text)
	}
}

// Only messages and health stand on a port that is not for administration.
func TestPublicPort(t *testing.T) {
	g := startGroup(t, 1, func(cfg *Config, _ []*fakeMember) { cfg.Admin = false })
	for _, target := range []string{"/v1/streams", "/v1/ring", "/v1/streams/accounts/a/state", "/v1/owner/accounts/a"} {
		if got := g.do(t, "GET", target, "").code; got != 404 {
			t.Errorf("%s answers %d", target, got)
		}
	}
	if _, err := pb.NewStreamsClient(g.conn).GetState(t.Context(), &pb.GetStateRequest{Stream: "accounts", AggregateId: "a"}); status.Code(err) != codes.Unimplemented || !strings.Contains(err.Error(), "ringhold.v1.Streams stands on the admin address") {
		t.Errorf("Streams is answered %v", err)
	}
	if _, err := pb.NewClusterClient(g.conn).GetRing(t.Context(), &pb.GetRingRequest{}); status.Code(err) != codes.Unimplemented || !strings.Contains(err.Error(), "ringhold.v1.Cluster stands on the admin address") {
		t.Errorf("Cluster is answered %v", err)
	}
	if err := g.conn.Invoke(t.Context(), "/ringhold.v1.Dispatcher/Nope", &pb.DispatchRequest{}, &pb.DispatchResponse{}); status.Code(err) != codes.Unimplemented || strings.Contains(err.Error(), "admin") {
		t.Errorf("a method that is nowhere is answered %v", err)
	}
	// Behind a proxy the name is the proxy's.
	if got := g.do(t, "POST", "/v1/services/greet", "", "Host", "bank.example", "Origin", "https://bank.example").code; got != 200 {
		t.Errorf("a page of the gateway's own name is answered %d", got)
	}
	paths := g.do(t, "GET", "/openapi.json", "").json["paths"].(map[string]any)
	if slices.Contains(slices.Collect(maps.Keys(paths)), "/v1/ring") {
		t.Error("the document describes what is not served")
	}
}

package postgres

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ringhold/ringhold/internal/pgtest"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

// TestViews shows people what is stored, whatever bytes it has.
func TestViews(t *testing.T) {
	s := openTest(t, Config{URL: pgtest.URL(t)})
	m := newTestMember(t, s, "a", 0, time.Hour)
	for v, data := range []string{`{"amount":1}`, "\xff\x00", `{"a":"\u0000 \ud800"}`, ``, `{"a":`} {
		m.mustAppend("accounts-a-1", message.Version(v), data)
	}
	m.mustAppend("accounts_old-x", 0, `{}`)
	end := m.one("accounts-b", 0, "")
	end.Events[0].Type = store.TypeDeleted
	end.Events[0].MessageID, end.Events[0].Command = "m", &store.Command{Service: "close", Request: []byte(`{"why":"\u0000"}`)}
	if err := m.w.Append(t.Context(), end); err != nil {
		t.Fatal(err)
	}
	admin := raw(t, s)
	show := func(sql string) string {
		t.Helper()
		var lines []string
		for _, row := range run(t, admin, sql) {
			lines = append(lines, fmt.Sprintf("%q", row))
		}
		return strings.Join(lines, "\n")
	}
	same := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s shows\n%s\nwant\n%s", what, got, want)
		}
	}
	same("readable_events", show(`SELECT version, data, length(data_bytes) FROM readable_events WHERE stream = 'accounts-a-1' ORDER BY version`),
		`["0" "{\"amount\":1}" ""]
["1" "" "2"]
["2" "{\"a\":\"\\u0000 \\ud800\"}" ""]
["3" "" "0"]
["4" "" "5"]`)
	same("readable_events", show(`SELECT left(command::text, 18), right(command::text, 28) FROM readable_events WHERE message_id = 'm'`), `["{\"service\":\"close\"" ",\"request\":{\"why\":\"\\u0000\"}}"]`)
	same("streams", show(`SELECT service_group, name, id, version, deleted, events, first_at <= last_at FROM streams ORDER BY name, id`),
		`["default.bank" "accounts" "a-1" "4" "f" "5" "t"]
["default.bank" "accounts" "b" "0" "t" "1" "t"]
["default.bank" "accounts_old" "x" "0" "f" "1" "t"]`)
	same("readable_members", show(`SELECT member, lease_good, deposed, slots FROM readable_members`), `["a" "t" "f" "1"]`)

	for range 2 {
		if err := s.CreateStreamView(t.Context(), "accounts"); err != nil {
			t.Fatal(err)
		}
	}
	same("accounts", show(`SELECT id, version, deleted, events FROM accounts ORDER BY id`), `["a-1" "4" "f" "5"]
["b" "0" "t" "1"]`)
	for _, name := range []message.StreamName{"events", "streams", "schema"} {
		if err := s.CreateStreamView(t.Context(), name); !errors.Is(err, ErrNameTaken) {
			t.Errorf("a view named %s: %v", name, err)
		}
	}
}

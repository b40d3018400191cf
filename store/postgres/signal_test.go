package postgres

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/ringhold/ringhold/internal/pgtest"
)

// TestSignalRight has processes of a group connect as roles that may not end each
// other's sessions: a start says so, with the right that it takes.
func TestSignalRight(t *testing.T) {
	server := pgtest.Start(t, pgtest.Options{})
	admin := openTest(t, Config{URL: server.Superuser(t)})
	conn := raw(t, admin)
	for _, role := range []string{"one", "tWo", "apart"} {
		run(t, conn, fmt.Sprintf(`CREATE ROLE %s LOGIN`, quote(role)))
		for _, grant := range Grants(DefaultSchema, role) {
			run(t, conn, grant)
		}
	}
	open := func(role, group string) (*Store, string) {
		t.Helper()
		var log bytes.Buffer
		s, err := Open(t.Context(), Config{URL: asRole(t, server.Superuser(t), role), Group: group, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		return s, log.String()
	}
	silent := func(when, log string) {
		t.Helper()
		if strings.Contains(log, "sessions") {
			t.Errorf("%s: a start says %s", when, log)
		}
	}
	one, log := open("one", testGroup)
	silent("alone", log)
	newTestMember(t, one, "a", 0, time.Hour)
	other, log := open("apart", "default.other")
	silent("beside another group", log)
	newTestMember(t, other, "x", 0, time.Hour)
	_, log = open("one", testGroup)
	silent("as the same role", log)

	two, log := open("tWo", testGroup)
	const grant = `GRANT pg_signal_backend TO \"tWo\"`
	if !strings.Contains(log, "level=WARN") || !strings.Contains(log, "role=tWo") || !strings.Contains(log, "[one]") || !strings.Contains(log, grant) {
		t.Errorf("a start without the right says %q", log)
	}
	right, err := two.SignalRight(t.Context())
	if err != nil || !right.Missing() || right.Role != "tWo" || fmt.Sprint(right.Others) != "[one]" || !strings.Contains(right.String(), right.Advice) {
		t.Errorf("the right is said to be %+v, %v", right, err)
	}
	run(t, conn, strings.ReplaceAll(grant, `\`, ""))
	if right, err := two.SignalRight(context.WithoutCancel(t.Context())); err != nil || right.Missing() {
		t.Errorf("with the right it is said to be %v, %v", right, err)
	}
	run(t, conn, `REVOKE pg_signal_backend FROM "tWo"; GRANT one TO "tWo"`)
	_, log = open("tWo", testGroup)
	silent("as a member of the other role", log)

	newTestMember(t, admin, "s", 1, time.Hour)
	if right, err := two.SignalRight(t.Context()); err != nil || !right.Missing() || strings.Contains(right.Advice, "GRANT") {
		t.Errorf("beside a superuser's session the right is said to be %v, %v", right, err)
	}
}

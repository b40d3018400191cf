package postgres_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/ringhold/ringhold/internal/pgtest"
)

// loggingPlans has a server write down the plan of each statement that it
// executes, with those within functions, as it was executed.
var loggingPlans = map[string]string{
	"session_preload_libraries":          "auto_explain",
	"auto_explain.log_min_duration":      "0",
	"auto_explain.log_nested_statements": "on",
	"auto_explain.log_analyze":           "on",
	"auto_explain.log_timing":            "off",
	"auto_explain.log_buffers":           "on",
	"auto_explain.log_format":            "json",
	"logging_collector":                  "on",
	"log_destination":                    "csvlog",
	"log_rotation_age":                   "0",
	"log_rotation_size":                  "0",
	"autovacuum":                         "off", // the test decides what the statistics are
	"fsync":                              "off", // nothing here is about what a crash leaves
	"max_wal_size":                       "4GB",
	"shared_buffers":                     "256MB",
}

// plan is a node of a plan, with what its execution came to.
type plan struct {
	Node      string  `json:"Node Type"`
	Relation  string  `json:"Relation Name"`
	Index     string  `json:"Index Name"`
	Rows      float64 `json:"Actual Rows"`
	Loops     float64 `json:"Actual Loops"`
	Hit       int     `json:"Shared Hit Blocks"`
	Read      int     `json:"Shared Read Blocks"`
	Plans     []plan  `json:"Plans"`
	statement string
}

// each calls f for the plan and all below it.
func (p *plan) each(f func(*plan)) {
	f(p)
	for i := range p.Plans {
		p.Plans[i].each(f)
	}
}

// planLog reads the plans that a server writes down.
type planLog struct {
	t     *testing.T
	conn  *pgx.Conn // whose own statements are not written down
	file  string
	at    int64
	marks int
}

func newPlanLog(t *testing.T, server *pgtest.Server) *planLog {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), server.Superuser(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	l := &planLog{t: t, conn: conn}
	l.exec(`SET auto_explain.log_min_duration = -1`)
	if err := conn.QueryRow(t.Context(), `SELECT pg_current_logfile('csvlog')`).Scan(&l.file); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *planLog) exec(query string) {
	l.t.Helper()
	if _, err := l.conn.Exec(l.t.Context(), query, pgx.QueryExecModeSimpleProtocol); err != nil {
		l.t.Fatalf("%s: %v", query, err)
	}
}

// next returns the plans of the statements that the store's sessions have ended
// since the call before. What a session wrote down before its answer is in the
// log before the mark.
func (l *planLog) next() []plan {
	l.t.Helper()
	l.marks++
	mark := fmt.Sprintf("mark %d of the plans", l.marks)
	l.exec(`DO $$ BEGIN RAISE LOG '` + mark + `'; END $$`)
	var text string
	for !strings.Contains(text, mark) {
		if err := l.conn.QueryRow(l.t.Context(), `SELECT pg_read_file($1, $2, 100000000)`, l.file, l.at).Scan(&text); err != nil {
			l.t.Fatal(err)
		}
	}
	end := strings.LastIndexByte(text, '\n') + 1
	l.at += int64(end)
	lines := csv.NewReader(strings.NewReader(text[:end]))
	lines.FieldsPerRecord = -1
	records, err := lines.ReadAll()
	if err != nil {
		l.t.Fatalf("read the server's log: %v", err)
	}
	var plans []plan
	for _, r := range records {
		const message, application = 13, 22
		_, body, is := strings.Cut(r[message], "plan:\n")
		if !is || !strings.HasPrefix(r[application], "ringhold ") {
			continue
		}
		var written struct {
			Query string `json:"Query Text"`
			Plan  plan
		}
		if err := json.Unmarshal([]byte(body), &written); err != nil {
			l.t.Fatalf("read a plan: %v\n%s", err, body)
		}
		written.Plan.statement = strings.Join(strings.Fields(written.Query), " ")
		plans = append(plans, written.Plan)
	}
	return plans
}

// used names what the plans read, each as "relation by index", sorted.
func used(plans []plan) []string {
	var names []string
	for i := range plans {
		plans[i].each(func(p *plan) {
			switch {
			case p.Index != "" && p.Relation != "":
				names = append(names, p.Relation+" by "+p.Index)
			case p.Relation != "" && p.Node != "ModifyTable":
				names = append(names, p.Relation+" by "+p.Node)
			}
		})
	}
	slices.Sort(names)
	return slices.Compact(names)
}

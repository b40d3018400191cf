package postgres

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// nasty are passwords whose parts would be told if they were taken for something
// else of a URL: the parts are q7, z9 and k3 with what stands between them.
var nasty = []string{
	"q7/z9", "q7#z9", "q7@z9", "q7?z9", "q7%z9", "q7%41z9", "q7&z9", "q7=z9", "q7;z9", "q7:z9", "q7 z9", "q7+z9", "q7\\z9", "q7'z9", `q7"z9`, "q7,z9", "q7[z9]",
	"q7/z9@k3", "q7?z9=k3", "q7#z9@k3/", "7/q7z9", "7#q7z9", "7?q7=z9", "7/@q7#z9?k3", "q7 z#9=k3", "@q7@z9/", "//q7", "q7é/z9", "%2Fq7/z9", "q7\nz9", "q7\tz9",
}

// TestRedact: a password is told neither by the URL as it is shown, nor by the
// refusal of one that cannot be read, nor as the name of anything else,
// whichever way it stands in there and however wrong.
func TestRedact(t *testing.T) {
	for _, name := range []string{"PGUSER", "PGDATABASE", "PGHOST", "PGSERVICE", "PGPASSFILE", "PGPASSWORD"} {
		t.Setenv(name, "")
	}
	quoted := strings.NewReplacer(`\`, `\\`, `'`, `\'`)
	read := 0
	for _, password := range nasty {
		for way, raw := range map[string]string{
			"raw":               "postgres://me:" + password + "@h:5432/db?sslmode=disable",
			"raw, no database":  "postgresql://me:" + password + "@h",
			"escaped":           "postgres://" + url.UserPassword("me", password).String() + "@h:5432/db",
			"parameter":         "postgres://me@h/db?password=" + password,
			"parameter first":   "postgres://h/db?password=" + password + "&user=me",
			"escaped parameter": "postgres://me@h/db?password=" + strings.ReplaceAll(url.QueryEscape(password), "+", "%20"),
			"value":             "host=h user=me password=" + password + " dbname=db",
			"quoted value":      "host=h user=me password='" + quoted.Replace(password) + "' dbname=db",
			"sslpassword":       "postgres://me@h/db?" + url.Values{"sslpassword": {password}, "sslmode": {"perhaps"}}.Encode(),
		} {
			c, _, err := parseURL(raw)
			told := []string{redact(raw), fmt.Sprint(err)}
			if err == nil {
				read++
				told = append(told, c.Host, c.Database, c.User, fmt.Sprint(c.RuntimeParams))
				if strings.Contains(way, "escaped") || way == "quoted value" {
					if c.Password != password {
						t.Errorf("%s %q: the password is read as %q", way, password, c.Password)
					}
				}
			} else if strings.Contains(way, "escaped") || way == "quoted value" {
				t.Errorf("%s %q: %v", way, password, err)
			}
			for _, text := range told {
				for _, part := range []string{"q7", "z9", "k3"} {
					if strings.Contains(text, part) {
						t.Errorf("%s %q: %q", way, password, text)
					}
				}
			}
		}
	}
	if read < 3*len(nasty) {
		t.Errorf("%d URLs were read", read)
	}
}

// TestRedact_Shown: what is no secret is shown, so that a person knows which
// database is meant.
func TestRedact_Shown(t *testing.T) {
	for _, name := range []string{"PGUSER", "PGDATABASE", "PGHOST", "PGSERVICE", "PGPASSFILE"} {
		t.Setenv(name, "")
	}
	for raw, want := range map[string]string{
		"postgres://me:x@h:5432/db?search_path=bank&password=y": "postgres://me:xxxxx@h:5432/db?password=xxxxx&search_path=bank",
		"postgres:///db?host=/run/postgresql":                   "postgres:///db?host=%2Frun%2Fpostgresql",
		"postgres://a:1,b:2/db?target_session_attrs=read-write": "postgres://a:1,b:2/db?target_session_attrs=read-write",
		"host=h port=5433 user=me password=x dbname=db":         "postgres://me@h:5433/db",
		"host=/run/postgresql user=me password='x y' dbname=db": "postgres://me@/db?host=%2Frun%2Fpostgresql&port=5432",
		"postgres://me@h:5432/db?application_name=a@b":          "postgres://me@h:5432/db?application_name=a%40b",
		"me:x@h/db": unnamed,
	} {
		if got := redact(raw); got != want {
			t.Errorf("%s is shown as %s, want %s", raw, got, want)
		}
	}
}

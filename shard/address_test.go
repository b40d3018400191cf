package shard_test

import (
	"strings"
	"testing"
)

// No form of an address shows the password, in whatever way it is wrong, and each
// wrong one is a wrong command line.
func TestAddress_ShowsNoPassword(t *testing.T) {
	t.Setenv("PGCONNECT_TIMEOUT", "2")
	for address, want := range map[string]string{
		"host=db password=geheim":                      "keywords",
		" password = geheim dbname=x":                  "keywords",
		"host=a://b password=geheim":                   "none of postgres://",
		"postgres:me:geheim@db/app":                    "followed by //",
		"POSTGRES:me:geheim@db/app":                    "followed by //",
		"u:geheim@h/db":                                "none of postgres://",
		"geheim":                                       "none of postgres://",
		"geheim@h://db":                                "none of postgres://",
		"mysql://me:geheim@h/db":                       "mysql://me:xxxxx@h/db",
		"mysql://h/db?password=geheim":                 "password=xxxxx",
		"mysql://me:12?geheim@h/db":                    "mysql://…",
		"mysql://?geheim":                              "mysql://…",
		"mysql://me:geheim@h:port/db":                  "mysql://…",
		"postgres://me:12#geheim@h/db":                 "%23",
		"postgres://me:12/geheim@h/db":                 "%2F",
		"postgres://me:12?geheim@h/db":                 "%3F",
		"postgres://me:geheim@h:port/db":               "not of the form",
		"postgres://me:ge%zzgeheim@h/db":               "not of the form",
		"POSTGRES://me:geheim@h:port/db":               "not of the form",
		"postgresql://me:geheim@h/db?sslmode=nonsense": "sslmode",
	} {
		for _, args := range [][]string{{"migrate"}, {"migrate", "--role", "x"}, {"dev", "--listen", "127.0.0.1:0"}, {"export"}} {
			root, out := command(append(args, "-f", bankManifest, "--store", address)...)
			err := root.ExecuteContext(t.Context())
			switch {
			case !isUsage(err):
				t.Errorf("%v %s: %v", args, address, err)
			case strings.Contains(err.Error()+out.String(), "geheim"):
				t.Errorf("%v %s shows %v %s", args, address, err, out.String())
			case !strings.Contains(err.Error(), want):
				t.Errorf("%v %s: %v, want %q", args, address, err, want)
			}
		}
	}
}

package shard

import (
	"path/filepath"
	"testing"
)

// What each form of an address names, and how it is printed.
func TestAddress_Forms(t *testing.T) {
	for address, want := range map[string]struct {
		memory, postgres   bool
		canonical, printed string // empty: the address as it is
	}{
		"memory:":                                     {memory: true},
		"memory":                                      {memory: true},
		"sqlite:a/b.db":                               {},
		"sqlite:///a/ge@heim.db":                      {},
		"postgres://me@h/db":                          {postgres: true},
		"postgresql://me@h/db":                        {postgres: true},
		"POSTGRES://me@H/Db":                          {postgres: true, canonical: "postgres://me@H/Db", printed: "postgres://me@H/Db"},
		"PostgreSQL://h":                              {postgres: true, canonical: "postgresql://h", printed: "postgresql://h"},
		"postgres://me:geheim@h/db":                   {postgres: true, printed: "postgres://me:xxxxx@h/db"},
		"postgres:///db?host=/run&user=me":            {postgres: true},
		"postgres://me@h/db?application_name=a@b":     {postgres: true},
		"postgres://h/db?user=me%40corp":              {postgres: true},
		"postgres://me:ge%40heim@h/db":                {postgres: true, printed: "postgres://me:xxxxx@h/db"},
		"postgres://h/db?sslpassword=geheim":          {postgres: true, printed: "postgres://h/db?sslpassword=xxxxx"},
		"postgres://me@h/db?PASSWORD=geheim&user=you": {postgres: true, printed: "postgres://me@h/db?PASSWORD=xxxxx&user=you"},
	} {
		if want.canonical == "" {
			want.canonical = address
		}
		if want.printed == "" {
			want.printed = address
		}
		if err := checkStore(address); err != nil {
			t.Errorf("%s: %v", address, err)
		}
		if got := inMemory(address); got != want.memory {
			t.Errorf("%s is in memory: %v", address, got)
		}
		if got := isPostgres(address); got != want.postgres {
			t.Errorf("%s is of PostgreSQL: %v", address, got)
		}
		if got := canonical(address); got != want.canonical {
			t.Errorf("%s is given to the driver as %s", address, got)
		}
		if got := redacted(address); got != want.printed {
			t.Errorf("%s is printed as %s, want %s", address, got, want.printed)
		}
	}
}

// Flags go before the environment, and --data is one too.
func TestStoreAddress(t *testing.T) {
	t.Setenv(storeEnv, "POSTGRES://me@env/db")
	file := func(dir ...string) string { return "sqlite:" + filepath.Join(append(dir, "ringhold.db")...) }
	for want, o := range map[string]runOptions{
		"postgres://me@env/db":  {},
		"postgres://me@flag/db": {store: "POSTGRES://me@flag/db"},
		file("d"):               {data: "d"},
	} {
		if got := storeAddress(o, "bank"); got != want {
			t.Errorf("%+v names %s, want %s", o, got, want)
		}
	}
	t.Setenv(storeEnv, "")
	if got, want := storeAddress(runOptions{}, "bank"), file(".ringhold", "bank"); got != want {
		t.Errorf("nothing names %s, want %s", got, want)
	}
}

package pgtest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Variable names the environment variable with the URL of a server to use
// instead of starting one. Its user must be allowed to create schemas.
const Variable = "RINGHOLD_TEST_POSTGRES"

// shared is the server of all tests of this binary, and the schema of CommonURL
// once it is used.
var shared struct {
	sync.Mutex
	server *Server
	failed error
	common string
}

// URL returns the URL of a database whose search_path is a schema of the test's
// own. The schema does not exist yet; at the end of the test it is dropped, and
// by then nothing of the test may hold a lock in it.
//
// The server is that of $RINGHOLD_TEST_POSTGRES, else one that all tests of the
// binary share, which ends with [Main].
func URL(t testing.TB) string {
	t.Helper()
	base, err := sharedURL(t.Context())
	if err != nil {
		giveUp(t, err)
	}
	schema := newSchema(t)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
		defer cancel()
		if err := drop(ctx, base, schema); err != nil {
			t.Errorf("drop the test's schema: %v", err)
		}
	})
	return within(t, base, schema)
}

// CommonURL is URL with one schema for all tests of the binary, for suites of
// many small tests that each have a group of their own in it. [Main] drops it.
func CommonURL(t testing.TB) string {
	t.Helper()
	base, err := sharedURL(t.Context())
	if err != nil {
		giveUp(t, err)
	}
	shared.Lock()
	defer shared.Unlock()
	if shared.common == "" {
		shared.common = newSchema(t)
	}
	return within(t, base, shared.common)
}

// dropCommon drops the schema of CommonURL. shared is locked.
func dropCommon() error {
	if shared.common == "" {
		return nil
	}
	base := os.Getenv(Variable)
	if base == "" {
		return nil // it ends with the server
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := drop(ctx, base, shared.common); err != nil {
		return fmt.Errorf("drop the schema that the tests shared: %w", err)
	}
	return nil
}

// URL is the package's URL on this server. Its schema ends with the server.
func (s *Server) URL(t testing.TB) string {
	t.Helper()
	return within(t, s.address(), newSchema(t))
}

// sharedURL returns the URL of the server that tests share, without a schema.
func sharedURL(ctx context.Context) (string, error) {
	if given := os.Getenv(Variable); given != "" {
		return given, nil
	}
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil && shared.failed == nil {
		shared.server, shared.failed = Launch(context.WithoutCancel(ctx), Options{})
	}
	if shared.failed != nil {
		return "", shared.failed
	}
	return shared.server.address(), nil
}

// newSchema names a schema after the test, with a part that no other has.
func newSchema(t testing.TB) string {
	suffix := make([]byte, 6)
	if _, err := rand.Read(suffix); err != nil {
		t.Fatal(err)
	}
	plain := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToLower(t.Name()))
	const most = 63 // bytes of a name in PostgreSQL
	return fmt.Sprintf("%.*s_%s", most-2*len(suffix)-1, "t_"+strings.TrimPrefix(plain, "test"), hex.EncodeToString(suffix))
}

// within returns the URL with the schema as its search_path.
func within(t testing.TB, base, schema string) string {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		t.Fatalf("%s is not of the form postgres://user:password@host:port/database", Variable) // it may hold a password
	}
	query := u.Query()
	query.Set("search_path", schema)
	u.RawQuery = query.Encode()
	return u.String()
}

// drop drops the schema and all in it. A lock that something still holds there
// is the test's fault and named as such.
func drop(ctx context.Context, base, schema string) (err error) {
	conn, err := pgx.Connect(ctx, base)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	name := pgx.Identifier{schema}.Sanitize()
	if _, err = conn.Exec(ctx, "SET lock_timeout = '20s'; SET client_min_messages = warning; DROP SCHEMA IF EXISTS "+name+" CASCADE"); err != nil {
		return fmt.Errorf("does a connection of the test still hold a lock? %w", err)
	}
	return nil
}

// giveUp skips the test, or fails it in CI, where nothing may be skipped.
func giveUp(t testing.TB, err error) {
	t.Helper()
	missing := errors.Is(err, errNoBinaries) || errors.Is(err, errNoPgbouncer) || unsupported != nil
	if missing && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	t.Fatal(err)
}

package postgres

import (
	"net/url"
	"testing"
)

// asRole is a URL with another role.
func asRole(t *testing.T, of, role string) string {
	t.Helper()
	return changed(t, of, func(u *url.URL, _ url.Values) { u.User = url.User(role) })
}

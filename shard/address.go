package shard

import (
	"net/url"
	"regexp"
	"strings"
)

// forms are the addresses that --store takes.
const forms = "postgres://USER@HOST:PORT/DATABASE, sqlite:PATH, or memory: (which takes no path)"

var (
	// keyword begins the form of libpq that is no URL.
	keyword = regexp.MustCompile(`^\s*[A-Za-z_]+\s*=`)
	scheme  = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*$`)
)

// inMemory reports whether the store of an address is gone with the process.
func inMemory(address string) bool { return address == "memory:" || address == "memory" }

// isPostgres reports whether the store of an address is a PostgreSQL database,
// which other processes reach too.
func isPostgres(address string) bool {
	name, _, found := strings.Cut(address, "://")
	return found && (strings.EqualFold(name, "postgres") || strings.EqualFold(name, "postgresql"))
}

// canonical writes the scheme of a PostgreSQL URL as the driver knows it: it
// takes one in capitals for a connection string of another form.
func canonical(address string) string {
	if !isPostgres(address) {
		return address
	}
	name, rest, _ := strings.Cut(address, "://")
	return strings.ToLower(name) + "://" + rest
}

// checkStore refuses what is no address of a store. It shows nothing of what
// could be a password.
func checkStore(address string) error {
	if inMemory(address) || strings.HasPrefix(address, "sqlite:") {
		return nil
	}
	if isPostgres(address) {
		if u, err := url.Parse(address); err == nil && strayPassword(u) {
			return usagef("--store %s: there is an @ behind the host: in user and password write @ as %%40, : as %%3A, / as %%2F, # as %%23 and ? as %%3F, or give the password in PGPASSWORD", redacted(address))
		}
		return nil // the driver says what is wrong with the rest
	}
	name, _, _ := strings.Cut(address, ":")
	switch {
	case !strings.Contains(address, "://") && keyword.MatchString(address):
		return usagef("--store: the form with keywords (host=… dbname=…) is not taken: write postgres://USER@HOST:PORT/DATABASE")
	case !strings.Contains(address, "://") && (strings.EqualFold(name, "postgres") || strings.EqualFold(name, "postgresql")):
		return usagef("--store: %s: has to be followed by //: write postgres://USER@HOST:PORT/DATABASE", name)
	case strings.Contains(address, "://"):
		return usagef("--store: %q is none of %s", redacted(address), forms)
	}
	return usagef("--store is none of %s", forms)
}

// strayPassword reports whether a URL may have a password that was not found: one
// with a character that ends the part in which it stands.
func strayPassword(u *url.URL) bool {
	return strings.Contains(u.EscapedPath(), "@") || strings.Contains(u.EscapedFragment(), "@") || strings.Contains(u.RawQuery, "@") && u.User == nil
}

// redacted is a store's address as it may be printed: without a password, and
// with nothing at all where one cannot be found for certain.
func redacted(address string) string {
	if inMemory(address) || strings.HasPrefix(address, "sqlite:") {
		return address
	}
	name, _, found := strings.Cut(address, "://") // one that is mistyped has a password too
	if !found || !scheme.MatchString(name) {
		return "…"
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" && u.User == nil && u.Path == "" || strayPassword(u) {
		return name + "://…"
	}
	q, secret := u.Query(), false
	for name := range q {
		if strings.Contains(strings.ToLower(name), "password") {
			q.Set(name, "xxxxx")
			secret = true
		}
	}
	if secret {
		u.RawQuery = q.Encode()
	}
	return u.Redacted()
}

package postgres

import (
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// unnamed is shown instead of a URL in which the password cannot be found for
// certain.
const unnamed = "the database's URL"

// shownParameters are those of a URL that are shown. Others may be the rest of a
// password with a & in it.
var shownParameters = []string{"host", "port", "user", "dbname", "search_path", "sslmode", "target_session_attrs", "connect_timeout", "application_name"}

// isURL tells a URL from libpq's keywords and values.
func isURL(raw string) bool {
	return strings.HasPrefix(raw, "postgres://") || strings.HasPrefix(raw, "postgresql://")
}

// ambiguous reports whether a password with characters that have to be escaped
// may reach into other parts of a URL, from where it would be told as the name
// of a host, a database or a parameter.
func ambiguous(raw string) bool {
	if !isURL(raw) {
		return false
	}
	_, rest, _ := strings.Cut(raw, "://")
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	if strings.Contains(rest, "#") { // what follows it means nothing
		return true
	}
	// Where there may be a password, a second @, or the first one behind the host,
	// may be its end, and readers of URLs differ in which one is.
	host := rest[:end]
	user, _, _ := strings.Cut(host, "@")
	if strings.Count(host, "@") > 1 || strings.Contains(user, ":") && strings.Contains(rest[end:], "@") {
		return true
	}
	_, query, _ := strings.Cut(rest[end:], "?")
	for _, part := range strings.FieldsFunc(query, func(r rune) bool { return r == '&' }) {
		if name, _, ok := strings.Cut(part, "="); !ok || name == "" || strings.Contains(part, ";") {
			return true
		}
	}
	return false
}

// redact returns a URL, or libpq's keywords and values, as it may be shown:
// without passwords, and nothing of it where they cannot be told for certain.
func redact(raw string) string {
	if ambiguous(raw) {
		return unnamed
	}
	if !isURL(raw) {
		return redactKeywords(raw)
	}
	u, err := url.Parse(raw)
	if err != nil || u.Opaque != "" {
		return unnamed
	}
	q := u.Query()
	for name := range q {
		if isSecret(name) {
			q.Set(name, "xxxxx")
		} else if !slices.Contains(shownParameters, name) {
			q.Del(name)
		}
	}
	u.RawQuery = q.Encode()
	return u.Redacted()
}

// redactKeywords shows what keywords and values name as a URL.
func redactKeywords(raw string) string {
	c, err := pgconn.ParseConfig(raw)
	if err != nil {
		return unnamed
	}
	u := url.URL{Scheme: "postgres", User: url.User(c.User), Path: "/" + c.Database}
	port := strconv.Itoa(int(c.Port))
	if strings.HasPrefix(c.Host, "/") {
		u.RawQuery = url.Values{"host": {c.Host}, "port": {port}}.Encode()
	} else {
		u.Host = net.JoinHostPort(c.Host, port)
	}
	return u.String()
}

func isSecret(parameter string) bool { return strings.Contains(strings.ToLower(parameter), "password") }

// isSetting reports whether a name may be that of a setting of the server. Others
// would come back in its message.
func isSetting(name string) bool {
	return name != "" && strings.Trim(strings.ToLower(name), "abcdefghijklmnopqrstuvwxyz0123456789_.") == ""
}

// scrub takes the passwords out of a text about the URL; all of the text where
// they are not known.
func scrub(raw, text string) string {
	u, err := url.Parse(raw)
	if err != nil || !isURL(raw) || ambiguous(raw) {
		return "it is not of the form postgres://role:password@host:5432/database?search_path=schema"
	}
	var secrets []string
	for name, values := range u.Query() {
		if isSecret(name) {
			secrets = append(secrets, values...)
		}
	}
	if u.User != nil {
		password, _ := u.User.Password()
		_, encoded, _ := strings.Cut(u.User.String(), ":")
		secrets = append(secrets, password, encoded)
	}
	for _, secret := range secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "xxxxx")
			text = strings.ReplaceAll(text, url.QueryEscape(secret), "xxxxx")
			text = strings.ReplaceAll(text, strings.ReplaceAll(secret, " ", "+"), "xxxxx") // which stays a + in the reader of the driver
		}
	}
	return text
}

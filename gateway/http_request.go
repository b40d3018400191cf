package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ringhold/ringhold/message"
)

// Headers of requests.
const (
	headerMessageID     = "Idempotency-Key"
	headerTimeoutOf     = "Ringhold-Timeout"
	headerCorrelationID = "Ringhold-Correlation-Id"
	headerCausationID   = "Ringhold-Causation-Id"
	headerTraceparent   = "Traceparent"
	headerIfMatch       = "If-Match"
)

// query reads the parameters of a URL. One that the path does not know is
// refused: who mistypes dry_run must not dispatch.
func query(r *http.Request, known ...string) (url.Values, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, fmt.Errorf("the query is malformed: %w", err)
	}
	for name, all := range values {
		switch {
		case !slices.Contains(known, name) && len(known) == 0:
			return nil, fmt.Errorf("query parameter %q is not known, %s takes none", name, r.URL.EscapedPath())
		case !slices.Contains(known, name):
			return nil, fmt.Errorf("query parameter %q is not known, there are: %s", name, strings.Join(known, ", "))
		case len(all) > 1:
			return nil, fmt.Errorf("query parameter %q is given %d times", name, len(all))
		case !utf8.ValidString(all[0]):
			return nil, fmt.Errorf("query parameter %q is not valid UTF-8", name)
		}
	}
	return values, nil
}

// number reads a parameter that is an integer of at least a minimum; absent, it
// is the default.
func number(values url.Values, name string, least, absent int64) (int64, error) {
	if !values.Has(name) {
		return absent, nil
	}
	n, err := strconv.ParseInt(values.Get(name), 10, 64)
	if err != nil || n < least {
		return 0, fmt.Errorf("query parameter %s has to be an integer of at least %d, not %q", name, least, values.Get(name))
	}
	return n, nil
}

// flag reads a parameter that is true or false. One without a value is refused
// rather than guessed.
func flag(values url.Values, name string) (bool, error) {
	switch value := values.Get(name); {
	case !values.Has(name), value == "false":
		return false, nil
	case value == "true":
		return true, nil
	}
	return false, fmt.Errorf("query parameter %s has to be true or false, not %q", name, values.Get(name))
}

// faults returns all errors as one, on one line; nil if there is none.
func faults(errs ...error) error {
	var texts []string
	for _, err := range errs {
		if err != nil {
			texts = append(texts, err.Error())
		}
	}
	if len(texts) == 0 {
		return nil
	}
	return errors.New(strings.Join(texts, "; "))
}

// header returns the one value of a header; "" if it is absent. One that is
// there and empty is refused: who sends an empty Idempotency-Key or If-Match
// means to be protected, and would not be.
func header(r *http.Request, name string) (string, error) {
	values := r.Header.Values(name)
	switch {
	case len(values) == 0:
		return "", nil
	case len(values) > 1:
		return "", fmt.Errorf("header %s is given %d times", name, len(values))
	case values[0] == "":
		return "", fmt.Errorf("header %s is empty: give it a value or leave it out", name)
	}
	return values[0], nil
}

// unquoted takes the quotes off a header that is a string in the sense of HTTP.
func unquoted(s string) string {
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		return s[1 : len(s)-1]
	}
	return s
}

// idHeader reads a message id from a header; "" if it is absent.
func idHeader(r *http.Request, name string) (string, error) {
	value, err := header(r, name)
	if err != nil || value == "" {
		return "", err
	}
	id := message.ID(unquoted(value))
	if err := id.Validate(); err != nil {
		return "", fmt.Errorf("header %s: %w", name, err)
	}
	return string(id), nil
}

// expectedVersion reads If-Match; nil if it is absent.
func expectedVersion(r *http.Request) (*int64, error) {
	value, err := header(r, headerIfMatch)
	if err != nil || value == "" {
		return nil, err
	}
	version, err := strconv.ParseInt(unquoted(value), 10, 64)
	if err != nil || version < int64(message.NoVersion) {
		return nil, fmt.Errorf(`header If-Match has to be the aggregate's version, such as "3", or "-1" for none yet, not %s`, value)
	}
	return &version, nil
}

// timeoutHeader reads how long the caller waits, such as 1.5s, 200ms or a
// number of seconds; 0 if it does not say.
func timeoutHeader(r *http.Request) (time.Duration, error) {
	value, err := header(r, headerTimeoutOf)
	if err != nil || value == "" {
		return 0, err
	}
	timeout, err := time.ParseDuration(value)
	if err != nil {
		timeout, err = time.ParseDuration(value + "s")
	}
	if err != nil || timeout <= 0 {
		return 0, fmt.Errorf("header %s has to be a positive duration, such as 1.5s, 200ms or 5, not %q", headerTimeoutOf, value)
	}
	return timeout, nil
}

// requestContext bounds a request that is no message.
func (g *Gateway) requestContext(r *http.Request) (context.Context, context.CancelFunc, error) {
	timeout, err := timeoutHeader(r)
	if err != nil {
		return r.Context(), func() {}, err
	}
	if timeout == 0 {
		timeout = g.cfg.DefaultTimeout
	}
	ctx, cancel := context.WithTimeout(r.Context(), min(timeout, g.cfg.MaxTimeout))
	return ctx, cancel, nil
}

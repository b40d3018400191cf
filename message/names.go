package message

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of the identities that callers choose, in bytes.
const (
	MaxAggregateID = 512
	MaxMessageID   = 255
	MaxServiceName = 255
	MaxStreamName  = 63
)

// ServiceName is the name that a message is dispatched to, such as
// "open_account". It matches [a-z][a-z0-9_.]*.
type ServiceName string

// StreamName is the name of a kind of stream, such as "accounts". It matches
// [a-z][a-z0-9_]*, so that the first '-' of a [Stream] ends it.
type StreamName string

// AggregateID identifies one aggregate within its stream name: 1 to 512 bytes
// of UTF-8 without control characters, compared byte by byte.
type AggregateID string

// Stream identifies the events of one aggregate: the stream name, '-', and the
// aggregate's id, as in "accounts-acc-1".
type Stream string

// Version is the number of a stream's last event. The first event has version
// 0; [NoVersion] says that there is none.
type Version int64

// NoVersion is the version of a stream without events.
const NoVersion Version = -1

// isName reports whether s matches [a-z][a-z0-9_]*, or [a-z][a-z0-9_.]* with
// dots. Each message's service is looked at, so there is no regular expression.
func isName(s string, dots bool) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z':
		case i > 0 && (c >= '0' && c <= '9' || c == '_' || dots && c == '.'):
		default:
			return false
		}
	}
	return s != ""
}

// Validate reports why n cannot be a service name, or nil.
func (n ServiceName) Validate() error {
	switch {
	case len(n) > MaxServiceName:
		return fmt.Errorf("service name has %d bytes, at most %d are allowed", len(n), MaxServiceName)
	case !isName(string(n), true):
		return fmt.Errorf("service name %q does not match [a-z][a-z0-9_.]*", clip(string(n)))
	}
	return nil
}

// Validate reports why n cannot be a stream name, or nil.
func (n StreamName) Validate() error {
	switch {
	case len(n) > MaxStreamName:
		return fmt.Errorf("stream name has %d bytes, at most %d are allowed", len(n), MaxStreamName)
	case !isName(string(n), false):
		return fmt.Errorf("stream name %q does not match [a-z][a-z0-9_]*", clip(string(n)))
	}
	return nil
}

// Validate reports why id cannot be an aggregate's id, or nil. An empty id is
// refused too; callers that treat it as missing check for it first.
func (id AggregateID) Validate() error {
	return validateID("aggregate id", string(id), MaxAggregateID)
}

// Of joins a stream name and an aggregate's id. It does not validate them.
func (n StreamName) Of(id AggregateID) Stream { return Stream(string(n) + "-" + string(id)) }

// Split returns the stream name and the aggregate's id of s; ok is false if s
// is not of that form.
func (s Stream) Split() (name StreamName, id AggregateID, ok bool) {
	n, i, found := strings.Cut(string(s), "-")
	return StreamName(n), AggregateID(i), found && n != "" && i != ""
}

// validateID is the rule shared by aggregate ids and message ids.
func validateID(what, id string, limit int) error {
	switch {
	case id == "":
		return fmt.Errorf("%s is empty", what)
	case len(id) > limit:
		return fmt.Errorf("%s has %d bytes, at most %d are allowed", what, len(id), limit)
	case isPrintable(id):
		return nil
	case !utf8.ValidString(id):
		return fmt.Errorf("%s is not valid UTF-8", what)
	}
	for _, r := range id {
		if unicode.IsControl(r) {
			return fmt.Errorf("%s contains the control character %U", what, r)
		}
	}
	return nil
}

// isPrintable reports whether s is printable ASCII, as most ids are.
func isPrintable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// clip shortens what a caller sent, so that an error stays readable.
func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

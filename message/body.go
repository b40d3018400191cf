package message

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/gowebpki/jcs"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// Body is a request as it was received: a JSON object, a protobuf message, or
// nothing. It is never changed in place; [Body.With] returns a new one. The
// zero Body is no request at all.
type Body struct {
	json  []byte
	proto *anypb.Any
	hash  [sha256.Size]byte
}

// ErrNotObject says that a JSON request is not an object.
var ErrNotObject = errors.New("the request has to be a JSON object")

// JSONBody checks that b is one JSON object in UTF-8 without duplicate keys and
// returns it as a body. Empty input, and null, are no request. The body keeps
// b: the caller must not change it afterwards.
//
// The hash of the body is taken here, of its canonical form (RFC 8785), so that
// spaces, the order of keys and ways to write a number do not matter. It does
// not allocate for requests of plain keys, strings and numbers.
func JSONBody(b []byte) (Body, error) {
	b = trimSpace(b)
	if len(b) == 0 || string(b) == "null" {
		return Body{}, nil
	}
	if hash, ok := canonicalHash(b); ok {
		return Body{json: b, hash: hash}, nil
	}
	return anyJSONBody(b)
}

// anyJSONBody is JSONBody for any request, and says what is wrong with one.
func anyJSONBody(b []byte) (Body, error) {
	if !utf8.Valid(b) {
		return Body{}, errors.New("the request is not valid UTF-8")
	}
	if !json.Valid(b) {
		return Body{}, syntaxError(b)
	}
	if b[0] != '{' {
		return Body{}, ErrNotObject
	}
	canonical, err := jcs.Transform(b)
	if err != nil {
		return Body{}, fmt.Errorf("the request has no canonical form: %w", err)
	}
	return Body{json: b, hash: sha256.Sum256(canonical)}, nil
}

// ProtoBody returns a protobuf message as a body. Its hash is that of its type
// URL, NUL and its bytes as they were sent, which clients have to marshal
// deterministically.
func ProtoBody(a *anypb.Any) Body {
	if a == nil {
		return Body{}
	}
	h := sha256.New()
	h.Write([]byte(a.GetTypeUrl()))
	h.Write([]byte{0})
	h.Write(a.GetValue())
	body := Body{proto: a}
	h.Sum(body.hash[:0])
	return body
}

// syntaxError says where broken JSON breaks.
func syntaxError(b []byte) error {
	var v any
	err := json.Unmarshal(b, &v)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("the request is not valid JSON: %s at byte %d", syntax.Error(), syntax.Offset)
	}
	return fmt.Errorf("the request is not valid JSON: %w", err)
}

// IsZero reports whether there is no request.
func (b Body) IsZero() bool { return b.json == nil && b.proto == nil }

// start tells JSON bodies apart: no object begins with another one.
func (b Body) start() *byte {
	if len(b.json) == 0 {
		return nil
	}
	return &b.json[0]
}

// JSON returns the bytes of a JSON body; nil for any other. The caller must not
// change them.
func (b Body) JSON() []byte { return b.json }

// Any returns the message of a protobuf body; nil for any other.
func (b Body) Any() *anypb.Any { return b.proto }

// Hash returns the SHA-256 of the request as it was received; see [JSONBody]
// and [ProtoBody]. A body made by With keeps the hash of what was received.
func (b Body) Hash() [sha256.Size]byte { return b.hash }

// Size returns the number of bytes of the request.
func (b Body) Size() int {
	if b.proto != nil {
		return len(b.proto.GetValue())
	}
	return len(b.json)
}

// Decode reads the body into out: a protobuf body into a proto.Message of its
// type, a JSON body into anything that JSON can be read into.
func (b Body) Decode(out any) error {
	if b.proto != nil {
		m, ok := out.(proto.Message)
		if !ok {
			return fmt.Errorf("the request is a protobuf message %s, the command takes JSON", b.proto.MessageName())
		}
		return b.proto.UnmarshalTo(m)
	}
	if b.json == nil {
		return nil
	}
	if m, ok := out.(proto.Message); ok {
		return unmarshalProtoJSON(b.json, m)
	}
	return json.Unmarshal(b.json, out)
}

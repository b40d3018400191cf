package store

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/ringhold/ringhold/internal/plainjson"
	"github.com/ringhold/ringhold/message"
)

// commandJSON is the form in which SQL stores keep a [Command]: one JSON object
// that a person can read and a SQL shell can take apart, such as
//
//	{"service":"deposit","hash":"9f86…","events":1,
//	 "response":{"result":"ok","version":1},
//	 "request":{"account_id":"acc-1","amount":100}}
//
// A request or response that is not JSON in UTF-8 stands in base64 under
// request_bytes or response_bytes. What an older release wrote is read by every
// later one: members are added, never renamed.
type commandJSON struct {
	MessageID     message.ID          `json:"message_id,omitempty"`
	Service       message.ServiceName `json:"service"`
	Hash          string              `json:"hash"`
	Events        int                 `json:"events"`
	Response      json.RawMessage     `json:"response,omitempty"`
	ResponseBytes []byte              `json:"response_bytes,omitempty"`
	Encoding      Encoding            `json:"encoding,omitempty"` // of the request
	Request       json.RawMessage     `json:"request,omitempty"`
	RequestBytes  *[]byte             `json:"request_bytes,omitempty"`
}

// EncodeCommand returns c as the JSON text that SQL stores keep. It allocates
// once, unless there are bytes to write in base64 or names to escape.
func EncodeCommand(c *Command) []byte {
	const around = 192 // the hash, and the names of all members
	return appendCommand(make([]byte, 0, around+len(c.Service)+len(c.Request)+len(c.Response)), "", c)
}

// AppendCommand appends to b what EncodeCommand returns.
func AppendCommand(b []byte, c *Command) []byte { return appendCommand(b, "", c) }

// DecodeCommand reads what EncodeCommand wrote. JSON comes back byte for byte,
// but for white space around it.
func DecodeCommand(b []byte) (*Command, error) {
	if c, ok := decodeOwn(b); ok {
		return c, nil
	}
	var j commandJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return nil, fmt.Errorf("decode a stored command: %w", err)
	}
	return j.command()
}

// EncodeRecent returns the newest commands of a state as a JSON array of the
// objects of EncodeCommand, each with its message_id.
func EncodeRecent(recent []Processed) []byte {
	b := make([]byte, 0, 2+384*len(recent))
	b = append(b, '[')
	for i := range recent {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendCommand(b, recent[i].MessageID, &recent[i].Command)
	}
	return append(b, ']')
}

// DecodeRecent reads what EncodeRecent wrote.
func DecodeRecent(b []byte) ([]Processed, error) {
	var js []commandJSON
	if err := json.Unmarshal(b, &js); err != nil {
		return nil, fmt.Errorf("decode the stored commands of a state: %w", err)
	}
	recent := make([]Processed, len(js))
	for i := range js {
		c, err := js[i].command()
		if err != nil {
			return nil, err
		}
		recent[i] = Processed{MessageID: js[i].MessageID, Command: *c}
	}
	return recent, nil
}

func decodeHash(c *Command, text []byte) bool {
	if len(text) != 2*len(c.Hash) {
		return false
	}
	_, err := hex.Decode(c.Hash[:], text)
	return err == nil
}

func (j *commandJSON) command() (*Command, error) {
	c := &Command{Service: j.Service, Events: j.Events, RequestEncoding: j.Encoding}
	if !decodeHash(c, []byte(j.Hash)) {
		return nil, fmt.Errorf("decode a stored command: hash %q is not a SHA-256 in hexadecimal", j.Hash)
	}
	c.Response = j.Response
	if j.Response == nil {
		c.Response = j.ResponseBytes
	}
	c.Request = j.Request
	if j.RequestBytes != nil {
		c.Request = *j.RequestBytes
	}
	return c, nil
}

// appendCommand writes what commandJSON reads. It does not go through
// encoding/json, which would rewrite the JSON within.
func appendCommand(b []byte, id message.ID, c *Command) []byte {
	b = append(b, '{')
	if id != "" {
		b = append(b, `"message_id":`...)
		b = plainjson.AppendString(b, string(id))
		b = append(b, ',')
	}
	b = append(b, `"service":`...)
	b = plainjson.AppendString(b, string(c.Service))
	b = append(b, `,"hash":"`...)
	b = hex.AppendEncode(b, c.Hash[:])
	b = append(b, `","events":`...)
	b = strconv.AppendInt(b, int64(c.Events), 10)
	if c.Response != nil {
		b = appendPayload(b, "response", c.Response)
	}
	if c.RequestEncoding != JSON {
		b = append(b, `,"encoding":`...)
		b = strconv.AppendInt(b, int64(c.RequestEncoding), 10)
	}
	if c.Request != nil {
		b = appendPayload(b, "request", c.Request)
	}
	return append(b, '}')
}

// appendPayload writes JSON as it is and other bytes in base64.
func appendPayload(b []byte, name string, payload []byte) []byte {
	b = append(b, `,"`...)
	b = append(b, name...)
	if plainjson.IsValid(payload) || utf8.Valid(payload) && json.Valid(payload) {
		b = append(b, `":`...)
		return append(b, bytes.TrimSpace(payload)...)
	}
	text, _ := json.Marshal(payload) // a []byte always has a JSON form
	b = append(b, `_bytes":`...)
	return append(b, text...)
}

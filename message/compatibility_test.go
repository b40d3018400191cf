package message_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/ringhold/ringhold/message"
)

// rows returns the cells below the table's head in docs/compatibility.md, which
// is what other languages are written against.
func rows(t *testing.T, head string) [][]string {
	t.Helper()
	b, err := os.ReadFile("../docs/compatibility.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(b), head+"\n")
	if !found {
		t.Fatalf("docs/compatibility.md has no table %s", head)
	}
	var out [][]string
	for line := range strings.Lines(table) {
		if !strings.HasPrefix(line, "|") {
			break
		}
		if strings.HasPrefix(line, "| ---") {
			continue
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		for i := range cells {
			cells[i] = strings.Trim(strings.TrimSpace(cells[i]), "`")
		}
		out = append(out, cells)
	}
	if len(out) < 2 {
		t.Fatalf("the table %s has %d rows", head, len(out))
	}
	return out
}

func TestGeneratedIDVectors(t *testing.T) {
	for _, row := range rows(t, "| stream name | message id | generated id |") {
		if got := message.GeneratedID(message.StreamName(row[0]), message.ID(row[1])); string(got) != row[2] {
			t.Errorf("%q: got %s", row, got)
		}
	}
}

func TestDerivedIDVectors(t *testing.T) {
	for _, row := range rows(t, "| message id | n | id |") {
		n, err := strconv.Atoi(row[1])
		if err != nil {
			t.Fatal(err)
		}
		if got := message.DerivedID(message.ID(row[0]), n); got != row[2] {
			t.Errorf("%q: got %s", row, got)
		}
	}
}

func TestRequestHashVectors(t *testing.T) {
	for _, row := range rows(t, "| request | canonical form | SHA-256 |") {
		if sum := sha256.Sum256([]byte(row[1])); hex.EncodeToString(sum[:]) != row[2] {
			t.Errorf("%q: the SHA-256 is not that of the canonical form", row)
		}
		for _, form := range row[:2] {
			body, err := message.JSONBody([]byte(form))
			if err != nil {
				t.Fatalf("%s: %v", form, err)
			}
			if sum := body.Hash(); hex.EncodeToString(sum[:]) != row[2] {
				t.Errorf("%s has the hash %x, want %s", form, sum, row[2])
			}
		}
	}
	for _, row := range rows(t, "| type URL | bytes | SHA-256 |") {
		value, err := hex.DecodeString(row[1])
		if err != nil {
			t.Fatal(err)
		}
		sum := message.ProtoBody(&anypb.Any{TypeUrl: row[0], Value: value}).Hash()
		if hex.EncodeToString(sum[:]) != row[2] {
			t.Errorf("%q: got %x", row, sum)
		}
	}
}

func TestStoredResponseVectors(t *testing.T) {
	want := map[string]message.Response{
		"ok":                           message.OK{},
		"ok at version 3 with a value": message.OK{Version: 3, HasVersion: true, Value: value(t, map[string]int{"balance": 70})},
		"created":                      message.Created{ID: "acc-1", Version: 0, HasVersion: true},
		"error":                        message.DomainError{Code: "insufficient_funds", Detail: value(t, map[string]int{"missing": 30})},
		"ok with a protobuf value":     message.OK{Value: value(t, wrapperspb.String("hello"))},
	}
	table := rows(t, "| response | stored as |")
	if len(table) != len(want) {
		t.Errorf("the document has %d responses, the test %d", len(table), len(want))
	}
	for _, row := range table {
		if b, err := message.EncodeResponse(want[row[0]]); err != nil || string(b) != row[1] {
			t.Errorf("%s: stored as %s (%v), the document says %s", row[0], b, err, row[1])
		}
		got, err := message.DecodeResponse([]byte(row[1]))
		if err != nil || !reflect.DeepEqual(plain(got), plain(want[row[0]])) {
			t.Errorf("%s: read as %+v (%v)", row[1], got, err)
		}
	}
}

// value encodes v, which has to work.
func value(t *testing.T, v any) message.Value {
	t.Helper()
	out, err := message.NewValue(v)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

package ring_test

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/cespare/xxhash/v2"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
)

// docs/ring.md is what other languages are written against.
func document(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../docs/ring.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestSlotVectors(t *testing.T) {
	rows := 0
	var slots []int
	for line := range strings.Lines(document(t)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.Trim(strings.TrimSpace(cells[i]), "`")
		}
		switch {
		case cells[0] == "stream":
			slots = numbers(t, cells[2:])
		case len(cells) < 3 || len(slots) == 0 || strings.HasPrefix(cells[0], "---"):
		default:
			rows++
			if got := fmt.Sprintf("%016x", xxhash.Sum64String(cells[0])); got != cells[1] {
				t.Errorf("XXH64 of %q is %s, the document says %s", cells[0], got, cells[1])
			}
			for i, want := range numbers(t, cells[2:]) {
				if got := ring.SlotOf(message.Stream(cells[0]), slots[i]); got != ring.Slot(want) {
					t.Errorf("the slot of %q among %d is %d, the document says %d", cells[0], slots[i], got, want)
				}
			}
		}
	}
	if rows < 10 {
		t.Errorf("only %d vectors found", rows)
	}
}

func numbers(t *testing.T, cells []string) []int {
	t.Helper()
	out := make([]int, len(cells))
	for i, c := range cells {
		n, err := strconv.Atoi(c)
		if err != nil {
			t.Fatal(err)
		}
		out[i] = n
	}
	return out
}

func TestDocumentedRing(t *testing.T) {
	_, rest, _ := strings.Cut(document(t), "```json\n")
	text, _, _ := strings.Cut(rest, "\n```")
	var r ring.Ring
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatal(err)
	}
	want, err := ring.NewEven(1, 256, []ring.Member{{ID: "m1", Address: "10.0.0.1:7400"}, {ID: "m2", Address: "10.0.0.2:7400"}, {ID: "m3", Address: "10.0.0.3:7400"}})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(&r, want) {
		t.Errorf("the document's ring is %+v, want %+v", r, want)
	}
	if b, err := json.Marshal(want); err != nil || string(b) != text {
		t.Errorf("it is written as %s (%v), the document says %s", b, err, text)
	}
}

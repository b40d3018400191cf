package ring_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
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

// table returns the cells of the rows of the table whose first column has a name.
func table(t *testing.T, name string) (header []string, rows [][]string) {
	t.Helper()
	_, rest, found := strings.Cut(document(t), "\n| "+name+" |")
	if !found {
		t.Fatalf("there is no table of %s", name)
	}
	text, _, _ := strings.Cut("| "+name+" |"+rest, "\n\n")
	for i, line := range strings.Split(strings.TrimSpace(text), "\n") {
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for c := range cells {
			cells[c] = strings.Trim(strings.TrimSpace(cells[c]), "`")
		}
		switch i {
		case 0:
			header = cells
		case 1: // the rule below the header
		default:
			rows = append(rows, cells)
		}
	}
	if len(rows) < 5 {
		t.Fatalf("the table of %s has only %d rows", name, len(rows))
	}
	return header, rows
}

func TestSlotVectors(t *testing.T) {
	header, rows := table(t, "stream")
	for _, cells := range rows {
		same(t, "XXH64 of "+cells[0], fmt.Sprintf("%016x", xxhash.Sum64String(cells[0])), cells[1])
		for i := 2; i < len(header); i++ {
			same(t, cells[0]+" among "+header[i], ring.SlotOf(message.Stream(cells[0]), number(t, header[i])), cells[i])
		}
	}
}

func TestScoreVectors(t *testing.T) {
	_, rows := table(t, "member")
	for _, cells := range rows {
		id, slot := ring.MemberID(cells[0]), ring.Slot(number(t, cells[1]))
		same(t, "the key of "+cells[0], fmt.Sprintf("%016x", xxhash.Sum64String(cells[0])), cells[2])
		same(t, "the score of slot "+cells[1]+" for "+cells[0], fmt.Sprintf("%016x", ring.Score(slot, id)), cells[3])
	}
}

func TestOrderVectors(t *testing.T) {
	_, rows := table(t, "slot among all")
	for _, cells := range rows {
		got := ring.Order(ring.Slot(number(t, cells[0])), ids(numbered(6)))
		same(t, "the order of slot "+cells[0], got, strings.Fields(cells[1]))
	}
}

// documented are the rings of the document, the first at 1.
func documented(t *testing.T) []*ring.Ring {
	t.Helper()
	_, rows := table(t, "ring")
	rings := []*ring.Ring{{Slots: 16}}
	for _, cells := range rows {
		replace := map[ring.MemberID]ring.MemberID{}
		for _, pair := range strings.Fields(cells[2]) {
			old, by, _ := strings.Cut(pair, "→")
			replace[ring.MemberID(old)] = ring.MemberID(by)
		}
		var list []ring.Member
		for _, id := range strings.Fields(cells[1]) {
			id, leaves := strings.CutSuffix(id, "!")
			list = append(list, leaving(members(ring.MemberID(id)), map[bool]ring.MemberID{true: ring.MemberID(id)}[leaves])...)
		}
		next := assign(t, rings[len(rings)-1], list, replace)
		var owners []ring.MemberID
		for s := range next.Slots {
			owners = append(owners, ownerOf(next, s))
		}
		same(t, "ring "+cells[0], owners, strings.Fields(cells[3]))
		same(t, "the version", next.Version, cells[0])
		rings = append(rings, next)
	}
	return rings
}

func TestRingVectors(t *testing.T) {
	documented(t)
	_, rest, _ := strings.Cut(document(t), "has the XXH64\n`")
	want, _, _ := strings.Cut(rest, "`")
	var indexes []byte
	for _, m := range first(t, ring.MaxSlots, numbered(1000)).Assignment {
		indexes = binary.BigEndian.AppendUint16(indexes, uint16(m))
	}
	same(t, "the ring of 1,000 members", fmt.Sprintf("%016x", xxhash.Sum64(indexes)), want)
}

func TestOwnerVectors(t *testing.T) {
	r := documented(t)[1]
	_, vectors := table(t, "rows")
	for _, cells := range vectors {
		var live []ring.Live
		for _, id := range strings.Fields(cells[0]) {
			id, leaves := strings.CutSuffix(id, "!")
			live = append(live, ring.Live{ID: ring.MemberID(id), Leaving: leaves})
		}
		same(t, "with "+cells[0], ring.Owners(r, r.Slots, live), strings.Fields(cells[1]))
		slices.Reverse(live)
		same(t, "in another order", ring.Owners(r, r.Slots, live), strings.Fields(cells[1]))
	}
}

func TestDocumentedRing(t *testing.T) {
	_, rest, _ := strings.Cut(document(t), "```json\n")
	text, _, _ := strings.Cut(rest, "\n```")
	var r ring.Ring
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatal(err)
	}
	want := documented(t)[1]
	if !reflect.DeepEqual(&r, want) {
		t.Errorf("the document's ring is %+v, want %+v", r, want)
	}
	if b, err := json.Marshal(want); err != nil || string(b) != text {
		t.Errorf("it is written as %s (%v), the document says %s", b, err, text)
	}
}

func number(t *testing.T, cell string) int {
	t.Helper()
	n, err := strconv.Atoi(cell)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

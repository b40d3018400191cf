package ring_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/ringhold/ringhold/ring"
)

func two() []ring.Member {
	return []ring.Member{{ID: "m1", Address: "10.0.0.1:7400"}, {ID: "m2", Address: "10.0.0.2:7400"}}
}

func TestOwner(t *testing.T) {
	r, err := ring.NewEven(7, 4, two())
	if err != nil {
		t.Fatal(err)
	}
	for slot, want := range []ring.MemberID{"m1", "m1", "m2", "m2"} {
		if m, ok := r.Owner(ring.Slot(slot)); !ok || m.ID != want {
			t.Errorf("slot %d belongs to %q (%t), want %q", slot, m.ID, ok, want)
		}
	}
	if m, ok := r.Owner(4); ok {
		t.Errorf("slot 4 of 4 belongs to %q", m.ID)
	}
	empty, err := ring.NewEven(8, 4, nil)
	if err != nil {
		t.Fatal(err)
	}
	if m, ok := empty.Owner(0); ok {
		t.Errorf("without members slot 0 belongs to %q", m.ID)
	}
}

func TestFaultsOfARing(t *testing.T) {
	for want, spoil := range map[string]func(*ring.Ring){
		"slots is 3":                      func(r *ring.Ring) { r.Slots = 3 },
		"version is -1":                   func(r *ring.Ring) { r.Version = -1 },
		"member 1 has no id":              func(r *ring.Ring) { r.Members[1].ID = "" },
		`member "m1" stands in the ring`:  func(r *ring.Ring) { r.Members[1].ID = "m1" },
		"3 of 4 slots are assigned":       func(r *ring.Ring) { r.Assignment = r.Assignment[:3] },
		"slot 0 is assigned to member 2":  func(r *ring.Ring) { r.Assignment[0] = 2 },
		"slot 3 is assigned to member -2": func(r *ring.Ring) { r.Assignment[3] = -2 },
	} {
		r, err := ring.NewEven(1, 4, two())
		if err != nil {
			t.Fatal(err)
		}
		spoil(r)
		if err := r.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if _, err := ring.NewEven(1, 5, two()); err == nil {
		t.Error("a ring of 5 slots is made")
	}
}

func TestRefusedJSON(t *testing.T) {
	for _, text := range []string{
		``, `null`, `[]`, `{}`,
		`{"version":1,"slots":2,"members":[{"id":"a"}],"runs":[[1,0]]}`,
		`{"version":1,"slots":2,"members":[{"id":"a"}],"runs":[[2,1]]}`,
		`{"version":1,"slots":2,"members":[{"id":"a"}],"runs":[[-1,0],[3,0]]}`,
		`{"version":1,"slots":2,"members":[{"id":"a"},{"id":"a"}],"runs":[[2,0]]}`,
		`{"version":1,"slots":9223372036854775807,"members":[],"runs":[[9223372036854775807,-1]]}`,
		`{"version":1,"slots":2,"members":[],"runs":[[9223372036854775807,-1],[9223372036854775807,-1],[4,-1]]}`,
	} {
		r := ring.Ring{Version: 5}
		if err := json.Unmarshal([]byte(text), &r); err == nil {
			t.Errorf("%s is read as %+v", text, r)
		}
		if r.Version != 5 {
			t.Errorf("%s left %+v", text, r)
		}
	}
}

// What is read is a ring, and is written as it was read.
func FuzzRingJSON(f *testing.F) {
	f.Add([]byte(`{"version":1,"slots":4,"members":[{"id":"a","address":"h:1"},{"id":"b","address":"h:2"}],"runs":[[2,0],[1,1],[1,-1]]}`))
	f.Add([]byte(`{"version":0,"slots":1,"members":[],"runs":[[1,-1]]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var r ring.Ring
		if json.Unmarshal(b, &r) != nil {
			return
		}
		if err := r.Validate(); err != nil {
			t.Fatalf("read a ring that is none: %v", err)
		}
		again, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var back ring.Ring
		if err := json.Unmarshal(again, &back); err != nil {
			t.Fatalf("%s: %v", again, err)
		}
		if len(r.Members) == 0 {
			r.Members, back.Members = nil, nil
		}
		if !reflect.DeepEqual(r, back) {
			t.Fatalf("%+v came back as %+v", r, back)
		}
	})
}

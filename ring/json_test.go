package ring_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/ringhold/ringhold/ring"
)

// maxPublished is what the largest ring may be when it is published, in bytes. A
// ConfigMap holds four times as much.
const maxPublished = 256 << 10

// inKubernetes are members with names and ids as long as Kubernetes makes them.
func inKubernetes(n int) []ring.Member {
	out := make([]ring.Member, n)
	for i := range out {
		uid := fmt.Sprintf("6ba7b810-9dad-41d1-80b4-00c0%08x", i)
		out[i] = ring.Member{
			ID: ring.MemberID(uid), PodUID: uid, Address: fmt.Sprintf("10.244.%d.%d:7400", 100+i%100, 100+i/100),
			Pod: fmt.Sprintf("%s-%04d", strings.Repeat("p", 58), i),
		}
	}
	return out
}

func TestTheLargestRingIsPublished(t *testing.T) {
	list := inKubernetes(1000)
	for i := range list[:100] {
		list[i].Leaving = true
	}
	b, err := json.Marshal(first(t, ring.MaxSlots, list))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d slots and %d members are %d bytes", ring.MaxSlots, len(list), len(b))
	if len(b) >= maxPublished {
		t.Errorf("%d slots and %d members are %d bytes, the limit is %d", ring.MaxSlots, len(list), len(b), maxPublished)
	}
}

func anyRing() *rapid.Generator[ring.Ring] {
	return rapid.Custom(func(t *rapid.T) ring.Ring {
		slots, n := slotCounts().Draw(t, "slots"), rapid.IntRange(1, 300).Draw(t, "members")
		r := ring.Ring{Version: ring.Number(rapid.Int64Min(0).Draw(t, "version")), Slots: slots, Members: inKubernetes(n)}
		for i := range r.Members {
			if rapid.Bool().Draw(t, "elsewhere") {
				r.Members[i].Pod, r.Members[i].PodUID = "", ""
			}
			r.Members[i].Leaving = rapid.Bool().Draw(t, "leaving")
		}
		r.Assignment = rapid.SliceOfN(rapid.IntRange(ring.NoMember, n-1), slots, slots).Draw(t, "assignment")
		return r
	})
}

func TestJSONRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := anyRing().Draw(t, "ring")
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var back ring.Ring
		if err := json.Unmarshal(text, &back); err != nil || !reflect.DeepEqual(r, back) {
			t.Fatalf("%+v came back as %+v (%v)", r, back, err)
		}
		if again, err := json.Marshal(back); err != nil || string(again) != string(text) {
			t.Fatalf("%s is written as %s the second time (%v)", text, again, err)
		}
	})
}

func TestTooManyMembers(t *testing.T) {
	r := ring.Ring{Slots: 1, Members: numbered(ring.MaxMembers + 1), Assignment: ring.Assignment{ring.MaxMembers}}
	if err := r.Validate(); err == nil || !strings.Contains(err.Error(), "65536 members") {
		t.Errorf("it is validated with %v", err)
	}
	if _, err := json.Marshal(r); err == nil || !strings.Contains(err.Error(), "65536 members") {
		t.Errorf("it is written with %v", err)
	}
	r.Members, r.Assignment = r.Members[:ring.MaxMembers], ring.Assignment{ring.MaxMembers - 1}
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var back ring.Ring
	if err := json.Unmarshal(text, &back); err != nil || back.Assignment[0] != ring.MaxMembers-1 {
		t.Errorf("the last member's slot is read as %v (%v)", back.Assignment, err)
	}
}

func TestRefusedJSON(t *testing.T) {
	for text, want := range map[string]string{
		``: "end of JSON", `null`: "slots is 0", `[]`: "cannot unmarshal", `{}`: "slots is 0",
		`{"version":1,"slots":2,"members":[{"id":"a"}]}`:                                                            "has 0 characters instead of 8",
		`{"version":1,"slots":2,"members":[{"id":"a"}],"runs":[[2,0]]}`:                                             "has 0 characters instead of 8",
		`{"version":1,"slots":2,"members":[{"id":"a"}],"assignment":"AAA="}`:                                        "has 4 characters instead of 8",
		`{"version":1,"slots":2,"members":[{"id":"a"}],"assignment":"AAAAAAAAAAA="}`:                                "has 12 characters instead of 8",
		`{"version":1,"slots":2,"members":[{"id":"a"}],"assignment":"AAAAAAAA"}`:                                    "has 6 bytes instead of 4",
		`{"version":1,"slots":2,"members":[{"id":"a"}],"assignment":"AAA=\n\n\n\n"}`:                                "has 2 bytes instead of 4",
		`{"version":1,"slots":2,"members":[{"id":"a"}],"assignment":"AAAAAB=="}`:                                    "illegal base64",
		`{"version":1,"slots":2,"members":[{"id":"a"}],"assignment":"AAAA_w=="}`:                                    "illegal base64",
		`{"version":1,"slots":2,"members":[{"id":"a"}],"assignment":"AAAAAQ=="}`:                                    "slot 1 is assigned to member 1 of 1",
		`{"version":1,"slots":2,"members":[{"id":"a"},{"id":"a"}],"assignment":"AAAAAA=="}`:                         "stands in the ring twice",
		`{"version":1,"slots":2,"members":[{"address":"a"}],"assignment":"AAAAAA=="}`:                               "has no id",
		`{"version":-1,"slots":2,"members":[{"id":"a"}],"assignment":"AAAAAA=="}`:                                   "version is -1",
		`{"version":1,"slots":9223372036854775807,"members":[],"assignment":""}`:                                    "slots is 9223372036854775807",
		`{"version":1,"slots":-2,"members":[],"assignment":""}`:                                                     "slots is -2",
		`{"version":1,"slots":1,"members":[{"id":"a","pod_uid":"u"},{"id":"b","pod_uid":"u"}],"assignment":"AAA="}`: "have the same pod uid u",
	} {
		r := ring.Ring{Version: 5}
		if err := json.Unmarshal([]byte(text), &r); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is read as %+v (%v), want %q", text, r, err, want)
		}
		if r.Version != 5 {
			t.Errorf("%s left %+v", text, r)
		}
	}
}

// What is read is a ring, and is written as it was read.
func FuzzRingJSON(f *testing.F) {
	coded := func(b ...byte) string { return base64.StdEncoding.EncodeToString(b) }
	f.Add([]byte(`{"version":1,"slots":4,"members":[{"id":"a","address":"h:1"},{"id":"b","address":"h:2","pod":"p","pod_uid":"u","leaving":true}],"assignment":"` + coded(0, 0, 0, 1, 0, 1, 0xff, 0xff) + `"}`))
	f.Add([]byte(`{"version":0,"slots":1,"members":[],"assignment":"` + coded(0xff, 0xff) + `"}`))
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

package ring_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/ringhold/ringhold/ring"
)

// How long does the largest ring take, whatever changes? The limit is 10 ms.
func BenchmarkAssign(b *testing.B) {
	list := numbered(1000)
	level := first(b, ring.MaxSlots, list)
	for _, c := range []struct {
		name     string
		previous *ring.Ring
		members  []ring.Member
		replace  map[ring.MemberID]ring.MemberID
	}{
		{"first", &ring.Ring{Slots: ring.MaxSlots}, list, nil},
		{"unchanged", level, list, nil},
		{"join", level, append(list[:1000:1000], members("joiner")...), nil},
		{"leave", level, list[1:], nil},
		{"replace", level, append(list[1:1000:1000], members("new")...), map[ring.MemberID]ring.MemberID{"m1": "new"}},
		{"half_leave", level, list[500:], nil},
		{"twice_as_many", first(b, ring.MaxSlots, list[500:]), list, nil},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ring.Assign(c.previous, c.members, c.replace); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/ring")
		})
	}
}

// How long does it take to find who is to own each slot of the largest ring, when
// the given number of 100 members is gone?
func BenchmarkOwners(b *testing.B) {
	list := numbered(100)
	r := first(b, ring.MaxSlots, list)
	for _, gone := range []int{0, 1, 10, 50} {
		b.Run(fmt.Sprint("gone_", gone), func(b *testing.B) { owners(b, r, rows(list[gone:])) })
	}
	b.Run("no_ring", func(b *testing.B) { owners(b, nil, rows(list)) })
}

func owners(b *testing.B, r *ring.Ring, live []ring.Live) {
	b.ReportAllocs()
	for b.Loop() {
		ring.Owners(r, ring.MaxSlots, live)
	}
}

// How long does it take to write and read the largest ring?
func BenchmarkJSON(b *testing.B) {
	r := first(b, ring.MaxSlots, inKubernetes(1000))
	text, err := json.Marshal(r)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("write", func(b *testing.B) {
		for b.Loop() {
			if _, err := json.Marshal(r); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(len(text)), "bytes")
	})
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			var back ring.Ring
			if err := json.Unmarshal(text, &back); err != nil {
				b.Fatal(err)
			}
		}
	})
}

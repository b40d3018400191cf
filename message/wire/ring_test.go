package wire_test

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/ringhold/ringhold/message/wire"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
	"github.com/ringhold/ringhold/ring"
)

func TestRingsSurviveTheWire(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		slots := 1 << rapid.IntRange(0, 8).Draw(t, "slots")
		want := &ring.Ring{Version: ring.Number(rapid.Int64Min(0).Draw(t, "version")), Slots: slots}
		for i := range rapid.IntRange(1, 5).Draw(t, "members") {
			id := string(rune('a' + i))
			want.Members = append(want.Members, ring.Member{
				ID: ring.MemberID(id), Address: id + ":1", Pod: "pod-" + id, PodUID: "uid-" + id, Leaving: rapid.Bool().Draw(t, "leaving"),
			})
		}
		want.Assignment = rapid.SliceOfN(rapid.IntRange(ring.NoMember, len(want.Members)-1), slots, slots).Draw(t, "assignment")
		got, err := wire.DecodeRing(throughBytes(t, wire.EncodeRing(want)))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%+v came back as %+v, %v", want, got, err)
		}
	})
}

func TestRingsThatAreNone(t *testing.T) {
	member := []*pb.Member{{Id: "a"}}
	for name, in := range map[string]*pb.Ring{
		"nothing":      nil,
		"three slots":  {Slots: 3},
		"huge":         {Slots: 1 << 31},
		"beyond":       {Slots: 4, Members: member, Assignment: []*pb.SlotRun{{FirstSlot: 3, Count: 2}}},
		"overflow":     {Slots: 4, Members: member, Assignment: []*pb.SlotRun{{FirstSlot: 1<<32 - 1, Count: 1<<32 - 1}}},
		"overlap":      {Slots: 4, Members: member, Assignment: []*pb.SlotRun{{Count: 2}, {FirstSlot: 1, Count: 1}}},
		"empty run":    {Slots: 4, Members: member, Assignment: []*pb.SlotRun{{}}},
		"no member":    {Slots: 4, Members: member, Assignment: []*pb.SlotRun{{Count: 4, Member: 1}}},
		"large member": {Slots: 4, Members: member, Assignment: []*pb.SlotRun{{Count: 4, Member: 1<<32 - 1}}},
		"no id":        {Slots: 4, Members: []*pb.Member{{}}},
		"version":      {Slots: 4, Version: 1 << 63},
	} {
		if r, err := wire.DecodeRing(in); err == nil {
			t.Errorf("%s is read as %+v", name, r)
		}
	}
}

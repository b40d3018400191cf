package ring_test

import (
	"strings"
	"testing"

	"github.com/ringhold/ringhold/ring"
)

func four() *ring.Ring {
	return &ring.Ring{Version: 7, Slots: 4, Members: numbered(2), Assignment: ring.Assignment{0, 1, 1, ring.NoMember}}
}

func TestOwner(t *testing.T) {
	for slot, want := range []ring.MemberID{"m1", "m2", "m2"} {
		if m, ok := four().Owner(ring.Slot(slot)); !ok || m.ID != want {
			t.Errorf("slot %d belongs to %q (%t), want %q", slot, m.ID, ok, want)
		}
	}
	for _, slot := range []ring.Slot{3, 4} {
		if m, ok := four().Owner(slot); ok {
			t.Errorf("slot %d belongs to %q", slot, m.ID)
		}
	}
}

func TestFaultsOfARing(t *testing.T) {
	for want, spoil := range map[string]func(*ring.Ring){
		"slots is 3":                        func(r *ring.Ring) { r.Slots = 3 },
		"version is -1":                     func(r *ring.Ring) { r.Version = -1 },
		"member 1 has no id":                func(r *ring.Ring) { r.Members[1].ID = "" },
		`member 0, "\xff", is not UTF-8`:    func(r *ring.Ring) { r.Members[0].ID = "\xff" },
		`member "m1" stands in the ring`:    func(r *ring.Ring) { r.Members[1].ID = "m1" },
		`"m1" and "m2" have the same pod u`: func(r *ring.Ring) { r.Members[0].PodUID, r.Members[1].PodUID = "u", "u" },
		"3 of 4 slots are assigned":         func(r *ring.Ring) { r.Assignment = r.Assignment[:3] },
		"slot 0 is assigned to member 2":    func(r *ring.Ring) { r.Assignment[0] = 2 },
		"slot 3 is assigned to member -2":   func(r *ring.Ring) { r.Assignment[3] = -2 },
	} {
		r := four()
		spoil(r)
		if err := r.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if err := four().Validate(); err != nil {
		t.Error(err)
	}
}

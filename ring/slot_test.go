package ring_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
)

// Doubling the slots splits slot s into 2s and 2s+1.
func TestSlotsSplit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stream := message.Stream("accounts-" + rapid.String().Draw(t, "id"))
		slots := rapid.Map(rapid.IntRange(0, 13), func(n int) int { return 1 << n }).Draw(t, "slots")
		if s, half := ring.SlotOf(stream, slots), ring.SlotOf(stream, 2*slots); half/2 != s || int(half) >= 2*slots {
			t.Fatalf("slot %d of %d became %d of %d", s, slots, half, 2*slots)
		}
	})
}

func TestValidateSlots(t *testing.T) {
	for n, valid := range map[int]bool{
		-1: false, 0: false, 1: true, 2: true, 3: false, 256: true, 1000: false, 16384: true, 32768: false,
	} {
		if err := ring.ValidateSlots(n); (err == nil) != valid {
			t.Errorf("%d slots: %v", n, err)
		}
	}
}

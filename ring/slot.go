package ring

import (
	"fmt"
	"math/bits"

	"github.com/cespare/xxhash/v2"

	"github.com/ringhold/ringhold/message"
)

// MaxSlots is the largest number of slots that a group may have.
const MaxSlots = 16384

// Slot is a fixed hash partition of ids, from 0 to the group's number of slots
// less one.
type Slot uint32

// ValidateSlots reports why n cannot be a group's number of slots, or nil.
func ValidateSlots(n int) error {
	if n < 1 || n > MaxSlots || n&(n-1) != 0 {
		return fmt.Errorf("slots is %d, it has to be a power of two from 1 to %d", n, MaxSlots)
	}
	return nil
}

// SlotOf returns the slot of a stream among slots, a power of two: the top
// log2(slots) bits of the stream's xxhash64 with seed 0. Taking the top bits
// lets slot s split into 2s and 2s+1 later.
//
// This is part of what stores hold: it never changes. docs/ring.md has test
// vectors, so that any language can compute it.
func SlotOf(stream message.Stream, slots int) Slot {
	if slots <= 1 {
		return 0
	}
	return Slot(xxhash.Sum64String(string(stream)) >> (64 - bits.TrailingZeros(uint(slots))))
}

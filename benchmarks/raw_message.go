package main

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"time"
)

// messageIDs makes ids as Ringhold's are, UUIDs of version 7, without the price
// of a random number each.
type messageIDs struct {
	uuid [16]byte
	next uint64
}

func newMessageIDs() *messageIDs { return &messageIDs{next: rand.Uint64() >> 16} }

// batch takes the time for the ids that follow.
func (m *messageIDs) batch() {
	ms := uint64(time.Now().UnixMilli())
	binary.BigEndian.PutUint64(m.uuid[:], ms<<16|0x7000)
}

func (m *messageIDs) step() []byte {
	m.next++
	binary.BigEndian.PutUint64(m.uuid[8:], 2<<62|m.next)
	return m.uuid[:]
}

// appendText appends the text form of a UUID.
func appendText(b []byte, uuid []byte) []byte {
	for i, end := range []int{4, 6, 8, 10, 16} {
		if i > 0 {
			b = append(b, '-')
		}
		start := []int{0, 4, 6, 8, 10}[i]
		b = hex.AppendEncode(b, uuid[start:end])
	}
	return b
}

package gateway

import (
	"sync/atomic"
	"time"

	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
	"github.com/ringhold/ringhold/ring"
)

// epochPatience is for how long answers of a lower epoch are refused when no
// other comes. A member whose lease is over learns of it within a second or so.
// Beyond that it is the store that has gone back: a replica was promoted that
// lacked commits, and epochs are given anew.
const epochPatience = 5 * time.Second

// epochs has the highest epoch of each slot that was seen in an answer. A member
// whose machine was paused, clocks and all, does not know that somebody else owns
// its slots meanwhile, and answers from memory: its epoch gives it away. It is
// safe for concurrent use, and takes no lock.
type epochs struct{ slots atomic.Pointer[[]slotEpoch] }

type slotEpoch struct {
	highest atomic.Uint64
	refused atomic.Int64 // when a lower one was refused first since; unix nanoseconds, 0: none was
}

// accept tells whether an answer may be believed.
func (e *epochs) accept(by *pb.Served, r *ring.Ring, now func() time.Time) bool {
	if by.GetEpoch() == 0 || by.Slot == nil || r == nil || int(by.GetSlot()) >= r.Slots {
		return true
	}
	slots := e.slots.Load()
	if slots == nil { // whoever loses the race has the other one's
		made := make([]slotEpoch, r.Slots)
		e.slots.CompareAndSwap(nil, &made)
		slots = e.slots.Load()
	}
	return (*slots)[by.GetSlot()].accept(by.GetEpoch(), now)
}

func (s *slotEpoch) accept(epoch uint64, now func() time.Time) bool {
	for {
		highest := s.highest.Load()
		switch {
		case epoch < highest && !s.gaveWay(now().UnixNano()):
			return false
		case epoch == highest || s.highest.CompareAndSwap(highest, epoch):
			if s.refused.Load() != 0 {
				s.refused.Store(0)
			}
			return true
		}
	}
}

// gaveWay tells whether lower epochs have been refused for too long.
func (s *slotEpoch) gaveWay(now int64) bool {
	since := s.refused.Load()
	if since == 0 {
		s.refused.CompareAndSwap(0, now)
		return false
	}
	return now-since >= int64(epochPatience)
}

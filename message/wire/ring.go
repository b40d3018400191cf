package wire

import (
	"fmt"

	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
	"github.com/ringhold/ringhold/ring"
)

// EncodeRing returns a ring as it travels; nil for nil. Slots that nobody should
// own are in no run.
func EncodeRing(r *ring.Ring) *pb.Ring {
	if r == nil {
		return nil
	}
	out := &pb.Ring{Version: uint64(r.Version), Slots: uint32(r.Slots)}
	for _, m := range r.Members {
		out.Members = append(out.Members, EncodeMember(m))
	}
	for _, run := range r.Assignment.Runs() {
		if run.Member != ring.NoMember {
			out.Assignment = append(out.Assignment, &pb.SlotRun{
				FirstSlot: uint32(run.First), Count: uint32(run.Count), Member: uint32(run.Member),
			})
		}
	}
	return out
}

// EncodeMember returns a member as it travels; its state says whether it leaves,
// and nothing else.
func EncodeMember(m ring.Member) *pb.Member {
	out := &pb.Member{Id: string(m.ID), Address: m.Address, Pod: m.Pod, PodUid: m.PodUID}
	if m.Leaving {
		out.State = pb.MemberState_MEMBER_STATE_LEAVING
	}
	return out
}

// DecodeMember reads a member.
func DecodeMember(m *pb.Member) ring.Member {
	return ring.Member{
		ID: ring.MemberID(m.GetId()), Address: m.GetAddress(), Pod: m.GetPod(), PodUID: m.GetPodUid(),
		Leaving: m.GetState() == pb.MemberState_MEMBER_STATE_LEAVING,
	}
}

// DecodeRing reads a ring, and refuses what is none.
func DecodeRing(in *pb.Ring) (*ring.Ring, error) {
	out := &ring.Ring{Version: ring.Number(in.GetVersion()), Slots: int(in.GetSlots())}
	if err := ring.ValidateSlots(out.Slots); err != nil {
		return nil, fmt.Errorf("read ring: %w", err)
	}
	for _, m := range in.GetMembers() {
		out.Members = append(out.Members, DecodeMember(m))
	}
	out.Assignment = make(ring.Assignment, out.Slots)
	for s := range out.Assignment {
		out.Assignment[s] = ring.NoMember
	}
	next := uint64(0)
	for i, run := range in.GetAssignment() {
		first, end := uint64(run.GetFirstSlot()), uint64(run.GetFirstSlot())+uint64(run.GetCount())
		if first < next || end == first || end > uint64(out.Slots) {
			return nil, fmt.Errorf("read ring: run %d has the slots from %d to before %d, slots from %d to before %d are left", i, first, end, next, out.Slots)
		}
		for s := first; s < end; s++ {
			out.Assignment[s] = int(run.GetMember())
		}
		next = end
	}
	if err := out.Validate(); err != nil {
		return nil, fmt.Errorf("read ring: %w", err)
	}
	return out, nil
}

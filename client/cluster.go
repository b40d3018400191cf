package client

import (
	"context"
	"time"

	"github.com/ringhold/ringhold/message"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// Member is one shard process, as far as the answering server knows it.
type Member struct {
	ID      ring.MemberID
	Address string // where it serves gRPC, as host:port
	State   MemberState
	Pod     string // the name of its pod; empty outside Kubernetes
	PodUID  string
}

// MemberState is how a member stands in its group.
type MemberState string

// How a member stands.
const (
	MemberUnknown MemberState = "unknown"
	MemberLive    MemberState = "live"    // its lease holds
	MemberLeaving MemberState = "leaving" // it is handing its slots over
	MemberSilent  MemberState = "silent"  // its lease is over, nobody has deposed it yet
	MemberDeposed MemberState = "deposed" // none of its appends commits any more
)

// Ring is which member should own which slot. It is a hint.
type Ring struct {
	Version ring.Number
	Slots   int
	Members []Member
	Runs    []Run // ascending, together all slots
}

// Run is a run of neighbouring slots with the same member.
type Run struct {
	First  ring.Slot
	Count  int
	Member int // an index of Ring.Members
}

// SlotsOf returns how many slots a member of the ring has.
func (r Ring) SlotsOf(member int) (n int) {
	for _, run := range r.Runs {
		if run.Member == member {
			n += run.Count
		}
	}
	return n
}

// Ring returns the newest ring that the server knows. Where none is known yet
// the error's response is message.ServiceUnavailable.
func (c *Client) Ring(ctx context.Context) (Ring, error) {
	answer, err := call(ctx, c, "read the ring", 0, c.cluster.GetRing, &pb.GetRingRequest{})
	if err != nil {
		return Ring{}, err
	}
	r := answer.GetRing()
	out := Ring{Version: ring.Number(r.GetVersion()), Slots: int(r.GetSlots())}
	for _, m := range r.GetMembers() {
		out.Members = append(out.Members, member(m))
	}
	for _, run := range r.GetAssignment() {
		out.Runs = append(out.Runs, Run{First: ring.Slot(run.GetFirstSlot()), Count: int(run.GetCount()), Member: int(run.GetMember())})
	}
	return out, nil
}

// Owner says who owns an aggregate's slot.
type Owner struct {
	Slot   ring.Slot
	Member *Member     // nil if nobody is known
	Epoch  store.Epoch // the term of ownership; 0 if the slot was never owned
	Ring   ring.Number // the version of the ring that the answer rests on
	// Explanation is how the answer was found, one step a line, for a person.
	Explanation []string
}

// Owner asks who owns an aggregate, which need not exist.
func (c *Client) Owner(ctx context.Context, stream message.StreamName, id message.AggregateID) (Owner, error) {
	answer, err := call(ctx, c, "find the owner of "+string(stream.Of(id)), 0,
		c.cluster.GetOwner, &pb.GetOwnerRequest{Stream: string(stream), AggregateId: string(id)})
	if err != nil {
		return Owner{}, err
	}
	out := Owner{
		Slot: ring.Slot(answer.GetSlot()), Epoch: store.Epoch(answer.GetEpoch()),
		Ring: ring.Number(answer.GetRingVersion()), Explanation: answer.GetExplanation(),
	}
	if answer.GetMember() != nil {
		m := member(answer.GetMember())
		out.Member = &m
	}
	return out, nil
}

// Unload drops a live aggregate from memory, behind what its mailbox holds, and
// reports whether it was there. Its next message loads it again; this also ends
// a quarantine.
func (c *Client) Unload(ctx context.Context, stream message.StreamName, id message.AggregateID) (unloaded bool, err error) {
	answer, err := call(ctx, c, "unload "+string(stream.Of(id)), 0,
		c.cluster.UnloadActor, &pb.UnloadActorRequest{Stream: string(stream), AggregateId: string(id)})
	if err != nil {
		return false, err
	}
	return answer.GetUnloaded(), nil
}

// MemberStatus is how one member is doing.
type MemberStatus struct {
	Member        Member
	BinaryVersion string
	StartedAt     time.Time
	// LeaseLeft is how long it may still answer from memory, by its own clock;
	// not positive when it may not.
	LeaseLeft   time.Duration
	Ring        ring.Number // the version of the newest ring that it has seen
	Slots       int         // how many it owns
	Actors      uint64      // how many aggregates it has in memory
	Waiting     uint64      // how many messages wait in their mailboxes
	Quarantined []string    // as "accounts-acc-1", sorted; the first 100
	// Unreachable is why it could not be asked; empty if it answered.
	Unreachable string
}

// Status asks how members are doing: one, or all if the id is empty. They are
// sorted by id.
func (c *Client) Status(ctx context.Context, id ring.MemberID) ([]MemberStatus, error) {
	answer, err := call(ctx, c, "ask members for their status", 0,
		c.cluster.ShardStatus, &pb.ShardStatusRequest{Member: string(id)})
	if err != nil {
		return nil, err
	}
	var out []MemberStatus
	for _, m := range answer.GetMembers() {
		out = append(out, memberStatus(m))
	}
	return out, nil
}

func memberStatus(m *pb.MemberStatus) MemberStatus {
	out := MemberStatus{
		Member: member(m.GetMember()), BinaryVersion: m.GetBinaryVersion(), LeaseLeft: m.GetLeaseLeft().AsDuration(),
		Ring: ring.Number(m.GetRingVersion()), Slots: int(m.GetSlots()), Actors: m.GetActors(), Waiting: m.GetWaiting(),
		Quarantined: m.GetQuarantined(), Unreachable: m.GetUnreachable(),
	}
	if m.GetStartedAt() != nil {
		out.StartedAt = m.GetStartedAt().AsTime()
	}
	return out
}

func member(m *pb.Member) Member {
	out := Member{
		ID: ring.MemberID(m.GetId()), Address: m.GetAddress(), State: MemberUnknown, Pod: m.GetPod(), PodUID: m.GetPodUid(),
	}
	if state, known := memberStates[m.GetState()]; known {
		out.State = state
	}
	return out
}

var memberStates = map[pb.MemberState]MemberState{
	pb.MemberState_MEMBER_STATE_LIVE: MemberLive, pb.MemberState_MEMBER_STATE_LEAVING: MemberLeaving,
	pb.MemberState_MEMBER_STATE_SILENT: MemberSilent, pb.MemberState_MEMBER_STATE_DEPOSED: MemberDeposed,
}

package gateway

import (
	"net/http"

	"google.golang.org/grpc/status"

	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
)

// getRing answers the ring in the form that is stored and published.
func (g *Gateway) getRing(w http.ResponseWriter, r *http.Request) {
	if _, err := query(r); err != nil {
		g.refuseHTTP(w, invalid(err.Error()))
		return
	}
	known, err := g.knownRing()
	if err != nil {
		g.refuseHTTP(w, status.Convert(err))
		return
	}
	g.writeJSON(w, http.StatusOK, known)
}

// ownerJSON says who owns the slot of an aggregate.
type ownerJSON struct {
	Stream      string      `json:"stream"`
	ID          string      `json:"id"`
	Slot        uint32      `json:"slot"`
	Member      *memberJSON `json:"member,omitempty"`
	Epoch       uint64      `json:"epoch,omitempty"`
	RingVersion uint64      `json:"ring_version"`
	Explanation []string    `json:"explanation"`
}

type memberJSON struct {
	ID      string `json:"id"`
	Address string `json:"address,omitempty"`
}

// getOwner explains one aggregate.
func (g *Gateway) getOwner(w http.ResponseWriter, r *http.Request) {
	_, err := query(r)
	ctx, cancel, timeoutErr := g.requestContext(r)
	defer cancel()
	if err := faults(err, timeoutErr); err != nil {
		g.refuseHTTP(w, invalid(err.Error()))
		return
	}
	req := &pb.GetOwnerRequest{Stream: r.PathValue("stream"), AggregateId: r.PathValue("id")}
	resp, err := (&clusterServer{gateway: g}).GetOwner(ctx, req)
	if err != nil {
		g.refuseHTTP(w, status.Convert(err))
		return
	}
	out := ownerJSON{
		Stream: req.GetStream(), ID: req.GetAggregateId(), Slot: resp.GetSlot(), Epoch: resp.GetEpoch(),
		RingVersion: resp.GetRingVersion(), Explanation: resp.GetExplanation(),
	}
	if resp.GetMember() != nil {
		out.Member = &memberJSON{ID: resp.GetMember().GetId(), Address: resp.GetMember().GetAddress()}
	}
	g.writeJSON(w, http.StatusOK, out)
}

// unloadActor drops an aggregate from memory.
func (g *Gateway) unloadActor(w http.ResponseWriter, r *http.Request) {
	_, err := query(r)
	ctx, cancel, timeoutErr := g.requestContext(r)
	defer cancel()
	if err := faults(err, timeoutErr); err != nil {
		g.refuseHTTP(w, invalid(err.Error()))
		return
	}
	resp, err := (&clusterServer{gateway: g}).UnloadActor(ctx, &pb.UnloadActorRequest{
		Stream: r.PathValue("stream"), AggregateId: r.PathValue("id"),
	})
	if err != nil {
		g.refuseHTTP(w, status.Convert(err))
		return
	}
	g.writeJSON(w, http.StatusOK, map[string]bool{"unloaded": resp.GetUnloaded()})
}

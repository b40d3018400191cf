package ring

// MemberID identifies a member of a ring. Outside Kubernetes it is the id of
// one shard process for one life: a start gets a new one. Within, it is the
// id of a pod, which several processes can live in, one after the other.
type MemberID string

// Member is who slots can be assigned to: a pod, if PodUID is not empty, else a
// process. The process of a pod is the newest in the store with that uid.
type Member struct {
	ID      MemberID `json:"id"`
	Address string   `json:"address"` // where it serves gRPC, as host:port
	Pod     string   `json:"pod,omitempty"`
	PodUID  string   `json:"pod_uid,omitempty"`
	Leaving bool     `json:"leaving,omitempty"` // it is to get no slots
}

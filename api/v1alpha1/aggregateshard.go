package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// AggregateShard shows one shard pod and its member: which slots it owns, how
// many actors live in it. The operator writes it, the pod owns it; it is for
// people to read, and changing it changes nothing.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:shortName=aggsh,categories=ringhold
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="Service",type=string,JSONPath=`.spec.service`,description="the AggregateService"
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.state`,description="what the member does"
// +kubebuilder:printcolumn:name="Owned",type=integer,JSONPath=`.status.slotsOwned`,description="slots that the member owns"
// +kubebuilder:printcolumn:name="Desired",type=integer,JSONPath=`.status.slotsDesired`,description="slots that the ring gives it"
// +kubebuilder:printcolumn:name="Actors",type=integer,JSONPath=`.status.actors`,description="actors in memory"
// +kubebuilder:printcolumn:name="Member",type=string,JSONPath=`.status.member`,priority=1,description="id of the process"
// +kubebuilder:printcolumn:name="Address",type=string,JSONPath=`.status.address`,priority=1,description="where other members reach it"
// +kubebuilder:printcolumn:name="Ring",type=integer,JSONPath=`.status.ringVersion`,priority=1,description="version of the ring that it follows"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type AggregateShard struct {
	metav1.TypeMeta `json:",inline"`

	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec says what the shard belongs to.
	//
	// +required
	Spec AggregateShardSpec `json:"spec"`

	// status is what the member last reported.
	//
	// +optional
	Status AggregateShardStatus `json:"status,omitzero"`
}

// AggregateShardList is a list of AggregateShards.
//
// +kubebuilder:object:root=true
type AggregateShardList struct {
	metav1.TypeMeta `json:",inline"`

	// +optional
	metav1.ListMeta `json:"metadata,omitzero"`

	Items []AggregateShard `json:"items"`
}

// AggregateShardSpec says what a shard belongs to.
type AggregateShardSpec struct {
	// service is the name of the AggregateService, in the same namespace.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a shard belongs to one AggregateService: the operator makes another AggregateShard for another"
	Service string `json:"service"`
}

// ShardState says what a member does.
//
// +kubebuilder:validation:Enum=Starting;Acquiring;Serving;Leaving;Silent;Deposed
type ShardState string

// What a member does.
const (
	// ShardStarting: the pod has no member yet, or one that owns no slot and
	// is in no ring.
	ShardStarting ShardState = "Starting"
	// ShardAcquiring: it takes slots over and does not own all of its own yet.
	ShardAcquiring ShardState = "Acquiring"
	// ShardServing: it owns what the ring gives it.
	ShardServing ShardState = "Serving"
	// ShardLeaving: it hands its slots over, to stop.
	ShardLeaving ShardState = "Leaving"
	// ShardSilent: it has not reported for longer than its lease.
	ShardSilent ShardState = "Silent"
	// ShardDeposed: others have fenced it off; none of its appends commits.
	ShardDeposed ShardState = "Deposed"
)

// AggregateShardStatus is what a member last reported, written when it
// changes.
type AggregateShardStatus struct {
	// state says what the member does.
	//
	// +optional
	State ShardState `json:"state,omitempty"`

	// member is the id of the process, new at each start.
	//
	// +optional
	Member string `json:"member,omitempty"`

	// podUID is the uid of the pod that the process runs in.
	//
	// +optional
	PodUID string `json:"podUID,omitempty"`

	// address is where other members and gateways reach it, as HOST:PORT.
	//
	// +optional
	Address string `json:"address,omitempty"`

	// slotsOwned is the number of slots that it owns in the store.
	//
	// +optional
	SlotsOwned int32 `json:"slotsOwned"`

	// slotsDesired is the number of slots that the ring gives it.
	//
	// +optional
	SlotsDesired int32 `json:"slotsDesired"`

	// actors is the number of actors in its memory.
	//
	// +optional
	Actors int64 `json:"actors"`

	// ringVersion is the version of the ring that it follows.
	//
	// +optional
	RingVersion int64 `json:"ringVersion,omitempty"`

	// version of Ringhold that the shard was built with.
	//
	// +optional
	Version string `json:"version,omitempty"`

	// lastReportTime is when the member last reported a change.
	//
	// +optional
	LastReportTime *metav1.Time `json:"lastReportTime,omitempty"`
}

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Types of conditions on an AggregateService. Ready, Reconciling and Stalled
// have the meaning that kstatus gives them.
const (
	// ConditionReady is True when what spec asks for is there and serves.
	ConditionReady = "Ready"
	// ConditionReconciling is True while the operator works towards spec.
	ConditionReconciling = "Reconciling"
	// ConditionStalled is True when only a person can help.
	ConditionStalled = "Stalled"
	// ConditionRingPublished is True when the ring names the live members.
	ConditionRingPublished = "RingPublished"
	// ConditionHandlersResolved is True when the manifest's services and those
	// of the image are the same.
	ConditionHandlersResolved = "HandlersResolved"
	// ConditionStoreReachable is True when members reach their store.
	ConditionStoreReachable = "StoreReachable"
	// ConditionDurableAcrossFailover is True when the store loses no
	// acknowledged event at a fail-over of its own.
	ConditionDurableAcrossFailover = "DurableAcrossFailover"
)

// AggregateServiceStatus is what the operator last saw. It is never on the
// path of a message.
type AggregateServiceStatus struct {
	// observedGeneration is the generation of the spec that this status is
	// about.
	//
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions say how the service is: Ready, Reconciling, Stalled,
	// RingPublished, HandlersResolved, StoreReachable, DurableAcrossFailover.
	//
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=32
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// replicas is the number of shard pods.
	//
	// +optional
	Replicas int32 `json:"replicas,omitempty"`

	// readyReplicas is the number of shard pods that are ready.
	//
	// +optional
	ReadyReplicas int32 `json:"readyReplicas,omitempty"`

	// updatedReplicas is the number of shard pods of the newest template.
	//
	// +optional
	UpdatedReplicas int32 `json:"updatedReplicas,omitempty"`

	// selector finds the shard pods, as the scale subresource wants it.
	//
	// +optional
	Selector string `json:"selector,omitempty"`

	// group is the identity in the store that is in use.
	//
	// +optional
	Group string `json:"group,omitempty"`

	// ringVersion is the version of the ring that was last published.
	//
	// +optional
	RingVersion int64 `json:"ringVersion,omitempty"`

	// members is the number of members in that ring.
	//
	// +optional
	Members int32 `json:"members,omitempty"`

	// movingSlots is the number of slots whose owner is not yet the member
	// that the ring names.
	//
	// +optional
	MovingSlots int32 `json:"movingSlots,omitempty"`

	// handlers is the number of services that members serve.
	//
	// +optional
	Handlers int32 `json:"handlers,omitempty"`

	// gatewayReplicas is the number of gateway pods.
	//
	// +optional
	GatewayReplicas int32 `json:"gatewayReplicas,omitempty"`

	// gatewayReadyReplicas is the number of gateway pods that are ready.
	//
	// +optional
	GatewayReadyReplicas int32 `json:"gatewayReadyReplicas,omitempty"`
}

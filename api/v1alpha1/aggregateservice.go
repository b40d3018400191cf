package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// AggregateService runs the aggregates of one shard image: streams, the
// services that reach them, the store that keeps their events, and how many
// members share the work.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:shortName=aggsvc,categories=ringhold
// +kubebuilder:subresource:status
// +kubebuilder:subresource:scale:specpath=.spec.replicas,statuspath=.status.replicas,selectorpath=.status.selector
// +kubebuilder:printcolumn:name="Replicas",type=integer,JSONPath=`.spec.replicas`,description="shard pods wanted"
// +kubebuilder:printcolumn:name="Ready",type=integer,JSONPath=`.status.readyReplicas`,description="shard pods that are ready"
// +kubebuilder:printcolumn:name="Slots",type=integer,JSONPath=`.spec.slots`,description="partitions of ids"
// +kubebuilder:printcolumn:name="Ring",type=integer,JSONPath=`.status.ringVersion`,description="version of the ring"
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`,description="why it is Ready or not"
// +kubebuilder:printcolumn:name="Group",type=string,JSONPath=`.status.group`,priority=1,description="identity in the store"
// +kubebuilder:printcolumn:name="Image",type=string,JSONPath=`.spec.image`,priority=1,description="shard image"
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1,description="what Status means here"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 45 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",message="Services and labels are named after metadata.name: write at most 45 lower-case letters, digits and -, starting with a letter, such as bank",fieldPath=".metadata"
type AggregateService struct {
	metav1.TypeMeta `json:",inline"`

	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec is what is wanted. The operator never writes it.
	//
	// +required
	Spec AggregateServiceSpec `json:"spec"`

	// status is what the operator last saw.
	//
	// +optional
	Status AggregateServiceStatus `json:"status,omitzero"`
}

// AggregateServiceList is a list of AggregateServices.
//
// +kubebuilder:object:root=true
type AggregateServiceList struct {
	metav1.TypeMeta `json:",inline"`

	// +optional
	metav1.ListMeta `json:"metadata,omitzero"`

	Items []AggregateService `json:"items"`
}

// DeletionPolicy says what becomes of the events of a deleted service.
//
// +kubebuilder:validation:Enum=Retain;Delete
type DeletionPolicy string

// What becomes of the events of a deleted service.
const (
	// DeletionRetain keeps them: the service, applied again, finds them.
	DeletionRetain DeletionPolicy = "Retain"
	// DeletionDelete removes all rows of the service's group.
	DeletionDelete DeletionPolicy = "Delete"
)

// AggregateServiceSpec is what is wanted of a service.
//
// +kubebuilder:validation:XValidation:rule="self.replicas <= self.slots",message="each member needs a slot of its own: write at most as many replicas as spec.slots",fieldPath=".replicas"
// +kubebuilder:validation:XValidation:rule="!has(self.store.embedded) || self.replicas <= 1",message="the embedded store is a file that one member opens: write replicas: 1, or a postgres store",fieldPath=".replicas"
// +kubebuilder:validation:XValidation:rule="!has(self.handlers) || self.handlers.all(h, !has(h.stream) || (has(self.streams) && self.streams.exists(s, s.name == h.stream)))",message="a handler names a stream that spec.streams does not declare: write one of the names there, or add the stream to spec.streams",fieldPath=".handlers"
type AggregateServiceSpec struct {
	// replicas is the number of shard pods, each one member of the ring; at
	// most one per slot. 0 releases all slots and serves nothing. Default: 1.
	// A local run ignores it: `ringhold dev --members` says how many.
	//
	// +optional
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=16384
	Replicas *int32 `json:"replicas,omitempty"`

	// slots is the number of partitions that ids are hashed to, and the most
	// members that can ever share the work: a power of two from 1 to 16384. It
	// cannot be changed. Default: 1024.
	//
	// +optional
	// +kubebuilder:default=1024
	// +kubebuilder:validation:XValidation:rule="self in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384]",message="write a power of two from 1 to 16384, such as 256 or 1024"
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="slots cannot be changed, ids would no longer hash to the slots that hold their events: write the old number back, or create another AggregateService"
	Slots int32 `json:"slots,omitempty"`

	// image is the shard image: the binary with the aggregates, run as
	// `IMAGE serve`. Default: the stock image of the operator's release, which
	// hosts the examples. A local run ignores it.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Image string `json:"image,omitempty"`

	// store says where events are kept.
	//
	// +required
	Store StoreSpec `json:"store"`

	// eventMetadata is merged into the metadata of every event, next to the
	// message's ids. Default: nothing.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	EventMetadata map[string]string `json:"eventMetadata,omitempty"`

	// streams declares the stream of each aggregate of the image, 128 at most.
	//
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=128
	Streams []StreamSpec `json:"streams,omitempty"`

	// handlers declares the services, 512 at most, and what each of them runs.
	// A changed handler restarts no pod.
	//
	// +optional
	// +listType=map
	// +listMapKey=service
	// +kubebuilder:validation:MaxItems=512
	Handlers []HandlerSpec `json:"handlers,omitempty"`

	// drain bounds the end of a shard pod.
	//
	// +optional
	// +kubebuilder:default={}
	Drain DrainSpec `json:"drain,omitzero"`

	// suspend stops the operator from changing anything but the ring, which
	// goes on following the members. Default: false.
	//
	// +optional
	Suspend bool `json:"suspend,omitempty"`

	// deletionPolicy says what becomes of the events when this resource is
	// deleted: Retain (the default) keeps them, Delete removes every row of
	// the group from the store, for good.
	//
	// +optional
	// +kubebuilder:default=Retain
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`

	// pod sets what is most often set on the shard pods. A local run ignores
	// it.
	//
	// +optional
	Pod *PodOptions `json:"pod,omitempty"`

	// podTemplate is merged strategically over the shards' pod template, and
	// may set anything that a pod template has. A local run ignores it.
	//
	// +optional
	// +kubebuilder:validation:Type=object
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Schemaless
	PodTemplate *runtime.RawExtension `json:"podTemplate,omitempty"`

	// gateway describes the gateway, which clients talk to. A local run
	// ignores it.
	//
	// +optional
	// +kubebuilder:default={}
	Gateway GatewaySpec `json:"gateway,omitzero"`
}

// Group is the identity of the service in its store: spec.store.group, or
// NAMESPACE.NAME.
func (s *AggregateService) Group() string {
	if s.Spec.Store.Group != "" {
		return s.Spec.Store.Group
	}
	namespace := s.Namespace
	if namespace == "" {
		namespace = metav1.NamespaceDefault
	}
	return namespace + "." + s.Name
}

package v1alpha1

import "k8s.io/apimachinery/pkg/api/resource"

// StreamSpec declares the stream of one aggregate and how its actors live.
type StreamSpec struct {
	// name of the stream, the one that the aggregate was given in Go:
	// accounts. Lower-case letters, digits and _, starting with a letter.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z][a-z0-9_]*$`
	Name string `json:"name"`

	// snapshotEvery is the number of events after which an actor's state is
	// stored, so that loading it reads at most that many events. 0, the
	// default, stores no snapshots.
	//
	// +optional
	// +kubebuilder:default=0
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000
	SnapshotEvery int32 `json:"snapshotEvery,omitempty"`

	// unload says when an actor leaves memory. Its next command loads it again.
	//
	// +optional
	// +kubebuilder:default={}
	Unload UnloadSpec `json:"unload,omitzero"`

	// mailboxLimit is the number of messages that may wait for one actor; what
	// comes on top is answered at once with RESOURCE_EXHAUSTED. Default: 1000.
	//
	// +optional
	// +kubebuilder:default=1000
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	MailboxLimit int32 `json:"mailboxLimit,omitempty"`
}

// UnloadSpec says when an actor leaves memory. Whichever of the conditions
// comes first does it; an actor with messages waiting stays.
type UnloadSpec struct {
	// idleAfter is the time without a message after which an actor leaves
	// memory. Default: 10m. An aggregate that should stay gets a long one,
	// such as 8760h.
	//
	// +optional
	// +kubebuilder:default="10m"
	// +kubebuilder:validation:XValidation:rule=`self.matches('[^0.hms]|^$')`,message="write a duration above zero, such as 10m; 8760h keeps actors for a year"
	IdleAfter Duration `json:"idleAfter,omitzero"`

	// onEvents gives, by event name, the time after a commit of such an event
	// after which the actor leaves memory; 0s means at once. Default: none.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	OnEvents map[string]Duration `json:"onEvents,omitempty"`

	// maxActors is the most actors of this stream that a member keeps in
	// memory; above it the least recently used go first. Default: no limit.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	MaxActors *int64 `json:"maxActors,omitempty"`

	// memoryLimit is the most memory, in bytes, that the actors of this stream
	// may take in one member; above it the least recently used go first.
	// Default: no limit.
	//
	// +optional
	MemoryLimit *resource.Quantity `json:"memoryLimit,omitempty"`
}

package v1alpha1

// DrainSpec bounds the end of a shard pod.
//
// +kubebuilder:validation:XValidation:rule=`!(has(self.timeout) && has(self.linger) && has(self.gracePeriod)) || ![self.timeout, self.linger, self.gracePeriod].all(d, d.matches('^([0-9]{1,6}([.][0-9]{1,3})?(ms|s|m|h))+$')) || duration(self.timeout) + duration(self.linger) < duration(self.gracePeriod)`,message="timeout and linger together must be shorter than gracePeriod, or the pod is killed before it has handed over: write a longer gracePeriod",fieldPath=".gracePeriod"
type DrainSpec struct {
	// timeout is how long a member that stops may take to hand its slots over.
	// Above zero. Default: 30s.
	//
	// +optional
	// +kubebuilder:default="30s"
	// +kubebuilder:validation:XValidation:rule=`self.matches('[^0.hms]|^$')`,message="write a duration above zero, such as 30s"
	Timeout Duration `json:"timeout,omitzero"`

	// linger is how long a member that has handed its slots over goes on
	// forwarding, so that rings elsewhere have time to change. Above zero.
	// Default: 5s.
	//
	// +optional
	// +kubebuilder:default="5s"
	// +kubebuilder:validation:XValidation:rule=`self.matches('[^0.hms]|^$')`,message="write a duration above zero, such as 5s"
	Linger Duration `json:"linger,omitzero"`

	// gracePeriod is the time after which Kubernetes kills a pod that stops,
	// longer than timeout and linger together; whole seconds count. Default:
	// 60s.
	//
	// +optional
	// +kubebuilder:default="60s"
	// +kubebuilder:validation:XValidation:rule=`self.matches('[^0.hms]|^$')`,message="write a duration above zero, such as 60s"
	GracePeriod Duration `json:"gracePeriod,omitzero"`
}

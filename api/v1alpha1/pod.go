package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// PodOptions is what is most often set on the pods of a Deployment that the
// operator runs. For the rest there is podTemplate. A local run ignores it.
type PodOptions struct {
	// labels to add to the pods. Those that the operator sets win.
	//
	// +optional
	Labels map[string]string `json:"labels,omitempty"`

	// annotations to add to the pods.
	//
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`

	// resources of the container. Default: none.
	//
	// +optional
	Resources *corev1.ResourceRequirements `json:"resources,omitempty"`

	// env adds environment variables to the container. Names that start with
	// RINGHOLD_ belong to the operator.
	//
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=256
	Env []corev1.EnvVar `json:"env,omitempty"`

	// serviceAccountName the pods run as. Default: one that the operator makes.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=253
	ServiceAccountName string `json:"serviceAccountName,omitempty"`

	// imagePullSecrets name Secrets, in the namespace of this resource, with
	// the credentials of the image's registry.
	//
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=32
	ImagePullSecrets []corev1.LocalObjectReference `json:"imagePullSecrets,omitempty"`

	// priorityClassName of the pods. Default: the cluster's.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=253
	PriorityClassName string `json:"priorityClassName,omitempty"`

	// nodeSelector: labels that a node must have to run the pods.
	//
	// +optional
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`

	// tolerations of nodes' taints. Default: 30 seconds on a node that is not
	// ready or unreachable.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`

	// affinity of the pods to nodes and to other pods, as in a pod's
	// spec.affinity. Its fields are checked when the pods' Deployment is
	// written, not here: its schema would be most of this one.
	//
	// +optional
	// +kubebuilder:validation:Type=object
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Schemaless
	Affinity *corev1.Affinity `json:"affinity,omitempty"`

	// topologySpreadConstraints spread the pods over nodes and zones, as in a
	// pod's spec. Default: evenly over nodes, then zones, where possible.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	TopologySpreadConstraints []corev1.TopologySpreadConstraint `json:"topologySpreadConstraints,omitempty"`
}

// GatewaySpec describes the gateway of the service. A local run ignores it.
type GatewaySpec struct {
	// replicas is the number of gateway pods. Default: 2.
	//
	// +optional
	// +kubebuilder:default=2
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	Replicas *int32 `json:"replicas,omitempty"`

	// image of the gateway. Default: the gateway of the operator's release.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Image string `json:"image,omitempty"`

	// pod sets what is most often set on the gateway's pods.
	//
	// +optional
	Pod *PodOptions `json:"pod,omitempty"`

	// podTemplate is merged strategically over the gateway's pod template, and
	// may set anything that a pod template has.
	//
	// +optional
	// +kubebuilder:validation:Type=object
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Schemaless
	PodTemplate *runtime.RawExtension `json:"podTemplate,omitempty"`
}

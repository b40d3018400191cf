package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Kinds of this group, as a manifest spells them.
const (
	AggregateServiceKind = "AggregateService"
	AggregateShardKind   = "AggregateShard"
)

var (
	// GroupVersion is the group and version of this package's kinds.
	GroupVersion = schema.GroupVersion{Group: "ringhold.dev", Version: "v1alpha1"}

	// SchemeBuilder collects what AddToScheme adds.
	SchemeBuilder = runtime.NewSchemeBuilder(addKnownTypes)

	// AddToScheme makes this package's kinds known to a scheme.
	AddToScheme = SchemeBuilder.AddToScheme
)

// Resource qualifies a resource's plural name with this group.
func Resource(plural string) schema.GroupResource {
	return GroupVersion.WithResource(plural).GroupResource()
}

func addKnownTypes(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion,
		&AggregateService{}, &AggregateServiceList{},
		&AggregateShard{}, &AggregateShardList{},
	)
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}

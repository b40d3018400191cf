package v1alpha1

import "k8s.io/apimachinery/pkg/api/resource"

// DefaultSecretKey is the key of a database's URL in its Secret, unless the
// manifest names another.
const DefaultSecretKey = "url"

// StoreSpec says where events are kept. Exactly one of postgres and embedded
// is written. Which of the two, and the group, cannot be changed: the events
// would stay behind.
//
// +kubebuilder:validation:XValidation:rule="has(self.postgres) != has(self.embedded)",message="write exactly one store: either postgres: {secretRef: {name: NAME}} or embedded: {}"
// +kubebuilder:validation:XValidation:rule="has(self.group) == has(oldSelf.group) && (!has(self.group) || self.group == oldSelf.group)",message="the group cannot be changed, its events would stay behind: write the old one back, or create another AggregateService",fieldPath=".group"
// +kubebuilder:validation:XValidation:rule="has(self.postgres) == has(oldSelf.postgres)",message="the kind of store cannot be changed, its events would stay behind: write the old one back, or create another AggregateService"
type StoreSpec struct {
	// group is the identity of this service in its store: two services with
	// the same group and database would be the same service. It cannot be
	// changed. Default: NAMESPACE.NAME of this resource (default.NAME outside
	// Kubernetes), so that a service that is deleted and applied again finds
	// its events.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9_.]*[a-z0-9])?$`
	Group string `json:"group,omitempty"`

	// postgres keeps events in a PostgreSQL database.
	//
	// +optional
	Postgres *PostgresStore `json:"postgres,omitempty"`

	// embedded keeps events in a SQLite file of one member. It needs no
	// database, and allows one replica. `ringhold dev` uses such a file for
	// every service, whatever is written here, unless it is given a store.
	//
	// +optional
	Embedded *EmbeddedStore `json:"embedded,omitempty"`
}

// PostgresStore is a PostgreSQL database.
type PostgresStore struct {
	// secretRef names the Secret with the database's URL
	// (postgres://USER:PASSWORD@HOST:PORT/DATABASE). It is mounted as a file
	// and read again when it changes; neither restarts a pod.
	//
	// +required
	SecretRef SecretKeyRef `json:"secretRef"`
}

// SecretKeyRef names one key of a Secret in the resource's own namespace.
type SecretKeyRef struct {
	// name of the Secret, in the namespace of this resource.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`

	// key within the Secret. Default: url.
	//
	// +optional
	// +kubebuilder:default=url
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Key string `json:"key,omitempty"`
}

// EmbeddedStore is a SQLite file on a volume of the one member. A local run
// keeps the file in its data directory and ignores these fields.
type EmbeddedStore struct {
	// size of the volume, in bytes. Default: 1Gi.
	//
	// +optional
	// +kubebuilder:default="1Gi"
	Size *resource.Quantity `json:"size,omitempty"`

	// storageClassName of the volume. Default: the cluster's default class.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=253
	StorageClassName *string `json:"storageClassName,omitempty"`
}

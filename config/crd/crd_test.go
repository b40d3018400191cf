package crd_test

import (
	"testing"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	"sigs.k8s.io/yaml"

	"github.com/ringhold/ringhold/config/crd"
)

// limit keeps a definition within what client-side `kubectl apply` can store
// in an annotation of the object.
const limit = 200_000

var definitions = map[string][]byte{
	"AggregateService": crd.AggregateService,
	"AggregateShard":   crd.AggregateShard,
}

// The API server refuses a schema that is not structural, whose defaults are
// invalid, or whose CEL rules do not compile or could cost too much. This runs
// its own check.
func TestAPIServerAcceptsDefinitions(t *testing.T) {
	for kind, data := range definitions {
		t.Run(kind, func(t *testing.T) {
			definition := internalDefinition(t, data)
			for _, err := range validation.ValidateCustomResourceDefinition(t.Context(), definition) {
				t.Error(err)
			}
			if got := definition.Spec.Names.Kind; got != kind {
				t.Errorf("kind = %q, want %q", got, kind)
			}
		})
	}
}

func TestClientSideApplyAcceptsDefinitions(t *testing.T) {
	for kind, data := range definitions {
		if len(data) >= limit {
			t.Errorf("%s has %d bytes, want fewer than %d", kind, len(data), limit)
		}
	}
}

func internalDefinition(t *testing.T, data []byte) *apiextensions.CustomResourceDefinition {
	t.Helper()
	var external apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(data, &external); err != nil {
		t.Fatal(err)
	}
	apiextensionsv1.SetDefaults_CustomResourceDefinition(&external)
	apiextensionsv1.SetDefaults_CustomResourceDefinitionSpec(&external.Spec)
	var internal apiextensions.CustomResourceDefinition
	if err := apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(&external, &internal, nil); err != nil {
		t.Fatal(err)
	}
	internal.Status.StoredVersions = []string{"v1alpha1"}
	return &internal
}

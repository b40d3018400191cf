package manifest

import (
	"errors"
	"fmt"
	"sync"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"

	"github.com/ringhold/ringhold/api/v1alpha1"
	"github.com/ringhold/ringhold/config/crd"
)

// definition is the schema of AggregateService, compiled as the API server
// compiles it when the CustomResourceDefinition is applied. It does not change
// and may be used concurrently.
type definition struct {
	structural *structuralschema.Structural
	openAPI    validation.SchemaValidator
	rules      *cel.Validator
}

// compiled is the definition, made when it is first needed: it takes longer
// than all the rest of a start.
var compiled = sync.OnceValues(func() (*definition, error) {
	return compile(crd.AggregateService)
})

func compile(data []byte) (*definition, error) {
	schema, err := openAPISchema(data)
	if err != nil {
		return nil, err
	}
	structural, err := structuralschema.NewStructural(schema)
	if err != nil {
		return nil, fmt.Errorf("structural schema: %w", err)
	}
	structural = structural.DeepCopy() // defaults are shared otherwise
	if err := defaulting.PruneDefaults(structural); err != nil {
		return nil, fmt.Errorf("defaults: %w", err)
	}
	openAPI, _, err := validation.NewSchemaValidator(schema)
	if err != nil {
		return nil, fmt.Errorf("validator: %w", err)
	}
	return &definition{
		structural: structural,
		openAPI:    openAPI,
		rules:      cel.NewValidator(structural, true, celconfig.PerCallLimit),
	}, nil
}

// openAPISchema is the schema of this version in a CustomResourceDefinition.
func openAPISchema(data []byte) (*apiextensions.JSONSchemaProps, error) {
	var resource apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(data, &resource); err != nil {
		return nil, err
	}
	for _, version := range resource.Spec.Versions {
		if version.Name != v1alpha1.GroupVersion.Version {
			continue
		}
		var internal apiextensions.CustomResourceValidation
		err := apiextensionsv1.Convert_v1_CustomResourceValidation_To_apiextensions_CustomResourceValidation(version.Schema, &internal, nil)
		return internal.OpenAPIV3Schema, err
	}
	return nil, errors.New("it has no version " + v1alpha1.GroupVersion.Version)
}

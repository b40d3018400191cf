package manifest

import (
	"context"

	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/api/operation"
	metavalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/features"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
)

// admit does to a document what the API server does to a request that creates
// it, with strict field validation: it drops what is unknown, fills in the
// defaults and validates. The document's object is changed. Unlike the API
// server, which answers at the first kind of fault, it collects all kinds.
func (d *definition) admit(doc *document) []Fault {
	explain := explainer{doc: doc, root: d.structural}
	explain.duplicates(doc.source.duplicates())

	meta, unknown, err := objectMeta(doc.object)
	if err != nil {
		explain.metadata(err)
		meta = standInMeta(doc.object)
	}
	unknown = append(unknown, pruning.PruneWithOptions(doc.object, d.structural, true,
		structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})...)
	defaulting.PruneNonNullableNullsWithoutDefaults(doc.object, d.structural)
	defaulting.Default(doc.object, d.structural)
	delete(doc.object, "status") // a subresource: creating ignores it

	structure := d.validate(doc.object, meta)
	rules := d.evaluate(doc.object, structure)
	explain.unknown(unknown, structure)
	explain.structure(structure)
	explain.rules(rules)
	return explain.faults
}

// objectMeta reads the metadata as the API server does, strictly.
func objectMeta(object map[string]any) (*metav1.ObjectMeta, []string, error) {
	meta, found, unknown, err := objectmeta.GetObjectMetaWithOptions(object, objectmeta.ObjectMetaOptions{ReturnUnknownFieldPaths: true})
	if err != nil {
		return nil, nil, err
	}
	if !found || meta == nil {
		meta = &metav1.ObjectMeta{}
	}
	if meta.Namespace == "" {
		meta.Namespace = metav1.NamespaceDefault
	}
	return meta, unknown, objectmeta.SetObjectMeta(object, meta)
}

// standInMeta replaces metadata that cannot be read, so that the rest of the
// object can be checked.
func standInMeta(object map[string]any) *metav1.ObjectMeta {
	object["metadata"] = map[string]any{"name": "a", "namespace": metav1.NamespaceDefault}
	return &metav1.ObjectMeta{Name: "a", Namespace: metav1.NamespaceDefault}
}

// validate checks everything but the CEL rules.
func (d *definition) validate(object map[string]any, meta *metav1.ObjectMeta) field.ErrorList {
	beta := utilfeature.DefaultFeatureGate.Enabled(features.DeclarativeValidationBeta)
	errs := metavalidation.ValidateObjectMetaDeclaratively(context.Background(), operation.Create, meta, nil, true,
		metavalidation.NameIsDNSSubdomain, field.NewPath("metadata"), beta)
	errs = append(errs, validation.ValidateCustomResource(nil, object, d.openAPI)...)
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, d.structural, object)...)
	return errs
}

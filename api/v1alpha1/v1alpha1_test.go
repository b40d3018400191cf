package v1alpha1_test

import (
	"encoding/json"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/ringhold/ringhold/api/v1alpha1"
)

// What the API server stores for `on: New` without quotes reaches Go code as
// On, through each of the ways in which clients decode.
func TestHandlerReadsOnUnderBothKeys(t *testing.T) {
	for _, key := range []string{"on", "true"} {
		object := map[string]any{"service": "open", "stream": "accounts", key: "New"}

		var converted v1alpha1.HandlerSpec
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object, &converted); err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		var decoded v1alpha1.HandlerSpec
		if err := json.Unmarshal(data, &decoded); err != nil {
			t.Fatal(err)
		}
		want := v1alpha1.HandlerSpec{Service: "open", Stream: "accounts", On: v1alpha1.OnNew}
		if converted != want || decoded != want {
			t.Errorf("with key %q: converted %+v, decoded %+v", key, converted, decoded)
		}
	}
}

func TestHandlerCommandName(t *testing.T) {
	h := v1alpha1.HandlerSpec{Service: "audit"}
	if got := h.CommandName(); got != "audit" || !h.IsPlain() {
		t.Errorf("command = %q, plain = %v, want audit, true", got, h.IsPlain())
	}
	h.Command, h.Stream = "audit_v2", "accounts"
	if got := h.CommandName(); got != "audit_v2" || h.IsPlain() {
		t.Errorf("command = %q, plain = %v, want audit_v2, false", got, h.IsPlain())
	}
}

func TestGroup(t *testing.T) {
	for _, tt := range []struct{ namespace, group, want string }{
		{"", "", "default.bank"},
		{"shop", "", "shop.bank"},
		{"shop", "old.name", "old.name"},
	} {
		service := v1alpha1.AggregateService{ObjectMeta: metav1.ObjectMeta{Name: "bank", Namespace: tt.namespace}}
		service.Spec.Store.Group = tt.group
		if got := service.Group(); got != tt.want {
			t.Errorf("group in namespace %q with group %q = %q, want %q", tt.namespace, tt.group, got, tt.want)
		}
	}
}

func TestDuration(t *testing.T) {
	var d v1alpha1.Duration
	if err := json.Unmarshal([]byte(`"1h30m"`), &d); err != nil || d.Duration != 90*time.Minute {
		t.Errorf("1h30m = %v, %v", d, err)
	}
	if data, err := json.Marshal(d); err != nil || string(data) != `"1h30m0s"` {
		t.Errorf("written as %s, %v", data, err)
	}
	for _, bad := range []string{`5`, `"5"`, `"soon"`} {
		if err := json.Unmarshal([]byte(bad), &d); err == nil {
			t.Errorf("%s was read as %v", bad, d)
		}
	}
}

// A client that writes a service it has built in Go leaves what it did not
// set to the schema's defaults.
func TestUnsetFieldsAreNotWritten(t *testing.T) {
	service := v1alpha1.AggregateService{ObjectMeta: metav1.ObjectMeta{Name: "bank"}}
	service.Spec.Store.Embedded = &v1alpha1.EmbeddedStore{}
	service.Spec.Handlers = []v1alpha1.HandlerSpec{{Service: "greet"}}
	data, err := json.Marshal(service)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"metadata":{"name":"bank"},"spec":{"store":{"embedded":{}},"handlers":[{"service":"greet"}]}}`
	if string(data) != want {
		t.Errorf("written as %s, want %s", data, want)
	}
}

func TestSchemeKnowsKinds(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"AggregateService", "AggregateServiceList", "AggregateShard", "AggregateShardList"} {
		if !scheme.Recognizes(v1alpha1.GroupVersion.WithKind(kind)) {
			t.Errorf("scheme does not know %s", kind)
		}
	}
}

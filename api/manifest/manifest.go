package manifest

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ringhold/ringhold/api/v1alpha1"
)

// MaxSize is the largest manifest that is read, in bytes. The API server's
// store takes no more either.
const MaxSize = 1 << 20

// Load reads the one AggregateService in the file at path. Other kinds in the
// file are left alone. A fault of the content is an [*Error]; a file that
// cannot be read is the error of os.
//
// The result has all defaults of the schema. Its namespace is "default" unless
// the manifest names one; [v1alpha1.AggregateService.Group] then is the
// identity in the store.
func Load(path string) (*v1alpha1.AggregateService, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	defer func() { _ = file.Close() }()
	return Read(path, file)
}

// Read is [Load] of what r yields; name stands for the file in faults.
func Read(name string, r io.Reader) (*v1alpha1.AggregateService, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("manifest: read %s: %w", name, err)
	}
	return Parse(name, data)
}

// Parse is [Load] of data; name stands for the file in faults. It is safe for
// concurrent use. The first call of a process that finds an AggregateService
// compiles the schema.
func Parse(name string, data []byte) (*v1alpha1.AggregateService, error) {
	service, faults := parse(data)
	if len(faults) > 0 {
		return nil, newError(name, faults)
	}
	return service, nil
}

func parse(data []byte) (*v1alpha1.AggregateService, []Fault) {
	if len(data) > MaxSize {
		return nil, []Fault{{Message: fmt.Sprintf("the file has more than %d bytes: write a shorter one", MaxSize)}}
	}
	documents, faults := split(data)
	if len(faults) > 0 {
		return nil, faults
	}
	doc, faults := pick(documents)
	if len(faults) > 0 {
		return nil, faults
	}
	schema, err := compiled()
	if err != nil {
		return nil, []Fault{{Message: "the built-in schema is broken: " + err.Error()}}
	}
	if faults := schema.admit(doc); len(faults) > 0 {
		return nil, faults
	}
	return typed(doc)
}

// typed turns an admitted document into the Go type.
func typed(doc *document) (*v1alpha1.AggregateService, []Fault) {
	var service v1alpha1.AggregateService
	data, err := json.Marshal(doc.object)
	if err == nil {
		err = json.Unmarshal(data, &service)
	}
	if err != nil {
		return nil, []Fault{{Line: doc.line, Message: err.Error()}}
	}
	if service.Namespace == "" {
		service.Namespace = metav1.NamespaceDefault
	}
	return &service, nil
}

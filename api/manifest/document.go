package manifest

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	"github.com/ringhold/ringhold/api/v1alpha1"
)

// document is one resource of a file.
type document struct {
	object map[string]any
	source *source
	line   int // of the document's first line, from 1
}

// separator parts the documents of a file.
const separator = "---"

// split reads the documents of a file. Empty ones are left out.
func split(data []byte) (documents []*document, faults []Fault) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	first, number := 1, 0
	var text bytes.Buffer
	flush := func() {
		doc, fault := read(text.Bytes(), first)
		switch {
		case fault != nil:
			faults = append(faults, *fault)
		case doc != nil:
			documents = append(documents, doc)
		}
		text = bytes.Buffer{} // the document keeps the old one
		first = number + 1
	}
	for line := range bytes.Lines(data) {
		number++
		rest, isSeparator := bytes.CutPrefix(line, []byte(separator))
		if !isSeparator {
			text.Write(line)
			continue
		}
		rest = bytes.TrimSpace(rest)
		if len(rest) > 0 && rest[0] != '#' {
			faults = append(faults, Fault{Line: number, Message: fmt.Sprintf("%q follows the separator ---: write it on a line of its own", rest)})
		}
		flush()
	}
	flush()
	return documents, faults
}

// read reads one document the way kubectl does: YAML 1.1 to JSON, JSON to an
// object with whole numbers kept. It returns nothing for an empty document.
func read(text []byte, line int) (*document, *Fault) {
	converted, err := yaml.YAMLToJSON(text)
	if err != nil {
		return nil, syntaxFault(err, line)
	}
	var value any
	if err := kjson.UnmarshalCaseSensitivePreserveInts(converted, &value); err != nil {
		return nil, syntaxFault(err, line)
	}
	switch value := value.(type) {
	case nil:
		return nil, nil
	case map[string]any:
		if len(value) == 0 {
			return nil, nil
		}
		return &document{object: value, source: newSource(text, line), line: line}, nil
	default:
		return nil, &Fault{Line: line, Message: "this is " + describe(value) + ", not a resource: write apiVersion, kind, metadata and spec"}
	}
}

var yamlLine = regexp.MustCompile(`\bline (\d+)(: )?`)

// syntaxFault says where a document is not YAML. The parser counts lines from
// the document's start.
func syntaxFault(err error, first int) *Fault {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	line := first
	if match := yamlLine.FindStringSubmatchIndex(message); match != nil {
		if n, err := strconv.Atoi(message[match[2]:match[3]]); err == nil {
			line = first + n - 1
			message = message[:match[0]] + message[match[1]:]
		}
	}
	return &Fault{Line: line, Message: "this is not YAML: " + strings.TrimSpace(message)}
}

// pick finds the one AggregateService among the documents of a file.
func pick(documents []*document) (*document, []Fault) {
	var found []*document
	var faults []Fault
	var others []string
	for _, doc := range documents {
		ours, fault := doc.identify()
		switch {
		case fault != nil:
			faults = append(faults, *fault)
		case ours:
			found = append(found, doc)
		default:
			kind, _ := doc.object["kind"].(string)
			others = append(others, kind)
		}
	}
	switch {
	case len(faults) > 0:
		return nil, faults
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		for _, doc := range found[1:] {
			faults = append(faults, Fault{Line: doc.line, Message: fmt.Sprintf("this is a second AggregateService, the first is on line %d: write each into a file of its own", found[0].line)})
		}
		return nil, faults
	case len(others) > 0:
		return nil, []Fault{{Message: fmt.Sprintf("there is no AggregateService here, only %s: write one with apiVersion: %s and kind: %s", strings.Join(others, ", "), v1alpha1.GroupVersion, v1alpha1.AggregateServiceKind)}}
	default:
		return nil, []Fault{{Message: fmt.Sprintf("the file is empty: write an AggregateService, with apiVersion: %s and kind: %s", v1alpha1.GroupVersion, v1alpha1.AggregateServiceKind)}}
	}
}

// identify says whether a document is an AggregateService. Kinds of other
// groups are none of this package's business; a kind or version of this group
// that does not exist is a fault, because it is a slip of the pen.
func (d *document) identify() (ours bool, fault *Fault) {
	kind, kindOK := d.object["kind"].(string)
	version, versionOK := d.object["apiVersion"].(string)
	group, err := schema.ParseGroupVersion(version)
	wanted := v1alpha1.GroupVersion
	switch {
	case !versionOK || err != nil || version == "":
		return false, d.fault("apiVersion", "this is missing or no version: write "+wanted.String())
	case !kindOK || kind == "":
		return false, d.fault("kind", "this is missing or no kind: write "+v1alpha1.AggregateServiceKind)
	case group != wanted && (group.Group == wanted.Group || kind == v1alpha1.AggregateServiceKind):
		return false, d.fault("apiVersion", fmt.Sprintf("%q is not known: write %s", version, wanted))
	case group != wanted || kind == v1alpha1.AggregateShardKind:
		return false, nil
	case kind != v1alpha1.AggregateServiceKind:
		return false, d.fault("kind", fmt.Sprintf("%q is not a kind of %s: write %s", kind, wanted, v1alpha1.AggregateServiceKind))
	}
	return true, nil
}

// fault is a fault at a field of the document, or of the field above it that
// is written down.
func (d *document) fault(path, message string) *Fault {
	place := d.source.locate(path)
	return &Fault{Line: place.line, Path: place.path, Message: message}
}

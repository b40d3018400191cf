package manifest

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	kyaml "sigs.k8s.io/yaml"
)

// source knows where in its file the fields of one document stand, and as what
// text they were written. It only serves messages: what a field means was
// decided by the conversion to JSON.
type source struct {
	text  []byte
	root  *yaml.Node // nil if this parser does not read the document
	first int        // line of the file that the document starts on
}

// place is where a path leads to in a source.
type place struct {
	path  string     // as written: a key keeps the text that the user gave it
	line  int        // of the file, from 1
	node  *yaml.Node // the value; nil if it is not written down
	found bool       // whether the whole path is written down
}

func newSource(text []byte, first int) *source {
	var doc yaml.Node
	s := &source{text: text, first: first}
	if err := yaml.Unmarshal(text, &doc); err == nil && len(doc.Content) == 1 {
		s.root = doc.Content[0]
	}
	return s
}

// locate follows a path such as spec.handlers[2].on as far as it is written
// down. Where it ends early, the rest of the path is taken as it is, with the
// line of the last field found.
func (s *source) locate(path string) place {
	at := place{line: s.first, node: s.root}
	rest := path
	for rest != "" && at.node != nil {
		key, value, text, left, ok := step(at.node, rest)
		if !ok {
			break
		}
		at.path = joinPath(at.path, text)
		at.line = s.fileLine(key)
		at.node = resolve(value)
		rest = left
	}
	at.found = rest == "" && at.node != nil
	if rest != "" {
		at.path = joinPath(at.path, rest)
		at.node = nil
	}
	return at
}

func (s *source) fileLine(n *yaml.Node) int { return s.first + n.Line - 1 }

// step takes the first field off a path. Keys of maps may hold dots, so the
// longest key that fits is taken.
func step(node *yaml.Node, path string) (key, value *yaml.Node, text, rest string, ok bool) {
	switch node.Kind {
	case yaml.SequenceNode:
		digits, rest, isIndex := cutIndex(path)
		index, err := strconv.Atoi(digits)
		if !isIndex || err != nil || index < 0 || index >= len(node.Content) {
			return nil, nil, "", "", false
		}
		item := node.Content[index]
		return item, item, "[" + digits + "]", rest, true
	case yaml.MappingNode:
		longest := -1
		for i := 0; i+1 < len(node.Content); i += 2 {
			name := jsonKey(node.Content[i])
			left, fits := cutKey(path, name)
			if fits && len(name) > longest {
				longest, ok = len(name), true
				key, value, rest = node.Content[i], node.Content[i+1], left
			}
		}
		if !ok {
			return nil, nil, "", "", false
		}
		return key, value, keyText(key), rest, true
	default: // a scalar has no fields
		return nil, nil, "", "", false
	}
}

// plainKey is a key that stands in a path without brackets.
var plainKey = regexp.MustCompile(`^[\w-]+$`)

// keyText is a key as it stands in a path.
func keyText(key *yaml.Node) string {
	if plainKey.MatchString(key.Value) {
		return key.Value
	}
	return "[" + key.Value + "]"
}

// cutKey takes the key name off a path that starts with name or [name].
func cutKey(path, name string) (rest string, ok bool) {
	if rest, ok := strings.CutPrefix(path, "["+name+"]"); ok {
		return strings.TrimPrefix(rest, "."), true
	}
	rest, ok = strings.CutPrefix(path, name)
	switch {
	case !ok || name == "":
		return "", false
	case rest == "" || rest[0] == '[':
		return rest, true
	case rest[0] == '.':
		return rest[1:], true
	}
	return "", false
}

// cutIndex takes [n] off a path.
func cutIndex(path string) (digits, rest string, ok bool) {
	inner, ok := strings.CutPrefix(path, "[")
	if !ok {
		return "", "", false
	}
	digits, rest, ok = strings.Cut(inner, "]")
	return digits, strings.TrimPrefix(rest, "."), ok
}

func joinPath(path, field string) string {
	if path == "" || field == "" || strings.HasPrefix(field, "[") {
		return path + field
	}
	return path + "." + field
}

// resolve follows an alias to what it stands for.
func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// jsonKey is the name that a key gets in JSON. YAML 1.1, which Kubernetes
// reads, takes on, yes and their like for truth values unless they are quoted.
func jsonKey(key *yaml.Node) string {
	if key.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) == 0 {
		switch key.Value {
		case "on", "On", "ON", "yes", "Yes", "YES", "y", "Y", "true", "True", "TRUE":
			return "true"
		case "off", "Off", "OFF", "no", "No", "NO", "n", "N", "false", "False", "FALSE":
			return "false"
		}
	}
	return key.Value
}

// duplicates finds fields that are written twice in the same place. The API
// server refuses them; the conversion to JSON would take the last.
func (s *source) duplicates() []Fault {
	if s.root == nil { // then their path stays unknown
		if _, err := kyaml.YAMLToJSONStrict(s.text); err != nil {
			return []Fault{*syntaxFault(err, s.first)}
		}
		return nil
	}
	var faults []Fault
	s.walk(s.root, "", &faults)
	return faults
}

func (s *source) walk(node *yaml.Node, path string, faults *[]Fault) {
	switch node.Kind {
	case yaml.SequenceNode:
		for i, item := range node.Content {
			s.walk(item, fmt.Sprintf("%s[%d]", path, i), faults)
		}
	case yaml.MappingNode:
		seen := map[string]*yaml.Node{}
		for i := 0; i+1 < len(node.Content); i += 2 {
			key := node.Content[i]
			field := joinPath(path, keyText(key))
			if first, again := seen[jsonKey(key)]; again {
				*faults = append(*faults, Fault{
					Line: s.fileLine(key), Path: field,
					Message: fmt.Sprintf("this is written twice, first on line %d: remove one of them", s.fileLine(first)),
				})
			} else {
				seen[jsonKey(key)] = key
			}
			s.walk(node.Content[i+1], field, faults)
		}
	default: // scalars hold no fields; what an alias stands for is walked there
	}
}

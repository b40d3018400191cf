package message

import "strings"

// Violation is one fault of a request.
type Violation struct {
	Path    string `json:"field"` // where in the request: "amount", "lines[2].sku"; empty: the whole
	Message string `json:"message"`
}

// Violations are all faults of a request, in the order they were found.
type Violations []Violation

// Require adds a violation unless ok.
func (v *Violations) Require(ok bool, path, message string) {
	if !ok {
		v.Add(path, message)
	}
}

// Add adds a violation.
func (v *Violations) Add(path, message string) {
	*v = append(*v, Violation{Path: path, Message: message})
}

func (v Violations) String() string {
	var b strings.Builder
	for i, one := range v {
		if i > 0 {
			b.WriteString("; ")
		}
		if one.Path != "" {
			b.WriteString(one.Path)
			b.WriteString(": ")
		}
		b.WriteString(one.Message)
	}
	return b.String()
}

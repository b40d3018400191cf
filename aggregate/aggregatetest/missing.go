package aggregatetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

func indented(data []byte) []byte {
	var b bytes.Buffer
	if json.Indent(&b, data, "", "  ") != nil {
		return data
	}
	b.WriteByte('\n')
	return b.Bytes()
}

// missing lists what a JSON document says and another one does not. What is
// empty may be absent, and the other may say more: fields are added to events.
func missing(path string, want, got any) []string {
	switch want := want.(type) {
	case map[string]any:
		other, ok := got.(map[string]any)
		if !ok && !empty(got) {
			break
		}
		var out []string
		for _, key := range slices.Sorted(maps.Keys(want)) {
			out = append(out, missing(strings.TrimPrefix(path+"."+key, "."), want[key], other[key])...)
		}
		return out
	case []any:
		other, ok := got.([]any)
		if !ok || len(other) != len(want) {
			break
		}
		var out []string
		for i := range want {
			out = append(out, missing(fmt.Sprintf("%s[%d]", path, i), want[i], other[i])...)
		}
		return out
	}
	if empty(want) && empty(got) || sameScalar(want, got) {
		return nil
	}
	return []string{fmt.Sprintf("%s is %s and becomes %s", path, shown(want), shown(got))}
}

func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case json.RawMessage: // null
		return true
	case bool:
		return !v
	case string:
		return v == ""
	case json.Number:
		f, err := v.Float64()
		return err == nil && f == 0
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return false
}

func sameScalar(want, got any) bool {
	a, ok := want.(json.Number)
	b, also := got.(json.Number)
	if !ok || !also {
		switch want.(type) {
		case bool, string:
			return want == got
		}
		return false
	}
	if a == b {
		return true
	}
	x, errX := a.Float64()
	y, errY := b.Float64()
	return errX == nil && errY == nil && x == y && strings.ContainsAny(string(a)+string(b), ".eE")
}

func shown(v any) string {
	if v == nil {
		return "absent"
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

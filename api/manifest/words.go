package manifest

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

func isScalar(value any) bool {
	switch value.(type) {
	case map[string]any, []any:
		return false
	}
	return true
}

func isWhole(text string) bool {
	_, err := strconv.ParseInt(text, 10, 64)
	return err == nil
}

// describe names the type of a value in a sentence.
func describe(value any) string {
	switch value.(type) {
	case nil:
		return "empty"
	case string:
		return "text"
	case bool:
		return "a truth value"
	case int64, float64:
		return "a number"
	case []any:
		return "a list"
	case map[string]any:
		return "a mapping"
	}
	return fmt.Sprintf("a %T", value)
}

// written is a value as the user wrote it.
func written(node *yaml.Node, value any) string {
	if !isScalar(value) {
		return "this"
	}
	if text, ok := value.(string); ok {
		return quote(text)
	}
	if node != nil && node.Kind == yaml.ScalarNode {
		return clip(node.Value)
	}
	data, err := json.Marshal(value)
	if err != nil {
		return "this"
	}
	return clip(string(data))
}

func quote(s string) string { return strconv.Quote(clip(s)) }

// clip shortens a value, so that a fault stays on its line.
func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

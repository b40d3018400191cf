package manifest

import "strconv"

// get is the value at a path, if there is one.
func get(object map[string]any, path string) (any, bool) {
	holder, key := hold(object, path)
	switch holder := holder.(type) {
	case map[string]any:
		value, ok := holder[key]
		return value, ok
	case []any:
		if i, err := strconv.Atoi(key); err == nil && i >= 0 && i < len(holder) {
			return holder[i], true
		}
	}
	return nil, false
}

// remove takes the value at a path out of an object. In a list it leaves a
// gap, so that what follows keeps its place.
func remove(object map[string]any, path string) {
	holder, key := hold(object, path)
	switch holder := holder.(type) {
	case map[string]any:
		delete(holder, key)
	case []any:
		if i, err := strconv.Atoi(key); err == nil && i >= 0 && i < len(holder) {
			holder[i] = nil
		}
	}
}

// hold finds the map or list that holds the last field of a path, and that
// field's key or index. Keys may hold dots; the longest that fits is taken.
func hold(object map[string]any, path string) (holder any, key string) {
	var current any = object
	for rest := path; rest != ""; {
		holder = current
		switch value := current.(type) {
		case map[string]any:
			longest := ""
			left := ""
			for name := range value {
				if after, fits := cutKey(rest, name); fits && len(name) > len(longest) {
					longest, left = name, after
				}
			}
			if longest == "" {
				return nil, ""
			}
			key, current, rest = longest, value[longest], left
		case []any:
			digits, after, ok := cutIndex(rest)
			i, err := strconv.Atoi(digits)
			if !ok || err != nil || i < 0 || i >= len(value) {
				return nil, ""
			}
			key, current, rest = digits, value[i], after
		default:
			return nil, ""
		}
	}
	return holder, key
}

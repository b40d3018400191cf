package plainjson

import "unicode/utf8"

// maxDepth bounds the recursion of IsValid.
const maxDepth = 64

// IsValid reports that b is surely one JSON value in UTF-8, with white space
// around it or not. false says nothing: encoding/json has to look.
func IsValid(b []byte) bool {
	i, ok := validValue(b, skipSpace(b, 0), maxDepth)
	return ok && skipSpace(b, i) == len(b)
}

func validValue(b []byte, i, depth int) (int, bool) {
	if i >= len(b) || depth == 0 {
		return 0, false
	}
	switch b[i] {
	case '{':
		return validObject(b, i, depth)
	case '[':
		return validList(b, i, depth)
	case '"':
		return validString(b, i)
	case 't':
		return validLiteral(b, i, "true")
	case 'f':
		return validLiteral(b, i, "false")
	case 'n':
		return validLiteral(b, i, "null")
	}
	return skipNumber(b, i)
}

func validLiteral(b []byte, i int, text string) (int, bool) {
	return i + len(text), len(b)-i >= len(text) && string(b[i:i+len(text)]) == text
}

func validObject(b []byte, i, depth int) (int, bool) {
	if i = skipSpace(b, i+1); i < len(b) && b[i] == '}' {
		return i + 1, true
	}
	for {
		if i >= len(b) || b[i] != '"' {
			return 0, false
		}
		end, ok := validString(b, i)
		if !ok {
			return 0, false
		}
		if i = skipSpace(b, end); i >= len(b) || b[i] != ':' {
			return 0, false
		}
		if i, ok = validValue(b, skipSpace(b, i+1), depth-1); !ok {
			return 0, false
		}
		if i, ok = more(b, i, '}'); !ok {
			return i, i > 0
		}
	}
}

func validList(b []byte, i, depth int) (int, bool) {
	if i = skipSpace(b, i+1); i < len(b) && b[i] == ']' {
		return i + 1, true
	}
	for {
		var ok bool
		if i, ok = validValue(b, i, depth-1); !ok {
			return 0, false
		}
		if i, ok = more(b, i, ']'); !ok {
			return i, i > 0
		}
	}
}

// validString takes no \u, whose digits it would have to look at.
func validString(b []byte, i int) (int, bool) {
	start := i
	for i++; ; i++ {
		if i = SkipUnescaped(b, i); i >= len(b) {
			return 0, false
		}
		switch c := b[i]; {
		case c == '"':
			return i + 1, utf8.Valid(b[start:i])
		case c >= utf8.RuneSelf:
		case c != '\\':
			return 0, false
		default:
			if i++; i >= len(b) {
				return 0, false
			}
			switch b[i] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			default:
				return 0, false
			}
		}
	}
}

package message

import (
	"bytes"
	"crypto/sha256"
	"unicode/utf8"

	"github.com/ringhold/ringhold/internal/plainjson"
)

// Most requests are in their canonical form (RFC 8785) already, or differ from
// it by white space and the order of keys. This file knows the first kind, and
// rewrite.go makes the canonical form of the second. Both take a document only
// if they are sure of all of it; any other goes through jcs, whose answer is the
// one that counts. FuzzCanonicalHash compares them with it.

// maxPlainDepth bounds their recursion: a deeper document goes through jcs.
const maxPlainDepth = 64

// canonicalHash returns the SHA-256 of the canonical form of b, without
// allocating. If ok is true, b is a JSON object in UTF-8 without duplicate keys.
func canonicalHash(b []byte) (sum [sha256.Size]byte, ok bool) {
	if isCanonical(b) {
		return sha256.Sum256(b), true
	}
	r := rewriters.Get().(*rewriter)
	canonical, ok := r.rewrite(b)
	if ok {
		sum = sha256.Sum256(canonical)
	}
	r.putBack()
	return sum, ok
}

// isCanonical reports that b is an object in canonical form. false says nothing.
func isCanonical(b []byte) bool {
	return len(b) > 0 && b[0] == '{' && canonicalObject(b, 0, maxPlainDepth) == len(b)
}

// canonicalValue returns the index behind the value that starts at i, or -1 if
// it is not sure that it is in canonical form.
func canonicalValue(b []byte, i, depth int) int {
	if i >= len(b) || depth == 0 {
		return -1
	}
	switch b[i] {
	case '{':
		return canonicalObject(b, i, depth)
	case '[':
		return canonicalArray(b, i, depth)
	}
	return plainScalar(b, i)
}

func canonicalObject(b []byte, i, depth int) int {
	if i++; i < len(b) && b[i] == '}' {
		return i + 1
	}
	var last []byte
	for first := true; ; first = false {
		end := plainKey(b, i)
		if end < 0 || end >= len(b) || b[end] != ':' {
			return -1
		}
		key := b[i+1 : end-1]
		if !first && bytes.Compare(last, key) >= 0 {
			return -1
		}
		last = key
		if i = canonicalValue(b, end+1, depth-1); i < 0 || i >= len(b) {
			return -1
		}
		switch b[i] {
		case ',':
			i++
		case '}':
			return i + 1
		default:
			return -1
		}
	}
}

func canonicalArray(b []byte, i, depth int) int {
	if i++; i < len(b) && b[i] == ']' {
		return i + 1
	}
	for {
		if i = canonicalValue(b, i, depth-1); i < 0 || i >= len(b) {
			return -1
		}
		switch b[i] {
		case ',':
			i++
		case ']':
			return i + 1
		default:
			return -1
		}
	}
}

// plainScalar returns the index behind the string, number or literal that
// starts at i, if its text is its canonical form; otherwise -1.
func plainScalar(b []byte, i int) int {
	switch b[i] {
	case '"':
		return plainString(b, i)
	case 't':
		return literal(b, i, "true")
	case 'f':
		return literal(b, i, "false")
	case 'n':
		return literal(b, i, "null")
	}
	return plainNumber(b, i)
}

func literal(b []byte, i int, text string) int {
	if len(b)-i < len(text) || string(b[i:i+len(text)]) != text {
		return -1
	}
	return i + len(text)
}

// plainKey takes keys of ASCII without escapes: their order as bytes is that of
// their UTF-16 units.
func plainKey(b []byte, i int) int {
	if i >= len(b) || b[i] != '"' {
		return -1
	}
	if i = plainjson.SkipUnescaped(b, i+1); i < len(b) && b[i] == '"' {
		return i + 1
	}
	return -1
}

// plainString takes strings that are valid UTF-8 and have no escapes but those
// that the canonical form has too.
func plainString(b []byte, i int) int {
	start, wide := i, false
	for i++; ; i++ {
		if i = plainjson.SkipUnescaped(b, i); i >= len(b) {
			return -1
		}
		switch c := b[i]; {
		case c == '"':
			if wide && !utf8.Valid(b[start:i]) {
				return -1
			}
			return i + 1
		case c >= utf8.RuneSelf:
			wide = true
		case c != '\\':
			return -1 // a control character
		default:
			if i++; i >= len(b) || !isShortEscape(b[i]) {
				return -1
			}
		}
	}
}

// isShortEscape leaves out \/ and \u: the canonical form has no solidus
// escaped, and which characters it has as \u is left to jcs.
func isShortEscape(c byte) bool {
	switch c {
	case '"', '\\', 'b', 'f', 'n', 'r', 't':
		return true
	}
	return false
}

// plainNumber takes integers and decimal fractions of at most 15 digits that
// are written as RFC 8785 writes them: no two of them are the same double, so
// none has a shorter form. What may not follow a number, such as an exponent,
// is refused by the caller.
func plainNumber(b []byte, i int) int {
	const maxDigits, maxZeros = 15, 5 // 0.000001 is the smallest without an exponent
	negative := i < len(b) && b[i] == '-'
	if negative {
		i++
	}
	start := i
	i = plainjson.SkipDigits(b, i)
	digits := i - start
	zero := digits == 1 && b[start] == '0'
	switch {
	case digits == 0 || digits > maxDigits, b[start] == '0' && !zero:
		return -1
	case i < len(b) && b[i] == '.':
	case zero && negative:
		return -1
	default:
		return i
	}
	fraction := i + 1
	i = plainjson.SkipDigits(b, fraction)
	digits += i - fraction
	switch {
	case i == fraction, digits > maxDigits, b[i-1] == '0':
		return -1
	case !zero:
		return i
	}
	zeros := 0
	for b[fraction+zeros] == '0' { // it ends before the last digit, which is none
		zeros++
	}
	if zeros > maxZeros {
		return -1
	}
	return i
}

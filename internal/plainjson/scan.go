package plainjson

import (
	"encoding/binary"
	"unicode/utf8"
)

// SkipUnescaped returns the index of the first byte from i on that is no
// character of a JSON string by itself: below ' ', a quote, a backslash, or
// beyond ASCII. DEL is one.
func SkipUnescaped(b []byte, i int) int {
	for ; len(b)-i >= 8; i += 8 {
		if special(binary.LittleEndian.Uint64(b[i:])) {
			break
		}
	}
	for ; i < len(b); i++ {
		if c := b[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			break
		}
	}
	return i
}

// special reports whether one of eight bytes is below ' ', a quote, a
// backslash, or beyond ASCII. A subtraction sets the high bit of a byte that was
// smaller; what it borrows from the next byte matters no more then.
func special(x uint64) bool {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	quote, backslash := x^ones*'"', x^ones*'\\'
	return ((x-ones*' ')|(quote-ones)|(backslash-ones)|x)&high != 0
}

// SkipDigits returns the index of the first byte from i on that is no digit.
func SkipDigits(b []byte, i int) int {
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		i++
	}
	return i
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

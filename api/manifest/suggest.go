package manifest

import (
	"slices"
	"strings"
	"unicode"
)

// longestWord bounds the work of nearest: nothing longer was meant as one of
// the names of this schema.
const longestWord = 128

// nearest is the candidate that was most likely meant by what was written, or
// nothing if none is near.
func nearest(written string, candidates []string) string {
	if len(written) > longestWord {
		return ""
	}
	best, bestDistance := "", len(written)
	plain := strings.ToLower(written)
	for _, candidate := range slices.Sorted(slices.Values(candidates)) {
		most := max(1, min(len(written), len(candidate))/3)
		if d := distance(plain, strings.ToLower(candidate)); d <= most && d < bestDistance {
			best, bestDistance = candidate, d
		}
	}
	return best
}

// distance is the number of letters to insert, remove, replace or swap with
// their neighbour to make b of a.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replace := last[j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			row[j] = min(last[j]+1, row[j-1]+1, replace)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// snake makes a name of lower-case letters, digits and _ of what was written:
// OpenAccount and open-account become open_account.
func snake(written string) string {
	var b strings.Builder
	lower := false
	for _, r := range written {
		switch {
		case unicode.IsUpper(r):
			if lower {
				b.WriteByte('_')
			}
			b.WriteRune(unicode.ToLower(r))
			lower = false
		case r == '-' || r == ' ' || r == '/':
			b.WriteByte('_')
			lower = false
		default:
			b.WriteRune(r)
			lower = true
		}
	}
	return b.String()
}

// alternatives joins choices for a sentence: a, b or c.
func alternatives(choices []string) string {
	if len(choices) < 2 {
		return strings.Join(choices, "")
	}
	last := len(choices) - 1
	return strings.Join(choices[:last], ", ") + " or " + choices[last]
}

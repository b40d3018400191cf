package message

import (
	"bytes"
	"slices"
	"sync"
)

// rewriter writes the canonical form of documents that differ from it by white
// space and by the order of their keys. What it writes is its own until it goes
// back to the pool.
type rewriter struct {
	in      []byte
	out     []byte
	sorted  []byte   // members of one object while their order is made
	members []member // of the objects that are open
}

// member is one member of an object: its key, without quotes, in the input,
// and all of it in the output.
type member struct{ key, text span }

// maxKept is how many bytes a buffer in the pool may hold.
const maxKept = 64 << 10

var rewriters = sync.Pool{New: func() any { return new(rewriter) }}

func (r *rewriter) putBack() {
	r.in = nil
	if cap(r.out)+cap(r.sorted) <= maxKept && cap(r.members) <= 1024 {
		rewriters.Put(r)
	}
}

// rewrite returns the canonical form of an object with white space around it
// already taken away; false: it is not sure.
func (r *rewriter) rewrite(in []byte) (canonical []byte, ok bool) {
	r.in, r.out, r.members = in, r.out[:0], r.members[:0]
	if len(in) == 0 || in[0] != '{' || r.object(0, maxPlainDepth) != len(in) {
		return nil, false
	}
	return r.out, true
}

// value writes the value at i, and returns the index behind it and the white
// space that follows, or -1.
func (r *rewriter) value(i, depth int) int {
	if i = skipSpace(r.in, i); i >= len(r.in) || depth == 0 {
		return -1
	}
	var end int
	switch r.in[i] {
	case '{':
		end = r.object(i, depth)
	case '[':
		end = r.array(i, depth)
	default:
		if end = plainScalar(r.in, i); end > 0 {
			r.out = append(r.out, r.in[i:end]...)
		}
	}
	if end < 0 {
		return -1
	}
	return skipSpace(r.in, end)
}

func (r *rewriter) array(i, depth int) int {
	r.out = append(r.out, '[')
	if i = skipSpace(r.in, i+1); i < len(r.in) && r.in[i] == ']' {
		r.out = append(r.out, ']')
		return i + 1
	}
	for {
		if i = r.value(i, depth-1); i < 0 || i >= len(r.in) {
			return -1
		}
		c := r.in[i]
		r.out = append(r.out, c)
		switch i++; c {
		case ',':
		case ']':
			return i
		default:
			return -1
		}
	}
}

func (r *rewriter) object(i, depth int) int {
	r.out = append(r.out, '{')
	if i = skipSpace(r.in, i+1); i < len(r.in) && r.in[i] == '}' {
		r.out = append(r.out, '}')
		return i + 1
	}
	first, ordered := len(r.members), true
	for {
		i = skipSpace(r.in, i)
		end := plainKey(r.in, i)
		if end < 0 {
			return -1
		}
		m := member{key: span{i + 1, end - 1}, text: span{start: len(r.out)}}
		r.out = append(r.out, r.in[i:end]...)
		if i = skipSpace(r.in, end); i >= len(r.in) || r.in[i] != ':' {
			return -1
		}
		r.out = append(r.out, ':')
		if i = r.value(i+1, depth-1); i < 0 || i >= len(r.in) {
			return -1
		}
		m.text.end = len(r.out)
		if n := len(r.members); n > first && r.compare(r.members[n-1], m) >= 0 {
			ordered = false
		}
		r.members = append(r.members, m)
		c := r.in[i]
		r.out = append(r.out, c)
		switch i++; c {
		case ',':
		case '}':
			if !ordered && !r.order(r.members[first:]) {
				return -1
			}
			r.members = r.members[:first]
			return i
		default:
			return -1
		}
	}
}

func (r *rewriter) compare(a, b member) int {
	return bytes.Compare(r.in[a.key.start:a.key.end], r.in[b.key.start:b.key.end])
}

// order puts the members of the object at the end of the output into the order
// of their keys; false: two have the same.
func (r *rewriter) order(members []member) bool {
	start := members[0].text.start
	slices.SortFunc(members, r.compare)
	r.sorted = r.sorted[:0]
	for i, m := range members {
		if i > 0 {
			if r.compare(members[i-1], m) == 0 {
				return false
			}
			r.sorted = append(r.sorted, ',')
		}
		r.sorted = append(r.sorted, r.out[m.text.start:m.text.end]...)
	}
	copy(r.out[start:], r.sorted) // as many bytes: the same members and commas
	return true
}

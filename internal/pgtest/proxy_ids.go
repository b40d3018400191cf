package pgtest

import "encoding/binary"

// idChanger changes the process id in a server's BackendKeyData. It keeps back
// a message that is not whole.
type idChanger struct {
	pending  []byte
	messages bool // the answers to requests for encryption are over
	done     bool
}

// pass returns the bytes to pass on.
func (c *idChanger) pass(data []byte) []byte {
	if c.done {
		return data
	}
	c.pending = append(c.pending, data...)
	var out []byte
	for len(c.pending) > 0 && !c.done {
		n := c.next()
		if n == 0 {
			return out
		}
		out, c.pending = append(out, c.pending[:n]...), c.pending[n:]
	}
	if c.done {
		out, c.pending = append(out, c.pending...), nil
	}
	return out
}

// next returns the length of the next message, 0 if it is not whole yet.
func (c *idChanger) next() int {
	kind := c.pending[0]
	if !c.messages {
		switch kind {
		case 'N': // one byte: no encryption
			return 1
		case 'S', 'G': // one byte, then what only the two ends can read
			c.done = true
			return 1
		}
		c.messages = true
	}
	const head = 5 // the kind, and a length that counts itself and what follows
	if len(c.pending) < head {
		return 0
	}
	length := 1 + int(binary.BigEndian.Uint32(c.pending[1:]))
	if len(c.pending) < length {
		return 0
	}
	if kind == 'K' {
		id := c.pending[head : head+4]
		binary.BigEndian.PutUint32(id, binary.BigEndian.Uint32(id)+1_000_000)
		c.done = true
	}
	return length
}

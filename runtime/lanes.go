package runtime

// share is how many commits of a slot go into an append before it is another
// slot's turn.
const share = 16

// lane is what is pending of one slot, first in first out.
type lane struct {
	head, tail *commit
	next       *lane // behind it, among those that have something
}

// lanes are the slots of a writer. They are served in turns, so that a slot with
// thousands of commits pending delays those of others by about one append.
type lanes struct {
	all        []lane // by slot, divided by the number of writers
	head, tail *lane  // those that have something
	count      int    // commits in all
}

func (l *lanes) push(i int, c *commit) {
	one := &l.all[i]
	if c.next = nil; one.head == nil {
		one.head = c
		l.append(one)
	} else {
		one.tail.next = c
	}
	one.tail = c
	l.count++
}

func (l *lanes) append(one *lane) {
	if one.next = nil; l.tail == nil {
		l.head = one
	} else {
		l.tail.next = one
	}
	l.tail = one
}

// take moves what is due to a batch, up to a number and about so many bytes.
func (l *lanes) take(batch []*commit, most int, bytes int64) []*commit {
	size := int64(0)
	for l.head != nil {
		one := l.head
		if l.head = one.next; l.head == nil {
			l.tail = nil
		}
		for n := 0; n < share && one.head != nil; n++ {
			c := one.head
			if size += c.weight; len(batch) == most || size > bytes && len(batch) > 0 {
				l.resume(one, n > 0)
				return batch
			}
			if one.head, c.next = c.next, nil; one.head == nil {
				one.tail = nil // or its request stays in memory
			}
			l.count--
			batch = append(batch, c)
		}
		if one.head != nil {
			l.append(one)
		}
	}
	return batch
}

// resume gives a lane its place back, which is the first one unless it had a part
// of its turn.
func (l *lanes) resume(one *lane, served bool) {
	if served {
		l.append(one)
		return
	}
	if one.next = l.head; l.tail == nil {
		l.tail = one
	}
	l.head = one
}

// before reports whether anything is pending that was submitted no later than a
// number.
func (l *lanes) before(seq uint64) bool {
	for one := l.head; one != nil; one = one.next {
		if one.head.seq <= seq {
			return true
		}
	}
	return false
}

// each calls f for all that is pending.
func (l *lanes) each(f func(*commit)) {
	for one := l.head; one != nil; one = one.next {
		for c := one.head; c != nil; c = c.next {
			f(c)
		}
	}
}

package runtime

// parkedActor waits for n bytes of room.
type parkedActor struct {
	actor *actor
	n     int64
}

// admit reserves room for what an envelope may come to. Without room it returns
// how much is needed, and the actor has to be parked. Nobody overtakes those who are
// parked. The room is taken over by what is submitted, or given back by leave.
func (c *committer) admit(a *actor, e *envelope) (needed int64, ok bool) {
	n := e.size
	if a.hosted.core.StateBased {
		n += (a.size-a.kept)/3 + a.kept // its row
	}
	if reserved := e.commit.weight; reserved > 0 { // it has waited, perhaps for another envelope
		e.commit.weight = n
		c.bytes.Add(n - reserved)
		return n, true
	}
	if c.waiting.Load() > 0 || !c.reserve(n) {
		return n, false
	}
	e.commit.weight = n
	return n, true
}

// reserve takes room for n bytes, if there is any.
func (c *committer) reserve(n int64) bool {
	for {
		others := c.bytes.Load()
		if !c.fits(others, n) {
			return false
		}
		if c.bytes.CompareAndSwap(others, others+n) {
			return true
		}
	}
}

// fits reports whether there is room for n bytes beside others; what is larger
// than all the room goes alone.
func (c *committer) fits(others, n int64) bool {
	return others == 0 || others+n <= c.host.cfg.PendingBytes
}

// enter gives the room that a parked actor was handed to the envelope that it begins.
func (a *actor) enter(e *envelope) {
	if a.room > 0 {
		e.commit.weight, a.room = a.room, 0
	}
}

// vacate gives room back that a parked actor was handed and has no use for.
func (c *committer) vacate(a *actor) {
	if n := a.room; n > 0 {
		a.room = 0
		c.landed(n)
	}
}

// leave gives back what admit has reserved, or what a commit that failed counted.
func (c *committer) leave(e *envelope) {
	if n := e.commit.weight; n > 0 {
		e.commit.weight = 0
		c.landed(n)
	}
}

// park has a busy actor driven again when it was handed n bytes of room, behind those
// who have waited longer; false: there is room already. It is handed over as long as
// what takes room comes to an end: appends do, and decisions do unless an author's
// code hangs. Newcomers take nothing meanwhile, so that also what needs much, or more
// than there is, gets its turn.
func (c *committer) park(a *actor, n int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting.Add(1) // before looking, so that who makes room sees it or is seen
	if len(c.parked) == 0 && c.reserve(n) {
		c.waiting.Add(-1)
		a.room = n
		return false
	}
	c.parked = append(c.parked, parkedActor{a, n})
	return true
}

// landed gives room back, and hands it to those who wait for it: when a quarter of
// all is free, so that they do not come and go for each commit, to as many as fit.
func (c *committer) landed(n int64) {
	if c.bytes.Add(-n) > c.host.cfg.PendingBytes/4*3 || c.waiting.Load() == 0 {
		return
	}
	var served []parkedActor
	c.mu.Lock()
	for i := range c.parked {
		if !c.reserve(c.parked[i].n) {
			break
		}
		c.parked[i].actor.room = c.parked[i].n
		served = c.parked[:i+1]
	}
	if c.parked = c.parked[len(served):]; len(c.parked) == 0 {
		c.parked = nil
	}
	c.waiting.Add(-int32(len(served)))
	c.mu.Unlock()
	for i := range served {
		c.host.workers.do(served[i].actor)
		served[i] = parkedActor{} // those who still wait share the array
	}
}

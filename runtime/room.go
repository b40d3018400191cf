package runtime

// admit reserves room for what an envelope may come to; false: there is none, and
// the actor has to be parked. The room is taken over by what is submitted, or given
// back by leave.
func (c *committer) admit(e *envelope, a *actor) bool {
	n := e.size
	if a.hosted.core.StateBased {
		n += a.size / 3 // its row
	}
	all := c.bytes.Add(n)
	if all > c.host.cfg.PendingBytes && all > n { // what is larger than all of it goes alone
		c.landed(n)
		return false
	}
	e.commit.weight = n
	return true
}

// leave gives back what admit has reserved.
func (c *committer) leave(e *envelope) {
	if n := e.commit.weight; n > 0 {
		e.commit.weight = 0
		c.landed(n)
	}
}

// park has a busy actor driven again when there is room; false: there is already.
// It cannot wait for ever: what takes room is completed, or is being decided.
func (c *committer) park(a *actor) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting.Add(1) // before looking, so that who makes room sees it or is seen
	if c.bytes.Load() < c.host.cfg.PendingBytes {
		c.waiting.Add(-1)
		return false
	}
	c.parked = append(c.parked, a)
	return true
}

// landed gives room back, and drives the actors that wait for it.
func (c *committer) landed(n int64) {
	if c.bytes.Add(-n) >= c.host.cfg.PendingBytes || c.waiting.Load() == 0 {
		return
	}
	c.mu.Lock()
	parked := c.parked
	c.parked = nil
	c.waiting.Add(-int32(len(parked)))
	c.mu.Unlock()
	for _, a := range parked {
		c.host.workers.do(a)
	}
}

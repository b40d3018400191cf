package runtime

// admit reserves room for what an envelope may come to. Without room it returns
// how much is needed, and the actor has to be parked. The room is taken over by
// what is submitted, or given back by leave.
func (c *committer) admit(a *actor, e *envelope) (needed int64, ok bool) {
	n := e.size
	if a.hosted.core.StateBased {
		n += a.size / 3 // its row
	}
	for {
		others := c.bytes.Load()
		if !c.fits(others, n) {
			return n, false
		}
		if c.bytes.CompareAndSwap(others, others+n) {
			e.commit.weight = n
			return n, true
		}
	}
}

// fits reports whether there is room for n bytes beside others; what is larger
// than all the room goes alone.
func (c *committer) fits(others, n int64) bool {
	return others == 0 || others+n <= c.host.cfg.PendingBytes
}

// leave gives back what admit has reserved.
func (c *committer) leave(e *envelope) {
	if n := e.commit.weight; n > 0 {
		e.commit.weight = 0
		c.landed(n)
	}
}

// park has a busy actor driven again when there may be room for n bytes; false:
// there is already. It cannot wait for ever: all that takes room is being completed
// or decided.
func (c *committer) park(a *actor, n int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting.Add(1) // before looking, so that who makes room sees it or is seen
	if c.fits(c.bytes.Load(), n) {
		c.waiting.Add(-1)
		return false
	}
	c.parked = append(c.parked, a)
	return true
}

// landed gives room back. The actors that wait for it are driven when a quarter of
// it is free, so that they do not come and go for each commit.
func (c *committer) landed(n int64) {
	if c.bytes.Add(-n) > c.host.cfg.PendingBytes/4*3 || c.waiting.Load() == 0 {
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

package aggregate

// EventNames returns the names of the events that the aggregate emits, in the
// order of their registration.
func (c *Core) EventNames() []string {
	names := make([]string, len(c.events))
	for i, k := range c.events {
		names[i] = k.name
	}
	return names
}

// KnowsEvent reports whether stored events of this name and schema number can be
// read: the aggregate emits them, or did once.
func (c *Core) KnowsEvent(name string, schema int) bool { return c.kinds[former{name, schema}] != nil }

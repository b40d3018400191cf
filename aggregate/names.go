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

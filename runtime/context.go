package runtime

import "context"

// callbackContext is what an author's callbacks get: it ends with the host, and
// has the values of the caller's context, so that what they log names the message.
type callbackContext struct {
	context.Context // the host's
	caller          context.Context
}

// Value returns the caller's value of a key.
func (c callbackContext) Value(key any) any {
	if v := c.Context.Value(key); v != nil {
		return v
	}
	return c.caller.Value(key)
}

func (h *Host) callbackContext(e *envelope) context.Context {
	return callbackContext{h.ctx, e.caller}
}

package runtime

import (
	"math/bits"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/handler"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

// recentOfState is how many processed messages a state-based aggregate keeps.
const recentOfState = 64

// encodeState encodes a state; an author's method that panics is an error as
// others are, a *handler.PanicError.
func encodeState(core *aggregate.Core, state any) (payload aggregate.Payload, err error) {
	if p := handler.Guard("encode", func() { payload, err = core.EncodeState(state) }); p != nil {
		return payload, p
	}
	return payload, err
}

// copyOf copies an actor's state, by encoding it.
func (h *Host) copyOf(a *actor) (state any, err error) {
	core := a.hosted.core
	payload, err := encodeState(core, a.state)
	if err != nil {
		return nil, err
	}
	if p := handler.Guard("decode", func() { state, err = core.DecodeState(core.StateSchema, payload) }); p != nil {
		return nil, p
	}
	return state, err
}

// keep adds the snapshot or the state row that the command is due, and estimates
// the actor's size.
func (h *Host) keep(a *actor, c *commit, state any) (message.Response, *handler.PanicError) {
	core := a.hosted.core
	if !core.StateBased && !h.snapshotDue(a, c) {
		h.resize(a, c, state)
		return nil, nil
	}
	payload, err := encodeState(core, state)
	switch {
	case err != nil && core.StateBased:
		return crashed(err), panicOf(err)
	case err != nil:
		h.withoutSnapshot(a, c, err)
		return nil, nil
	}
	c.size = sizeOf(len(payload.Data))
	if !core.StateBased {
		c.snap = c.after
		c.snapshot = &store.Snapshot{
			Stream: a.stream, Version: c.after, Schema: core.StateSchema,
			Encoding: handler.EncodingOf(payload), Data: payload.Data,
		}
		return nil, nil
	}
	// Rows that were stored before share the array, and do not see what follows
	// them. A command that fails takes its array with it.
	gone := max(0, len(a.recent)-recentOfState+1)
	recent := append(a.recent[gone:], store.Processed{MessageID: c.envelope.message.ID, Command: *c.command})
	c.recent = a.kept - bytesOf(a.recent[:gone]) + bytesOf(recent[len(recent)-1:])
	c.size += c.recent
	c.state = &store.State{
		Stream: a.stream, Slot: a.slot, Expected: c.expected, Version: c.after,
		Schema: core.StateSchema, Encoding: handler.EncodingOf(payload), Data: payload.Data, Recent: recent,
	}
	return nil, nil
}

// bytesOf is what processed messages take in memory, and in a state row.
func bytesOf(all []store.Processed) (n int64) {
	for i := range all {
		n += int64(len(all[i].MessageID) + len(all[i].Command.Service) + len(all[i].Command.Request) + len(all[i].Command.Response) + 64)
	}
	return n
}

// withoutSnapshot goes on without the snapshot that is due: it only makes
// loading faster. The next one is tried when as many events have come again.
func (h *Host) withoutSnapshot(a *actor, c *commit, err error) {
	c.snap = c.after
	h.log.Error("a state cannot be encoded, its snapshot is left out", "stream", string(a.stream), "version", int64(c.after), "error", err)
}

func (h *Host) snapshotDue(a *actor, c *commit) bool {
	every := int64(c.envelope.binding.SnapshotEvery)
	return every > 0 && int64(c.after-a.snap) >= every
}

// resize estimates the actor's size anew each time its version doubles, so that
// all estimates together cost a few encodings.
func (h *Host) resize(a *actor, c *commit, state any) {
	if a.size == 0 || bits.Len64(uint64(c.after+1)) != bits.Len64(uint64(c.expected+1)) {
		c.size = estimate(a.hosted.core, state)
	}
}

// estimate is the size of an actor with a state; a state that cannot be encoded
// counts as empty.
func estimate(core *aggregate.Core, state any) int64 {
	payload, err := encodeState(core, state)
	if err != nil {
		return sizeOf(0)
	}
	return sizeOf(len(payload.Data))
}

// sizeOf estimates the bytes of an actor from those of its encoded state: what
// decodes from n bytes of JSON takes about three times as many, and the actor
// itself some hundred.
func sizeOf(encoded int) int64 { return 512 + 3*int64(encoded) }

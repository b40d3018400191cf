package postgres

import (
	"context"
	"strconv"
	"strings"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

var appendEvents = call("append_v1", 40)

// call is the statement that calls a function with n parameters.
func call(function string, n int) string {
	var b strings.Builder
	b.WriteString("SELECT " + function + "(")
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("$" + strconv.Itoa(i+1))
	}
	b.WriteByte(')')
	return b.String()
}

// Append stores a or nothing.
func (w *writer) Append(ctx context.Context, a *store.Append) error {
	if err := a.Validate(); err != nil {
		return err
	}
	leave, err := w.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	if err := w.ready(ctx); err != nil {
		return err
	}
	w.encode(a)
	if err := w.write(appendEvents, nil); err != nil {
		return w.refused(a, err)
	}
	return nil
}

// built calls each for the streams of a, each once, with the version that it
// should have, in the order in which refusals name them.
func (w *writer) built(a *store.Append, each func(s message.Stream, expected message.Version)) {
	clear(w.seen)
	var last message.Stream // the events of a command follow each other
	for i := range a.Events {
		e := &a.Events[i]
		if e.Stream == last {
			continue
		}
		last = e.Stream
		if _, ok := w.seen[e.Stream]; !ok {
			w.seen[e.Stream] = struct{}{}
			each(e.Stream, e.Version-1)
		}
	}
	for i := range a.States {
		each(a.States[i].Stream, a.States[i].Expected)
	}
}

// encode makes the parameters of append_v1.
func (w *writer) encode(a *store.Append) {
	w.identify(a.Member, a.Writer, a.Gen)
	w.p.claims(a.Claims)
	n := 0
	w.built(a, func(message.Stream, message.Version) { n++ })
	w.p.listOrNull(oidText, n)
	w.built(a, func(s message.Stream, _ message.Version) { w.p.addText(string(s)) })
	w.p.listOrNull(oidInt8, n)
	w.built(a, func(_ message.Stream, expected message.Version) { w.p.addInt8(int64(expected)) })
	w.p.events(a.Events)
	w.p.snapshots(a.Snapshots)
	w.p.states(a.States)
	w.p.alarms(a.Alarms)
}

// claims are four parameters.
func (p *params) claims(claims []store.Claim) {
	p.list(oidInt4, len(claims))
	for i := range claims {
		p.addInt4(int32(claims[i].Slot))
	}
	p.list(oidInt8, len(claims))
	for i := range claims {
		p.addInt8(int64(claims[i].Epoch))
	}
	p.list(oidInt8, len(claims))
	for i := range claims {
		p.addInt8(int64(claims[i].Head.Offset))
	}
	p.list(oidInt8, len(claims))
	for i := range claims {
		p.addInt8(int64(claims[i].Head.Epoch))
	}
}

// listOrNull is list, but for no elements null: append_v1 passes over such.
func (p *params) listOrNull(oid uint32, n int) {
	if n == 0 {
		p.null()
		return
	}
	p.list(oid, n)
}

// events are 13 parameters, the last of which names the erased streams.
func (p *params) events(events []store.Event) {
	n, erased := len(events), 0
	p.listOrNull(oidInt4, n)
	for i := range events {
		p.addInt4(int32(events[i].Slot))
	}
	p.listOrNull(oidInt8, n)
	for i := range events {
		p.addInt8(int64(events[i].Offset))
	}
	p.listOrNull(oidInt8, n)
	for i := range events {
		p.addInt8(int64(events[i].Epoch))
	}
	p.listOrNull(oidText, n)
	for i := range events {
		p.addText(string(events[i].Stream))
	}
	p.listOrNull(oidInt8, n)
	for i := range events {
		p.addInt8(int64(events[i].Version))
	}
	p.listOrNull(oidText, n)
	for i := range events {
		p.addText(events[i].Type)
		if events[i].Type == store.TypeErased {
			erased++
		}
	}
	p.listOrNull(oidInt4, n)
	for i := range events {
		p.addInt4(int32(events[i].Schema)) //nolint:gosec // schema numbers are small
	}
	p.listOrNull(oidInt2, n)
	for i := range events {
		p.addInt2(int16(events[i].Encoding))
	}
	p.listOrNull(oidBytea, n)
	for i := range events {
		p.addBytes(events[i].Data)
	}
	p.listOrNull(oidBytea, n)
	for i := range events {
		p.addBytes(events[i].Metadata)
	}
	p.commands(events)
	p.listOrNull(oidText, erased)
	for i := range events {
		if events[i].Type == store.TypeErased {
			p.addText(string(events[i].Stream))
		}
	}
}

// commands are the message ids and the commands of events.
func (p *params) commands(events []store.Event) {
	p.listOrNull(oidText, len(events))
	for i := range events {
		if events[i].MessageID == "" {
			p.addNull()
		} else {
			p.addText(string(events[i].MessageID))
		}
	}
	p.listOrNull(oidText, len(events))
	for i := range events {
		c := events[i].Command
		if c == nil {
			p.addNull()
		} else {
			at := p.open()
			p.buf = store.AppendCommand(p.buf, c)
			p.close(at)
		}
	}
}

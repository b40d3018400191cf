package postgres

import (
	"context"
	"strconv"
	"strings"

	"github.com/ringhold/ringhold/store"
)

var appendEvents = call("append_v1", 43)

// call is the statement that calls a function with n parameters.
func call(function string, n int) string {
	var b strings.Builder
	b.WriteString("SELECT * FROM " + function + "(")
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
	w.session.within(w.s.timeout)
	err = w.try(a)
	for n := 0; n < repeats && (sqlState(err) == stateUnproved || repeatable(err)); n++ {
		w.proof.forget()
		err = w.try(a)
	}
	if err != nil {
		w.proof.forget()
		return w.refused(a, err)
	}
	return nil
}

// try asks for a once, with what the session has not proved yet.
func (w *writer) try(a *store.Append) error {
	w.proof.plan(a)
	w.encode(a)
	var moves, newest int64
	err := w.send(appendEvents, func(v [][]byte) error {
		moves = getInt8(v[0])
		if v[1] != nil {
			newest = getInt8(v[1])
		}
		return nil
	})
	if err == nil {
		w.proof.stored(a, moves, newest)
	}
	return err
}

// encode makes the parameters of append_v1.
func (w *writer) encode(a *store.Append) {
	w.identify(a.Member, a.Writer, a.Gen)
	proof := &w.proof
	w.p.text(w.session.name)
	if proof.begun {
		w.p.int8(proof.moves)
	} else {
		w.p.null()
	}
	if proof.newest != 0 {
		w.p.int8(proof.newest)
	} else {
		w.p.null()
	}
	w.p.claims(proof.wanted)
	w.p.streams(proof.built)
	w.p.events(a.Events)
	w.p.snapshots(a.Snapshots)
	w.p.states(a.States)
	w.p.alarms(a.Alarms)
}

// streams are two parameters.
func (p *params) streams(built []builtOn) {
	p.listOrNull(oidText, len(built))
	for i := range built {
		p.addText(string(built[i].stream))
	}
	p.listOrNull(oidInt8, len(built))
	for i := range built {
		p.addInt8(int64(built[i].expected))
	}
}

// claims are four parameters.
func (p *params) claims(claims []store.Claim) {
	p.listOrNull(oidInt4, len(claims))
	for i := range claims {
		p.addInt4(int32(claims[i].Slot))
	}
	p.listOrNull(oidInt8, len(claims))
	for i := range claims {
		p.addInt8(int64(claims[i].Epoch))
	}
	p.listOrNull(oidInt8, len(claims))
	for i := range claims {
		p.addInt8(int64(claims[i].Head.Offset))
	}
	p.listOrNull(oidInt8, len(claims))
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

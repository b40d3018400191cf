package gateway

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ringhold/ringhold/message"
)

func parcelOf(id message.ID) *parcel {
	e := &entry{m: message.NewWithID("deposit", id, message.Body{}), reply: func(message.Response) {}, size: entryBytes}
	return e.nextParcel(nil)
}

func ids(parcels []*parcel) (out []message.ID) {
	for _, p := range parcels {
		out = append(out, p.entry.m.ID)
	}
	return out
}

func openPending() *pending {
	p := newPending()
	p.opened()
	return p
}

// A context that ends takes its message out of the link.
func TestPendingFollowsTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &link{pending: openPending()}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for range 2 {
			l.Dispatch(ctx, message.New("greet", message.Body{}), func(message.Response) { t.Error("nobody waits for an answer") })
		}
		p := l.pending
		p.next()
		<-ctx.Done()
		synctest.Wait()
		l.Dispatch(ctx, message.New("greet", message.Body{}), func(message.Response) { t.Error("nobody waits for an answer") })
		synctest.Wait()
		if p.bytes != 0 || len(p.sent) != 0 || p.take(1) != nil {
			t.Errorf("%d bytes are kept", p.bytes)
		}
		if p.next() != nil || p.gone != 0 {
			t.Error("what timed out is sent")
		}
	})
}

func TestPendingWhenTheLinkBreaks(t *testing.T) {
	p := openPending()
	for i, id := range []message.ID{"1", "2", "3", "4", "5"} {
		if p.add(parcelOf(id)) != takenIn {
			t.Fatal("not taken in")
		}
		if i < 3 {
			p.next()
		}
	}
	p.take(1) // is answered
	rest := p.broken()
	if got := fmt.Sprint(ids(rest)); got != "[2 3 4 5]" || rest[0].sequence != 2 || rest[1].sequence != 3 || rest[2].sequence != 0 {
		t.Errorf("to be sent again: %s", got)
	}
	if p.add(parcelOf("6")) != takenNot || p.take(2) != nil || p.abandon(rest[3]) {
		t.Error("a broken link holds on to messages")
	}
	p.opened()
	p.add(parcelOf("7"))
	if next := p.next(); next.entry.m.ID != "7" || next.sequence != 1 || p.next() != nil {
		t.Errorf("next is %s with sequence %d", next.entry.m.ID, next.sequence)
	}
}

func TestPendingGivesBackWhatWasNotSent(t *testing.T) {
	p := openPending()
	var all []*parcel
	for _, id := range []message.ID{"1", "2", "3", "4"} {
		all = append(all, parcelOf(id))
		p.add(all[len(all)-1])
	}
	p.next()
	if p.recall(all[0]) || !p.recall(all[1]) || p.recall(all[1]) {
		t.Error("what was sent is taken back, or what was not is not")
	}
	if got := fmt.Sprint(ids(p.down())); got != "[3 4]" {
		t.Errorf("a link that drains gives back %s", got)
	}
	if p.next() != nil || p.take(1) != all[0] || p.bytes != 0 {
		t.Error("what was sent before a drain is not answered")
	}
}

func TestPendingIsBounded(t *testing.T) {
	p := openPending()
	for range maxPending {
		if p.add(parcelOf("a")) != takenIn {
			t.Fatal("not taken in")
		}
	}
	if p.add(parcelOf("a")) != takenFull {
		t.Error("a full link takes more")
	}
	large, one := openPending(), parcelOf("a")
	one.entry.size = maxPendingBytes + 1
	if large.add(one) != takenFull {
		t.Error("more bytes than the bound are taken")
	}
	p.close()
	if n := len(p.broken()); n != maxPending {
		t.Errorf("%d were left", n)
	}
	if p.opened() || p.add(parcelOf("c")) != takenNot {
		t.Error("a closed link takes more")
	}
}

// Callers that give up leave nothing behind.
func TestPendingForgetsWhoGaveUp(t *testing.T) {
	p := openPending()
	for range 1000 {
		p.add(parcelOf("kept"))
		for range 3 {
			gone := parcelOf("gone")
			p.add(gone)
			p.abandon(gone)
			p.abandon(gone)
		}
	}
	if p.bytes != 1000*entryBytes || len(p.unsent) > 2100 {
		t.Errorf("%d bytes and %d entries are kept", p.bytes, len(p.unsent))
	}
	sent := 0
	for one := p.next(); one != nil; one = p.next() {
		if one.entry.m.ID != "kept" {
			t.Fatal("what was given up is sent")
		}
		sent++
	}
	if sent != 1000 {
		t.Errorf("%d were sent", sent)
	}
}

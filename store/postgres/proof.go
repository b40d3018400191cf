package postgres

import (
	"crypto/rand"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// proof is what the session of a writer has proved to be stored, or has written
// itself. It stays true while the session lives: the rows of the writer's slots
// change only by their owner's writers, which count it in the fence that each
// append reads (moves), or once the member is deposed, which refuses the append;
// and what was committed is not taken back under a session, since a crash of the
// server or a promotion ends all of them. That this is the session, and not
// another one that something on the way has put in its place, is proved by a
// setting that only it has.
//
// So a claim or a stream is looked up by the first append of a session that
// needs it, and later ones cost the server nothing but their rows. A head or a
// version that is too low, of a writer that does not know its own events, is
// refused by the unique indexes.
type proof struct {
	begun   bool // something is proved, at the count moves
	moves   int64
	newest  int64 // of the times that were written or read, in PostgreSQL's microseconds; 0: none
	claims  map[ring.Slot]store.Claim
	streams map[message.Stream]*versionProof
	append  uint64 // numbers the appends, to tell the streams of one from earlier ones

	// What the append in hand needs to have looked up.
	wanted []store.Claim
	built  []builtOn
}

// versionProof is the version of a stream, which never falls. A state may move
// it too, so a stream that has one is never kept.
type versionProof struct {
	version message.Version
	append  uint64 // that has moved it last
}

// builtOn is a stream with the version that the append expects it to have.
type builtOn struct {
	stream   message.Stream
	expected message.Version
}

// maxStreams bounds the streams that are kept, some 100 bytes each; above it
// they are looked up anew.
const maxStreams = 1 << 16

// sessionSetting is the name of the setting that tells sessions apart.
const sessionSetting = "ringhold.session"

func newSessionName() string { return rand.Text() }

func newProof() proof {
	return proof{claims: map[ring.Slot]store.Claim{}, streams: map[message.Stream]*versionProof{}}
}

// forget drops all, so that the next append proves what it needs.
func (p *proof) forget() {
	p.begun = false
	clear(p.claims)
	clear(p.streams)
}

// plan says what a needs to have looked up. Until stored, streams are noted as
// a will leave them: if it is not stored, all has to be forgotten.
func (p *proof) plan(a *store.Append) {
	p.append++
	p.wanted, p.built = p.wanted[:0], p.built[:0]
	for i := range a.Claims {
		if c := &a.Claims[i]; !p.begun || p.claims[c.Slot] != *c {
			p.wanted = append(p.wanted, *c)
		}
	}
	if len(p.streams) > maxStreams {
		clear(p.streams)
	}
	for i := range a.Events {
		p.planEvent(&a.Events[i])
	}
	for i := range a.States {
		p.built = append(p.built, builtOn{a.States[i].Stream, a.States[i].Expected})
		delete(p.streams, a.States[i].Stream)
	}
}

func (p *proof) planEvent(e *store.Event) {
	v := p.streams[e.Stream]
	if v == nil {
		v = &versionProof{version: e.Version} // not the one before: it is not proved
		p.streams[e.Stream] = v
	}
	if v.append != p.append && v.version != e.Version-1 {
		p.built = append(p.built, builtOn{e.Stream, e.Version - 1})
	}
	v.append, v.version = p.append, e.Version
}

// stored takes over what the append has proved and written.
func (p *proof) stored(a *store.Append, moves, newest int64) {
	p.begun, p.moves, p.newest = true, moves, newest
	for i := range p.wanted {
		p.claims[p.wanted[i].Slot] = p.wanted[i]
	}
	for i := range a.Events {
		e := &a.Events[i]
		c := p.claims[e.Slot]
		c.Head = store.Head{Offset: e.Offset, Epoch: e.Epoch}
		p.claims[e.Slot] = c
	}
}

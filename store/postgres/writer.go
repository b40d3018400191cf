package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// errInDoubt refuses everything but Raise after an unknown outcome, and after
// the end of a session: nothing was sent then, but the server may have become
// another one, which lacks what the last one had. So all that the writer knows
// has to be verified, as after an unknown outcome.
var errInDoubt = errors.New("the writer's session has ended, or the outcome of an earlier write is unknown: its generation has to be raised first")

// writer is a store.Writer with a session of its own. What it has begun is
// bounded by the store's write timeout, not by its caller's context.
type writer struct {
	s       *Store
	member  store.MemberID
	id      store.WriterID
	gen     store.Generation // 0 until Raise
	session *session         // nil: none is open
	doubt   bool             // a session was lost since the last Raise
	closed  bool
	p       params
	proof   proof                       // of the session
	seen    map[message.Stream]struct{} // of one import
}

// Writer opens a writer. Whether its member has joined is found out by Raise,
// which connects.
func (s *Store) Writer(ctx context.Context, m store.MemberID, w store.WriterID) (store.Writer, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	wr := &writer{s: s, member: m, id: w, proof: newProof(), seen: map[message.Stream]struct{}{}}
	s.mu.Lock()
	s.writers[wr] = struct{}{}
	s.mu.Unlock()
	return wr, nil
}

// enter begins a use of the writer.
func (w *writer) enter(ctx context.Context) (leave func(), err error) {
	if leave, err = w.s.enter(ctx); err != nil {
		return nil, err
	}
	if w.closed {
		leave()
		return nil, store.ErrClosed
	}
	return leave, nil
}

// ready looks that the session is that of the last Raise. Before the first one
// it connects: the server refuses what is asked for then.
func (w *writer) ready(ctx context.Context) error {
	if w.gen == 0 && !w.doubt {
		return w.connect(ctx)
	}
	if w.doubt || w.session == nil || w.session.conn.IsClosed() {
		w.doubt = true
		return unknown(errInDoubt)
	}
	return nil
}

func (w *writer) connect(ctx context.Context) (err error) {
	if w.session == nil || w.session.conn.IsClosed() {
		w.proof.forget()
		w.session, err = w.s.connect(ctx, forWriter, w.s.timeout)
	}
	return err
}

// write runs a statement with w.p, in the time that a write may take.
func (w *writer) write(query string, row func([][]byte) error) error {
	w.session.within(w.s.timeout)
	return w.send(query, row)
}

// send runs a statement with w.p, in the time that the session is within.
func (w *writer) send(query string, row func([][]byte) error) error {
	lost, err := w.session.write(context.Background(), query, &w.p, row)
	if lost {
		w.session, w.doubt = nil, true
	}
	return err
}

// insist is write for a statement that is a transaction of its own.
func (w *writer) insist(query string, row func([][]byte) error) error {
	w.session.within(w.s.timeout)
	lost, err := w.session.insist(context.Background(), query, &w.p, row)
	if lost {
		w.session, w.doubt = nil, true
	}
	return err
}

// identify begins the parameters with who writes.
func (w *writer) identify(m store.MemberID, id store.WriterID, g store.Generation) {
	w.p.reset()
	w.p.text(w.s.group)
	w.p.text(string(m))
	w.p.int4(int32(id))
	w.p.int8(int64(g))
}

// refusal makes a *store.FencedError of the server's.
func (w *writer) refusal(doing string, g store.Generation, err error) error {
	if sqlState(err) == stateFenced {
		return fenced(w.member, w.id, g, err)
	}
	return w.s.explain(doing, err)
}

const acquireSlots = `SELECT a.slot, a.epoch, a.head, a.head_epoch FROM acquire_v1($1, $2, $3, $4, $5) AS a`

// Acquire waits for the appends of owners that have no row, whose fences it
// closes, and overtakes one that does not come to an end.
func (w *writer) Acquire(ctx context.Context, slots []ring.Slot) ([]store.Claim, error) {
	leave, err := w.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	if err := w.ready(ctx); err != nil {
		return nil, err
	}
	w.proof.forget()
	w.identify(w.member, w.id, w.gen)
	w.p.slots(slots)
	var claims []store.Claim
	err = w.s.overtake(ctx, w.session.conn.PID(), func() error {
		return w.insist(acquireSlots, func(v [][]byte) error {
			claims = append(claims, store.Claim{Slot: ring.Slot(getInt4(v[0])), Epoch: store.Epoch(getInt8(v[1])),
				Head: store.Head{Offset: store.Offset(getInt8(v[2])), Epoch: store.Epoch(getInt8(v[3]))}})
			return nil
		})
	})
	if err != nil {
		return nil, w.refusal("acquire slots in", w.gen, err)
	}
	slices.SortFunc(claims, func(a, b store.Claim) int { return cmp.Compare(a.Slot, b.Slot) })
	return claims, nil
}

const releaseSlots = `SELECT release_v1($1, $2, $3, $4, $5, $6)`

func (w *writer) Release(ctx context.Context, claims []store.Claim) error {
	leave, err := w.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	if err := w.ready(ctx); err != nil {
		return err
	}
	w.proof.forget()
	w.identify(w.member, w.id, w.gen)
	w.p.list(oidInt4, len(claims))
	for _, c := range claims {
		w.p.addInt4(int32(c.Slot))
	}
	w.p.list(oidInt8, len(claims))
	for _, c := range claims {
		w.p.addInt8(int64(c.Epoch))
	}
	return w.refusal("release slots in", w.gen, w.insist(releaseSlots, nil))
}

const verifyClaims = `SELECT verify_v1($1, $2, $3, $4, $5, $6, $7)`

// Verify reads on the writer's own session, behind what it wrote.
func (w *writer) Verify(ctx context.Context, claims []store.Claim) ([]store.Claim, error) {
	leave, err := w.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	if err := w.ready(ctx); err != nil {
		return nil, err
	}
	w.p.reset()
	w.p.text(w.s.group)
	w.p.text(string(w.member))
	w.p.int4(int32(w.id))
	w.p.claims(claims)
	var stale []store.Claim
	err = w.insist(verifyClaims, func(v [][]byte) error {
		i := getInt8(v[0]) - 1
		if i < 0 || i >= int64(len(claims)) {
			return fmt.Errorf("the server named claim %d of %d", i+1, len(claims))
		}
		stale = append(stale, claims[i])
		return nil
	})
	if err != nil {
		return nil, w.s.explain("verify slots in", err)
	}
	if len(stale) > 0 {
		w.proof.forget() // it was not what is stored
	}
	return stale, nil
}

func (w *writer) Close() error {
	leave, err := w.s.enter(context.Background())
	if err != nil {
		return nil // Close of the store has ended the session
	}
	defer leave()
	w.s.mu.Lock()
	delete(w.s.writers, w)
	w.s.mu.Unlock()
	w.end()
	return nil
}

// end ends the session.
func (w *writer) end() {
	w.closed = true
	if w.session != nil {
		w.session.end()
		w.session = nil
	}
}

package runtime

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing/synctest"
	"time"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
	"github.com/ringhold/ringhold/store/memory"
)

// Calls of a store that a faulty one can disturb.
const (
	opAppend  = "append"
	opRaise   = "raise"
	opVerify  = "verify"
	opAcquire = "acquire"
	opRelease = "release"
	opLoad    = "load"
	opRead    = "read stream"
	opLog     = "read slot"
	opErase   = "erase"
	opPending = "pending erasures"
)

// fate is what happens to one call.
type fate struct {
	hold <-chan struct{} // it is not begun before this is closed
	wait time.Duration   // nor before that has passed
	err  error           // what it answers; nil: what the store answers
	done bool            // although it answers err, the store has done it
	late bool            // of an append: it reaches the store once the writer has gone on
}

var errReset = errors.New("connection reset by peer")

// refused answers a fault of the store that stored nothing.
func refused() fate { return fate{err: errors.New("the disk is full")} }

// lost answers nothing of use: the store has done it, or not.
func lost(done bool) fate { return fate{err: &store.UnknownOutcomeError{Err: errReset}, done: done} }

// late is an append without an outcome that is still under way.
func late() fate { return fate{err: &store.UnknownOutcomeError{Err: errReset}, late: true} }

// faulty is a memory store that a test can stall, make refuse, and make lose
// outcomes. It knows what it has confirmed to its caller, so that a test can
// tell whether an answer rests on more than that, and it fails the test when
// its caller breaks the contract of a writer.
type faulty struct {
	*memory.Store
	t tb

	mu        sync.Mutex
	scripts   map[string][]fate         // of the next calls, in order
	chaos     func(op string) fate      // of the calls behind them; nil: all goes well
	judge     func(*store.Append) fate  // of appends, before all else; nil: as other calls
	calls     map[string]int            // that were begun
	confirmed map[message.Stream]extent // what the caller can know to be durable
	writers   map[store.MemberID]store.Writer

	asked                func([]store.LoadRequest) // is shown each load, under the mutex; nil: nobody is
	holds                []<-chan struct{}         // the next loads are answered once these are closed, as they were before
	duplicates           int                       // appends that were refused as repeats
	unreadable           func(message.Stream) bool // streams of which a load fails; nil: none
	loading, loadsAtOnce int                       // now, and the most there were

	doubts []*store.Append // whose outcome the caller was not told; it may find a part of them
}

// extent is what was confirmed of a stream.
type extent struct {
	version message.Version
	ids     map[message.ID]bool
}

var _ store.Store = (*faulty)(nil)

func newFaulty(t tb) *faulty {
	t.Helper()
	return &faulty{
		Store: memory.New(memory.Config{Group: "test"}), t: t,
		scripts: map[string][]fate{}, calls: map[string]int{}, confirmed: map[message.Stream]extent{},
		writers: map[store.MemberID]store.Writer{},
	}
}

// next scripts what happens to the next calls of a kind.
func (f *faulty) next(op string, fates ...fate) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.scripts[op] = append(f.scripts[op], fates...)
}

// stall holds the next call of a kind until the returned function is called,
// and then lets that fate happen. By then everybody else waits, too: what was
// sent before is where it can go.
func (f *faulty) stall(op string, then fate) (release func()) {
	gate := make(chan struct{})
	then.hold = gate
	f.next(op, then)
	return func() {
		synctest.Wait()
		close(gate)
	}
}

// answerLate has the next loads be answered once channels are closed, with what was
// stored before.
func (f *faulty) answerLate(each ...<-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.holds = append(f.holds, each...)
}

// disturb decides the fate of every call that has no script from now on. It may be
// set while the host's goroutines call already.
func (f *faulty) disturb(chaos func(op string) fate) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.chaos = chaos
}

// heal ends all disturbances that were not begun.
func (f *faulty) heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.scripts, f.chaos = map[string][]fate{}, nil
}

// count returns how many calls of a kind were begun.
func (f *faulty) count(op string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[op]
}

// begin returns the fate of a call, once it is not held.
func (f *faulty) begin(op string) fate {
	f.mu.Lock()
	f.calls[op]++
	var is fate
	switch script := f.scripts[op]; {
	case len(script) > 0:
		is, f.scripts[op] = script[0], script[1:]
	case f.chaos != nil:
		is = f.chaos(op)
	}
	f.mu.Unlock()
	if is.hold != nil {
		<-is.hold
	}
	if is.wait > 0 {
		timer := time.NewTimer(is.wait)
		defer timer.Stop()
		<-timer.C
	}
	return is
}

// takeAway ends the ownership of a slot behind the back of its owner, of one
// writer.
func (f *faulty) takeAway(m store.MemberID, s ring.Slot, e store.Epoch) {
	f.t.Helper()
	f.mu.Lock()
	w := f.writers[m]
	f.mu.Unlock()
	if err := w.Release(context.Background(), []store.Claim{{Slot: s, Epoch: e}}); err != nil {
		f.t.Fatal(err)
	}
}

// meet runs a call to its fate.
func (f *faulty) meet(op string, do func() error) error { return f.meetLate(op, do, nil) }

func (f *faulty) meetLate(op string, do func() error, late func()) error {
	is := f.begin(op)
	if is.err == nil {
		return do()
	}
	if is.late {
		late()
	}
	if is.done {
		if err := do(); err != nil {
			return err // the store refused it, and said so
		}
	}
	return is.err
}

// confirm notes what a caller was told to be stored.
func (f *faulty) confirm(s message.Stream, v message.Version, ids ...message.ID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	e, known := f.confirmed[s]
	if !known {
		e = extent{version: message.NoVersion, ids: map[message.ID]bool{}}
	}
	e.version = max(e.version, v)
	for _, id := range ids {
		e.ids[id] = true
	}
	f.confirmed[s] = e
}

func (f *faulty) confirmEvents(events []store.Event) {
	for i := range events {
		got := &events[i]
		f.confirm(got.Stream, got.Version, got.MessageID)
		f.confirmDoubt(func(a *store.Append) bool {
			return slices.ContainsFunc(a.Events, func(ev store.Event) bool {
				return ev.Slot == got.Slot && ev.Offset == got.Offset && ev.Epoch == got.Epoch && ev.MessageID == got.MessageID
			})
		})
	}
}

func (f *faulty) confirmState(st *store.State) {
	f.confirm(st.Stream, st.Version)
	for i := range st.Recent {
		f.confirm(st.Stream, st.Version, st.Recent[i].MessageID)
	}
	f.confirmDoubt(func(a *store.Append) bool {
		return slices.ContainsFunc(a.States, func(one store.State) bool {
			return one.Stream == st.Stream && one.Version == st.Version
		})
	})
}

// confirmDoubt confirms all of the append of which a part was found: it is
// stored whole or not at all.
func (f *faulty) confirmDoubt(has func(*store.Append) bool) {
	f.mu.Lock()
	n := slices.IndexFunc(f.doubts, has)
	var a *store.Append
	if n >= 0 {
		a = f.doubts[n]
		f.doubts = slices.Delete(f.doubts, n, n+1)
	}
	f.mu.Unlock()
	if a != nil {
		f.confirmAppend(a)
	}
}

func (f *faulty) confirmAppend(a *store.Append) {
	f.confirmEvents(a.Events)
	for i := range a.States {
		f.confirmState(&a.States[i])
	}
}

// durable reports whether the caller can know that the stream has reached a
// version and, with an id, that the message stored something in it.
func (f *faulty) durable(s message.Stream, v message.Version, id message.ID) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	e, known := f.confirmed[s]
	if !known {
		return v == message.NoVersion && id == ""
	}
	return e.version >= v && (id == "" || e.ids[id])
}

func (f *faulty) countLoads(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.loading += n
	f.loadsAtOnce = max(f.loadsAtOnce, f.loading)
}

func (f *faulty) Load(ctx context.Context, reqs []store.LoadRequest) (out []store.Loaded, err error) {
	f.countLoads(1)
	defer f.countLoads(-1)
	f.mu.Lock()
	if f.asked != nil {
		f.asked(reqs)
	}
	f.mu.Unlock()
	err = f.meet(opLoad, func() error { out, err = f.Store.Load(ctx, reqs); return err })
	f.mu.Lock()
	var hold <-chan struct{}
	if len(f.holds) > 0 {
		hold, f.holds = f.holds[0], f.holds[1:]
	}
	f.mu.Unlock()
	if hold != nil {
		<-hold
	}
	if err == nil && f.unreadable != nil && slices.ContainsFunc(reqs, func(q store.LoadRequest) bool { return f.unreadable(q.Stream) }) {
		err = errors.New("a row cannot be read")
	}
	if err != nil {
		return nil, err
	}
	for i := range out {
		s := reqs[i].Stream
		f.confirmEvents(out[i].Events)
		f.confirm(s, out[i].Deleted)
		if sn := out[i].Snapshot; sn != nil {
			f.confirm(s, sn.Version)
		}
		if st := out[i].State; st != nil {
			f.confirmState(st)
		}
		for n, found := range out[i].Commands {
			if found != nil {
				f.confirm(s, found.First, reqs[i].Messages[n])
			}
		}
	}
	return out, nil
}

func (f *faulty) ReadStream(ctx context.Context, s message.Stream, from message.Version, limit int) (out []store.Event, err error) {
	err = f.meet(opRead, func() error { out, err = f.Store.ReadStream(ctx, s, from, limit); return err })
	if err != nil {
		return nil, err
	}
	f.confirmEvents(out)
	return out, nil
}

func (f *faulty) ReadSlot(ctx context.Context, s ring.Slot, from store.Offset, limit int) (out []store.Event, err error) {
	err = f.meet(opLog, func() error { out, err = f.Store.ReadSlot(ctx, s, from, limit); return err })
	if err != nil {
		return nil, err
	}
	f.confirmEvents(out)
	return out, nil
}

func (f *faulty) Erase(ctx context.Context, s message.Stream, limit int) (done bool, err error) {
	err = f.meet(opErase, func() error { done, err = f.Store.Erase(ctx, s, limit); return err })
	return done && err == nil, err
}

func (f *faulty) PendingErasures(ctx context.Context, limit int) (out []message.Stream, err error) {
	err = f.meet(opPending, func() error { out, err = f.Store.PendingErasures(ctx, limit); return err })
	return out, err
}

func (f *faulty) Writer(ctx context.Context, m store.MemberID, w store.WriterID) (store.Writer, error) {
	inner, err := f.Store.Writer(ctx, m, w)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	f.writers[m] = inner
	f.mu.Unlock()
	return &faultyWriter{Writer: inner, f: f}, nil
}

// faultyWriter disturbs one writer, and checks that its caller uses it as the
// contract asks: one call at a time, and Raise first after an unknown outcome.
type faultyWriter struct {
	store.Writer
	f         *faulty
	used      atomic.Bool
	mustRaise atomic.Bool
	late      []*store.Append // still under way
}

// call runs one call of the writer.
func (w *faultyWriter) call(op string, do func() error) error { return w.callLate(op, do, nil) }

func (w *faultyWriter) callLate(op string, do func() error, late func()) error {
	if !w.used.CompareAndSwap(false, true) {
		w.f.t.Errorf("%s: a writer is used by two goroutines at a time", op)
	}
	defer w.used.Store(false)
	if op != opRaise && w.mustRaise.Load() {
		w.f.t.Errorf("%s: the writer was not raised after an unknown outcome", op)
	}
	err := w.f.meetLate(op, do, late)
	if unknown := new(store.UnknownOutcomeError); op != opRaise && errors.As(err, &unknown) {
		w.mustRaise.Store(true)
	}
	return err
}

func (w *faultyWriter) Raise(ctx context.Context, g store.Generation) error {
	return w.call(opRaise, func() error {
		err := w.Writer.Raise(ctx, g)
		if err == nil {
			w.mustRaise.Store(false)
			w.arrive()
		}
		return err
	})
}

func (w *faultyWriter) Append(ctx context.Context, a *store.Append) error {
	w.arrive()
	if w.f.judge != nil {
		w.f.next(opAppend, w.f.judge(a))
	}
	err := w.callLate(opAppend, func() error { return w.Writer.Append(ctx, a) }, func() {
		w.late = append(w.late, a)
	})
	var conflict *store.VersionConflictError
	if errors.As(err, &conflict) {
		w.f.confirm(conflict.Stream, conflict.Current)
	}
	var unknown *store.UnknownOutcomeError
	var duplicate *store.DuplicateMessageError
	switch {
	case err == nil:
		w.f.confirmAppend(a)
	case errors.As(err, &duplicate):
		w.f.mu.Lock()
		w.f.duplicates++
		w.f.mu.Unlock()
	case errors.As(err, &unknown):
		w.f.mu.Lock()
		w.f.doubts = append(w.f.doubts, a)
		w.f.mu.Unlock()
	}
	return err
}

func (w *faultyWriter) Acquire(ctx context.Context, slots []ring.Slot) (claims []store.Claim, err error) {
	err = w.call(opAcquire, func() error { claims, err = w.Writer.Acquire(ctx, slots); return err })
	if err != nil {
		return nil, err
	}
	return claims, nil
}

func (w *faultyWriter) Release(ctx context.Context, claims []store.Claim) error {
	return w.call(opRelease, func() error { return w.Writer.Release(ctx, claims) })
}

func (w *faultyWriter) Verify(ctx context.Context, claims []store.Claim) (wrong []store.Claim, err error) {
	err = w.call(opVerify, func() error { wrong, err = w.Writer.Verify(ctx, claims); return err })
	return wrong, err
}

// arrive lets the appends that were under way reach the store. None may be
// stored: the writer has to have made sure of that before it went on.
func (w *faultyWriter) arrive() {
	for _, a := range w.late {
		if err := w.Writer.Append(context.Background(), a); err == nil {
			w.f.t.Error("an append that was given up was stored later")
		}
	}
	w.late = nil
}

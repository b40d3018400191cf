package runtime

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/handler"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

// Who is in a call that does not return when Stop gives up is told what is known: that
// nothing is stored, nor will be, or that nobody knows.
func TestStop_AnswersWhoIsInACallThatDoesNotReturn(t *testing.T) {
	const timeout = 3 * time.Second
	filter := func(gate chan struct{}) func(*aggregate.Definition[tally]) {
		return func(d *aggregate.Definition[tally]) {
			d.FilterEvents(func(m *aggregate.Message[tally], events []aggregate.Pending) ([]aggregate.Pending, error) {
				if m.AggregateID() == "a" {
					<-gate
				}
				return events, nil
			})
		}
	}
	var ran atomic.Int32
	add := func(_ chan struct{}, r *rig) *pending { return r.send("a", doAdd, 1) }
	for name, c := range map[string]struct {
		define func(gate chan struct{}) func(*aggregate.Definition[tally])
		store  func(gate chan struct{}, f *faulty) store.Store
		ask    func(gate chan struct{}, r *rig) *pending
		stored bool
	}{
		"a decision": {
			define: filter,
			store:  func(_ chan struct{}, f *faulty) store.Store { return deaf{f} },
			ask:    add,
		},
		"a load": {
			define: func(chan struct{}) func(*aggregate.Definition[tally]) {
				return func(d *aggregate.Definition[tally]) {
					d.FilterEvents(func(_ *aggregate.Message[tally], events []aggregate.Pending) ([]aggregate.Pending, error) {
						ran.Add(1)
						return events, nil
					})
				}
			},
			store: func(gate chan struct{}, f *faulty) store.Store { f.next(opLoad, fate{hold: gate}); return deaf{f} },
			ask:   add,
		},
		"a read": {ask: func(gate chan struct{}, r *rig) *pending {
			m := r.about("$read", "a")
			p := r.pending(m)
			r.host.Read(context.Background(), m, func(handler.View) message.Response { <-gate; return message.OK{} }, p.reply)
			return p
		}},
		"a callback behind the commit": {
			define: func(gate chan struct{}) func(*aggregate.Definition[tally]) {
				return func(d *aggregate.Definition[tally]) {
					d.OnCommit(func(_ context.Context, m *aggregate.Message[tally], _ tally) {
						if m.AggregateID() == "a" {
							<-gate
						}
					})
				}
			},
			ask: add, stored: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				gate, st := make(chan struct{}), newFaulty(t)
				s := setup{store: st, hangs: true, config: func(cfg *Config) {
					cfg.StopTimeout, cfg.Writers = timeout, 1
					if c.store != nil {
						cfg.Store = c.store(gate, st)
					}
				}}
				if c.define != nil {
					s.define = c.define(gate)
				}
				r := newRig(t, s)
				inCall := c.ask(gate, r)
				synctest.Wait()
				behind := r.send("a", doAdd, 1)
				began := time.Now()
				r.host.Stop()
				if took := time.Since(began); took > timeout+stopGrace+100*time.Millisecond {
					t.Errorf("it took %v", took)
				}
				is[message.ServiceUnavailable](t, behind.wait())
				select {
				case got := <-inCall.answer:
					if c.stored {
						is[message.OutcomeUnknown](t, got)
					} else {
						is[message.ServiceUnavailable](t, got)
					}
				default:
					t.Error("who is in the call is not answered")
				}
				close(gate)
				synctest.Wait()
				if n := len(r.events("a")); (n == 1) != c.stored {
					t.Errorf("%d events are stored after all", n)
				}
				r.checkRoom()
				if n := ran.Load(); n != 0 {
					t.Errorf("%d commands ran whose callers had their answer", n)
				}
			})
		})
	}
}

// What came back from a commit that failed, and waits behind one that does not return,
// is answered too, and truly: it is not stored.
func TestStop_AnswersWhatCameBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st, gate := newFaulty(t), make(chan struct{})
		r := newRig(t, setup{store: st, hangs: true, config: func(c *Config) { c.StopTimeout, c.Writers, c.BatchCommands = 3*time.Second, 1, 2 }})
		at(t, r.again("dup", "a", doAdd, 1), 0)
		release := st.stall(opAppend, fate{})
		first := r.send("a", doAdd, 1)
		synctest.Wait()
		second, late := r.message("a", doAdd, 1), r.messageWith("dup", "a", doAdd, 1)
		second.FirstAttempt, late.FirstAttempt = true, true
		// The late one is found to be a repeat, and what is in front of it hangs.
		st.next(opAppend, fate{err: &store.DuplicateMessageError{Stream: streamOf("a"), MessageID: "dup"}}, fate{hold: gate})
		p, q := r.start(t.Context(), second), r.start(t.Context(), late)
		release()
		at(t, first.wait(), 1)
		synctest.Wait()
		q.open()
		r.host.Stop()
		is[message.OutcomeUnknown](t, p.wait())
		is[message.ServiceUnavailable](t, q.wait())
		close(gate)
		synctest.Wait()
	})
}

// deaf is a store that appends and loads whether anybody still wants that or not.
type deaf struct{ *faulty }

func (d deaf) Load(ctx context.Context, reqs []store.LoadRequest) ([]store.Loaded, error) {
	return d.faulty.Load(context.WithoutCancel(ctx), reqs)
}

func (d deaf) Writer(ctx context.Context, m store.MemberID, w store.WriterID) (store.Writer, error) {
	inner, err := d.faulty.Writer(ctx, m, w)
	return deafWriter{inner}, err
}

type deafWriter struct{ store.Writer }

func (w deafWriter) Append(ctx context.Context, a *store.Append) error {
	return w.Writer.Append(context.WithoutCancel(ctx), a)
}

// A decision that ends after Stop has begun, and that has to be made again behind an
// append that does not return, is answered too.
func TestStop_AnswersWhatIsToBeDecidedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st, gate, decided := newFaulty(t), make(chan struct{}), make(chan struct{})
		r := newRig(t, setup{
			store: st, hangs: true, config: func(c *Config) { c.StopTimeout, c.Writers = 3*time.Second, 1 },
			define: func(d *aggregate.Definition[tally]) {
				d.FilterEvents(func(_ *aggregate.Message[tally], events []aggregate.Pending) ([]aggregate.Pending, error) {
					if len(events) == 2 {
						<-decided
						panic("a filter that panics")
					}
					return events, nil
				})
			},
		})
		r.add("a", 1)
		st.next(opAppend, fate{hold: gate})
		p := r.send("a", doAdd, 1)
		synctest.Wait()
		q := r.send("a", doMany, 2)
		synctest.Wait()
		over := make(chan struct{})
		go func() { r.host.Stop(); close(over) }()
		synctest.Wait()
		close(decided)
		<-over
		is[message.OutcomeUnknown](t, p.wait())
		is[message.ServiceUnavailable](t, q.wait())
		close(gate)
		synctest.Wait()
	})
}

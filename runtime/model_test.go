package runtime

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/ringhold/ringhold/handler"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

// TestModel compares a host, command by command, with a model of what every
// answer has to be: whatever is kept in memory, unloaded, deleted, restarted,
// repeated, and however the store fails.
func TestModel(t *testing.T) {
	for name, define := range kinds {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rapid.Check(struct{ rapid.TB }{t}, func(rt *rapid.T) { // without the deadline, which a bubble has not
					st := newFaulty(rt)
					w := &world{T: rt, store: st, all: map[string]*modelled{}}
					w.setup = setup{
						store: st, define: define, stream: idleAfter(time.Second),
						config:  func(c *Config) { c.Page = 3 },
						binding: func(b *handler.Binding) { b.SnapshotEvery, b.CommitTimeout = 4, 100*time.Millisecond },
					}
					w.start()
					defer func() { w.rig.host.Stop() }() // what property it is that fails
					rt.Repeat(map[string]func(*rapid.T){
						"":        w.check,
						"command": w.command,
						"repeat":  w.repeat,
						"delete":  w.delete,
						"unload":  w.unload,
						"sleep":   w.sleep,
						"restart": w.restart,
						"slot":    w.slot,
					})
				})
			})
		})
	}
}

// world is a host and its model.
type world struct {
	*rapid.T
	store   *faulty
	setup   setup
	rig     *rig
	members int
	all     map[string]*modelled
	sent    []*request
}

// modelled is an aggregate as it has to be.
type modelled struct {
	version        message.Version
	exists, erased bool
	state          seen
	answers        map[message.ID]stored
}

// stored is a command that stored something.
type stored struct {
	text   string
	answer message.Response
}

// request is a command that was sent.
type request struct {
	id   message.ID
	tell tell
	text string
}

func (m *modelled) seen() message.Version {
	if !m.exists {
		return message.NoVersion
	}
	return m.version
}

func (w *world) of(id string) *modelled {
	if w.all[id] == nil {
		w.all[id] = &modelled{version: message.NoVersion, answers: map[message.ID]stored{}}
	}
	return w.all[id]
}

func (w *world) start() {
	w.members++
	w.setup.member = store.MemberID(fmt.Sprintf("m%d", w.members))
	w.rig = newRig(w.T, w.setup)
}

var ids = rapid.SampledFrom([]string{"a", "b", "c"})

// weather is what the store does to the next command.
type weather struct {
	name   string
	append []fate
	load   []fate
	slow   bool // longer than the commit timeout
	stored bool // a command that is appended is stored in the end
}

var weathers = rapid.SampledFrom([]weather{
	{name: "fair", stored: true}, {name: "fair", stored: true}, {name: "fair", stored: true}, {name: "fair", stored: true},
	{name: "refused", append: []fate{refused()}},
	{name: "lost, stored", append: []fate{lost(true)}, stored: true},
	{name: "lost, not stored", append: []fate{lost(false)}, stored: true},
	{name: "lost, late, refused", append: []fate{late(), refused()}},
	{name: "slow", append: []fate{{wait: time.Second}}, slow: true, stored: true},
	{name: "slow, refused", append: []fate{{wait: time.Second, err: errReset}}, slow: true},
	{name: "slow, lost", append: []fate{{wait: time.Second, err: &store.UnknownOutcomeError{Err: errReset}, late: true}}, slow: true, stored: true},
	{name: "no loads", load: []fate{refused()}, stored: true},
})

// under lets a call happen in a weather. It returns the answer, and whether the
// store refused to load for it.
func (w *world) under(is weather, do func() *pending) (got message.Response, unloadable bool) {
	w.store.next(opAppend, is.append...)
	w.store.next(opLoad, is.load...)
	loads := w.store.count(opLoad)
	got = do().wait()
	unloadable = len(is.load) > 0 && w.store.count(opLoad) > loads
	time.Sleep(2 * time.Second) // until the store knows
	w.store.heal()
	return got, unloadable
}

// compare fails the property unless the answer is the one that is wanted.
func (w *world) compare(what string, got, want message.Response) {
	if show(got) != show(want) {
		w.Fatalf("%s:\nanswered %s\nwant     %s", what, show(got), show(want))
	}
}

func (w *world) command(rt *rapid.T) {
	do := rapid.SampledFrom([]string{doAdd, doAdd, doMany, doRecord, doRefuse, doLook, doPanic, doInvalid, doBadEvent}).Draw(rt, "do")
	if do == doBadEvent && w.rig.core.StateBased {
		do = doAdd
	}
	req := &request{id: message.ID(fmt.Sprintf("r%d", len(w.sent))), tell: tell{ID: ids.Draw(rt, "id"), N: rapid.IntRange(1, 5).Draw(rt, "n"), Do: do}}
	text, err := json.Marshal(req.tell)
	if err != nil {
		w.Fatal(err)
	}
	req.text = string(text)
	w.sent = append(w.sent, req)
	w.send(rt, req, rapid.Bool().Draw(rt, "first attempt"))
}

// repeat sends a command again, or another one with its id.
func (w *world) repeat(rt *rapid.T) {
	if len(w.sent) == 0 {
		rt.Skip("nothing was sent")
	}
	req := *rapid.SampledFrom(w.sent).Draw(rt, "of")
	if rapid.IntRange(0, 4).Draw(rt, "other") == 0 {
		req.text += " "
		req.tell.N += 7
		text, err := json.Marshal(req.tell)
		if err != nil {
			w.Fatal(err)
		}
		req.text = string(text)
	}
	w.send(rt, &req, rapid.IntRange(0, 5).Draw(rt, "overtaken") == 0)
}

func (w *world) send(rt *rapid.T, req *request, first bool) {
	m := w.of(req.tell.ID)
	raw, err := message.JSONBody([]byte(req.text))
	if err != nil {
		w.Fatal(err)
	}
	msg := message.NewWithID("tell", req.id, raw)
	msg.FirstAttempt = first
	switch rapid.IntRange(0, 7).Draw(rt, "expected") {
	case 0:
		v := m.seen()
		msg.Expected = &v
	case 1:
		v := m.seen() + 3
		msg.Expected = &v
	}
	if _, known := m.answers[req.id]; !first || !known { // a first attempt is no dry run
		msg.DryRun = rapid.SampledFrom([]message.DryRun{message.Real, message.Real, message.Real, message.Real, message.Dry, message.Verbose}).Draw(rt, "dry run")
	}
	is := weathers.Draw(rt, "weather")
	want, events := m.answer(req, msg)
	got, unloadable := w.under(is, func() *pending { return w.rig.start(context.Background(), msg) })
	what := fmt.Sprintf("%s %s (expected %v, dry run %v, first %v) in weather %q", req.id, req.text, msg.Expected, msg.DryRun, first, is.name)
	if _, known := m.answers[req.id]; known && first && events == nil && !m.erased {
		// It was taken for new: it may have been appended, and found there, or decided otherwise.
		w.taken(what, m, req, msg, is, got)
		return
	}
	switch {
	case unloadable:
		w.compare(what, got, message.ServiceUnavailable{})
		return
	case events == nil:
		w.compare(what, got, want)
		return
	case is.slow:
		w.compare(what, got, message.OutcomeUnknown{})
	case !is.stored:
		w.compare(what, got, message.ServiceUnavailable{})
	default:
		w.compare(what, got, want)
	}
	if is.stored {
		m.store(req, events, want)
	}
}

// taken judges the answer to a first attempt whose retry was stored before: the
// first answer, or what a new command would get that stores nothing, or an answer
// that promises nothing.
func (w *world) taken(what string, m *modelled, req *request, msg *message.Message, is weather, got message.Response) {
	switch got.(type) {
	case message.ServiceUnavailable, message.OutcomeUnknown:
		if is.name != "fair" {
			return
		}
	}
	repeated, _ := m.answer(req, msg)
	fresh := *m
	fresh.answers = nil
	anew, events := fresh.answer(req, msg)
	if show(got) != show(repeated) && (events != nil || show(got) != show(anew)) {
		w.Fatalf("%s:\nanswered %s\nwant     %s\nor       %s", what, show(got), show(repeated), show(anew))
	}
}

// answer says what a command has to be answered, and what it stores then.
func (m *modelled) answer(req *request, msg *message.Message) (want message.Response, events []int) {
	c := req.tell
	if m.erased {
		return message.StreamErased{Stream: testStream, ID: message.AggregateID(c.ID)}, nil
	}
	if was, known := m.answers[req.id]; known {
		if was.text != req.text {
			return message.MessageIDReused{MessageID: req.id}, nil
		}
		return was.answer, nil
	}
	if e := msg.Expected; e != nil && *e != m.seen() {
		return message.WrongExpectedVersion{Expected: *e, Current: m.seen()}, nil
	}
	switch c.Do {
	case doAdd, doRecord:
		events = []int{c.N}
	case doMany:
		for range c.N {
			events = append(events, 1)
		}
	case doRefuse:
		return message.DomainError{Code: "refused", Detail: m.value()}, nil
	case doLook:
		return message.OK{Version: m.seen(), HasVersion: true, Value: m.value()}, nil
	case doInvalid:
		return message.ValidationError{}, nil
	case doPanic, doBadEvent: // in a dry run too
		return message.Crashed{}, nil
	}
	want = message.OK{Version: m.version + message.Version(len(events)), HasVersion: true, Value: m.value()}
	if c.Do == doRecord {
		want = message.DomainError{Code: "recorded", Detail: m.value()}
	}
	if msg.DryRun == message.Real {
		return want, events
	}
	if ok, is := want.(message.OK); is {
		ok.Version = m.seen()
		if msg.DryRun == message.Verbose {
			ok.Events = make([]message.Event, len(events))
		}
		want = ok
	}
	return want, nil
}

func (m *modelled) value() message.Value {
	v, err := message.NewValue(m.state)
	if err != nil {
		panic(err)
	}
	return v
}

func (m *modelled) store(req *request, events []int, answer message.Response) {
	m.answers[req.id] = stored{req.text, answer}
	for _, n := range events {
		m.version++
		m.exists = true
		m.state.N += n
		m.state.Told++
	}
}

// delete ends an aggregate.
func (w *world) delete(rt *rapid.T) {
	id := ids.Draw(rt, "id")
	m := w.of(id)
	hard := id == "c" && rapid.IntRange(0, 3).Draw(rt, "hard") == 0
	is := weathers.Draw(rt, "weather")
	if is.slow { // deletions have a timeout of their own
		is = weather{name: "fair", stored: true}
	}
	got, unloadable := w.under(is, func() *pending { return w.rig.startDelete(id, hard) })
	what := fmt.Sprintf("delete %s (hard %v) in weather %q", id, hard, is.name)
	switch {
	case unloadable:
		w.compare(what, got, message.ServiceUnavailable{})
	case m.erased:
		w.compare(what, got, message.StreamErased{Stream: testStream, ID: message.AggregateID(id)})
	case !m.exists && (!hard || m.version < 0):
		w.compare(what, got, message.NotFound{})
	case !is.stored:
		w.compare(what, got, message.ServiceUnavailable{})
	default:
		m.version++
		w.compare(what, got, message.OK{Version: m.version, HasVersion: true})
		m.exists, m.erased, m.state = false, hard, seen{}
	}
}

func (w *world) unload(rt *rapid.T) { w.rig.unload(ids.Draw(rt, "id")) }

func (w *world) sleep(rt *rapid.T) {
	time.Sleep(time.Duration(rapid.IntRange(1, 3000).Draw(rt, "ms")) * time.Millisecond)
}

func (w *world) restart(*rapid.T) {
	w.rig.host.Stop()
	if ok, err := w.store.Depose(context.Background(), store.Depose{Member: w.rig.host.cfg.Member, Alone: true}); err != nil || !ok {
		w.Fatalf("deposing: %v %v", ok, err)
	}
	w.start()
}

func (w *world) slot(rt *rapid.T) {
	s := slotOf(ids.Draw(rt, "of"))
	w.rig.release(s)
	w.rig.acquire(s)
}

// check compares what is served with the model, and the log with itself.
func (w *world) check(*rapid.T) {
	for id, m := range w.all {
		p, got := w.rig.startRead(id)
		var want message.Response = message.NotFound{}
		switch {
		case m.erased:
			want = message.StreamErased{Stream: testStream, ID: message.AggregateID(id)}
		case m.exists:
			want = message.OK{Version: m.version, HasVersion: true}
		}
		w.compare("read "+id, p.wait(), want)
		if now := (seen{got.N, len(got.Told)}); m.exists && now != m.state {
			w.Fatalf("%s is %v, want %v", id, now, m.state)
		}
		w.checkLog(id, m)
	}
}

func (w *world) checkLog(id string, m *modelled) {
	if w.rig.core.StateBased {
		return
	}
	known := map[message.ID]bool{}
	events := w.rig.events(id)
	for i := range events {
		ev := &events[i]
		if ev.Version != message.Version(i) {
			w.Fatalf("%s: version %d stands at %d", id, ev.Version, i)
		}
		if ev.MessageID == "" {
			continue
		}
		if _, told := m.answers[ev.MessageID]; known[ev.MessageID] || !told && ev.Type == "told" {
			w.Fatalf("%s: message %s is stored twice, or nobody was told", id, ev.MessageID)
		}
		known[ev.MessageID] = true
	}
	if len(events) != int(m.version)+1 {
		w.Fatalf("%s has %d events, and should be at version %d", id, len(events), m.version)
	}
}

// show is what of an answer is compared.
func show(r message.Response) string {
	switch r := r.(type) {
	case message.OK:
		return fmt.Sprintf("ok at %d %s with %d events", r.Version, r.Value.JSON, len(r.Events))
	case message.DomainError:
		return fmt.Sprintf("error %s %s", r.Code, r.Detail.JSON)
	case message.WrongExpectedVersion:
		return fmt.Sprintf("wrong version %d, it is at %d", r.Expected, r.Current)
	case message.MessageIDReused, message.StreamErased:
		return fmt.Sprintf("%T %+v", r, r)
	default:
		return fmt.Sprintf("%T", r)
	}
}

package aggregatetest_test

import (
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/aggregate/aggregatetest"
	"github.com/ringhold/ringhold/message"
)

// box is a state that can do all that a state should not.
type box struct {
	N      int64
	List   []string
	Map    map[string]int
	Any    any
	At     time.Time
	hidden int
	Func   func() `json:"-"`
}

type (
	boxMsg      = aggregate.Message[box]
	boxDecision = aggregate.Decision[box]
	put         struct {
		N      int64
		List   []string
		Any    any            `json:",omitempty"`
		Empty  map[string]int `json:",omitempty"`
		hidden int
	}
)

// boxes returns a definition with one event, put, applied by a function, and
// one command, put, decided by another.
func boxes(apply func(*box, put), decide func(m *boxMsg, s box, emit func(put) aggregate.Emitted[box]) boxDecision) (*aggregate.Definition[box], func(put) aggregate.Emitted[box]) {
	d := aggregate.New[box]("boxes")
	event := aggregate.Event(d, "put", apply)
	aggregate.Command(d, "put", nil, func(m *boxMsg, s box, _ Close) boxDecision { return decide(m, s, event) })
	return d, event
}

func keep(b *box, e put) { b.N = e.N }

func emitOne(m *boxMsg, _ box, emit func(put) aggregate.Emitted[box]) boxDecision {
	return m.Emit(emit(put{N: 1})).OK()
}

// Each check is shown to fail: when events are given and when they are emitted.
func TestChecks(t *testing.T) {
	var calls atomic.Int64
	for name, test := range map[string]struct {
		apply  func(*box, put)
		event  put
		texts  []string
		decide bool // false: a fault of the events, else of the decision
	}{
		"hidden field of an event":  {keep, put{hidden: 3}, []string{`event "put" does not survive its codec`, "- hidden: 3", "+ hidden: 0"}, false},
		"integer in an any":         {keep, put{Any: 1}, []string{`event "put" does not survive its codec`, "float64(1)"}, false},
		"empty map becomes nil":     {keep, put{Empty: map[string]int{}}, []string{`event "put" does not survive its codec`}, false},
		"event without an encoding": {keep, put{Any: make(chan int)}, []string{`event "put" cannot be stored`}, false},
		"hidden field of the state": {func(b *box, _ put) { b.hidden++ }, put{}, []string{"the state does not survive its codec", "- hidden: 1"}, false},
		"function in the state":     {func(b *box, _ put) { b.Func = func() {} }, put{}, []string{"replays of the same events differ"}, false},
		"state without an encoding": {func(b *box, _ put) { b.Any = complex(1, 2) }, put{}, []string{"the state cannot be stored"}, false},
		"clock":                     {func(b *box, _ put) { b.At = time.Now() }, put{}, []string{"replays of the same events differ", "At:"}, false},
		"chance":                    {func(b *box, _ put) { b.N = rand.Int64() }, put{}, []string{"replays of the same events differ", "N:"}, false},
		"counter outside":           {func(b *box, _ put) { b.N = calls.Add(1) }, put{}, []string{"replays of the same events differ"}, false},
		"order of a map": {func(b *box, _ put) {
			for key := range map[string]bool{"a": true, "b": true} {
				b.List = append(b.List, key)
			}
		}, put{}, []string{"replays of the same events differ", "List:"}, false},
		"event shared with the state": {func(b *box, e put) {
			b.List = e.List
			b.List[0] = "changed"
		}, put{List: []string{"a"}}, []string{`changed event "put"`, `before: {"N":0,"List":["a"]}`, `after:  {"N":0,"List":["changed"]}`}, false},
	} {
		t.Run(name, func(t *testing.T) {
			d, event := boxes(test.apply, func(m *boxMsg, _ box, emit func(put) aggregate.Emitted[box]) boxDecision {
				e := test.event
				e.List = append([]string(nil), e.List...)
				return m.Emit(emit(e)).OK()
			})
			fresh := func() put {
				e := test.event
				e.List = append([]string(nil), e.List...)
				return e
			}
			complains(t, func(t *fake) {
				aggregatetest.Given(t, d, event(fresh())).DryRun(message.Dry).When("put", nil).OK()
			}, test.texts...)
			complains(t, func(t *fake) { aggregatetest.Given(t, d).When("put", nil).OK() }, test.texts...)
			complains(t, func(t *fake) { aggregatetest.State(t, d, event(fresh())) }, test.texts...)
			complains(t, func(t *fake) { aggregatetest.Apply(t, d, box{}, 3, event(fresh())) }, test.texts...)
		})
	}
}

func TestChecksOfDecisions(t *testing.T) {
	given := put{N: 7, List: []string{"a"}}
	fill := func(b *box, e put) {
		b.N, b.List = e.N, append([]string(nil), e.List...)
		b.Map = map[string]int{"a": 1, "b": 2, "c": 3}
	}
	for name, test := range map[string]struct {
		decide func(m *boxMsg, s box, emit func(put) aggregate.Emitted[box]) boxDecision
		texts  []string
	}{
		"changes a map": {func(m *boxMsg, s box, _ func(put) aggregate.Emitted[box]) boxDecision {
			s.Map["a"] = 9
			return m.OK()
		}, []string{`command "put" changed the state`, `+ "a": 9`}},
		"changes a list": {func(m *boxMsg, s box, _ func(put) aggregate.Emitted[box]) boxDecision {
			s.List[0] = "changed"
			return m.OK()
		}, []string{`command "put" changed the state`, `"changed"`}},
		"clock in an event": {func(m *boxMsg, s box, emit func(put) aggregate.Emitted[box]) boxDecision {
			return m.Emit(emit(put{N: time.Now().UnixNano()})).OK()
		}, []string{"decisions on equal states differ", "N:"}},
		"chance in an answer": {func(m *boxMsg, s box, _ func(put) aggregate.Emitted[box]) boxDecision {
			return m.OK(rand.Int64())
		}, []string{"decisions on equal states differ"}},
		"order of a map": {func(m *boxMsg, s box, emit func(put) aggregate.Emitted[box]) boxDecision {
			var list []string
			for key := range s.Map {
				list = append(list, key)
			}
			return m.Emit(emit(put{List: list})).OK()
		}, []string{"decisions on equal states differ", "List:"}},
		"no response": {func(*boxMsg, box, func(put) aggregate.Emitted[box]) boxDecision {
			return boxDecision{}
		}, []string{`command "put" crashes: the decision has no response`}},
		"answer without an encoding": {func(m *boxMsg, _ box, _ func(put) aggregate.Emitted[box]) boxDecision {
			return m.OK(make(chan int))
		}, []string{`command "put" crashes: encode value chan int`}},
	} {
		t.Run(name, func(t *testing.T) {
			d, event := boxes(fill, test.decide)
			complains(t, func(t *fake) {
				aggregatetest.Given(t, d, event(given)).When("put", nil).StateWhere(func(box) {})
			}, test.texts...)
		})
	}
}

// Two aggregates with one type of state: the compiler lets it through.
func TestAnotherAggregatesEvent(t *testing.T) {
	others := aggregate.New[box]("others")
	foreign := aggregate.Event(others, "put", keep)
	d, _ := boxes(keep, func(m *boxMsg, _ box, _ func(put) aggregate.Emitted[box]) boxDecision {
		return m.Emit(foreign(put{N: 1})).OK()
	})
	complains(t, func(t *fake) { aggregatetest.Given(t, d).When("put", nil).Then().Version(-1) },
		`event "put" is registered by the aggregates of others, not of boxes`)
}

func TestAGivenStateHasToSurvive(t *testing.T) {
	d, _ := boxes(keep, emitOne)
	complains(t, func(t *fake) { aggregatetest.GivenState(t, d, box{hidden: 1}, 0).When("put", nil).OK() }, "the state does not survive its codec")
	complains(t, func(t *fake) { aggregatetest.GivenState(t, d, box{Any: make(chan int)}, 0) }, "the state cannot be stored")
}

func TestARequestHasToSurvive(t *testing.T) {
	type request struct{ N, hidden int }
	d := aggregate.New[box]("boxes")
	aggregate.Command(d, "put", nil, func(m *boxMsg, _ box, _ request) boxDecision { return m.OK() })
	complains(t, func(t *fake) { aggregatetest.Given(t, d).When("put", request{1, 2}).OK() },
		`the request of command "put" is not read as it was sent`, "- hidden: 2")
}

// Protobuf messages hold more than their fields, which must not count.
func TestProtoMessages(t *testing.T) {
	d := aggregate.New[*structpb.Struct]("structs")
	named := aggregate.Event(d, "named", func(p **structpb.Struct, e *wrapperspb.StringValue) {
		s := *p
		if s.Fields == nil {
			s.Fields = map[string]*structpb.Value{}
		}
		s.Fields["name"] = structpb.NewStringValue(e.Value)
	})
	type structMsg = aggregate.Message[*structpb.Struct]
	aggregate.Command(d, "name", nil, func(m *structMsg, _ *structpb.Struct, c *wrapperspb.StringValue) aggregate.Decision[*structpb.Struct] {
		return m.Emit(named(wrapperspb.String(c.Value))).OK(c)
	})
	aggregatetest.Given(t, d, named(wrapperspb.String("a"))).
		When("name", wrapperspb.String("b")).
		Then(named(wrapperspb.String("b"))).
		OK(wrapperspb.String("b")).
		StateWhere(func(s *structpb.Struct) {
			if got := s.Fields["name"].GetStringValue(); got != "b" {
				t.Errorf("the name is %q", got)
			}
		})
	complains(t, func(t *fake) {
		aggregatetest.Given(t, d).When("name", wrapperspb.String("b")).Then(named(wrapperspb.String("c")))
	}, `"c"`, `"b"`, "when   name google.protobuf.StringValue 0a0162", "then   named 0a0162 (protobuf)")
}

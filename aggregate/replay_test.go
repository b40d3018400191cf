package aggregate_test

import (
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/ringhold/ringhold/aggregate"
)

func jsonPayload(text string) aggregate.Payload { return aggregate.Payload{Data: []byte(text)} }

func protoPayload(t *testing.T, m proto.Message) aggregate.Payload {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return aggregate.Payload{Proto: true, Data: b}
}

// What earlier releases stored is read in its present form.
func TestReplay(t *testing.T) {
	core := accounts().Core()
	state := core.NewState().(*account)
	for _, e := range []struct {
		name    string
		schema  int
		payload aggregate.Payload
	}{
		{"opened", 1, jsonPayload(`{"Owner":"Ada","unknown":true}`)},
		{"money_in", 2, jsonPayload(`{"Cents":100}`)},
		{"deposited", 1, protoPayload(t, wrapperspb.Int64(20))},
		{"deposited", 2, jsonPayload(`{"Amount":3}`)},
		{"noted", 1, protoPayload(t, wrapperspb.String("x"))},
		{"frozen", 1, jsonPayload(`whatever`)},  // retired
		{"frozen", 99, jsonPayload(`whatever`)}, // of any schema
	} {
		if err := core.Replay(state, e.name, e.schema, e.payload); err != nil {
			t.Errorf("%s@%d: %v", e.name, e.schema, err)
		}
	}
	if *state != (account{Owner: "Ada", Open: true, Balance: 123}) {
		t.Errorf("the state is %+v", *state)
	}
}

func TestReplayOfWhatIsNotKnown(t *testing.T) {
	core := accounts().Core()
	state := &account{Balance: 7}
	for _, e := range []struct {
		name   string
		schema int
	}{{"forgotten", 1}, {"opened", 2}, {"money_in", 1}, {"Opened", 1}, {"", 0}} {
		var unknown *aggregate.UnknownEventError
		err := core.Replay(state, e.name, e.schema, jsonPayload(`{}`))
		if !errors.As(err, &unknown) || unknown.Type != e.name || unknown.Schema != e.schema || unknown.Stream != "accounts" {
			t.Errorf("%s@%d: %v", e.name, e.schema, err)
		}
		if _, err := core.ReadEvent(e.name, e.schema, jsonPayload(`{}`)); !errors.As(err, &unknown) {
			t.Errorf("%s@%d is read: %v", e.name, e.schema, err)
		}
		if _, err := core.Rewrite(e.name, e.schema, jsonPayload(`{}`)); !errors.As(err, &unknown) {
			t.Errorf("%s@%d is rewritten: %v", e.name, e.schema, err)
		}
	}
	if err := core.Replay(state, "forgotten", 3, jsonPayload(`{}`)); !strings.Contains(err.Error(), `stream accounts holds an event "forgotten" of schema 3`) {
		t.Errorf("%v", err)
	}
	if state.Balance != 7 {
		t.Error("the state was changed")
	}
}

func TestReplayOfWhatCannotBeRead(t *testing.T) {
	core := accounts().Core()
	for _, e := range []struct {
		name    string
		schema  int
		payload aggregate.Payload
		want    string
	}{
		{"opened", 1, jsonPayload(`{`), `event "opened" of schema 1: decode aggregate_test.opened: unexpected end`},
		{"opened", 1, jsonPayload(`{"Owner":1}`), "cannot unmarshal number"},
		{"opened", 1, protoPayload(t, wrapperspb.String("x")), "stored as protobuf, declared as JSON"},
		{"noted", 1, jsonPayload(`"x"`), "stored as JSON, declared as protobuf"},
		{"noted", 1, aggregate.Payload{Proto: true, Data: []byte{0xff}}, `event "noted" of schema 1: decode *wrapperspb.StringValue`},
		{"deposited", 1, jsonPayload(`1`), "stored as JSON, declared as protobuf"},
		{"money_in", 2, jsonPayload(`{"Cents":"1"}`), `event "money_in" of schema 2: decode aggregate_test.wasMoneyIn`},
	} {
		if err := core.Replay(core.NewState(), e.name, e.schema, e.payload); err == nil || !strings.Contains(err.Error(), e.want) {
			t.Errorf("%s@%d: got %v, want %q", e.name, e.schema, err, e.want)
		}
		if _, err := core.ReadEvent(e.name, e.schema, e.payload); err == nil {
			t.Errorf("%s@%d is read", e.name, e.schema)
		}
	}
}

func TestReadEventGivesThePresentForm(t *testing.T) {
	core := accounts().Core()
	p, err := core.ReadEvent("money_in", 2, jsonPayload(`{"Cents":5}`))
	if err != nil || p.Type() != "deposited" || p.Schema() != 2 || p.Value() != (deposited{5}) {
		t.Fatalf("%s@%d %+v %v", p.Type(), p.Schema(), p.Value(), err)
	}
	state := new(account)
	if core.Apply(state, p); state.Balance != 5 {
		t.Errorf("%+v", state)
	}
	if b, err := p.Encode(); err != nil || string(b.Data) != `{"Amount":5}` || b.Proto {
		t.Errorf("%s %v", b.Data, err)
	}
	if b, err := core.Rewrite("money_in", 2, jsonPayload(`{"Cents":5,"x":1}`)); err != nil || string(b.Data) != `{"Cents":5}` {
		t.Errorf("%s %v", b.Data, err)
	}
}

// An event without an apply is stored and leaves the state as it is.
func TestEventWithoutApply(t *testing.T) {
	d := aggregate.New[account]("accounts")
	seen := aggregate.Event[account, opened](d, "seen", nil)
	state := &account{Balance: 1}
	p, _ := seen(opened{"x"}).Pending()
	d.Core().Apply(state, p)
	if err := d.Core().Replay(state, "seen", 1, jsonPayload(`{}`)); err != nil || *state != (account{Balance: 1}) {
		t.Errorf("%+v %v", *state, err)
	}
}

func TestStates(t *testing.T) {
	core := accounts().Core()
	p, err := core.EncodeState(&account{Owner: "Ada", Balance: 5})
	if err != nil || string(p.Data) != `{"owner":"Ada","balance":5,"open":false}` || p.Proto {
		t.Fatalf("%s %v", p.Data, err)
	}
	s, err := core.DecodeState(3, p)
	if err != nil || *s.(*account) != (account{Owner: "Ada", Balance: 5}) {
		t.Errorf("%+v %v", s, err)
	}
	s, err = core.DecodeState(1, jsonPayload(`{"holder":"Bob","cents":7}`))
	if err != nil || *s.(*account) != (account{Owner: "Bob", Balance: 7, Open: true}) {
		t.Errorf("restored as %+v %v", s, err)
	}
	var other *aggregate.ErrOtherSchema
	if _, err := core.DecodeState(2, p); !errors.As(err, &other) || other.Have != 2 || other.Want != 3 || other.Stream != "accounts" {
		t.Errorf("%v", err)
	}
	for _, schema := range []int{1, 3} {
		if _, err := core.DecodeState(schema, jsonPayload(`{`)); err == nil || errors.As(err, &other) {
			t.Errorf("schema %d: %v", schema, err)
		}
	}
}

// A state may be a protobuf message: the pointer to one, or its struct.
func TestProtoStates(t *testing.T) {
	for name, core := range map[string]*aggregate.Core{
		"pointer": aggregate.New[*structpb.ListValue]("lists").Core(),
		"struct":  aggregate.New[structpb.ListValue]("lists").Core(),
	} {
		p, err := core.EncodeState(core.NewState())
		if err != nil || !p.Proto || len(p.Data) != 0 {
			t.Errorf("%s: %x %v", name, p.Data, err)
		}
		stored := protoPayload(t, &structpb.ListValue{Values: []*structpb.Value{structpb.NewBoolValue(true)}})
		s, err := core.DecodeState(1, stored)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if again, err := core.EncodeState(s); err != nil || string(again.Data) != string(stored.Data) {
			t.Errorf("%s: %x %v", name, again.Data, err)
		}
		if _, err := core.DecodeState(1, jsonPayload(`[]`)); err == nil {
			t.Errorf("%s: JSON is read", name)
		}
	}
}

func TestInitialStateIsMadeForEach(t *testing.T) {
	type tags struct{ M map[string]bool }
	core := aggregate.New[tags]("tags").Initial(func() tags { return tags{M: map[string]bool{}} }).Core()
	a, b := core.NewState().(*tags), core.NewState().(*tags)
	if a.M["x"] = true; len(b.M) != 0 || b.M == nil {
		t.Errorf("%+v %+v", a, b)
	}
}

package aggregate_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/message"
)

// panics returns what f panics with.
func panics(f func()) (text string) {
	defer func() {
		if p := recover(); p != nil {
			text = fmt.Sprint(p)
		}
	}()
	f()
	return ""
}

func applyNothing[E any](*account, E) {}

// A faulty registration names the place: stream and command or event.
func TestFaultyRegistrations(t *testing.T) {
	event := func(name string, options ...aggregate.EventOption[opened]) func() {
		return func() { aggregate.Event(aggregate.New[account]("accounts"), name, applyNothing[opened], options...) }
	}
	on := func(f func(d *aggregate.Definition[account])) func() {
		return func() { f(accounts()) }
	}
	same := func(o opened) opened { return o }
	for want, f := range map[string]func(){
		`aggregate.New: stream name "Accounts" does not match`:         func() { aggregate.New[account]("Accounts") },
		`aggregate.New: stream name "a-b" does not match`:              func() { aggregate.New[account]("a-b") },
		`aggregate "accounts": command "Deposit" does not match`:       on(func(d *aggregate.Definition[account]) { aggregate.Command(d, "Deposit", nil, decideNothing[deposit]) }),
		`aggregate "accounts": command "" does not match`:              on(func(d *aggregate.Definition[account]) { aggregate.Command(d, "", nil, decideNothing[deposit]) }),
		`aggregate "accounts": command "deposit" is registered twice`:  on(func(d *aggregate.Definition[account]) { aggregate.Command(d, "deposit", nil, decideNothing[deposit]) }),
		`aggregate "accounts": command "more" has no decide function`:  on(func(d *aggregate.Definition[account]) { aggregate.Command[account, deposit](d, "more", nil, nil) }),
		`event "": the name is not`:                                    event(""),
		`event "9": the name is not`:                                   event("9"),
		`event "$deleted": the name is not`:                            event("$deleted"),
		`event "a b": the name is not`:                                 event("a b"),
		`event "ä": the name is not`:                                   event("ä"),
		"event \"a\\n\": the name is not":                              event("a\n"),
		`event "` + strings.Repeat("a", 128) + `": the name is not`:    event(strings.Repeat("a", 128)),
		`aggregate "accounts": event "opened": schema 1 is registered`: on(func(d *aggregate.Definition[account]) { aggregate.Event(d, "opened", applyNothing[opened]) }),
		`event "money_in": schema 2 is registered twice`: on(func(d *aggregate.Definition[account]) {
			aggregate.Event(d, "x", applyNothing[opened], aggregate.Was("money_in", 2, same))
		}),
		`event "frozen": it is both registered and retired`:              on(func(d *aggregate.Definition[account]) { aggregate.Event(d, "frozen", applyNothing[opened]) }),
		`event "opened" is both registered and retired`:                  on(func(d *aggregate.Definition[account]) { d.Retired("opened") }),
		`event "money_in" is both registered and retired`:                on(func(d *aggregate.Definition[account]) { d.Retired("money_in") }),
		`event "b": a schema number is at least 1, not 0`:                event("a", aggregate.Was("b", 0, same)),
		`event "a": SchemaNumber(2) is not above`:                        event("a", aggregate.Was("a", 2, same), aggregate.SchemaNumber[opened](2)),
		`aggregate.SchemaNumber(0)`:                                      func() { aggregate.SchemaNumber[opened](0) },
		`aggregate.Was("a", 1): there is no function`:                    func() { aggregate.Was[opened, opened]("a", 1, nil) },
		`aggregate "accounts": a schema number is at least 1, not 0`:     on(func(d *aggregate.Definition[account]) { d.Schema(0) }),
		`aggregate "accounts": Restore of schema 0: numbers`:             on(func(d *aggregate.Definition[account]) { aggregate.Restore(d, 0, func(a account) account { return a }) }),
		`aggregate "accounts": Restore of schema 1 is registered twice`:  on(func(d *aggregate.Definition[account]) { aggregate.Restore(d, 1, func(a account) account { return a }) }),
		`aggregate "accounts": Restore of schema 2 has no function that`: on(func(d *aggregate.Definition[account]) { aggregate.Restore[account, account](d, 2, nil) }),
	} {
		if got := panics(f); !strings.Contains(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestEventNamesThatAreFine(t *testing.T) {
	for _, name := range []string{"opened", "Opened", "bank.Opened", "bank/opened:v1", "a", strings.Repeat("a", 127)} {
		if got := panics(func() { aggregate.Event(aggregate.New[account]("accounts"), name, applyNothing[opened]) }); got != "" {
			t.Errorf("%q: %s", name, got)
		}
		if aggregate.ReservedEvent(name) {
			t.Errorf("%q is reserved", name)
		}
	}
	if !aggregate.ReservedEvent("$deleted") || aggregate.ReservedEvent("") {
		t.Error("what begins with $ is reserved")
	}
}

func TestForms(t *testing.T) {
	core := accounts().Core()
	var got []string
	for _, f := range core.Forms() {
		got = append(got, fmt.Sprintf("%s@%d proto=%t former=%t", f.Name, f.Schema, f.Proto, f.Former))
	}
	want := []string{
		"deposited@1 proto=true former=true", "deposited@2 proto=false former=false", "money_in@2 proto=false former=true",
		"noted@1 proto=true former=false", "opened@1 proto=false former=false",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if !core.IsRetired("frozen") || core.IsRetired("opened") {
		t.Error("frozen is retired, opened is not")
	}
}

// New events of a kind are stored with a number above those of its older forms.
func TestSchemaNumbers(t *testing.T) {
	same := func(o opened) opened { return o }
	for _, test := range []struct {
		options []aggregate.EventOption[opened]
		want    int
	}{
		{nil, 1},
		{[]aggregate.EventOption[opened]{aggregate.Was("other", 7, same)}, 1},
		{[]aggregate.EventOption[opened]{aggregate.Was("a", 1, same), aggregate.Was("a", 4, same)}, 5},
		{[]aggregate.EventOption[opened]{aggregate.Was("a", 4, same), aggregate.Was("a", 1, same)}, 5},
		{[]aggregate.EventOption[opened]{aggregate.SchemaNumber[opened](9)}, 9},
		{[]aggregate.EventOption[opened]{aggregate.SchemaNumber[opened](9), aggregate.Was("a", 4, same)}, 9},
	} {
		emit := aggregate.Event(aggregate.New[account]("accounts"), "a", applyNothing[opened], test.options...)
		p, ok := emit(opened{}).Pending()
		if !ok || p.Schema() != test.want || p.Type() != "a" {
			t.Errorf("%+v: stored as %s of schema %d, want %d", test.options, p.Type(), p.Schema(), test.want)
		}
	}
	if _, ok := (aggregate.Emitted[account]{}).Pending(); ok {
		t.Error("no event is one")
	}
}

func TestCommandsAreFoundByName(t *testing.T) {
	core := accounts().Core()
	if core.Command("deposit") == nil || core.Command("Deposit") != nil || core.Command("") != nil {
		t.Error("commands are not found by their names")
	}
	var names []string
	for _, c := range core.Commands() {
		names = append(names, c.Name)
	}
	if fmt.Sprint(names) != "[open_account note deposit]" {
		t.Errorf("they stand in the order %q", names)
	}
	if got := core.Command("open_account").Doc; got != "Opens an account." {
		t.Errorf("the doc is %q", got)
	}
	if core.Core() != core || core.Stream != message.StreamName("accounts") {
		t.Error("a core does not host itself")
	}
}

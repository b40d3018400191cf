package main

import (
	"reflect"
	"strings"
	"testing"
)

const header = "| section | behaviour | test or note |\n| --- | --- | --- |\n"

func TestParseTable_EachKindOfRow(t *testing.T) {
	rows, faults := parseTable("# Parity\n\nWhat it is.\n\n" + header +
		"| Message | new | `TestMessage_New`, `TestMessage_Caused` |\n" +
		"| Response | kinds | `TestResponse_Kinds` (no store) |\n" +
		"\n## Aggregate\n\n" + header +
		"| Aggregate | a forgotten response | compiler: a decision has no zero value |\n" +
		"| Router | rules `a \\| b` | open: Access rules |\n")
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	want := []row{
		{line: 7, section: "Message", behaviour: "new", kind: tested, tests: []string{"TestMessage_New", "TestMessage_Caused"}},
		{line: 8, section: "Response", behaviour: "kinds", kind: tested, tests: []string{"TestResponse_Kinds"}, noStore: true},
		{line: 14, section: "Aggregate", behaviour: "a forgotten response", kind: byCompiler, note: "a decision has no zero value"},
		{line: 15, section: "Router", behaviour: "rules `a | b`", kind: open, note: "Access rules"},
	}
	if !reflect.DeepEqual(rows, want) {
		t.Errorf("got %+v\nwant %+v", rows, want)
	}
}

func TestParseTable_Faults(t *testing.T) {
	good := "| Message | new | `TestMessage_New` |\n"
	for name, c := range map[string]struct{ text, fault string }{
		"no rows":              {"nothing here\n", "it has no rows"},
		"twice":                {header + good + good, "line 4: the row \"new\" of Message stands in line 3 too"},
		"no test":              {header + good + "| Message | reply | |\n", "line 4: the row \"reply\" names neither tests"},
		"a name without ticks": {header + good + "| Message | reply | TestReply |\n", "line 4: the row \"reply\" names neither tests"},
		"a test and a note":    {header + good + "| Message | reply | `TestReply` and more |\n", "names neither tests"},
		"a subtest":            {header + good + "| Message | reply | `TestReply/memory` |\n", "names neither tests"},
		"no reason":            {header + good + "| Message | reply | compiler: |\n", "write compiler: why"},
		"no issue":             {header + good + "| Message | reply | open: |\n", "write open: title"},
		"a bar too many":       {header + good + "| Message | a | b | `TestReply` |\n", "line 4: a row has three cells, not 4"},
		"no section":           {header + good + "| | reply | `TestReply` |\n", "names its section"},
		"other columns":        {header + good + "\n| behaviour | test |\n| --- | --- |\n", "line 5: a table needs the columns"},
		"no separator":         {"| section | behaviour | test or note |\n" + good, "line 2: a table's header is followed by"},
	} {
		t.Run(name, func(t *testing.T) {
			_, faults := parseTable(c.text)
			if !strings.Contains(strings.Join(faults, "\n"), c.fault) {
				t.Errorf("faults %q, want one with %q", faults, c.fault)
			}
		})
	}
}

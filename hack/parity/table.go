package main

import (
	"fmt"
	"regexp"
	"strings"
)

// kind tells what stands in a row's last column.
type kind int

const (
	tested kind = iota
	byCompiler
	open
)

// row is one behaviour of the table.
type row struct {
	line      int // in the file, from 1
	section   string
	behaviour string
	kind      kind
	tests     []string // of a tested row
	noStore   bool     // its tests need no store
	note      string   // why the compiler refuses it, or the issue in which it is due
}

var (
	separatorCell = regexp.MustCompile(`^:?-+:?$`)
	testList      = regexp.MustCompile("^`Test[A-Z_][A-Za-z0-9_]*`(\\s*,\\s*`Test[A-Z_][A-Za-z0-9_]*`)*$")
	testName      = regexp.MustCompile(`Test[A-Z_][A-Za-z0-9_]*`)
)

const noStoreSuffix = "(no store)"

// parseTable reads the rows of all tables in a Markdown file. The faults name the lines that it cannot read; a table with
// other columns is one, since its rows would be lost in silence.
func parseTable(text string) (rows []row, faults []string) {
	fault := func(line int, format string, args ...any) {
		faults = append(faults, fmt.Sprintf("line %d: ", line)+fmt.Sprintf(format, args...))
	}
	first := map[string]int{} // where a row stands first
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		if !isTableLine(lines[i]) {
			continue
		}
		if header := cells(lines[i]); !isHeader(header) {
			fault(i+1, "a table needs the columns | section | behaviour | test or note |, not | %s |", strings.Join(header, " | "))
		}
		if i++; i >= len(lines) || !isSeparator(lines[i]) {
			fault(i+1, "a table's header is followed by | --- | --- | --- |")
			i--
		}
		for i++; i < len(lines) && isTableLine(lines[i]); i++ {
			r, err := parseRow(cells(lines[i]))
			if err != nil {
				fault(i+1, "%v", err)
				continue
			}
			r.line = i + 1
			key := r.section + "\x00" + r.behaviour
			if earlier, ok := first[key]; ok {
				fault(r.line, "the row %q of %s stands in line %d too", r.behaviour, r.section, earlier)
				continue
			}
			first[key] = r.line
			rows = append(rows, r)
		}
	}
	if len(rows) == 0 {
		faults = append(faults, "it has no rows")
	}
	return rows, faults
}

func parseRow(cells []string) (row, error) {
	if len(cells) != 3 {
		return row{}, fmt.Errorf("a row has three cells, not %d (a bar inside a cell is written \\|)", len(cells))
	}
	r := row{section: cells[0], behaviour: cells[1]}
	if r.section == "" || r.behaviour == "" {
		return row{}, fmt.Errorf("a row names its section and its behaviour")
	}
	last := cells[2]
	if why, ok := strings.CutPrefix(last, "compiler:"); ok {
		r.kind, r.note = byCompiler, strings.TrimSpace(why)
		return r, requireNote(r, "compiler: why it does not compile")
	}
	if title, ok := strings.CutPrefix(last, "open:"); ok {
		r.kind, r.note = open, strings.TrimSpace(title)
		return r, requireNote(r, "open: title of the issue")
	}
	last, r.noStore = strings.CutSuffix(last, noStoreSuffix)
	if last = strings.TrimSpace(last); !testList.MatchString(last) {
		return row{}, fmt.Errorf("the row %q names neither tests (`TestX`, `TestY`) nor compiler: or open:, but %q", r.behaviour, cells[2])
	}
	r.tests = testName.FindAllString(last, -1)
	return r, nil
}

func requireNote(r row, form string) error {
	if r.note == "" {
		return fmt.Errorf("the row %q gives no reason: write %s", r.behaviour, form)
	}
	return nil
}

func isTableLine(line string) bool {
	return strings.HasPrefix(strings.TrimSpace(line), "|")
}

func isHeader(cells []string) bool {
	return strings.EqualFold(strings.Join(cells, "|"), "section|behaviour|test or note")
}

func isSeparator(line string) bool {
	if !isTableLine(line) {
		return false
	}
	for _, cell := range cells(line) {
		if !separatorCell.MatchString(cell) {
			return false
		}
	}
	return true
}

// cells splits a table's line as Markdown does: at each bar that is not escaped, also within code.
func cells(line string) []string {
	line = strings.TrimPrefix(strings.TrimSpace(line), "|")
	if strings.HasSuffix(line, "|") && !strings.HasSuffix(line, `\|`) {
		line = strings.TrimSuffix(line, "|")
	}
	var found []string
	var cell strings.Builder
	for i := 0; i < len(line); i++ {
		switch {
		case line[i] == '\\' && i+1 < len(line) && line[i+1] == '|':
			cell.WriteByte('|')
			i++
		case line[i] == '|':
			found = append(found, strings.TrimSpace(cell.String()))
			cell.Reset()
		default:
			cell.WriteByte(line[i])
		}
	}
	return append(found, strings.TrimSpace(cell.String()))
}

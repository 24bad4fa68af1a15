package cmd_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// The expected results of a matrix are a table in testdata, with a line for each case. -update writes it, and people
// read it in review.

// table is such a file.
type table struct {
	file    string
	about   string   // the text at its head
	columns []string // the first ones name the case
	cases   int      // how many columns name the case
}

// hold compares the rows with the file, in their order, or writes the file.
func (w table) hold(t *testing.T, rows [][]string) {
	t.Helper()
	if *update {
		writeFile(t, w.file, w.text(rows))
		return
	}
	problems := w.compare(readFile(t, w.file), rows)
	for _, p := range problems {
		t.Error(p)
	}
	if len(problems) > 0 {
		t.Errorf("%s is not what happens; if that is right, write it anew with -update, and read what has changed", w.file)
	}
}

// text returns the text of the file: a block for each value of the first column, aligned, below the columns' names.
func (w table) text(rows [][]string) string {
	var b strings.Builder
	for line := range strings.Lines(w.about) {
		b.WriteString(strings.TrimSpace("# "+line) + "\n")
	}
	for len(rows) > 0 {
		n := slices.IndexFunc(rows, func(row []string) bool { return row[0] != rows[0][0] })
		if n < 0 {
			n = len(rows)
		}
		block := append([][]string{w.columns}, rows[:n]...)
		rows = rows[n:]
		widths := make([]int, len(w.columns))
		for _, row := range block {
			for i, cell := range row {
				widths[i] = max(widths[i], utf8.RuneCountInString(cell))
			}
		}
		b.WriteString("\n")
		for _, row := range block {
			line := ""
			for i, cell := range row {
				line += fmt.Sprintf("%-*s  ", widths[i], cell)
			}
			b.WriteString(strings.TrimRight(line, " ") + "\n")
		}
	}
	return b.String()
}

var betweenCells = regexp.MustCompile(` {2,}`)

// compare returns the differences. The widths of the columns don't count.
func (w table) compare(text string, rows [][]string) (problems []string) {
	want := make(map[string]string)
	var order []string
	for line := range strings.Lines(text) {
		cells := betweenCells.Split(strings.TrimSpace(line), -1)
		if strings.HasPrefix(line, "#") || len(cells) == 1 || slices.Equal(cells, w.columns) {
			continue
		}
		if len(cells) != len(w.columns) {
			problems = append(problems, fmt.Sprintf("%s: not a line of %d columns: %s", w.file, len(w.columns), line))
			continue
		}
		name := strings.Join(cells[:w.cases], ", ")
		if _, twice := want[name]; twice {
			problems = append(problems, name+": two lines")
		}
		want[name] = strings.Join(cells[w.cases:], " | ")
		order = append(order, name)
	}
	for _, row := range rows {
		name, got := strings.Join(row[:w.cases], ", "), strings.Join(row[w.cases:], " | ")
		switch wanted, ok := want[name]; {
		case !ok:
			problems = append(problems, fmt.Sprintf("%s: no line, and got %s", name, got))
		case got != wanted:
			problems = append(problems, fmt.Sprintf("%s: got %s, want %s", name, got, wanted))
		}
		delete(want, name)
	}
	for _, name := range order {
		if _, left := want[name]; left {
			problems = append(problems, name+": a line, and no such case")
		}
	}
	return problems
}

// The comparison can fail.
func TestTableComparison(t *testing.T) {
	w := table{file: "x.golden", about: "A table.\n", columns: []string{"command", "fault", "exit"}, cases: 2}
	rows := [][]string{{"enroll", "401", "4"}, {"enroll", "500 once", "7"}, {"user reset", "401", "4"}}
	text := w.text(rows)
	if text != "# A table.\n\ncommand  fault     exit\nenroll   401       4\nenroll   500 once  7\n\ncommand     fault  exit\nuser reset  401    4\n" {
		t.Errorf("%s", text)
	}
	for name, c := range map[string]struct {
		text string
		rows [][]string
		want []string
	}{
		"the same":       {text, rows, nil},
		"other widths":   {strings.ReplaceAll(text, "user reset  ", "user reset     "), rows, nil},
		"another result": {strings.Replace(text, "once  7", "once  6", 1), rows, []string{"enroll, 500 once: got 7, want 6"}},
		"a case more":    {text, append(slices.Clone(rows), []string{"verify", "401", "4"}), []string{"verify, 401: no line, and got 4"}},
		"a case less":    {text, rows[:2], []string{"user reset, 401: a line, and no such case"}},
		"a column less":  {text + "user reset  500\n", rows, []string{"x.golden: not a line of 3 columns: user reset  500\n"}},
		"twice":          {text + "user reset  401  4\n", rows, []string{"user reset, 401: two lines"}},
	} {
		if got := w.compare(c.text, c.rows); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

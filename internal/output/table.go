package output

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// A Style is how a table cell is painted.
type Style int

// The styles. Plain adds no ANSI sequence at all.
const (
	Plain Style = iota
	Bold
	Red
	Green
	Yellow
)

// Paint returns text in a style. It is for text of the program's own, and for text that is escaped already.
func (s Style) Paint(text string) string { return s.paint(text) }

// Width returns how many columns of a terminal a text needs that is escaped already and has no colours.
func Width(text string) int { return measure.StringWidth(text) }

// paint returns text, which must be escaped already, in a style.
func (s Style) paint(text string) string {
	codes := [...]string{Plain: "", Bold: "1", Red: "31", Green: "32", Yellow: "33"}
	if s <= Plain || int(s) >= len(codes) || text == "" {
		return text
	}
	return "\x1b[" + codes[s] + "m" + text + sgrReset
}

// widestPadding is the most columns that a column is padded to. A cell that is wider pushes the rest of its own row to
// the right, and leaves the other rows as they are: otherwise one name of 70 kB would widen every row.
const widestPadding = 100

// Table writes rows under an upper-case header: left aligned, two blanks between columns, no borders, no wrapping, no
// blanks at the ends of lines. A row is always one line, because each cell goes through Escape. Nothing is cut.
//
// Without rows it still writes the header, on a terminal and in a pipe. So `tail -n +2` and a count of columns work for
// no rows as for many, and the format never depends on the terminal. (gh prints nothing then, but gh has no header in
// pipes at all.)
//
// It fails if a row is not as long as the header, and with the errors of w.
func Table(w io.Writer, header []string, rows [][]string) error {
	return PaintedTable(w, header, rows, nil)
}

// PaintedTable is Table with a style for each cell: style is called with the indexes of row and column. It is nil if
// colour is off (see Streams.ColorOut). The letters and blanks are the same with and without it.
func PaintedTable(w io.Writer, header []string, rows [][]string, style func(row, col int) Style) error {
	head := make([]string, len(header))
	for i, name := range header {
		head[i] = strings.ToUpper(Escape(name))
	}
	lines := [][]string{head}
	for i, row := range rows {
		if len(row) != len(header) {
			return fmt.Errorf("table row %d has %d cells, header has %d", i, len(row), len(header))
		}
		line := make([]string, len(row))
		for j, cell := range row {
			line[j] = Escape(cell)
		}
		lines = append(lines, line)
	}
	return render(w, lines, func(line, col int) Style {
		if style == nil || line == 0 {
			return Plain
		}
		return style(line-1, col)
	})
}

// Pairs writes names and values as an aligned block without a header, for plans and for a single thing's details. Both
// go through Escape, but a name may be indented. It fails with the errors of w.
func Pairs(w io.Writer, pairs [][2]string) error {
	lines := make([][]string, len(pairs))
	for i, p := range pairs {
		lines[i] = []string{escapeAs(p[0], visibleForm), Escape(p[1])}
	}
	return render(w, lines, func(int, int) Style { return Plain })
}

// render writes lines of escaped cells in one piece. Cells are measured rune by rune, as wcwidth and most terminals do.
func render(w io.Writer, lines [][]string, style func(line, col int) Style) error {
	var widths []int
	for _, line := range lines {
		for len(widths) < len(line) {
			widths = append(widths, 0)
		}
		for col, cell := range line {
			if width := measure.StringWidth(cell); width <= widestPadding {
				widths[col] = max(widths[col], width)
			}
		}
	}
	var b bytes.Buffer
	for n, line := range lines {
		padding := 0 // what is due before the next cell that is not empty
		for col, cell := range line {
			if cell != "" {
				b.WriteString(strings.Repeat(" ", padding) + style(n, col).paint(cell))
				padding = 0
			}
			padding += max(0, widths[col]-measure.StringWidth(cell)) + len("  ")
		}
		b.WriteByte('\n')
	}
	_, err := w.Write(b.Bytes())
	return err
}

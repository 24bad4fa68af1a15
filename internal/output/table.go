package output

import (
	"bytes"
	"fmt"
	"io"
	"slices"
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

// A Fit says what may be done with a column's cells where a row does not fit on the terminal.
type Fit int

// The fits.
const (
	// Whole is never cut: a name, a SID, a time, all that somebody copies into a command.
	Whole Fit = iota
	// Short may be cut, with a sign at its end.
	Short
	// Prose is never cut, and goes on below itself.
	Prose
)

// A Column is one of a table's.
type Column struct {
	Name string
	Fit  Fit
}

const (
	// widestPadding is the most columns that a column is padded to. A cell that is wider pushes the rest of its own row to
	// the right, and leaves the other rows as they are: otherwise one name of 70 kB would widen every row.
	widestPadding = 100
	// sampled is how many rows a table holds to choose its columns' widths. The rows after them are written as they come.
	sampled = 1000
	// shortest is how wide a column stays at least whose cells are cut, proseRoom one whose cells go on below themselves.
	shortest  = 8
	proseRoom = 30
)

// gap stands between two columns.
const gap = "  "

// A Table writes rows under an upper-case header: left aligned, two blanks between columns, no borders, no blanks at the
// ends of lines. Each cell goes through Escape. It holds the first rows alone, so its memory does not grow.
//
// In a pipe or file a row is always one line, and nothing is cut.
//
// On a terminal rows fit its width. In this order: the names of columns go over several lines; Short cells are cut, and Prose goes
// on below itself; columns are made narrower than their widest cells, after which such a row goes on in the next line. Where that
// is not enough, each row becomes a block with a line "name: value" for each cell that is not empty.
//
// Without rows there is still the header, in a pipe too. So `tail -n +2` and a count of columns work for no rows as for
// many. (gh prints nothing then, but gh has no header in pipes at all.)
type Table struct {
	// Style, if not nil, paints the cells.
	Style func(row, col int) Style

	w       io.Writer
	width   int    // of the terminal; 0 for none
	sign    string // stands where something was cut off
	columns []Column
	head    []string
	held    [][]string // escaped; nil once the widths are chosen
	chosen  bool
	widths  []int
	blocks  bool
	rows    int
}

// NewTable returns a table on stdout. Close ends it.
func (s *Streams) NewTable(columns ...Column) *Table {
	return newTable(s.Out, s.outWidth(), s.UTF8, columns)
}

func newTable(w io.Writer, width int, utf8 bool, columns []Column) *Table {
	t := &Table{w: w, width: width, sign: "…", columns: columns}
	if !utf8 {
		t.sign = "..."
	}
	for _, c := range columns {
		t.head = append(t.head, strings.ToUpper(Escape(c.Name)))
	}
	return t
}

// Row adds a row. It fails if that is not as long as the header, and with the errors of the writer.
func (t *Table) Row(cells ...string) error {
	if len(cells) != len(t.columns) {
		return fmt.Errorf("table row %d has %d cells, header has %d", t.rows, len(cells), len(t.columns))
	}
	row := make([]string, len(cells))
	for i, cell := range cells {
		row[i] = Escape(cell)
	}
	if !t.chosen && len(t.held) < sampled {
		t.held = append(t.held, row)
		return nil
	}
	if err := t.begin(); err != nil {
		return err
	}
	return t.write(row)
}

// Close writes what is held.
func (t *Table) Close() error { return t.begin() }

// begin chooses the widths and writes the header and the rows that were held.
func (t *Table) begin() error {
	if t.chosen {
		return nil
	}
	t.choose()
	held := t.held
	t.chosen, t.held = true, nil
	if !t.blocks {
		if _, err := t.w.Write(t.header()); err != nil {
			return err
		}
	}
	for _, row := range held {
		if err := t.write(row); err != nil {
			return err
		}
	}
	return nil
}

// choose chooses the columns' widths, or blocks.
func (t *Table) choose() {
	t.widths = make([]int, len(t.columns))
	for col := range t.columns {
		t.widths[col] = max(measure.StringWidth(t.head[col]), t.widest(col))
	}
	if t.fits() {
		return
	}
	least := make([]int, len(t.columns))
	for col, c := range t.columns {
		least[col] = longestWord(t.head[col])
		t.widths[col] = max(least[col], t.widest(col))
		switch c.Fit {
		case Short:
			least[col] = max(least[col], min(t.widths[col], shortest))
		case Prose:
			least[col] = max(least[col], min(t.widths[col], proseRoom), t.longestPiece(col))
		}
	}
	t.shrink(least)
	for !t.fits() && t.narrow(least) {
		t.shrink(least)
	}
	if t.blocks = !t.fits(); !t.blocks {
		t.grow()
	}
}

// grow widens the columns that were made narrower, the narrowest first, as far as there is room.
func (t *Table) grow() {
	for room := t.width + len(gap) - t.total(len(t.columns)); room > 0; room-- {
		narrowest := -1
		for col, c := range t.columns {
			if c.Fit != Whole && t.widths[col] < t.widest(col) && (narrowest < 0 || t.widths[col] < t.widths[narrowest]) {
				narrowest = col
			}
		}
		if narrowest < 0 {
			return
		}
		t.widths[narrowest]++
	}
}

// narrow makes the column that gains most by it as wide as most of its cells. It reports whether there was one.
func (t *Table) narrow(least []int) bool {
	best, gain := 0, 0
	for col, c := range t.columns {
		if n := t.widths[col] - max(least[col], t.usual(col)); c.Fit == Whole && n > gain {
			best, gain = col, n
		}
	}
	t.widths[best] -= gain
	return gain > 0
}

// shrink makes the widest column narrower whose cells may be cut or go on below themselves, until the rows fit.
func (t *Table) shrink(least []int) {
	for !t.fits() {
		widest := -1
		for col, c := range t.columns {
			if c.Fit != Whole && t.widths[col] > least[col] && (widest < 0 || t.widths[col] > t.widths[widest]) {
				widest = col
			}
		}
		if widest < 0 {
			return
		}
		t.widths[widest]--
	}
}

func (t *Table) fits() bool { return t.width == 0 || t.total(len(t.columns))-len(gap) <= t.width }

// total returns how wide the first n columns are, with the gaps behind them.
func (t *Table) total(n int) (total int) {
	for _, w := range t.widths[:n] {
		total += w + len(gap)
	}
	return total
}

// widest returns the width of a column's widest cell, without those that nobody pads to.
func (t *Table) widest(col int) (widest int) {
	for _, row := range t.held {
		if w := measure.StringWidth(row[col]); w <= widestPadding || t.width > 0 && t.columns[col].Fit == Prose {
			widest = max(widest, w)
		}
	}
	return widest
}

// usual returns the width that four cells of five have room in.
func (t *Table) usual(col int) int {
	var all []int
	for _, row := range t.held {
		all = append(all, measure.StringWidth(row[col]))
	}
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[(len(all)*4+4)/5-1]
}

// longestPiece returns the width of the widest piece in a column.
func (t *Table) longestPiece(col int) (longest int) {
	for _, row := range t.held {
		for _, p := range pieces(row[col]) {
			longest = max(longest, measure.StringWidth(p.text))
		}
	}
	return longest
}

func longestWord(text string) (longest int) {
	for word := range strings.FieldsSeq(text) {
		longest = max(longest, measure.StringWidth(word))
	}
	return longest
}

// header returns the names of the columns, over as many lines as they need.
func (t *Table) header() []byte {
	names, height := make([][]string, len(t.head)), 1
	for col, name := range t.head {
		names[col] = []string{name}
		if measure.StringWidth(name) > t.widths[col] {
			names[col] = fold(name, t.widths[col], 0)
		}
		height = max(height, len(names[col]))
	}
	var b bytes.Buffer
	for n := range height {
		line := make([]string, len(names))
		for col, name := range names {
			if at := n - (height - len(name)); at >= 0 { // all end in the last line
				line[col] = name[at]
			}
		}
		t.line(&b, line, nil)
	}
	return b.Bytes()
}

// write writes a row.
func (t *Table) write(row []string) error {
	style := func(col int) Style {
		if t.Style == nil {
			return Plain
		}
		return t.Style(t.rows, col)
	}
	var b bytes.Buffer
	switch {
	case t.blocks:
		t.block(&b, row)
	case t.width > 0:
		t.fitted(&b, row, style)
	default:
		t.line(&b, row, style)
	}
	t.rows++
	_, err := t.w.Write(b.Bytes())
	return err
}

// line writes cells in a line. Cells are measured rune by rune, as wcwidth and most terminals do.
func (t *Table) line(b *bytes.Buffer, cells []string, style func(col int) Style) {
	padding := 0 // what is due before the next cell that is not empty
	for col, cell := range cells {
		if cell != "" {
			if style != nil {
				cell = style(col).paint(cell)
			}
			b.WriteString(strings.Repeat(" ", padding) + cell)
			padding = 0
		}
		padding += max(0, t.widths[col]-measure.StringWidth(cells[col])) + len(gap)
	}
	b.WriteByte('\n')
}

// fitted writes a row that fits the terminal. After a cell that is wider than its column, the row goes on in the next line.
func (t *Table) fitted(b *bytes.Buffer, row []string, style func(col int) Style) {
	line, last, more := make([]string, len(row)), len(row)-1, 0
	below := make([][]string, len(row))
	for col, cell := range row {
		wide := measure.StringWidth(cell) > t.widths[col]
		switch {
		case wide && t.columns[col].Fit == Short:
			cell = cut(cell, t.widths[col], t.sign)
		case wide && t.columns[col].Fit == Prose:
			lines := fold(cell, t.widths[col], 0)
			cell, below[col], more = lines[0], lines[1:], max(more, len(lines)-1)
		}
		if w := measure.StringWidth(cell); wide && t.columns[col].Fit == Whole && col > 0 && t.total(col)+w > t.width {
			t.line(b, line, style) // the cell needs a line of its own
			line = make([]string, len(row))
			b.WriteString(strings.Repeat(" ", max(0, min(len(gap), t.width-w))) + style(col).paint(cell) + "\n")
			continue
		}
		line[col] = cell
		if wide && t.columns[col].Fit == Whole && col < last {
			t.line(b, line, style)
			line = make([]string, len(row))
		}
	}
	if strings.Join(line, "") != "" || strings.Join(row, "") == "" {
		t.line(b, line, style)
	}
	for n := range more {
		line = make([]string, len(row))
		for col, lines := range below {
			if n < len(lines) {
				line[col] = lines[n]
			}
		}
		t.line(b, line, style)
	}
}

// block writes a row as lines of names and values, and a blank line before it if it is not the first.
func (t *Table) block(b *bytes.Buffer, row []string) {
	if t.rows > 0 {
		b.WriteByte('\n')
	}
	indent := 0
	for _, c := range t.columns {
		indent = max(indent, measure.StringWidth(Escape(c.Name))+len(": "))
	}
	for col, cell := range row {
		if cell == "" {
			continue
		}
		all := pieces(cell)
		if t.columns[col].Fit == Whole {
			all = []piece{{text: cell}}
		}
		b.WriteString(labelled(Escape(t.columns[col].Name)+":", all, t.width, indent))
	}
}

// labelled returns lines with a label before the first. The text begins, and goes on, at the column indent.
func labelled(label string, all []piece, width, indent int) string {
	if len(all) > 0 {
		all[0].blanks = max(1, indent-measure.StringWidth(label))
	}
	lines := layOut(append([]piece{{text: label}}, all...), width, indent)
	if label == "" && len(lines) > 1 && strings.TrimSpace(lines[0]) == "" { // the first piece needed a line of its own
		lines = lines[1:]
	}
	return strings.TrimRight(strings.Join(lines, "\n"), " ") + "\n"
}

// A Field is a line of a card: a name and a value.
type Field struct {
	Name, Value string
	// Whole says that the value is never divided, such as a name. What foldText keeps in one piece is so anyhow.
	Whole bool
}

// cardWidth is how wide a card is at most: lines of more letters are hard to read.
const cardWidth = 80

// Card writes names and values as an aligned block without a header, for a single thing's details, on stdout. Both go through
// Escape, but a name may be indented. On a terminal a value goes on below itself; in a pipe or file it is one line. A field
// without both is a blank line.
func (s *Streams) Card(fields []Field) error {
	_, err := io.WriteString(s.Out, card(fields, min(s.outWidth(), cardWidth)))
	return err
}

func card(fields []Field, width int) string {
	var b strings.Builder
	indent := 0
	for _, f := range fields {
		indent = max(indent, measure.StringWidth(escapeAs(f.Name, visibleForm))+len(gap))
	}
	for _, f := range fields {
		name, value := escapeAs(f.Name, visibleForm), Escape(f.Value)
		if name == "" && value == "" {
			b.WriteByte('\n')
			continue
		}
		all := pieces(value)
		if f.Whole || width == 0 {
			all = []piece{{text: value}}
		}
		if width == 0 {
			b.WriteString(strings.TrimRight(name+strings.Repeat(" ", indent-measure.StringWidth(name))+value, " ") + "\n")
			continue
		}
		b.WriteString(labelled(name, all, width, indent))
	}
	return b.String()
}

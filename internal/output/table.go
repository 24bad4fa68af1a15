package output

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
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

// paint returns text, which must be escaped already, in a style.
func (s Style) paint(text string) string {
	codes := [...]string{Plain: "", Bold: "1", Red: "31", Green: "32", Yellow: "33"}
	if s <= Plain || int(s) >= len(codes) || text == "" {
		return text
	}
	return "\x1b[" + codes[s] + "m" + text + sgrReset
}

// Table writes rows under an upper-case header: left aligned, two blanks between columns, no borders, no wrapping, no
// blanks at the ends of lines. A row is always one line, because each cell goes through Escape.
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
	cells := make([][]string, len(rows))
	for i, row := range rows {
		if len(row) != len(header) {
			return fmt.Errorf("table row %d has %d cells, header has %d", i, len(row), len(header))
		}
		cells[i] = make([]string, len(row))
		for j, cell := range row {
			cells[i][j] = Escape(cell)
			if style != nil {
				cells[i][j] = style(i, j).paint(cells[i][j])
			}
		}
	}
	return render(w, head, cells)
}

// Pairs writes names and values as an aligned block without a header, for plans and for a single thing's details. Both
// go through Escape. It fails with the errors of w.
func Pairs(w io.Writer, pairs [][2]string) error {
	cells := make([][]string, len(pairs))
	for i, p := range pairs {
		cells[i] = []string{Escape(p[0]), Escape(p[1])}
	}
	return render(w, nil, cells)
}

// render lays out escaped cells. tablewriter measures them rune by rune, as wcwidth and most terminals do. Wide and
// combining characters and single emoji are right everywhere. An emoji made of several (a skin tone, a joiner) is drawn
// as one by some terminals: there the next column is too far left. tablewriter's own looks are switched off here, once.
func render(w io.Writer, header []string, rows [][]string) error {
	if len(header) == 0 && len(rows) == 0 {
		return nil
	}
	// The renderer ignores write errors, so it gets a buffer.
	var b bytes.Buffer
	cell := tw.CellConfig{
		Formatting: tw.CellFormatting{AutoWrap: tw.WrapNone, AutoFormat: tw.Off},
		Alignment:  tw.CellAlignment{Global: tw.AlignLeft},
		Padding:    tw.CellPadding{Global: tw.Padding{Right: "  ", Overwrite: true}},
	}
	t := tablewriter.NewTable(&b,
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
			Borders: tw.BorderNone,
			Symbols: tw.NewSymbols(tw.StyleNone),
			Settings: tw.Settings{
				Lines:      tw.LinesNone,
				Separators: tw.SeparatorsNone,
			},
		})),
		tablewriter.WithConfig(tablewriter.Config{
			Header:   cell,
			Row:      cell,
			Behavior: tw.Behavior{TrimSpace: tw.Off, TrimTab: tw.Off, TrimLine: tw.Off},
		}),
		// Otherwise the width of é, and so the layout that scripts see, would depend on the locale.
		tablewriter.WithEastAsian(tw.Off),
	)
	if len(header) > 0 {
		t.Header(header)
	}
	if err := t.Bulk(rows); err != nil {
		return err
	}
	if err := t.Render(); err != nil {
		return err
	}
	return writeTrimmed(w, b.String())
}

// writeTrimmed writes text in one piece, without the blanks at the ends of its lines. In a painted line they stand before
// resets that tablewriter adds after its padding; one reset is kept.
func writeTrimmed(w io.Writer, text string) error {
	var b bytes.Buffer
	for line := range strings.Lines(text) {
		line, _ = strings.CutSuffix(line, "\n")
		for trimmed := ""; trimmed != line; {
			trimmed = line
			line = strings.TrimSuffix(strings.TrimRight(line, " "), sgrReset)
		}
		b.WriteString(line)
		if strings.Contains(line, "\x1b") {
			b.WriteString(sgrReset)
		}
		b.WriteByte('\n')
	}
	_, err := w.Write(b.Bytes())
	return err
}

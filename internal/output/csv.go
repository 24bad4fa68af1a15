package output

import (
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// CSV writes comma-separated values row by row, holding no more than a few kilobytes: RFC 4180 quoting, but lines end
// with a plain line feed, as the tools around a pipe expect.
//
// Cells go through Escape, and one that a spreadsheet would run as a formula gets a leading apostrophe. So CSV is for
// spreadsheets and eyes; for a program that needs the exact text there is jsonl.
type CSV struct {
	w       *csv.Writer
	columns int
}

// NewCSV starts a CSV on w with the given header line. An error of w shows at the first Row or Flush after it.
func NewCSV(w io.Writer, header ...string) *CSV {
	c := &CSV{w: csv.NewWriter(w), columns: len(header)}
	_ = c.Row(header...) // csv.Writer keeps its error
	return c
}

// Row adds a line. It fails if the number of cells is not that of the header, and with the first error of the writer.
func (c *CSV) Row(cells ...string) error {
	if len(cells) != c.columns {
		return fmt.Errorf("csv row has %d cells, header has %d", len(cells), c.columns)
	}
	safe := make([]string, len(cells))
	for i, cell := range cells {
		safe[i] = csvCell(cell)
	}
	return c.w.Write(safe)
}

// Flush hands on what is still buffered and returns the first error of all the writing.
func (c *CSV) Flush() error {
	c.w.Flush()
	return c.w.Error()
}

// csvCell guards a cell against being run. Spreadsheets skip blanks before a formula, take the full-width forms for
// the plain ones, and treat a leading tab or carriage return as the start of what follows (OWASP, "CSV injection").
func csvCell(s string) string {
	start := strings.TrimLeftFunc(s, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsGraphic(r) })
	if strings.HasPrefix(s, "\t") || strings.HasPrefix(s, "\r") || strings.IndexAny(start, "=+-@＝＋－＠") == 0 {
		return "'" + Escape(s)
	}
	return Escape(s)
}

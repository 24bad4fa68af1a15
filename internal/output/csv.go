package output

import (
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// CSV writes comma-separated values row by row, and holds no more than a few kilobytes. It quotes as RFC 4180 says, but
// lines end with a plain line feed, as the tools around a pipe expect.
//
// Cells go through Escape, and a cell that a spreadsheet would run as a formula gets a leading apostrophe. So CSV is
// for spreadsheets and people. A program that needs the exact text reads jsonl.
type CSV struct {
	w       *csv.Writer
	columns int
}

// NewCSV starts a CSV on w with the given header line. An error of w is returned by the first Row or Flush after it.
func NewCSV(w io.Writer, header ...string) *CSV {
	c := &CSV{w: csv.NewWriter(w), columns: len(header)}
	_ = c.Row(header...) // csv.Writer keeps the error for later
	return c
}

// Row adds a line. It fails if there are more or fewer cells than in the header, and with the first error of the
// writer.
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

// Flush writes what is still buffered. It returns the first error since NewCSV.
func (c *CSV) Flush() error {
	c.w.Flush()
	return c.w.Error()
}

// csvCell returns a cell that no spreadsheet runs as a formula. Spreadsheets skip blanks before a formula, read
// full-width forms as the plain ones, and skip a leading tab or carriage return (OWASP, "CSV injection").
func csvCell(s string) string {
	start := strings.TrimLeftFunc(s, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsGraphic(r) })
	if strings.HasPrefix(s, "\t") || strings.HasPrefix(s, "\r") || strings.IndexAny(start, "=+-@＝＋－＠") == 0 {
		return "'" + Escape(s)
	}
	return Escape(s)
}

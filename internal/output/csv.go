package output

import (
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"unicode"

	"uzerp-mfa/internal/invisible"
)

// CSV writes comma-separated values row by row, and holds no more than a few kilobytes. It quotes as RFC 4180 says, but
// lines end with a plain line feed, as the tools around a pipe expect.
//
// Cells go through Escape, and get an apostrophe wherever a spreadsheet would begin to run a formula. So CSV is for
// spreadsheets and people. A program that needs the exact text reads jsonl.
type CSV struct {
	w       *csv.Writer
	columns int
	safe    []string // the last row, for the next one
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
	safe := c.safe[:0]
	for _, cell := range cells {
		safe = append(safe, csvCell(cell))
	}
	c.safe = safe
	return c.w.Write(safe)
}

// Flush writes what is still buffered. It returns the first error since NewCSV.
func (c *CSV) Flush() error {
	c.w.Flush()
	return c.w.Error()
}

// csvCell returns a cell that no spreadsheet runs as a formula (OWASP, "CSV injection"). Spreadsheets skip blanks before
// a formula, and read full-width forms as the plain ones. In many countries a spreadsheet takes `;` and not `,` for the
// end of a cell, and some programs take `|`: to these, one cell of ours is several. So an apostrophe is put wherever a
// cell may begin and is followed by one of = + - @: at the start, and after each of ; , | and an escaped tab or line end.
//
// The way back, for a text without escapes: wherever a cell may begin, take away an apostrophe that is followed, after
// any blanks, quotes and further apostrophes, by one of these characters.
func csvCell(s string) string {
	if isHarmlessCell(s) {
		return s
	}
	var b strings.Builder
	for s != "" {
		end := strings.IndexAny(s, separators) + 1
		if end == 0 {
			end = len(s)
		}
		if runs(s) {
			b.WriteByte('\'')
		}
		b.WriteString(s[:end])
		s = s[end:]
	}
	return Escape(b.String())
}

// separators end a cell, for one spreadsheet or another.
const separators = ";,|\t\r\n"

// formulaStarts are the characters that begin a formula.
const formulaStarts = "=+-@＝＋－＠"

// runs reports whether s would run as a formula if a cell began here.
func runs(s string) bool {
	if strings.HasPrefix(s, "\t") || strings.HasPrefix(s, "\r") {
		return true
	}
	s = strings.TrimLeftFunc(s, func(r rune) bool {
		return !strings.ContainsRune(separators, r) && (r == '"' || r == '\'' || unicode.IsSpace(r) || invisible.Is(r))
	})
	return strings.IndexAny(s, formulaStarts) == 0
}

// isHarmlessCell reports whether s is plain ASCII that needs neither an escape nor an apostrophe, as almost every cell
// is. It may say no for one that needs none.
func isHarmlessCell(s string) bool {
	begins := true // a cell may begin here
	for i := range len(s) {
		switch c := s[i]; c {
		case ' ':
			if i == 0 || i == len(s)-1 || s[i-1] == ' ' {
				return false
			}
		case '"', '\'':
		case ';', ',', '|':
			begins = true
		case '=', '+', '-', '@':
			if begins {
				return false
			}
		default:
			if c < ' ' || c > '~' {
				return false
			}
			begins = false
		}
	}
	return true
}

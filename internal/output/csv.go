package output

import (
	"fmt"
	"io"
	"strings"
	"unicode"

	"uzerp-mfa/internal/invisible"
)

// CSV writes comma-separated values row by row, and holds no more than a row and a few kilobytes. It quotes as RFC 4180 says, but
// lines end with a plain line feed, as the tools around a pipe expect.
//
// Cells go through Escape, and get an apostrophe wherever a spreadsheet would begin to run a formula. So CSV is for
// spreadsheets and people. A program that needs the exact text reads jsonl.
type CSV struct {
	w       io.Writer
	columns int
	lines   []byte // that are not written yet
	err     error  // the first one of w
}

// csvBuffer is how much of a CSV is held.
const csvBuffer = 4 << 10

// NewCSV starts a CSV on w with the given header line. An error of w is returned by the first Row or Flush after it.
func NewCSV(w io.Writer, header ...string) *CSV {
	c := &CSV{w: w, columns: len(header)}
	_ = c.Row(header...) // the error is kept for later
	return c
}

// Row adds a line. It fails if there are more or fewer cells than in the header, and with the first error of the
// writer.
func (c *CSV) Row(cells ...string) error {
	if len(cells) != c.columns {
		return fmt.Errorf("csv row has %d cells, header has %d", len(cells), c.columns)
	}
	for i, cell := range cells {
		if i > 0 {
			c.lines = append(c.lines, ',')
		}
		c.lines = appendCell(c.lines, cell)
	}
	c.lines = append(c.lines, '\n')
	if len(c.lines) < csvBuffer {
		return c.err
	}
	return c.Flush()
}

// Flush writes what is still buffered. It returns the first error since NewCSV.
func (c *CSV) Flush() error {
	if c.err == nil {
		_, c.err = c.w.Write(c.lines)
	}
	c.lines = c.lines[:0]
	return c.err
}

// appendCell appends a cell as it stands in a line.
func appendCell(line []byte, cell string) []byte {
	harmless, quoted := lookAtCell(cell)
	if !harmless {
		cell = csvCell(cell)
		quoted = strings.ContainsAny(cell, `",`)
	}
	if !quoted && cell != `\.` { // PostgreSQL reads that one as the end of the data
		return append(line, cell...)
	}
	line = append(line, '"')
	line = append(line, strings.ReplaceAll(cell, `"`, `""`)...)
	return append(line, '"')
}

// csvCell returns a cell that no spreadsheet runs as a formula (OWASP, "CSV injection"). Spreadsheets skip blanks before
// a formula, and read full-width forms as the plain ones. In many countries a spreadsheet takes `;` and not `,` for the
// end of a cell, and some programs take `|`: to these, one cell of ours is several. So an apostrophe is put wherever a
// cell may begin and is followed by one of = + - @: at the start, and after each of ; , | and an escaped tab or line end.
//
// The way back, for a text without escapes: wherever a cell may begin, take away an apostrophe that is followed, after
// any blanks, quotes and further apostrophes, by one of these characters.
func csvCell(s string) string {
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

// lookAtCell reports whether s is plain ASCII that needs neither an escape nor an apostrophe, as almost every cell is, and
// whether such a cell needs quotes. It may say no for one that is harmless.
func lookAtCell(s string) (harmless, quoted bool) {
	begins := true // a cell may begin here
	for i := range len(s) {
		c := s[i]
		if ordinary[c] {
			begins = false
			continue
		}
		switch c {
		case ' ':
			if i == 0 || i == len(s)-1 || s[i-1] == ' ' {
				return false, false
			}
		case '"':
			quoted = true
		case '\'':
		case ',':
			begins, quoted = true, true
		case ';', '|':
			begins = true
		case '=', '+', '-', '@':
			if begins {
				return false, false
			}
		default:
			return false, false
		}
	}
	return true, quoted
}

// ordinary has the ASCII characters that mean nothing in a cell, wherever they are.
var ordinary = func() (is [256]bool) {
	for c := '!'; c <= '~'; c++ {
		is[c] = !strings.ContainsRune(`"',;|=+-@`, c)
	}
	return is
}()

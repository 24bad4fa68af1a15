// Package screentest is a model of a terminal, for tests of what people see. It understands the sequences that the program
// uses. A sequence that it does not know becomes a complaint.
package screentest

import (
	"fmt"
	"image"
	"image/color"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
)

// A Kind of terminal says whether it has an alternate screen.
type Kind int

// The kinds.
const (
	// XTerm has an alternate screen.
	XTerm Kind = iota
	// Single has none and ignores the sequence that would show it, like GNU screen without `altscreen on`.
	Single
)

// Screen is a terminal that is written to. It is not safe for concurrent use.
type Screen struct {
	kind       Kind
	rows, cols int
	normal     buffer
	alternate  buffer
	alt        bool
	ink        cell
	pending    []byte // the beginning of a sequence or character that is not complete
	scrollback []string
	complaints []string
}

type buffer struct {
	cells    [][]cell
	row, col int
	wraps    bool // the last column is full: the next character goes to the next line
}

type cell struct {
	r      rune
	fg, bg int // of the 256 colours, or the theme's
}

const themes = -1

// New returns a screen of a size.
func New(kind Kind, rows, cols int) *Screen {
	s := &Screen{kind: kind, ink: cell{' ', themes, themes}}
	s.Resize(rows, cols)
	return s
}

// Resize changes the size of the window. What no longer fits is cut off.
func (s *Screen) Resize(rows, cols int) {
	s.rows, s.cols = rows, cols
	for _, b := range []*buffer{&s.normal, &s.alternate} {
		cells := make([][]cell, rows)
		for y := range cells {
			cells[y] = s.blankLine()
			if y < len(b.cells) {
				copy(cells[y], b.cells[y])
			}
		}
		b.cells, b.row, b.col, b.wraps = cells, min(b.row, rows-1), min(b.col, cols-1), false
	}
}

func (s *Screen) blankLine() []cell { return slices.Repeat([]cell{{' ', themes, themes}}, s.cols) }

func (s *Screen) shown() *buffer {
	if s.alt {
		return &s.alternate
	}
	return &s.normal
}

// Alternate reports whether the alternate screen is shown.
func (s *Screen) Alternate() bool { return s.alt }

// Complaints returns what the program should not have written, such as sequences that the model does not know.
func (s *Screen) Complaints() []string { return s.complaints }

// Text returns what is on the screen, without the blanks at the ends of lines.
func (s *Screen) Text() string { return lines(s.shown().cells) }

// Kept returns what somebody finds on the terminal later: the scrollback and the normal screen.
func (s *Screen) Kept() string {
	return strings.Join(append(slices.Clone(s.scrollback), lines(s.normal.cells)), "\n")
}

func lines(cells [][]cell) string {
	var b strings.Builder
	for _, row := range cells {
		b.WriteString(line(row) + "\n")
	}
	return b.String()
}

func line(cells []cell) string {
	var b strings.Builder
	for _, c := range cells {
		b.WriteRune(c.r)
	}
	return strings.TrimRight(b.String(), " ")
}

// Write takes what a program prints. A line feed also goes to the first column, as it does behind a terminal's driver.
func (s *Screen) Write(p []byte) (int, error) {
	s.pending = append(s.pending, p...)
	for len(s.pending) > 0 {
		n := s.next(s.pending)
		if n == 0 {
			break
		}
		s.pending = s.pending[n:]
	}
	return len(p), nil
}

// next takes one character or sequence and returns its length, or 0 if it is not complete.
func (s *Screen) next(p []byte) int {
	b := s.shown()
	switch {
	case p[0] == '\x1b':
		return s.escape(p)
	case p[0] == '\r':
		b.col, b.wraps = 0, false
	case p[0] == '\n':
		b.col, b.wraps = 0, false
		s.down()
	case p[0] == '\b':
		b.col, b.wraps = max(0, b.col-1), false
	case p[0] == '\t':
		b.col = min(b.col/8*8+8, s.cols-1)
	case p[0] < ' ':
		s.complaints = append(s.complaints, fmt.Sprintf("control character %q", p[0]))
	default:
		if !utf8.FullRune(p) {
			return 0
		}
		r, n := utf8.DecodeRune(p)
		s.put(r)
		return n
	}
	return 1
}

func (s *Screen) put(r rune) {
	b := s.shown()
	if b.wraps {
		b.col, b.wraps = 0, false
		s.down()
	}
	c := s.ink
	c.r = r
	b.cells[b.row][b.col] = c
	if b.col+1 < s.cols {
		b.col++
	} else {
		b.wraps = true
	}
}

// down moves down a line. At the bottom all lines move up; what leaves the normal screen goes to the scrollback.
func (s *Screen) down() {
	b := s.shown()
	if b.row+1 < s.rows {
		b.row++
		return
	}
	if s.alt {
		s.complaints = append(s.complaints, "the alternate screen scrolled")
	} else {
		s.scrollback = append(s.scrollback, line(b.cells[0]))
	}
	b.cells = append(b.cells[1:], s.blankLine())
}

// escape takes a control sequence (ECMA-48 5.4).
func (s *Screen) escape(p []byte) int {
	if len(p) == 1 {
		return 0
	}
	if p[1] != '[' {
		s.complaints = append(s.complaints, fmt.Sprintf("sequence %q", p[:2]))
		return 2
	}
	end := slices.IndexFunc(p[2:], func(c byte) bool { return c >= '@' && c <= '~' })
	if end < 0 {
		return 0
	}
	sequence := string(p[2 : 2+end+1])
	if !s.control(sequence) {
		s.complaints = append(s.complaints, fmt.Sprintf("sequence %q", p[:2+end+1]))
	}
	return 2 + end + 1
}

func (s *Screen) control(sequence string) bool {
	parameters, final := sequence[:len(sequence)-1], sequence[len(sequence)-1]
	b := s.shown()
	switch final {
	case 'm':
		return s.paint(strings.Split(parameters, ";"))
	case 'H':
		var row, col int
		if n, err := fmt.Sscanf(parameters, "%d;%d", &row, &col); n != 2 || err != nil || row < 1 || col < 1 {
			return false
		}
		b.row, b.col, b.wraps = min(row, s.rows)-1, min(col, s.cols)-1, false
		return true
	case 'K':
		from := b.col
		switch parameters {
		case "", "0":
		case "2":
			from = 0
		default:
			return false
		}
		copy(b.cells[b.row][from:], s.blankLine())
		return true
	case 'h', 'l':
		if parameters != "?1049" {
			return false
		}
		s.switchTo(final == 'h')
		return true
	}
	return false
}

// switchTo does what xterm's 1049 does: the alternate screen is blank when it appears, and the normal one as it was left.
func (s *Screen) switchTo(alt bool) {
	if s.kind == Single {
		return
	}
	if alt && !s.alt {
		s.alternate = buffer{row: s.normal.row, col: s.normal.col}
		for range s.rows {
			s.alternate.cells = append(s.alternate.cells, s.blankLine())
		}
	}
	s.alt = alt
}

func (s *Screen) paint(parameters []string) bool {
	for len(parameters) > 0 {
		n, err := strconv.Atoi(parameters[0])
		switch {
		case parameters[0] == "" || err == nil && n == 0:
			s.ink = cell{' ', themes, themes}
		case n >= 30 && n <= 37:
			s.ink.fg = n - 30
		case n >= 40 && n <= 47:
			s.ink.bg = n - 40
		case n == 1: // bold
		case (n == 38 || n == 48) && len(parameters) >= 3 && parameters[1] == "5":
			colour, err := strconv.Atoi(parameters[2])
			if err != nil {
				return false
			}
			if n == 38 {
				s.ink.fg = colour
			} else {
				s.ink.bg = colour
			}
			parameters = parameters[2:]
		default:
			return false
		}
		parameters = parameters[1:]
	}
	return true
}

// A Theme has the colours, in shades of grey, that a terminal uses if the program sets none.
type Theme struct {
	Name   string
	fg, bg uint8
}

// The themes.
var (
	Dark  = Theme{"dark", 0xc0, 0x1e}
	Light = Theme{"light", 0x30, 0xf8}
)

// Image returns a picture of the screen in shades of grey, in cells of 4 by 8 pixels, with a margin of two cells. A letter
// is drawn as a block in the middle of its cell.
func (s *Screen) Image(theme Theme) image.Image {
	const width, height, margin = 4, 8, 2
	img := image.NewGray(image.Rect(0, 0, (s.cols+2*margin)*width, (s.rows+2*margin)*height))
	for i := range img.Pix {
		img.Pix[i] = theme.bg
	}
	for row, cells := range s.shown().cells {
		for col, c := range cells {
			fg, bg := shade(c.fg, theme.fg), shade(c.bg, theme.bg)
			for y := range height {
				for x := range width {
					v := bg
					if inked(c.r, x, y, height) {
						v = fg
					}
					img.SetGray((col+margin)*width+x, (row+margin)*height+y, color.Gray{Y: v})
				}
			}
		}
	}
	return img
}

// inked reports whether a pixel of a character has the foreground's colour.
func inked(r rune, x, y, height int) bool {
	switch r {
	case ' ':
		return false
	case '▀':
		return y < height/2
	case '▄':
		return y >= height/2
	case '█', '#': // from a phone's distance, ## looks like a full block
		return true
	}
	return x > 0 && y > 1 && y < height-2
}

// shade returns how light a colour is that the program uses for QR codes. Others are the theme's.
func shade(colour int, ofTheme uint8) uint8 {
	switch colour {
	case 0, 16:
		return 0
	case 7:
		return 170
	case 231:
		return 255
	}
	return ofTheme
}

// Scan reads the QR code in a picture.
func Scan(img image.Image) (string, error) {
	bitmap, err := gozxing.NewBinaryBitmapFromImage(img)
	if err != nil {
		return "", err
	}
	result, err := qrcode.NewQRCodeReader().Decode(bitmap, map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_TRY_HARDER: true})
	if err != nil {
		return "", err
	}
	return result.GetText(), nil
}

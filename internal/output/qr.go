package output

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/mdp/qrterminal/v3"
	"rsc.io/qr"
)

// QRMode is how a QR code is drawn with characters.
type QRMode string

// The modes.
const (
	// QRAuto is half where the locale is UTF-8, else ascii.
	QRAuto QRMode = "auto"
	// QRHalf draws two modules a character with block elements.
	QRHalf QRMode = "half"
	// QRASCII draws a module as two characters of ASCII.
	QRASCII QRMode = "ascii"
	// QRNone draws nothing.
	QRNone QRMode = "none"
)

// ParseQRMode reads the value of a flag.
func ParseQRMode(s string) (QRMode, error) {
	switch m := QRMode(s); m {
	case QRAuto, QRHalf, QRASCII, QRNone:
		return m, nil
	}
	return "", errors.New("must be auto, half, ascii or none")
}

// ErrTooWide says that a QR code does not fit on the terminal: broken lines can't be scanned.
type ErrTooWide struct{ Need, Have int }

func (e ErrTooWide) Error() string {
	return fmt.Sprintf("the terminal is %d columns wide, the QR code needs %d", e.Have, e.Need)
}

// quietZone is the light margin in modules that ISO/IEC 18004 asks for. Where the height counts (AltScreen) a smaller one is
// better than no code: readers find a code by its dark squares, for which a single light module around it does.
const quietZone = 4

const (
	// Colours 16 and 231 are the cube's black and white, which no theme changes, so the code looks the same on dark
	// and on light themes.
	sgrHalf  = "\x1b[38;5;16;48;5;231m"
	sgrReset = "\x1b[0m"
	// The ascii mode is for old terminals too: one that doesn't know 48;5 keeps 40 or 47 (and may blink, which blanks
	// don't show).
	sgrDark  = "\x1b[40;48;5;16m"
	sgrLight = "\x1b[47;48;5;231m"
)

// QR draws text as a QR code on w, at the lowest level of error correction: a screen has no dirt, and the code
// stays small. It asks the terminal nothing and writes in one piece.
//
// With colour, the code is black on white by explicit colours and can be scanned on any theme. Without (NO_COLOR, a
// pipe), characters can be right on one kind of background only, and the modes follow qrencode: half draws the light
// modules and is for dark themes, ascii draws the dark ones (##) and is for light themes and paper.
//
// It fails with ErrTooWide, having written nothing, if the code is wider than t; if text is more than a QR code can
// hold; and with the errors of w. No error contains the text, for it is a secret.
func QR(w io.Writer, text string, mode QRMode, t Terminal) error {
	if mode == QRNone {
		return nil
	}
	code, err := encodeQR(text)
	if err != nil {
		return err
	}
	mode = mode.resolve(t)
	if cols, _ := code.size(mode, quietZone); t.Width > 0 && cols > t.Width {
		return ErrTooWide{Need: cols, Have: t.Width}
	}
	_, err = io.WriteString(w, strings.Join(code.lines(mode, t.Color, quietZone), "\n")+"\n")
	return err
}

// QRSize tells how many columns and rows QR would take. A code higher than the screen is drawn all the same, but scrolls:
// the caller may want to say so.
func QRSize(text string, mode QRMode, t Terminal) (cols, rows int, err error) {
	if mode == QRNone {
		return 0, 0, nil
	}
	code, err := encodeQR(text)
	if err != nil {
		return 0, 0, err
	}
	cols, rows = code.size(mode.resolve(t), quietZone)
	return cols, rows, nil
}

// QRPNG makes a PNG of text as a QR code with its quiet zone, eight pixels a module.
func QRPNG(text string) ([]byte, error) {
	code, err := encodeQR(text)
	if err != nil {
		return nil, err
	}
	return code.PNG(), nil
}

// A qrCode is a text that fits into a QR code.
type qrCode struct {
	*qr.Code
	text string
}

// encodeQR must come before any drawing: qrterminal encodes the text once more, and panics if it is too long.
func encodeQR(text string) (*qrCode, error) {
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		return nil, err
	}
	return &qrCode{code, text}, nil
}

// resolve turns auto into a mode that draws. ASCII is twice as wide as half: where half is possible and doesn't fit,
// ascii doesn't either.
func (m QRMode) resolve(t Terminal) QRMode {
	switch {
	case m != QRAuto:
		return m
	case t.UTF8:
		return QRHalf
	default:
		return QRASCII
	}
}

// size returns how many columns and rows the code takes, with a margin of so many modules around it.
func (c *qrCode) size(mode QRMode, margin int) (cols, rows int) {
	side := c.Size + 2*margin
	if mode == QRHalf {
		return side, (side + 1) / 2
	}
	return 2 * side, side
}

// lines draws the code. A character of half is two modules, one above the other. In ascii a module is two characters,
// because characters are twice as high as wide.
func (c *qrCode) lines(mode QRMode, color bool, margin int) []string {
	var b bytes.Buffer
	config := qrterminal.Config{Level: qr.L, Writer: &b, QuietZone: margin, HalfBlocks: mode == QRHalf}
	start, end := "", ""
	switch {
	case mode == QRHalf && color: // the ink is black
		config.WhiteChar, config.BlackWhiteChar, config.WhiteBlackChar, config.BlackChar = " ", "▀", "▄", "█"
		start, end = sgrHalf, sgrReset
	case mode == QRHalf: // the ink is the foreground of a dark theme
		config.WhiteChar, config.BlackWhiteChar, config.WhiteBlackChar, config.BlackChar = "█", "▄", "▀", " "
	case color:
		config.WhiteChar, config.BlackChar = sgrLight+"  ", sgrDark+"  "
		end = sgrReset
	default:
		config.WhiteChar, config.BlackChar = "  ", "##"
	}
	qrterminal.GenerateWithConfig(c.text, config)
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	if mode == QRHalf {
		// The rows of modules are odd in number, so half a line is left over. qrterminal makes it dark: at the bottom, or at the
		// top if the margin is odd. On a white code that would be a black bar.
		edge := len(lines) - 1
		if margin%2 != 0 {
			edge = 0
		}
		lines[edge] = strings.Repeat(config.WhiteChar, c.Size+2*margin)
	}
	for i := range lines {
		lines[i] = start + lines[i] + end
	}
	return lines
}

// Groups splits a secret into groups of four, which is how people read and type it without losing their place.
func Groups(secret string) string {
	var b strings.Builder
	n := 0
	for _, r := range secret {
		if r == ' ' {
			continue
		}
		if n > 0 && n%4 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
		n++
	}
	return b.String()
}

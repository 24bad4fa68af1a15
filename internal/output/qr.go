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

// QRMode says how a QR code is drawn with characters.
type QRMode string

// The modes.
const (
	// QRAuto is half if the locale is UTF-8, else ascii.
	QRAuto QRMode = "auto"
	// QRHalf draws two modules as one character, a block element.
	QRHalf QRMode = "half"
	// QRASCII draws a module as two ASCII characters.
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

// ErrTooWide says that a QR code is wider than the terminal. Broken lines can't be scanned.
type ErrTooWide struct{ Need, Have int }

func (e ErrTooWide) Error() string {
	return fmt.Sprintf("the terminal is %d columns wide, the QR code needs %d", e.Have, e.Need)
}

// quietZone is the light margin, in modules, that ISO/IEC 18004 asks for. In a low window AltScreen makes it smaller,
// which is better than no code: readers find a code by its dark squares, and one light module around them is enough.
const quietZone = 4

const (
	// Colours 16 and 231 are black and white of the colour cube. No theme changes them, so the code looks the same on
	// dark and on light themes.
	sgrHalf  = "\x1b[38;5;16;48;5;231m"
	sgrReset = "\x1b[0m"
	// The ascii mode is for old terminals too. One that doesn't know 48;5 still takes 40 or 47. It may read the 5 as
	// "blink", but blanks don't show that.
	sgrDark  = "\x1b[40;48;5;16m"
	sgrLight = "\x1b[47;48;5;231m"
)

// QR draws text as a QR code on w, at the lowest level of error correction: a screen has no dirt, and the code
// stays small. It asks the terminal nothing and writes in one piece.
//
// With colour, the code is black on white by explicit colours and can be scanned on any theme. Without colour
// (NO_COLOR, a pipe) it can be right on one kind of background only. The modes then do as qrencode does: half draws the
// light modules and is for dark themes, ascii draws the dark ones (##) and is for light themes and paper. The caller says so:
// QRBackground tells which it is.
//
// It fails with ErrTooWide, and writes nothing, if the code is wider than t. It also fails if text is longer than a QR
// code can hold, and with the errors of w. No error contains the text, for it is a secret.
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

// Background is what a screen or a sheet of paper must be for a QR code that is drawn without colours.
type Background string

// The backgrounds.
const (
	AnyBackground   Background = ""
	DarkBackground  Background = "dark"
	LightBackground Background = "light"
)

// QRBackground returns on which background the code works that QR draws. On the other one it is inverted, and many phones can't
// scan it.
func QRBackground(mode QRMode, t Terminal) Background {
	switch mode = mode.resolve(t); {
	case mode == QRNone || t.Color:
		return AnyBackground
	case mode == QRHalf:
		return DarkBackground
	default:
		return LightBackground
	}
}

// QRSize returns how many columns and rows QR takes. QR also draws a code that is higher than the screen, which then
// scrolls; the caller may want to say so.
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

// QRPNG returns a PNG of text as a QR code with its quiet zone, eight pixels for a module.
func QRPNG(text string) ([]byte, error) {
	code, err := encodeQR(text)
	if err != nil {
		return nil, err
	}
	return code.PNG(), nil
}

// A qrCode is a text that is encoded as a QR code.
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

// resolve returns the mode that auto stands for. It need not look at the width: ascii is twice as wide as half, so if
// half is too wide, ascii is too.
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

// size returns how many columns and rows of characters the code takes with a margin, which is in modules.
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
		// The number of rows of modules is odd, so half a line is left over. qrterminal puts it at the bottom, or at
		// the top if the margin is odd, and makes it dark. It must be light like the margin.
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

// Groups splits a secret into groups of four characters, so that people don't lose their place when they type it.
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

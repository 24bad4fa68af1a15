package output

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"uzerp-mfa/internal/invisible"
	"uzerp-mfa/internal/pattern"
)

// Escape makes text from outside harmless on a terminal and in CSV, and makes a text that only looks like another one
// look different. What must not be shown becomes a visible escape (\n, \t, \r, \x1b, \u202e, \U000e0041, and \xff for
// a byte that is not UTF-8).
//
// It works by a list of what is allowed: what Unicode calls graphic stays (letters, marks, numbers, punctuation,
// symbols, the plain blank). The rest is escaped: C0, DEL, C1, line and paragraph separators, bidi controls, zero-width
// characters, soft hyphens, tags, private use, unassigned. Of the graphic characters these are escaped too:
//   - what is drawn as nothing: variation selectors, the Hangul fillers, the empty Braille pattern;
//   - every blank but the plain one, such as the no-break space;
//   - a mark without a letter, number or symbol before it, and the seventh mark in a row: it would be drawn over other
//     text;
//   - what is not in Unicode's form NFC, such as e with a separate acute: it looks exactly like the one letter é;
//   - plain blanks at the beginning or the end, and all but the first of several: \x20.
//
// So emoji of several parts, and the joiners in Persian and Indic words, are shown with escapes. A backslash stays as
// it is, so the result can't be turned back: a user whose name is the four plain characters `a\nb` looks like one with
// a line feed. EscapeName tells them apart. Tables are for people; a program that needs the bytes reads JSON.
//
// Escape(Escape(s)) equals Escape(s).
func Escape(s string) string {
	return showBlanks(escapeInside(s), true)
}

// EscapeName is Escape for a name that must not look like any other one: no two names give the same text. A backslash is
// doubled where what follows it is an escape, or could be read as one. So the blank at the end of "eve " is `eve\x20`, and a
// name with these four characters at the end is `eve\\x20`. Escape leaves the result as it is.
func EscapeName(s string) string {
	if !strings.Contains(s, `\`) {
		return Escape(s)
	}
	// While backslashes are doubled, the program's own are NUL, which Escape never leaves.
	const own = "\x00"
	marked := escapeAs(s, func(dst []byte, r rune, raw string) []byte {
		return append(append(dst, own...), visibleForm(nil, r, raw)[1:]...)
	})
	marked = strings.ReplaceAll(showBlanks(strings.ReplaceAll(marked, `\`, backslash), true), `\`, own)
	marked = strings.ReplaceAll(marked, backslash, `\`)
	marked = backslashes().ReplaceAllStringFunc(marked, func(found string) string {
		n := strings.LastIndex(found, `\`) + 1
		return strings.Repeat(`\`, n) + found
	})
	return strings.ReplaceAll(marked, own, `\`)
}

// backslash stands for one that is a name's own, while another one is an escape's.
const backslash = "\x01"

// backslashes matches those of a name before what is an escape, or could be read as one.
var backslashes = pattern.Lazy(`\\+(?:\x00|[ntr]|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8})`)

// escapeInside is Escape for a part of a sentence: a blank at its ends may be the program's own. Names stand in quotes
// there, which show their ends.
func escapeInside(s string) string {
	if !isPlainASCII(s) {
		s = escapeAs(s, visibleForm)
	}
	return showBlanks(s, false)
}

func isPlainASCII(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// showBlanks makes the blanks visible that nobody sees: after another one, and at the ends.
func showBlanks(s string, ends bool) string {
	atAnEnd := s != "" && (s[0] == ' ' || s[len(s)-1] == ' ')
	if (!ends || !atAnEnd) && !strings.Contains(s, "  ") {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		if s[i] == ' ' && (i > 0 && s[i-1] == ' ' || ends && (i == 0 || i == len(s)-1)) {
			b.WriteString(`\x20`)
		} else {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// A form appends to dst what stands for the refused rune r. raw holds r as it was found. For a byte that is not UTF-8,
// r is utf8.RuneError and raw is that one byte.
type form func(dst []byte, r rune, raw string) []byte

// escapeAs returns s with each refused rune in the given form. Only this function decides what may be shown; a form
// decides what is shown instead.
func escapeAs(s string, f form) string {
	if visibleASCII(s) == len(s) { // as almost every text
		return s
	}
	dst := make([]byte, 0, len(s))
	normal := norm.NFC.IsNormalString(s)
	marks := noBase // how many marks may still follow
	for len(s) > 0 {
		segment, odd := s, false
		if !normal {
			if n := norm.NFC.NextBoundaryInString(s, true); n > 0 {
				segment = s[:n]
			}
			odd = !norm.NFC.IsNormalString(segment)
		}
		s = s[len(segment):]
		for len(segment) > 0 {
			if n := visibleASCII(segment); n > 0 {
				dst, marks = append(dst, segment[:n]...), noBase
				if carriesMarks(rune(segment[n-1])) {
					marks = maxMarks
				}
				segment = segment[n:]
				continue
			}
			r, n := utf8.DecodeRuneInString(segment)
			raw := segment[:n]
			segment = segment[n:]
			isMark := unicode.Is(unicode.M, r)
			switch {
			case isInvalid(r, raw), odd && r >= utf8.RuneSelf, invisible.Is(r), isMark && marks == noBase:
				dst, marks = f(dst, r, raw), noBase
				continue
			case isMark:
				marks--
			case carriesMarks(r):
				marks = maxMarks
			default:
				marks = noBase
			}
			dst = append(dst, raw...)
		}
	}
	return string(dst)
}

// visibleASCII returns how many bytes at the beginning of s are ASCII characters that are never refused.
func visibleASCII(s string) int {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return i
		}
	}
	return len(s)
}

const (
	noBase   = 0
	maxMarks = 6 // more than any language puts on a letter
)

func isInvalid(r rune, raw string) bool { return r == utf8.RuneError && len(raw) == 1 }

// carriesMarks reports whether a mark after r belongs to r. Marks after a quote or a blank are escaped: the program
// itself may have put these before a text.
func carriesMarks(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsNumber(r) || r >= utf8.RuneSelf && unicode.IsSymbol(r)
}

// visibleForm is what people see instead of a refused rune, in the notation of Go, C and Python.
func visibleForm(dst []byte, r rune, raw string) []byte {
	switch {
	case isInvalid(r, raw):
		return fmt.Appendf(dst, `\x%02x`, raw[0])
	case r == '\n':
		return append(dst, `\n`...)
	case r == '\t':
		return append(dst, `\t`...)
	case r == '\r':
		return append(dst, `\r`...)
	case r < utf8.RuneSelf:
		return fmt.Appendf(dst, `\x%02x`, r)
	case r <= 0xffff:
		return fmt.Appendf(dst, `\u%04x`, r)
	default:
		return fmt.Appendf(dst, `\U%08x`, r)
	}
}

// visibleLinesForm is visibleForm for text whose line feeds are the program's own.
func visibleLinesForm(dst []byte, r rune, raw string) []byte {
	if r == '\n' {
		return append(dst, '\n')
	}
	return visibleForm(dst, r, raw)
}

// jsonForm is how JSON writes a refused rune. Raw line feeds stand only between tokens, and stay there.
func jsonForm(dst []byte, r rune, raw string) []byte {
	switch {
	case r == '\n':
		return append(dst, '\n')
	case isInvalid(r, raw):
		return append(dst, `\ufffd`...)
	case r <= 0xffff:
		return fmt.Appendf(dst, `\u%04x`, r)
	default:
		high, low := utf16.EncodeRune(r)
		return fmt.Appendf(dst, `\u%04x\u%04x`, high, low)
	}
}

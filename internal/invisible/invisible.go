// Package invisible says which characters nobody sees as what they are: a terminal obeys or hides them, or draws them like
// a plain blank.
//
// Its law: there is one such set, for the screen, for the audit log, for syslog, and for names that are recorded.
package invisible

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Is reports whether r must be written as an escape, whatever stands around it. Plain blanks, and letters, marks, numbers,
// punctuation and symbols that have ink, may stand as they are.
func Is(r rune) bool {
	if r <= unicode.MaxASCII {
		return r < ' ' || r > '~'
	}
	return !unicode.IsGraphic(r) || unicode.In(r, unicode.Zs, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point, drawnAsNothing)
}

// drawnAsNothing are graphic characters without ink that Unicode's tables do not call invisible: the empty Braille
// pattern, the Khitan filler and the musical null notehead.
var drawnAsNothing = &unicode.RangeTable{
	R16: []unicode.Range16{{Lo: 0x2800, Hi: 0x2800, Stride: 1}},
	R32: []unicode.Range32{{Lo: 0x16fe4, Hi: 0x16fe4, Stride: 1}, {Lo: 0x1d159, Hi: 0x1d159, Stride: 1}},
}

// Bytes returns s with each byte that is not UTF-8 as four characters, such as \xfc.
func Bytes(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && n == 1 {
			fmt.Fprintf(&b, `\x%02x`, s[0])
		} else {
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return b.String()
}

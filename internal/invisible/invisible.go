// Package invisible says which characters nobody sees as what they are: a terminal obeys or hides them, or draws them like
// a plain blank.
//
// Its law: there is one such set, for the screen, for the audit log, for syslog, and for names that are recorded.
package invisible

import "unicode"

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

package output

import (
	"fmt"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	zeroWidthJoiner   = '\u200d'
	emojiPresentation = '\ufe0f'
)

// Escape makes text from outside harmless on a terminal and in CSV. Characters that move the cursor, break a line,
// reverse the reading order or can't be seen become a visible escape (\n, \t, \r, \x1b, \u202e, \U000e0041, and
// \xff for a byte that is not UTF-8).
//
// It works by a list of what is allowed: what Unicode calls graphic stays (letters, marks, numbers, punctuation,
// symbols, spaces), except for graphic characters that are drawn as nothing, such as the Hangul fillers. The rest is
// escaped: C0, DEL, C1, line and paragraph separators, bidi controls, zero-width characters, soft hyphens, tags,
// private use, unassigned. Two invisible things are kept, because visible text would change without them: variation
// selectors, and the zero-width joiner between two emoji. Elsewhere a joiner is escaped, because "ad\u200dmin" looks
// like "admin".
//
// A backslash stays as it is, so the result can't be turned back: a user whose name is the four plain characters `a\nb`
// looks like one with a line feed. Tables are for people; a program that needs the bytes reads JSON.
//
// Escape(Escape(s)) equals Escape(s).
func Escape(s string) string {
	if isPlainASCII(s) {
		return s
	}
	return escapeAs(s, visibleForm)
}

func isPlainASCII(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// A form appends to dst what stands for the refused rune r. raw holds r as it was found. For a byte that is not UTF-8,
// r is utf8.RuneError and raw is that one byte.
type form func(dst []byte, r rune, raw string) []byte

// escapeAs returns s with each refused rune in the given form. Only this function decides what may be shown; a form
// decides what is shown instead.
func escapeAs(s string, f form) string {
	dst := make([]byte, 0, len(s))
	prev := rune(-1)
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		raw, rest := s[:n], s[n:]
		if isInvalid(r, raw) || isRefused(prev, r, rest) {
			dst = f(dst, r, raw)
		} else {
			dst = append(dst, raw...)
		}
		prev, s = r, rest
	}
	return string(dst)
}

func isInvalid(r rune, raw string) bool { return r == utf8.RuneError && len(raw) == 1 }

// isRefused reports whether r, between prev and rest, must not be shown.
func isRefused(prev, r rune, rest string) bool {
	if r == zeroWidthJoiner {
		next, _ := utf8.DecodeRuneInString(rest)
		return !isEmojiPart(prev) && prev != emojiPresentation || !isEmojiPart(next)
	}
	return !unicode.IsGraphic(r) || unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r)
}

// isEmojiPart also accepts symbols that are not emoji: a joiner between two of those misleads nobody.
func isEmojiPart(r rune) bool {
	return r > unicode.MaxLatin1 && r != utf8.RuneError && unicode.IsSymbol(r)
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

// dropForm leaves a refused rune out.
func dropForm(dst []byte, _ rune, _ string) []byte { return dst }

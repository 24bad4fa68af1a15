package dotenv

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"uzerp-mfa/internal/installation/php"
)

const byteOrderMark = "\ufeff"

// line is one line of the file without its end.
type line struct {
	text  string // the line as phpdotenv sees it
	raw   string // the line as it stands in the file
	start int    // offset of raw in the file
	end   string // LF, CRLF, CR, or nothing at the end of the file
}

// splitLines splits at CRLF, LF and CR, and takes off a leading byte order mark. read turns the raw text of a line into
// the text that phpdotenv sees. Splitting first is right, because no invalid UTF-8 sequence includes a line end.
func splitLines(src []byte, read func(raw string) string) []line {
	at := 0
	if bytes.HasPrefix(src, []byte(byteOrderMark)) {
		at = len(byteOrderMark)
	}
	var lines []line
	for {
		n := bytes.IndexAny(src[at:], "\r\n")
		if n < 0 {
			n = len(src) - at
		}
		l := line{raw: string(src[at : at+n]), start: at, end: php.LineEnd(src[at+n:])}
		l.text = read(l.raw)
		lines = append(lines, l)
		at += n + len(l.end)
		if l.end == "" {
			return lines
		}
	}
}

// decode replaces what is not UTF-8 with "?", one for each maximal subpart, as PHP 8.2's mb_convert_encoding does
// (docs/facts/phpdotenv.md §1.1). Go's own loop over a string would give one for each byte.
func decode(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	for text != "" {
		width, valid := subpart(text)
		if valid {
			b.WriteString(text[:width])
		} else {
			b.WriteByte('?')
		}
		text = text[width:]
	}
	return b.String()
}

// subpart returns the length of the character, or of the maximal invalid subpart, that text begins with.
func subpart(text string) (width int, valid bool) {
	if r, n := utf8.DecodeRuneInString(text); r != utf8.RuneError || n > 1 {
		return n, true
	}
	lead := text[0]
	low, high, want := byte(0x80), byte(0xbf), 0
	switch {
	case lead < 0xc2 || lead > 0xf4:
		return 1, false
	case lead < 0xe0:
		want = 2
	case lead < 0xf0:
		want = 3
	default:
		want = 4
	}
	switch lead { // the second byte of these is limited (Unicode, table 3-7)
	case 0xe0:
		low = 0xa0
	case 0xed:
		high = 0x9f
	case 0xf0:
		low = 0x90
	case 0xf4:
		high = 0x8f
	}
	width = 1
	for width < want && width < len(text) && low <= text[width] && text[width] <= high {
		width++
		low, high = 0x80, 0xbf
	}
	return width, false
}

// encodedLen returns how many bytes of src become the first n bytes of its decoded text.
func encodedLen(src string, n int) int {
	at := 0
	for n > 0 && at < len(src) {
		width, valid := subpart(src[at:])
		at += width
		if valid {
			n -= width
		} else {
			n--
		}
	}
	return at
}

// block is what phpdotenv treats as one line: one line of the file, or several that a quote joins.
type block struct {
	first int // number of its first line, from 1
	lines []line
	text  string // the lines, joined with LF whatever their line ends were
}

func newBlock(first int, lines []line) block {
	b := block{first: first, lines: lines, text: lines[0].text}
	if len(lines) > 1 {
		texts := make([]string, len(lines))
		for i, l := range lines {
			texts[i] = l.text
		}
		b.text = strings.Join(texts, "\n")
	}
	return b
}

// lastLine returns the number of the last line.
func (b *block) lastLine() int { return b.first + len(b.lines) - 1 }

// lineAt returns the index in b.lines and the offset in that line for an offset in b.text.
func (b *block) lineAt(offset int) (index, within int) {
	for index < len(b.lines)-1 && offset > len(b.lines[index].text) {
		offset -= len(b.lines[index].text) + 1
		index++
	}
	return index, offset
}

// position returns the line and column of an offset in b.text.
func (b *block) position(offset int) Position {
	at, within := b.lineAt(offset)
	return Position{Line: b.first + at, Column: utf8.RuneCountInString(b.lines[at].text[:within]) + 1}
}

// source returns the offset in the file of an offset in b.text.
func (b *block) source(offset int) int {
	at, within := b.lineAt(offset)
	l := b.lines[at]
	return l.start + encodedLen(l.raw, within)
}

// dropped reports whether the block is blank or a comment. phpdotenv looks for comments only after it has joined lines,
// so a quote in a comment can join the next lines to it (docs/facts/phpdotenv.md §1.3 and §1.4).
func (b *block) dropped() bool {
	text := strings.Trim(b.text, php.Blank)
	return text == "" || text[0] == '#'
}

// joinLines joins lines into blocks. A block that is still open at the end of the file is returned separately, because
// phpdotenv silently drops it and so everything from its first line on (docs/facts/phpdotenv.md §1.3).
func joinLines(lines []line) (blocks []block, open *block) {
	for i := 0; i < len(lines); i++ {
		if !opensBlock(lines[i].text) {
			blocks = append(blocks, newBlock(i+1, lines[i:i+1]))
			continue
		}
		last := i + 1
		for last < len(lines) && !closesBlock(lines[last].text) {
			last++
		}
		if last == len(lines) {
			b := newBlock(i+1, lines[i:])
			return blocks, &b
		}
		blocks = append(blocks, newBlock(i+1, lines[i:last+1]))
		i = last
	}
	return blocks, nil
}

func opensBlock(text string) bool {
	return strings.Contains(text, `="`) && freeQuotes(text) < 2
}

func closesBlock(text string) bool {
	return text == `"` || freeQuotes(text) > 0
}

// freeQuotes deletes every pair of backslashes, and then counts the double quotes that follow a character other than a
// backslash. So a quote at the very beginning doesn't count.
func freeQuotes(text string) int {
	text = strings.ReplaceAll(text, `\\`, "")
	n := 0
	for i := 1; i < len(text); i++ {
		if text[i] == '"' && text[i-1] != '\\' {
			n++
		}
	}
	return n
}

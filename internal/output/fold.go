package output

import (
	"strings"
	"unicode"

	"uzerp-mfa/internal/pattern"
)

// This file folds text for a terminal. It is the one mechanism for messages, prompts, cards, help, pages and the cells of tables. An
// AltScreen alone folds by itself (wrap.go): it also breaks words.
//
// Its law: a line ends only where a blank of prose was. What people copy or compare stays in one piece: a word (a SID, a
// path, an address), what stands in quotes, a number of several groups, and a command line of this program. Such a piece
// gets a line of its own if it needs one, and if it is wider than the terminal, the terminal itself goes on in its next line:
// no blank and no line feed is put into it, so that copying it gives the piece.

// narrowest is the width that lines are made for at least.
const narrowest = 40

// Wrap returns text, made harmless by Escape, in lines of at most width columns, as Sayf folds a message on a terminal. There
// is always at least one line.
func Wrap(text string, width int) []string { return fold(Escape(text), width, 0) }

// A piece is what is never divided.
type piece struct {
	blanks int // before it, if it does not begin a line
	text   string
}

// foldText folds all lines of a text that is escaped already. What follows the first line of each is indented: below what
// stands behind its label, if it has one. A width of 0 leaves the text as it is.
func foldText(text string, width int) string {
	if width == 0 {
		return text
	}
	var lines []string
	for paragraph := range strings.SplitSeq(text, "\n") {
		lines = append(lines, fold(paragraph, width, hanging(paragraph, width))...)
	}
	return strings.Join(lines, "\n")
}

// label matches what stands before the text of a line: a word or two, and at least two blanks.
var label = pattern.Lazy(`^ *\S+(?: \S+){0,2}  +`)

// hanging returns how far the lines after the first are indented.
func hanging(paragraph string, width int) int {
	if l := label().FindString(paragraph); l != "" && measure.StringWidth(l) <= width*2/5 {
		return measure.StringWidth(l)
	}
	return min(len(paragraph)-len(strings.TrimLeft(paragraph, " "))+len("  "), width/4)
}

// fold returns a line without line feeds in lines of at most width columns. All but the first are indented.
func fold(line string, width, indent int) []string { return layOut(pieces(line), width, indent) }

// Fill returns head, and behind it the words of a text of this program's own, in lines of at most width columns. All but the first
// are indented, and each ends with a line feed. Unlike a message's, the text's words are all that is kept in one piece.
func Fill(head, text string, width, indent int) string {
	words := strings.Fields(text)
	if len(words) == 0 {
		return strings.TrimRight(head, " ") + "\n"
	}
	all := []piece{{0, head + words[0]}}
	for _, word := range words[1:] {
		all = append(all, piece{1, word})
	}
	return strings.Join(layOut(all, width, indent), "\n") + "\n"
}

// layOut puts pieces on lines. All but the first are indented.
func layOut(all []piece, width, indent int) (lines []string) {
	if len(all) == 0 {
		return []string{""}
	}
	for _, l := range Lines(all, piece.size, width, all[0].blanks, indent) {
		text := strings.Repeat(" ", l.Indent)
		for i, p := range l.Words {
			if i > 0 {
				text += strings.Repeat(" ", p.blanks)
			}
			text += p.text
		}
		lines = append(lines, text)
	}
	return lines
}

func (p piece) size() (blanks, width int) { return p.blanks, measure.StringWidth(p.text) }

// A Line is what Lines puts on one.
type Line[W any] struct {
	Indent int
	Words  []W
}

// Lines puts words, which are never divided, on lines of at most width columns: the first is indented by first, the others by indent.
// size returns how many blanks are before a word that does not begin a line, and how wide it is. A word that is too wide for an
// indented line begins at the left, and one that is wider than a line has one of its own.
func Lines[W any](all []W, size func(W) (blanks, width int), width, first, indent int) (lines []Line[W]) {
	col := 0
	for i, word := range all {
		blanks, w := size(word)
		switch {
		case i == 0:
			col, blanks = first, 0
			lines = append(lines, Line[W]{Indent: col})
		case col+blanks+w > width:
			col, blanks = indent, 0
			if col+w > width {
				col = max(0, min(len(gap), width-w))
			}
			lines = append(lines, Line[W]{Indent: col})
		}
		l := &lines[len(lines)-1]
		l.Words, col = append(l.Words, word), col+blanks+w
	}
	return lines
}

// pieces divides a line that is escaped already.
func pieces(line string) (all []piece) {
	blanks := 0
	for line != "" {
		if line[0] == ' ' {
			blanks, line = blanks+1, line[1:]
			continue
		}
		n := pieceLength(line)
		all = append(all, piece{blanks, line[:n]})
		blanks, line = 0, line[n:]
	}
	return all
}

// pieceLength returns how many bytes at the start of a line belong together. The line begins with a word.
func pieceLength(line string) int {
	if n := commandLength(line); n > 0 {
		return n
	}
	n := wordLength(line)
	if !isNumber(line[:n]) {
		return n
	}
	for strings.HasPrefix(line[n:], " ") { // +44 20 7946 0000, 2026-03-01 08:00
		more := 1 + wordLength(line[n+1:])
		if !isNumber(line[n+1 : n+more]) {
			break
		}
		n += more
	}
	return n
}

// wordLength returns the length of a word. What stands in quotes is part of it, with its blanks.
func wordLength(line string) int {
	for i := 0; i < len(line); i++ {
		switch {
		case line[i] == ' ':
			return i
		case line[i] == '"' && (i == 0 || strings.IndexByte("([{=:>,/", line[i-1]) >= 0):
			if end := closing(line[i+1:]); end >= 0 {
				i += 1 + end
			}
		}
	}
	return len(line)
}

// closing returns where the quotes end that line stands in, or -1. As in Go's notation, \" is none.
func closing(line string) int {
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}

// isNumber reports whether a word is a group of a number, a date or a time, or of one that is masked.
func isNumber(word string) bool {
	digits := false
	for _, r := range word {
		switch {
		case r >= '0' && r <= '9', r == '*', r == '•':
			digits = true
		case !strings.ContainsRune("+-.:,()/TZ", r):
			return false
		}
	}
	return digits
}

// program is the word that a command line begins with.
const program = "uzerp-mfa"

// commandLength returns the length of the command line at the start of a line, with the sudo before it, or 0 if it begins with
// none. A command line ends with a word that has punctuation behind it, or before a word of prose.
func commandLength(line string) int {
	n := 0
	if strings.HasPrefix(line, "sudo ") {
		at := strings.Index(line, " "+program+" ")
		if at < 0 || strings.ContainsAny(line[:at], ";,") {
			return 0
		}
		n = at + 1
	}
	if !strings.HasPrefix(line[n:], program+" ") {
		return 0
	}
	n += len(program)
	for strings.HasPrefix(line[n:], " ") && len(line) > n+1 && line[n+1] != ' ' {
		length := shellWordLength(line[n+1:])
		word := line[n+1 : n+1+length]
		if follows[word] {
			break
		}
		n += 1 + length
		if strings.ContainsAny(word[len(word)-1:], ";,:)") || word[len(word)-1] == '.' && !strings.HasSuffix(word, "...") {
			break
		}
	}
	return n
}

// shellWordLength returns the length of a word of a shell's command line.
func shellWordLength(line string) int {
	quote := byte(0)
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case quote == '\'' && c == '\'', quote == '"' && c == '"':
			quote = 0
		case quote == 0 && c == ' ':
			return i
		case c == '\\' && quote != '\'':
			i++
		case quote == 0 && (c == '\'' || c == '"') && closes(line[i+1:], c):
			quote = c
		}
	}
	return len(line)
}

func closes(line string, quote byte) bool { return strings.IndexByte(line, quote) >= 0 }

// follows are the words with which messages go on after a command line. TestHintsKeepCommandsWhole finds one that is missing.
var follows = words(`
adds allows and answers asks before can changes checks concerns continues deletes does else ends enrolls explains finds finishes for from
gives goes has if in is it itself keeps later lets lists looks makes mends needs of on only or prints puts says sees sends sets shows so
starts switches takes tells tests that then to tries until was when where which who with without works writes`)

func words(text string) map[string]bool {
	all := make(map[string]bool)
	for word := range strings.FieldsSeq(text) {
		all[word] = true
	}
	return all
}

// cut returns text, which is escaped already, in at most width columns. If something is left out, it ends with sign. It never
// ends inside of an escape or of a letter with its marks, nor with a blank before the sign.
func cut(text string, width int, sign string) string {
	if measure.StringWidth(text) <= width {
		return text
	}
	room, kept := max(0, width-measure.StringWidth(sign)), 0
	for kept < len(text) {
		unit := firstLetter(text[kept:])
		if at := escapes().FindStringIndex(text[kept:]); text[kept] == '\\' && at != nil && at[0] == 0 {
			unit = text[kept : kept+at[1]]
		}
		if measure.StringWidth(text[:kept+len(unit)]) > room {
			break
		}
		kept += len(unit)
	}
	return strings.TrimRight(text[:kept], " ") + sign
}

// firstLetter returns the first letter of text with the marks that belong to it.
func firstLetter(text string) string {
	for i, r := range text {
		if i > 0 && !unicode.Is(unicode.M, r) {
			return text[:i]
		}
	}
	return text
}

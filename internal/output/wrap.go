package output

import (
	"strings"

	"github.com/mattn/go-runewidth"
)

// measure takes the width of characters from Unicode alone. runewidth's default also looks at the locale, so the same
// data would look different on two machines.
var measure = &runewidth.Condition{}

// Wrap returns text, made harmless by Escape, in lines of at most width columns. It breaks at blanks, and inside a word
// only if the word alone is wider than a line. There is always at least one line.
func Wrap(text string, width int) []string { return wrap(Escape(text), width, 0) }

// wrap is Wrap for text that is escaped already. Its line feeds are the program's own and start a new paragraph. In a
// paragraph all lines but the first are indented.
func wrap(text string, width, indent int) (lines []string) {
	for paragraph := range strings.SplitSeq(text, "\n") {
		line, col, begun := "", 0, false // begun: the line has a word
		next := func() { line, col, begun = strings.Repeat(" ", indent), indent, false }
		blanks := -1 // before the next word; none before the first
		for word := range strings.SplitSeq(paragraph, " ") {
			blanks++
			if word == "" {
				continue
			}
			w := measure.StringWidth(word)
			if col+blanks+w > width && (begun || indent+w <= width) {
				if begun {
					lines = append(lines, line)
				}
				next()
				blanks = 0
			}
			line, col = line+strings.Repeat(" ", blanks), col+blanks
			for col+w > width && width-col > 1 { // a word wider than a line
				head := measure.Truncate(word, width-col, "")
				lines = append(lines, line+head)
				next()
				word = word[len(head):]
				w = measure.StringWidth(word)
			}
			line, col, begun = line+word, col+w, true
			blanks = 0
		}
		lines = append(lines, line)
	}
	return lines
}

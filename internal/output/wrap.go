package output

import (
	"strings"

	"github.com/mattn/go-runewidth"
)

// measure takes the width of characters from Unicode alone. runewidth's default also looks at the locale, so the same
// data would look different on two machines.
var measure = &runewidth.Condition{}

// wrap returns text, which is escaped already, in lines of at most width columns, for an AltScreen, which places every line
// itself. It breaks at blanks, and inside a word if the word alone is wider than a line: no line is ever wider. The text's line
// feeds are the program's own and start a new paragraph. In a paragraph all lines but the first are indented. There is always
// at least one line.
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

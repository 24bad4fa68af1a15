package cmd

import (
	"strings"
	"testing"

	"github.com/mattn/go-runewidth"
)

// The lines of a card are filled up to column 80, whatever the script: a Cyrillic letter has two bytes and one
// column, a Chinese character three bytes and two columns.
func TestCardWrapsByColumns(t *testing.T) {
	cond := &runewidth.Condition{}
	for _, word := range []string{"abcde", "слово", "étés", "字字", "👍👍"} {
		p := &pairs{}
		p.add("why", strings.TrimSpace(strings.Repeat(word+" ", 40)))
		room := (cardWidth - labelWidth + 1) / (cond.StringWidth(word) + 1)
		for i, line := range *p {
			if n := len(strings.Fields(line[1])); n != room && i < len(*p)-1 {
				t.Errorf("line %d has %d times %q, and there is room for %d", i, n, word, room)
			}
			if (line[0] == "why") != (i == 0) {
				t.Errorf("line %d has the label %q", i, line[0])
			}
		}
	}
}

package page

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"uzerp-mfa/docs"
	"uzerp-mfa/internal/output"
)

const sample = "# Looking at `x`\n\nSome **bold** text, *soft*, `code that is one word`, and [a page](other.md#part); see [other.md](other.md)\n" +
	"or <https://example.com>.\n\n" +
	"<!-- a note -->\n## Lists\n\n- one\n- two, which goes on\n  until here\n\n      its code\n\n  and more\n  1. first\n  2. second\n\n### Table\n\n" +
	"| `id` | means |\n|---|---|\n| `a\\|b` | the first of the letters, and a bar behind it, and then another letter |\n| c | |\n\n" +
	"```sh\nuzerp-mfa user reset alice --identify sms --reason 'a code block is never broken'\n```\n\n    $ uzerp-mfa version\n"

var sampleLink = func(target string) string {
	if target == "other.md" {
		return "uzerp-mfa help other"
	}
	return ""
}

func TestRender(t *testing.T) {
	for name, test := range map[string]struct {
		options Options
		want    string
	}{
		"a terminal": {Options{Width: 80, Link: sampleLink}, "Looking at `x`\n" + `
    Some bold text, soft, %code that is one word%, and a page
    (%uzerp-mfa help other%); see %uzerp-mfa help other% or https://example.com.

Lists

    - one

    - two, which goes on until here

        its code

      and more

      1. first
      2. second

  Table

    %id%   means
    ----------------------------------------------------------------------------
    %a|b%  the first of the letters, and a bar behind it, and then another
           letter
    c

      uzerp-mfa user reset alice --identify sms --reason 'a code block is never broken'

      $ uzerp-mfa version
`},
		"a narrow one": {Options{Width: 40, Link: sampleLink}, "Looking at `x`\n" + `
  Some bold text, soft,
  %code that is one word%, and a page
  (%uzerp-mfa help other%); see
  %uzerp-mfa help other% or
  https://example.com.

Lists

  - one

  - two, which goes on until here

      its code

    and more

    1. first
    2. second

 Table

  %id%   means
  --------------------------------------
  %a|b%  the first of the letters, and a
         bar behind it, and then another
         letter
  c

    uzerp-mfa user reset alice --identify sms --reason 'a code block is never broken'

    $ uzerp-mfa version
`},
	} {
		if got, want := Render(Parse(sample), test.options), strings.ReplaceAll(test.want, "%", "`"); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
		}
	}
}

// A table that does not fit, with no column too narrow to read, becomes blocks.
func TestTableAsBlocks(t *testing.T) {
	const table = "| result | in JSON | meaning | code |\n|---|---|---|---|\n" +
		"| `ok` | `pass` | checked, and in order, as it should be | 0 |\n| `skip` | | not checked, because it needs something that failed | 9 |\n"
	want := "  `ok`\n    in JSON: `pass`\n    meaning: checked, and in order, as\n      it should be\n    code: 0\n\n" +
		"  `skip`\n    meaning: not checked, because it\n      needs something that failed\n    code: 9\n"
	if got := Render(Parse(table), Options{Width: 40}); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

var (
	colors = regexp.MustCompile("\x1b\\[[0-9]*m")
	// pieces matches what is never broken: a word, and code with what sticks to it.
	pieces   = regexp.MustCompile("[^\\s`]*(?:`[^`]*`[^\\s`]*)+|\\S+")
	itemMark = regexp.MustCompile(`^(?:-|[0-9]+\.) `)
)

// Every page is shown with no line that is too long but for code, from 40 columns up. Colours change no letter, and code stays
// in one piece.
func TestEveryPageFits(t *testing.T) {
	for _, topic := range docs.Topics() {
		blocks := Parse(topic.Text())
		code := codeOf(blocks)
		const wide = 1000 // every table fits: with backticks, others become blocks
		if diff := cmp.Diff(words(Render(blocks, Options{Width: wide, Color: true})), words(Render(blocks, Options{Width: wide}))); diff != "" {
			t.Errorf("%s: colours change the text:\n%s", topic.File, diff)
		}
		for _, width := range []int{40, 50, 80, 120} {
			plain := Render(blocks, Options{Width: width})
			inBlock := map[string]bool{}
			for _, c := range code {
				inBlock[c] = true
				if !strings.Contains(plain, c) {
					t.Errorf("%s: at %d columns it lacks %q", topic.File, width, c)
				}
			}
			for line := range strings.Lines(plain) {
				line = strings.TrimRight(line, "\n")
				bare := strings.TrimSpace(line)
				if output.Width(line) > width && !inBlock[bare] && len(pieces.FindAllString(itemMark.ReplaceAllString(bare, ""), -1)) > 1 {
					t.Errorf("%s: at %d columns: %q", topic.File, width, line)
				}
				if line != strings.TrimRight(line, " ") && !inBlock[bare] {
					t.Errorf("%s: blanks at the end of %q", topic.File, line)
				}
			}
			colored := Render(blocks, Options{Width: width, Color: true})
			if strings.Contains(colors.ReplaceAllString(colored, ""), "\x1b") || strings.Contains(plain, "\x1b") {
				t.Errorf("%s: another sequence than bold", topic.File)
			}
		}
	}
}

// words returns which words are in a text, without colours, backticks and colons. Their order differs: with backticks, lines of
// cells break elsewhere.
func words(text string) map[string]bool {
	found := map[string]bool{}
	for word := range strings.FieldsSeq(strings.NewReplacer("`", "", ":", "").Replace(colors.ReplaceAllString(text, ""))) {
		if strings.Trim(word, "-") != "" {
			found[word] = true
		}
	}
	return found
}

// codeOf returns the lines of code in a page.
func codeOf(blocks []Block) (lines []string) {
	for _, b := range blocks {
		for _, line := range b.Lines {
			lines = append(lines, strings.TrimSpace(line))
		}
		for _, item := range b.Items {
			lines = append(lines, codeOf(item)...)
		}
	}
	return lines
}

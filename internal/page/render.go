package page

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"uzerp-mfa/internal/output"
	"uzerp-mfa/internal/pattern"
)

// Options say how a page is laid out.
type Options struct {
	Width int  // columns of the screen
	Color bool // headings and code are bold
	// Link returns what is shown for a link to another page: the command that shows it, or "" for nothing but the link's text.
	Link func(target string) string
}

// Widest is how many columns a line of text may have on a wide screen. Longer ones are hard to read.
const Widest = 100

// Render returns the text of a page.
func Render(blocks []Block, o Options) string {
	r := renderer{o, max(40, o.Width)}
	return r.body(blocks)
}

type renderer struct {
	Options
	width int
}

// body lays out a whole page: headings at the left, and what is below them indented.
func (r renderer) body(blocks []Block) string {
	indent := "    "
	if r.width < 60 {
		indent = "  "
	}
	var b strings.Builder
	for i, block := range blocks {
		if i > 0 {
			b.WriteString("\n")
		}
		if block.Kind != Heading {
			b.WriteString(r.blocks(blocks[i:i+1], indent))
			continue
		}
		own := ""
		if block.Level > 2 {
			own = indent[:len(indent)/2]
		}
		b.WriteString(r.flow(block.Text, own, own, true))
	}
	return b.String()
}

// blocks lays out blocks of which each line begins with indent.
func (r renderer) blocks(blocks []Block, indent string) string {
	var parts []string
	for _, b := range blocks {
		switch b.Kind {
		case Heading:
			parts = append(parts, r.flow(b.Text, indent, indent, true))
		case Paragraph:
			parts = append(parts, r.flow(b.Text, indent, indent, false))
		case Code:
			code := ""
			for _, line := range b.Lines {
				if line != "" {
					line = indent + "  " + line
				}
				code += line + "\n"
			}
			parts = append(parts, code)
		case List:
			parts = append(parts, r.list(b, indent))
		case Table:
			parts = append(parts, r.table(b.Rows, indent))
		}
	}
	return strings.Join(parts, "\n")
}

func (r renderer) list(b Block, indent string) string {
	var items []string
	for i, item := range b.Items {
		mark := "- "
		if b.First >= 0 {
			mark = fmt.Sprintf("%d. ", b.First+i)
		}
		below := indent + strings.Repeat(" ", len(mark))
		text := ""
		if len(item) > 0 && item[0].Kind == Paragraph {
			text, item = r.flow(item[0].Text, indent+mark, below, false), item[1:]
		} else {
			text = indent + mark + "\n"
		}
		if len(item) > 0 {
			if b.Loose || item[0].Kind != List {
				text += "\n"
			}
			text += r.blocks(item, below)
		}
		items = append(items, text)
	}
	if b.Loose {
		return strings.Join(items, "\n")
	}
	return strings.Join(items, "")
}

// flow lays out a text in lines. The first begins with first, the others with next.
func (r renderer) flow(text []Span, first, next string, bold bool) string {
	words := r.words(text)
	if bold {
		for i := range words {
			words[i].bold = true
		}
	}
	var b strings.Builder
	for i, line := range breakLines(words, min(r.width, Widest)-output.Width(next)) {
		start := next
		if i == 0 {
			start = first
		}
		b.WriteString(strings.TrimRight(start+r.paint(line), " ") + "\n")
	}
	return b.String()
}

// A word is text that is never broken.
type word struct {
	text  string
	bold  bool
	glued bool // no blank before it
}

// words returns the words of a text. Code is one word, whatever is in it.
func (r renderer) words(text []Span) (words []word) {
	glued := true
	add := func(s string, bold bool) {
		words = append(words, word{s, bold, glued})
		glued = true
	}
	for _, s := range Linked(text, r.Link) {
		if s.Code {
			shown := s.Text
			if !r.Color {
				shown = "`" + shown + "`"
			}
			add(shown, true)
			continue
		}
		for i, part := range strings.Split(s.Text, " ") {
			glued = glued && i == 0
			if part != "" {
				add(part, s.Bold)
			}
		}
	}
	if len(words) > 0 {
		words[0].glued = false
	}
	return words
}

// fileName matches the text of a link that only names a file, as its last part without the .md does too.
var fileName = pattern.Lazy(`^[\w./-]+(?:\.md|/)$`)

// Linked returns a text whose links can be followed where they can't be clicked: behind each stands its address, or what link
// returns for it, as Options.Link does.
func Linked(text []Span, link func(target string) string) (shown []Span) {
	for i, s := range text {
		last := i+1 == len(text) || text[i+1].Link != s.Link
		target, _, _ := strings.Cut(s.Link, "#")
		switch {
		case target == "":
			shown = append(shown, s)
		case strings.Contains(target, "://"):
			if shown = append(shown, s); last && s.Text != s.Link {
				shown = append(shown, Span{Text: " (" + s.Link + ")"})
			}
		default:
			command := ""
			if link != nil {
				command = link(target)
			}
			alone := last && (i == 0 || text[i-1].Link != s.Link) && (fileName().MatchString(s.Text) || s.Text == strings.TrimSuffix(path.Base(target), ".md"))
			switch {
			case command == "" || !last:
				shown = append(shown, s)
			case alone:
				shown = append(shown, Span{Text: command, Code: true})
			default:
				shown = append(shown, s, Span{Text: " ("}, Span{Text: command, Code: true}, Span{Text: ")"})
			}
		}
	}
	return shown
}

// breakLines puts words into lines of at most width columns. A word that is wider has a line of its own.
func breakLines(words []word, width int) (lines [][]word) {
	var groups [][]word // what is glued stays together
	for _, w := range words {
		if last := len(groups) - 1; last >= 0 && w.glued {
			groups[last] = append(groups[last], w)
		} else {
			groups = append(groups, []word{w})
		}
	}
	for _, line := range output.Lines(groups, func(group []word) (int, int) { return 1, widthOf(group) }, width, 0, 0) {
		lines = append(lines, slices.Concat(line.Words...))
	}
	return lines
}

// paint returns a line of words.
func (r renderer) paint(line []word) string {
	text, run, bold := "", "", false // run: what is not in text yet, and is painted alike
	flush := func() {
		if bold && r.Color {
			run = output.Bold.Paint(run)
		}
		text, run = text+run, ""
	}
	for i, w := range line {
		blank := ""
		if i > 0 && !w.glued {
			blank = " "
		}
		if w.bold != bold {
			if !w.bold { // the blank is not bold
				flush()
			} else {
				run += blank
				blank = ""
				flush()
			}
			bold = w.bold
		}
		run += blank + w.text
	}
	flush()
	return text
}

func widthOf(line []word) (width int) {
	for i, w := range line {
		if i > 0 && !w.glued {
			width++
		}
		width += output.Width(w.text)
	}
	return width
}

package main

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"uzerp-mfa/cmd"
	"uzerp-mfa/internal/output"
	"uzerp-mfa/internal/page"
)

// writer writes a page for roff.
type writer struct {
	b      strings.Builder
	link   func(target string) string // the manual page of a link
	indent int                        // how far the text is from where it stands in a section
}

// room is how many columns a section's text has on a screen of 80 columns.
const room = 71

// page returns the whole page. It is ASCII alone: what is not is named, with a text for terminals that don't have it.
func (r *writer) page(name, section, version string, day time.Time) string {
	const about, columns = "uzERP two-factor login", 78
	title := strings.ToUpper(name)
	if 2*len(title+"(1)") >= columns { // it stands at both ends of the first line
		title = strings.TrimPrefix(title, "UZERP-MFA-")
	}
	middle := about
	if 2*len(title+"(1)")+len(about)+2 > columns {
		middle = ""
	}
	var head strings.Builder
	fmt.Fprintf(&head, ".\\\" Made by scripts/man.\n.TH %q %q %q %q %q\n", title, section, day.Format(time.DateOnly), "uzerp-mfa "+version, middle)
	text := r.b.String()
	seen := map[string]bool{}
	for _, found := range named.FindAllString(text, -1) {
		seen[found] = true
	}
	for _, found := range slices.Sorted(maps.Keys(seen)) {
		var c rune
		_, _ = fmt.Sscanf(found, `\[u%X]`, &c)
		shown, ok := inASCII[c]
		if !ok {
			shown = "?"
		}
		head.WriteString(".fchar " + found + " " + shown + "\n")
	}
	// No word is broken, for it may be a command's. groff begins each section with the number in HY.
	return head.String() + ".nr HY 0\n.nh\n.ad l\n" + text
}

var named = regexp.MustCompile(`\\\[u[0-9A-F]{4,6}\]`)

// inASCII are texts for terminals that have no more than ASCII.
var inASCII = map[rune]string{
	'…': "...", '→': "->", '↔': "<->", '§': "section ", '–': "-", '−': "-", '·': "*", '≤': "<=", '≥': ">=", '≠': "/=", '≈': "~", '±': "+-", '×': "x",
	'ü': "ue", 'ß': "ss", 'Ø': "O", '’': "'", 'а': "a", '▒': "#",
}

// escape returns a text that roff shows as it is, wherever it stands.
func escape(text string) string {
	var b strings.Builder
	for _, c := range text {
		switch {
		case c == '\\':
			b.WriteString(`\(rs`)
		case c == '-':
			b.WriteString(`\-`) // a hyphen would be another letter than the one to type
		case c == '\'':
			b.WriteString(`\(aq`)
		case c == '`':
			b.WriteString(`\(ga`)
		case c == '^':
			b.WriteString(`\(ha`)
		case c == '~':
			b.WriteString(`\(ti`)
		case c == '"':
			b.WriteString(`\(dq`)
		case c == '\n' || c == '\t':
			b.WriteByte(' ')
		case c < ' ' || c == 0x7f:
			b.WriteByte('?')
		case c > '~':
			fmt.Fprintf(&b, `\[u%04X]`, c)
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

func bold(text string) string { return `\fB` + escape(text) + `\fR` }

func italic(text string) string { return `\fI` + escape(text) + `\fR` }

var manualPage = regexp.MustCompile(`^(uzerp-mfa[a-z-]*)\(([17])\)$`)

// reference returns the name of a manual page as pages write it.
func reference(name string) string {
	if m := manualPage.FindStringSubmatch(name); m != nil {
		return bold(m[1]) + "(" + m[2] + ")"
	}
	return bold(name)
}

// line writes lines that are escaped already. A dot at the beginning of a text is no request: text does not come here.
func (r *writer) line(lines ...string) {
	for _, l := range lines {
		r.b.WriteString(l + "\n")
	}
}

// text writes a line of text, escaped already.
func (r *writer) text(text string) {
	if strings.HasPrefix(text, ".") || text == "" {
		text = `\&` + text
	}
	r.line(text)
}

func (r *writer) section(title string) { r.line(".SH " + quoted(title)) }

// quoted returns a text as an argument of a request.
func quoted(text string) string { return `"` + escape(text) + `"` }

// mostUnbroken is how long code may be that is not broken at its blanks: there are lines with little room.
const mostUnbroken = 40

// spans returns a text with its letters.
func (r *writer) spans(text []page.Span) string {
	var b strings.Builder
	for _, s := range page.Linked(text, r.link) {
		switch {
		case s.Code && manualPage.MatchString(s.Text):
			b.WriteString(reference(s.Text))
		case s.Code && len(s.Text) <= mostUnbroken:
			b.WriteString(`\fB` + strings.ReplaceAll(breakable(s.Text), " ", `\ `) + `\fR`)
		case s.Code || s.Bold:
			b.WriteString(`\fB` + breakable(s.Text) + `\fR`)
		default:
			b.WriteString(breakable(s.Text))
		}
	}
	return strings.TrimSpace(b.String())
}

var longWord = regexp.MustCompile(`[^ ]{50,}`)

// breakable escapes a text, whose very long words may be broken where they are addresses or lists.
func breakable(text string) string {
	const mark = "\ue000"
	text = longWord.ReplaceAllStringFunc(text, func(word string) string {
		return regexp.MustCompile(`[/,&?|]`).ReplaceAllString(word, "$0"+mark)
	})
	return strings.ReplaceAll(escape(text), escape(mark), `\:`)
}

func plain(text []page.Span) string {
	s := ""
	for _, span := range text {
		s += span.Text
	}
	return s
}

// blocks writes the blocks of a page.
func (r *writer) blocks(blocks []page.Block) {
	for _, b := range blocks {
		switch b.Kind {
		case page.Heading:
			if b.Level <= 2 {
				r.section(plain(b.Text))
			} else {
				r.line(".SS " + quoted(plain(b.Text)))
			}
		case page.Paragraph:
			r.line(".PP")
			r.text(r.spans(b.Text))
		case page.Code:
			r.code(b.Lines)
		case page.List:
			r.list(b, false)
		case page.Table:
			r.table(b)
		}
	}
}

// code writes lines that stay as they are.
func (r *writer) code(lines []string) {
	r.line(".PP", ".RS 2", ".EX")
	for _, l := range lines {
		r.text(escape(strings.ReplaceAll(l, "\t", "    ")))
	}
	r.line(".EE", ".RE")
}

func (r *writer) list(b page.Block, close bool) {
	for i, item := range b.Items {
		mark, width := `\(bu`, 2
		if b.First >= 0 {
			mark = fmt.Sprintf("%d.", b.First+i)
			width = len(mark) + 1
		}
		if tight := !b.Loose && (i > 0 || close); tight {
			r.line(".PD 0", fmt.Sprintf(".IP %s %d", mark, width), ".PD")
		} else {
			r.line(fmt.Sprintf(".IP %s %d", mark, width))
		}
		if len(item) > 0 && item[0].Kind == page.Paragraph {
			r.text(r.spans(item[0].Text))
			item = item[1:]
		} else {
			r.text("")
		}
		if len(item) == 0 {
			continue
		}
		r.line(fmt.Sprintf(".RS %d", width))
		r.indent += width
		if !b.Loose && item[0].Kind == page.List {
			r.list(item[0], true)
			item = item[1:]
		}
		r.blocks(item)
		r.indent -= width
		r.line(".RE")
	}
}

// table writes a table as "help TOPIC" lays it out on a screen of 80 columns: then it needs no other program, and is the same
// everywhere.
func (r *writer) table(b page.Block) {
	const margin = "    " // of a whole page
	text := page.Render([]page.Block{b}, page.Options{Width: room + len(margin) - r.indent, Color: true, Link: r.link})
	start, end, _ := strings.Cut(output.Bold.Paint("\x00"), "\x00")
	r.line(".PP", ".EX")
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		shown := ""
		for i, part := range strings.Split(strings.TrimPrefix(line, margin), start) {
			strong, rest, isBold := strings.Cut(part, end)
			switch {
			case i > 0 && isBold:
				shown += bold(strong) + escape(rest)
			default:
				shown += escape(part)
			}
		}
		r.text(shown)
	}
	r.line(".EE")
}

// tagged writes a text behind its name, which is escaped already.
func (r *writer) tagged(name, text string) {
	r.line(".TP")
	r.text(name)
	r.text(r.spans(marked(text)))
}

func (r *writer) flags(all []cmd.FlagHelp) {
	for _, f := range all {
		name := bold("--" + f.Name)
		if f.Short != "" {
			name = bold("-"+f.Short) + ", " + name
		}
		if f.Value != "" {
			name += " " + italic(f.Value)
		}
		r.tagged(name, f.Text)
	}
}

// seeAlso writes the last section. A page is named once.
func (r *writer) seeAlso(names []string) {
	var shown []string
	for _, name := range names {
		if n := reference(name); !slices.Contains(shown, n) {
			shown = append(shown, n)
		}
	}
	r.section("SEE ALSO")
	r.line(strings.Join(shown, ",\n"))
}

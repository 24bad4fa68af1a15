package page

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	tables "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"

	"uzerp-mfa/docs"
	"uzerp-mfa/internal/sharedtest"
)

func TestMain(m *testing.M) { os.Exit(sharedtest.Tests{M: m}.Run()) }

// Every page is read as another parser of Markdown reads it. A page that needs more than this one knows is found here.
func TestPagesAreReadAsGoldmarkReadsThem(t *testing.T) {
	all := docs.Topics()
	for _, topic := range all {
		source := []byte(topic.Text())
		want := theirs(goldmark.New(goldmark.WithExtensions(extension.Table)).Parser().Parse(text.NewReader(source)), source)
		got := ours(Parse(string(source)), "")
		for i := range max(len(got), len(want)) {
			if i >= len(got) || i >= len(want) || got[i] != want[i] {
				t.Errorf("%s: from here on it differs:\ngoldmark %.500q\nours     %.500q", topic.File, want[min(i, len(want)):], got[min(i, len(got)):])
				break
			}
		}
	}
	if len(all) < 40 {
		t.Errorf("only %d pages", len(all))
	}
}

// ours returns a page as lines: a block on each, and what is in it, indented.
func ours(blocks []Block, indent string) (lines []string) {
	for _, b := range blocks {
		switch b.Kind {
		case Heading:
			lines = append(lines, fmt.Sprintf("%sheading %d %s", indent, b.Level, marked(b.Text)))
		case Paragraph:
			lines = append(lines, indent+"paragraph "+marked(b.Text))
		case Code:
			lines = append(lines, indent+"code "+strings.TrimRight(strings.Join(b.Lines, "\n"), "\n"))
		case List:
			lines = append(lines, fmt.Sprintf("%slist %d %v", indent, b.First, b.Loose))
			for _, item := range b.Items {
				lines = append(lines, indent+"  item")
				lines = append(lines, ours(item, indent+"    ")...)
			}
		case Table:
			lines = append(lines, indent+"table")
			for _, row := range b.Rows {
				lines = append(lines, indent+"  row")
				for _, cell := range row {
					lines = append(lines, indent+"    cell "+marked(cell))
				}
			}
		}
	}
	return lines
}

func marked(spans []Span) string {
	var b strings.Builder
	for _, s := range spans {
		switch {
		case s.Code:
			fmt.Fprintf(&b, "{code %v %s %q}", s.Bold, s.Link, s.Text)
		case s.Bold || s.Link != "":
			fmt.Fprintf(&b, "{%v %s %q}", s.Bold, s.Link, s.Text)
		default:
			b.WriteString(s.Text)
		}
	}
	return b.String()
}

func theirs(parent ast.Node, source []byte) (lines []string) {
	var block func(n ast.Node, indent string)
	block = func(n ast.Node, indent string) {
		children := func(more string) {
			for c := n.FirstChild(); c != nil; c = c.NextSibling() {
				block(c, indent+more)
			}
		}
		switch n := n.(type) {
		case *ast.Heading:
			lines = append(lines, fmt.Sprintf("%sheading %d %s", indent, n.Level, marked(spansOf(n, source))))
		case *ast.Paragraph, *ast.TextBlock:
			lines = append(lines, indent+"paragraph "+marked(spansOf(n, source)))
		case *ast.CodeBlock, *ast.FencedCodeBlock:
			code := ""
			for i := range n.Lines().Len() {
				at := n.Lines().At(i)
				code += string(at.Value(source))
			}
			lines = append(lines, indent+"code "+strings.TrimRight(code, "\n"))
		case *ast.List:
			first := -1
			if n.IsOrdered() {
				first = n.Start
			}
			lines = append(lines, fmt.Sprintf("%slist %d %v", indent, first, !n.IsTight))
			children("  ")
		case *ast.ListItem:
			lines = append(lines, indent+"item")
			children("  ")
		case *tables.Table:
			lines = append(lines, indent+"table")
			children("  ")
		case *tables.TableHeader, *tables.TableRow:
			lines = append(lines, indent+"row")
			children("  ")
		case *tables.TableCell:
			lines = append(lines, indent+"cell "+marked(spansOf(n, source)))
		case *ast.Document:
			children("")
		case *ast.HTMLBlock:
		default:
			lines = append(lines, indent+"unknown "+n.Kind().String())
		}
	}
	block(parent, "")
	return lines
}

func spansOf(parent ast.Node, source []byte) []Span {
	var all []Span
	var visit func(n ast.Node, in Span)
	visit = func(n ast.Node, in Span) {
		switch n := n.(type) {
		case *ast.Text:
			in.Text = unescape(string(n.Value(source)))
			if n.SoftLineBreak() {
				in.Text += " "
			}
			if n.HardLineBreak() {
				in.Text += "{hard break}"
			}
			all = append(all, in)
			return
		case *ast.String:
			in.Text = string(n.Value)
			all = append(all, in)
			return
		case *ast.CodeSpan:
			in.Code = true
			for c := n.FirstChild(); c != nil; c = c.NextSibling() {
				in.Text += string(c.(*ast.Text).Value(source))
			}
			in.Text = strings.ReplaceAll(strings.ReplaceAll(in.Text, "\n", " "), `\|`, "|")
			all = append(all, in)
			return
		case *ast.Emphasis:
			in.Bold = in.Bold || n.Level == 2
		case *ast.Link:
			in.Link = string(n.Destination)
		case *ast.AutoLink:
			in.Link = string(n.URL(source))
			in.Text = in.Link
			all = append(all, in)
			return
		default:
			in.Text = "{unknown " + n.Kind().String() + "}"
			all = append(all, in)
			return
		}
		for c := n.FirstChild(); c != nil; c = c.NextSibling() {
			visit(c, in)
		}
	}
	for c := parent.FirstChild(); c != nil; c = c.NextSibling() {
		visit(c, Span{})
	}
	return join(all)
}

// unescape takes away the backslashes that goldmark leaves in a text until it writes it.
func unescape(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) && strings.ContainsRune("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", rune(text[i+1])) {
			i++
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

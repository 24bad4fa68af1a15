package page

import (
	"strconv"
	"strings"

	"uzerp-mfa/internal/pattern"
)

// Kind is what a block is.
type Kind int

// The kinds of blocks.
const (
	Paragraph Kind = iota
	Heading
	Code
	List
	Table
)

// A Block is a part of a page.
type Block struct {
	Kind  Kind
	Text  []Span     // of a paragraph or a heading
	Level int        // of a heading, from 1
	Lines []string   // of code
	Items [][]Block  // of a list
	Loose bool       // a list with blank lines between its items
	First int        // the number of a list's first item; -1 if the list has none
	Rows  [][][]Span // of a table; the first is the header
}

// A Span is a piece of text.
type Span struct {
	Text string
	Bold bool
	Code bool
	Link string // where it leads
}

var (
	headingLine = pattern.Lazy(`^ {0,3}(#{1,6})[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*$`)
	itemStart   = pattern.Lazy(`^( {0,3})([-*+]|[0-9]{1,9}[.)])( {1,4})(\S.*)$`)
	delimiters  = pattern.Lazy(`^ {0,3}\|?(?: *:?-+:? *\|)* *:?-+:? *\|? *$`)
	fence       = pattern.Lazy("^( {0,3})(```+)[^`]*$")
)

// Parse returns the blocks of a page.
func Parse(text string) []Block {
	return parse(strings.Split(strings.TrimRight(text, "\n"), "\n"))
}

func parse(lines []string) (blocks []Block) {
	for n := 0; n < len(lines); {
		var b Block
		switch line := lines[n]; {
		case strings.TrimSpace(line) == "":
			n++
			continue
		case strings.HasPrefix(line, "<!--"):
			for n < len(lines) && !strings.Contains(lines[n], "-->") {
				n++
			}
			n++
			continue
		case strings.HasPrefix(line, "    "):
			b, n = indented(lines, n)
		case fence().MatchString(line):
			b, n = fenced(lines, n)
		case headingLine().MatchString(line):
			m := headingLine().FindStringSubmatch(line)
			b, n = Block{Kind: Heading, Level: len(m[1]), Text: inline(m[2])}, n+1
		case itemStart().MatchString(line):
			b, n = list(lines, n)
		case isTable(lines, n):
			b, n = table(lines, n)
		default:
			b, n = paragraph(lines, n)
		}
		blocks = append(blocks, b)
	}
	return blocks
}

// indented reads code whose lines begin with four blanks.
func indented(lines []string, n int) (Block, int) {
	b := Block{Kind: Code}
	end := n
	for ; n < len(lines) && (strings.HasPrefix(lines[n], "    ") || strings.TrimSpace(lines[n]) == ""); n++ {
		b.Lines = append(b.Lines, strings.TrimPrefix(lines[n], "    "))
		if strings.TrimSpace(lines[n]) != "" {
			end = n + 1
		}
	}
	b.Lines = b.Lines[:len(b.Lines)-(n-end)]
	return b, end
}

// fenced reads code between two lines of backticks.
func fenced(lines []string, n int) (Block, int) {
	m := fence().FindStringSubmatch(lines[n])
	b := Block{Kind: Code}
	for n++; n < len(lines); n++ {
		if bare := strings.TrimSpace(lines[n]); strings.HasPrefix(bare, m[2]) && strings.Trim(bare, "`") == "" {
			n++
			break
		}
		line := lines[n]
		for range m[1] {
			line = strings.TrimPrefix(line, " ")
		}
		b.Lines = append(b.Lines, line)
	}
	return b, n
}

// list reads the items of one list.
func list(lines []string, n int) (Block, int) {
	b := Block{Kind: List, First: -1}
	first := itemStart().FindStringSubmatch(lines[n])
	if number, err := strconv.Atoi(first[2][:len(first[2])-1]); err == nil && len(first[2]) > 1 {
		b.First = number
	}
	kind := first[2][len(first[2])-1]
	for n < len(lines) {
		m := itemStart().FindStringSubmatch(lines[n])
		if m == nil || m[2][len(m[2])-1] != kind {
			break
		}
		indent := strings.Repeat(" ", len(m[1])+len(m[2])+len(m[3]))
		item := []string{m[4]}
		blank := false
		for n++; n < len(lines); n++ {
			line := lines[n]
			switch {
			case strings.TrimSpace(line) == "":
				blank = true
				item = append(item, "")
				continue
			case strings.HasPrefix(line, indent):
				item = append(item, strings.TrimPrefix(line, indent))
			case !blank && !beginsBlock(line) && !itemStart().MatchString(line):
				item = append(item, strings.TrimLeft(line, " "))
			default:
				goto end
			}
			if blank {
				b.Loose = b.Loose || !strings.HasPrefix(line, indent+" ")
			}
			blank = false
		}
	end:
		b.Items = append(b.Items, parse(item))
		if n < len(lines) && blank {
			next := itemStart().FindStringSubmatch(lines[n])
			b.Loose = b.Loose || next != nil && next[2][len(next[2])-1] == kind
		}
	}
	return b, n
}

// beginsBlock reports whether a line ends the paragraph before it.
func beginsBlock(line string) bool {
	if m := itemStart().FindStringSubmatch(line); m != nil {
		return len(m[2]) == 1 || m[2] == "1." || m[2] == "1)"
	}
	return headingLine().MatchString(line) || fence().MatchString(line) || strings.HasPrefix(line, "<!--")
}

func paragraph(lines []string, n int) (Block, int) {
	first := n
	for n++; n < len(lines) && strings.TrimSpace(lines[n]) != "" && !beginsBlock(lines[n]) && !isTable(lines, n); n++ {
	}
	var parts []string
	for _, line := range lines[first:n] {
		parts = append(parts, strings.TrimSpace(line))
	}
	return Block{Kind: Paragraph, Text: inline(strings.Join(parts, " "))}, n
}

func isTable(lines []string, n int) bool {
	return strings.Contains(lines[n], "|") && n+1 < len(lines) && strings.Contains(lines[n+1], "|") && delimiters().MatchString(lines[n+1]) &&
		len(cells(lines[n])) == len(cells(lines[n+1]))
}

func table(lines []string, n int) (Block, int) {
	b := Block{Kind: Table}
	for i := n; i < len(lines) && strings.TrimSpace(lines[i]) != "" && !beginsBlock(lines[i]); i++ {
		n = i + 1
		if len(b.Rows) == 1 && delimiters().MatchString(lines[i]) && i > 0 && len(b.Rows[0]) == len(cells(lines[i])) {
			continue
		}
		var row [][]Span
		for _, cell := range cells(lines[i]) {
			row = append(row, inline(cell))
		}
		if len(b.Rows) > 0 {
			for len(row) < len(b.Rows[0]) {
				row = append(row, nil)
			}
			row = row[:len(b.Rows[0])]
		}
		b.Rows = append(b.Rows, row)
	}
	return b, n
}

// cells returns the cells of a line of a table. A bar in a cell is written with a backslash, in code too.
func cells(line string) (parts []string) {
	line = strings.TrimSpace(line)
	line = strings.TrimPrefix(line, "|")
	if strings.HasSuffix(line, "|") && !strings.HasSuffix(line, `\|`) {
		line = line[:len(line)-1]
	}
	part := ""
	for i := 0; i < len(line); i++ {
		switch {
		case strings.HasPrefix(line[i:], `\|`):
			part += "|"
			i++
		case line[i] == '|':
			parts = append(parts, strings.TrimSpace(part))
			part = ""
		default:
			part += line[i : i+1]
		}
	}
	return append(parts, strings.TrimSpace(part))
}

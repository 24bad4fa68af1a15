package main

import (
	"path"
	"regexp"
	"strings"
	"time"

	"uzerp-mfa/cmd"
	"uzerp-mfa/docs"
	"uzerp-mfa/internal/page"
)

// commandPage returns the manual page of a command.
func commandPage(c cmd.CommandHelp, commands []cmd.CommandHelp, version string, day time.Time) string {
	r := &writer{}
	r.section("NAME")
	r.line(escape(pageName(c.Name)+" ") + `\- ` + escape(c.Short))
	r.section("SYNOPSIS")
	r.line(synopsis(c))
	r.section("DESCRIPTION")
	r.blocks(helpText(c.About))
	if len(c.Below) > 0 {
		r.section("COMMANDS")
		for _, name := range c.Below {
			for _, sub := range commands {
				if sub.Name == name {
					r.tagged(reference(pageName(name)+"(1)"), sub.Short)
				}
			}
		}
	}
	r.section("OPTIONS")
	r.flags(c.Flags)
	r.flags(c.Global)
	if c.Above != "" {
		r.line(".PP", "The flags of every command are in "+reference("uzerp-mfa(1)")+".")
	}
	r.section("EXIT STATUS")
	for line := range strings.SplitSeq(c.ExitCodes, "\n") {
		code, meaning, _ := strings.Cut(strings.TrimSpace(line), " ")
		r.tagged(bold(code), strings.TrimSpace(meaning))
	}
	if c.Examples != "" {
		r.section("EXAMPLES")
		r.code(strings.Split(dedent(c.Examples), "\n"))
	}
	var more []string
	if c.Above != "" {
		more = append(more, pageName(c.Above)+"(1)")
	}
	for _, name := range c.Below {
		more = append(more, pageName(name)+"(1)")
	}
	if c.Topic.Name != "" {
		more = append(more, topicName(c.Topic)+"(7)")
	}
	if c.Above == "" {
		for _, t := range docs.Topics() {
			if !strings.Contains(t.Name, " ") { // runbook(7) lists its own
				more = append(more, topicName(t)+"(7)")
			}
		}
	} else if len(more) == 0 || more[0] != "uzerp-mfa(1)" {
		more = append(more, "uzerp-mfa(1)")
	}
	r.seeAlso(more)
	return r.page(pageName(c.Name), "1", version, day)
}

// topicPage returns the manual page of a topic.
func topicPage(t docs.Topic, commands []cmd.CommandHelp, version string, day time.Time) string {
	r := &writer{link: func(target string) string { return linkedPage(path.Join(path.Dir(t.File), target)) }}
	r.section("NAME")
	r.line(escape(topicName(t)+" ") + `\- ` + escape(t.Title()))
	blocks := page.Parse(t.Text())
	if len(blocks) > 0 && blocks[0].Kind == page.Heading {
		blocks = blocks[1:] // it is the name
	}
	if len(blocks) > 0 && blocks[0].Kind != page.Heading {
		r.section("DESCRIPTION")
	}
	r.blocks(blocks)
	more := []string{"uzerp-mfa(1)"}
	for _, c := range commands {
		if c.Topic == t {
			more = append(more, pageName(c.Name)+"(1)")
		}
	}
	if folder, _, below := strings.Cut(t.Name, " "); below {
		more = append(more, pageName("uzerp-mfa "+folder)+"(7)")
	}
	for _, other := range docs.Topics() {
		if strings.HasPrefix(other.Name, t.Name+" ") {
			more = append(more, topicName(other)+"(7)")
		}
	}
	r.seeAlso(more)
	return r.page(topicName(t), "7", version, day)
}

// linkedPage returns the manual page of a file below docs/, or "".
func linkedPage(file string) string {
	if t, ok := docs.OfFile(file); ok {
		return topicName(t) + "(7)"
	}
	if command, ok := strings.CutPrefix(file, "cli/"); ok {
		return strings.ReplaceAll(strings.TrimSuffix(command, ".md"), "_", "-") + "(1)"
	}
	return ""
}

// capitals matches a word that stands for what the user types: USER..., [TEXT...].
var capitals = regexp.MustCompile(`^\[?[A-Z][A-Z|=-]*(?:\.\.\.)?\]?$`)

// synopsis returns how a command is typed.
func synopsis(c cmd.CommandHelp) string {
	words := []string{bold(c.Name)}
	if len(c.Below) > 0 {
		words = append(words, italic("COMMAND"))
	}
	for _, word := range strings.Fields(strings.TrimPrefix(c.Usage, c.Name)) {
		if capitals.MatchString(word) {
			words = append(words, italic(word))
		} else {
			words = append(words, escape(word))
		}
	}
	return strings.Join(words, " ")
}

// flagInText matches a flag in a sentence.
var flagInText = regexp.MustCompile(`--[a-z][a-z-]*[a-z]`)

// helpText returns the blocks of what a command's help says: paragraphs, and lines that stay lines.
func helpText(text string) (blocks []page.Block) {
	for part := range strings.SplitSeq(text, "\n\n") {
		lines := strings.Split(strings.Trim(part, "\n"), "\n")
		if strings.HasPrefix(lines[0], " ") || strings.HasPrefix(lines[0], "- ") {
			blocks = append(blocks, page.Block{Kind: page.Code, Lines: lines})
			continue
		}
		blocks = append(blocks, page.Block{Kind: page.Paragraph, Text: marked(strings.Join(lines, " "))})
	}
	return blocks
}

// marked returns a sentence whose flags are code.
func marked(text string) (spans []page.Span) {
	at := 0
	for _, found := range flagInText.FindAllStringIndex(text, -1) {
		spans = append(spans, page.Span{Text: text[at:found[0]]}, page.Span{Text: text[found[0]:found[1]], Code: true})
		at = found[1]
	}
	return append(spans, page.Span{Text: text[at:]})
}

// dedent takes away the blanks that every line begins with.
func dedent(text string) string {
	return strings.TrimPrefix(strings.ReplaceAll(text, "\n  ", "\n"), "  ")
}

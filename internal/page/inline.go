package page

import "strings"

// inline returns the spans of a text. What is *emphasised* is as the rest: a terminal has no letters for it.
func inline(text string) []Span { return join(spans(text, Span{})) }

// spans returns the spans of a text that stands in another: in a link, or between **.
func spans(text string, in Span) (found []Span) {
	add := func(s Span, text string) {
		if s.Text = text; text != "" {
			found = append(found, s)
		}
	}
	plain := 0 // where the text begins that is not added yet
	take := func(end, next int) {
		add(in, text[plain:end])
		plain = next
	}
	for i := 0; i < len(text); i++ {
		rest := text[i:]
		switch {
		case rest[0] == '\\' && len(rest) > 1 && strings.ContainsRune("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", rune(rest[1])):
			take(i, i+1)
			i++
		case rest[0] == '`':
			run := len(rest) - len(strings.TrimLeft(rest, "`"))
			code, size := codeSpan(rest, run)
			if size == 0 {
				i += run - 1
				continue
			}
			take(i, i+size)
			s := in
			s.Code = true
			add(s, code)
			i += size - 1
		case rest[0] == '[':
			label, target, size := linkOf(rest)
			if size == 0 {
				continue
			}
			take(i, i+size)
			s := in
			s.Link = target
			found = append(found, spans(label, s)...)
			i += size - 1
		case strings.HasPrefix(rest, "<http"):
			end := strings.IndexAny(rest, "> ")
			if end < 0 || rest[end] != '>' {
				continue
			}
			take(i, i+end+1)
			s := in
			s.Link = rest[1:end]
			add(s, rest[1:end])
			i += end
		case rest[0] == '*' || rest[0] == '_':
			run := len(rest) - len(strings.TrimLeft(rest, rest[:1]))
			end := 0
			if run <= 2 && (rest[0] == '*' || i == 0 || !isWord(text[i-1])) {
				end = closing(rest, rest[:run])
			}
			if end == 0 {
				i += run - 1
				continue
			}
			take(i, i+end+run)
			s := in
			s.Bold = s.Bold || run == 2
			found = append(found, spans(rest[run:end], s)...)
			i += end + run - 1
		}
	}
	take(len(text), len(text))
	return found
}

// codeSpan returns the code that text begins with, behind a run of backticks, and how many bytes that is with them.
func codeSpan(text string, run int) (code string, size int) {
	for i := run; i < len(text); i++ {
		if text[i] != '`' {
			continue
		}
		end := i + len(text[i:]) - len(strings.TrimLeft(text[i:], "`"))
		if end-i == run {
			code = text[run:i]
			if len(code) > 2 && code[0] == ' ' && code[len(code)-1] == ' ' && strings.TrimSpace(code) != "" {
				code = code[1 : len(code)-1]
			}
			return code, end
		}
		i = end - 1
	}
	return "", 0
}

// linkOf returns the link that text begins with, [label](target), and how many bytes that is.
func linkOf(text string) (label, target string, size int) {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '`':
			run := len(text[i:]) - len(strings.TrimLeft(text[i:], "`"))
			_, n := codeSpan(text[i:], run)
			i += max(n, run) - 1
		case '[':
			depth++
		case ']':
			if depth--; depth > 0 {
				continue
			}
			end := strings.IndexAny(text[i:], ") ")
			if !strings.HasPrefix(text[i:], "](") || end < 0 || text[i+end] != ')' {
				return "", "", 0
			}
			return text[1:i], text[i+2 : i+end], i + end + 1
		}
	}
	return "", "", 0
}

// closing returns where the mark that text begins with is closed, or 0.
func closing(text, mark string) int {
	if len(text) <= len(mark) || text[len(mark)] == ' ' {
		return 0
	}
	for i := len(mark); i < len(text); i++ {
		switch {
		case text[i] == '\\':
			i++
		case text[i] == '`':
			run := len(text[i:]) - len(strings.TrimLeft(text[i:], "`"))
			_, n := codeSpan(text[i:], run)
			i += max(n, run) - 1
		case strings.HasPrefix(text[i:], mark):
			run := len(text[i:]) - len(strings.TrimLeft(text[i:], mark[:1]))
			after := i + run
			if run == len(mark) && text[i-1] != ' ' && (mark[0] == '*' || after == len(text) || !isWord(text[after])) {
				return i
			}
			i += run - 1
		}
	}
	return 0
}

func isWord(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z' || b >= 0x80
}

// join makes one span of those that differ in nothing but the text.
func join(all []Span) (joined []Span) {
	for _, s := range all {
		if last := len(joined) - 1; last >= 0 && !s.Code {
			if l := joined[last]; !l.Code && l.Bold == s.Bold && l.Link == s.Link {
				joined[last].Text += s.Text
				continue
			}
		}
		joined = append(joined, s)
	}
	return joined
}

package php

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Position is a place in a file. Line and column are counted from 1, columns in characters.
type Position struct {
	Line, Column int
}

// SyntaxError says where a PHP file can't be read, and why. It never holds text of the file.
type SyntaxError struct {
	File string // empty if only bytes were parsed
	Position
	Reason string
}

// Error names the place and the reason.
func (e *SyntaxError) Error() string {
	at := fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Reason)
	if e.File != "" {
		return e.File + " " + at
	}
	return at
}

type tokenKind int

const (
	otherToken    tokenKind = iota // an operator or a bracket: text holds it
	variableToken                  // text is the name without "$"
	wordToken                      // a keyword, constant or function name
	numberToken                    // text is as written
	stringToken                    // text is the value
	templateToken                  // a string whose value only PHP knows
	endToken                       // ";" or "?>"
)

// token is one token of PHP code. Comments and blanks are no tokens.
type token struct {
	kind tokenKind
	text string
	at   int
	pos  Position
	next int // of an opening bracket: the index of the token after the closing one; 0 if there is none
}

// lexer cuts a PHP file into tokens. It knows just enough of the language to tell code from text.
type lexer struct {
	src    []byte
	pos    int
	tokens []token
	depth  int // how many strings inside strings are open
	looked int // how many bytes and tokens were looked at; a test wants that to grow as the file does
}

// operators are those whose first characters would otherwise be read as something else, the longest first.
var operators = []string{
	"<=>", "**=", "...", "===", "!==", "<<=", ">>=", "??=", "?->",
	"==", "!=", "<>", "<=", ">=", "=>", "->", "::", "++", "--", "+=", "-=", "*=", "/=", ".=", "%=", "&=", "|=", "^=",
	"&&", "||", "??", "<<", ">>", "**", "#[",
}

// lex cuts the code inside <?php … ?> into tokens.
func lex(src []byte) (*lexer, *SyntaxError) {
	l := &lexer{src: src}
	for l.openTag() {
		if err := l.code(); err != nil {
			return nil, err
		}
	}
	l.place()
	l.match()
	return l, nil
}

// place sets the tokens' positions. It goes through the file once, because counting from the beginning for each token
// would take too long in a long file.
func (l *lexer) place() {
	at, pos := 0, Position{1, 1}
	for i := range l.tokens {
		t := &l.tokens[i]
		between := l.src[at:t.at]
		l.looked += len(between)
		if n := bytes.Count(between, []byte("\n")); n > 0 {
			pos = Position{pos.Line + n, 1}
			between = between[bytes.LastIndexByte(between, '\n')+1:]
		}
		pos.Column += utf8.RuneCount(between)
		at, t.pos = t.at, pos
	}
}

// match finds the closing bracket of each opening one. Looking for it each time it is needed would take too long where
// brackets are nested deeply.
func (l *lexer) match() {
	var open []int
	for i := range l.tokens {
		l.looked++
		t := &l.tokens[i]
		switch {
		case t.kind != otherToken:
		case opens(t.text):
			open = append(open, i)
		case closes(t.text) && len(open) > 0:
			l.tokens[open[len(open)-1]].next = i + 1
			open = open[:len(open)-1]
		}
	}
}

func opens(text string) bool { return text == "(" || text == "[" || text == "{" || text == "#[" }

func closes(text string) bool { return text == ")" || text == "]" || text == "}" }

// openTag goes to the end of the next opening tag, and reports whether there is one. "<?" alone is no tag: with the
// php.ini of every distribution it is text (short_open_tag = Off).
func (l *lexer) openTag() bool {
	for {
		n := bytes.Index(l.src[l.pos:], []byte("<?"))
		if n < 0 {
			return false
		}
		l.pos += n + 2
		rest := l.src[l.pos:]
		if len(rest) >= 3 && strings.EqualFold(string(rest[:3]), "php") && (len(rest) == 3 || IsSpace(rest[3])) {
			l.pos += 3
			return true
		}
		if len(rest) > 0 && rest[0] == '=' {
			l.pos++
			l.add(wordToken, "echo", l.pos-1)
			return true
		}
	}
}

func (l *lexer) add(kind tokenKind, text string, at int) {
	l.tokens = append(l.tokens, token{kind: kind, text: text, at: at})
}

func (l *lexer) fail(at int, reason string) *SyntaxError {
	return &SyntaxError{Position: positionIn(l.src, at), Reason: reason}
}

// positionIn returns the line and column of an offset in a PHP or ini file.
func positionIn(src []byte, at int) Position {
	before := src[:at]
	start := bytes.LastIndexByte(before, '\n') + 1
	return Position{
		Line:   bytes.Count(before, []byte("\n")) + 1,
		Column: utf8.RuneCount(before[start:]) + 1,
	}
}

// code lexes up to and including the closing tag or the end of the file.
func (l *lexer) code() *SyntaxError {
	for l.pos < len(l.src) {
		if bytes.HasPrefix(l.src[l.pos:], []byte("?>")) {
			l.add(endToken, "?>", l.pos)
			l.pos += 2
			return nil
		}
		if err := l.step(); err != nil {
			return err
		}
	}
	return nil
}

// step lexes one token, comment or blank.
func (l *lexer) step() *SyntaxError {
	l.looked++
	at, c := l.pos, l.src[l.pos]
	rest := l.src[at:]
	switch {
	case IsSpace(c):
		l.pos++
	case bytes.HasPrefix(rest, []byte("/*")):
		n := bytes.Index(rest[2:], []byte("*/"))
		if n < 0 {
			return l.fail(at, "a comment is not closed")
		}
		l.pos += n + 4
	case bytes.HasPrefix(rest, []byte("//")), c == '#' && !bytes.HasPrefix(rest, []byte("#[")):
		l.lineComment()
	case bytes.HasPrefix(rest, []byte("<<<")) && l.heredocHead() != nil:
		return l.heredoc()
	case c == '\'' || c == '"' || c == '`':
		return l.quoted()
	case (c == 'b' || c == 'B') && len(rest) > 1 && (rest[1] == '\'' || rest[1] == '"'):
		l.pos++ // the prefix b"…" means nothing
	case c == '$' && len(rest) > 1 && isLabelStart(rest[1]):
		l.pos++
		l.add(variableToken, l.label(), at)
	case isLabelStart(c) || c == '\\' && len(rest) > 1 && isLabelStart(rest[1]):
		if word := l.name(); strings.EqualFold(word, "__halt_compiler") {
			l.pos = len(l.src)
		} else {
			l.add(wordToken, word, at)
		}
	case isDigit(c) || c == '.' && len(rest) > 1 && isDigit(rest[1]):
		l.add(numberToken, l.number(), at)
	case c == ';':
		l.pos++
		l.add(endToken, ";", at)
	default:
		l.operator(rest)
	}
	return nil
}

func (l *lexer) operator(rest []byte) {
	text := string(rest[:1])
	for _, op := range operators {
		if bytes.HasPrefix(rest, []byte(op)) {
			text = op
			break
		}
	}
	l.add(otherToken, text, l.pos)
	l.pos += len(text)
}

// lineComment skips a comment that ends at the line end or before "?>".
func (l *lexer) lineComment() {
	for l.pos < len(l.src) && l.src[l.pos] != '\n' && l.src[l.pos] != '\r' && !bytes.HasPrefix(l.src[l.pos:], []byte("?>")) {
		l.pos++
	}
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isLabelStart(c byte) bool { return c == '_' || c >= 0x80 || 'a' <= c|0x20 && c|0x20 <= 'z' }

func isLabel(c byte) bool { return isLabelStart(c) || isDigit(c) }

func (l *lexer) label() string {
	at := l.pos
	for l.pos < len(l.src) && isLabel(l.src[l.pos]) {
		l.pos++
	}
	return string(l.src[at:l.pos])
}

// name reads a name with its namespaces.
func (l *lexer) name() string {
	at := l.pos
	for l.pos < len(l.src) && (isLabel(l.src[l.pos]) || l.src[l.pos] == '\\' && l.pos+1 < len(l.src) && isLabelStart(l.src[l.pos+1])) {
		l.pos++
	}
	return string(l.src[at:l.pos])
}

// number reads the characters that can belong to a number. numberText decides whether they are one.
func (l *lexer) number() string {
	at := l.pos
	hex := l.pos+1 < len(l.src) && l.src[l.pos] == '0' && l.src[l.pos+1]|0x20 == 'x'
	for l.pos < len(l.src) {
		c := l.src[l.pos]
		sign := (c == '+' || c == '-') && !hex && l.pos > at && l.src[l.pos-1]|0x20 == 'e' &&
			l.pos+1 < len(l.src) && isDigit(l.src[l.pos+1])
		if !sign && !isLabel(c) && (c != '.' || hex || bytes.HasPrefix(l.src[l.pos:], []byte(".."))) {
			break
		}
		l.pos++
	}
	return string(l.src[at:l.pos])
}

// quoted lexes '…', "…" and `…`.
func (l *lexer) quoted() *SyntaxError {
	at, quote := l.pos, l.src[l.pos]
	for l.pos++; l.pos < len(l.src) && l.src[l.pos] != quote; l.pos++ {
		rest := l.src[l.pos:]
		switch {
		case rest[0] == '\\':
			l.pos++
		case quote != '\'' && (bytes.HasPrefix(rest, []byte("{$")) || bytes.HasPrefix(rest, []byte("${"))):
			if err := l.interpolation(); err != nil {
				return err
			}
		}
	}
	if l.pos >= len(l.src) {
		return l.fail(at, "a quote is not closed")
	}
	body := l.src[at+1 : l.pos]
	l.pos++
	switch quote {
	case '\'':
		l.add(stringToken, singleQuoted(body), at)
	case '`':
		l.add(templateToken, "", at)
	default:
		l.addDouble(body, '"', at)
	}
	return nil
}

// maxNested is how deeply strings may be nested by {$…}, in each other's brackets. Each level takes room on the stack.
const maxNested = 500

// interpolation goes to the brace that ends a {$…} or ${…}. There may be quotes inside.
func (l *lexer) interpolation() *SyntaxError {
	at, before, depth := l.pos, len(l.tokens), 1
	if l.depth++; l.depth > maxNested {
		return l.fail(at, "strings are nested too deeply")
	}
	defer func() { l.depth-- }()
	l.pos += 1 + bytes.IndexByte(l.src[l.pos:], '{')
	for l.pos < len(l.src) {
		count := len(l.tokens)
		if err := l.step(); err != nil {
			return err
		}
		if len(l.tokens) == count || l.tokens[count].kind != otherToken {
			continue
		}
		switch l.tokens[count].text {
		case "{":
			depth++
		case "}":
			depth--
		}
		if depth == 0 {
			l.tokens = l.tokens[:before]
			l.pos--
			return nil
		}
	}
	return l.fail(at, "a brace in a string is not closed")
}

// addDouble adds the token for a string in which the escapes of double quotes count.
func (l *lexer) addDouble(body []byte, quote byte, at int) {
	if value, ok := doubleQuoted(body, quote); ok {
		l.add(stringToken, value, at)
	} else {
		l.add(templateToken, "", at)
	}
}

// heredocHead returns the parts of <<<NAME, <<<'NAME' or <<<"NAME" with its line end, or nil.
func (l *lexer) heredocHead() *heredocHead {
	i := l.pos + 3
	for i < len(l.src) && (l.src[i] == ' ' || l.src[i] == '\t') {
		i++
	}
	var head heredocHead
	if i < len(l.src) && (l.src[i] == '\'' || l.src[i] == '"') {
		head.quote = l.src[i]
		i++
	}
	from := i
	for i < len(l.src) && (isLabelStart(l.src[i]) || i > from && isLabel(l.src[i])) {
		i++
	}
	head.name = string(l.src[from:i])
	if head.quote != 0 {
		if i >= len(l.src) || l.src[i] != head.quote {
			return nil
		}
		i++
	}
	end := LineEnd(l.src[min(i, len(l.src)):])
	if head.name == "" || strings.Trim(end, "\r\n") != "" || end == "" {
		return nil
	}
	head.body = i + len(end)
	return &head
}

type heredocHead struct {
	name  string
	quote byte
	body  int // the offset of the first line of text
}

// heredoc lexes a heredoc or nowdoc by the rules since PHP 7.3: the closing name may be indented, every line loses that
// much indentation, and code may follow the closing name.
func (l *lexer) heredoc() *SyntaxError {
	at, head := l.pos, l.heredocHead()
	for i := head.body; i <= len(l.src); {
		indent := i
		for indent < len(l.src) && (l.src[indent] == ' ' || l.src[indent] == '\t') {
			indent++
		}
		after := indent + len(head.name)
		if bytes.HasPrefix(l.src[indent:], []byte(head.name)) && (after == len(l.src) || !isLabel(l.src[after])) {
			l.pos = after
			body := cutLineEnd(l.src[head.body:max(head.body, i)])
			text, even := outdent(body, indent-i)
			switch {
			case !even:
				return l.fail(at, "a heredoc text is indented less than its end")
			case head.quote == '\'':
				l.add(stringToken, string(text), at)
			default:
				l.addDouble(text, 0, at)
			}
			return nil
		}
		n := bytes.IndexAny(l.src[i:], "\r\n")
		if n < 0 {
			break
		}
		i += n + len(LineEnd(l.src[i+n:]))
	}
	return l.fail(at, "a heredoc is not closed")
}

func cutLineEnd(body []byte) []byte {
	if cut, ok := bytes.CutSuffix(body, []byte("\r\n")); ok {
		return cut
	}
	if n := len(body); n > 0 {
		return body[:n-1]
	}
	return body
}

// outdent removes n blanks from the front of each line that isn't empty.
func outdent(body []byte, n int) (text []byte, even bool) {
	if n == 0 {
		return body, true
	}
	for len(body) > 0 {
		length := bytes.IndexAny(body, "\r\n")
		if length < 0 {
			length = len(body)
		}
		l := body[:length]
		end := LineEnd(body[length:])
		body = body[length+len(end):]
		if len(l) > 0 {
			if len(l) < n || len(bytes.TrimLeft(l[:n], " \t")) > 0 {
				return nil, false
			}
			l = l[n:]
		}
		text = append(append(text, l...), end...)
	}
	return text, true
}

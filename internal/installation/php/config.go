package php

import (
	"fmt"
	"slices"
	"strings"

	"uzerp-mfa/internal/secret"
)

// Config is what conf/config.php certainly puts into $conf, and what it may put there that only PHP knows.
type Config struct {
	Literals   []Literal    // the values in force, in the order of the file
	Unreadable []Unreadable // names whose value can't be known, and places that may change any name (Name is "")
	Includes   []Position   // the places with include or require; nobody knows here what those files set
}

// Literal is a value that stands in the file as such.
type Literal struct {
	Name  string
	Value secret.Secret // the text that PHP makes of it: true is "1", false and null are ""
	Pos   Position
}

// Unreadable is an assignment that can't be read without running PHP. Reason has no text of the file.
type Unreadable struct {
	Name   string // "" if it may be any name
	Pos    Position
	Reason string
}

// UnreadableError says that the value of a setting can't be known, and where it is set.
type UnreadableError struct {
	File string
	Unreadable
}

// Error names the setting, the place and the reason.
func (e *UnreadableError) Error() string {
	at := fmt.Sprintf("line %d: not readable here, %s", e.Pos.Line, e.Reason)
	if e.File != "" {
		at = e.File + " " + at
	}
	return at
}

// Get returns the value that $conf has for name; ok is false if it has none. The error is an *UnreadableError.
func (c *Config) Get(name string) (value Literal, ok bool, err error) {
	for _, u := range c.Unreadable {
		if u.Name == name {
			return Literal{}, false, &UnreadableError{Unreadable: u}
		}
	}
	for _, l := range c.Literals {
		if l.Name == name {
			return l, true, nil
		}
	}
	for _, u := range c.Unreadable {
		if u.Name == "" {
			return Literal{}, false, &UnreadableError{Unreadable: u}
		}
	}
	return Literal{}, false, nil
}

// The reasons of Unreadable.
const (
	reasonBlock       = "it is set inside a block or a condition"
	reasonExpression  = "its value is more than a plain text, number or constant"
	reasonModified    = "it is changed by more than a plain assignment"
	reasonAnyName     = "names that are not plain texts are set here"
	reasonWhole       = "all settings are replaced or handed on here"
	reasonConditional = "it stands after a return that may end the file earlier"
	reasonAlias       = "it stands after a place where the settings get a second name"
)

// ParseConfig reads the assignments to $conf without running anything. A later assignment wins, even if it can't be
// read and an earlier one can: nothing is guessed. The error is a *SyntaxError.
func ParseConfig(src []byte) (*Config, error) {
	conf, _, err := parseConfig(src)
	return conf, err
}

// parseConfig is ParseConfig. It also returns how much it has looked at.
func parseConfig(src []byte) (conf *Config, looked int, err error) {
	l, syntax := lex(src)
	if syntax != nil {
		return nil, 0, syntax
	}
	p := &configParser{tokens: l.tokens, looked: l.looked}
	if err := p.run(); err != nil {
		return nil, p.looked, err
	}
	return &Config{Literals: p.literals.list(), Unreadable: p.unread.list(), Includes: p.includes}, p.looked, nil
}

type configParser struct {
	tokens   []token
	literals named[Literal]
	unread   named[Unreadable]
	includes []Position
	looked   int

	nested int    // depth of if: … endif; and the like
	doubt  string // why nothing is certain from here on; "" if all is certain
}

// run goes from statement to statement.
func (p *configParser) run() error {
	for at := 0; at < len(p.tokens); {
		end, err := p.statementEnd(at)
		if err != nil {
			return err
		}
		if end > at && p.nested == 0 && p.isWord(at, "return", "exit", "die") {
			return nil // PHP never runs what follows
		}
		p.statement(at, end)
		at = end + 1
	}
	return nil
}

// statementEnd returns the index of the token that ends the statement beginning at at. Tokens in brackets don't end it.
// A block at the end of a statement belongs to it.
func (p *configParser) statementEnd(at int) (int, error) {
	var open []token
	for i := at; i < len(p.tokens); i++ {
		p.looked++
		t := p.tokens[i]
		switch {
		case t.kind == endToken && len(open) == 0:
			return i, nil
		case t.kind != otherToken:
		case opens(t.text):
			open = append(open, t)
		case closes(t.text):
			if len(open) == 0 || closing(open[len(open)-1].text) != t.text {
				return 0, &SyntaxError{Position: t.pos, Reason: "a bracket is closed that was not opened"}
			}
			open = open[:len(open)-1]
			if t.text == "}" && len(open) == 0 && !p.continues(at) {
				return i, nil
			}
		}
	}
	if len(open) > 0 {
		return 0, &SyntaxError{Position: open[len(open)-1].pos, Reason: "a bracket is not closed"}
	}
	return len(p.tokens), nil
}

func closing(open string) string {
	switch open {
	case "(":
		return ")"
	case "{":
		return "}"
	default:
		return "]"
	}
}

// continues reports whether the statement that begins at from goes on after a closing brace. It does if it is an
// expression with a closure or match in it, and doesn't if it is a block.
func (p *configParser) continues(from int) bool {
	first := p.tokens[from]
	block := first.kind == otherToken && (first.text == "{" || first.text == "#[") || p.isWord(from, "if", "else", "elseif", "for", "foreach", "while",
		"do", "switch", "try", "catch", "finally", "function", "class", "interface", "trait", "enum", "abstract",
		"final", "readonly", "namespace", "declare")
	return !block
}

// longestWord is longer than any word that isWord is asked for.
const longestWord = 20

func (p *configParser) isWord(i int, words ...string) bool {
	return 0 <= i && i < len(p.tokens) && p.tokens[i].kind == wordToken && len(p.tokens[i].text) <= longestWord &&
		slices.Contains(words, strings.ToLower(p.tokens[i].text))
}

func (p *configParser) is(i int, text string) bool {
	return 0 <= i && i < len(p.tokens) && p.tokens[i].kind == otherToken && p.tokens[i].text == text
}

func (p *configParser) isVariable(i int, name string) bool {
	return i < len(p.tokens) && p.tokens[i].kind == variableToken && p.tokens[i].text == name
}

func (p *configParser) isConf(i int) bool { return p.isVariable(i, "conf") }

// statement reads the statement in tokens[from:end].
func (p *configParser) statement(from, end int) {
	p.nest(from, end)
	if p.nested == 0 && p.doubt == "" && p.plain(from, end) {
		return
	}
	inFunction := false
	for i := from; i < end; i++ {
		p.looked++
		switch {
		case p.isWord(i, "function", "fn"):
			inFunction = true
		case p.isWord(i, "include", "include_once", "require", "require_once"):
			p.includes = append(p.includes, p.tokens[i].pos)
		case p.isWord(i, "return") && !inFunction:
			p.doubt = reasonConditional
		case p.isWord(i, "extract", "parse_str") && p.is(i+1, "("), p.is(i, "$"), p.isVariable(i, "GLOBALS"):
			p.unreadable("", i, reasonAnyName)
		case p.isConf(i):
			p.use(i, from)
		}
	}
}

// nest counts how deep a statement is in the alternative syntax, if (…): … endif; also if several of these begin before
// one ";".
func (p *configParser) nest(from, end int) {
	if p.isWord(from, "endif", "endfor", "endforeach", "endwhile", "endswitch", "enddeclare") {
		p.nested = max(0, p.nested-1)
		return
	}
	for i, depth := from, 0; i < end; i++ {
		p.looked++
		switch {
		case p.is(i, "{"):
			depth++
		case p.is(i, "}"):
			depth--
		case depth == 0 && p.isWord(i, "if", "for", "foreach", "while", "switch", "declare") && p.is(i+1, "("):
			if p.is(p.behind(i+1), ":") {
				p.nested++
			}
		}
	}
}

// plain reads a statement whose effect is certain: $conf['NAME'] = literal; $conf = array literal;
// unset($conf['NAME']). It returns false for any other.
func (p *configParser) plain(from, end int) bool {
	switch {
	case p.isConf(from):
		if name, next, ok := p.key(from + 1); ok && p.is(next, "=") {
			value, after, ok := p.literal(next + 1)
			if !ok || after != end {
				return false
			}
			p.set(name, value, from)
			return true
		}
		return p.is(from+1, "=") && p.array(from+2, end)
	case p.isWord(from, "unset") && p.is(from+1, "(") && p.isConf(from+2):
		name, next, ok := p.key(from + 3)
		if !ok || !p.is(next, ")") || next+1 != end {
			return false
		}
		p.forget(name)
		return true
	}
	return false
}

// key reads ['NAME'] and returns the index after it.
func (p *configParser) key(at int) (name string, next int, ok bool) {
	if !p.is(at, "[") || !p.is(at+2, "]") {
		return "", 0, false
	}
	name, ok = p.keyText(at + 1)
	return name, at + 3, ok
}

func (p *configParser) keyText(at int) (string, bool) {
	switch t := p.tokens[at]; t.kind {
	case stringToken:
		return t.text, true
	case numberToken:
		return numberText(t.text, false)
	default:
		return "", false
	}
}

// literal reads one value and returns the index after it.
func (p *configParser) literal(at int) (value string, next int, ok bool) {
	negative := p.is(at, "-")
	if negative || p.is(at, "+") {
		if at++; at < len(p.tokens) && p.tokens[at].kind != numberToken {
			return "", 0, false
		}
	}
	if at >= len(p.tokens) {
		return "", 0, false
	}
	switch t := p.tokens[at]; t.kind {
	case stringToken:
		return t.text, at + 1, true
	case numberToken:
		value, ok = numberText(t.text, negative)
		return value, at + 1, ok
	case wordToken:
		switch strings.ToLower(strings.TrimPrefix(t.text, `\`)) {
		case "true":
			return "1", at + 1, true
		case "false", "null":
			return "", at + 1, true
		}
	}
	return "", 0, false
}

// array reads $conf = [ 'NAME' => literal, … ] or array(…), which replaces all earlier settings. An element that isn't
// a literal is unreadable. It returns false for an array of any other form.
func (p *configParser) array(at, end int) bool {
	last := end - 1
	switch {
	case p.is(at, "["):
	case p.isWord(at, "array") && p.is(at+1, "("):
		at++
	default:
		return false
	}
	type element struct{ from, to int }
	var elements []element
	depth, from := 0, at+1
	for i := at; i <= last; i++ {
		p.looked++
		switch t := p.tokens[i]; {
		case t.kind != otherToken:
		case opens(t.text):
			depth++
		case closes(t.text):
			if depth--; depth == 0 && i != last {
				return false
			}
		}
		if depth == 1 && p.is(i, ",") || depth == 0 {
			if i > from {
				if _, ok := p.keyText(from); !ok || !p.is(from+1, "=>") {
					return false
				}
				elements = append(elements, element{from, i})
			}
			from = i + 1
		}
	}
	p.literals, p.unread = named[Literal]{}, named[Unreadable]{}
	for _, e := range elements {
		name, _ := p.keyText(e.from)
		if value, after, ok := p.literal(e.from + 2); ok && after == e.to {
			p.set(name, value, e.from)
		} else {
			p.unreadable(name, e.from, reasonExpression)
		}
	}
	return true
}

var assigning = []string{"=", "+=", "-=", "*=", "/=", ".=", "%=", "&=", "|=", "^=", "<<=", ">>=", "**=", "??=", "++", "--"}

func (p *configParser) assigns(i int) bool {
	return i < len(p.tokens) && p.tokens[i].kind == otherToken && slices.Contains(assigning, p.tokens[i].text)
}

// use records what may be done to the $conf at i, in a statement that isn't plain. It records nothing if $conf is only
// read.
func (p *configParser) use(i, from int) {
	if p.is(i-1, "&") {
		p.doubt = reasonAlias
	}
	if !p.is(i+1, "[") {
		if !p.onlyReads(i) {
			p.unreadable("", i, reasonWhole)
		}
		return
	}
	name, next, literal := p.key(i + 1)
	if !literal {
		next = p.behind(i + 1)
	}
	deeper := p.is(next, "[")
	for p.is(next, "[") {
		p.looked++
		next = p.behind(next)
	}
	target := p.is(i-1, "&") || p.is(i-1, "++") || p.is(i-1, "--") || p.isWord(i-1, "as") ||
		p.is(from, "[") || p.isWord(from, "list", "unset", "foreach", "settype")
	if !p.assigns(next) && !target {
		return
	}
	reason := reasonModified
	switch {
	case !literal:
		name, reason = "", reasonAnyName
	case p.doubt != "":
		reason = p.doubt
	case p.nested > 0 || p.tokens[from].kind != variableToken:
		reason = reasonBlock
	case !deeper && p.is(next, "="):
		reason = reasonExpression
	}
	p.unreadable(name, i, reason)
}

// onlyReads reports whether the whole $conf at i is certainly only read.
func (p *configParser) onlyReads(i int) bool {
	switch {
	case p.isWord(i-1, "global", "return", "echo", "print"):
		return true
	case p.is(i-1, "("):
		return p.is(i+1, ")") && p.isWord(i-2, "isset", "empty", "is_array", "count", "print_r", "var_dump")
	case p.is(i-1, ","):
		return p.is(i+1, ")") && p.isWord(i-4, "array_key_exists")
	default:
		return false
	}
}

// behind returns the index after the bracket that closes the one at at. statementEnd has seen that there is one.
func (p *configParser) behind(at int) int {
	if next := p.tokens[at].next; next > 0 {
		return next
	}
	return len(p.tokens)
}

func (p *configParser) forget(name string) {
	p.literals.remove(name)
	if name != "" {
		p.unread.remove(name)
	}
}

func (p *configParser) set(name, value string, at int) {
	p.forget(name)
	p.literals.add(name, Literal{Name: name, Value: secret.New(value), Pos: p.tokens[at].pos})
}

// unreadable makes the value of name unknown. With "" it does that for every name that isn't set again later.
func (p *configParser) unreadable(name string, at int, reason string) {
	if name == "" {
		p.literals = named[Literal]{}
	} else {
		p.forget(name)
	}
	p.unread.add(name, Unreadable{Name: name, Pos: p.tokens[at].pos, Reason: reason})
}

// named is a list in which a name is found without looking through it.
type named[T any] struct {
	all []*T
	at  map[string]int
}

// add appends v. The name is removed from an earlier place with remove only.
func (n *named[T]) add(name string, v T) {
	if n.at == nil {
		n.at = map[string]int{}
	}
	n.at[name] = len(n.all)
	n.all = append(n.all, &v)
}

func (n *named[T]) remove(name string) {
	if i, ok := n.at[name]; ok {
		n.all[i] = nil
		delete(n.at, name)
	}
}

func (n *named[T]) list() []T {
	var list []T
	for _, v := range n.all {
		if v != nil {
			list = append(list, *v)
		}
	}
	return list
}

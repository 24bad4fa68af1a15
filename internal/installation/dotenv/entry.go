package dotenv

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"uzerp-mfa/internal/installation/php"
	"uzerp-mfa/internal/secret"
)

// parseEntry reads one block (docs/facts/phpdotenv.md §1.5 to §1.7).
func parseEntry(b *block) (Entry, *SyntaxError) {
	name, value, assigned := strings.Cut(b.text, "=")
	nameAt := 0
	if assigned {
		trimmed := strings.TrimLeft(name, php.Blank)
		nameAt = len(name) - len(trimmed)
		name = strings.TrimRight(trimmed, php.Blank)
		if name == "" {
			return Entry{}, b.fail(UnexpectedEquals, strings.IndexByte(b.text, '='))
		}
	}
	name, cut := bareName(name)
	nameAt += cut
	if bad := badInName(name); bad >= 0 {
		return Entry{}, b.fail(InvalidName, nameAt+bad)
	}
	e := Entry{Name: name, Bare: !assigned, Pos: b.position(nameAt), EndLine: b.lastLine()}
	if !assigned {
		e.setValue(b, len(b.text), len(b.text), "")
		return e, nil
	}
	err := parseValue(b, len(b.text)-len(value), &e)
	return e, err
}

func (b *block) fail(kind SyntaxKind, offset int) *SyntaxError {
	err := &SyntaxError{Kind: kind, Position: b.position(offset)}
	if len(b.lines) > 1 {
		err.BlockLine = b.first
	}
	return err
}

// bareName takes off "export" and then one pair of quotes, and returns how many bytes it took off at the front. It
// keeps "export" before a name of one letter, because phpdotenv wants more than 8 characters (docs/facts/phpdotenv.md
// §1.6).
func bareName(name string) (bare string, cut int) {
	bare = name
	if utf8.RuneCountInString(bare) > 8 && strings.HasPrefix(bare, "export") && php.IsSpace(bare[6]) {
		bare = strings.TrimLeft(bare[6:], php.Blank)
		cut = len(name) - len(bare)
	}
	if n := len(bare); n >= 3 && (bare[0] == '"' || bare[0] == '\'') && bare[n-1] == bare[0] {
		return bare[1 : n-1], cut + 1
	}
	return bare, cut
}

// badInName returns the offset of the first character that a name may not have, 0 for an empty name, and -1 for a good
// name. Only letters in upper or lower case are allowed: no title case, no Han, no Hebrew (docs/facts/phpdotenv.md
// §1.6).
func badInName(name string) int {
	if name == "" {
		return 0
	}
	for i, r := range name {
		if r != '_' && r != '.' && !unicode.In(r, unicode.Ll, unicode.Lu, unicode.M, unicode.N) {
			return i
		}
	}
	return -1
}

// The states of phpdotenv's value reader.
type valueState int

const (
	inStart valueState = iota
	inUnquoted
	inSingle
	inDouble
	inEscape
	inAfter
	inComment
)

// maxToken is the length at which phpdotenv's lexer cuts a run of characters of one kind. That matters in one place
// only: if a value begins with blanks, they are kept up to this length. (Only a form feed can begin such a run; other
// blanks are trimmed.)
const maxToken = 1000

var escapes = map[byte]byte{
	'"': '"', '\\': '\\', '$': '$', 'n': '\n', 'r': '\r', 't': '\t', 'f': '\f', 'v': '\v',
}

// parseValue lexes b.text from offset at into e (docs/facts/phpdotenv.md §1.7).
func parseValue(b *block, at int, e *Entry) *SyntaxError {
	text := b.text[at:]
	trimmed := strings.TrimLeft(text, php.Blank)
	if trimmed == "" {
		e.setValue(b, at, at, "")
		return nil
	}
	at += len(text) - len(trimmed)
	text = strings.TrimRight(trimmed, php.Blank)

	var chars []byte
	state, end, backslash := inStart, len(text), 0
	if lead := leadingBlanks(text); lead > 0 {
		chars, state = append(chars, text[:lead]...), inUnquoted
	}
	for i := len(chars); i < len(text); i++ {
		c := text[i]
		switch state {
		case inStart, inUnquoted:
			switch {
			case state == inStart && (c == '"' || c == '\''):
				e.Quote, state = c, inDouble
				if c == '\'' {
					state = inSingle
				}
			case c == '#':
				e.CutAtHash, end, state = state == inUnquoted, i, inComment
			case php.IsSpace(c):
				end, state = i, inAfter
			default:
				if c == '$' {
					e.vars = append(e.vars, len(chars))
				}
				chars, state = append(chars, c), inUnquoted
			}
		case inSingle:
			if c == '\'' {
				end, state = i+1, inAfter
			} else {
				chars = append(chars, c)
			}
		case inDouble:
			switch c {
			case '"':
				end, state = i+1, inAfter
			case '\\':
				backslash, state = i, inEscape
			default:
				if c == '$' {
					e.vars = append(e.vars, len(chars))
				}
				chars = append(chars, c)
			}
		case inEscape:
			escaped, known := escapes[c]
			if !known {
				return b.fail(UnexpectedEscape, at+backslash)
			}
			chars, state = append(chars, escaped), inDouble
		case inAfter:
			if c == '#' {
				state = inComment
			} else if !php.IsSpace(c) {
				return b.fail(UnexpectedWhitespace, at+i)
			}
		case inComment:
		}
	}
	if state == inSingle || state == inDouble || state == inEscape {
		return b.fail(MissingClosingQuote, at)
	}
	e.setValue(b, at, at+end, string(chars))
	return nil
}

// leadingBlanks returns how many blanks at the beginning of a trimmed value are kept as text.
func leadingBlanks(text string) int {
	n := 0
	for n < len(text) && n < maxToken && php.IsSpace(text[n]) && text[n] != '\n' && text[n] != '\r' {
		n++
	}
	return n
}

// setValue stores the lexed value and where it stands in the block.
func (e *Entry) setValue(b *block, from, to int, raw string) {
	e.raw, e.Value = secret.New(raw), b.position(from)
	e.from, e.to = b.source(from), b.source(to)
}

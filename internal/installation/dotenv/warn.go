package dotenv

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"uzerp-mfa/internal/installation/php"
)

// WarningID names a kind of Warning for scripts and checks.
type WarningID string

// The lines that phpdotenv reads without complaint, but that mean something else than they seem to mean.
const (
	WarnOpenQuote       WarningID = "open-quote"        // nothing from Line to the end of the file counts
	WarnCommentSwallows WarningID = "comment-swallows"  // a quote in a comment makes the lines up to EndLine part of it
	WarnJoinedLines     WarningID = "joined-lines"      // a quoted value goes over several lines
	WarnJoinedSettings  WarningID = "joined-settings"   // the same, and a line in it looks like a setting
	WarnCutAtHash       WarningID = "cut-at-hash"       // "#" ended an unquoted value with no blank before it
	WarnDuplicate       WarningID = "duplicate"         // a later line, EndLine, decides
	WarnBareName        WarningID = "bare-name"         // NAME without "=" unsets the setting
	WarnUnresolved      WarningID = "unresolved"        // ${X} stays as text, because the file sets no X before it
	WarnVariable        WarningID = "variable"          // ${X} was replaced
	WarnNotAVariable    WarningID = "not-a-variable"    // $X, ${X:-y} and the like stay as text
	WarnLiteralQuote    WarningID = "literal-quote"     // a quote inside an unquoted value belongs to it
	WarnLiteralEscape   WarningID = "literal-backslash" // a backslash outside double quotes belongs to the value
	WarnTrailingMark    WarningID = "trailing-mark"     // the value ends in ";" or ","
	WarnTypographic     WarningID = "typographic-quote" // “ ” ‘ ’ are no quotes
	WarnInvisible       WarningID = "invisible"         // a character that can't be seen
	WarnEncoding        WarningID = "encoding"          // what is not UTF-8 was read as "?"
	WarnLoneCR          WarningID = "lone-cr"           // a carriage return alone ends a line
	WarnServerName      WarningID = "server-name"       // PHP has this name itself, so the file's value never counts
)

var warningTexts = map[WarningID]string{
	WarnOpenQuote:       "a double quote is opened and never closed, so this setting and all lines after it are ignored",
	WarnCommentSwallows: "a double quote in this comment makes the following lines part of it, so they are ignored",
	WarnJoinedLines:     "the quoted value goes over several lines",
	WarnJoinedSettings:  "the quoted value goes over several lines and has taken settings into itself; a closing quote may be missing",
	WarnCutAtHash:       "the value ends at the # although there is no blank before it; put it in quotes if the # belongs to it",
	WarnDuplicate:       "the name is set again later, and the later line counts",
	WarnBareName:        "a name without an equals sign unsets the setting",
	WarnUnresolved:      "a ${...} is kept as it stands because its name is not set before this line",
	WarnVariable:        "a ${...} is replaced by another setting's value",
	WarnNotAVariable:    "a dollar sign that is not of the form ${NAME} is kept as it stands",
	WarnLiteralQuote:    "a quote inside an unquoted value is part of the value",
	WarnLiteralEscape:   "a backslash outside double quotes is part of the value",
	WarnTrailingMark:    "the mark at the end is part of the value",
	WarnTypographic:     "typographic quotes are part of the value",
	WarnInvisible:       "the value has a character that does not show",
	WarnEncoding:        "the line is not UTF-8; each wrong character is read as a question mark",
	WarnLoneCR:          "a carriage return alone ends a line here",
	WarnServerName:      "PHP has this name itself, so this line may have no effect",
}

// Warning is about a place that phpdotenv accepts, but that may not mean what its writer thought. It holds no text of
// the file except the name of a setting.
type Warning struct {
	ID      WarningID
	Line    int
	EndLine int    // equal to Line if the warning is about one line
	Name    string // the setting, if there is one
}

// Message explains the kind of warning in one clause.
func (w Warning) Message() string { return warningTexts[w.ID] }

// findWarnings returns the warnings in the order of their lines.
func findWarnings(d *File, lines []line, blocks []block, open *block) []Warning {
	var found []Warning
	add := func(id WarningID, line, endLine int, name string) {
		found = append(found, Warning{ID: id, Line: line, EndLine: endLine, Name: name})
	}
	if open != nil {
		add(WarnOpenQuote, open.first, open.lastLine(), "")
	}
	for i := range blocks {
		if b := &blocks[i]; len(b.lines) > 1 && b.dropped() {
			add(WarnCommentSwallows, b.first, b.lastLine(), "")
		}
	}
	for i, l := range lines {
		if l.text != l.raw {
			add(WarnEncoding, i+1, i+1, "")
		}
	}
	if n := loneCR(lines); n > 0 {
		add(WarnLoneCR, n, n, "")
	}
	last := map[string]int{} // calling Last for each name would take too long in a long file
	for _, e := range d.Entries {
		last[e.Name] = e.Pos.Line
	}
	for i := range d.Entries {
		e := &d.Entries[i]
		for _, id := range e.warnings(lines) {
			add(id, e.Pos.Line, e.EndLine, e.Name)
		}
		if last[e.Name] > e.Pos.Line {
			add(WarnDuplicate, e.Pos.Line, last[e.Name], e.Name)
		}
	}
	// Values reports ErrTooLarge.
	_, _ = d.load(nil, func(e *Entry, value string) {
		if id := e.variableWarning(value); id != "" {
			add(id, e.Pos.Line, e.EndLine, e.Name)
		}
	})
	slices.SortStableFunc(found, func(a, b Warning) int { return a.Line - b.Line })
	return found
}

// loneCR returns the number of the first line that ends with a carriage return alone, or 0.
func loneCR(lines []line) int {
	for i, l := range lines {
		if l.end == "\r" {
			return i + 1
		}
	}
	return 0
}

// warnings returns the warnings about one entry by itself.
func (e *Entry) warnings(lines []line) []WarningID {
	var ids []WarningID
	when := func(is bool, id WarningID) {
		if is {
			ids = append(ids, id)
		}
	}
	raw := e.raw.Reveal()
	unquoted := e.Quote == 0
	when(e.Bare, WarnBareName)
	when(isServerName(e.Name), WarnServerName)
	when(e.CutAtHash, WarnCutAtHash)
	when(unquoted && strings.ContainsAny(raw, `"'`), WarnLiteralQuote)
	when(e.Quote != '"' && strings.Contains(raw, `\`), WarnLiteralEscape)
	when(unquoted && (strings.HasSuffix(raw, ";") || strings.HasSuffix(raw, ",")), WarnTrailingMark)
	when(unquoted && strings.ContainsAny(raw, "“”„‘’‚«»"), WarnTypographic)
	when(strings.ContainsFunc(raw, invisible), WarnInvisible)
	if e.Joined() {
		id := WarnJoinedLines
		for _, l := range lines[e.Pos.Line:e.EndLine] {
			if looksLikeSetting(l.text) {
				id = WarnJoinedSettings
			}
		}
		ids = append(ids, id)
	}
	return ids
}

// variableWarning returns the warning about dollar signs in an entry, or "". value is the value after every ${…} is
// replaced.
func (e *Entry) variableWarning(value string) WarningID {
	if len(e.vars) == 0 {
		return ""
	}
	raw := e.raw.Reveal()
	if value != raw {
		return WarnVariable
	}
	text := []byte(raw)
	for _, at := range e.vars {
		if variable(text[at:]) != "" {
			return WarnUnresolved
		}
	}
	return WarnNotAVariable
}

// looksLikeSetting reports whether a line would be an assignment if it were not part of a quoted value.
func looksLikeSetting(text string) bool {
	b := newBlock(1, []line{{text: text, raw: text}})
	if b.dropped() {
		return false
	}
	name, _, assigned := strings.Cut(text, "=")
	name, _ = bareName(strings.Trim(name, php.Blank))
	return assigned && badInName(name) < 0
}

// invisible reports whether a character leaves no mark on the screen, or looks like a blank but is no blank to
// phpdotenv.
func invisible(r rune) bool {
	switch r {
	case ' ', '\t', '\n', '\r':
		return false
	}
	return r != utf8.RuneError && (unicode.IsSpace(r) || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zs, unicode.Zl, unicode.Zp))
}

// serverNames are the names that PHP itself puts into $_SERVER with a text or number, in any of its server interfaces.
// All of HTTP_* count too (docs/facts/phpdotenv.md §2).
var serverNames = []string{
	"AUTH_TYPE", "CONTENT_LENGTH", "CONTENT_TYPE", "CONTEXT_DOCUMENT_ROOT", "CONTEXT_PREFIX", "DOCUMENT_ROOT",
	"DOCUMENT_URI", "FCGI_ROLE", "GATEWAY_INTERFACE", "HOME", "HTTPS", "ORIG_PATH_INFO", "PATH", "PATH_INFO",
	"PATH_TRANSLATED", "PHP_AUTH_DIGEST", "PHP_AUTH_PW", "PHP_AUTH_USER", "PHP_SELF", "QUERY_STRING", "REDIRECT_STATUS",
	"REMOTE_ADDR", "REMOTE_HOST", "REMOTE_PORT", "REMOTE_USER", "REQUEST_METHOD", "REQUEST_SCHEME", "REQUEST_TIME",
	"REQUEST_TIME_FLOAT", "REQUEST_URI", "SCRIPT_FILENAME", "SCRIPT_NAME", "SERVER_ADDR", "SERVER_ADMIN", "SERVER_NAME",
	"SERVER_PORT", "SERVER_PROTOCOL", "SERVER_SIGNATURE", "SERVER_SOFTWARE", "USER", "argc",
}

func isServerName(name string) bool {
	return strings.HasPrefix(name, "HTTP_") || slices.Contains(serverNames, name)
}

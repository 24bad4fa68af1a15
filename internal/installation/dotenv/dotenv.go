package dotenv

import (
	"errors"
	"fmt"

	"uzerp-mfa/internal/installation/file"
	"uzerp-mfa/internal/safepath"
	"uzerp-mfa/internal/secret"
)

// File is a conf/.env as vlucas/phpdotenv 5.6.2 reads it: every assignment in the order of the file.
type File struct {
	Entries  []Entry
	Warnings []Warning
}

// Position is a place in a file, counted from 1. Column counts characters as an editor does. Bytes that are not UTF-8
// count as the "?" that phpdotenv puts for them, and a byte order mark doesn't count.
type Position struct {
	Line, Column int
}

// Entry is one assignment, or one bare name.
type Entry struct {
	Name      string
	Bare      bool     // NAME without "=": it unsets the name (docs/facts/phpdotenv.md §1.9)
	Pos       Position // where the name itself begins, after "export" and a quote
	Value     Position // where the value begins, with its quote; if it is empty, where it would be
	EndLine   int      // the last line of the entry: greater than Pos.Line only in a joined block
	Quote     byte     // '"', '\'' or 0
	CutAtHash bool     // the value has no quotes and ended at a "#" with no blank before it

	raw      secret.Secret // the lexed value before ${…} is replaced
	vars     []int         // offsets in raw of each "$" that may begin a ${…}
	from, to int           // where the value stands in the source, with its quotes; for a bare name, where the name ends
}

// Joined reports whether the entry covers more than one line of the file.
func (e *Entry) Joined() bool { return e.EndLine > e.Pos.Line }

// Last returns the last entry of a name, which is the one that counts, or nil.
func (d *File) Last(name string) *Entry {
	for i := len(d.Entries) - 1; i >= 0; i-- {
		if d.Entries[i].Name == name {
			return &d.Entries[i]
		}
	}
	return nil
}

// SyntaxKind says why phpdotenv refuses a line, in phpdotenv's own words.
type SyntaxKind string

// The five reasons for which phpdotenv refuses a line (docs/facts/phpdotenv.md §1.9).
const (
	UnexpectedEquals     SyntaxKind = "unexpected equals"
	InvalidName          SyntaxKind = "invalid name"
	UnexpectedWhitespace SyntaxKind = "unexpected whitespace"
	UnexpectedEscape     SyntaxKind = "unexpected escape sequence"
	MissingClosingQuote  SyntaxKind = "missing closing quote"
)

// explain has our words for each kind, because phpdotenv's words only name the symptom.
var explain = map[SyntaxKind]string{
	UnexpectedEquals:     "there is no name before the equals sign",
	InvalidName:          "this is not a name: only letters, digits, _ and . may stand before the equals sign",
	UnexpectedWhitespace: "something follows after a blank or a closing quote; a value with blanks needs quotes around all of it",
	UnexpectedEscape:     `a backslash in double quotes may only stand before " \ $ n r t f v`,
	MissingClosingQuote:  "a quote is opened here and not closed on the same line",
}

// SyntaxError names the first line that phpdotenv refuses. uzERP then reads nothing at all from the file, and every
// page ends with an error (docs/facts/phpdotenv.md §1.9). Unlike phpdotenv's message it never holds text of the file.
type SyntaxError struct {
	Kind SyntaxKind
	File string // the name to show; empty if only bytes were parsed
	Position
	BlockLine int // the first line of the joined block that the error is in, or 0
}

// Error names the place and the reason.
func (e *SyntaxError) Error() string {
	at := ""
	if e.File != "" {
		at = e.File + " "
	}
	return fmt.Sprintf("%sline %d, %s", at, e.Line, e.Reason())
}

// Reason names the column and the reason.
func (e *SyntaxError) Reason() string {
	reason := fmt.Sprintf("column %d: %s: %s", e.Column, e.Kind, explain[e.Kind])
	if e.BlockLine != 0 {
		reason += fmt.Sprintf(" (inside the text that a quote opened in line %d)", e.BlockLine)
	}
	return reason
}

// Parse reads src as phpdotenv reads a file: bytes that are not UTF-8 become "?", and one leading byte order mark is
// dropped. The error is a *SyntaxError.
func Parse(src []byte) (*File, error) {
	return parseLines(splitLines(src, decode))
}

// parseLines joins the lines, lexes them, and adds the warnings.
func parseLines(lines []line) (*File, error) {
	d := &File{}
	blocks, open := joinLines(lines)
	for i := range blocks {
		if blocks[i].dropped() {
			continue
		}
		entry, err := parseEntry(&blocks[i])
		if err != nil {
			return nil, err
		}
		d.Entries = append(d.Entries, entry)
	}
	d.Warnings = findWarnings(d, lines, blocks, open)
	return d, nil
}

// ReadFile reads a file as phpdotenv's safeLoad does: a missing file and a directory read as empty. Errors call the
// file by the name shown.
//
// One thing differs. If the web server may not read the file, safeLoad reads it as empty. If we may not read it, that
// says nothing about the web server, so ReadFile fails (docs/facts/phpdotenv.md §1.9). Its other errors are a
// *SyntaxError and those of file.ReadIfThere.
func ReadFile(path, shown string, trust safepath.Trust) (*File, error) {
	src, err := file.ReadIfThere(path, trust)
	if err != nil {
		return nil, err
	}
	d, err := Parse(src)
	if syntax, ok := errors.AsType[*SyntaxError](err); ok {
		syntax.File = shown
	}
	return d, err
}

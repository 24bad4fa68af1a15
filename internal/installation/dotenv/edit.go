package dotenv

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"

	"uzerp-mfa/internal/installation/php"
	"uzerp-mfa/internal/secret"
)

// Assignment is one setting to write.
type Assignment struct {
	Name  string
	Value secret.Secret
}

// EditError says why Edit refuses. It names the setting and the line, never a value.
type EditError struct {
	Name string
	Line int // 0 if the setting isn't in the file yet
	Err  error
}

// Error names the setting, the line and the reason.
func (e *EditError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %v", e.Name, e.Err)
	}
	return fmt.Sprintf("%s in line %d: %v", e.Name, e.Line, e.Err)
}

// Unwrap returns the reason.
func (e *EditError) Unwrap() error { return e.Err }

// ErrOpenQuote means that a quote in the file is opened and never closed. Everything after it belongs to it, so an
// added line would too.
var ErrOpenQuote = errors.New("a quote that is never closed would swallow a line added after it")

// ErrNotAsMeant means that the changed file would read differently in more than the wanted change, for example because
// another setting refers to this one with ${…}.
var ErrNotAsMeant = errors.New("the changed file would not read as meant")

// Edit writes the settings in set into src, one after the other, and returns the result. Every other byte is kept. If a
// name is there several times, Edit changes the last one, which is the one that counts. A new setting is added at the
// end, with the line ends of the file.
//
// It fails with a *SyntaxError if src can't be read, and with an *EditError if the result would not read as exactly the
// old settings with the change.
func Edit(src []byte, set []Assignment) ([]byte, error) {
	for _, a := range set {
		edited, err := editOne(src, a)
		if err != nil {
			return nil, err
		}
		src = edited
	}
	return src, nil
}

func editOne(src []byte, a Assignment) ([]byte, error) {
	old, err := Parse(src)
	if err != nil {
		return nil, err
	}
	refuse := func(line int, why error) ([]byte, error) {
		return nil, &EditError{Name: a.Name, Line: line, Err: why}
	}
	want, err := old.Values(nil)
	if err != nil {
		return refuse(0, err)
	}
	value := a.Value.Reveal()
	if present, ok := want[a.Name]; ok && present == value {
		return src, nil
	}
	want[a.Name] = value

	if e := old.Last(a.Name); e != nil {
		ways, err := spellings(value, e.Quote)
		if err != nil {
			return refuse(e.Pos.Line, err)
		}
		for _, way := range ways {
			if edited := replaceValue(src, e, way); readsAs(edited, want) {
				return edited, nil
			}
		}
		return refuse(e.Pos.Line, ErrNotAsMeant)
	}

	text, err := FormatLine(a.Name, value)
	if err != nil {
		return refuse(0, err)
	}
	if i := slices.IndexFunc(old.Warnings, func(w Warning) bool { return w.ID == WarnOpenQuote }); i >= 0 {
		return refuse(old.Warnings[i].Line, ErrOpenQuote)
	}
	edited := addLine(src, text)
	if !readsAs(edited, want) {
		return refuse(0, ErrNotAsMeant)
	}
	return edited, nil
}

// readsAs reports whether src has exactly the values in want.
func readsAs(src []byte, want map[string]string) bool {
	d, err := Parse(src)
	if err != nil {
		return false
	}
	got, err := d.Values(nil)
	return err == nil && maps.Equal(got, want)
}

// replaceValue returns src with text in the place of an entry's value.
func replaceValue(src []byte, e *Entry, text string) []byte {
	rest := src[e.to:]
	switch {
	case e.Bare:
		text = "=" + text
	case e.from == e.to && bytes.HasPrefix(rest, []byte("#")):
		text += " " // NAME= #comment: the comment keeps its blank
	}
	return slices.Concat(src[:e.from], []byte(text), rest)
}

// addLine returns src with one line more. It ends as the other lines of the file do, or with LF if there are none.
func addLine(src []byte, text string) []byte {
	end := "\n"
	if i := bytes.IndexAny(src, "\r\n"); i >= 0 {
		end = php.LineEnd(src[i:])
	}
	if n := len(src); n > 0 && src[n-1] != '\n' && src[n-1] != '\r' && !bytes.Equal(src, []byte(byteOrderMark)) {
		text = end + text
	}
	return slices.Concat(src, []byte(text+end))
}

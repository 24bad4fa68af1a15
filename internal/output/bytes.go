package output

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"uzerp-mfa/internal/pattern"
)

// This file is about texts that are not UTF-8, as a database with the encoding SQL_ASCII may have them: how JSON writes them,
// and how a name is read that stands as this program shows it.

// byteMark stands in JSON before the number of a byte that is not UTF-8. It is also what JSON's encoder puts for such a byte.
const byteMark = "\ufffd"

// marked matches what could be read in JSON as such a byte.
var marked = pattern.Lazy(byteMark + `+\\x[89a-f][0-9a-f]`)

// legible returns s as UTF-8: ü of Latin-1 as \xfc with a U+FFFD before it. No two texts give the same. A text that is UTF-8
// stays as it is, unless it could be read as such a one: then each U+FFFD before the \x stands twice.
func legible(s string) string {
	if utf8.ValidString(s) {
		return marked().ReplaceAllStringFunc(s, doubled)
	}
	var b strings.Builder
	var plain strings.Builder
	end := func(following string) {
		text := marked().ReplaceAllStringFunc(plain.String(), doubled)
		if following != "" { // a byte: its mark makes the number of marks odd
			text += strings.Repeat(byteMark, marksAtEnd(text))
		}
		b.WriteString(text + following)
		plain.Reset()
	}
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			end(fmt.Sprintf(`%s\x%02x`, byteMark, s[i]))
		} else {
			plain.WriteString(s[i : i+n])
		}
		i += n
	}
	end("")
	return b.String()
}

func marksAtEnd(s string) int {
	return (len(s) - len(strings.TrimRight(s, byteMark))) / len(byteMark)
}

// doubled returns what marked found with each U+FFFD twice.
func doubled(found string) string {
	marks := strings.LastIndex(found, `\`)
	return found[:marks] + found
}

// ReadName returns the names other than text itself that stand as text in JSON, or in a table (EscapeName): none, one or two. It
// is for names that are not UTF-8, and for those that look like one that is shown. Each byte of these may be written as an escape.
// Other names can be typed, and are never written with escapes.
func ReadName(text string) []string {
	var names []string
	for _, name := range []string{readJSON(text), readEscapes(text)} {
		if name != text && needsEscapes(name) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// needsEscapes reports whether a name is not UTF-8, or could be read as such a one.
func needsEscapes(name string) bool {
	return !utf8.ValidString(name) || !utf8.ValidString(readJSON(name)) || !utf8.ValidString(readEscapes(name))
}

// readJSON is the opposite of legible.
func readJSON(text string) string {
	return marked().ReplaceAllStringFunc(text, func(found string) string {
		end := strings.LastIndex(found, `\`)
		marks, escape := end/len(byteMark), found[end:]
		if marks%2 == 1 {
			escape = unescaped(escape)
		}
		return strings.Repeat(byteMark, marks/2) + escape
	})
}

// readEscapes is the opposite of EscapeName.
func readEscapes(text string) string {
	return escapes().ReplaceAllStringFunc(text, func(found string) string {
		backslashes := strings.LastIndex(found, `\`) + 1
		escape := found[backslashes-1:]
		if backslashes%2 == 1 {
			return found[:backslashes/2] + unescaped(escape)
		}
		return found[:backslashes/2] + escape[1:]
	})
}

// escapes matches an escape of visibleForm, and what EscapeName writes for a text that could be read as one.
var escapes = pattern.Lazy(`\\+(?:[ntr]|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8})`)

// unescaped returns what an escape of visibleForm stands for. One that stands for no character is returned as it is.
func unescaped(escape string) string {
	switch escape[1] {
	case 'n':
		return "\n"
	case 't':
		return "\t"
	case 'r':
		return "\r"
	}
	number, err := strconv.ParseUint(escape[2:], 16, 32)
	switch {
	case err != nil || number == 0 || escape[1] != 'x' && !utf8.ValidRune(rune(number)):
		return escape
	case escape[1] == 'x':
		return string([]byte{byte(number)})
	}
	return string(rune(number))
}

// mayLose reports whether a document in JSON may have lost a byte that is not UTF-8, or has a text that could be read as one.
func mayLose(encoded []byte) bool {
	return bytes.Contains(encoded, []byte(`\ufffd`)) || bytes.Contains(encoded, []byte(byteMark+`\\x`))
}

// legibleJSON returns a copy of v with each text as legible writes it.
func legibleJSON(v any) any {
	if _, encoded := v.(json.RawMessage); encoded || v == nil {
		return v
	}
	return legibleCopy(reflect.ValueOf(v)).Interface()
}

func legibleCopy(v reflect.Value) reflect.Value {
	c := reflect.New(v.Type()).Elem()
	c.Set(v)
	makeLegible(c)
	return c
}

// makeLegible changes v, which may share nothing that is changed with what it was copied from.
func makeLegible(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		if v.CanSet() {
			v.SetString(legible(v.String()))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			makeLegible(v.Field(i))
		}
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() || !v.CanSet() {
			return
		}
		c := legibleCopy(v.Elem())
		if v.Kind() == reflect.Pointer {
			c = c.Addr()
		}
		v.Set(c)
	case reflect.Slice:
		if v.IsNil() || !v.CanSet() || v.Type().Elem().Kind() == reflect.Uint8 {
			return
		}
		c := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(c, v)
		for i := range c.Len() {
			makeLegible(c.Index(i))
		}
		v.Set(c)
	case reflect.Array:
		for i := range v.Len() {
			makeLegible(v.Index(i))
		}
	case reflect.Map:
		if v.IsNil() || !v.CanSet() {
			return
		}
		c := reflect.MakeMapWithSize(v.Type(), v.Len())
		for key, value := range v.Seq2() {
			c.SetMapIndex(legibleCopy(key), legibleCopy(value))
		}
		v.Set(c)
	}
}

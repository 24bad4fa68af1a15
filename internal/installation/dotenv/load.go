package dotenv

import (
	"bytes"
	"errors"
	"strings"

	"uzerp-mfa/internal/installation/php"
	"uzerp-mfa/internal/secret"
)

// Lookup returns a variable of the process environment, like os.LookupEnv.
type Lookup func(name string) (value string, ok bool)

// maxLoaded limits the size of the values in bytes after every ${…} is replaced. PHP would end at its memory limit, 128
// MB by default.
const maxLoaded = 16 << 20

// ErrTooLarge means that the values of the file take more than 16 MiB after every ${…} is replaced.
var ErrTooLarge = errors.New("the variables in the file grow without measure")

// Values returns the variables that phpdotenv's immutable load takes from the file if PHP runs with the environment
// env; nil is an empty environment. The file neither sets nor unsets a name that the environment has. So such a name is
// not in the map, and a ${…} with it becomes the environment's value (docs/facts/phpdotenv.md §2). The error is
// ErrTooLarge.
//
// Nobody can see from outside which environment the web server gives PHP. Use nil to see the file's own values.
func (d *File) Values(env Lookup) (map[string]string, error) {
	return d.load(env, func(*Entry, string) {})
}

// load is Values; it also calls see with every entry that counts and its value.
func (d *File) load(env Lookup, see func(e *Entry, value string)) (map[string]string, error) {
	values := map[string]string{}
	get := func(name string) (string, bool) {
		if value, ok := values[name]; ok {
			return value, true
		}
		return visible(env, name)
	}
	total := 0
	for i := range d.Entries {
		e := &d.Entries[i]
		if _, shadowed := visible(env, e.Name); shadowed {
			continue
		}
		if e.Bare {
			delete(values, e.Name)
			continue
		}
		value, err := e.resolve(get, maxLoaded-total)
		if err != nil {
			return nil, err
		}
		total += len(value)
		values[e.Name] = value
		see(e, value)
	}
	return values, nil
}

// visible looks up a name as PHP has it in $_SERVER. PHP ignores a variable with a dot, a blank or a bracket in its
// name (docs/facts/phpdotenv.md, case load-preset-024).
func visible(env Lookup, name string) (string, bool) {
	if env == nil || strings.ContainsAny(name, ". [") {
		return "", false
	}
	return env(name)
}

// variable returns the name of the ${…} that text begins with, or "". It looks no further than the name goes: an
// expression like that is looked for at every dollar sign of a value.
func variable(text []byte) string {
	if !bytes.HasPrefix(text, []byte("${")) {
		return ""
	}
	for i := 2; i < len(text); i++ {
		switch c := text[i]; {
		case c == '}':
			return string(text[2:i])
		case c != '_' && c != '.' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z'):
			return ""
		}
	}
	return ""
}

// resolve replaces every ${…}, from the last to the first. So an inserted text can complete a ${…} to its left, but a
// ${…} inside an inserted text is not replaced (docs/facts/phpdotenv.md §1.8).
func (e *Entry) resolve(get func(string) (string, bool), limit int) (string, error) {
	raw := e.raw.Reveal()
	var done suffix
	end := len(raw)
	for i := len(e.vars) - 1; i >= 0; i-- {
		done.prepend(raw[e.vars[i]:end])
		end = e.vars[i]
		name := variable(done.bytes())
		if name == "" {
			continue
		}
		if value, ok := get(name); ok {
			done.cut(len("${}") + len(name))
			done.prepend(value)
		}
		if len(done.bytes()) > limit {
			return "", ErrTooLarge
		}
	}
	done.prepend(raw[:end])
	return string(done.bytes()), nil
}

// suffix is a text that grows at its front.
type suffix struct {
	buf []byte
	at  int
}

func (s *suffix) bytes() []byte { return s.buf[s.at:] }

func (s *suffix) cut(n int) { s.at += n }

func (s *suffix) prepend(text string) {
	if len(text) > s.at {
		kept := s.bytes()
		room := len(text) + 2*len(kept)
		buf := make([]byte, room+len(kept))
		copy(buf[room:], kept)
		s.buf, s.at = buf, room
	}
	s.at -= len(text)
	copy(s.buf[s.at:], text)
}

// NotEmpty reports whether phpdotenv's notEmpty accepts a value: it does if something is left after PHP's trim.
func NotEmpty(value string) bool { return strings.Trim(value, php.Blank) != "" }

// Setting is one value that the file gives.
type Setting struct {
	Value    secret.Secret
	Line     int
	Borrowed bool // a ${…} in it was replaced, so it may hold another setting's value
}

// Settings returns the file's own values by name, each with the line that counts.
func (d *File) Settings() (map[string]Setting, error) {
	values, err := d.Values(nil)
	if err != nil {
		return nil, err
	}
	borrowed := map[string]bool{}
	for _, w := range d.Warnings {
		if w.ID == WarnVariable {
			borrowed[w.Name] = true
		}
	}
	settings := map[string]Setting{}
	for _, e := range d.Entries { // the last one counts
		if value, ok := values[e.Name]; ok {
			settings[e.Name] = Setting{Value: secret.New(value), Line: e.Pos.Line, Borrowed: borrowed[e.Name]}
		}
	}
	return settings, nil
}

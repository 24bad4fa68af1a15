package dotenv

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// phpCase is one line of cases.jsonl; the beginning of docs/facts/phpdotenv.md explains it.
type phpCase struct {
	ID        string
	Group     string
	Input     string
	InputB64  []byte `json:"input_b64"`
	Values    map[string]*string
	ValuesB64 map[string][]byte `json:"values_b64"`
	Error     string
	Message   string
	File      *struct {
		Env     map[string]string
		Error   string
		Message string
	}
}

func (c *phpCase) input() []byte {
	if c.InputB64 != nil {
		return c.InputB64
	}
	return []byte(c.Input)
}

// phpAnswer is either values or an error message of phpdotenv. In values, nil stands for a bare name.
type phpAnswer struct {
	values  map[string]*string
	message string
}

func (c *phpCase) fileAnswer() phpAnswer {
	switch {
	case c.File != nil && c.File.Error != "":
		return phpAnswer{message: c.File.Message}
	case c.File != nil:
		values := map[string]*string{}
		for name, value := range c.File.Env {
			values[name] = &value
		}
		return phpAnswer{values: values}
	}
	answer := c.parseAnswer()
	maps.DeleteFunc(answer.values, func(_ string, value *string) bool { return value == nil })
	return answer
}

func (c *phpCase) parseAnswer() phpAnswer {
	if c.Error != "" {
		return phpAnswer{message: c.Message}
	}
	values := maps.Clone(c.Values)
	if values == nil {
		values = map[string]*string{}
	}
	for name, value := range c.ValuesB64 {
		text := string(value)
		values[name] = &text
	}
	return phpAnswer{values: values}
}

// subject is the text that phpdotenv quotes in its message: the first line of it.
func (want phpAnswer) subject() string {
	_, rest, _ := strings.Cut(want.message, " at [")
	return strings.TrimSuffix(rest, "].")
}

// check compares phpdotenv's answer with the result of our reader.
func (want phpAnswer) check(values map[string]*string, err error) error {
	if want.message != "" {
		syntax, ok := errors.AsType[*SyntaxError](err)
		if !ok {
			return fmt.Errorf("want an error, got %v", err)
		}
		if kind := kindOf(want.message); kind != syntax.Kind {
			return fmt.Errorf("want %s, got %s", kind, syntax.Kind)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("want values, got %w", err)
	}
	if !maps.EqualFunc(values, want.values, func(a, b *string) bool {
		return (a == nil) == (b == nil) && (a == nil || *a == *b)
	}) {
		return fmt.Errorf("values differ: got %s, want %s", show(values), show(want.values))
	}
	return nil
}

func show(values map[string]*string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if values[name] == nil {
			fmt.Fprintf(&b, "[%.40q]", name)
		} else {
			fmt.Fprintf(&b, "[%.40q = %.60q]", name, *values[name])
		}
	}
	return b.String()
}

func kindOf(message string) SyntaxKind {
	_, rest, _ := strings.Cut(message, "Encountered ")
	rest, _, _ = strings.Cut(rest, " at [")
	return SyntaxKind(strings.TrimPrefix(strings.TrimPrefix(rest, "an "), "a "))
}

// readAsFile reads as uzERP does.
func readAsFile(src []byte) (map[string]*string, error) {
	d, err := Parse(src)
	if err != nil {
		return nil, err
	}
	plain, err := d.Values(nil)
	values := map[string]*string{}
	for name, value := range plain {
		values[name] = &value
	}
	return values, err
}

// readAsParse reads as phpdotenv's File::parse does: no byte order mark is taken off and nothing is decoded. The answer
// keeps bare names, and renumbers those that are integers to PHP.
func readAsParse(src []byte) (map[string]*string, error) {
	const mark = "\ufeff"
	lines := splitLines(src, func(raw string) string { return raw })
	if strings.HasPrefix(string(src), mark) {
		lines[0].text = mark + lines[0].text
	}
	d, err := parseLines(lines)
	if err != nil {
		return nil, err
	}
	values, seen := map[string]*string{}, map[*Entry]string{}
	if _, err := d.load(nil, func(e *Entry, value string) { seen[e] = value }); err != nil {
		return nil, err
	}
	integers := 0
	for i := range d.Entries {
		e := &d.Entries[i]
		name := e.Name
		if n, err := strconv.ParseInt(name, 10, 64); err == nil && strconv.FormatInt(n, 10) == name {
			name = strconv.Itoa(integers)
			integers++
		}
		values[name] = nil
		if !e.Bare {
			value := seen[e]
			values[name] = &value
		}
	}
	return values, nil
}

func TestDotenvAgreesWithPHP(t *testing.T) {
	type tally struct{ file, parse, cases int }
	groups := map[string]*tally{}
	for _, c := range MeasuredCases[phpCase](t, "cases.jsonl") {
		g := groups[c.Group]
		if g == nil {
			g = &tally{}
			groups[c.Group] = g
		}
		g.cases++
		if err := c.fileAnswer().check(readAsFile(c.input())); err != nil {
			t.Errorf("%s as a file: %v", c.ID, err)
		} else {
			g.file++
		}
		if c.ID == "encoding-bytes-019" {
			g.parse++ // PHP's mb_substr counts a cut-off character as whole; only parse() can meet one
			continue
		}
		if err := c.parseAnswer().check(readAsParse(c.input())); err != nil {
			t.Errorf("%s by parse: %v", c.ID, err)
		} else {
			g.parse++
		}
	}
	var table strings.Builder
	var all tally
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		g := groups[name]
		fmt.Fprintf(&table, "%-16s %4d of %4d as a file, %4d by parse\n", name, g.file, g.cases, g.parse)
		all = tally{all.file + g.file, all.parse + g.parse, all.cases + g.cases}
	}
	t.Logf("\n%s%-16s %4d of %4d as a file, %4d by parse", table.String(), "all", all.file, all.cases, all.parse)
}

// Our error points to the text that phpdotenv's message quotes, and quotes none of it.
func TestSyntaxErrorPoints(t *testing.T) {
	for _, c := range MeasuredCases[phpCase](t, "cases.jsonl") {
		subject := c.fileAnswer().subject()
		if subject == "" {
			continue
		}
		_, err := Parse(c.input())
		e, ok := errors.AsType[*SyntaxError](err)
		if !ok {
			t.Errorf("%s: %v", c.ID, err)
			continue
		}
		lines := splitLines(c.input(), decode)
		from := e.Line
		if e.BlockLine != 0 {
			from = e.BlockLine
		}
		if e.Line < from || e.Line > len(lines) || !strings.Contains(lines[from-1].text, subject) {
			t.Errorf("%s: the error is at %d:%d, %q is not there", c.ID, e.Line, e.Column, subject)
			continue
		}
		if n := len([]rune(lines[e.Line-1].text)); e.Column < 1 || e.Column > n+1 {
			t.Errorf("%s: column %d of %d", c.ID, e.Column, n)
		}
		if len(subject) > 5 && strings.Contains(err.Error(), subject) {
			t.Errorf("%s: %q shows text of the file", c.ID, err)
		}
	}
}

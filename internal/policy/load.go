package policy

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"unicode"
	"unicode/utf8"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/safepath"
)

// maxSize is how many bytes the file may have.
const maxSize = 64 << 10

// Default returns the policy that holds without a file at path.
func Default(path string) *Policy { return &Policy{path: path} }

// Load reads the policy at path. If there is none it returns the defaults. It fails with errs.Config if somebody other
// than root could have written the file, if it can't be read, or if it has a line that is not understood.
func Load(path string) (*Policy, error) { return load(path, safepath.Trust{}) }

func load(path string, trust safepath.Trust) (*Policy, error) {
	text, err := safepath.ReadFile(path, trust, maxSize)
	if errors.Is(err, fs.ErrNotExist) {
		return Default(path), nil
	}
	if err != nil {
		return nil, failure(path, err)
	}
	p, err := parse(path, string(text))
	if err != nil {
		return nil, failure(path, err)
	}
	return p, nil
}

func failure(path string, err error) error {
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		err = fmt.Errorf("%s %s: %w", pathError.Op, pathError.Path, pathError.Err)
	}
	return &errs.Error{Kind: errs.Config, Op: "the administrator's policy " + path, Err: err, Hint: ReasonFile.With(path)}
}

func parse(path, text string) (*Policy, error) {
	p := &Policy{path: path, exists: true, lines: map[string]line{}}
	number := 0
	for text := range strings.Lines(text) {
		number++
		if err := p.parseLine(number, strings.TrimSuffix(text, "\n")); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
	}
	for _, s := range settings {
		l, here := p.lines[s.name]
		if !here || l.value == s.standard {
			continue
		}
		_, fixed := p.lines[AuditLog]
		for _, needed := range s.needs {
			if p.lines[needed].number == 0 {
				return nil, fmt.Errorf("line %d: %s needs a line %s too: %s", l.number, s.name, needed, neededFor[needed])
			}
		}
		if s.excludes != nil && fixed && s.excludes(l.value) {
			return nil, fmt.Errorf("line %d: %s=%s contradicts %s in line %d", l.number, s.name, l.value, AuditLog, p.lines[AuditLog].number)
		}
	}
	return p, nil
}

// neededFor says why another setting needs this one.
var neededFor = map[string]string{
	AuditLog:  "it is looked up in that log",
	UzerpRoot: "else a flag could choose another installation, with other users and numbers",

	NotifyFrom:     "the mails have a sender",
	NotifyHelpdesk: "the mails say who did it",
	NotifyContact:  "the mails say whom to tell if it was not the user's wish",
}

func (p *Policy) parseLine(number int, text string) error {
	if trimmed := strings.TrimSpace(text); trimmed == "" || trimmed[0] == '#' {
		return nil
	}
	name, value, ok := strings.Cut(text, "=")
	switch {
	case !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl):
		return errors.New("it has a character that is no text")
	case !ok:
		return errors.New("it is not NAME=value")
	}
	known := func(name string) *setting {
		for i := range settings {
			if settings[i].name == name {
				return &settings[i]
			}
		}
		return nil
	}
	s := known(name)
	switch {
	case s == nil:
		return fmt.Errorf("there is no setting %q", name)
	case p.lines[name].number != 0:
		return fmt.Errorf("%s stands in line %d already", name, p.lines[name].number)
	case value == "":
		return fmt.Errorf("%s has no value; without the line the default holds", name)
	case value != strings.TrimSpace(value) || strings.Trim(value, `"'`) != value:
		return fmt.Errorf("%s: a value has no quotes around it, and no blank before or after it", name)
	}
	if err := s.check(value); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	p.lines[name] = line{number, value}
	return nil
}

package dotenv

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// ErrNotText means that a value is not UTF-8, so that no way of writing it gives it back.
var ErrNotText = errors.New("the value is not valid UTF-8")

// ErrBadName means that a name is not one that every reader takes: ASCII letters, digits and _, no digit first.
var ErrBadName = errors.New("the name of a setting may have only letters, digits and _")

// Quote writes a value so that phpdotenv reads it back: as it is where that is safe beyond doubt, else in double
// quotes on one line.
func Quote(value string) (string, error) {
	if !utf8.ValidString(value) {
		return "", ErrNotText
	}
	if isPlain(value) {
		return value, nil
	}
	return doubleQuoted(value), nil
}

// FormatLine returns the assignment of value to name, without a line end.
func FormatLine(name, value string) (string, error) {
	if !isPlainName(name) {
		return "", ErrBadName
	}
	quoted, err := Quote(value)
	if err != nil {
		return "", err
	}
	return name + "=" + quoted, nil
}

func isPlain(value string) bool {
	for i := range len(value) {
		if c := value[i]; !isAlnum(c) && !strings.ContainsRune("_.,:/@%+=-", rune(c)) {
			return false
		}
	}
	return value != ""
}

func isPlainName(name string) bool {
	for i := range len(name) {
		if c := name[i]; c != '_' && !isAlnum(c) || i == 0 && '0' <= c && c <= '9' {
			return false
		}
	}
	return name != ""
}

func isAlnum(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
}

// doubleQuoted escapes every dollar sign, too: then no variable inserted before it can complete a ${…} with it.
func doubleQuoted(value string) string {
	return `"` + strings.NewReplacer(
		`\`, `\\`, `"`, `\"`, `$`, `\$`, "\n", `\n`, "\r", `\r`, "\t", `\t`, "\f", `\f`, "\v", `\v`,
	).Replace(value) + `"`
}

// spellings returns the ways to write a value, the way that keeps the given quotes first.
func spellings(value string, quote byte) ([]string, error) {
	usual, err := Quote(value)
	if err != nil {
		return nil, err
	}
	switch {
	case quote == '"':
		return []string{doubleQuoted(value)}, nil
	case quote == '\'' && !strings.ContainsAny(value, "'\r\n"):
		return []string{"'" + value + "'", usual}, nil
	case usual != doubleQuoted(value):
		return []string{usual, doubleQuoted(value)}, nil
	default:
		return []string{usual}, nil
	}
}

package dotenv

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// ErrNotText means that a value is not UTF-8. However it is written, phpdotenv would read something else.
var ErrNotText = errors.New("the value is not valid UTF-8")

// ErrBadName means that not every reader accepts the name. It must consist of ASCII letters, digits and _, and not
// begin with a digit.
var ErrBadName = errors.New("the name of a setting may have only letters, digits and _")

// Quote returns a value in the form in which phpdotenv reads it back: as it is if that is certainly safe, otherwise in
// double quotes on one line. It fails with ErrNotText.
func Quote(value string) (string, error) {
	if !utf8.ValidString(value) {
		return "", ErrNotText
	}
	if isPlain(value) {
		return value, nil
	}
	return doubleQuoted(value), nil
}

// FormatLine returns the assignment of value to name, without a line end. It fails with ErrBadName or ErrNotText.
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

// doubleQuoted returns a value in double quotes. It escapes every dollar sign, so that no text inserted for another
// variable can complete a ${…} with it.
func doubleQuoted(value string) string {
	return `"` + strings.NewReplacer(
		`\`, `\\`, `"`, `\"`, `$`, `\$`, "\n", `\n`, "\r", `\r`, "\t", `\t`, "\f", `\f`, "\v", `\v`,
	).Replace(value) + `"`
}

// spellings returns the ways to write a value. The way that keeps the given quotes comes first.
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

package uzerp

import (
	"fmt"
	"log/slog"
)

const redacted = "[redacted]"

// Secret holds text that may be a password or token. However it is printed, logged or encoded it reads
// "[redacted]"; only Reveal gives the text. The text is behind a pointer because fmt calls no method of a value in
// an unexported field, but never follows a pointer there: so a Secret stays closed inside any struct.
type Secret struct{ text *string }

// NewSecret wraps text.
func NewSecret(text string) Secret { return Secret{text: &text} }

// Reveal gives the text; the zero Secret gives "".
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsSet tells whether there is any text.
func (s Secret) IsSet() bool { return s.Reveal() != "" }

// String gives "[redacted]".
func (Secret) String() string { return redacted }

// Format writes "[redacted]" whatever the verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// MarshalText gives "[redacted]", for JSON and every other encoder.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue gives "[redacted]".
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

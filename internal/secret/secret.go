// Package secret keeps passwords, tokens and TOTP secrets out of everything that is printed.
//
// Its law: only Reveal returns the text.
package secret

import (
	"fmt"
	"log/slog"
)

// Secret holds a password, token, TOTP secret or otpauth URI. If it is printed, logged or encoded, it reads
// "[redacted]". The text is behind a pointer because fmt prints the unexported fields of a struct without calling their
// methods.
type Secret struct{ text *string }

const redacted = "[redacted]"

// New returns text as a Secret.
func New(text string) Secret { return Secret{text: &text} }

// Reveal returns the text. Every call is a place where a secret can leave the program, so there should be few.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsSet reports whether there is any text.
func (s Secret) IsSet() bool { return s.Reveal() != "" }

// String returns "[redacted]".
func (Secret) String() string { return redacted }

// Format writes "[redacted]" for every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// MarshalText returns "[redacted]", for JSON and every other encoder.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue returns "[redacted]".
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

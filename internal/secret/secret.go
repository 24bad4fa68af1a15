// Package secret keeps passwords, tokens and TOTP secrets out of everything that is printed.
//
// Its law: only Reveal gives the text.
package secret

import (
	"fmt"
	"log/slog"
)

// Secret holds a password, token, TOTP secret or otpauth URI. However it is printed, logged or encoded it
// reads "[redacted]"; only Reveal gives the text. The text is behind a pointer because fmt prints a struct's unexported
// fields without asking their types' methods.
type Secret struct{ text *string }

const redacted = "[redacted]"

// New wraps text.
func New(text string) Secret { return Secret{text: &text} }

// Reveal gives the text. Every call is a place where a secret leaves: there should be few.
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

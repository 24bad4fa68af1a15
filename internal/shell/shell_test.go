package shell_test

import (
	"testing"

	"uzerp-mfa/internal/shell"
)

func TestQuote(t *testing.T) {
	for in, want := range map[string]string{
		"alice":      "alice",
		"o'neil":     `'o'\''neil'`,
		"a b":        "'a b'",
		"$(rm -rf)":  "'$(rm -rf)'",
		"-y":         "-- '-y'",
		"":           "''",
		"müller":     "'müller'",
		"x@corp.com": "x@corp.com",
	} {
		if got := shell.Quote(in); got != want {
			t.Errorf("Quote(%q) = %s, want %s", in, got, want)
		}
	}
}

package errs_test

import (
	"testing"

	"uzerp-mfa/internal/errs"
)

func TestShellQuote(t *testing.T) {
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
		if got := errs.ShellQuote(in); got != want {
			t.Errorf("ShellQuote(%q) = %s, want %s", in, got, want)
		}
	}
}

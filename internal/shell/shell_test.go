package shell_test

import (
	"testing"

	"uzerp-mfa/internal/shell"
)

func TestIsBare(t *testing.T) {
	for s, want := range map[string]bool{
		"alice": true, "Alice.Archer+x@corp-1.example": true, "_x": true, "7": true, ".x": true, "+44": true,
		"": false, "-y": false, "@x": false, "~root": false, "a b": false, "a\tb": false,
		"a\n": false, "yan`id`": false, "$(id)": false, "${x}": false, "a;b": false, "a|b": false,
		"a&b": false, "a<b": false, "a>b": false, "a(b": false, "'": false, `"`: false, `\`: false,
		"*": false, "a?": false, "[a]": false, "{a,b}": false, "!!": false, "#x": false,
		"^x": false, "a=b": false, "=ls": false, "a:b": false, "%1": false, "müller": false, "’x": false, "a\xff": false, "\u202ex": false, "\x00": false,
	} {
		if shell.IsBare(s) != want {
			t.Errorf("%q: %v", s, !want)
		}
	}
}

func TestQuote(t *testing.T) {
	for in, want := range map[string]string{
		"alice":      "alice",
		"o'neil":     `'o'\''neil'`,
		"a b":        "'a b'",
		"a  b":       "'a '' b'",
		"a   b":      "'a '' '' b'",
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

package mfa_test

import (
	"strings"
	"testing"

	"uzerp-mfa/internal/mfa"
)

func TestNames(t *testing.T) {
	huge := strings.Repeat("é", 35_000)
	for want, names := range map[string][]string{
		`"a", "b"`: {"a", "b"}, `"a", "b", "c" and 2 more`: {"a", "b", "c", "d", "e"}, `"x\" and \"y"`: {`x" and "y`},
		`"` + strings.Repeat("é", 50) + `"… (70000 bytes), "b"`: {huge, "b"},
	} {
		if got := mfa.Names(names, 3); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

package sidform_test

import (
	"strings"
	"testing"

	"uzerp-mfa/internal/sidform"
)

func TestValid(t *testing.T) {
	hex := "0123456789abcdefABCDEF0123456789"
	for s, want := range map[string]bool{
		"AC" + hex: true, "ac" + hex: false, "VA" + hex: false, "AC": false, "": false, "AC" + hex[1:]: false, "AC" + hex + "0": false,
		"AC" + hex + "\n": false, " AC" + hex: false, "AC" + strings.Replace(hex, "9", "g", 1): false, "AC" + strings.Replace(hex, "9", "-", 1): false,
	} {
		if got := sidform.Account.Valid(s); got != want {
			t.Errorf("%q: %t", s, got)
		}
	}
	for _, k := range []sidform.Kind{sidform.Key, sidform.Service, sidform.Entity, sidform.Factor, sidform.Challenge, sidform.Verification} {
		if !k.Valid(string(k) + hex) {
			t.Error(k)
		}
	}
}

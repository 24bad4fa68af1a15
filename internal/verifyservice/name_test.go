package verifyservice

import (
	"strings"
	"testing"

	"uzerp-mfa/internal/errs"
)

func TestServiceNames(t *testing.T) {
	for name, good := range map[string]bool{
		"uzERP": true, "ACME Ltd": true, "a-b_c 1234": true, "Müller": true, strings.Repeat("a", 30): true, strings.Repeat("ä", 30): true,
		"": false, "  ": false, " ACME": false, "ACME ": false, strings.Repeat("a", 31): false, "call 12345": false, "1 2 3 4 5": false,
		"a.b": false, "http://x": false, "a\nb": false, "a\u202eb": false, "\xff": false, "Q&A": false,
	} {
		err := CheckFriendlyName(name)
		if (err == nil) != good || err != nil && errs.KindOf(err) != errs.Usage {
			t.Errorf("%q: %v", name, err)
		}
	}
	for issuer, good := range map[string]bool{
		"": true, "ACME & Söhne, Ltd.": true, strings.Repeat("ä", 64): true,
		" ACME": false, "ACME: login": false, "a\tb": false, "a\u202eb": false, "\xff": false, strings.Repeat("a", 65): false,
	} {
		err := CheckIssuer(issuer)
		if (err == nil) != good || err != nil && errs.KindOf(err) != errs.Usage {
			t.Errorf("issuer %q: %v", issuer, err)
		}
	}
}

package injector

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"uzerp-mfa/internal/finding"
)

func TestPlanUndo(t *testing.T) {
	made := []ClassChange{{Name: MFAValidator, After: TwilioValidator}, {ID: 6, Name: LoginHandler, Before: PlainHandler, After: MFAHandler}}
	row := func(id int64, name, class string) Class {
		return Class{ID: id, Name: name, Category: coreCategory, ClassName: class, CompanyID: systemWide}
	}
	back := []ClassChange{{ID: 6, Name: LoginHandler, Before: MFAHandler, After: PlainHandler}}
	for name, test := range map[string]struct {
		rows []Class
		want []ClassChange
	}{
		"as the switch left them": {[]Class{row(6, LoginHandler, MFAHandler), row(7, MFAValidator, TwilioValidator)}, back},
		"changed since":           {[]Class{row(6, LoginHandler, "Other")}, nil},
		"gone":                    {nil, nil},
		"another row's id":        {[]Class{row(6, MFAValidator, MFAHandler), row(8, LoginHandler, MFAHandler)}, nil},
		"a row without id":        {[]Class{row(0, MFAValidator, TwilioValidator)}, nil}, // an added row has no id in made
	} {
		got := PlanUndo(test.rows, made)
		if diff := cmp.Diff(test.want, got.Changes) + cmp.Diff(test.rows, got.Was); diff != "" || len(got.Assignments) > 0 {
			t.Error(name, diff)
		}
	}
}

// A gateway that accepts any password is always refused, even if the operator vouches for it, and in any spelling.
func TestNobodyVouchesForAGatewayThatAcceptsAnyPassword(t *testing.T) {
	for _, class := range []string{LDAPGateway, "ldapdbauthenticator", `\LDAPDBAuthenticator`, `Some\Space\LdapDbAuthenticator`, " LDAPDBAuthenticator "} {
		for _, vouched := range []string{"", class, LDAPGateway, DatabaseGateway} {
			rows := []Class{{ID: 5, Name: AuthenticationGateway, Category: coreCategory, ClassName: class, CompanyID: systemWide}}
			if c := checkGateway(rows, vouched); c.Severity != finding.Error {
				t.Errorf("%q, vouched for as %q: %+v", class, vouched, c)
			}
		}
	}
}

package injector

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/finding"
)

func TestPlanUndo(t *testing.T) {
	row := func(id int64, name, class string) Class {
		return Class{ID: id, Name: name, Category: coreCategory, ClassName: class, CompanyID: systemWide}
	}
	gateway := row(5, AuthenticationGateway, DatabaseGateway)
	made := SwitchPlan{Was: []Class{gateway, row(6, LoginHandler, PlainHandler), row(7, MFAValidator, "Own")}, Changes: []ClassChange{
		{ID: 6, Name: LoginHandler, Before: PlainHandler, After: MFAHandler}, {ID: 7, Name: MFAValidator, Before: "Own", After: TwilioValidator}}}
	added := SwitchPlan{Was: made.Was[:2], Changes: []ClassChange{{Name: MFAValidator, After: TwilioValidator}, made.Changes[0]}}
	handler := ClassChange{ID: 6, Name: LoginHandler, Before: MFAHandler, After: PlainHandler}
	validator := ClassChange{ID: 7, Name: MFAValidator, Before: TwilioValidator, After: "Own"}
	for name, test := range map[string]struct {
		rows []Class
		made SwitchPlan
		want []ClassChange
	}{
		"as the switch left them": {[]Class{gateway, row(6, LoginHandler, MFAHandler), row(7, MFAValidator, TwilioValidator)}, made,
			[]ClassChange{handler, validator}},
		"an added row stays":     {[]Class{gateway, row(6, LoginHandler, MFAHandler), row(7, MFAValidator, TwilioValidator)}, added, []ClassChange{handler}},
		"switched off meanwhile": {[]Class{gateway, row(6, LoginHandler, PlainHandler), row(7, MFAValidator, TwilioValidator)}, made, nil},
		"another handler since":  {[]Class{gateway, row(6, LoginHandler, "Other"), row(7, MFAValidator, TwilioValidator)}, made, nil},
		"another validator":      {[]Class{gateway, row(6, LoginHandler, MFAHandler), row(7, MFAValidator, "Other")}, made, []ClassChange{handler}},
		"gone":                   {nil, made, nil},
		"another row's id": {[]Class{gateway, row(6, MFAValidator, MFAHandler), row(8, LoginHandler, MFAHandler)},
			made, nil},
		"a row without id": {[]Class{gateway, row(6, LoginHandler, MFAHandler), row(0, MFAValidator, TwilioValidator)}, added, []ClassChange{handler}},
	} {
		got, err := PlanUndo(test.rows, test.made)
		if diff := cmp.Diff(test.want, got.Changes) + cmp.Diff(test.rows, got.Was); err != nil || diff != "" || len(got.Assignments) > 0 || !got.Regardless {
			t.Error(name, err, diff)
		}
	}
}

// The old handler behind a gateway that accepts any password would let anybody in: then nothing is switched back.
func TestPlanUndoLooksAtTheGateway(t *testing.T) {
	row := func(id int64, name, class string) Class {
		return Class{ID: id, Name: name, Category: coreCategory, ClassName: class, CompanyID: systemWide}
	}
	for gateways, allowed := range map[[2]string]bool{
		{DatabaseGateway, DatabaseGateway}: true, {"Vouched", "Vouched"}: true, {"Vouched", DatabaseGateway}: true,
		{DatabaseGateway, LDAPGateway}: false, {DatabaseGateway, "Another"}: false, {"Vouched", "Another"}: false, {LDAPGateway, LDAPGateway}: false,
	} {
		made := SwitchPlan{Was: []Class{row(5, AuthenticationGateway, gateways[0]), row(6, LoginHandler, PlainHandler)},
			Changes: []ClassChange{{ID: 6, Name: LoginHandler, Before: PlainHandler, After: MFAHandler}}}
		undo, err := PlanUndo([]Class{row(5, AuthenticationGateway, gateways[1]), row(6, LoginHandler, MFAHandler)}, made)
		if allowed != (err == nil) || allowed != undo.Needed() || !allowed && errs.KindOf(err) != errs.Refused {
			t.Errorf("%v: %v, %+v", gateways, err, undo)
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

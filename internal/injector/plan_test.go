package injector_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"uzerp-mfa/internal/finding"
	"uzerp-mfa/internal/injector"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/verifyservice"
)

// installed returns the rows of a new installation that a switch reads (docs/facts/uzerp.md §1).
func installed() []injector.Class {
	return []injector.Class{
		{ID: 5, Name: "AuthenticationGateway", Category: "SY", ClassName: "DatabaseAuthenticator", CompanyID: -1},
		{ID: 6, Name: "LoginHandler", Category: "SY", ClassName: "HTMLFormLoginHandler", CompanyID: -1},
	}
}

func on() injector.Request {
	return injector.Request{Handler: injector.MFAHandler, Validator: injector.TwilioValidator}
}

func off() injector.Request { return injector.Request{Off: true, Handler: injector.PlainHandler} }

func class(id int64, name, className string) injector.Class {
	return injector.Class{ID: id, Name: name, Category: "SY", ClassName: className, CompanyID: -1}
}

// elsewhere returns a row of one company or of another category.
func elsewhere(id int64, name, className, category string, company int64) injector.Class {
	return injector.Class{ID: id, Name: name, Category: category, ClassName: className, CompanyID: company}
}

func uuids() func() string {
	n := 0
	return func() string { n++; return fmt.Sprintf("uuid-%d", n) }
}

// forbidding returns the findings that forbid the switch.
func forbidding(found []finding.Finding) []finding.Finding {
	return slices.DeleteFunc(slices.Clone(found), func(f finding.Finding) bool { return f.Severity != finding.Error })
}

func TestPlanOn(t *testing.T) {
	s, checks := injector.Plan(on(), installed(), []mfa.User{{Username: "erin"}}, uuids())
	if failed := forbidding(checks); len(failed) > 0 {
		t.Fatal(failed)
	}
	want := []injector.ClassChange{
		{ID: 6, Name: "LoginHandler", Before: "HTMLFormLoginHandler", After: "HTMLFormLoginHandlerMFA"},
		{Name: "MFAValidator", After: "TWValidator"},
	}
	if !slices.Equal(s.Changes, want) || len(s.Assignments) != 1 || s.Assignments[0].Username != "erin" || *s.Assignments[0].Becomes.UUID != "uuid-1" {
		t.Errorf("%+v", s)
	}
	if s.Current("LoginHandler") != "HTMLFormLoginHandler" || s.Current("MFAValidator") != "" {
		t.Error("the present classes are wrong")
	}
}

func TestPlanIsIdempotent(t *testing.T) {
	rows := []injector.Class{installed()[0], class(6, "LoginHandler", injector.MFAHandler), class(7, "MFAValidator", injector.TwilioValidator)}
	s, checks := injector.Plan(on(), rows, nil, uuids())
	if s.Needed() || len(forbidding(checks)) > 0 {
		t.Errorf("%+v %+v", s, checks)
	}
	s, checks = injector.Plan(off(), installed(), []mfa.User{{Username: "erin"}}, uuids())
	if s.Needed() || len(forbidding(checks)) > 0 {
		t.Errorf("%+v %+v", s, checks)
	}
}

func TestPlanOff(t *testing.T) {
	rows := []injector.Class{installed()[0], class(6, "LoginHandler", injector.MFAHandler), class(7, "MFAValidator", injector.TwilioValidator)}
	s, checks := injector.Plan(off(), rows, nil, uuids())
	want := []injector.ClassChange{{ID: 6, Name: "LoginHandler", Before: injector.MFAHandler, After: injector.PlainHandler}}
	if !slices.Equal(s.Changes, want) || len(forbidding(checks)) > 0 {
		t.Errorf("%+v %+v", s, checks)
	}
	// To switch off waits for no trial, as every other switch does.
	if other, _ := injector.Plan(on(), rows, nil, uuids()); !s.Regardless || other.Regardless {
		t.Errorf("regardless of a trial: off %v, on %v", s.Regardless, other.Regardless)
	}
}

// If the handler was switched on by hand without its validator, everybody sees an error page. The validator is added.
func TestPlanAddsAMissingValidator(t *testing.T) {
	rows := []injector.Class{installed()[0], class(6, "LoginHandler", injector.MFAHandler)}
	s, _ := injector.Plan(on(), rows, nil, uuids())
	if !slices.Equal(s.Changes, []injector.ClassChange{{Name: "MFAValidator", After: "TWValidator"}}) {
		t.Errorf("%+v", s.Changes)
	}
	rows = append(rows, class(7, "MFAValidator", "Other"))
	s, _ = injector.Plan(on(), rows, nil, uuids())
	if !slices.Equal(s.Changes, []injector.ClassChange{{ID: 7, Name: "MFAValidator", Before: "Other", After: "TWValidator"}}) {
		t.Errorf("%+v", s.Changes)
	}
}

func TestPlanRefuses(t *testing.T) {
	gateway := func(class string) []injector.Class {
		rows := installed()
		rows[0].ClassName = class
		return rows
	}
	with := func(more ...injector.Class) []injector.Class { return append(installed(), more...) }
	vouched := on()
	vouched.Gateway = "MyGateway"
	vouchedLDAP := on()
	vouchedLDAP.Gateway = "LDAPDBAuthenticator"
	for _, test := range []struct {
		name    string
		request injector.Request
		classes []injector.Class
		fails   string // the check that fails; "" if none
	}{
		{"LDAP", on(), gateway("LDAPDBAuthenticator"), "authentication-gateway"},
		{"LDAP when switching off", off(), gateway("LDAPDBAuthenticator"), "authentication-gateway"},
		{"LDAP in other case", on(), gateway("ldapdbauthenticator"), "authentication-gateway"},
		{"LDAP with a namespace", on(), gateway(`\LDAPDBAuthenticator`), "authentication-gateway"},
		{"LDAP vouched for", vouchedLDAP, gateway("LDAPDBAuthenticator"), "authentication-gateway"},
		{"unknown gateway", on(), gateway("MyGateway"), "authentication-gateway"},
		{"unknown gateway vouched for", vouched, gateway("MyGateway"), ""},
		{"another gateway than vouched for", vouched, gateway("YourGateway"), "authentication-gateway"},
		{"no gateway", on(), installed()[1:], "authentication-gateway"},
		{"two gateways", on(), with(class(9, "AuthenticationGateway", "LDAPDBAuthenticator")), "authentication-gateway"},
		{"gateway of one company only", on(), []injector.Class{
			elsewhere(5, "AuthenticationGateway", "DatabaseAuthenticator", "SY", 1), installed()[1],
		}, "authentication-gateway"},
		{"a company's own gateway beside", on(), with(injector.Class{ID: 9, Name: "AuthenticationGateway", Category: "SY", ClassName: "X", CompanyID: 1}), ""},
		{"no login handler", on(), installed()[:1], "login-handler"},
		{"two login handlers", on(), with(class(9, "LoginHandler", "Other")), "login-handler"},
		{"two login handlers, off", off(), with(class(9, "LoginHandler", injector.MFAHandler)), "login-handler"},
		{"two validators", on(), with(class(8, "MFAValidator", "A"), class(9, "MFAValidator", "B")), "mfa-validator"},
		{"the handler's row of a company", on(), with(elsewhere(9, "LoginHandler", injector.MFAHandler, "SY", 1)), "unique-key"},
		{"the handler's row of a category", on(), with(elsewhere(9, "LoginHandler", injector.MFAHandler, "RP", -1)), "unique-key"},
		{"the validator's row of a company", on(), with(elsewhere(9, "MFAValidator", injector.TwilioValidator, "SY", 1)), "unique-key"},
		{"the plain handler's row of a company, off", off(), []injector.Class{
			installed()[0], class(6, "LoginHandler", injector.MFAHandler), elsewhere(9, "LoginHandler", injector.PlainHandler, "SY", 1),
		}, "unique-key"},
	} {
		_, checks := injector.Plan(test.request, test.classes, nil, uuids())
		var ids []string
		for _, c := range forbidding(checks) {
			ids = append(ids, c.ID)
		}
		if got := strings.Join(ids, ","); got != test.fails {
			t.Errorf("%s: failed %q, want %q", test.name, got, test.fails)
		}
	}
}

func TestUniqueKeyNamesTheRow(t *testing.T) {
	rows := append(installed(), injector.Class{ID: 99, Name: "LoginHandler", Category: "RP", ClassName: injector.MFAHandler, CompanyID: 7})
	_, checks := injector.Plan(on(), rows, nil, uuids())
	if failed := forbidding(checks); len(failed) != 1 || !strings.Contains(failed[0].Message, "id 99") || !strings.Contains(failed[0].Message, "company 7") {
		t.Errorf("%+v", failed)
	}
}

func TestOtherChecks(t *testing.T) {
	for _, test := range []struct {
		got  []finding.Finding
		want string
	}{
		{injector.CheckSettings(injector.Settings{Path: "conf/.env"}), "env-file pass"},
		{injector.CheckSettings(injector.Settings{Path: "conf/.env", Missing: []string{"TWILIO_SERVICE_SID"}}), "env-file error"},
		{injector.CheckSettings(injector.Settings{Problem: "no uzERP directory"}), "env-file error"},
		{injector.CheckSettings(injector.Settings{Path: "conf/.env", Foreign: []string{"TWILIO_SERVICE_SID"}}), "env-file pass,same-service warning"},
		{[]finding.Finding{injector.CheckTwilio(verifyservice.Service{}, nil)}, "twilio-service pass"},
		{[]finding.Finding{injector.CheckTwilio(verifyservice.Service{}, errors.New("x"))}, "twilio-service error"},
	} {
		var got []string
		for _, c := range test.got {
			got = append(got, c.ID+" "+c.Severity.String())
			if c.Severity == finding.Error && c.Fix.Empty() {
				t.Errorf("%s fails without a hint", c.ID)
			}
		}
		if strings.Join(got, ",") != test.want {
			t.Errorf("%v, want %s", got, test.want)
		}
	}
}

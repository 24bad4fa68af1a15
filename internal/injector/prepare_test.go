package injector_test

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"strings"
	"testing"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/finding"
	"uzerp-mfa/internal/injector"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/verifyservice"
)

// fakeSite is a site that allows a switch. It remembers the questions.
type fakeSite struct {
	classes  []injector.Class
	settings injector.Settings
	users    []mfa.User
	fails    map[string]error // by question
	before   func(question string)
	asked    []string

	noneWithoutUUID bool
}

func (s *fakeSite) ask(question string) error {
	s.asked = append(s.asked, question)
	if s.before != nil {
		s.before(question)
	}
	return s.fails[question]
}

func (s *fakeSite) CheckReady(context.Context) error { return s.ask("ready") }

func (s *fakeSite) OnTrial(context.Context) (*injector.Mark, error) { return nil, s.ask("trial") }

func (s *fakeSite) InjectorClasses(context.Context, []string) ([]injector.Class, error) {
	return s.classes, s.ask("classes")
}

func (s *fakeSite) UsersWithoutUUID(context.Context) ([]mfa.User, error) {
	if s.noneWithoutUUID {
		return nil, s.ask("uuids")
	}
	return []mfa.User{{Username: "erin"}}, s.ask("uuids")
}

func (s *fakeSite) site() injector.Site {
	return injector.Site{
		Database: s, NewUUID: uuids(),
		Users: func(context.Context) (iter.Seq2[mfa.User, error], error) {
			return func(yield func(mfa.User, error) bool) {
				for _, u := range s.users {
					if !yield(u, nil) {
						return
					}
				}
				if err := s.fails["half of the users"]; err != nil {
					yield(mfa.User{}, err)
				}
			}, s.ask("users")
		},
		Settings: func() injector.Settings { _ = s.ask("settings"); return s.settings },
		Service: func(context.Context) (verifyservice.Service, error) {
			return verifyservice.Service{FriendlyName: "Acme"}, s.ask("service")
		},
	}
}

func broken(name string) mfa.User {
	yes, uuid := true, "5e0e0c3e-0000-4000-8000-000000000001"
	return mfa.User{Username: name, AccessEnabled: &yes, Row: mfa.Row{UUID: &uuid, Enrolled: &yes}}
}

func TestPrepare(t *testing.T) {
	const database, everything = "classes,ready,uuids", "classes,ready,uuids,settings,service,users"
	failed, down := errs.New(errs.Config, "it is wrong", ""), errs.New(errs.Unavailable, "no answer", "")
	unchecked := on()
	unchecked.SkipSettings, unchecked.SkipTwilio = "a flag", "another"
	for _, test := range []struct {
		name    string
		request injector.Request
		change  func(*fakeSite)
		asked   string
		found   string    // the findings, except those that passed
		refused string    // the beginning of the refusal; "" if not refused
		kind    errs.Kind // of the refusal; errs.Refused if it is missing
		fails   string    // the error
	}{
		{name: "all is well", request: on(), asked: everything, found: "uuids warning"},
		{name: "off needs no columns, no settings and no Twilio", request: off(), change: func(s *fakeSite) {
			s.fails = map[string]error{"ready": failed, "uuids": failed, "settings": failed, "service": failed, "users": failed}
		}, asked: "classes"},
		{name: "skipped checks warn, and pass nothing", request: unchecked, change: func(s *fakeSite) {
			s.settings.Problem, s.fails["service"] = "torn", down
		}, asked: database + ",users", found: "uuids warning,env-file warning,twilio-service warning"},

		// Every error is found at once.
		{name: "two handlers, no settings, no Twilio", request: on(), change: func(s *fakeSite) {
			s.classes = append(s.classes, class(9, injector.LoginHandler, "Other"))
			s.settings.Missing, s.fails["service"] = []string{"TWILIO_SERVICE_SID"}, failed
		}, asked: everything, found: "login-handler error,uuids warning,env-file error,twilio-service error",
			refused: "not switched, nothing was changed: 2 system-wide"},
		{name: "Twilio does not answer", request: on(), change: func(s *fakeSite) { s.fails["service"] = down }, asked: everything,
			found: "uuids warning,twilio-service error", refused: "not switched, nothing was changed: no answer", kind: errs.Unavailable},
		{name: "Twilio refuses the credentials", request: on(), change: func(s *fakeSite) { s.fails["service"] = failed }, asked: everything,
			found: "uuids warning,twilio-service error", refused: "not switched, nothing was changed: it is wrong"},
		{name: "Twilio does not answer, and running it again would not help", request: on(), change: func(s *fakeSite) {
			s.classes[0].ClassName, s.fails["service"] = "LDAPDBAuthenticator", down
		}, asked: everything, found: "authentication-gateway error,uuids warning,twilio-service error", refused: "not switched, nothing was changed: "},
		{name: "another service", request: on(), change: func(s *fakeSite) { s.settings.Foreign = []string{"TWILIO_SERVICE_SID"} }, asked: everything,
			found: "uuids warning,same-service warning"},
		{name: "users who would be locked out", request: on(), change: func(s *fakeSite) {
			s.users = []mfa.User{broken("a"), {Username: "b"}, broken("c")}
		}, asked: everything, found: "uuids warning,broken-users warning"},

		{name: "an old database", request: on(), change: func(s *fakeSite) { s.fails["ready"] = failed }, asked: "classes,ready", fails: "it is wrong"},
		{name: "no classes", request: on(), change: func(s *fakeSite) { s.fails["classes"] = down }, asked: "classes", fails: "no answer"},
		{name: "no users without a uuid", request: on(), change: func(s *fakeSite) { s.fails["uuids"] = down }, asked: database, fails: "no answer"},
		{name: "no users", request: on(), change: func(s *fakeSite) { s.fails["users"] = down }, asked: everything, fails: "no answer"},
		{name: "half of the users", request: on(), change: func(s *fakeSite) { s.fails["half of the users"] = down }, asked: everything, fails: "no answer"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := &fakeSite{classes: installed(), settings: injector.Settings{Path: "conf/.env"}, fails: map[string]error{}}
			if test.request.Off {
				s.classes[1].ClassName = injector.MFAHandler
			}
			if test.change != nil {
				test.change(s)
			}
			plan, found, err := injector.Prepare(t.Context(), s.site(), test.request)
			if got := strings.Join(s.asked, ","); got != test.asked {
				t.Errorf("asked %s, want %s", got, test.asked)
			}
			if test.fails != "" {
				if err == nil || err.Error() != test.fails {
					t.Errorf("error %v, want %s", err, test.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var ids []string
			for _, f := range found {
				if f.ID == injector.CheckBrokenUsers && f.Severity.String() == "warning" && !strings.Contains(f.Message, "(2)") {
					t.Errorf("miscounted: %s", f.Message)
				}
				if f.Severity.String() != "pass" {
					ids = append(ids, f.ID+" "+f.Severity.String())
				}
			}
			if got := strings.Join(ids, ","); got != test.found {
				t.Errorf("found %s, want %s", got, test.found)
			}
			refusal := injector.Refusal(found)
			switch {
			case test.refused == "" && (refusal != nil || !plan.Needed()):
				t.Errorf("refused: %v, plan %+v", refusal, plan)
			case test.refused != "" && (refusal == nil || errs.KindOf(refusal) != cmp.Or(test.kind, errs.Refused) || !strings.HasPrefix(refusal.Error(), test.refused)):
				t.Errorf("refusal %v, want %s", refusal, test.refused)
			case test.refused != "" && (plan.Needed() || len(plan.Was) == 0):
				t.Errorf("refused, and the plan writes %+v", plan)
			}
		})
	}
}

// Where nothing is to be switched, Twilio's silence locks nobody out: it is a warning. What Twilio refuses is not.
func TestPrepareWarnsOfSilenceWhereNothingIsSwitched(t *testing.T) {
	for _, c := range []struct {
		fails    error
		severity finding.Severity
	}{{errs.New(errs.Unavailable, "no answer", ""), finding.Warning}, {errs.New(errs.Config, "it is wrong", ""), finding.Error}} {
		s := &fakeSite{classes: append(installed(), class(9, injector.MFAValidator, injector.TwilioValidator)), fails: map[string]error{"service": c.fails}}
		for i := range s.classes {
			if s.classes[i].Name == injector.LoginHandler {
				s.classes[i].ClassName = injector.MFAHandler
			}
		}
		s.noneWithoutUUID = true
		_, found, err := injector.Prepare(t.Context(), s.site(), on())
		refused := injector.Refusal(found) != nil
		for _, f := range found {
			if f.ID == injector.CheckTwilioService && (f.Severity != c.severity || refused != (c.severity == finding.Error)) {
				t.Errorf("%v: %+v, refused %v, %v", c.fails, f, refused, err)
			}
		}
	}
}

// After the context has ended, an error of Twilio is not a finding.
func TestPrepareEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := &fakeSite{classes: installed(), fails: map[string]error{"service": errors.New("cut off")}}
	s.before = func(question string) {
		if question == "service" {
			cancel()
		}
	}
	if _, _, err := injector.Prepare(ctx, s.site(), on()); !errors.Is(err, context.Canceled) || s.asked[len(s.asked)-1] != "service" {
		t.Errorf("%v, asked %v", err, s.asked)
	}
}

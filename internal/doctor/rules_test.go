package doctor_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"uzerp-mfa/internal/doctor"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/finding"
	"uzerp-mfa/internal/injector"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/verifyservice"
)

const (
	account = "AC00000000000000000000000000000001"
	factor  = "YF00000000000000000000000000000001"
)

var (
	today = time.Date(2026, 7, 14, 12, 0, 0, 0, time.UTC)
	down  = errs.New(errs.Unavailable, "no answer", "try again")
	yes   = true
	no    = false
)

func class(id int64, name, class string) injector.Class {
	return injector.Class{ID: id, Name: name, Category: "SY", ClassName: class, CompanyID: -1}
}

func switchedOn() []injector.Class {
	return []injector.Class{
		class(5, injector.AuthenticationGateway, injector.DatabaseGateway),
		class(6, injector.LoginHandler, injector.MFAHandler),
		class(8, injector.MFAValidator, injector.TwilioValidator),
	}
}

func service() verifyservice.Service {
	return verifyservice.Service{
		SID: "VA1", AccountSID: account, FriendlyName: "Acme", Issuer: "Acme", CodeLength: 6, LookupEnabled: &no, SkipSMSToLandlines: &no,
		PSD2Enabled: &no, DoNotShareWarning: &no, DTMFInputRequired: &yes, CustomCodeEnabled: &no,
	}
}

func uuid(n int) *string {
	s := fmt.Sprintf("5e0e0c3e-0000-4000-8000-%012d", n)
	return &s
}

func enrolled(n int, name string) mfa.User {
	sid := factor
	return mfa.User{Username: name, AccessEnabled: &yes, Row: mfa.Row{UUID: uuid(n), SID: &sid, Enrolled: &yes, Enabled: &yes}}
}

func tally(users ...mfa.User) doctor.Part[*doctor.Tally] {
	t := &doctor.Tally{}
	for _, u := range users {
		t.Add(u)
	}
	return doctor.Got(t, nil)
}

func sharing(s mfa.Shared) doctor.Part[*doctor.Tally] {
	return doctor.Got(&doctor.Tally{Shared: s}, nil)
}

// sound returns the Input of an installation without a problem.
func sound() doctor.Input {
	return doctor.Input{
		Now: today,
		Settings: doctor.Settings{
			Root: doctor.Got(doctor.Place{Value: "/var/www/uzerp", Source: "UZERP_ROOT"}, nil), Database: doctor.Got(doctor.Place{Source: "DATABASE_URL"}, nil),
			Twilio:   doctor.Got(doctor.Credentials{AccountSID: account, Address: "https://verify.twilio.com", TwilioOwn: true, From: "the environment"}, nil),
			Compared: doctor.Got(doctor.Comparison{Same: true}, nil), Region: doctor.Got(doctor.Place{Value: "GB"}, nil),
			Policy:      doctor.Got(doctor.Policy{Path: "/etc/uzerp-mfa/policy.env"}, nil),
			MailProgram: doctor.Got("/usr/sbin/sendmail", nil), MailText: doctor.Got("this program's own", nil),
			Env: injector.Settings{Path: "/var/www/uzerp/conf/.env"}, UzerpTwilio: doctor.Got(false, nil),
			Way:   doctor.Got(doctor.Way{Address: "verify.twilio.com:443"}, nil),
			Roots: []doctor.TrustedList{{Of: "this machine", Missing: doctor.Got([]string(nil), nil)}},
			Log:   doctor.Got(doctor.Log{Path: "/var/log/uzerp/uzerp.log", Source: "conf/config.php line 3", User: "www-data"}, nil),
		},

		Reached: doctor.Got(struct{}{}, nil), Schema: doctor.Got(doctor.Schema{Version: "15.4 (Debian)"}, nil), Rights: doctor.Got([]string(nil), nil),
		Classes: doctor.Got(switchedOn(), nil), Trial: doctor.Got[*injector.Mark](nil, nil),
		Service: doctor.Got(service(), nil), UzerpService: doctor.Got(service(), nil), Clock: doctor.Got(doctor.Offset{Known: true}, nil),
		Session: doctor.Got([]finding.Finding{{ID: "web-environment", Severity: finding.Info}}, nil),
		Users:   tally(enrolled(1, "alice")), Persons: doctor.Got(struct{}{}, nil),
		AuditLog: doctor.Got(doctor.LogFile{Path: "/var/log/uzerp-mfa/audit.jsonl", Exists: true}, nil), AuditChain: doctor.Got(doctor.Chain{Records: 3}, nil),
	}
}

// ruleTests makes each check fail, one at a time. want lists the checks that don't pass, each as "id status". It
// leaves out the findings that every service has.
func ruleTests() []ruleTest {
	const all = "login-handler skipped,authentication-gateway skipped,mfa-validator skipped,unique-key skipped,two-factor skipped,trial skipped"
	const people = "user-states skipped,users-broken skipped,uuid-missing skipped,uuid-duplicate skipped," +
		"users-skip-next-login skipped,users-left skipped,users-error-page skipped,maintenance skipped,users-without-company skipped"
	const tables = "database-uzerp skipped,database-schema skipped,database-version skipped,database-writable skipped,database-rights skipped"
	const asked = "twilio-service skipped,twilio-account skipped"
	const rest = "uzerp-twilio skipped,service-settings skipped,clock skipped"
	failed := errs.New(errs.Config, "it is wrong", "correct it")
	return []ruleTest{
		{"all is well", func(*doctor.Input) {}, "", ""},
		{"a proxy", func(in *doctor.Input) {
			in.Way = doctor.Got(doctor.Way{Address: "verify.twilio.com:443", Proxy: "http://p:3128", Setting: "https_proxy"}, nil)
		}, "proxy info", "through the proxy http://p:3128, which https_proxy names; the way that uzERP's PHP takes is not seen from here"},
		{"no proxy for Twilio", func(in *doctor.Input) {
			in.Way = doctor.Got(doctor.Way{Address: "verify.twilio.com:443", Setting: "NO_PROXY"}, nil)
		}, "proxy info", "without a proxy, because NO_PROXY says so"},
		{"a proxy for others", func(in *doctor.Input) {
			in.Way = doctor.Got(doctor.Way{Address: "verify.twilio.com:443", Ignored: []string{"ALL_PROXY"}}, nil)
		}, "proxy info", "ALL_PROXY names a proxy that this program does not use"},
		{"a proxy that is none", func(in *doctor.Input) { in.Way = doctor.Got(doctor.Way{Unusable: failed}, nil) }, "proxy fail", "it is wrong"},
		{"a key that lacks something", func(in *doctor.Input) {
			in.Access = doctor.Got(verifyservice.Access{Has: []verifyservice.Permission{verifyservice.MayReadService, verifyservice.MayReadFactor},
				Lacks: []verifyservice.Permission{verifyservice.MayListEntities}, Unknown: []verifyservice.Permission{verifyservice.MayDeleteFactor}}, nil)
		}, "twilio-credentials info",
			"this program's API key lacks entity/list, and has service/read, factor/read; not known, because a look does not show it: factor/delete"},
		{"a key that can't be asked about", func(in *doctor.Input) {
			in.Access = doctor.Got(verifyservice.Access{}, failed)
		}, "twilio-credentials skipped", "it is wrong"},
		{"old certificates", func(in *doctor.Input) {
			in.Roots = append(in.Roots, doctor.TrustedList{Of: "php.ini", Mend: "mend it", Missing: doctor.Got([]string{"Amazon Root CA 1"}, nil)})
		}, "certificates warn", "from 2027-01-26 on Twilio uses certificates of Amazon's, and php.ini lacks Amazon Root CA 1"},
		{"old certificates in 2027", func(in *doctor.Input) {
			in.Now = time.Date(2027, 1, 26, 0, 0, 0, 0, time.UTC)
			in.Roots = []doctor.TrustedList{{Of: "this machine", Missing: doctor.Got([]string{"Amazon Root CA 1"}, nil)}}
		}, "certificates warn", "since 2027-01-26"},
		{"certificates that nobody can read", func(in *doctor.Input) {
			in.Roots = []doctor.TrustedList{{Of: "this machine", Missing: doctor.Got([]string(nil), failed)}}
		}, "certificates skipped", "could not be read"},

		{"a directory that is none", func(in *doctor.Input) {
			in.Root, in.Session, in.UzerpService = doctor.Got(doctor.Place{}, failed), doctor.Part[[]finding.Finding]{}, doctor.Part[verifyservice.Service]{}
		}, "uzerp-root fail,same-database skipped,env-file skipped,same-service skipped,uzerp-log skipped," +
			"uzerp-twilio skipped,session-settings skipped", "it is wrong"},
		{"no directory known", func(in *doctor.Input) {
			in.Root, in.Env = doctor.Got(doctor.Place{}, nil), injector.Settings{}
			in.Session, in.UzerpService = doctor.Part[[]finding.Finding]{}, doctor.Part[verifyservice.Service]{}
		}, "uzerp-root info,same-database skipped,env-file skipped,same-service skipped,uzerp-log skipped," +
			"uzerp-twilio skipped,session-settings skipped", "root-unknown"},
		{"no database set", func(in *doctor.Input) { withoutDatabase(in); in.Database = doctor.Got(doctor.Place{}, failed) },
			"database-settings fail,same-database skipped,database-reachable skipped," + tables + "," + all + "," + people, "correct it"},
		{"a copy", func(in *doctor.Input) {
			in.Compared = doctor.Got(doctor.Comparison{Differs: true, Message: "it is a copy"}, nil)
		}, "same-database fail", "it is a copy"},
		{"a copy that is meant", func(in *doctor.Input) {
			in.Compared = doctor.Got(doctor.Comparison{Differs: true, Meant: true, Message: "it is a copy"}, nil)
		}, "same-database info", "it is a copy"},
		{"uzERP's database is not known", func(in *doctor.Input) {
			in.Compared = doctor.Got(doctor.Comparison{Message: "line 3 is PHP"}, nil)
		}, "same-database info", "line 3 is PHP"},
		{"no Twilio settings", func(in *doctor.Input) {
			withoutTwilio(in)
			in.Twilio = doctor.Got(doctor.Credentials{}, failed)
		}, "twilio-settings fail,verify-address skipped,same-service skipped," + asked + ",twilio-credentials skipped," + rest, "correct it"},
		{"an emulator", func(in *doctor.Input) {
			in.Twilio = doctor.Got(doctor.Credentials{AccountSID: account, Address: "http://127.0.0.1:4010"}, nil)
		}, "verify-address info", "127.0.0.1:4010"},
		{"a region that is none", func(in *doctor.Input) { in.Region = doctor.Got(doctor.Place{Value: "XX"}, failed) }, "phone-region fail", "it is wrong"},
		{"a mail program that can't be started", func(in *doctor.Input) { in.MailProgram = doctor.Got("", failed) }, "mail-program fail", "it is wrong"},
		{"a text of the mails that is wrong", func(in *doctor.Input) { in.MailText = doctor.Got("", failed) }, "mail-text fail", "it is wrong"},
		{"a policy that is wrong", func(in *doctor.Input) { in.Policy = doctor.Got(doctor.Policy{}, failed) }, "policy fail", "it is wrong"},
		{"no region", func(in *doctor.Input) { in.Region = doctor.Got(doctor.Place{}, nil) }, "phone-region info", "UZERP_MFA_PHONE_REGION"},

		{"the database is down", func(in *doctor.Input) { withoutDatabase(in); in.Reached = doctor.Got(struct{}{}, down) },
			"database-reachable fail," + tables + "," + all + "," + people, "no answer"},
		{"the database falls silent", func(in *doctor.Input) {
			withoutDatabase(in)
			in.Reached, in.Schema = doctor.Got(struct{}{}, nil), doctor.Got(doctor.Schema{}, down)
		}, strings.Replace(tables, "database-uzerp skipped", "database-uzerp fail", 1) + "," + all + "," + people, "no answer"},
		{"another database", func(in *doctor.Input) {
			withoutDatabase(in)
			in.Reached, in.Schema = doctor.Got(struct{}{}, nil), doctor.Got(doctor.Schema{Version: "15.4", Problem: failed}, nil)
		}, "database-uzerp fail,database-schema skipped,database-rights skipped," + all + "," + people, "it is wrong"},
		{"an old uzERP", func(in *doctor.Input) {
			in.Schema = doctor.Got(doctor.Schema{Version: "15.4", Problem: errs.New(errs.Refused, "no columns", "upgrade")}, nil)
			in.Users, in.Persons = doctor.Part[*doctor.Tally]{}, doctor.Part[struct{}]{}
		}, "database-schema fail," + people, "no columns"},
		{"an old server", func(in *doctor.Input) { in.Schema = doctor.Got(doctor.Schema{Version: "9.6.24"}, nil) }, "database-version warn", "PostgreSQL 9.6.24"},
		{"read-only", func(in *doctor.Input) { in.Schema = doctor.Got(doctor.Schema{Version: "15.4", ReadOnly: true}, nil) }, "database-writable fail", "read-only"},
		{"a standby", func(in *doctor.Input) {
			in.Schema = doctor.Got(doctor.Schema{Version: "15.4", ReadOnly: true, Standby: true}, nil)
		}, "database-writable fail", "is a standby"},
		{"rights missing", func(in *doctor.Input) { in.Rights = doctor.Got([]string{"select on person"}, nil) }, "database-rights fail", "select on person"},
		{"rights not told", func(in *doctor.Input) { in.Rights = doctor.Got([]string(nil), down) }, "database-rights fail", "no answer"},

		{"switched off", func(in *doctor.Input) {
			in.Classes = doctor.Got([]injector.Class{switchedOn()[0], class(6, "LoginHandler", injector.PlainHandler)}, nil)
		}, "two-factor warn", "login-off"},
		{"another handler", func(in *doctor.Input) { in.Classes = with(1, class(6, "LoginHandler", "HTTPLoginHandler")) }, "two-factor warn", "HTTPLoginHandler"},
		{"the handler in another spelling", func(in *doctor.Input) {
			in.Classes = with(1, class(6, "LoginHandler", "htmlformloginhandlermfa"))
		}, "two-factor warn", "htmlformloginhandlermfa"},
		{"two handlers", func(in *doctor.Input) {
			in.Classes = doctor.Got(append(switchedOn(), class(9, "LoginHandler", injector.PlainHandler)), nil)
		}, "login-handler fail,two-factor skipped", "2 system-wide LoginHandler rows"},
		{"no handler", func(in *doctor.Input) {
			in.Classes = doctor.Got([]injector.Class{switchedOn()[0], switchedOn()[2]}, nil)
		}, "login-handler fail,two-factor skipped", "no system-wide LoginHandler row"},
		{"any password goes", func(in *doctor.Input) {
			in.Classes = with(0, class(5, "AuthenticationGateway", injector.LDAPGateway))
		}, "authentication-gateway fail", "does not check passwords"},
		{"an unknown gateway", func(in *doctor.Input) {
			in.Classes = with(0, class(5, "AuthenticationGateway", "OurGateway"))
		}, "authentication-gateway fail", "OurGateway"},
		{"a gateway that is vouched for", func(in *doctor.Input) {
			in.Classes, in.Gateway = with(0, class(5, "AuthenticationGateway", "OurGateway")), "OurGateway"
		}, "authentication-gateway info", "OurGateway"},
		{"on without a validator", func(in *doctor.Input) { in.Classes = doctor.Got(switchedOn()[:2], nil) }, "mfa-validator fail", "error page"},
		{"on with another validator", func(in *doctor.Input) {
			in.Classes = with(2, class(8, "MFAValidator", "OurValidator"))
		}, "mfa-validator warn", "OurValidator"},
		{"two validators", func(in *doctor.Input) {
			in.Classes = doctor.Got(append(switchedOn(), class(9, "MFAValidator", "X")), nil)
		}, "mfa-validator fail", "2 system-wide MFAValidator rows"},
		{"a row in the way", func(in *doctor.Input) {
			in.Classes = doctor.Got([]injector.Class{switchedOn()[0], class(6, "LoginHandler", injector.PlainHandler),
				{ID: 9, Name: "LoginHandler", Category: "SY", ClassName: injector.MFAHandler, CompanyID: 1}}, nil)
		}, "unique-key fail,two-factor warn", "id 9"},
		{"the classes are not told", func(in *doctor.Input) {
			in.Classes, in.Trial = doctor.Got([]injector.Class(nil), down), doctor.Part[*injector.Mark]{}
			in.Users, in.Persons = doctor.Part[*doctor.Tally]{}, doctor.Part[struct{}]{}
		}, "login-handler fail,authentication-gateway skipped,mfa-validator skipped,unique-key skipped,two-factor skipped,trial skipped," + people, "no answer"},
		{"on trial", func(in *doctor.Input) { in.Trial = doctor.Got(&injector.Mark{}, nil) }, "trial info", "on trial"},
		{"a trial that is over", func(in *doctor.Input) { in.Trial = doctor.Got(&injector.Mark{Over: true}, nil) }, "trial warn", "has not switched back"},
		{"a trial that is over, and switched off", func(in *doctor.Input) {
			in.Trial = doctor.Got(&injector.Mark{Over: true}, nil)
			in.Classes = doctor.Got([]injector.Class{switchedOn()[0], class(6, "LoginHandler", injector.PlainHandler)}, nil)
		}, "two-factor warn,trial info", "two-factor login is off"},
		{"trial not told", func(in *doctor.Input) { in.Trial = doctor.Got[*injector.Mark](nil, down) }, "trial fail", "no answer"},

		{"a setting of uzERP's missing", func(in *doctor.Input) {
			in.Env.Missing, in.UzerpService = []string{"TWILIO_SERVICE_SID"}, doctor.Part[verifyservice.Service]{}
			in.Session = doctor.Got([]finding.Finding{{ID: "twilio-missing", Severity: finding.Warning}}, nil)
		}, "env-file fail,same-service skipped,uzerp-twilio skipped", "TWILIO_SERVICE_SID"},
		{"a file in the wrong place", func(in *doctor.Input) {
			in.Env.Problem, in.Env.Hint = "uzERP reads conf/.env", errs.Plain("move it")
			in.UzerpService, in.Session = doctor.Part[verifyservice.Service]{}, doctor.Part[[]finding.Finding]{}
		}, "env-file fail,same-service skipped,uzerp-twilio skipped,session-settings skipped", "uzERP reads conf/.env"},
		{"a log that the web server can't write", func(in *doctor.Input) {
			in.Log = doctor.Got(doctor.Log{Path: "/var/log/uzerp", Source: "conf/config.php line 3", User: "www-data", Denied: "/var/log"}, nil)
		}, "uzerp-log warn", "www-data, who can't write uzERP's log /var/log/uzerp (/var/log)"},
		{"PHP's own log", func(in *doctor.Input) { in.Log = doctor.Got(doctor.Log{}, nil) }, "", ""},
		{"a log with an access list", func(in *doctor.Input) {
			in.Log = doctor.Got(doctor.Log{Path: "/var/log/uzerp/x", Unknown: "/var/log/uzerp has an access list"}, nil)
		}, "uzerp-log skipped", "has an access list"},
		{"a log that only PHP knows", func(in *doctor.Input) { in.Log = doctor.Got(doctor.Log{}, failed) }, "uzerp-log skipped", "can not be read from here"},
		{"another service than uzERP's", func(in *doctor.Input) { in.Env.Foreign = []string{"TWILIO_SERVICE_SID (from the environment)"} }, "same-service warn",
			"TWILIO_SERVICE_SID (from the environment): uzERP has another one"},

		{"Twilio is down", func(in *doctor.Input) { withoutTwilio(in); in.Service = doctor.Got(verifyservice.Service{}, down) },
			"twilio-service fail,twilio-account skipped," + rest, "no answer"},
		{"Twilio refuses us and not uzERP", func(in *doctor.Input) {
			in.Service, in.Clock = doctor.Got(verifyservice.Service{}, failed), doctor.Part[doctor.Offset]{}
		}, "twilio-service fail,twilio-account skipped,service-settings skipped,clock skipped", "it is wrong"},
		{"Twilio refuses uzERP and not us", func(in *doctor.Input) {
			in.UzerpService = doctor.Got(verifyservice.Service{}, failed)
		}, "uzerp-twilio fail", "conf/.env"},
		{"a service of another account", func(in *doctor.Input) {
			s := service()
			s.AccountSID = "AC2"
			in.Service = doctor.Got(s, nil)
		}, "twilio-account fail", "AC2"},
		{"an account that is not told", func(in *doctor.Input) {
			s := service()
			s.AccountSID = ""
			in.Service = doctor.Got(s, nil)
		}, "twilio-account skipped", "Twilio did not say"},
		{"an auth token", func(in *doctor.Input) {
			in.Twilio = doctor.Got(doctor.Credentials{AccountSID: account, TwilioOwn: true, Token: true}, nil)
		}, "twilio-credentials info", "API key"},
		{"settings of the service", func(in *doctor.Input) {
			s := service()
			s.PSD2Enabled, s.DTMFInputRequired = &yes, &no
			in.Service = doctor.Got(s, nil)
		}, "psd2 fail,dtmf warn,service-settings none", "psd2_enabled=true"},

		{"the clock 11 s fast", func(in *doctor.Input) { in.Clock = ahead(-11 * time.Second) }, "clock warn", "11s fast"},
		{"the clock 11 s slow", func(in *doctor.Input) { in.Clock = ahead(11 * time.Second) }, "clock warn", "11s slow"},
		{"the clock 10 s slow", func(in *doctor.Input) { in.Clock = ahead(10 * time.Second) }, "", ""},
		{"the clock 30 s slow", func(in *doctor.Input) { in.Clock = ahead(30 * time.Second) }, "clock warn", "30s slow"},
		{"the clock 31 s fast", func(in *doctor.Input) { in.Clock = ahead(-31 * time.Second) }, "clock fail", "31s fast"},
		{"the clock 59 s fast, and a service that takes that", func(in *doctor.Input) {
			s, skew := service(), 2
			s.TOTP.Skew = &skew
			in.Service, in.Clock = doctor.Got(s, nil), ahead(-59*time.Second)
		}, "clock warn,skew-wide info", "59s fast"},
		{"the clock 21 s off, and a service with short steps", func(in *doctor.Input) {
			s, step := service(), 20
			s.TOTP.TimeStep = &step
			in.Service, in.Clock = doctor.Got(s, nil), ahead(21*time.Second)
		}, "clock fail,time-step warn,service-settings none", "more than the 20s"},
		{"a service without skew, and the clock as right as can be told", func(in *doctor.Input) {
			s, skew := service(), 0
			s.TOTP.Skew = &skew
			in.Service, in.Clock = doctor.Got(s, nil), ahead(2*time.Second)
		}, "skew-none warn,service-settings none", ""},
		{"a service without skew, and the clock 3 s off", func(in *doctor.Input) {
			s, skew := service(), 0
			s.TOTP.Skew = &skew
			in.Service, in.Clock = doctor.Got(s, nil), ahead(3*time.Second)
		}, "clock fail,skew-none warn,service-settings none", "3s slow"},
		{"no time in the answer", func(in *doctor.Input) { in.Clock = doctor.Got(doctor.Offset{}, nil) }, "clock skipped", "had no time"},

		{"session settings", func(in *doctor.Input) {
			in.Session = doctor.Got([]finding.Finding{
				{ID: "sessions-not-managed", Severity: finding.Error, Setting: "UZERP_MANAGE_USER_SESSIONS", Value: "true",
					File: "conf/.env", Line: 6, Message: "ignored", Fix: errs.Plain("a\nb")},
				{ID: "cookie-secure", Severity: finding.Warning}, {ID: "variables-order", Severity: finding.Info},
			}, nil)
		}, "sessions-not-managed fail,cookie-secure warn,variables-order info,session-settings none", "UZERP_MANAGE_USER_SESSIONS=true in conf/.env line 6: ignored"},
		{"session settings that can't be judged", func(in *doctor.Input) {
			in.Session = doctor.Got([]finding.Finding{
				{ID: "php-not-checked", Severity: finding.Info, Message: "no php.ini"}, {ID: "env-web-access", Severity: finding.Info},
			}, nil)
		}, "php-not-checked skipped,env-web-access skipped", "no php.ini"},
		{"a php.ini that can't be read", func(in *doctor.Input) { in.Session = doctor.Got([]finding.Finding(nil), failed) }, "session-settings fail", "it is wrong"},

		{"users not told", func(in *doctor.Input) {
			in.Users, in.Persons = doctor.Got(&doctor.Tally{}, down), doctor.Part[struct{}]{}
		}, strings.Replace(people, "user-states skipped", "user-states fail", 1), "no answer"},
		{"a broken user", func(in *doctor.Input) {
			u := enrolled(2, "bob")
			u.SID = nil
			in.Users = tally(enrolled(1, "alice"), u)
		}, "users-broken fail", `"bob"`},
		{"a broken user without access", func(in *doctor.Input) {
			u := enrolled(2, "bob")
			u.SID, u.AccessEnabled = nil, nil
			in.Users = tally(u)
		}, "users-broken info", `"bob"`},
		{"users without a uuid", func(in *doctor.Input) {
			in.Users = tally(mfa.User{Username: "b"}, mfa.User{Username: "c"}, mfa.User{Username: "d"}, mfa.User{Username: "e"}, mfa.User{Username: "f"})
		}, "uuid-missing fail", `5 users have no uuid and can neither log in with two-factor login nor enroll: "b", "c", "d" and 2 more`},
		{"two users with one uuid", func(in *doctor.Input) {
			in.Users = sharing(mfa.Shared{UUIDs: 1, Users: 2, First: []string{"alice", "bob"}})
		}, "uuid-duplicate fail", `"alice", "bob"`},
		{"several uuids shared", func(in *doctor.Input) {
			in.Users = sharing(mfa.Shared{UUIDs: 2, Users: 4, First: []string{"a", "b", "c"}})
		}, "uuid-duplicate fail", `"a", "b", "c" and 1 more; 1 more uuid too`},
		{"a skip", func(in *doctor.Input) {
			u := enrolled(2, "bob")
			u.Enabled = &no
			in.Users = tally(u)
		}, "users-skip-next-login info", `without a code: "bob"; when that was allowed is not known`},
		{"several skips", func(in *doctor.Input) {
			var users []mfa.User
			for i, name := range []string{"a", "b", "c", "d", "e"} {
				u := enrolled(i+2, name)
				u.Enabled = &no
				users = append(users, u)
			}
			in.Users = tally(users...)
			in.Skips = skipTimes{"b": today.Add(-3 * time.Hour), "d": today.Add(-40 * 24 * time.Hour), "e": today.Add(-time.Minute)}
		}, "users-skip-next-login info",
			`5 users get in once without a code: "d", "b", "e" and 2 more; of the first that was allowed 40 days ago, and of 2 users that is not known`},
		{"persons not told", func(in *doctor.Input) { in.Persons = doctor.Got(struct{}{}, down) },
			"users-left fail,users-error-page skipped,maintenance skipped,users-without-company skipped", "no answer"},
		{"left yesterday, and not enrolled", func(in *doctor.Input) {
			in.Users = withPerson(mfa.Person{Username: "alice", Details: mfa.Details{EndDate: day(-1)}})
		}, "", ""},
		{"left yesterday, without access", func(in *doctor.Input) {
			in.Users = withPerson(mfa.Person{Username: "alice", Enrolled: true, Details: mfa.Details{EndDate: day(-1)}})
		}, "users-left warn", `"alice"`},
		{"left yesterday", person(mfa.Details{CompanyAccess: true, Closed: new(false), EndDate: day(-1)}), "users-left warn", `"alice"`},
		{"leaves today", person(mfa.Details{CompanyAccess: true, Closed: new(false), EndDate: day(0)}), "", ""},
		{"no company", person(mfa.Details{}), "users-without-company info", `"alice"`},
		{"no company to enter, and uzERP knows none", person(mfa.Details{NoCompany: true, Closed: new(true)}), "users-without-company info", `"alice"`},
		{"uzERP knows no company", person(mfa.Details{CompanyAccess: true, NoCompany: true, Closed: new(false)}), "users-error-page warn",
			`1 user may log in, but then every page is an error page, because uzERP knows no company for this user: "alice"`},
		{"closed for maintenance", person(mfa.Details{CompanyAccess: true, Closed: new(true)}), "maintenance warn", `1 user can't get in: "alice"`},
		{"an older role", person(mfa.Details{CompanyAccess: true}), "maintenance skipped", "the role may not read"},

		{"an audit log that can't be written", func(in *doctor.Input) {
			in.AuditLog = doctor.Got(doctor.LogFile{}, failed)
		}, "audit-log-writable fail", "it is wrong"},
		{"no audit log yet", func(in *doctor.Input) {
			in.AuditLog, in.AuditChain = doctor.Got(doctor.LogFile{Path: "x"}, nil), doctor.Got(doctor.Chain{None: true}, nil)
		}, "audit-log-intact info", "no audit log yet"},
		{"a changed line", func(in *doctor.Input) {
			in.AuditChain = doctor.Got(doctor.Chain{Findings: []string{"line 2 was changed", "y"}, TornTail: true}, nil)
		}, "audit-log-intact fail", "2 findings, the first: line 2 was changed"},
		{"an audit log of which nobody knows who wrote it", func(in *doctor.Input) {
			in.AuditChain = doctor.Got(doctor.Chain{Records: 3, Open: 1, Doubt: "everybody may change it"}, nil)
		}, "audit-log-intact warn", "everybody may change it"},
		{"a torn tail", func(in *doctor.Input) { in.AuditChain = doctor.Got(doctor.Chain{TornTail: true}, nil) }, "audit-log-intact warn", "torn"},
		{"an open intent", func(in *doctor.Input) { in.AuditChain = doctor.Got(doctor.Chain{Open: 1}, nil) }, "audit-log-intact info", "the end of 1 change"},
		{"an audit log that can't be read", func(in *doctor.Input) { in.AuditChain = doctor.Got(doctor.Chain{}, failed) }, "audit-log-intact fail", "it is wrong"},
	}
}

type ruleTest struct {
	name   string
	change func(*doctor.Input)
	want   string
	says   string // in the message of the first of them, or in its hint
}

func with(i int, c injector.Class) doctor.Part[[]injector.Class] {
	classes := switchedOn()
	classes[i] = c
	return doctor.Got(classes, nil)
}

func ahead(d time.Duration) doctor.Part[doctor.Offset] {
	return doctor.Got(doctor.Offset{Ahead: d, Known: true}, nil)
}

func day(n int) *time.Time {
	t := time.Date(2026, 7, 14+n, 0, 0, 0, 0, time.UTC)
	return &t
}

func person(d mfa.Details) func(*doctor.Input) {
	return func(in *doctor.Input) {
		in.Users = withPerson(mfa.Person{Username: "alice", Enrolled: true, Access: true, Details: d})
	}
}

func withPerson(p mfa.Person) doctor.Part[*doctor.Tally] {
	t := &doctor.Tally{}
	t.Add(enrolled(1, "alice"))
	t.AddPerson(p, today)
	return doctor.Got(t, nil)
}

func withoutDatabase(in *doctor.Input) {
	in.Reached, in.Schema, in.Rights = doctor.Part[struct{}]{}, doctor.Part[doctor.Schema]{}, doctor.Part[[]string]{}
	in.Classes, in.Trial = doctor.Part[[]injector.Class]{}, doctor.Part[*injector.Mark]{}
	in.Users, in.Persons = doctor.Part[*doctor.Tally]{}, doctor.Part[struct{}]{}
}

func withoutTwilio(in *doctor.Input) {
	in.Service, in.UzerpService, in.Clock = doctor.Part[verifyservice.Service]{}, doctor.Part[verifyservice.Service]{}, doctor.Part[doctor.Offset]{}
}

// word returns a severity as ruleTests writes it.
func word(s finding.Severity) string {
	switch s {
	case finding.Error:
		return "fail"
	case finding.Warning:
		return "warn"
	default:
		return s.String()
	}
}

func TestRules(t *testing.T) {
	for _, test := range ruleTests() {
		t.Run(test.name, func(t *testing.T) {
			in := sound()
			test.change(&in)
			report := doctor.Examine(in)
			want := map[string]string{"not-seen": "info"}
			for pair := range strings.SplitSeq(test.want, ",") {
				if id, status, ok := strings.Cut(pair, " "); ok {
					want[id] = status
				}
			}
			if strings.Contains(test.want, "service-settings skipped") {
				delete(want, "not-seen")
			}
			first, _, _ := strings.Cut(test.want, " ")
			got := map[string]string{}
			for _, c := range report.Checks {
				if c.Severity != finding.Pass {
					got[c.ID] = word(c.Severity)
				}
				if c.ID == first && !strings.Contains(c.Message+" "+c.Fix.String(), test.says) {
					t.Errorf("%s says %q (%s), without %q", c.ID, c.Message, c.Fix, test.says)
				}
				if c.Message == "" && !strings.HasPrefix(test.name, "session") && !strings.HasPrefix(test.name, "settings") {
					t.Errorf("%s says nothing", c.ID)
				}
				if c.Severity == finding.Skipped && c.Needs == c.ID {
					t.Errorf("%s needs itself", c.ID)
				}
			}
			everyCheckOnce(t, report, want)
			maps.DeleteFunc(want, func(_, status string) bool { return status == "none" })
			if !maps.Equal(got, want) {
				t.Errorf("got  %v\nwant %v", got, want)
			}
			if sound := !strings.Contains(test.want, " fail") && !strings.Contains(test.want, " warn"); report.Sound() != sound {
				t.Errorf("sound: %v", report.Sound())
			}
		})
	}
}

// everyCheckOnce checks that a report has every check once. Only those that are replaced by findings may be missing.
func everyCheckOnce(t *testing.T, r doctor.Report, want map[string]string) {
	t.Helper()
	n := map[string]int{}
	for _, c := range r.Checks {
		n[c.ID]++
		if !slices.Contains(doctor.Groups(), c.Group) {
			t.Errorf("%s is in no group", c.ID)
		}
	}
	for id := range ids() {
		expected := 1
		if want[id] == "none" {
			expected = 0
		}
		if n[id] != expected {
			t.Errorf("%s: %d times", id, n[id])
		}
	}
}

// Some test sees every check at its greatest severity, and no check has a greater one than ids says.
func TestEveryCheckFailsOnce(t *testing.T) {
	worst := map[string]finding.Severity{}
	for _, test := range ruleTests() {
		in := sound()
		test.change(&in)
		for _, c := range doctor.Examine(in).Checks {
			id := c.ID
			if _, own := ids()[id]; !own {
				id = map[string]string{doctor.GroupTwilio: doctor.ServiceSettings, doctor.GroupSession: doctor.SessionSettings}[c.Group]
			}
			worst[id] = max(worst[id], c.Severity)
		}
	}
	for id, status := range ids() {
		if worst[id] != status {
			t.Errorf("%s is at its worst %s in the tests, and should be %s", id, worst[id], status)
		}
	}
	if len(worst) != len(ids()) {
		t.Errorf("checks without an ID of their own: %v", worst)
	}
}

// If an answer is missing, no check passes that needs it.
func TestNothingPassesUnseen(t *testing.T) {
	allowed := []string{} // if nothing was asked, nothing passes
	for _, c := range doctor.Examine(doctor.Input{}).Checks {
		if c.Severity != finding.Skipped && !slices.Contains(allowed, c.ID) {
			t.Errorf("%s: %s (%s)", c.ID, c.Severity, c.Message)
		}
	}
	for name, lose := range map[string]struct {
		part func(*doctor.Input)
		ids  string
	}{
		"schema": {func(in *doctor.Input) { in.Schema = doctor.Part[doctor.Schema]{} }, "database-uzerp,database-schema,database-version,database-writable"},
		"rights": {func(in *doctor.Input) { in.Rights = doctor.Part[[]string]{} }, "database-rights"},
		"classes": {func(in *doctor.Input) { in.Classes = doctor.Part[[]injector.Class]{} },
			"login-handler,authentication-gateway,mfa-validator,unique-key,two-factor"},
		"trial":   {func(in *doctor.Input) { in.Trial = doctor.Part[*injector.Mark]{} }, "trial"},
		"service": {withoutTwilio, "twilio-service,twilio-account,service-settings,uzerp-twilio,clock"},
		"clock":   {func(in *doctor.Input) { in.Clock = doctor.Part[doctor.Offset]{} }, "clock"},
		"session": {func(in *doctor.Input) { in.Session = doctor.Part[[]finding.Finding]{} }, "session-settings"},
		"users": {func(in *doctor.Input) { in.Users = doctor.Part[*doctor.Tally]{} },
			"user-states,users-broken,uuid-missing,uuid-duplicate,users-left,users-skip-next-login,users-error-page,maintenance,users-without-company"},
		"persons":     {func(in *doctor.Input) { in.Persons = doctor.Part[struct{}]{} }, "users-left,users-error-page,maintenance,users-without-company"},
		"uzerp's log": {func(in *doctor.Input) { in.Log = doctor.Part[doctor.Log]{} }, "uzerp-log"},
		"log":         {func(in *doctor.Input) { in.AuditLog = doctor.Part[doctor.LogFile]{} }, "audit-log-writable"},
		"chain":       {func(in *doctor.Input) { in.AuditChain = doctor.Part[doctor.Chain]{} }, "audit-log-intact"},
		"database":    {withoutDatabase, "database-reachable,database-uzerp,database-schema,database-rights,login-handler,two-factor,trial,user-states,users-left"},
	} {
		in := sound()
		lose.part(&in)
		report := doctor.Examine(in)
		for _, c := range report.Checks {
			if slices.Contains(strings.Split(lose.ids, ","), c.ID) && c.Severity != finding.Skipped {
				t.Errorf("without %s, %s is %s", name, c.ID, c.Severity)
			}
		}
		if name == "users" && report.Users != nil {
			t.Error("users were counted that nobody saw")
		}
	}
}

func TestUsersAreCounted(t *testing.T) {
	skip, broken, plain := enrolled(2, "b"), enrolled(3, "c"), enrolled(4, "d")
	skip.Enabled, broken.SID, plain.Enrolled = &no, nil, &no
	in := sound()
	in.Users = tally(enrolled(1, "a"), skip, broken, plain, mfa.User{Username: "e"})
	if got, want := *doctor.Examine(in).Users, (doctor.Users{Enrolled: 1, NotEnrolled: 1, SkipNextLogin: 1, Broken: 2}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// However many there are, in whatever order they come, those are named whose names come first.
func TestTheFirstAreNamed(t *testing.T) {
	names := []string{"a", "b", "c", "d", "e", "f"}
	for seed := range uint64(50) {
		rand.New(rand.NewPCG(seed, 0)).Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		tally := &doctor.Tally{}
		for _, name := range names {
			tally.Add(mfa.User{Username: name})
			skips := enrolled(1, name)
			skips.Enabled = &no
			tally.Add(skips)
			tally.AddPerson(mfa.Person{Username: name, Access: true}, today)
		}
		in := sound()
		in.Users = doctor.Got(tally, nil)
		for _, c := range doctor.Examine(in).Checks {
			if slices.Contains([]string{doctor.UUIDMissing, doctor.UsersSkip, doctor.UsersNoAccess}, c.ID) &&
				(!strings.HasPrefix(c.Message, "6 users ") || !strings.Contains(c.Message, `: "a", "b", "c" and 3 more`)) {
				t.Errorf("%v: %s", names, c.Message)
			}
		}
	}
}

func TestErrorsKeepTheirHints(t *testing.T) {
	in := sound()
	in.Reached = doctor.Got(struct{}{}, fmt.Errorf("outer: %w", down))
	for _, c := range doctor.Examine(in).Checks {
		if c.ID == doctor.DatabaseReachable && (c.Fix.Text != "try again" || c.Message != "outer: no answer") {
			t.Errorf("%+v", c)
		}
	}
	in.Reached = doctor.Got(struct{}{}, errors.New("x"))
	if doctor.Examine(in).Sound() {
		t.Error("sound")
	}
}

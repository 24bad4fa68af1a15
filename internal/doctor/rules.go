package doctor

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/finding"
	"uzerp-mfa/internal/injector"
	"uzerp-mfa/internal/verifyservice"
)

// The IDs of the checks. For the injector classes and uzERP's settings they are the same as in set-injector.
const (
	UzerpRoot        = "uzerp-root"
	DatabaseSettings = "database-settings"
	SameDatabase     = "same-database"
	TwilioSettings   = "twilio-settings"
	VerifyAddress    = "verify-address"
	PhoneRegion      = "phone-region"
	PolicyFile       = "policy"
	MailProgram      = "mail-program"
	MailText         = "mail-text"

	DatabaseReachable = "database-reachable"
	DatabaseUzerp     = "database-uzerp"
	DatabaseSchema    = "database-schema"
	DatabaseVersion   = "database-version"
	DatabaseWritable  = "database-writable"
	DatabaseRights    = "database-rights"

	TwoFactor    = "two-factor"
	LoginHandler = injector.CheckLoginHandler
	Gateway      = injector.CheckGateway
	Validator    = injector.CheckValidator
	UniqueKey    = injector.CheckUniqueKey
	NoTrial      = "trial"

	EnvFile     = injector.CheckEnvFile
	SameService = injector.CheckSameService
	UzerpLog    = "uzerp-log"

	TwilioService     = injector.CheckTwilioService
	TwilioAccount     = "twilio-account"
	TwilioCredentials = "twilio-credentials"
	UzerpTwilio       = "uzerp-twilio"
	ServiceSettings   = "service-settings"
	Clock             = "clock"
	Proxy             = "proxy"
	Certificates      = "certificates"

	SessionSettings = "session-settings"

	UserStates     = "user-states"
	UsersBroken    = "users-broken"
	UUIDMissing    = "uuid-missing"
	UUIDDuplicate  = "uuid-duplicate"
	UsersLeft      = "users-left"
	UsersSkip      = "users-skip-next-login"
	UsersNoAccess  = "users-without-company"
	UsersErrorPage = "users-error-page"
	Maintenance    = "maintenance"

	AuditLogWritable = "audit-log-writable"
	AuditLogIntact   = "audit-log-intact"
)

// Examine judges everything that was gathered.
func Examine(in Input) Report {
	var r Report
	for _, group := range []struct {
		name  string
		rules func(*checker, Input)
	}{
		{GroupSettings, settings}, {GroupDatabase, database}, {GroupLogin, login}, {GroupUzerp, uzerp},
		{GroupTwilio, twilio}, {GroupSession, session}, {GroupUsers, users}, {GroupAudit, auditLog},
	} {
		c := &checker{group: group.name}
		group.rules(c, in)
		r.Checks = append(r.Checks, c.checks...)
	}
	if in.Users.OK() {
		r.Users = &in.Users.value.Users
	}
	return r
}

func settings(c *checker, in Input) {
	if have(c, in.Policy, "", PolicyFile) {
		if p := in.Policy.value; p.Exists {
			c.pass(PolicyFile, "the administrator's policy %s is in force", p.Path)
		} else {
			c.pass(PolicyFile, "there is no policy of the administrator's (%s): the defaults hold", p.Path)
		}
	}
	mails(c, in)
	if have(c, in.Root, "", UzerpRoot) {
		if root := in.Root.value; root.Value == "" {
			c.add(UzerpRoot, finding.Info, ReasonRootUnknown.With(), "no uzERP directory is known, so nothing was checked there")
		} else {
			c.pass(UzerpRoot, "uzERP is in %s", root.Value)
		}
	}
	if have(c, in.Database, "", DatabaseSettings) {
		c.pass(DatabaseSettings, "the database is set by %s", in.Database.value.Source)
	}
	sameDatabase(c, in)
	if have(c, in.Twilio, "", TwilioSettings, VerifyAddress) {
		t := in.Twilio.value
		c.pass(TwilioSettings, "Twilio's settings are complete; the account is from %s", t.From)
		if t.TwilioOwn {
			c.pass(VerifyAddress, "Twilio is asked at its own address")
		} else {
			c.add(VerifyAddress, finding.Info, errs.Plain("unset UZERP_MFA_VERIFY_URL for the real one"),
				"this program asks %s and not Twilio, because UZERP_MFA_VERIFY_URL is set; uzERP itself asks Twilio", t.Address)
		}
	}
	if have(c, in.Region, "", PhoneRegion) {
		if region := in.Region.value.Value; region == "" {
			c.add(PhoneRegion, finding.Info, errs.Plain("set UZERP_MFA_PHONE_REGION, for example to GB"),
				"no region is set, so a caller gets a code only if the phone number in uzERP has a country code")
		} else {
			c.pass(PhoneRegion, "phone numbers without a country code are read as those of %s", region)
		}
	}
}

// mails checks what mails to users need. There are no such checks where the policy wants no mails.
func mails(c *checker, in Input) {
	if in.MailProgram.asked && have(c, in.MailProgram, "", MailProgram) {
		c.pass(MailProgram, "the mail program %s may be started; no mail was sent", in.MailProgram.value)
	}
	if in.MailText.asked && have(c, in.MailText, "", MailText) {
		c.pass(MailText, "the text of the mails is %s", in.MailText.value)
	}
}

func sameDatabase(c *checker, in Input) {
	switch compared := in.Compared.value; {
	case !in.Root.OK() || in.Root.value.Value == "":
		c.skip(UzerpRoot, SameDatabase)
	case !in.Database.OK():
		c.skip(DatabaseSettings, SameDatabase)
	case !have(c, in.Compared, DatabaseSettings, SameDatabase):
	case compared.Same:
		c.pass(SameDatabase, "the database is the one that uzERP's own files name")
	case compared.Differs && compared.Meant:
		c.add(SameDatabase, finding.Info, errs.Hint{}, "this is not uzERP's own database, as is meant: %s", compared.Message)
	case compared.Differs:
		c.add(SameDatabase, finding.Error, ReasonOtherDatabase.With(), "this is not uzERP's own database: %s", compared.Message)
	default:
		c.add(SameDatabase, finding.Info, errs.Hint{}, "whether the database is uzERP's own is not known: %s", compared.Message)
	}
}

// oldestServer is the oldest version of PostgreSQL that the queries are tested with.
const oldestServer = 12

func database(c *checker, in Input) {
	ofSchema := []string{DatabaseUzerp, DatabaseSchema, DatabaseVersion, DatabaseWritable, DatabaseRights}
	if !have(c, in.Reached, DatabaseSettings, DatabaseReachable, ofSchema...) {
		return
	}
	through := ""
	if in.Schema.OK() && in.Schema.value.Pooler {
		through = ", through a connection pooler"
	}
	c.pass(DatabaseReachable, "the database answers%s", through)
	if !have(c, in.Schema, DatabaseReachable, DatabaseUzerp, ofSchema[1:]...) {
		return
	}
	s := in.Schema.value
	switch foreign := errs.KindOf(s.Problem) == errs.Config; {
	case s.Problem != nil && foreign:
		c.fail(DatabaseUzerp, s.Problem)
		c.skip(DatabaseUzerp, DatabaseSchema)
	case s.Problem != nil:
		c.pass(DatabaseUzerp, "it is uzERP's%s", others(s))
		c.fail(DatabaseSchema, s.Problem)
	default:
		c.pass(DatabaseUzerp, "it is uzERP's%s", others(s))
		c.pass(DatabaseSchema, "its tables have all columns of two-factor login")
	}
	if major(s.Version) < oldestServer {
		c.add(DatabaseVersion, finding.Warning, errs.Plain("upgrade PostgreSQL"),
			"the server is PostgreSQL %s; this program is tested with %d and later", s.Version, oldestServer)
	} else {
		c.pass(DatabaseVersion, "the server is PostgreSQL %s", s.Version)
	}
	switch {
	case s.Standby:
		c.add(DatabaseWritable, finding.Error, errs.Plain("name the primary server in the database settings"),
			"the server is a standby, so the database is read-only: nothing can be changed through it")
	case s.ReadOnly:
		c.add(DatabaseWritable, finding.Error, errs.Plain("default_transaction_read_only is on, for the role, the database or the server: switch it off there"),
			"the database is read-only: nothing can be changed through it")
	default:
		c.pass(DatabaseWritable, "the database can be written")
	}
	rights(c, in)
}

// others names schemas that have a table users as well, or returns "".
func others(s Schema) string {
	if len(s.Others) == 0 {
		return ""
	}
	var quoted []string
	for _, name := range s.Others {
		quoted = append(quoted, strconv.Quote(name))
	}
	return fmt.Sprintf("; its tables are those in schema %q, and there is another table users in %s", s.Name, strings.Join(quoted, ", "))
}

// major returns the first number of a version, or 0 if it begins with none.
func major(version string) int {
	end := strings.IndexFunc(version, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(version)
	}
	n, _ := strconv.Atoi(version[:end])
	return n
}

func rights(c *checker, in Input) {
	if !have(c, in.Rights, needed(in), DatabaseRights) {
		return
	}
	if missing := in.Rights.value; len(missing) > 0 {
		c.add(DatabaseRights, finding.Error, ReasonRoleLacksRights.With(),
			"the database role lacks rights: %s", strings.Join(missing, "; "))
	} else {
		c.pass(DatabaseRights, "the role may do all that is needed")
	}
}

// needed returns the check of the database that says why nothing more was asked of it.
func needed(in Input) string {
	switch {
	case !in.Reached.asked:
		return DatabaseSettings
	case !in.Reached.OK():
		return DatabaseReachable
	case !in.Schema.OK() || errs.KindOf(in.Schema.value.Problem) == errs.Config:
		return DatabaseUzerp
	case in.Schema.value.Problem != nil:
		return DatabaseSchema
	case !in.Rights.OK():
		return DatabaseRights
	case !in.Classes.OK():
		return LoginHandler
	case !in.Trial.OK():
		return NoTrial
	case !in.Users.OK():
		return UserStates
	}
	return DatabaseReachable
}

func login(c *checker, in Input) {
	rest := []string{Gateway, Validator, UniqueKey}
	if !have(c, in.Classes, needed(in), LoginHandler, append(rest, TwoFactor)...) {
		trial(c, in)
		return
	}
	classes := in.Classes.value
	// The plan of a switch shows what is not as it should be.
	request := injector.Request{Handler: injector.MFAHandler, Validator: injector.TwilioValidator, Gateway: in.Gateway}
	plan, found := injector.Plan(request, classes, nil, nil)
	handler, on := plan.Current(injector.LoginHandler), false
	switch {
	case handler == "":
		c.skip(LoginHandler, TwoFactor)
	case handler == injector.MFAHandler:
		on = true
		c.pass(TwoFactor, "two-factor login is on")
	case injector.IsOff(classes):
		c.add(TwoFactor, finding.Warning, ReasonLoginOff.With(),
			"two-factor login is off: everybody logs in with the password only")
	default:
		c.add(TwoFactor, finding.Warning, ReasonForeignHandler.With(),
			"the login handler is %s: this program does not know whether it asks for a code", handler)
	}
	for _, f := range found {
		if f.ID != injector.CheckUUIDs { // these are among the checks of users
			c.take(ofSwitch(f, plan, on, in.Gateway))
		}
	}
	trial(c, in)
}

// ofSwitch changes a finding of the plan of a switch to what it means without one. If two-factor login is on already,
// what the switch would correct is an error now.
func ofSwitch(f finding.Finding, plan injector.SwitchPlan, on bool, vouched string) finding.Finding {
	switch {
	case f.ID == Gateway && vouched != "" && f.Severity == finding.Warning:
		f.Severity = finding.Info
	case f.ID == Validator && f.Severity == finding.Pass && on:
		for _, change := range plan.Changes {
			switch {
			case change.Name != injector.MFAValidator:
			case change.Before == "":
				f.Severity, f.Message = finding.Error, "the MFAValidator row is missing: everybody sees an error page instead of the login page"
				f.Fix = ReasonNoValidator.With()
			default:
				f.Severity = finding.Warning
				f.Message = "MFAValidator is " + change.Before + " and not uzERP's " + change.After + ": this program does not know whether it checks codes"
				f.Fix = ReasonForeignValidator.With()
			}
		}
	case f.ID == Validator && f.Severity == finding.Pass:
		for _, change := range plan.Changes {
			if change.Name == injector.MFAValidator && change.Before == "" {
				f.Message = "MFAValidator is not needed while two-factor login is off; a switch adds it"
			}
		}
	}
	return f
}

func trial(c *checker, in Input) {
	if !have(c, in.Trial, needed(in), NoTrial) {
		return
	}
	switch mark := in.Trial.value; {
	case mark == nil:
		c.pass(NoTrial, "no switch is on trial")
	case !mark.Over:
		c.add(NoTrial, finding.Info, errs.Plain("its question waits for an answer on another terminal, and its guard runs on the same machine"),
			"a switch is on trial %s: its guard switches back then unless somebody confirms it", mark)
	case injector.IsOff(in.Classes.value):
		c.add(NoTrial, finding.Info, errs.Hint{}, "the time of a switch on trial is over, and two-factor login is off: %s", mark)
	default:
		c.add(NoTrial, finding.Warning, ReasonTrialOver.With(),
			"the time of a switch on trial is over, and its guard has not switched back: it can't reach the database, or its machine is gone; %s", mark)
	}
}

func uzerp(c *checker, in Input) {
	if !in.Root.OK() || in.Root.value.Value == "" {
		c.skip(UzerpRoot, EnvFile, SameService, UzerpLog)
		return
	}
	defer uzerpLog(c, in)
	foreign := false
	for _, f := range injector.CheckSettings(in.Env) {
		c.take(f)
		foreign = foreign || f.ID == SameService
	}
	switch {
	case foreign:
		c.checks[len(c.checks)-1].Fix = errs.Plain("use the same account and service here as uzERP, or uzERP's own settings")
	case !envComplete(in):
		c.skip(EnvFile, SameService)
	case !in.Twilio.OK():
		c.skip(TwilioSettings, SameService)
	default:
		c.pass(SameService, "this program uses the account and the service that uzERP uses")
	}
}

// uzerpLog checks whether the web server can write uzERP's log. Otherwise logins end in error pages (docs/facts/uzerp.md §9).
func uzerpLog(c *checker, in Input) {
	if !in.Log.OK() {
		c.add(UzerpLog, finding.Skipped, errs.Hint{}, "not checked: where uzERP writes its log can not be read from here")
		return
	}
	switch log := in.Log.value; {
	case log.Path == "":
		c.pass(UzerpLog, "uzERP writes its log into PHP's error_log")
	case log.Unknown != "":
		c.add(UzerpLog, finding.Skipped, errs.Hint{}, "not checked whether the web server can write uzERP's log %s: %s", log.Path, log.Unknown)
	case log.Denied != "":
		c.add(UzerpLog, finding.Warning, errs.Plain("make a directory that belongs to "+log.User+", and let UZERP_LOG_PATH in "+log.Source+" name a file in it"),
			"the web server usually runs as %s, who can't write uzERP's log %s (%s): then a wrong password, a code that Twilio refuses, "+
				"and even a right one end in an error page", log.User, log.Path, log.Denied)
	default:
		c.pass(UzerpLog, "the web server can write uzERP's log %s", log.Path)
	}
}

// envComplete reports whether uzERP's own settings for Twilio are complete.
func envComplete(in Input) bool {
	return in.Root.OK() && in.Root.value.Value != "" && in.Env.Problem == "" && len(in.Env.Missing) == 0
}

// proxy says by which way Verify is called. The web server's way is its own business, and nothing here shows it.
func proxy(c *checker, in Input) {
	if !have(c, in.Way, TwilioSettings, Proxy) {
		return
	}
	const phps = "the way that uzERP's PHP takes is not seen from here"
	look := errs.Plain("look as the web server's user whether it reaches Twilio too: curl -sS https://" + in.Way.value.Address)
	switch w := in.Way.value; {
	case w.Unusable != nil:
		c.fail(Proxy, w.Unusable)
	case w.Proxy != "":
		c.add(Proxy, finding.Info, look, "this program reaches %s through the proxy %s, which %s names; %s", w.Address, w.Proxy, w.Setting, phps)
	case len(w.Ignored) > 0:
		c.add(Proxy, finding.Info, errs.Plain("set HTTPS_PROXY if that proxy is needed"),
			"%s names a proxy that this program does not use, because it reads HTTPS_PROXY only; %s", strings.Join(w.Ignored, ", "), phps)
	case w.Setting != "":
		c.add(Proxy, finding.Info, look, "this program reaches %s without a proxy, because %s says so; %s", w.Address, w.Setting, phps)
	default:
		c.pass(Proxy, "this program reaches %s without a proxy; %s", w.Address, phps)
	}
}

// newCertificates is the day from which Twilio's certificates are Amazon's (docs/facts/twilio-verify.md §10).
var newCertificates = time.Date(2027, 1, 26, 0, 0, 0, 0, time.UTC)

func certificates(c *checker, in Input) {
	when := "from 2027-01-26 on Twilio uses certificates of Amazon's"
	if !in.Now.Before(newCertificates) {
		when = "since 2027-01-26 Twilio uses certificates of Amazon's"
	}
	var lists []string
	for _, list := range in.Roots {
		if !list.Missing.OK() {
			c.add(Certificates, finding.Skipped, errs.Hint{}, "not checked: %s, and %s could not be read", when, list.Of)
			return
		}
		if missing := list.Missing.value; len(missing) > 0 {
			c.add(Certificates, finding.Warning, errs.Plain(list.Mend), "%s, and %s lacks %s: then no code can be checked", when, list.Of, strings.Join(missing, ", "))
			return
		}
		lists = append(lists, list.Of)
	}
	if len(lists) == 0 {
		c.skip("", Certificates)
		return
	}
	c.pass(Certificates, "%s, and their roots are trusted by %s", when, strings.Join(lists, " and "))
}

func twilio(c *checker, in Input) {
	proxy(c, in)
	certificates(c, in)
	if have(c, in.Service, TwilioSettings, TwilioService, TwilioAccount, ServiceSettings, Clock) {
		s := in.Service.value
		c.pass(TwilioService, "Twilio accepts the credentials and has the service %q", s.FriendlyName)
		switch {
		case s.AccountSID == "":
			c.add(TwilioAccount, finding.Skipped, errs.Hint{}, "not checked: Twilio did not say which account the service belongs to")
		case s.AccountSID != in.Twilio.value.AccountSID:
			c.add(TwilioAccount, finding.Error, errs.Plain("correct TWILIO_ACCOUNT_SID, which is from "+in.Twilio.value.From),
				"the service is of account %s, and TWILIO_ACCOUNT_SID is %s: uzERP can't use the two together",
				s.AccountSID, in.Twilio.value.AccountSID)
		default:
			c.pass(TwilioAccount, "the service is of the account that is set")
		}
	}
	switch {
	case !in.Twilio.OK():
		c.skip(TwilioSettings, TwilioCredentials)
	case in.Twilio.value.Token:
		c.add(TwilioCredentials, finding.Info, errs.Plain("make a restricted API key in Twilio's console, and set TWILIO_API_KEY and TWILIO_API_SECRET "+
			"for this program; uzERP itself knows only the token"),
			"this program uses the account's auth token, which may do everything in the account")
	case !in.Access.asked:
		c.pass(TwilioCredentials, "this program uses an API key")
	case in.Access.err != nil:
		c.add(TwilioCredentials, finding.Skipped, errs.Hint{}, "not checked: what this program's API key may do could not be asked: %s", in.Access.err)
	default:
		keyAccess(c, in.Access.value)
	}
	uzerpTwilio(c, in)
	if !in.Service.OK() {
		return
	}
	bad := 0
	for _, f := range verifyservice.Check(in.Service.value) {
		if f.Severity != finding.Info {
			bad++
		}
		c.add(f.ID, f.Severity, f.Fix, "%s", withPlace(f))
	}
	if bad == 0 {
		c.pass(ServiceSettings, "the service's settings suit TOTP and the helpdesk")
	}
	clock(c, in)
}

// keyAccess says what the API key may do. It is for the administrator to know whether that is what it is for.
func keyAccess(c *checker, a verifyservice.Access) {
	has, unknown := permissions(a.Has), permissions(a.Unknown)
	if len(a.Lacks) == 0 {
		c.pass(TwilioCredentials, "this program's API key has the permissions %s; not known, because a look does not show it: %s", has, unknown)
		return
	}
	c.add(TwilioCredentials, finding.Info, ReasonKeyLacks.With(), "this program's API key lacks %s, and has %s; not known, because a look does not show it: %s",
		permissions(a.Lacks), has, unknown)
}

// permissions returns the end of each name, which begins like all others.
func permissions(all []verifyservice.Permission) string {
	names := make([]string, len(all))
	for i, p := range all {
		names[i] = strings.TrimPrefix(string(p), "/twilio/verify/")
	}
	return strings.Join(names, ", ")
}

// uzerpTwilio checks uzERP's own settings for Twilio: every login depends on them.
func uzerpTwilio(c *checker, in Input) {
	switch {
	case !in.Root.OK() || in.Root.value.Value == "":
		c.skip(UzerpRoot, UzerpTwilio)
		return
	case !envComplete(in):
		c.skip(EnvFile, UzerpTwilio)
		return
	}
	needs := TwilioService // the check that got no answer
	if !in.Twilio.OK() {
		needs = TwilioSettings
	}
	if have(c, in.UzerpService, needs, UzerpTwilio) {
		c.pass(UzerpTwilio, "Twilio accepts uzERP's own settings")
		return
	}
	if last := &c.checks[len(c.checks)-1]; last.Severity == finding.Error {
		last.Message = "with uzERP's own settings from " + in.Env.Path + ": " + last.Message
	}
}

const (
	clockWarning = 10 * time.Second // a difference of this or more is a warning
	clockNoise   = 2 * time.Second  // Twilio's Date has whole seconds, and its answer needs time
)

func clock(c *checker, in Input) {
	if !have(c, in.Clock, TwilioService, Clock) {
		return
	}
	o := in.Clock.value
	if !o.Known {
		c.add(Clock, finding.Skipped, errs.Hint{}, "not checked: Twilio's answer had no time")
		return
	}
	totp := in.Service.value.TOTP
	allowed := time.Duration(valueOr(totp.Skew, verifyservice.DefaultSkew)*valueOr(totp.TimeStep, verifyservice.DefaultTimeStep)) * time.Second
	off, way := o.Ahead.Abs().Round(time.Second), "slow"
	if o.Ahead < 0 {
		way = "fast"
	}
	const hint = "set the clock: timedatectl shows whether it is synchronized"
	switch {
	case off > max(allowed, clockNoise):
		c.add(Clock, finding.Error, errs.Plain(hint), "this machine's clock is %s %s against Twilio's, more than the %s that Twilio allows a code: "+
			"an app on this clock could not log in", off, way, allowed)
	case off > clockWarning:
		c.add(Clock, finding.Warning, errs.Plain(hint), "this machine's clock is %s %s against Twilio's", off, way)
	default:
		c.pass(Clock, "this machine's clock agrees with Twilio's")
	}
}

func valueOr(p *int, otherwise int) int {
	if p == nil {
		return otherwise
	}
	return *p
}

package doctor

import (
	"strconv"
	"strings"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/finding"
	"uzerp-mfa/internal/injector"
	"uzerp-mfa/internal/verifyservice"
)

// The IDs of the checks. Those of the injector classes and of uzERP's settings are set-injector's own.
const (
	UzerpRoot        = "uzerp-root"
	DatabaseSettings = "database-settings"
	TwilioSettings   = "twilio-settings"
	VerifyAddress    = "verify-address"
	PhoneRegion      = "phone-region"

	DatabaseReachable = "database-reachable"
	DatabaseUzerp     = "database-uzerp"
	DatabaseSchema    = "database-schema"
	DatabaseVersion   = "database-version"
	DatabaseWritable  = "database-writable"
	DatabaseRights    = "database-rights"

	TwoFactor    = "two-factor"
	LoginHandler = "login-handler"
	Gateway      = "authentication-gateway"
	Validator    = "mfa-validator"
	UniqueKey    = "unique-key"
	NoTrial      = "trial"

	EnvFile     = injector.CheckEnvFile
	SameService = injector.CheckSameService

	TwilioService     = injector.CheckTwilioService
	TwilioAccount     = "twilio-account"
	TwilioCredentials = "twilio-credentials"
	UzerpTwilio       = "uzerp-twilio"
	ServiceSettings   = "service-settings"
	Clock             = "clock"

	SessionSettings = "session-settings"

	UserStates    = "user-states"
	UsersBroken   = "users-broken"
	UUIDMissing   = "uuid-missing"
	UUIDDuplicate = "uuid-duplicate"
	UsersLeft     = "users-left"
	UsersSkip     = "users-skip-next-login"
	UsersNoAccess = "users-without-company"

	AuditLogWritable = "audit-log-writable"
	AuditLogIntact   = "audit-log-intact"
)

// IDs gives every ID that Check makes of its own, with the worst status that it can have. The findings of session-config
// check and of service check keep theirs; SessionSettings and ServiceSettings stand for all of them.
func IDs() map[string]Status {
	return map[string]Status{
		UzerpRoot: Fail, DatabaseSettings: Fail, TwilioSettings: Fail, VerifyAddress: Info, PhoneRegion: Fail,
		DatabaseReachable: Fail, DatabaseUzerp: Fail, DatabaseSchema: Fail, DatabaseVersion: Warn, DatabaseWritable: Fail, DatabaseRights: Fail,
		TwoFactor: Warn, LoginHandler: Fail, Gateway: Fail, Validator: Fail, UniqueKey: Fail, NoTrial: Fail,
		EnvFile: Fail, SameService: Warn,
		TwilioService: Fail, TwilioAccount: Fail, TwilioCredentials: Info, UzerpTwilio: Fail, ServiceSettings: Fail, Clock: Fail,
		SessionSettings: Fail,
		UserStates:      Fail, UsersBroken: Fail, UUIDMissing: Fail, UUIDDuplicate: Fail, UsersLeft: Fail, UsersSkip: Info, UsersNoAccess: Info,
		AuditLogWritable: Fail, AuditLogIntact: Fail,
	}
}

// Examine makes every check.
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
	if have(c, in.Root, "", UzerpRoot) {
		if root := in.Root.value; root.Value == "" {
			c.add(UzerpRoot, Info, "name it with --uzerp-root or UZERP_ROOT", "no uzERP directory is known, so nothing was checked there")
		} else {
			c.pass(UzerpRoot, "uzERP is in %s", root.Value)
		}
	}
	if have(c, in.Database, "", DatabaseSettings) {
		c.pass(DatabaseSettings, "the database is set by %s", in.Database.value.Source)
	}
	if have(c, in.Twilio, "", TwilioSettings, VerifyAddress) {
		t := in.Twilio.value
		c.pass(TwilioSettings, "Twilio's settings are complete; the account is from %s", t.From)
		if t.TwilioOwn {
			c.pass(VerifyAddress, "Twilio is asked at its own address")
		} else {
			c.add(VerifyAddress, Info, "unset UZERP_MFA_VERIFY_URL for the real one", "%s stands for Twilio, by UZERP_MFA_VERIFY_URL; uzERP itself asks Twilio all the same", t.Address)
		}
	}
	if have(c, in.Region, "", PhoneRegion) {
		if region := in.Region.value.Value; region == "" {
			c.add(PhoneRegion, Info, "set UZERP_MFA_PHONE_REGION, for example to GB", "no region is set, so identity send takes only phone numbers with a country code")
		} else {
			c.pass(PhoneRegion, "phone numbers without a country code are of %s", region)
		}
	}
}

// oldestServer is the first PostgreSQL that all queries are tried with.
const oldestServer = 12

func database(c *checker, in Input) {
	ofSchema := []string{DatabaseUzerp, DatabaseSchema, DatabaseVersion, DatabaseWritable, DatabaseRights}
	if !have(c, in.Reached, DatabaseSettings, DatabaseReachable, ofSchema...) {
		return
	}
	c.pass(DatabaseReachable, "the database answers")
	if !have(c, in.Schema, DatabaseReachable, DatabaseUzerp, ofSchema[1:]...) {
		return
	}
	s := in.Schema.value
	switch foreign := errs.KindOf(s.Problem) == errs.Config; {
	case s.Problem != nil && foreign:
		c.fail(DatabaseUzerp, s.Problem)
		c.skip(DatabaseUzerp, DatabaseSchema)
	case s.Problem != nil:
		c.pass(DatabaseUzerp, "it is uzERP's")
		c.fail(DatabaseSchema, s.Problem)
	default:
		c.pass(DatabaseUzerp, "it is uzERP's")
		c.pass(DatabaseSchema, "its tables have all columns of two-factor login")
	}
	if major(s.Version) < oldestServer {
		c.add(DatabaseVersion, Warn, "upgrade PostgreSQL", "the server is PostgreSQL %s; this program is tried with %d and later", s.Version, oldestServer)
	} else {
		c.pass(DatabaseVersion, "the server is PostgreSQL %s", s.Version)
	}
	if s.ReadOnly {
		c.add(DatabaseWritable, Fail, "name the primary server in the database settings; or default_transaction_read_only is on", "the database is read-only, as a standby is: nothing can be changed through it")
	} else {
		c.pass(DatabaseWritable, "the database can be written")
	}
	rights(c, in)
}

// major gives the first number of a version, 0 where there is none.
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
		c.add(DatabaseRights, Fail, "uzerp-mfa grants prints the SQL that gives a role what it needs", "the database role lacks rights: %s", strings.Join(missing, "; "))
	} else {
		c.pass(DatabaseRights, "the role may do all that is needed")
	}
}

// needed gives the check of the database that tells why nothing more was asked of it.
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
	// What set-injector would do tells what is not as it should be.
	request := injector.Request{Handler: injector.MFAHandler, Validator: injector.TwilioValidator, Gateway: in.Gateway}
	plan, checks := injector.Plan(request, classes, nil, nil)
	handler, on := plan.Current(injector.LoginHandler), false
	twoFactor := Check{ID: TwoFactor, Group: c.group, Status: Pass, Message: "two-factor login is on"}
	switch {
	case handler == "":
		twoFactor.Status, twoFactor.Needs, twoFactor.Message = Skipped, LoginHandler, "not checked: it needs "+LoginHandler
	case handler == injector.MFAHandler:
		on = true
	case injector.IsOff(classes):
		twoFactor.Status, twoFactor.Message, twoFactor.Hint = Warn, "two-factor login is off: everybody logs in with the password only", "uzerp-mfa set-injector switches it on"
	default:
		twoFactor.Status, twoFactor.Message = Warn, "the login handler is "+handler+": whether it asks for a code is not known here"
		twoFactor.Hint = "uzerp-mfa set-injector --dry-run tells what a switch to uzERP's own would change"
	}
	c.checks = append(c.checks, twoFactor)
	for _, check := range checks {
		if check.ID == "uuids" { // counted with the users
			continue
		}
		c.checks = append(c.checks, c.ofSwitch(check, plan, on, in.Gateway))
	}
	trial(c, in)
}

// ofSwitch takes over a check that set-injector makes before a switch. What it would put right by switching is a fault
// where two-factor login is on already.
func (c *checker) ofSwitch(check injector.Check, plan injector.Switch, on bool, vouched string) Check {
	out := Check{ID: check.ID, Group: c.group, Status: Status(check.Status), Message: check.Message, Hint: check.Hint}
	switch {
	case check.ID == Gateway && vouched != "" && check.Status == injector.Warn:
		out.Status = Info
	case check.ID == Validator && check.Status == injector.Pass && on:
		for _, change := range plan.Changes {
			switch {
			case change.Name != injector.MFAValidator:
			case change.Before == "":
				out.Status, out.Message = Fail, "the MFAValidator row is missing: everybody sees an error page instead of the login page"
				out.Hint = "uzerp-mfa set-injector adds it"
			default:
				out.Status, out.Message = Warn, "MFAValidator is "+change.Before+" and not uzERP's "+change.After+": whether it checks codes is not known here"
				out.Hint = "uzerp-mfa set-injector sets uzERP's own"
			}
		}
	case check.ID == Validator && check.Status == injector.Pass:
		for _, change := range plan.Changes {
			if change.Name == injector.MFAValidator && change.Before == "" {
				out.Message = "MFAValidator is not needed while two-factor login is off; set-injector adds it"
			}
		}
	}
	return out
}

func trial(c *checker, in Input) {
	if !have(c, in.Trial, needed(in), NoTrial) {
		return
	}
	if in.Trial.value {
		c.add(NoTrial, Info, "its question waits for an answer on another terminal", "a switch is on trial (set-injector --try), and is taken back unless somebody confirms it")
	} else {
		c.pass(NoTrial, "no switch is on trial")
	}
}

func uzerp(c *checker, in Input) {
	if !in.Root.OK() || in.Root.value.Value == "" {
		c.skip(UzerpRoot, EnvFile, SameService)
		return
	}
	told := false
	for _, check := range injector.CheckSettings(in.Env) {
		c.checks = append(c.checks, Check{ID: check.ID, Group: c.group, Status: Status(check.Status), Message: check.Message, Hint: check.Hint})
		told = told || check.ID == SameService
	}
	switch {
	case told:
		c.checks[len(c.checks)-1].Hint = "use the same account and service here as uzERP, or uzERP's own settings"
	case !envComplete(in):
		c.skip(EnvFile, SameService)
	case !in.Twilio.OK():
		c.skip(TwilioSettings, SameService)
	default:
		c.pass(SameService, "this program uses the account and the service that uzERP uses")
	}
}

// envComplete tells whether uzERP's own settings for Twilio are there to be used.
func envComplete(in Input) bool {
	return in.Root.OK() && in.Root.value.Value != "" && in.Env.Problem == "" && len(in.Env.Missing) == 0
}

func twilio(c *checker, in Input) {
	if have(c, in.Service, TwilioSettings, TwilioService, TwilioAccount, ServiceSettings, Clock) {
		s := in.Service.value
		c.pass(TwilioService, "Twilio accepts the credentials and has the service %q", s.FriendlyName)
		switch {
		case s.AccountSID == "":
			c.checks = append(c.checks, Check{ID: TwilioAccount, Group: c.group, Status: Skipped, Message: "not checked: Twilio did not say whose the service is"})
		case s.AccountSID != in.Twilio.value.AccountSID:
			c.add(TwilioAccount, Fail, "correct TWILIO_ACCOUNT_SID, which is from "+in.Twilio.value.From,
				"the service is of account %s, and TWILIO_ACCOUNT_SID is %s: uzERP can't use the two together", s.AccountSID, in.Twilio.value.AccountSID)
		default:
			c.pass(TwilioAccount, "the service is of the account that is set")
		}
	}
	switch {
	case !in.Twilio.OK():
		c.skip(TwilioSettings, TwilioCredentials)
	case in.Twilio.value.Token:
		c.add(TwilioCredentials, Info, "make a restricted API key in Twilio's console, and set TWILIO_API_KEY and TWILIO_API_SECRET for this program; uzERP itself knows only the token",
			"this program uses the account's auth token, which may do everything in the account")
	default:
		c.pass(TwilioCredentials, "this program uses an API key")
	}
	uzerpTwilio(c, in)
	if !in.Service.OK() {
		return
	}
	weighty := 0
	for _, f := range verifyservice.Check(in.Service.value) {
		status := ofSeverity(f.Severity)
		if status != Info {
			weighty++
		}
		c.add(f.ID, status, f.Fix, "%s", about(f.Setting, f.Value, "", 0, f.Message))
	}
	if weighty == 0 {
		c.pass(ServiceSettings, "the service's settings suit TOTP and the helpdesk")
	}
	clock(c, in)
}

// uzerpTwilio judges uzERP's own way to Twilio, on which every login depends.
func uzerpTwilio(c *checker, in Input) {
	switch {
	case !in.Root.OK() || in.Root.value.Value == "":
		c.skip(UzerpRoot, UzerpTwilio)
		return
	case !envComplete(in):
		c.skip(EnvFile, UzerpTwilio)
		return
	}
	needs := TwilioService // which got no answer
	if !in.Twilio.OK() {
		needs = TwilioSettings
	}
	if have(c, in.UzerpService, needs, UzerpTwilio) {
		c.pass(UzerpTwilio, "Twilio accepts uzERP's own settings")
		return
	}
	if last := &c.checks[len(c.checks)-1]; last.Status == Fail {
		last.Message = "with uzERP's own settings from " + in.Env.Path + ": " + last.Message
	}
}

const (
	clockWarning = 10 * time.Second // from here on a difference is told
	clockNoise   = 2 * time.Second  // Twilio's Date has whole seconds, and travels
)

func clock(c *checker, in Input) {
	if !have(c, in.Clock, TwilioService, Clock) {
		return
	}
	o := in.Clock.value
	if !o.Known {
		c.checks = append(c.checks, Check{ID: Clock, Group: c.group, Status: Skipped, Message: "not checked: Twilio's answer told no time"})
		return
	}
	totp := in.Service.value.TOTP
	allowed := time.Duration(valueOr(totp.Skew, verifyservice.DefaultSkew)*valueOr(totp.TimeStep, verifyservice.DefaultTimeStep)) * time.Second
	off, way := o.Ahead.Abs().Round(time.Second), "slow"
	if o.Ahead < 0 {
		way = "fast"
	}
	const hint = "set the clock: timedatectl tells whether it is synchronized"
	switch {
	case off > max(allowed, clockNoise):
		c.add(Clock, Fail, hint, "this machine's clock is %s %s against Twilio's, more than the %s that Twilio allows a code: an app on this clock could not log in", off, way, allowed)
	case off > clockWarning:
		c.add(Clock, Warn, hint, "this machine's clock is %s %s against Twilio's", off, way)
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

func ofSeverity(s finding.Severity) Status {
	switch s {
	case finding.Error:
		return Fail
	case finding.Warning:
		return Warn
	default:
		return Info
	}
}

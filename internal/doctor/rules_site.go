package doctor

import (
	"fmt"
	"strings"
)

// notJudged are the findings of session-config check that tell of something that could not be looked at.
func notJudged(id string) bool { return id == "php-not-checked" || id == "env-web-access" }

func session(c *checker, in Input) {
	needs := UzerpRoot
	if in.Root.OK() && in.Root.value.Value != "" {
		needs = EnvFile // where it can't be read, there is nothing to be judged
	}
	if !have(c, in.Session, needs, SessionSettings) {
		return
	}
	weighty := 0
	for _, f := range in.Session.value {
		status := ofSeverity(f.Severity)
		switch {
		case f.ID == "web-environment": // of every installation, and nothing that can be put right
			continue
		case f.ID == "twilio-missing" && len(in.Env.Missing) > 0: // EnvFile has told
			continue
		case notJudged(f.ID):
			status = Skipped
		case status != Info:
			weighty++
		}
		c.add(f.ID, status, strings.ReplaceAll(f.Fix, "\n", ", "), "%s", about(f.Setting, f.Value, f.File, f.Line, f.Message))
	}
	if weighty == 0 {
		c.pass(SessionSettings, "uzERP's session settings are in order")
	}
}

// about begins a message with what it is about and where that stands.
func about(setting, value, file string, line int, message string) string {
	var place []string
	switch {
	case setting != "" && value != "":
		place = append(place, setting+"="+value)
	case setting != "":
		place = append(place, setting)
	}
	switch {
	case file != "" && line > 0:
		place = append(place, fmt.Sprintf("%s line %d", file, line))
	case file != "":
		place = append(place, file)
	}
	if len(place) == 0 {
		return message
	}
	return strings.Join(place, " in ") + ": " + message
}

func users(c *checker, in Input) {
	if !have(c, in.Users, needed(in), UserStates, UsersBroken, UUIDMissing, UUIDDuplicate, UsersSkip, UsersLeft, UsersNoAccess) {
		return
	}
	t := in.Users.value
	u := t.Users
	c.pass(UserStates, "%d enrolled, %d not enrolled, %d to skip the next code, %d broken", u.Enrolled, u.NotEnrolled, u.SkipNextLogin, u.Broken)

	switch n := len(t.broken); {
	case n > 0:
		c.add(UsersBroken, Fail, "uzerp-mfa user reset lets such a user enroll again; user list --state broken shows all",
			"%s enrolled without a factor and locked out while two-factor login is on: %s", number(n, "user"), who(t.broken))
	case len(t.brokenNoAccess) > 0:
		c.add(UsersBroken, Info, "uzerp-mfa user reset before one of them gets access again",
			"%s without access to uzERP would be locked out if they had it: %s", number(len(t.brokenNoAccess), "user"), who(t.brokenNoAccess))
	default:
		c.pass(UsersBroken, "nobody is enrolled without a factor")
	}
	if n := len(t.noUUID); n > 0 {
		c.add(UUIDMissing, Fail, "uzerp-mfa reconcile --fix --only uuid-missing gives each one",
			"%s %s no uuid and can neither log in with two-factor login nor enroll: %s", number(n, "user"), verb(n, "has", "have"), who(t.noUUID))
	} else {
		c.pass(UUIDMissing, "every user has a uuid")
	}
	if shared := t.duplicates(); len(shared) > 0 {
		more := ""
		if n := len(shared) - 1; n > 0 {
			more = "; " + number(n, "more uuid") + " too"
		}
		c.add(UUIDDuplicate, Fail, "uzerp-mfa reconcile --only uuid-duplicate tells what to do",
			"one uuid belongs to several users, so a reset of one in uzERP deletes the factors of all: %s%s", who(shared[0]), more)
	} else {
		c.pass(UUIDDuplicate, "no two users have the same uuid")
	}
	if n := len(t.skip); n > 0 {
		c.add(UsersSkip, Info, "uzerp-mfa user enable takes that back", "%s %s in once without a code: %s", number(n, "user"), verb(n, "gets", "get"), who(t.skip))
	} else {
		c.pass(UsersSkip, "nobody's next login skips the code")
	}
	persons(c, in, t)
}

func persons(c *checker, in Input, t *Tally) {
	if !have(c, in.Persons, UserStates, UsersLeft, UsersNoAccess) {
		return
	}
	if n := len(t.left); n > 0 {
		c.add(UsersLeft, Warn, "disable their access in uzERP; then uzerp-mfa user reset takes their second factor away",
			"%s enrolled who %s the company: %s", number(n, "user"), verb(n, "has left", "have left"), who(t.left))
	} else {
		c.pass(UsersLeft, "nobody who has left is enrolled")
	}
	if n := len(t.noCompany); n > 0 {
		c.add(UsersNoAccess, Info, "give access to a company in uzERP's administration",
			"%s may log in but %s no company to enter, so every password is told to be wrong: %s", number(n, "user"), verb(n, "has", "have"), who(t.noCompany))
	} else {
		c.pass(UsersNoAccess, "everybody who may log in has a company to enter")
	}
}

func auditLog(c *checker, in Input) {
	if have(c, in.AuditLog, "", AuditLogWritable) {
		if log := in.AuditLog.value; log.Exists {
			c.pass(AuditLogWritable, "the audit log %s can be written", log.Path)
		} else {
			c.pass(AuditLogWritable, "the audit log %s can be made", log.Path)
		}
	}
	if !have(c, in.AuditChain, "", AuditLogIntact) {
		return
	}
	switch log := in.AuditChain.value; {
	case len(log.Findings) > 0:
		c.add(AuditLogIntact, Fail, "keep a copy of "+log.Path+"; uzerp-mfa audit-log verify tells more",
			"the audit log is not what was written: %s, the first: %s", number(len(log.Findings), "finding"), log.Findings[0])
	case log.TornTail:
		c.add(AuditLogIntact, Warn, "uzerp-mfa audit-log verify tells more; the next change continues the log",
			"the last line of the audit log is torn: its writer died, or the machine did")
	case log.None:
		c.add(AuditLogIntact, Info, "", "there is no audit log yet: nothing was changed from here, or the log was moved")
	case log.Open > 0:
		c.add(AuditLogIntact, Info, "uzerp-mfa audit-log verify names them", "no line was changed; of %s the end is not recorded: it is under way, or it broke off", number(log.Open, "change"))
	default:
		c.pass(AuditLogIntact, "no line of the audit log was changed (%s)", number(log.Records, "record"))
	}
}

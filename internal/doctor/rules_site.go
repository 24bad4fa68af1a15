package doctor

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/finding"
	"uzerp-mfa/internal/mfa"
)

// notJudged reports whether a finding of session-config check is about something that could not be read.
func notJudged(id string) bool {
	return id == "php-not-checked" || id == "env-web-access" || id == "env-web-server"
}

func session(c *checker, in Input) {
	needs := UzerpRoot
	if in.Root.OK() && in.Root.value.Value != "" {
		needs = EnvFile // nothing can be judged if it can't be read
	}
	if !have(c, in.Session, needs, SessionSettings) {
		return
	}
	bad := 0
	for _, f := range in.Session.value {
		severity := f.Severity
		switch {
		case f.ID == "web-environment": // every installation has this finding, and nothing can be done
			continue
		case f.ID == "twilio-missing" && len(in.Env.Missing) > 0: // EnvFile says it already
			continue
		case notJudged(f.ID):
			severity = finding.Skipped
		case severity != finding.Info:
			bad++
		}
		f.Fix.Text = strings.ReplaceAll(f.Fix.Text, "\n", ", ")
		c.add(f.ID, severity, f.Fix, "%s", withPlace(f))
	}
	if bad == 0 {
		c.pass(SessionSettings, "uzERP's session settings are in order")
	}
}

// withPlace returns the message of a finding, after the setting and its place.
func withPlace(f finding.Finding) string {
	var place []string
	switch {
	case f.Setting != "" && f.Value != "":
		place = append(place, f.Setting+"="+f.Value)
	case f.Setting != "":
		place = append(place, f.Setting)
	}
	switch {
	case f.File != "" && f.Line > 0:
		place = append(place, fmt.Sprintf("%s line %d", f.File, f.Line))
	case f.File != "":
		place = append(place, f.File)
	}
	if len(place) == 0 {
		return f.Message
	}
	return strings.Join(place, " in ") + ": " + f.Message
}

func users(c *checker, in Input) {
	rest := []string{UsersBroken, UUIDMissing, UUIDDuplicate, UsersSkip, UsersLeft, UsersErrorPage, Maintenance, UsersNoAccess}
	if !have(c, in.Users, needed(in), UserStates, rest...) {
		return
	}
	t := in.Users.value
	u := t.Users
	c.pass(UserStates, "%d enrolled, %d not enrolled, %d to skip the next code, %d broken", u.Enrolled, u.NotEnrolled, u.SkipNextLogin, u.Broken)

	switch n := t.broken.n; {
	case n > 0:
		c.add(UsersBroken, finding.Error, ReasonUsersBroken.With(),
			"%s enrolled without a factor and locked out while two-factor login is on: %s", number(n, "user"), &t.broken)
	case t.brokenNoAccess.n > 0:
		c.add(UsersBroken, finding.Info, ReasonBrokenNoAccess.With(),
			"%s without access to uzERP would be locked out if they had it: %s", number(t.brokenNoAccess.n, "user"), &t.brokenNoAccess)
	default:
		c.pass(UsersBroken, "no user is enrolled without a factor")
	}
	if n := t.noUUID.n; n > 0 {
		c.add(UUIDMissing, finding.Error, ReasonUUIDMissing.With(),
			"%s %s no uuid and can neither log in with two-factor login nor enroll: %s", number(n, "user"), verb(n, "has", "have"), &t.noUUID)
	} else {
		c.pass(UUIDMissing, "every user has a uuid")
	}
	if shared := t.Shared; shared.UUIDs > 0 {
		more := ""
		if n := shared.UUIDs - 1; n > 0 {
			more = "; " + number(n, "more uuid") + " too"
		}
		c.add(UUIDDuplicate, finding.Error, ReasonUUIDDuplicate.With(),
			"one uuid belongs to several users, so a reset of one in uzERP deletes the factors of all: %s%s", mfa.FirstNames(shared.First, shared.Users), more)
	} else {
		c.pass(UUIDDuplicate, "no two users have the same uuid")
	}
	if n := len(t.skip); n > 0 {
		c.add(UsersSkip, finding.Info, ReasonUsersSkip.With(),
			"%s %s in once without a code: %s", number(n, "user"), verb(n, "gets", "get"), skipping(t.skip, in))
	} else {
		c.pass(UsersSkip, "nobody's next login skips the code")
	}
	persons(c, in, t)
}

// skipping names users who skip the next code, those of whom that was allowed first before all others, and says when that was.
func skipping(users []mfa.User, in Input) string {
	type skip struct {
		name  string
		at    time.Time
		known bool
	}
	var all []skip
	unknown := 0
	for _, u := range slices.SortedFunc(slices.Values(users), func(a, b mfa.User) int { return strings.Compare(a.Username, b.Username) }) {
		s := skip{name: u.Username}
		if in.Skips != nil {
			s.at, s.known = in.Skips.Since(u)
		}
		if all = append(all, s); !s.known {
			unknown++
		}
	}
	slices.SortStableFunc(all, func(a, b skip) int {
		switch {
		case a.known && b.known:
			return a.at.Compare(b.at)
		case a.known:
			return -1
		case b.known:
			return 1
		}
		return 0
	})
	var names []string
	for _, s := range all {
		names = append(names, s.name)
	}
	said := mfa.Names(names, maxNames)
	switch first := all[0]; {
	case !first.known:
		return said + "; when that was allowed is not known"
	case len(all) == 1:
		return said + "; that was allowed " + mfa.Age(in.Now.Sub(first.at)) + " ago"
	default:
		said += "; of the first that was allowed " + mfa.Age(in.Now.Sub(first.at)) + " ago"
	}
	if unknown > 0 {
		said += fmt.Sprintf(", and of %s that is not known", number(unknown, "user"))
	}
	return said
}

func persons(c *checker, in Input, t *Tally) {
	if !have(c, in.Persons, UserStates, UsersLeft, UsersErrorPage, Maintenance, UsersNoAccess) {
		return
	}
	if n := t.left.n; n > 0 {
		c.add(UsersLeft, finding.Warning, ReasonUsersLeft.With(),
			"%s enrolled who %s the company: %s", number(n, "user"), verb(n, "has left", "have left"), &t.left)
	} else {
		c.pass(UsersLeft, "no enrolled user has left the company")
	}
	if n := t.errorPage.n; n > 0 {
		c.add(UsersErrorPage, finding.Warning, errs.Plain("in uzERP's administration, give each a person with a company"),
			"%s may log in, but then every page is an error page, because uzERP knows no company for %s: %s",
			number(n, "user"), verb(n, "this user", "them"), &t.errorPage)
	} else {
		c.pass(UsersErrorPage, "uzERP knows a company for everybody who may log in")
	}
	switch n := t.closed.n; {
	case n > 0:
		c.add(Maintenance, finding.Warning, errs.Plain("if the work is done, open the system in uzERP's administration (access to the system company)"),
			"uzERP is closed for maintenance, and takes passwords and codes all the same, which Twilio bills: %s can't get in: %s", number(n, "user"), &t.closed)
	case t.closedUnknown:
		c.add(Maintenance, finding.Skipped, ReasonRoleLacksRights.With(), "not checked: the role may not read whether uzERP is closed for maintenance")
	default:
		c.pass(Maintenance, "uzERP is not closed for maintenance")
	}
	if n := t.noCompany.n; n > 0 {
		c.add(UsersNoAccess, finding.Info, errs.Plain("give access to a company in uzERP's administration"),
			"%s may log in but %s no company to enter, so uzERP says that every password is wrong: %s", number(n, "user"), verb(n, "has", "have"), &t.noCompany)
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
		c.add(AuditLogIntact, finding.Error, ReasonLogChanged.With(log.Path),
			"the audit log is not what was written: %s, the first: %s", number(len(log.Findings), "finding"), log.Findings[0])
	case log.Doubt != "": // who can write lines can write their hashes too
		c.add(AuditLogIntact, finding.Warning, errs.Hint{},
			"whether a line of the audit log was changed is not known: another user may have written it (%s)", log.Doubt)
	case log.TornTail:
		c.add(AuditLogIntact, finding.Warning, ReasonLogTorn.With(),
			"the last line of the audit log is torn: the program or the machine stopped while it was written")
	case log.None:
		c.add(AuditLogIntact, finding.Info, errs.Hint{}, "there is no audit log yet: nothing was changed from here, or the log was moved")
	case log.Open > 0:
		c.add(AuditLogIntact, finding.Info, ReasonChangesOpen.With(),
			"no line was changed; the end of %s is not recorded: it is still running, or it was interrupted", number(log.Open, "change"))
	default:
		c.pass(AuditLogIntact, "no line of the audit log was changed (%s)", number(log.Records, "record"))
	}
}

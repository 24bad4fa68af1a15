package injector

import (
	"cmp"
	"fmt"
	"strings"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/verifyservice"
)

// The checks that need something other than the database.
const (
	CheckEnvFile       = "env-file"
	CheckSameService   = "same-service"
	CheckTwilioService = "twilio-service"
)

// OpenSessions is what has to be said after every switch (docs/facts/uzerp.md §2 and §4).
const OpenSessions = "browsers that have uzERP open keep the old login until their session ends. " +
	"To end all sessions now: stop the web server, remove the sess_* files in PHP's session.save_path, start it again"

// Settings is what uzERP's own conf/.env gives, as far as a switch depends on it.
type Settings struct {
	Path    string   // the file that was read
	Problem string   // why nothing can be said; empty if the file was read
	Hint    string   // what to do about the problem
	Missing []string // the TWILIO_ settings that are absent or empty
	Foreign []string // those in which this tool's own settings differ
}

// CheckSettings judges them: with one of the three settings missing uzERP shows an error page instead of its login page
// to everybody, and with an unreadable line nothing at all.
func CheckSettings(s Settings) []Check {
	c := Check{ID: CheckEnvFile, Status: Pass, Message: s.Path + " gives uzERP its Twilio settings"}
	switch {
	case s.Problem != "":
		c.Status, c.Message, c.Hint = Fail, s.Problem, cmp.Or(s.Hint, "--skip-env-check is for when uzERP's settings can't be looked at from here")
		return []Check{c}
	case len(s.Missing) > 0:
		c.Status, c.Message = Fail, fmt.Sprintf("%s lacks %s: uzERP would show an error page to everybody", s.Path, strings.Join(s.Missing, ", "))
		c.Hint = "add the missing lines to " + s.Path + "; uzERP reads them from no other place"
	}
	checks := []Check{c}
	if len(s.Foreign) > 0 {
		checks = append(checks, Check{ID: CheckSameService, Status: Warn, Message: fmt.Sprintf(
			"%s here is not what uzERP has in %s: users enrolled by this tool could not log in to uzERP", strings.Join(s.Foreign, " and "), s.Path)})
	}
	return checks
}

// CheckTwilio judges the answer to fetching the Verify service with the settings from a file or the environment.
func CheckTwilio(service verifyservice.Service, from string, err error) Check {
	if err == nil {
		return Check{ID: CheckTwilioService, Status: Pass, Message: fmt.Sprintf("Twilio accepts the credentials and has the service %q", service.FriendlyName)}
	}
	c := Check{ID: CheckTwilioService, Status: Fail, Message: err.Error(), Hint: cmp.Or(errs.HintOf(err), "--skip-twilio-check is for when Twilio can't be asked from here")}
	switch kind := errs.KindOf(err); {
	case kind == errs.Unavailable:
		c.Hint = "--skip-twilio-check switches all the same"
	case from != "" && (kind == errs.Config || kind == errs.NotFound):
		c.Hint += "; the settings are from " + from
	}
	return c
}

// LockedOut tells whether the switch would lock a user out, and not only one who may not log in anyway. Who lacks a uuid gets
// one with it.
func LockedOut(u mfa.User) bool {
	return u.State() == mfa.StateBroken && u.UUID != nil && u.Access()
}

// CheckUsers tells of the users who are LockedOut, broken in number.
func CheckUsers(broken int) Check {
	if broken == 0 {
		return Check{ID: "broken-users", Status: Pass, Message: "no enrolled user lacks a factor"}
	}
	return Check{ID: "broken-users", Status: Warn, Message: fmt.Sprintf(
		"enrolled users without a factor will be locked out (%d): uzerp-mfa user list --state broken shows them, user reset mends them", broken)}
}

// SkippedCheck says that a check was not made because of flag.
func SkippedCheck(id, flag string) Check {
	return Check{ID: id, Status: Warn, Message: "not checked, because of " + flag}
}

// SiteOff is what has to be said where somebody works on users' second factors that nobody asks for.
const SiteOff = mfa.SiteIsOff + " (set-injector switches it on)"

// IsOff tells whether the site uses the plain login handler.
func IsOff(classes []Class) bool { return SiteLogin(classes) == mfa.SiteOff }

// SiteLogin tells which of its two login handlers uzERP uses, if it is one of them and there is no doubt about it.
func SiteLogin(classes []Class) mfa.SiteLogin {
	switch class := (Switch{Was: classes}).Current(LoginHandler); {
	case sameClass(class, PlainHandler):
		return mfa.SiteOff
	case class == MFAHandler:
		return mfa.SiteOn
	default:
		return mfa.SiteUnknown
	}
}

// LacksValidator tells whether classes, which hold all rows of MFAValidator, have none that uzERP looks at: its handler for
// two-factor login can't be built then (docs/facts/uzerp.md §4).
func LacksValidator(classes []Class) bool {
	return len((Switch{Was: classes}).active(MFAValidator)) == 0
}

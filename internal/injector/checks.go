package injector

import (
	"fmt"
	"strings"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/finding"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/verifyservice"
)

// OpenSessions is what the operator must know after every switch (docs/facts/uzerp.md §2 and §4).
const OpenSessions = "browsers that have uzERP open keep the old login until their session ends"

// Settings is the part of uzERP's own conf/.env that a switch depends on.
type Settings struct {
	Path    string    // the file that was read
	Problem string    // why it could not be read; empty if it was
	Hint    errs.Hint // what to do about the problem
	Missing []string  // the TWILIO_ settings that are absent or empty
	Foreign []string  // the TWILIO_ settings that are different in this program
}

// CheckSettings checks uzERP's settings for Twilio. If one of the three is missing, uzERP shows everybody an error page
// instead of the login page; if a line can't be read, it shows an empty page (docs/facts/uzerp.md §4).
func CheckSettings(s Settings) []finding.Finding {
	f := finding.Finding{ID: CheckEnvFile, Severity: finding.Pass, Message: s.Path + " gives uzERP its Twilio settings"}
	switch {
	case s.Problem != "":
		f.Severity, f.Message = finding.Error, s.Problem
		f.Fix = s.Hint.Or(ReasonNoSettings.With())
		return []finding.Finding{f}
	case len(s.Missing) > 0:
		f.Severity = finding.Error
		f.Message = fmt.Sprintf("%s lacks %s: uzERP would show an error page to everybody", s.Path, strings.Join(s.Missing, ", "))
		f.Fix = errs.Plain("add the missing lines to " + s.Path + "; uzERP reads them from no other place")
	}
	found := []finding.Finding{f}
	if len(s.Foreign) > 0 {
		found = append(found, finding.Finding{ID: CheckSameService, Severity: finding.Warning, Message: fmt.Sprintf(
			"%s: uzERP has another one in %s, and users who are enrolled here could not log in to uzERP", strings.Join(s.Foreign, " and "), s.Path)})
	}
	return found
}

// CheckTwilio checks the answer to fetching the Verify service.
func CheckTwilio(service verifyservice.Service, err error) finding.Finding {
	if err == nil {
		return finding.Finding{ID: CheckTwilioService, Severity: finding.Pass,
			Message: fmt.Sprintf("Twilio accepts the credentials and has the service %q", service.FriendlyName)}
	}
	f := finding.Finding{ID: CheckTwilioService, Severity: finding.Error, Message: err.Error(),
		Fix: errs.HintOf(err).Or(ReasonTwilioNotAsked.With())}
	if errs.KindOf(err) == errs.Unavailable {
		f.NoAnswer, f.Fix = true, ReasonTwilioNoAnswer.With()
	}
	return f
}

// LockedOut reports whether the switch would lock this user out. That is not so for users who may not log in anyway,
// and for users without a uuid, who get one with the switch.
func LockedOut(u mfa.User) bool {
	return u.State() == mfa.StateBroken && u.UUID != nil && u.Access()
}

// CheckUsers warns of users who are LockedOut. broken is their number.
func CheckUsers(broken int) finding.Finding {
	if broken == 0 {
		return finding.Finding{ID: CheckBrokenUsers, Severity: finding.Pass, Message: "no enrolled user lacks a factor"}
	}
	return finding.Finding{ID: CheckBrokenUsers, Severity: finding.Warning, Fix: ReasonBrokenUsers.With(),
		Message: fmt.Sprintf("enrolled users without a factor will be locked out (%d)", broken)}
}

// skipped warns that a check was left out.
func skipped(id, why string) finding.Finding {
	return finding.Finding{ID: id, Severity: finding.Warning, Message: "not checked, because of " + why}
}

// Refusal returns why the switch must not be made: an error of errs.Refused with the first error that the checks
// found, or nil if they found none. If nothing else is wrong than that Twilio did not answer, it is of errs.Unavailable.
func Refusal(found []finding.Finding) error {
	n := Decisive(found)
	if n < 0 {
		return nil
	}
	kind := errs.Refused
	if found[n].NoAnswer {
		kind = errs.Unavailable
	}
	return errs.NewWith(kind, "not switched, nothing was changed: "+found[n].Message, found[n].Fix)
}

// Decisive returns the index of the finding that Refusal says, or -1: one that is certain comes before one without an answer.
func Decisive(found []finding.Finding) int {
	silent := -1
	for n, f := range found {
		switch {
		case f.Severity != finding.Error:
		case !f.NoAnswer:
			return n
		case silent < 0:
			silent = n
		}
	}
	return silent
}

// IsOff reports whether the site uses the plain login handler.
func IsOff(classes []Class) bool { return SiteLogin(classes) == mfa.SiteOff }

// PresentHandler returns the login handler that uzERP uses now, "" if there is no row or more than one.
func PresentHandler(classes []Class) string { return (SwitchPlan{Was: classes}).Current(LoginHandler) }

// SiteLogin returns which of its two login handlers uzERP uses. It returns mfa.SiteUnknown if uzERP uses another
// class, or if there is no row or more than one.
func SiteLogin(classes []Class) mfa.SiteLogin {
	switch class := (SwitchPlan{Was: classes}).Current(LoginHandler); {
	case sameClass(class, PlainHandler):
		return mfa.SiteOff
	case class == MFAHandler:
		return mfa.SiteOn
	default:
		return mfa.SiteUnknown
	}
}

// LacksValidator reports whether uzERP finds no MFAValidator among classes, which are all rows of that name: then it
// can't build its handler for two-factor login (docs/facts/uzerp.md §4).
func LacksValidator(classes []Class) bool {
	return len((SwitchPlan{Was: classes}).active(MFAValidator)) == 0
}

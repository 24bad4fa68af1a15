package mfa

import (
	"time"

	"uzerp-mfa/internal/errs"
)

// Outcome is what happens when a user logs in with the right password.
type Outcome string

// The outcomes of docs/contract.md §4, user show.
const (
	OutcomeAsksForCode  Outcome = "asks-for-code"
	OutcomeAsksToEnroll Outcome = "asks-to-enroll"
	OutcomeSkipsCode    Outcome = "skips-code"    // once
	OutcomeLockedOut    Outcome = "locked-out"    // no code is right, or none can be got
	OutcomePasswordOnly Outcome = "password-only" // two-factor login is switched off for everybody
	OutcomeDenied       Outcome = "denied"        // uzERP calls the right password "incorrect"
)

// SiteLogin says whether two-factor login is switched on for the whole site, that is, which login handler uzERP uses.
type SiteLogin string

// SiteUnknown means that the handler is not one of uzERP's two, or that it is not known.
const (
	SiteOn      SiteLogin = "on"
	SiteOff     SiteLogin = "off"
	SiteUnknown SiteLogin = "unknown"
)

// SiteIsOff is the message for an operator who works on second factors while no login asks for them.
const SiteIsOff = "two-factor login is switched off for the whole site: everybody logs in with the password only"

// FactorSight is what Twilio says about the factor that a user's row names.
type FactorSight string

// Only the first three are answers. FactorMissing is also used if the row names no factor.
const (
	FactorSeenVerified   FactorSight = "verified"
	FactorSeenUnverified FactorSight = "unverified"
	FactorMissing        FactorSight = "missing"
	FactorNoAnswer       FactorSight = "no-answer" // Twilio is down, or hard to reach
	FactorUnknown        FactorSight = "unknown"   // Twilio can't be asked: settings, credentials, the service
	FactorNotAsked       FactorSight = "not-asked"
)

// Prospect is all that decides about a user's next login with the right password.
type Prospect struct {
	User          User
	Site          SiteLogin
	CompanyAccess *bool // nil: not known
	Factor        FactorSight
}

// NextLogin is what will happen at a user's next login.
type NextLogin struct {
	Outcome Outcome
	Reason  string    // why, in one sentence
	Help    errs.Hint // empty where nothing is needed, or nothing of ours helps
	// Then is what happens after the skipped login, or once two-factor login is switched on. It is nil for other outcomes.
	Then *NextLogin

	unknown []string // what could not be looked up and may change the outcome; the Reason says it too
}

// Words returns an outcome as people read it.
func (o Outcome) Words() string {
	switch o {
	case OutcomeAsksForCode:
		return "asks for the code"
	case OutcomeAsksToEnroll:
		return "asks to enroll"
	case OutcomeSkipsCode:
		return "skips the code, once"
	case OutcomeLockedOut:
		return "locked out"
	case OutcomePasswordOnly:
		return "password only"
	default:
		return "denied"
	}
}

// Sentence returns what happens at the next login, for a line of a report: in short what is usual, with its reason what
// is not.
func (n NextLogin) Sentence() string {
	text := "the next login " + n.Outcome.Words()
	switch n.Outcome {
	case OutcomeSkipsCode:
		if n.Then.Outcome == OutcomeLockedOut {
			text += "; after that the user is locked out: " + n.Then.Reason
		}
	case OutcomePasswordOnly:
		return n.Outcome.Words() + ", because two-factor login is switched off for the whole site; once it is on, " + n.Then.Sentence()
	case OutcomeLockedOut:
		text = "the user is locked out: " + n.Reason
	case OutcomeDenied:
		text = "the next login is denied: " + n.Reason
	}
	for _, what := range n.unknown {
		text += "; " + what + " is not known"
	}
	return text
}

// NextLogin returns what will happen, by the table of docs/facts/uzerp.md §3. Nothing else decides this.
func (p Prospect) NextLogin() NextLogin {
	n := p.secondFactor()
	switch p.Site {
	case SiteOn:
	case SiteOff:
		on := n
		n = NextLogin{Outcome: OutcomePasswordOnly, Reason: SiteIsOff, Help: ReasonTwoFactorOff.With(), Then: &on}
	default:
		n.Reason = "if two-factor login is switched on, which is not known: " + n.Reason
		n.unknown = append(n.unknown, "whether two-factor login is switched on")
	}
	const denied = ", so that every password is \"incorrect\"; uzERP's administration can change that"
	switch {
	case !p.User.Access():
		return NextLogin{Outcome: OutcomeDenied, Reason: "access is disabled in uzERP" + denied}
	case p.CompanyAccess == nil:
		n.Reason += "; whether the user may enter a company is not known"
		n.unknown = append(n.unknown, "whether the user may enter a company")
	case !*p.CompanyAccess:
		return NextLogin{Outcome: OutcomeDenied, Reason: "the user may enter no company of uzERP's" + denied}
	}
	return n
}

// secondFactor decides for a user with access, while two-factor login is on.
func (p Prospect) secondFactor() NextLogin {
	name := p.User.Username
	switch p.User.State() {
	case StateSkipNextLogin:
		after, yes := p, true
		after.User.Enabled = &yes // uzERP does this
		then := after.secondFactor()
		n := NextLogin{Outcome: OutcomeSkipsCode, Reason: "the password is enough, once; after that the code is asked for again", Then: &then}
		if then.Outcome == OutcomeLockedOut {
			n.Reason, n.Help = "the password is enough, once; after that the user is locked out: "+then.Reason, then.Help
		}
		return n
	case StateNotEnrolled:
		n := NextLogin{Outcome: OutcomeAsksToEnroll, Help: ReasonNotEnrolled.With(name),
			Reason: "not enrolled: after the password uzERP shows a QR code to scan"}
		if p.Factor == FactorNoAnswer {
			n.Reason, n.Help = n.Reason+", or an error page if Twilio does not answer it either", errs.Hint{}
		}
		return n
	}
	if why := LockedOut(p.User.Row, p.Factor); why != "" {
		return NextLogin{Outcome: OutcomeLockedOut, Reason: why, Help: ReasonLockedOut.With(name)}
	}
	n := NextLogin{Outcome: OutcomeAsksForCode}
	switch p.Factor {
	case FactorSeenVerified:
		n.Reason = "enrolled, and Twilio has the factor"
	case FactorNoAnswer:
		n.Reason = "enrolled; Twilio gave no answer about the factor, and if uzERP gets none either, it refuses every code"
		n.Help = ReasonTwilioSilent.With(name)
	case FactorNotAsked:
		n.Reason = "enrolled; whether Twilio has the factor was not looked at"
	default:
		n.Reason = "enrolled; whether Twilio has the factor could not be looked at"
	}
	return n
}

// LockedOut returns why a login that asks for the code can't succeed, or "" if no reason is known.
func LockedOut(r Row, factor FactorSight) string {
	const hopeless = ", so that no code can be right"
	switch {
	case r.UUID == nil && isTrue(r.Enrolled):
		return "has no uuid, so Twilio can't be asked about the user's code"
	case r.UUID == nil:
		return "has no uuid, so the login can neither ask for a code nor to enroll"
	case !isTrue(r.Enrolled):
		return ""
	case deref(r.SID) == "":
		return "enrolled, but with no factor on record" + hopeless
	case !ValidFactorSID(*r.SID):
		return "enrolled, but with something on record that is no factor" + hopeless
	case factor == FactorMissing:
		return "Twilio does not have the factor that uzERP asks for" + hopeless
	case factor == FactorSeenUnverified:
		return "the factor that uzERP asks for was never verified" + hopeless
	}
	return ""
}

// Left reports whether the person has left: on the day of leaving they have not. uzERP does not look at that day.
func (d Details) Left(now time.Time) bool {
	if d.EndDate == nil {
		return false
	}
	y, m, day := now.Date()
	return d.EndDate.Before(time.Date(y, m, day, 0, 0, 0, 0, d.EndDate.Location()))
}

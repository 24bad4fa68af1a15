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
const SiteIsOff = "two-factor login is switched off for the whole site"

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
	NoCompany     bool  // as in Details
	Closed        *bool // as in Details
	Factor        FactorSight
}

// With returns the prospect with what is known of the person behind the user. d is nil if nothing is.
func (p Prospect) With(d *Details) Prospect {
	if d != nil {
		p.CompanyAccess, p.NoCompany, p.Closed = &d.CompanyAccess, d.NoCompany, d.Closed
	}
	return p
}

// NextLogin is what will happen at a user's next login.
type NextLogin struct {
	Outcome Outcome
	Reason  string    // why, in one sentence
	Help    errs.Hint // empty where nothing is needed, or nothing of ours helps
	// Then is what happens after the skipped login, once two-factor login is switched on, or once uzERP is open again. It is
	// nil for other outcomes.
	Then *NextLogin
	// Closed says that uzERP's maintenance switch keeps everybody out. The outcome is OutcomeLockedOut then.
	Closed bool
}

// NextLogin returns what will happen, by the tables of docs/facts/uzerp.md §3 and §9. Nothing else decides this.
func (p Prospect) NextLogin() NextLogin {
	n := p.secondFactor()
	switch p.Site {
	case SiteOn:
	case SiteOff:
		on := n
		n = NextLogin{Outcome: OutcomePasswordOnly, Reason: SiteIsOff, Then: &on}
	default:
		n.Reason = "if two-factor login is switched on, which is not known: " + n.Reason
	}
	const denied = ", so that every password is \"incorrect\"; uzERP's administration can change that"
	switch {
	case !p.User.Access():
		return NextLogin{Outcome: OutcomeDenied, Reason: "access is disabled in uzERP" + denied}
	case p.CompanyAccess == nil:
		n.Reason += "; whether the user may enter a company is not known"
	case !*p.CompanyAccess:
		return NextLogin{Outcome: OutcomeDenied, Reason: "the user may enter no company of uzERP's" + denied}
	}
	if p.NoCompany {
		n = p.withoutCompany(n)
	}
	if isTrue(p.Closed) {
		open := n
		n = NextLogin{Outcome: OutcomeLockedOut, Closed: true, Then: &open, Reason: "uzERP is closed for maintenance: it accepts the login" +
			p.billed() + ", and then says that the system is unavailable; uzERP's administration can open it"}
	}
	return n
}

// withoutCompany returns what happens to a user for whom uzERP knows no company. n is what would happen otherwise.
func (p Prospect) withoutCompany(n NextLogin) NextLogin {
	if n.Outcome == OutcomeLockedOut {
		n.Reason += "; and once that is mended, " + errorPages
		return n
	}
	return NextLogin{Outcome: OutcomeLockedOut, Reason: "after the login" + p.billed() + " " + errorPages}
}

// billed says that Twilio bills a login that leads to nothing, where it asks for a code.
func (p Prospect) billed() string {
	if p.Site != SiteOff && p.User.State() == StateEnrolled {
		return " (Twilio bills the code)"
	}
	return ""
}

// Said returns what a command that has changed the row says about the login that follows. It agrees with NextLogin. That
// two-factor login is off for everybody, a command says once; for each user it says what happens once it is on.
func (p Prospect) Said() string {
	once, also := "", ""
	if p.Site == SiteOff {
		p.Site, once, also = SiteOn, "once "+switchedOn+", ", " and "+switchedOn
	}
	switch n := p.NextLogin(); {
	case n.Outcome == OutcomeDenied && !p.User.Access():
		yes := true
		p.User.AccessEnabled = &yes
		return noAccess + "; once it is enabled" + also + ", " + p.saidOf("the login")
	case n.Outcome == OutcomeDenied:
		yes := true
		p.CompanyAccess = &yes
		return noCompanyAccess + "; once they may" + also + ", " + p.saidOf("the login")
	case n.Closed:
		no := false
		p.Closed = &no
		return whileClosed + "; once it is open" + also + ", " + p.saidOf("the login")
	}
	return once + p.saidOf("the next login")
}

const switchedOn = "two-factor login is switched on"

// What keeps a user out of uzERP, whatever the second factor is.
const (
	noAccess        = "no login, for access is disabled"
	noCompanyAccess = "no login, for the user may enter no company"
	whileClosed     = "no login while uzERP is closed for maintenance"
	errorPages      = "every page is an error page, because uzERP knows no company for the user; in uzERP's administration, " +
		"give the user a person with a company"
)

// KeptOut returns all that keeps the user out of uzERP whatever the second factor is, in the words of Said.
func (p Prospect) KeptOut() []string {
	var all []string
	if !p.User.Access() {
		all = append(all, noAccess)
	}
	if p.CompanyAccess != nil && !*p.CompanyAccess {
		all = append(all, noCompanyAccess)
	}
	if isTrue(p.Closed) {
		all = append(all, whileClosed)
	}
	if p.NoCompany {
		all = append(all, "after the login "+errorPages)
	}
	return all
}

// saidOf says what the outcome is of a login.
func (p Prospect) saidOf(login string) string {
	n := p.NextLogin()
	switch n.Outcome {
	case OutcomeAsksForCode:
		return login + " asks for the code"
	case OutcomeAsksToEnroll:
		return login + " asks to enroll"
	case OutcomeSkipsCode:
		if n.Then.Outcome == OutcomeLockedOut {
			return login + " asks for the password only, once; after that the user is locked out: " + n.Then.Reason
		}
		return login + " asks for the password only, once"
	case OutcomeDenied: // still, for another reason
		return "uzERP lets the user in nowhere: " + n.Reason
	}
	return login + " fails: " + n.Reason
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

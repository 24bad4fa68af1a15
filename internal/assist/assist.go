// Package assist decides what can be done for a user who calls: what is wrong, which remedies apply, in which order, what the
// policy says of each, how the caller must be verified, what to tell the caller, and whether they got in.
//
// Its law: it changes nothing, asks nobody, and prints nothing. A remedy that changes something goes the way of its own command
// (mfa/remedy.go, mfa.Enroller), with the same policy, the same verification and the same record.
package assist

import (
	"fmt"
	"strings"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/history"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/policy"
)

// Kind is a sort of remedy.
type Kind string

// The remedies, the safest first. The first four are advice and change nothing.
const (
	LogIn    Kind = "log-in"    // the next login works
	Password Kind = "password"  // the password was refused
	NextCode Kind = "next-code" // a code was too old, or mistyped
	Clock    Kind = "clock"     // the phone's clock is wrong, or the app has an old account
	Skip     Kind = "skip"      // the phone is elsewhere today
	NewPhone Kind = "new-phone" // the user is here, with a phone to enroll
	Reset    Kind = "reset"     // the phone is lost
	Sessions Kind = "sessions"  // a browser that is logged in must not go on
)

// Case is what is known about the user whom the caller says to be.
type Case struct {
	Seen mfa.Inspection
	Site mfa.SiteLogin
	Now  time.Time
	// Story is what happened at the user's logins lately; nil if that is not known.
	Story *history.History
	// Sessions is how many open sessions the user has; 0 also if that is not known.
	Sessions int
}

// Remedy is one thing that can be done.
type Remedy struct {
	Kind  Kind
	Title string // what is done, for a list
	Tell  string // what the caller is to be told once it is done, or instead of doing anything
	// Proof is how the caller must be verified before; it is the zero Proof for advice.
	Proof Proof
	// PhoneAway says that the caller does not have the phone at hand, to which a code would go.
	PhoneAway bool
	// Refused is why the policy of the administrator, or common sense, forbids it. Nil if it may be done.
	Refused error
}

// Changes reports whether the remedy changes anything.
func (r Remedy) Changes() bool { return r.Action() != "" }

// Short returns the title up to its colon.
func (r Remedy) Short() string {
	short, _, _ := strings.Cut(r.Title, ":")
	return short
}

// Action returns the action of the policy that the remedy is, or "" for advice.
func (r Remedy) Action() string {
	switch r.Kind {
	case Skip:
		return string(mfa.RemedySkip)
	case Reset:
		return string(mfa.RemedyReset)
	case NewPhone:
		return "enroll"
	case Sessions:
		return "session-end"
	}
	return ""
}

// Proof says what verifies the caller: a code to the phone in uzERP, or another way that the operator names.
type Proof struct {
	Code bool // a code is enough
	Word bool // another way is enough
	Both bool // both are needed, and neither is enough
}

// Rules say whether the administrator's policy allows an action for a user, if the caller is verified so.
type Rules func(action, username string, e policy.Evidence) error

// proof returns what verifies the caller for an action. Without rules about that, assist wants one of both: nobody is let in
// unverified.
func (r Rules) proof(action, username string) (Proof, error) {
	if err := r(action, username, policy.Evidence{Code: true, Word: true}); err != nil {
		return Proof{}, err
	}
	p := Proof{
		Code: r(action, username, policy.Evidence{Code: true}) == nil,
		Word: r(action, username, policy.Evidence{Word: true}) == nil,
	}
	p.Both = !p.Code && !p.Word
	return p, nil
}

// Asks returns the questions about how the caller is verified: each may be answered by a code, by another way, or by either.
// Without a number that a code can go to, another way must do, if the policy takes it.
func Asks(p Proof, noCode bool) []Proof {
	switch {
	case p.Both:
		return []Proof{{Code: true}, {Word: true}}
	case noCode:
		return []Proof{{Word: p.Word}}
	}
	return []Proof{{Code: p.Code, Word: p.Word}}
}

// Problem returns what happens at the next login, and why, as two sentences that can be said on the phone.
func (c Case) Problem() (what, why string) {
	n := c.Seen.Next
	what = map[mfa.Outcome]string{
		mfa.OutcomeAsksForCode:  "The next login asks for the password and the code.",
		mfa.OutcomeAsksToEnroll: "The next login asks to enroll.",
		mfa.OutcomeSkipsCode:    "The next login skips the code.",
		mfa.OutcomeLockedOut:    "The user is locked out.",
		mfa.OutcomePasswordOnly: "The next login asks for the password only.",
		mfa.OutcomeDenied:       "uzERP does not let the user in, with any password.",
	}[n.Outcome]
	return what, sentence(n.Reason)
}

// Lately returns what the last logins say, as a sentence, or "" if nothing is known.
func (c Case) Lately() string {
	if c.Story == nil {
		return ""
	}
	d := c.Story.Diagnose()
	if d.Cause == history.CauseNothing || d.Cause == history.CauseNotKnown {
		return ""
	}
	return sentence(d.Message)
}

// Suspicion returns why somebody else may have the user's password, in sentences, or "". A caller who has mistyped just now is
// no suspect.
func (c Case) Suspicion() string {
	if c.Story == nil {
		return ""
	}
	s := c.Story.Suspect()
	if s == nil || s.TooEarly {
		return ""
	}
	return fmt.Sprintf("Somebody else may have this user's password: %s. Let nobody in without a code before the caller was verified and "+
		"the password was changed.", s.Message(c.Now))
}

// cause returns why the user does not get in, by the last logins.
func (c Case) cause() history.Cause {
	if c.Story == nil {
		return history.CauseNotKnown
	}
	return c.Story.Diagnose().Cause
}

// sentence returns text with a capital and a full stop. A name stays as it is.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	if !strings.HasPrefix(text, "uzERP") {
		text = strings.ToUpper(text[:1]) + text[1:]
	}
	return text + "."
}

// Remedies returns what applies, the safest first. One that is refused is among them, with the reason: the operator is asked
// for it on the phone, and must know why not.
func (c Case) Remedies(rules Rules) []Remedy {
	var all []Remedy
	for _, kind := range []Kind{LogIn, Password, NextCode, Clock, Skip, NewPhone, Reset, Sessions} {
		r := Remedy{Kind: kind, Title: c.title(kind), Tell: c.tell(kind), PhoneAway: kind == Skip && c.phoneAway()}
		if !c.applies(kind) || !r.Changes() && c.left() != nil { // nobody who has left is told how to get in
			continue
		}
		if r.Changes() {
			r.Proof, r.Refused = rules.proof(r.Action(), c.Seen.User.Username)
			if left := c.left(); left != nil {
				r.Refused = left
			}
			if kind == Sessions { // that lets nobody in
				r.Proof, r.Refused = Proof{}, rules(r.Action(), c.Seen.User.Username, policy.Evidence{})
			}
		}
		all = append(all, r)
	}
	return all
}

// isOff reports whether no login asks for a code, though the user is let in.
func (c Case) isOff() bool { return c.Seen.Next.Outcome == mfa.OutcomePasswordOnly }

// left returns an error if the person has left: who calls now should not get in.
func (c Case) left() error {
	if d := c.Seen.Details; d != nil && d.Left(c.Now) {
		return errs.New(errs.Refused, fmt.Sprintf("the person left on %s: the caller is somebody else, or should not get in",
			d.EndDate.Format(time.DateOnly)), "")
	}
	return nil
}

// applies reports whether a remedy can help at the user's next login.
func (c Case) applies(kind Kind) bool {
	u, n := c.Seen.User, c.Seen.Next
	if n.Outcome == mfa.OutcomePasswordOnly && n.Then != nil && kind != LogIn {
		n = *n.Then // what was lost is lost also while nobody is asked for a code
	}
	broken := u.State() == mfa.StateBroken || mfa.LockedOut(u.Row, c.Seen.Twilio.Own) != ""
	switch kind {
	case LogIn:
		return n.Outcome == mfa.OutcomeAsksToEnroll || n.Outcome == mfa.OutcomeSkipsCode || n.Outcome == mfa.OutcomePasswordOnly
	case Password:
		return c.cause() == history.CausePasswordRefused && c.Seen.Next.Outcome != mfa.OutcomeDenied
	case NextCode, Clock:
		// Nobody waits for a better code while none reaches Twilio, or while Twilio takes none.
		unheard := c.cause() == history.CauseNoneArrived || c.cause() == history.CauseTwilioRefuses
		return c.Seen.Next.Outcome == mfa.OutcomeAsksForCode && c.Seen.Twilio.Own != mfa.FactorNoAnswer && !unheard
	case Skip:
		change := mfa.PlanDisableNextLogin(u)
		return c.Seen.Next.Outcome == mfa.OutcomeAsksForCode && change.Refusal == nil && change.Needed()
	case Sessions:
		return c.Sessions > 0
	case NewPhone:
		if c.cause() == history.CauseNoneArrived { // nobody can check its codes
			return false
		}
		return n.Outcome == mfa.OutcomeAsksForCode || n.Outcome == mfa.OutcomeAsksToEnroll
	default:
		return n.Outcome == mfa.OutcomeAsksForCode || n.Outcome == mfa.OutcomeSkipsCode || n.Outcome == mfa.OutcomeLockedOut && broken && !n.Closed
	}
}

// unreached reports whether no code of this user's comes from uzERP to Twilio.
func (c Case) unreached() bool {
	return c.cause() == history.CauseNoneArrived || c.Seen.Twilio.Own == mfa.FactorNoAnswer
}

// phoneAway reports whether a user who can't give a code lacks nothing but the phone.
func (c Case) phoneAway() bool { return !c.unreached() && c.cause() != history.CauseTwilioRefuses }

func (c Case) title(kind Kind) string {
	switch kind {
	case LogIn:
		if then := c.Seen.Next.Then; then != nil && then.Outcome == mfa.OutcomeLockedOut {
			return "they log in now; but after that they are locked out"
		}
		return "they log in now: nothing needs to be changed"
	case Password:
		return "they type name and password once more, with care"
	case NextCode:
		return "they wait for the next code in the app, and type it at once"
	case Clock:
		return "they look at the phone's clock, and for old accounts in the app"
	case Skip:
		if c.unreached() {
			return "uzERP does not reach Twilio: let them in once without a code"
		}
		if c.phoneAway() {
			return "the phone is elsewhere today: let them in once without a code"
		}
		return "Twilio takes no code of theirs now: let them in once without one"
	case NewPhone:
		return "they are here with a phone: enroll it now"
	case Sessions:
		return fmt.Sprintf("a phone or computer was stolen: end the open sessions (%d)", c.Sessions)
	}
	switch {
	case c.isOff():
		return "the phone is lost or new: reset, they enroll anew once two-factor login is on"
	case c.cause() == history.CauseNoneArrived:
		return "the phone is lost or new: reset; they can enroll anew only when uzERP reaches Twilio again"
	case c.Seen.Next.Outcome == mfa.OutcomeLockedOut:
		return "reset: they enroll anew at the next login"
	}
	return "the phone is lost or new: reset, they enroll anew at the next login"
}

// tell returns what the caller is to be told.
func (c Case) tell(kind Kind) string {
	switch kind {
	case LogIn:
		switch c.Seen.Next.Outcome {
		case mfa.OutcomeAsksToEnroll:
			return "Log in with your password. " + scan
		case mfa.OutcomeSkipsCode:
			return "Log in now with your password. uzERP asks for no code, this once."
		}
		return "Log in with your password. uzERP asks nobody for a code at present."
	case Password:
		return "Type your user name and your password once more, and look at capital letters and the keyboard's language."
	case NextCode:
		return "Wait until the app shows a new code, and type it at once. A code is right for about a minute."
	case Clock:
		return "In the phone's settings, let the clock be set automatically. If the app has several accounts for uzERP, only the " +
			"newest is right. Then take the next code."
	case Skip:
		return "Log in now with your password. uzERP asks for no code, this once. Next time it asks again."
	case Sessions:
		return "Every browser must log in again now, also your own. If the stolen one knows your password, let the password be changed."
	case NewPhone:
		if c.isOff() {
			return "Keep the new uzERP account in the app: uzERP asks for its code once two-factor login is on. Delete an older one."
		}
		return "From now on take the code from this phone. Delete an older uzERP account from the app."
	}
	if c.isOff() {
		return "Delete the old uzERP account from the app. Once two-factor login is on, " + scan
	}
	return "Delete the old uzERP account from the app. Then log in with your password. " + scan
}

const scan = "uzERP shows a QR code: scan it with the app, and type the code that the app shows."

// Progress is what has become of a user whose login is waited for.
type Progress struct {
	Over bool   // something has happened: there is no more to wait for
	Says string // what happened, as a sentence
}

// Watch returns what has happened to the user's row since was, which was read after the remedy. changes are what this program's
// log says was done about the user since then. A row that others may have changed too is no login: only uzERP notes the time of one.
func Watch(was, now mfa.User, changes []history.Entry) Progress {
	noted := now.LastLogin != nil && (was.LastLogin == nil || now.LastLogin.After(*was.LastLogin))
	enrolled := now.IsEnrolled() && !was.IsEnrolled()
	used := was.State() == mfa.StateSkipNextLogin && now.State() != mfa.StateSkipNextLogin && now.IsEnrolled()
	by := changedBy(changes)
	switch {
	case noted && enrolled && by == "":
		return Progress{true, "They have enrolled a phone, and are in."}
	case noted && used && by == "":
		return Progress{true, "They are in, without a code. The next login asks for it again."}
	case noted:
		return Progress{true, "uzERP has noted a login: they are in."}
	case now.Equal(was.Row):
		return Progress{}
	case by != "":
		return Progress{true, "The row was changed, but not by a login: " + by + "."}
	case enrolled:
		return Progress{true, "The row was changed: they have enrolled a phone and are in, or somebody else has enrolled one. Ask the caller."}
	case used:
		return Progress{true, "The row was changed: they have logged in, or somebody took the skip back. Ask the caller."}
	}
	return Progress{true, "The row was changed, but not by a login."}
}

// changedBy returns who has changed the user's row last, and how, or "".
func changedBy(changes []history.Entry) (by string) {
	for _, e := range changes {
		switch e.What {
		case history.Reset, history.Enrolled, history.SkipAllowed, history.SkipWithdrawn:
			by = fmt.Sprintf("%q has run %s meanwhile", e.By, e.Command)
		}
	}
	return by
}

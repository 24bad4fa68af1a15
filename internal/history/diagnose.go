package history

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
)

// Cause is why a user does not get in, as far as a history shows it.
type Cause string

// The causes. The first four are those of a caller who says "Code not Valid".
const (
	CauseWrongCodes      Cause = "wrong-codes"      // they reach Twilio, and are wrong: the phone's clock, an old account in the app
	CauseTwilioRefuses   Cause = "twilio-refuses"   // Twilio does not check them: too many, factor gone, key
	CauseNoneArrived     Cause = "none-arrived"     // uzERP does not reach Twilio
	CausePasswordRefused Cause = "password-refused" // no code was asked for
	CauseEnrollment      Cause = "enrollment"       // wrong codes at the enrolment
	CauseGotIn           Cause = "got-in"           // the last attempt was a success
	CauseNothing         Cause = "nothing"          // the sources that could be read have no attempt
	CauseNotKnown        Cause = "not-known"        // there was one, but the source that would say why could not be read
)

// Diagnosis is what the newest attempts in a history say.
type Diagnosis struct {
	Cause   Cause
	Message string // one sentence for the person on the phone, without full stop
	Help    []errs.Hint
}

// Twilio's codes that mean something to a user who can't log in (docs/facts/twilio-verify.md §2).
const (
	tooManyCodes  = 60312
	firstOwnCode  = 10000 // smaller numbers are no codes of Twilio's: HTTP's or curl's
	codesAnHour   = 50
	codesADay     = 100
	hoursOfTheDay = 24 * time.Hour
)

// Diagnose says why the user does not get in, by the newest attempt and what follows from the others.
func (h History) Diagnose() Diagnosis {
	d := h.diagnose()
	d.Help = h.possible(d.Help)
	return d
}

// possible returns help without the commands that would be refused, since the user is not enrolled now. What the next login asks
// for is said in their place.
func (h History) possible(help []errs.Hint) []errs.Hint {
	kept := slices.DeleteFunc(slices.Clone(help), func(hint errs.Hint) bool {
		switch hint.Reason {
		case ReasonTryACode, ReasonLetThemIn, ReasonTooManyWrong:
			return !h.User.Whole()
		case ReasonNewEnrollment:
			return !h.User.IsEnrolled()
		default:
			return false
		}
	})
	look := func(hint errs.Hint) bool { return hint.Reason == ReasonLookAtUser }
	if len(kept) < len(help) && !slices.ContainsFunc(kept, look) {
		kept = append(kept, ReasonLookAtUser.With(h.User.Username))
	}
	return kept
}

func (h History) diagnose() Diagnosis {
	i := slices.IndexFunc(h.Events, attempt)
	if i < 0 {
		return h.noAttempt()
	}
	last := h.Events[i]
	when := moment(last.At, last.Zone, h.Now)
	switch last.What {
	case CodeRefused:
		return h.wrongCodes(when)
	case CodeNotChecked:
		return h.notChecked(last, when)
	case CodeNotValid:
		return h.notValid(last, when)
	case PasswordRefused:
		return Diagnosis{CausePasswordRefused, "the password was refused " + when + ", so that uzERP did not ask for a code", []errs.Hint{
			errs.Plain("the user types name and password once more, with attention to capital letters; a new password is set in uzERP's administration"),
			ReasonLookAtUser.With(h.User.Username)}}
	case EnrollRefused:
		return Diagnosis{CauseEnrollment, "the code for the new phone was wrong " + when, []errs.Hint{setClock,
			errs.Plain("the app must have the account of the QR code that is on the screen now, and not an older one")}}
	default:
		return Diagnosis{CauseGotIn, "the user got in " + when + gotIn[last.What], nil}
	}
}

var gotIn = map[What]string{CodeAccepted: " with a code", Enrolled: ", with a new phone", Skipped: ", without a code, as an operator allowed",
	PasswordOnly: " with the password only"}

// attempt reports whether an event is an attempt to log in. What an operator did, also an enrolment, is none: nobody was at uzERP's
// login.
func attempt(e Event) bool {
	return slices.Contains(steps, e.What) && slices.ContainsFunc(e.Sources, func(s Source) bool { return s != FromAuditLog })
}

var (
	setClock   = errs.Plain("the phone's clock must be set automatically: a code is right for about a minute")
	newAccount = errs.Plain("if the app has several accounts with this name, only the newest is right: delete the others")
)

// wrongCodes is the diagnosis of codes that reach Twilio and are wrong.
func (h History) wrongCodes(when string) Diagnosis {
	n := codes(slices.DeleteFunc(h.newestChain(), func(e Event) bool { return e.What == CodeNotValid }))
	text := "a wrong code reached Twilio " + when
	if n > 1 {
		text = fmt.Sprintf("%d wrong codes reached Twilio, the last %s", n, when)
	}
	return Diagnosis{CauseWrongCodes, text + ": the way there works, and the codes are wrong" + h.clocks(),
		[]errs.Hint{setClock, newAccount, ReasonTryACode.With(h.User.Username)}}
}

// newestChain returns the wrong codes up to the newest, each soon after the one before.
func (h History) newestChain() []Event {
	all := h.chains()
	if len(all) == 0 {
		return nil
	}
	return all[len(all)-1]
}

// notChecked is the diagnosis of a code that uzERP could not have checked.
func (h History) notChecked(e Event, when string) Diagnosis {
	own := slices.DeleteFunc(slices.Clone(e.Errors), func(t TwilioError) bool { return t.Code < firstOwnCode })
	if len(own) == 0 {
		return h.noneArrived("uzERP could not reach Twilio " + when + why(e.Errors))
	}
	return h.refuses(own[0].Code, when)
}

// why quotes what uzERP's log has.
func why(all []TwilioError) string {
	for _, t := range all {
		if t.Message != "" {
			return fmt.Sprintf(": %q", t.Message)
		}
	}
	return ""
}

// refuses is the diagnosis of codes that Twilio does not check, for a reason that has a number.
func (h History) refuses(code int, when string) Diagnosis {
	name := h.User.Username
	d := Diagnosis{Cause: CauseTwilioRefuses}
	switch code {
	case tooManyCodes:
		d.Message = "Twilio takes no more codes for now, since there were too many wrong ones"
		d.Help = []errs.Hint{ReasonTooManyWrong.With(name)}
	case 20404, 60390, 60392:
		d.Message = "Twilio does not have the factor that uzERP asks for, so that no code can be right"
		d.Help = []errs.Hint{ReasonNewEnrollment.With(name)}
	case 60318:
		d.Message = "the factor that uzERP asks for was never verified, so that no code can be right"
		d.Help = []errs.Hint{ReasonNewEnrollment.With(name)}
	case 20005:
		d.Message = "the Twilio account of uzERP is not active: it is suspended or closed, so that nobody's code is checked"
		d.Help = []errs.Hint{errs.Plain("look at the account in Twilio's console: its balance, or a mail from Twilio; it concerns everybody"),
			mfa.ReasonTwilioSilent.With(name)}
	case 20003, 20008, 70051:
		d.Message = "Twilio refuses uzERP's own key or account, so that nobody's code is checked"
		d.Help = []errs.Hint{ReasonSiteKey.With(), ReasonLetThemIn.With(name)}
	case 20429:
		d.Message = "Twilio was asked too often, and did not check the code"
		d.Help = []errs.Hint{errs.Plain("the user waits a minute and types the next code")}
	case 60306:
		d.Message = "Twilio could not read the code, or the user's row in uzERP"
		d.Help = []errs.Hint{errs.Plain("the user types the six digits without anything else"), ReasonLookAtUser.With(name)}
	default:
		d.Message = "Twilio did not check the code"
		d.Help = []errs.Hint{ReasonLookAtUser.With(name), ReasonSiteKey.With()}
	}
	d.Message += fmt.Sprintf(" (%s, Twilio's code %d)", when, code)
	return d
}

// notValid is the diagnosis of "Code not Valid" of which no other source says why.
func (h History) notValid(e Event, when string) Diagnosis {
	said := "uzERP said \"Code not Valid\" " + when
	twilio := h.Source(FromTwilio)
	later, alone := h.lonely(e)
	switch {
	case h.User.IsEnrolled() && !h.User.Whole():
		return Diagnosis{CauseTwilioRefuses, said + ": the user's row in uzERP is broken, so that no code can be right",
			[]errs.Hint{mfa.ReasonLockedOut.With(h.User.Username)}}
	case h.manyCodes():
		return h.refuses(tooManyCodes, when)
	case twilio.Read() && e.Zone == ZoneAssumed && slices.ContainsFunc(h.Events, func(e Event) bool { return e.What == CodeRefused }):
		return h.wrongCodes("as far as the clocks can be compared")
	case alone && later.Abs() <= tolerance:
		return h.wrongCodes(when)
	case alone && later.Abs() <= near:
		return Diagnosis{CauseNotKnown, fmt.Sprintf("%s, and Twilio has a wrong code %s: perhaps that is the same one, and the clocks differ; "+
			"perhaps the code did not reach Twilio", said, apart(later)), append([]errs.Hint{setClock, newAccount}, h.lookFurther()...)}
	case twilio.Read() && !h.twilioHas(e, h.lastReset()):
		return Diagnosis{CauseNotKnown, said + "; whether the code was wrong or did not reach Twilio is not known, since " + h.noList(),
			append([]errs.Hint{setClock, newAccount}, h.lookFurther()...)}
	case twilio.Read() && h.Source(FromLog).Read():
		return h.noneArrived(said + ", and Twilio has no such code")
	case twilio.Read():
		d := h.noneArrived(said + ", and Twilio has no such code: it did not arrive, or Twilio refused it")
		d.Help = append(d.Help, h.lookFurther()...)
		return d
	default:
		return Diagnosis{CauseNotKnown,
			said + "; whether the code was wrong or did not reach Twilio is not known, since Twilio was not asked or gave no answer",
			append([]errs.Hint{setClock, newAccount}, h.lookFurther()...)}
	}
}

// lonely returns how much later than e Twilio got the wrong code nearest to it that no other source has. ok is false if there is
// none.
func (h History) lonely(e Event) (later time.Duration, ok bool) {
	for _, r := range h.Events {
		if r.What != CodeRefused || !slices.Equal(r.Sources, []Source{FromTwilio}) {
			continue
		}
		if d := r.At.Sub(e.At); !ok || d.Abs() < later.Abs() {
			later, ok = d, true
		}
	}
	return later, ok
}

// apart says how much later or earlier something was.
func apart(later time.Duration) string {
	if later < 0 {
		return fmt.Sprintf("%s before it", -later.Round(time.Second))
	}
	return fmt.Sprintf("%s after it", later.Round(time.Second))
}

// noList says why Twilio's list says nothing about a code.
func (h History) noList() string {
	if !h.User.Whole() {
		return "the user has no factor at Twilio now"
	}
	return "Twilio's list may not go back so far: perhaps the user has a new factor since then"
}

// noneArrived is the diagnosis of a site that does not reach Twilio.
func (h History) noneArrived(text string) Diagnosis {
	return Diagnosis{CauseNoneArrived, text, []errs.Hint{ReasonWayToTwilio.With(), ReasonLetThemIn.With(h.User.Username)}}
}

// manyCodes reports whether there were so many wrong codes that Twilio takes no more now (60312).
func (h History) manyCodes() bool {
	inAnHour, inADay := 0, 0
	for _, e := range h.Events {
		if e.What != CodeRefused {
			continue
		}
		if age := h.Now.Sub(e.At); age < time.Hour {
			inAnHour++
			inADay++
		} else if age < hoursOfTheDay {
			inADay++
		}
	}
	return inAnHour >= codesAnHour || inADay >= codesADay
}

// noAttempt is the diagnosis of a history without an attempt.
func (h History) noAttempt() Diagnosis {
	var gaps []string
	for _, c := range h.Coverage {
		switch {
		case c.Source == FromAuditLog || c.Silent():
		case c.Read():
			gaps = append(gaps, c.Source.Words()+" may not have everything")
		default:
			gaps = append(gaps, c.Source.Words()+" could not be read")
		}
	}
	span := "in the time that was looked at"
	switch {
	case !h.Readable():
		return Diagnosis{CauseNotKnown, "no source could be read, so that nothing is known", []errs.Hint{ReasonReadMore.With()}}
	case h.Nameless > 0:
		return Diagnosis{CauseNotKnown,
			fmt.Sprintf("no code of the user was seen %s; %s refused of which no source says whose they are", span, passwords(h.Nameless)),
			h.lookFurther()}
	case len(gaps) > 0:
		return Diagnosis{CauseNothing, fmt.Sprintf("no attempt was seen %s; but %s", span, strings.Join(gaps, ", and ")),
			h.lookFurther()}
	default:
		return Diagnosis{CauseNothing, "no attempt reached uzERP or Twilio " + span, []errs.Hint{
			errs.Plain("perhaps the user types another name, or is at the page of another uzERP"), ReasonLookAtUser.With(h.User.Username)}}
	}
}

// lookFurther returns what may say more: the user's row, and the right to read uzERP's own record where that was refused.
func (h History) lookFurther() []errs.Hint {
	help := []errs.Hint{ReasonLookAtUser.With(h.User.Username)}
	if c := h.Source(FromAudit); c.Asked && c.Err != nil {
		help = append(help, ReasonReadMore.With())
	}
	return help
}

func passwords(n int) string {
	if n == 1 {
		return "a password was"
	}
	return fmt.Sprintf("%d passwords were", n)
}

package caller

import (
	"context"
	"errors"
	"fmt"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
)

// codeLifetime is how long Twilio accepts a code that it sent, unless its support has set another time
// (docs/facts/twilio-verify.md §1.2).
const codeLifetime = 10 * time.Minute

// maxChecks is how many tries Twilio takes for one code that it sent (docs/facts/twilio-verify.md §2, 60202).
const maxChecks = 5

// Verifier verifies callers: a code goes to the phone that uzERP has on file, and the caller reads it out.
type Verifier struct {
	Directory     Directory
	Verifications Verifications
	Parse         func(text string) (Phone, error) // reads a number as people write it
	History       func(to Recipient) History       // what is known of the last code; called only if none is waiting
	Now           func() time.Time
	Resend        errs.Hint                              // how to send a new code, if not as ReasonCodeWanted says
	GivenBy       string                                 // the flag that gives another number than uzERP's, for errors
	Refused       func(username string, err error) error // records that a caller is not verified; nil: nothing is recorded
}

// Source says where a number comes from.
type Source string

// The sources. A code to a number that the operator gave does not verify the caller.
const (
	MainMobile Source = "main-mobile"
	MainPhone  Source = "main-phone"
	Given      Source = "given"
)

// Check checks one caller. It has one user and one number, so that the code is sent and checked for the same.
type Check struct {
	User      mfa.User
	Details   mfa.Details
	Recipient Recipient
	Source    Source

	by *Verifier
}

// History is what is known of the last code that was sent to a user at one number. A zero time means: not known.
type History struct {
	Known    bool      // there is a log to look in
	Sent     time.Time // when the last code was sent to the number
	Approved time.Time // when a code was accepted since
	Unclear  bool      // a code may have been accepted since: the answer was lost
	Wrong    int       // how many wrong codes were tried since
	Other    time.Time // when a code was sent to another number since
}

// Plan chooses the number on file, or given if that is not empty. It sends nothing. The error is of errs.Refused if
// there is no such number, or more than one, or if the person has left, and of errs.Usage if given is not a phone
// number.
func (i *Verifier) Plan(ctx context.Context, u mfa.User, given string) (Check, error) {
	p := Check{User: u, by: i}
	details, err := i.Directory.Details(ctx, []string{u.Username})
	if err != nil {
		return p, err // the person may have left
	}
	p.Details = details[u.Username]
	if p.Details.Left(i.Now()) {
		return p, errs.New(errs.Refused, fmt.Sprintf("the person behind %q left on %s", u.Username, p.Details.EndDate.Format(time.DateOnly)),
			"do not help this caller; if the date is wrong, correct it at the person in uzERP")
	}
	if given != "" {
		phone, err := i.Parse(given)
		if err != nil {
			return p, unreadable(errs.Usage, i.GivenBy, err, "write it with the country code, like +44 20 7946 0018")
		}
		p.Recipient, p.Source = Recipient{Username: u.Username, Phone: phone, Given: true}, Given
		return p, nil
	}
	contacts, err := i.Directory.PhoneContacts(ctx, u.Username)
	if err != nil {
		return p, err
	}
	phone, source, err := i.choose(u.Username, contacts)
	p.Recipient, p.Source = Recipient{Username: u.Username, Phone: phone}, source
	return p, err
}

// choose returns the one number that a code may go to.
func (i *Verifier) choose(username string, contacts []PhoneContact) (Phone, Source, error) {
	var mobiles, phones []PhoneContact
	for _, c := range contacts {
		if c.Mobile {
			mobiles = append(mobiles, c)
		} else {
			phones = append(phones, c)
		}
	}
	counting, source, word := mobiles, MainMobile, "main mobile"
	if len(mobiles) == 0 {
		counting, source, word = phones, MainPhone, "main phone"
	}
	if len(counting) == 0 {
		return Phone{}, "", errs.New(errs.Refused, fmt.Sprintf("uzERP has neither a main mobile nor a main phone for %q", username),
			"enter one at the person in uzERP, but never one that the caller dictates; until then verify the caller in another way")
	}
	var first Phone
	for n, c := range counting {
		phone, err := i.Parse(c.Text)
		if err != nil {
			return Phone{}, "", unreadable(errs.Refused, fmt.Sprintf("the %s that uzERP has for %q", word, username), err, "")
		}
		if n > 0 && phone.E164.Reveal() != first.E164.Reveal() { // one number written twice is one number
			return Phone{}, "", errs.New(errs.Refused, fmt.Sprintf("uzERP has more than one %s for %q, and it is not known which is right", word, username),
				"leave only one of them marked as main at the person in uzERP")
		}
		first = phone
	}
	return first, source, nil
}

// unreadable returns the error for a number that can't be called. An error of errs.Config stays one.
func unreadable(kind errs.Kind, what string, err error, hint string) error {
	if own, ok := errors.AsType[*errs.Error](err); ok && (own.Kind == errs.Config || own.Kind == errs.Usage) {
		return err
	}
	return &errs.Error{Kind: kind, Op: what, Err: err, Hint: errs.Plain(hint)}
}

// Refuses returns why no code can be sent over the channel, or nil if one can.
func (p Check) Refuses(channel Channel) error {
	if channel == ChannelSMS && p.Recipient.Phone.Landline {
		return errs.NewWith(errs.Refused, fmt.Sprintf("the number %s of %q is a landline and gets no SMS", p.Recipient.Phone.Masked, p.User.Username),
			ReasonLandline.With())
	}
	return nil
}

// Send has Twilio send the code. If the answer was lost, the error says that a code may have been sent.
func (p Check) Send(ctx context.Context, channel Channel) (Started, error) {
	if err := p.Refuses(channel); err != nil {
		return Started{}, err
	}
	started, err := p.by.Verifications.StartVerification(ctx, p.Recipient, channel)
	switch {
	case errors.Is(err, errs.ErrLostReply):
		return started, &errs.Error{Kind: errs.KindOf(err), Err: fmt.Errorf("whether a code was sent is not known: %w", err),
			Hint: errs.Plain("run the command again; if two messages come, both have the same code")}
	case err == nil && started.Status != Pending:
		return started, errs.New(errs.Refused, fmt.Sprintf("Twilio did not send a code: it says %q", started.Status),
			"run the command again, or choose the other channel")
	}
	return started, err
}

// ErrNoVerification is in the chain of an error of errs.NotFound if no code is waiting for this number: it was accepted
// already, it expired, five wrong codes were tried, or none was sent.
var ErrNoVerification = errors.New("no code is waiting for this number")

// ErrWrongCode is in the chain of the error for a wrong code if another one may still be tried.
var ErrWrongCode = errors.New("the code is wrong")

// Confirm asks Twilio whether the code is the one that was sent, and returns Twilio's answer. Only if there is no
// error, the caller has the phone. The error is of errs.CodeRejected if the code is wrong (ErrWrongCode), too old or
// used up, and of errs.NotFound if none was sent.
func (p Check) Confirm(ctx context.Context, code string) (Status, error) {
	status, err := p.by.Verifications.CheckVerification(ctx, p.Recipient, code)
	switch {
	case errors.Is(err, ErrNoVerification):
		return "", p.explain(p.by.History(p.Recipient), p.by.Now())
	case errors.Is(err, errs.ErrLostReply):
		return "", &errs.Error{Kind: errs.KindOf(err), Err: fmt.Errorf("whether the code is right is not known: %w", err),
			Hint: ReasonMaybeSpent.With(p.resend())}
	case err != nil:
		return "", err
	}
	rejected := func(what string) error { return errs.NewWith(errs.CodeRejected, what, ReasonSpent.With(p.resend())) }
	switch status {
	case Approved:
		return status, nil
	case Pending:
		return status, &errs.Error{Kind: errs.CodeRejected, Err: fmt.Errorf("%w: the caller is not verified", ErrWrongCode),
			Hint: errs.Plain(fmt.Sprintf("let the caller read it out again: Twilio takes %d tries", maxChecks))}
	case Canceled:
		return status, rejected("the code was withdrawn at Twilio and is no longer valid")
	case MaxAttempts:
		return status, rejected("the code is locked after too many wrong tries")
	case Deleted:
		return status, rejected("the code was deleted at Twilio and is no longer valid")
	case Failed:
		return status, rejected("the code could not be delivered, so it does not verify the caller")
	case Expired:
		return status, rejected("the code is too old")
	}
	return status, rejected(fmt.Sprintf("Twilio did not approve the code: it says %q", status))
}

// explain says why no code is waiting. Twilio says only "not found", whether the code was used, is too old or was
// never sent (docs/facts/twilio-verify.md §2, 20404).
func (p Check) explain(h History, now time.Time) error {
	name, again := p.User.Username, ReasonSpent.With(p.resend())
	spent := func(format string, args ...any) error {
		return errs.NewWith(errs.CodeRejected, fmt.Sprintf(format, args...), again)
	}
	switch {
	case !h.Known:
		return &errs.Error{Kind: errs.NotFound, Hint: again,
			Err: fmt.Errorf("%w of %q: it was used already, or it is too old, or none was sent", ErrNoVerification, name)}
	case h.Sent.IsZero() && !h.Other.IsZero():
		return errs.NewWith(errs.NotFound, fmt.Sprintf("the last code for %q was sent %s to another number than this one", name, ago(h.Other, now)),
			ReasonOtherNumber.With(p.resend()))
	case h.Sent.IsZero():
		return errs.NewWith(errs.NotFound, fmt.Sprintf("no code was sent to %q, as far as this machine's audit log tells", name),
			ReasonNotSent.With(p.resend()))
	case !h.Approved.IsZero():
		return spent("the code is used up: it was accepted %s", ago(h.Approved, now))
	case h.Unclear:
		return spent("the code may be used up: Twilio's answer to it was lost")
	case h.Wrong >= maxChecks:
		return spent("the code is locked after %d wrong tries", h.Wrong)
	case now.Sub(h.Sent) >= codeLifetime:
		return spent("the code is too old: it was sent %s, and works for %d minutes", ago(h.Sent, now), int(codeLifetime.Minutes()))
	}
	return spent("the code that was sent %s does not work any more", ago(h.Sent, now))
}

// notVerified returns the error that the caller is not verified and nobody was reset. It is of errs.CodeRejected for
// all reasons that may be the caller's fault: no number, a number that can't be reached, a wrong code, a used one, no
// code, an unknown refusal of Twilio's. Errors of an outage, a setting, a signal, the time limit or the usage keep
// their kind.
func notVerified(err error) error {
	kind, what := errs.CodeRejected, "the caller is not verified, so nobody was reset"
	switch k := errs.KindOf(err); {
	case err == nil, errors.Is(err, context.Canceled), k == errs.Usage, k == errs.Failure && errors.Is(err, context.DeadlineExceeded):
		return err
	case k == errs.Config, k == errs.Unavailable, errors.Is(err, mfa.ErrNoService):
		kind, what = k, "nobody was reset"
	}
	return &errs.Error{Kind: kind, Err: fmt.Errorf("%s: %w", what, err),
		Hint: errs.HintOf(err).Or(errs.Plain(doNotHelp))}
}

// resend returns the hint that says how to send a new code.
func (p Check) resend() errs.Hint {
	if !p.by.Resend.Empty() {
		return p.by.Resend
	}
	channel, reason := ChannelSMS, ReasonCodeWanted
	if p.Recipient.Phone.Landline {
		channel = ChannelCall
	}
	if p.Recipient.Given {
		reason = ReasonCodeToGiven
	}
	return reason.With(channel, p.User.Username)
}

// ago returns a time in words: "2 minutes ago", or in RFC 3339 if it is two hours ago or more.
func ago(t, now time.Time) string {
	switch d := now.Sub(t); {
	case d < time.Minute:
		return "less than a minute ago"
	case d < 2*time.Minute:
		return "a minute ago"
	case d < 2*time.Hour:
		return fmt.Sprintf("%d minutes ago", int(d.Minutes()))
	}
	return "at " + t.UTC().Format(time.RFC3339)
}

package caller

import (
	"context"
	"errors"
	"fmt"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
)

// codeLifetime is how long Twilio takes a code that it sent, unless its support made it another (docs/facts/twilio-verify.md §1.2).
const codeLifetime = 10 * time.Minute

// maxChecks is how many codes Twilio takes for one that it sent (docs/facts/twilio-verify.md §2, 60202).
const maxChecks = 5

// Verifier verifies callers: a code goes to the phone that uzERP has on file, and the caller reads it out.
type Verifier struct {
	Directory     Directory
	Verifications Verifications
	Parse         func(text string) (Phone, error) // reads a number as people write it
	History       func(to Recipient) History       // what became of the last code; asked only when none is waiting
	Now           func() time.Time
	Resend        errs.Hint                              // how a new code is sent, where it isn't ReasonCodeWanted
	GivenBy       string                                 // what gave the number that isn't uzERP's, for errors
	Refused       func(username string, err error) error // records that a caller is not verified; nil where nothing is recorded
}

// Source says where a number comes from.
type Source string

// The sources. What the operator gave proves nothing about who is calling.
const (
	MainMobile Source = "main-mobile"
	MainPhone  Source = "main-phone"
	Given      Source = "given"
)

// Check is bound to one user and one number: what is sent and what is checked can't be of two.
type Check struct {
	User      mfa.User
	Details   mfa.Details
	Recipient Recipient
	Source    Source

	by *Verifier
}

// History is what is known of the last code that was sent to a number of a user's. Zero times: not known.
type History struct {
	Known    bool      // there was somewhere to look
	Sent     time.Time // the last time that a code was sent there
	Approved time.Time // when one was accepted since
	Unclear  bool      // one may have been accepted since: the answer was lost
	Wrong    int       // how many wrong ones were given since
	Other    time.Time // when one was sent to another number since
}

// Plan chooses the number on file, or given if it is not empty. It sends nothing. errs.Refused: there is no such number, or
// more than one, or the person has left; errs.Usage if what was given is no number.
func (i *Verifier) Plan(ctx context.Context, u mfa.User, given string) (Check, error) {
	p := Check{User: u, by: i}
	details, err := i.Directory.Details(ctx, []string{u.Username})
	if err != nil {
		return p, err // the person may have left
	}
	p.Details = details[u.Username]
	if p.Details.Left(i.Now()) {
		return p, errs.New(errs.Refused, fmt.Sprintf("the person behind %q left on %s", u.Username, p.Details.EndDate.Format(time.DateOnly)),
			"whoever calls must not be let in; if the date is wrong, correct it at the person in uzERP")
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

// choose gives the one number that counts.
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
			return Phone{}, "", errs.New(errs.Refused, fmt.Sprintf("uzERP has more than one %s for %q, and nothing tells which is right", word, username),
				"leave only one of them marked as main at the person in uzERP")
		}
		first = phone
	}
	return first, source, nil
}

// unreadable is the error for a number that can't be called. A wrong setting stays what it is.
func unreadable(kind errs.Kind, what string, err error, hint string) error {
	if own, ok := errors.AsType[*errs.Error](err); ok && (own.Kind == errs.Config || own.Kind == errs.Usage) {
		return err
	}
	return &errs.Error{Kind: kind, Op: what, Err: err, Hint: errs.Plain(hint)}
}

// Refuses says why no code can be sent over the channel; nil if one can.
func (p Check) Refuses(channel Channel) error {
	if channel == ChannelSMS && p.Recipient.Phone.Landline {
		return errs.NewWith(errs.Refused, fmt.Sprintf("the number %s of %q is a landline and gets no SMS", p.Recipient.Phone.Masked, p.User.Username),
			ReasonLandline.With())
	}
	return nil
}

// Send has Twilio send the code.
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
		return started, errs.New(errs.Refused, fmt.Sprintf("Twilio did not send a code: it says %q", started.Status), "run the command again, or choose the other channel")
	}
	return started, err
}

// ErrNoVerification is in the chain of an error of errs.NotFound that means: no code is waiting for this number. It was
// accepted already, or it expired, or it was given up after five wrong answers, or none was sent.
var ErrNoVerification = errors.New("no code is waiting for this number")

// ErrWrongCode is in the chain of the error for a code that is not the one sent, while another may still be tried.
var ErrWrongCode = errors.New("the code is wrong")

// Confirm asks Twilio whether the code is the one that was sent, and gives its word. Without an error the caller has the
// phone, and only then. errs.CodeRejected: it is wrong (ErrWrongCode), too old or used up; errs.NotFound: none was sent.
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
		return status, rejected("the code was withdrawn at Twilio: it proves nothing any more")
	case MaxAttempts:
		return status, rejected("the code is locked after too many wrong tries")
	case Deleted:
		return status, rejected("the code was deleted at Twilio: it proves nothing any more")
	case Failed:
		return status, rejected("the code could not be delivered, so it proves nothing")
	case Expired:
		return status, rejected("the code is too old")
	}
	return status, rejected(fmt.Sprintf("Twilio did not approve the code: it says %q", status))
}

// explain tells apart what Twilio does not: to it a code that was used, one that is too old and one that was never sent are
// all "not found" (docs/facts/twilio-verify.md §2, 20404).
func (p Check) explain(h History, now time.Time) error {
	name, again := p.User.Username, ReasonSpent.With(p.resend())
	spent := func(format string, args ...any) error {
		return errs.NewWith(errs.CodeRejected, fmt.Sprintf(format, args...), again)
	}
	switch {
	case !h.Known:
		return &errs.Error{Kind: errs.NotFound, Err: fmt.Errorf("%w of %q: it was used already, or it is too old, or none was sent", ErrNoVerification, name), Hint: again}
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

// notVerified says that the caller is not verified and nobody was reset. That is errs.CodeRejected for every reason: no number,
// one that can't be reached, a wrong or spent code, no code at all, a refusal of Twilio's that nobody knows. Outages and
// settings keep their kind, for no caller is at fault there; signals, the time limit and usage stay what they are.
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

// resend returns the hint for a code that is wanted.
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

// ago gives a time as support staff think of it.
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

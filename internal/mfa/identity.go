package mfa

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"uzerp-mfa/internal/errs"
)

// codeLifetime is how long Twilio takes a code that it sent, unless its support made it another (facts/twilio-verify.md §1.2).
const codeLifetime = 10 * time.Minute

// maxChecks is how many codes Twilio takes for one that it sent (facts/twilio-verify.md §2, 60202).
const maxChecks = 5

// Identifier proves who is calling: a code goes to the phone that uzERP has on file, and the caller says it.
//
// Its law: the caller chooses nothing. The number is the one main mobile, or where there is none the one main phone; a
// mobile that can't be read is never replaced by the landline, and of two nobody guesses.
type Identifier struct {
	Directory     Directory
	Verifications Verifications
	Parse         func(text string) (Phone, error) // reads a number as people write it
	History       func(to Callee) IdentityHistory  // what became of the last code; asked only when none is waiting
	Now           func() time.Time
	Resend        string // the command that sends a new code, where it isn't identity send
}

// PhoneSource says where a number comes from.
type PhoneSource string

// The sources. What the operator gave proves nothing about who is calling.
const (
	PhoneMainMobile PhoneSource = "main-mobile"
	PhoneMainPhone  PhoneSource = "main-phone"
	PhoneGiven      PhoneSource = "given"
)

// Identification is bound to one user and one number: what is sent and what is checked can't be of two.
type Identification struct {
	User    User
	Details Details
	Callee  Callee
	Source  PhoneSource

	by *Identifier
}

// IdentityHistory is what is known of the last code that was sent to a number of a user's. Zero times: not known.
type IdentityHistory struct {
	Known    bool      // there was somewhere to look
	Sent     time.Time // the last time that a code was sent there
	Approved time.Time // when one was accepted since
	Unclear  bool      // one may have been accepted since: the answer was lost
	Wrong    int       // how many wrong ones were given since
	Other    time.Time // when one was sent to another number since
}

// Plan chooses the number on file, or given if it is not empty. It sends nothing. errs.Refused: there is no such number, or
// more than one, or the person has left; errs.Usage if what was given is no number.
func (i *Identifier) Plan(ctx context.Context, u User, given string) (Identification, error) {
	p := Identification{User: u, by: i}
	details, err := i.Directory.Details(ctx, []string{u.Username})
	if err != nil {
		return p, err // nobody is identified who may have left
	}
	p.Details = details[u.Username]
	if p.Details.Left(i.Now()) {
		return p, errs.New(errs.Refused, fmt.Sprintf("the person behind %q left on %s", u.Username, p.Details.EndDate.Format(time.DateOnly)),
			"whoever calls must not be let in; if the date is wrong, correct it at the person in uzERP")
	}
	if given != "" {
		phone, err := i.Parse(given)
		if err != nil {
			return p, unreadable(errs.Usage, "--to", err, "write it with the country code, like +44 20 7946 0018")
		}
		p.Callee, p.Source = Callee{Username: u.Username, Phone: phone, Given: true}, PhoneGiven
		return p, nil
	}
	contacts, err := i.Directory.PhoneContacts(ctx, u.Username)
	if err != nil {
		return p, err
	}
	phone, source, err := i.choose(u.Username, contacts)
	p.Callee, p.Source = Callee{Username: u.Username, Phone: phone}, source
	return p, err
}

// choose gives the one number that counts.
func (i *Identifier) choose(username string, contacts []PhoneContact) (Phone, PhoneSource, error) {
	var mobiles, phones []PhoneContact
	for _, c := range contacts {
		if c.Mobile {
			mobiles = append(mobiles, c)
		} else {
			phones = append(phones, c)
		}
	}
	counting, source, word := mobiles, PhoneMainMobile, "main mobile"
	if len(mobiles) == 0 {
		counting, source, word = phones, PhoneMainPhone, "main phone"
	}
	if len(counting) == 0 {
		return Phone{}, "", errs.New(errs.Refused, fmt.Sprintf("uzERP has neither a main mobile nor a main phone for %q", username),
			"enter one at the person in uzERP, but never one that the caller dictates; until then prove the caller in another way")
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
	return &errs.Error{Kind: kind, Op: what, Err: err, Hint: hint}
}

// Refuses says why no code can be sent over the channel; nil if one can.
func (p Identification) Refuses(channel Channel) error {
	if channel == ChannelSMS && p.Callee.Phone.Landline {
		return errs.New(errs.Refused, fmt.Sprintf("the number %s of %q is a landline and gets no SMS", p.Callee.Phone.Masked, p.User.Username),
			"a call reaches it: --channel call, or --identify call with user reset")
	}
	return nil
}

// Send has Twilio send the code.
func (p Identification) Send(ctx context.Context, channel Channel) (Started, error) {
	if err := p.Refuses(channel); err != nil {
		return Started{}, err
	}
	started, err := p.by.Verifications.StartVerification(ctx, p.Callee, channel)
	switch {
	case errors.Is(err, errs.ErrLostReply):
		return started, &errs.Error{Kind: errs.KindOf(err), Err: fmt.Errorf("whether a code was sent is not known: %w", err),
			Hint: "run the command again; if two messages come, both have the same code"}
	case err == nil && started.Status != VerificationPending:
		return started, errs.New(errs.Refused, fmt.Sprintf("Twilio did not send a code: it says %q", started.Status), "run the command again, or choose the other channel")
	}
	return started, err
}

// ErrWrongCode is in the chain of the error for a code that is not the one sent, while another may still be tried.
var ErrWrongCode = errors.New("the code is wrong")

// Check asks Twilio whether the code is the one that was sent, and gives its word. Without an error the caller has the
// phone, and only then. errs.CodeRejected: it is wrong (ErrWrongCode), too old or used up; errs.NotFound: none was sent.
func (p Identification) Check(ctx context.Context, code string) (VerificationStatus, error) {
	status, err := p.by.Verifications.CheckVerification(ctx, p.Callee, code)
	switch {
	case errors.Is(err, ErrNoVerification):
		return "", p.explain(p.by.History(p.Callee), p.by.Now())
	case errors.Is(err, errs.ErrLostReply):
		return "", &errs.Error{Kind: errs.KindOf(err), Err: fmt.Errorf("whether the code is right is not known: %w", err),
			Hint: "it may be used up now, so send a new one: " + p.sendCommand()}
	case err != nil:
		return "", err
	}
	rejected := func(what string) error { return errs.New(errs.CodeRejected, what, "send a new one: "+p.sendCommand()) }
	switch status {
	case VerificationApproved:
		return status, nil
	case VerificationPending:
		return status, &errs.Error{Kind: errs.CodeRejected, Err: fmt.Errorf("%w: the caller is not identified", ErrWrongCode),
			Hint: fmt.Sprintf("let the caller read it out again: Twilio takes %d tries", maxChecks)}
	case VerificationCanceled:
		return status, rejected("the code was withdrawn at Twilio: it proves nothing any more")
	case VerificationMaxAttempts:
		return status, rejected("the code is locked after too many wrong tries")
	case VerificationDeleted:
		return status, rejected("the code was deleted at Twilio: it proves nothing any more")
	case VerificationFailed:
		return status, rejected("the code could not be delivered, so it proves nothing")
	case VerificationExpired:
		return status, rejected("the code is too old")
	}
	return status, rejected(fmt.Sprintf("Twilio did not approve the code: it says %q", status))
}

// explain tells apart what Twilio does not: to it a code that was used, one that is too old and one that was never sent are
// all "not found" (facts/twilio-verify.md §2, 20404).
func (p Identification) explain(h IdentityHistory, now time.Time) error {
	name, again := p.User.Username, "send a new one: "+p.sendCommand()
	spent := func(format string, args ...any) error {
		return errs.New(errs.CodeRejected, fmt.Sprintf(format, args...), again)
	}
	switch {
	case !h.Known:
		return &errs.Error{Kind: errs.NotFound, Err: fmt.Errorf("%w of %q: it was used already, or it is too old, or none was sent", ErrNoVerification, name), Hint: again}
	case h.Sent.IsZero() && !h.Other.IsZero():
		return errs.New(errs.NotFound, fmt.Sprintf("the last code for %q was sent %s to another number than this one", name, ago(h.Other, now)),
			"check it with the --to that it was sent with, or without one if it was sent without; or "+again)
	case h.Sent.IsZero():
		return errs.New(errs.NotFound, fmt.Sprintf("no code was sent to %q, as far as this machine's audit log tells", name),
			"send one: "+p.sendCommand())
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

// NotIdentified tells that nobody was reset. An identification that failed is of errs.CodeRejected, whyever: no number, one
// that can't be reached, a wrong or spent code, no code at all, a refusal of Twilio's that nobody knows. Outages and
// settings keep their kind, for no caller is at fault there; signals, the time limit and usage stay what they are.
func NotIdentified(err error) error {
	kind, what := errs.CodeRejected, "the caller is not identified, so nobody was reset"
	switch k := errs.KindOf(err); {
	case err == nil, errors.Is(err, context.Canceled), k == errs.Usage, k == errs.Failure && errors.Is(err, context.DeadlineExceeded):
		return err
	case k == errs.Config, k == errs.Unavailable, errors.Is(err, ErrNoService):
		kind, what = k, "nobody was reset"
	}
	return &errs.Error{Kind: kind, Err: fmt.Errorf("%s: %w", what, err),
		Hint: cmp.Or(errs.HintOf(err), "do not help this caller unless you can prove them in another way")}
}

// sendCommand is what sends another code.
func (p Identification) sendCommand() string {
	if p.by.Resend != "" {
		return p.by.Resend
	}
	channel, to := ChannelSMS, ""
	if p.Callee.Phone.Landline {
		channel = ChannelCall
	}
	if p.Callee.Given {
		to = " --to NUMBER --reason WHY"
	}
	return fmt.Sprintf("uzerp-mfa identity send --channel %s%s %s", channel, to, ShellQuote(p.User.Username))
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

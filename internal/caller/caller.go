package caller

import (
	"context"
	"errors"
	"fmt"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/onetime"
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
	History       func(to Recipient) History       // what the audit log knows of the codes that this program sent
	CodeLength    func(ctx context.Context) int    // how many digits the service's codes have; 0 if that is not known
	Now           func() time.Time
	BelieveAfter  time.Duration                          // how long a number must be unchanged; 0 believes no number
	Reason        string                                 // why a number is believed that was changed lately; empty if it isn't
	Undone        string                                 // what was not done if the caller is not verified, such as "nobody was reset"
	May           func() error                           // asks whether what the caller wants could be done at all; nil: nobody asks
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
	Change    Change // the newest change of the number on file
	Fresh     bool   // the number was changed lately, and is believed only because the operator gave a reason

	by *Verifier
}

// History is what is known of the last verification that this program started for a user at one number. A zero time
// means: not known.
type History struct {
	Known    bool      // there is a log to look in
	SID      string    // the verification; empty if none was started, or if Twilio's answer was lost
	First    time.Time // when its code was first sent
	Sent     time.Time // when its code was last sent
	Sends    int       // how often this program had it sent
	Approved time.Time // when a code was accepted since
	Unclear  bool      // a code may have been accepted since: the answer was lost
	Wrong    int       // how many wrong codes were tried since
	Other    time.Time // when a code was sent to another number since
}

// Answer is what became of a code that was sent or checked.
type Answer struct {
	SID        string    // of the verification
	Status     Status    // Twilio's; empty if it is not known
	Asked      bool      // Twilio was asked about a code
	TriesLeft  int       // how many codes may still be tried
	ValidUntil time.Time // until when; zero if no code is waiting
}

// answer returns the answer that a code of h is waiting, of which most more may be typed here.
func (h History) answer(most int) Answer {
	return Answer{SID: h.SID, Status: Pending, TriesLeft: max(0, min(maxChecks-h.Wrong, most)), ValidUntil: h.First.Add(codeLifetime)}
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
		return p, i.othersHave(ctx, u, phone)
	}
	contacts, err := i.Directory.PhoneContacts(ctx, u.Username)
	if err != nil {
		return p, err
	}
	phone, source, err := i.choose(u, contacts)
	if err != nil {
		return p, err
	}
	p.Recipient, p.Source, p.Change = Recipient{Username: u.Username, Phone: phone}, source, newestChange(contacts, source)
	if err := i.othersHave(ctx, u, phone); err != nil {
		return p, err
	}
	return p, i.believe(&p)
}

// choose returns the one number that a code may go to.
func (i *Verifier) choose(u mfa.User, contacts []PhoneContact) (Phone, Source, error) {
	var mobiles, phones []PhoneContact
	for _, c := range contacts {
		switch {
		case c.Main && c.Mobile:
			mobiles = append(mobiles, c)
		case c.Main:
			phones = append(phones, c)
		}
	}
	counting, source, word := mobiles, MainMobile, "main mobile"
	if len(mobiles) == 0 {
		counting, source, word = phones, MainPhone, "main phone"
	}
	if len(counting) == 0 {
		where := "enter one at the person in uzERP"
		if u.Person == "" {
			where = "in uzERP, link the user to a person and enter one there"
		}
		return Phone{}, "", errs.New(errs.Refused, fmt.Sprintf("uzERP has neither a main mobile nor a main phone for %q", u.Username),
			where+", but never one that the caller dictates; until then verify the caller in another way")
	}
	var first Phone
	for n, c := range counting {
		phone, err := i.Parse(c.Text)
		if err != nil {
			return Phone{}, "", unreadable(errs.Refused, fmt.Sprintf("the %s that uzERP has for %q", word, u.Username), err, "")
		}
		if n > 0 && phone.E164.Reveal() != first.E164.Reveal() { // one number written twice is one number
			return Phone{}, "", errs.New(errs.Refused, fmt.Sprintf("uzERP has more than one %s for %q, and it is not known which is right", word, u.Username),
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

// Send has Twilio send the code. If the answer was lost, the error says that a code may have been sent. Without a log
// nothing is sent: no check would accept the code.
func (p Check) Send(ctx context.Context, channel Channel) (Answer, error) {
	if !p.by.History(p.Recipient).Known {
		return Answer{}, ErrNoRecord()
	}
	if err := p.by.Verifications.MayCheck(ctx); err != nil {
		return Answer{}, err
	}
	h, err := p.send(ctx, channel)
	return h.answer(maxChecks), err
}

// send has Twilio send the code, and returns what is known of it then.
func (p Check) send(ctx context.Context, channel Channel) (History, error) {
	if err := p.Refuses(channel); err != nil {
		return History{}, err
	}
	before := p.by.Now()
	started, err := p.by.Verifications.StartVerification(ctx, p.Recipient, channel)
	switch {
	case errors.Is(err, errs.ErrLostReply):
		return History{}, &errs.Error{Kind: errs.KindOf(err), Err: fmt.Errorf("whether a code was sent is not known: %w", err),
			Hint: errs.Plain("a code that was sent now can't be checked: wait ten minutes, then run the command again")}
	case err != nil:
		return History{}, err
	case started.Status != Pending:
		return History{}, errs.New(errs.Refused, fmt.Sprintf("Twilio did not send a code: it says %q", started.Status),
			"run the command again, or choose the other channel")
	}
	h := p.by.History(p.Recipient)
	if !h.Known {
		h = History{Known: true, SID: started.SID, First: before, Sent: before, Sends: 1}
	}
	return h, h.own(started)
}

// ErrForeignCode is in the chain of the error for a code that this program has not sent alone. The owner of the phone may
// have read it out in the belief that it is for something else.
var ErrForeignCode = errors.New("the same code was also sent to this phone by another program, or by this one without a record")

// own returns an error unless all sends of the verification at Twilio are those of h. Twilio sends one code for all
// programs that use the service (docs/facts/twilio-verify.md §1.2), so the caller could have asked the phone's owner for
// the code of another message.
func (h History) own(at Started) error {
	if h.SID == at.SID && at.Sends > 0 && at.Sends <= h.Sends {
		return nil
	}
	return &errs.Error{Kind: errs.Refused, Err: fmt.Errorf("%w: it verifies nobody", ErrForeignCode),
		Hint: errs.Plain("do not help this caller unless you can verify them in another way; ten minutes after the last message a new code can be sent")}
}

// ErrNoRecord returns the error that there is no log of what was sent, so that no code can be sent or checked.
func ErrNoRecord() error {
	return errs.NewWith(errs.Config, "without the audit log it is not known which codes this program sent", ReasonNoRecord.With())
}

// ErrNoVerification is in the chain of an error of errs.NotFound if no code is waiting for this number: it was accepted
// already, it expired, five wrong codes were tried, or none was sent.
var ErrNoVerification = errors.New("no code is waiting for this number")

// ErrWrongCode is in the chain of the error for a wrong code if another one may still be tried.
var ErrWrongCode = errors.New("the code is wrong")

// Confirm asks Twilio whether the code is the one that this program sent to the user, and returns Twilio's answer. Only
// if there is no error, the caller has the phone. The error is of errs.CodeRejected if the code is wrong (ErrWrongCode),
// too old or used up, of errs.NotFound if none was sent, of errs.Refused (ErrForeignCode) if another program sent it
// too, and of errs.Config if there is no log that says what was sent.
func (p Check) Confirm(ctx context.Context, code string) (Answer, error) {
	h := p.by.History(p.Recipient)
	if !h.Known {
		return Answer{}, ErrNoRecord()
	}
	return p.confirm(ctx, &h, code, maxChecks)
}

// confirm checks a code of the verification in h, and counts a wrong one there. most says how many codes may be typed,
// this one included.
func (p Check) confirm(ctx context.Context, h *History, code string, most int) (Answer, error) {
	now := p.by.Now()
	if h.SID == "" || !h.Approved.IsZero() || h.Wrong >= maxChecks || now.Sub(h.Sent) >= codeLifetime {
		return Answer{}, p.explain(*h, now)
	}
	if err := onetime.CheckLength(code, p.codeLength(ctx), "Twilio's"); err != nil {
		waiting := h.answer(most)
		return waiting, &errs.Error{Kind: errs.CodeRejected, Err: fmt.Errorf("%w: %w", ErrWrongCode, err),
			Hint: errs.Plain("let the caller read it out again: " + p.left(waiting))}
	}
	// Another program may have had the code sent again since.
	found, err := p.by.Verifications.FetchVerification(ctx, p.Recipient, h.SID)
	switch {
	case errors.Is(err, ErrNoVerification):
		return Answer{}, p.explain(*h, now)
	case err != nil:
		return Answer{}, err
	case found.Status == Approved:
		return Answer{SID: h.SID}, p.rejected("the code is used up: it was accepted already")
	case found.Status != Pending:
		return Answer{SID: h.SID, Status: found.Status}, p.ended(found.Status)
	}
	if err := h.own(found); err != nil {
		return Answer{SID: h.SID}, err
	}
	status, err := p.by.Verifications.CheckVerification(ctx, p.Recipient, h.SID, code)
	answer := Answer{SID: h.SID, Status: status, Asked: true}
	switch {
	case errors.Is(err, ErrNoVerification):
		return Answer{Asked: true}, p.explain(*h, now)
	case errors.Is(err, errs.ErrLostReply):
		return Answer{Asked: true}, &errs.Error{Kind: errs.KindOf(err), Err: fmt.Errorf("whether the code is right is not known: %w", err),
			Hint: ReasonMaybeSpent.With(p.resend())}
	case err != nil:
		return Answer{Asked: true}, err
	case status == Approved:
		return answer, nil
	case status == Pending:
		h.Wrong++
		answer = h.answer(most - 1)
		answer.Asked = true
		return answer, &errs.Error{Kind: errs.CodeRejected, Err: fmt.Errorf("%w: the caller is not verified", ErrWrongCode),
			Hint: errs.Plain(p.again(answer))}
	}
	return answer, p.ended(status)
}

// again says what to do after a wrong code.
func (p Check) again(a Answer) string {
	if a.TriesLeft == 0 {
		return "this code takes no more tries; a new one can be sent once it has expired, at " + p.clock(a)
	}
	return "let the caller read it out again: " + p.left(a)
}

// left says how many codes may still be tried, and until when.
func (p Check) left(a Answer) string {
	return p.tries(a) + ", " + p.until(a)
}

func (p Check) tries(a Answer) string {
	if a.TriesLeft == 1 {
		return "1 try is left"
	}
	return fmt.Sprintf("%d tries are left", a.TriesLeft)
}

// Waits says how long a code that was sent works, and for how many tries.
func (p Check) Waits(a Answer) string {
	if a.TriesLeft == maxChecks && a.ValidUntil.Sub(p.by.Now()) > codeLifetime-time.Minute {
		return "for ten minutes and five tries"
	}
	return p.until(a) + "; " + p.tries(a)
}

func (p Check) until(a Answer) string {
	return "until " + p.clock(a)
}

// clock returns the time on the operator's clock until which a code works.
func (p Check) clock(a Answer) string {
	return a.ValidUntil.In(p.by.Now().Location()).Format("15:04:05 MST")
}

func (p Check) codeLength(ctx context.Context) int {
	if p.by.CodeLength == nil {
		return 0
	}
	return p.by.CodeLength(ctx)
}

func (p Check) rejected(what string) error {
	return errs.NewWith(errs.CodeRejected, what, ReasonSpent.With(p.resend()))
}

// ended returns the error for a verification that has ended without an accepted code.
func (p Check) ended(status Status) error {
	switch status {
	case Canceled:
		return p.rejected("the code was withdrawn at Twilio and is no longer valid")
	case MaxAttempts:
		return p.rejected("the code is locked after too many wrong tries")
	case Deleted:
		return p.rejected("the code was deleted at Twilio and is no longer valid")
	case Failed:
		return p.rejected("the code could not be delivered, so it does not verify the caller")
	case Expired:
		return p.rejected("the code is too old")
	}
	return p.rejected(fmt.Sprintf("Twilio did not approve the code: it says %q", status))
}

// explain says why no code is waiting. Twilio says only "not found", whether the code was used, is too old or was
// never sent (docs/facts/twilio-verify.md §2, 20404).
func (p Check) explain(h History, now time.Time) error {
	name, again := p.User.Username, ReasonSpent.With(p.resend())
	spent := func(format string, args ...any) error {
		return errs.NewWith(errs.CodeRejected, fmt.Sprintf(format, args...), again)
	}
	switch {
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
	case h.Wrong >= maxChecks && now.Sub(h.First) < codeLifetime:
		return errs.New(errs.Refused, "five wrong codes were given", "wait ten minutes, then send a new one")
	case h.Wrong >= maxChecks:
		return spent("the code is locked after %d wrong tries", h.Wrong)
	case h.SID == "" && now.Sub(h.Sent) < codeLifetime:
		return errs.NewWith(errs.CodeRejected, "Twilio's answer to the last send was lost, so it is not known which code this program sent",
			ReasonSendLost.With(p.resend()))
	case now.Sub(h.Sent) >= codeLifetime:
		return spent("the code is too old: it was sent %s, and works for %d minutes", ago(h.Sent, now), int(codeLifetime.Minutes()))
	}
	return spent("the code that was sent %s does not work any more", ago(h.Sent, now))
}

// notVerified returns the error that the caller is not verified, and what was not done therefore. It is of errs.CodeRejected for
// all reasons that may be the caller's fault: no number, a number that can't be reached, a wrong code, a used one, no
// code, an unknown refusal of Twilio's. Errors of an outage, a setting, a signal, the time limit or the usage keep
// their kind.
func notVerified(err error, undone string) error {
	kind, what := errs.CodeRejected, "the caller is not verified, so "+undone
	switch k := errs.KindOf(err); {
	case err == nil, errors.Is(err, context.Canceled), k == errs.Usage, k == errs.Failure && errors.Is(err, context.DeadlineExceeded):
		return err
	case k == errs.Config, k == errs.Unavailable, errors.Is(err, mfa.ErrNoService):
		kind, what = k, undone
	}
	return &errs.Error{Kind: kind, Err: fmt.Errorf("%s: %w", what, err),
		Hint: errs.HintOf(err).Or(errs.Plain(anotherWay))}
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

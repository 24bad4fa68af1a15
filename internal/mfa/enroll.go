package mfa

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/secret"
)

// maxFriendlyName is Twilio's limit in characters for a factor's name (docs/facts/twilio-verify.md §1.2).
const maxFriendlyName = 64

// FriendlyName returns the name of a user's factor, which the app shows as the account. It is the user name, as in
// uzERP, cut to the length that Twilio takes, with _ for each invisible character.
func FriendlyName(username string) string {
	runes := []rune(username)
	if len(runes) > maxFriendlyName {
		runes = runes[:maxFriendlyName]
	}
	for i, r := range runes {
		if !unicode.IsPrint(r) {
			runes[i] = '_'
		}
	}
	return string(runes)
}

// Enroller enrols users.
type Enroller struct {
	Store   Writer
	Factors Factors
	Code    func(text secret.Secret, c TOTPConfig, at time.Time) (string, error) // RFC 6238
	NewUUID func() string
}

// PlanEnroll plans an enrolment. It refuses (errs.Refused) a user whose enrolment can work, unless replace is set. A
// broken enrolment may always be replaced.
func PlanEnroll(u User, replace bool) RowChange {
	c := RowChange{User: u, Becomes: u.Row}
	if u.Whole() && !replace {
		c.Refusal = errs.NewWith(errs.Refused, fmt.Sprintf("%q is already enrolled", u.Username), ReasonAlreadyEnrolled.With(u.Username))
	}
	return c
}

// PendingEnrollment is an enrolment that waits for its first code.
type PendingEnrollment struct {
	e      *Enroller
	User   User // with the new uuid, if Begin assigned one
	Factor NewFactor
	wrong  int // the codes that Twilio did not accept

	assigned bool // Begin assigned the uuid
}

// Changed says what was changed in uzERP while the enrolment waits for its code.
func (p *PendingEnrollment) Changed() string {
	if stays := p.Stays(); stays != "" {
		return stays + ", and nothing else was changed in uzERP"
	}
	return nothingInUzERP
}

// Stays says what was changed in uzERP, and stays also if the enrolment is not finished. It is empty if nothing was.
func (p *PendingEnrollment) Stays() string {
	if !p.assigned {
		return ""
	}
	return gotUUID(p.User)
}

const nothingInUzERP = "nothing was changed in uzERP"

func gotUUID(u User) string {
	return fmt.Sprintf("%q has got a uuid", u.Username)
}

// UUIDStaysError is in the chain of the error of an enrolment that failed when the user had got a uuid already: that stays.
type UUIDStaysError struct {
	User User
	err  error
}

func (e *UUIDStaysError) Error() string { return e.err.Error() + "; " + e.Stays() }

func (e *UUIDStaysError) Unwrap() error { return e.err }

// Stays says what was changed.
func (e *UUIDStaysError) Stays() string { return gotUUID(e.User) }

// afterUUID returns the error of an enrolment that failed when the user had got a uuid already. An interrupted one is told as such.
func afterUUID(u User, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return &errs.Error{Kind: errs.KindOf(err), Err: &UUIDStaysError{u, err}}
}

// MayBegin returns the error that would end the enrolment for lack of a right in the database or at Twilio. It changes nothing. It is
// asked before a caller is sent a code, who would read it out for nothing. Whether a factor may be made shows only when one is.
func (e *Enroller) MayBegin(ctx context.Context, u User) error {
	if err := e.Store.Writable(ctx); err != nil {
		return err
	}
	return e.allowed(ctx, u, *e.identity(u))
}

// identity returns the user's uuid, or the one that the user is to get.
func (e *Enroller) identity(u User) *string {
	if u.UUID != nil {
		return u.UUID
	}
	return new(e.NewUUID())
}

// Begin assigns the user a uuid if there is none, and has Twilio make a factor. uzERP's row does not name the factor
// until Submit has verified it with a code of the user's app. The uuid comes first, for Twilio knows the factor by it; it
// stays if Twilio refuses, and the error says so.
func (e *Enroller) Begin(ctx context.Context, c RowChange) (*PendingEnrollment, error) {
	if c.Refusal != nil {
		return nil, c.Refusal
	}
	u := c.User
	id := e.identity(u)
	// Before Twilio is asked: a trigger of the table may let no row become enrolled.
	if err := e.Store.MayWrite(ctx, u.Username, enrolledRow(Row{UUID: id}, unknownSID)); err != nil {
		return nil, err
	}
	if err := e.allowed(ctx, u, *id); err != nil {
		return nil, err
	}
	if u.UUID != nil {
		return e.create(ctx, u)
	}
	becomes := u.WithUUID(*id)
	if err := SetRow(ctx, e.Store, u.Username, u.Row, becomes); err != nil {
		return nil, err
	}
	u.Row = becomes
	p, err := e.create(ctx, u)
	if err != nil {
		return nil, afterUUID(u, err)
	}
	p.assigned = true
	return p, nil
}

// unknownSID stands for the SID of a factor that is not made yet, where the database is asked whether it would store one.
const unknownSID = "YF00000000000000000000000000000000"

// allowed asks, for the user's identity at Twilio, whether what comes after the new factor may be done too: that it is verified,
// and that the old one goes away. Otherwise somebody would have set up an app before that shows.
func (e *Enroller) allowed(ctx context.Context, u User, identity string) error {
	if u.Whole() {
		return e.Factors.Allowed(ctx, identity, CallVerify, CallDelete)
	}
	return e.Factors.Allowed(ctx, identity, CallVerify)
}

// create has Twilio make a factor.
func (e *Enroller) create(ctx context.Context, u User) (*PendingEnrollment, error) {
	began := time.Now()
	f, err := e.Factors.CreateFactor(ctx, *u.UUID, FriendlyName(u.Username))
	if errors.Is(err, errs.ErrLostReply) {
		return nil, e.forget(ctx, u, began, err)
	}
	if err != nil {
		return nil, err
	}
	return &PendingEnrollment{e: e, User: u, Factor: f}, nil
}

// clocksApart is how far the times of Twilio's factors and of its answers may be apart; both have whole seconds.
const clocksApart = 2 * time.Second

// forget cleans up after a creation that began then, and whose answer was lost. The factor may exist, but nobody can use it: its
// secret was in the answer. So forget deletes the one factor that is pending, has this name, and is no older. One that is older may wait
// in the user's browser, and of several one may be on somebody's screen: then it is not known which of them is lost.
func (e *Enroller) forget(ctx context.Context, u User, began time.Time, cause error) error {
	lost := &errs.Error{Kind: errs.KindOf(cause), Err: fmt.Errorf("nobody was enrolled: %w", cause),
		Hint: errs.Plain("run the command again. A factor that Twilio may have made can't be used and goes away by itself within a day")}
	if ctx.Err() != nil {
		return lost
	}
	after, err := e.Factors.ListFactors(ctx, *u.UUID)
	if err != nil {
		return lost
	}
	since := e.Factors.Now().Add(-time.Since(began) - clocksApart) // by Twilio's clock, which the list's answer has told
	older, made := false, []Factor(nil)
	for _, f := range after {
		switch {
		case f.Status != FactorUnverified || f.FriendlyName != FriendlyName(u.Username):
		case f.Created.Before(since):
			older = true
		default:
			made = append(made, f)
		}
	}
	if len(made) > 1 {
		return lost
	}
	for _, f := range made {
		if err := e.Factors.DeleteFactor(ctx, *u.UUID, f.SID); err != nil {
			return lost
		}
	}
	if older { // it is not certain that it is another one
		return lost
	}
	return &errs.Error{Kind: errs.KindOf(cause), Err: fmt.Errorf("nobody was enrolled, and nothing is left at Twilio: %w", cause),
		Hint: errs.Plain("run the command again")}
}

// TakeBack deletes the factor of an enrolment whose secret nobody has seen. A signal does not stop it.
func (p *PendingEnrollment) TakeBack(ctx context.Context) error {
	ctx, cancel := Uninterrupted(ctx)
	defer cancel()
	return p.e.Factors.DeleteFactor(ctx, *p.User.UUID, p.Factor.SID)
}

// Submit checks the code, first here and then at Twilio, and on success writes the factor to uzERP's row. A code that
// Twilio could not accept is refused here (errs.CodeRejected) and costs none of Twilio's five attempts. If the code
// belongs to another time, the error says how wrong the phone's clock is.
func (p *PendingEnrollment) Submit(ctx context.Context, code string) error {
	if err := p.checkLocally(code); err != nil {
		return err
	}
	left := Tries{Left: MaxAttempts - p.wrong, Known: true, Until: p.Factor.surelyUntil()}
	err := verifyAndStore(ctx, p.e.Store, p.e.Factors, p.User, p.Factor.Factor, code, left, p.Changed())
	switch {
	case errs.KindOf(err) == errs.CodeRejected:
		p.wrong++
	case errors.Is(err, ErrAttemptsUsedUp): // the factor is this run's
		return &errs.Error{Kind: errs.KindOf(err), Err: fmt.Errorf("%w; the factor %s is left at Twilio, unused; %s", err, p.Factor.SID, p.Changed())}
	case errs.KindOf(err) == errs.Refused && p.assigned:
		return afterUUID(p.User, err)
	}
	return err
}

// clockSearch is how long before and after now a code is looked for, to tell a wrong clock from a wrong code.
const clockSearch = 30 * time.Minute

func (p *PendingEnrollment) checkLocally(code string) error {
	if err := checkLength(code, p.Factor.Factor); err != nil {
		return err
	}
	c := p.Factor.TOTP
	now := p.e.Factors.Now()
	for n := 0; time.Duration(n)*c.Step <= clockSearch; n++ {
		for _, steps := range []int{n, -n} {
			want, err := p.e.Code(p.Factor.Secret, c, now.Add(time.Duration(steps)*c.Step))
			if err != nil {
				return &errs.Error{Kind: errs.Failure, Op: "compute a one-time code", Err: err}
			}
			if want != code {
				continue
			}
			if n <= c.Skew {
				return nil
			}
			return clockError(time.Duration(steps) * c.Step)
		}
	}
	return errs.New(errs.CodeRejected, "this code is not one of the account just added",
		"read it from the new entry in the app; Twilio was not asked, so no attempt is lost")
}

func clockError(off time.Duration) error {
	direction := "fast"
	if off < 0 {
		direction, off = "slow", -off
	}
	about := fmt.Sprintf("%d s", int(off.Seconds()))
	if off >= 5*time.Minute {
		about = fmt.Sprintf("%d min", int(off.Round(time.Minute).Minutes()))
	}
	return errs.New(errs.CodeRejected, fmt.Sprintf("the phone's clock is about %s %s", about, direction),
		"set date and time on the phone to automatic, then type the next code; Twilio was not asked, so no attempt is lost")
}

// verifyAndStore has Twilio verify the factor and then writes the row. Twilio comes first: a crash between the two
// leaves a factor that nobody uses, and never a user who is enrolled with an unverified factor. left is what is left before
// this code, and changed what was changed in uzERP until then.
func verifyAndStore(ctx context.Context, store Writer, factors Factors, u User, f Factor, code string, left Tries, changed string) error {
	if err := mayStore(ctx, store, u, f); err != nil {
		return err
	}
	// If Ctrl-C made us miss the answer, a verified factor could be left that no row names. So the call is finished,
	// within its time limit.
	sending, cancel := Uninterrupted(ctx)
	defer cancel()
	got, err := factors.VerifyFactor(sending, *u.UUID, f.SID, code)
	switch {
	case errors.Is(err, ErrAttemptsUsedUp):
		return &errs.Error{Kind: errs.Refused, Err: err, Hint: enrollAnew(u, ReasonAttemptsUsedUp, ReasonReplaceUsedUp)}
	case factorGone(err):
		return &errs.Error{Kind: errs.NotFound, Err: errors.New("the pending factor is gone: Twilio deletes them after some hours, or somebody has reset the user"),
			Hint: enrollAnew(u, ReasonPendingGone, ReasonReplaceGone)}
	case errors.Is(err, errs.ErrLostReply):
		return &errs.Error{Kind: errs.KindOf(err), Err: err, Hint: ReasonAnswerLost.With(u.Username, f.SID)}
	case err != nil:
		return err
	case got.Status != FactorVerified:
		return wrongCode(u, left.after(), factors.Now(), changed)
	}
	return storeFactor(ctx, store, factors, u, f)
}

// wrongCode returns the error for a code that Twilio did not accept. left is what is left now.
func wrongCode(u User, left Tries, now time.Time, changed string) error {
	if left.Known && left.Left == 0 {
		return &errs.Error{Kind: errs.CodeRejected, Hint: enrollAnew(u, ReasonAttemptsUsedUp, ReasonReplaceUsedUp),
			Err: fmt.Errorf("this was the fifth code that Twilio did not accept; %s: %w", changed, ErrAttemptsUsedUp)}
	}
	return errs.New(errs.CodeRejected, "Twilio did not accept the code; "+changed,
		"try the next code that the app shows: "+left.inWords(now)+". If it goes on, check date and time on the phone")
}

// Uninterrupted returns a context that a signal does not end, but the command's own deadline does.
func Uninterrupted(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, limited := ctx.Deadline()
	ctx = context.WithoutCancel(ctx)
	if limited {
		return context.WithDeadline(ctx, deadline)
	}
	return context.WithCancel(ctx)
}

// storeFactor writes the row of a user whose app has the factor f, as a code has shown.
func storeFactor(ctx context.Context, store Writer, factors Factors, u User, f Factor) error {
	// The code is used up: from here on Ctrl-C must not stop the row from being written.
	ctx = context.WithoutCancel(ctx)
	err := SetRow(ctx, store, u.Username, u.Row, enrolledRow(u.Row, f.SID))
	switch {
	case err == nil:
		if err := stillThere(ctx, store, factors, u, f); err != nil {
			return err
		}
		return deleteReplaced(ctx, store, factors, u)
	case errors.Is(err, errs.ErrChanged):
		return withdraw(ctx, store, factors, u, f, err)
	default:
		return &errs.Error{Kind: errs.KindOf(err), Err: fmt.Errorf("the app is verified at Twilio, but uzERP does not know it yet: %w", err),
			Hint: ReasonRowNotWritten.With(u.Username, f.SID)}
	}
}

// stillThere checks that the factor still exists after the row was written. A reset that ran between Twilio's yes and
// the row saw a factor that no row names, and deleted it. Then the row is reset, so that the user is asked to enrol.
// If Twilio does not answer, the row stays.
func stillThere(ctx context.Context, store Writer, factors Factors, u User, f Factor) error {
	if _, err := factors.FetchFactor(ctx, *u.UUID, f.SID); !factorGone(err) {
		return nil
	}
	enrolled, no := enrolledRow(u.Row, f.SID), false
	err := SetRow(ctx, store, u.Username, enrolled, Row{UUID: u.UUID, Enrolled: &no, Enabled: &no})
	what := "not enrolled, and the row is reset in uzERP"
	switch {
	case errors.Is(err, errs.ErrChanged): // somebody else's row stays
		what = "not enrolled"
	case err != nil:
		return &errs.Error{Kind: errs.KindOf(err),
			Err:  fmt.Errorf("the factor was deleted by somebody else meanwhile, and the user's row could not be reset: %w", err),
			Hint: ReasonRowNotReset.With(u.Username)}
	}
	_ = deleteReplaced(ctx, store, factors, u) // the old factor, if no row names it any more
	return &errs.Error{Kind: errs.Refused, Err: fmt.Errorf("%s: the factor was deleted meanwhile: %w", what, errs.ErrChanged),
		Hint: ReasonResetMeanwhile.With(u.Username)}
}

// ErrOldFactorLeft is in the chain of an error that comes after success: the user is enrolled with the new factor,
// and only the old one could not be deleted.
var ErrOldFactorLeft = errors.New("the new phone works, but the old factor is still at Twilio")

// deleteReplaced deletes the factor that the row named before. The row names the new one by now, so the user has a
// working factor all the time. A factor that another user's row names stays.
func deleteReplaced(ctx context.Context, store Reader, factors Factors, was User) error {
	if !was.Whole() {
		return nil
	}
	free, _, err := InUse(ctx, store, []Factor{{SID: *was.SID}})
	if err == nil && len(free) == 1 {
		err = factors.DeleteFactor(ctx, *was.UUID, *was.SID)
	}
	if err != nil {
		return &errs.Error{Kind: errs.KindOf(err), Err: fmt.Errorf("%w: %w", ErrOldFactorLeft, err),
			Hint: ReasonOldFactorLeft.With()}
	}
	return nil
}

// enrolledRow returns the row of a user enrolled with the factor sid, as uzERP itself writes it (docs/facts/uzerp.md
// §3).
func enrolledRow(r Row, sid string) Row {
	yes := true
	return Row{UUID: r.UUID, SID: &sid, Enrolled: &yes, Enabled: &yes}
}

// withdraw deletes the factor just verified if somebody else changed the row meanwhile: a working secret must not stay
// while no row names it. If it can't be deleted, no login accepts it, and the error says that it is left.
func withdraw(ctx context.Context, store Reader, factors Factors, u User, f Factor, cause error) error {
	e := &errs.Error{Kind: errs.Refused, Err: cause, Hint: ReasonRowChanged.With(u.Username)}
	free, _, err := InUse(ctx, store, []Factor{f})
	if err == nil && len(free) == 1 {
		err = factors.DeleteFactor(ctx, *u.UUID, f.SID)
	}
	if err != nil {
		e.Err = fmt.Errorf("%w; the factor %s is left at Twilio, unused", cause, f.SID)
	}
	return e
}

package mfa

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/onetime"
)

// Verification is the planned end of an enrolment. It is made before the code is asked for.
type Verification struct {
	User   User
	Factor Factor
	// Pending has all pending factors of the user's name, the newest first. Only one of them can be in the user's app, and each
	// code costs one of its factor's attempts.
	Pending []PendingFactor

	record *FactorRecord // of Factor, if it is known
	resume bool          // the factor is verified at Twilio already, and only the row must be written
}

// FactorRecord is what this program's own record says about a factor that it made and that waits for its code.
type FactorRecord struct {
	Made  time.Time
	By    string // the operator
	Wrong int    // codes that Twilio did not accept, or perhaps did not
	// Replaces is the factor that the user was enrolled with when this one was made: enroll --replace has made it. It is empty
	// for an enrolment that replaces nothing.
	Replaces string
}

// PendingFactor is a factor at Twilio that waits for its first code.
type PendingFactor struct {
	Factor
	Record *FactorRecord // nil if this program has none: uzERP makes a factor when the user opens its login
}

// Origin says in words which factor it is, when it was made, and by whom.
func (p PendingFactor) Origin() string {
	by := "not by this program, as far as its audit log says"
	if p.Record != nil {
		by = fmt.Sprintf("by %q with this program", p.Record.By)
	}
	return fmt.Sprintf("%s made at %s, %s", p.SID, p.Created.UTC().Format("15:04:05 MST on 2 January"), by)
}

// origins lists pending factors in words.
func origins(pending []PendingFactor) string {
	words := make([]string, len(pending))
	for i, p := range pending {
		words[i] = p.Origin()
	}
	return strings.Join(words, "; ")
}

// FactorRecords returns what is recorded of the factors that this program made for a user, by their SIDs. Without a record
// there are none.
type FactorRecords func(ctx context.Context, username string) map[string]FactorRecord

// Billed reports whether Twilio charges for a success. It charges for each approved challenge
// (docs/facts/twilio-verify.md §4).
func (v Verification) Billed() bool { return v.resume }

// PlanVerification finds the factor to finish the enrolment with: the one named by sid, or else the pending one that this
// program made last, as records says, or else the only pending one. A code costs an attempt of the factor that it is sent
// for, so with several pending ones no other is guessed. An enrolled user's is only one that enroll --replace has made in place
// of the one in use, as the record says, also if it is named. A verified factor is taken only if it is named, and a challenge
// checks its code: an old phone's left-over factor must not come back by itself. The error is of errs.NotFound if there is no such factor, and of errs.Refused
// if it is not known which one is meant, or if the user is enrolled already and nothing is pending.
func PlanVerification(ctx context.Context, store Reader, factors FactorReader, records FactorRecords, u User, sid string) (Verification, error) {
	v := Verification{User: u}
	var made map[string]FactorRecord
	if records != nil {
		made = records(ctx, u.Username)
	}
	if u.Whole() && (sid == *u.SID || sid == "" && len(made) == 0) { // with another factor named, it replaces the one in use
		return v, alreadyEnrolled(u)
	}
	if u.UUID == nil {
		return v, nothingPending(u)
	}
	listed, err := factors.ListFactors(ctx, *u.UUID)
	if err != nil {
		return v, err
	}
	v.Pending = pendingOf(u, listed, made)
	if sid == "" {
		return v, v.choose(listed, made)
	}
	return v, v.take(ctx, store, listed, made, sid)
}

func alreadyEnrolled(u User) error {
	return errs.NewWith(errs.Refused, fmt.Sprintf("%q is already enrolled", u.Username), ReasonLooksEnrolled.With(u.Username))
}

func nothingPending(u User) *errs.Error {
	return errs.NewWith(errs.NotFound, fmt.Sprintf("no pending enrollment for %q", u.Username), enrollAnew(u, ReasonNothingPending, ReasonAlreadyEnrolled))
}

// enrollAnew returns the hint with which an enrolment begins anew: fresh, or replacing for a user whom enroll refuses without
// --replace.
func enrollAnew(u User, fresh, replacing errs.Reason, more ...any) errs.Hint {
	reason := fresh
	if u.Whole() {
		reason = replacing
	}
	return reason.With(append([]any{u.Username}, more...)...)
}

// pendingOf returns the pending factors with the user's name, the newest first. A factor of another name belongs to another
// user with the same uuid: their phone must not open this account.
func pendingOf(u User, listed []Factor, made map[string]FactorRecord) (pending []PendingFactor) {
	for _, f := range slices.Backward(listed) { // of factors of the same second the later in the list is the newer
		if f.Status == FactorVerified || f.FriendlyName != FriendlyName(u.Username) {
			continue
		}
		p := PendingFactor{Factor: f}
		if r, ok := made[f.SID]; ok {
			p.Record = &r
		}
		pending = append(pending, p)
	}
	slices.SortStableFunc(pending, func(a, b PendingFactor) int { return b.Created.Compare(a.Created) })
	return pending
}

// choose chooses the pending factor that is meant if none is named.
func (v *Verification) choose(listed []Factor, made map[string]FactorRecord) error {
	var own []PendingFactor
	for _, p := range v.Pending {
		if p.Record != nil && mayEnroll(v.User, made, p.SID) {
			own = append(own, p)
		}
	}
	slices.SortStableFunc(own, func(a, b PendingFactor) int { return b.Record.Made.Compare(a.Record.Made) })
	switch {
	case len(own) > 0:
		v.Factor, v.record = own[0].Factor, own[0].Record
		return nil
	case v.User.Whole():
		return alreadyEnrolled(v.User)
	case len(v.Pending) > 0 && len(made) > 0: // the code is of an app with the factor that is gone
		return errs.NewWith(errs.Refused, fmt.Sprintf("the factor that this program made for %q is gone, and another one is pending: %s",
			v.User.Username, origins(v.Pending)), ReasonWhichFactor.With(v.User.Username))
	case len(v.Pending) == 1:
		v.Factor = v.Pending[0].Factor
		return nil
	case len(v.Pending) > 1:
		return errs.NewWith(errs.Refused, fmt.Sprintf("%q has %d pending enrollments, and which of them is in the app is not known: %s",
			v.User.Username, len(v.Pending), origins(v.Pending)), ReasonWhichFactor.With(v.User.Username))
	}
	none := nothingPending(v.User)
	for _, f := range listed {
		if f.Status == FactorVerified && f.FriendlyName == FriendlyName(v.User.Username) {
			none.Hint = ReasonHalfEnrolled.With(v.User.Username, f.SID)
		}
	}
	return none
}

// mayEnroll reports whether the factor may become the user's, as far as another one is in use: then the record must say that it
// was made to replace just that one. Who has the QR code of any other factor may be anybody.
func mayEnroll(u User, made map[string]FactorRecord, sid string) bool {
	return !u.Whole() || made[sid].Replaces == *u.SID
}

// take takes the factor that is named.
func (v *Verification) take(ctx context.Context, store Reader, listed []Factor, made map[string]FactorRecord, sid string) error {
	name, enroll := v.User.Username, nothingPending(v.User).Hint
	n := slices.IndexFunc(listed, func(f Factor) bool { return f.SID == sid })
	if n < 0 {
		return errs.NewWith(errs.NotFound, fmt.Sprintf("%q has no factor %s at Twilio", name, sid), enroll)
	}
	v.Factor = listed[n]
	for _, p := range v.Pending {
		if p.SID == sid {
			v.record = p.Record
		}
	}
	switch {
	case v.Factor.FriendlyName != FriendlyName(name):
		return errs.NewWith(errs.Refused, fmt.Sprintf("the factor %s was made for %q and not for %q", sid, v.Factor.FriendlyName, name), enroll)
	case !mayEnroll(v.User, made, sid):
		return errs.NewWith(errs.Refused, fmt.Sprintf("%q is already enrolled, and the audit log here does not say that %s was made to replace the phone in use",
			name, sid), ReasonAlreadyEnrolled.With(name))
	case v.Factor.Status == FactorVerified:
		// The operator named it, it is verified, and the row does not name it: the last step of an enrolment failed. It
		// must not be another user's factor.
		free, _, err := withoutOthers(ctx, store, name, []Factor{v.Factor})
		if err != nil {
			return err
		}
		if len(free) == 0 {
			return errs.NewWith(errs.Refused, fmt.Sprintf("the factor %s belongs to another user", sid), enroll)
		}
		v.resume = true
	}
	return nil
}

// MaxAttempts is how many codes Twilio takes for a pending factor (docs/facts/twilio-verify.md §2, 60310).
const MaxAttempts = 5

// Tries is how many codes Twilio still takes for a pending factor, and until when.
type Tries struct {
	Left  int
	Known bool      // otherwise others may have used some
	Until time.Time // until then the factor is surely there
}

// Tries returns what is left before a code is sent.
func (v Verification) Tries() Tries {
	t := Tries{Until: v.Factor.surelyUntil()}
	if v.record != nil {
		t.Left, t.Known = max(0, MaxAttempts-v.record.Wrong), true
	}
	return t
}

// after returns what is left when a code was wrong.
func (t Tries) after() Tries {
	t.Left = max(0, t.Left-1)
	return t
}

// inWords returns what an operator may do with a code after a wrong one.
func (t Tries) inWords(now time.Time) string {
	text := "Twilio takes five codes for a factor"
	switch {
	case t.Known && t.Left == 1:
		text = "1 try is left"
	case t.Known:
		text = fmt.Sprintf("%d tries are left", t.Left)
	}
	if now.Before(t.Until) {
		return text + ", until " + t.Until.UTC().Format("15:04:05 MST") + " at least"
	}
	return text + ", but Twilio may delete the factor at any moment"
}

// AppCheck checks whether an enrolled user's app makes the right codes. It changes nothing, and Twilio bills a success.
type AppCheck struct {
	User User
	SID  string
}

// PlanCheck plans to challenge the factor that uzERP itself would challenge. The error is of errs.Refused.
func PlanCheck(u User, sid string) (AppCheck, error) {
	c := AppCheck{User: u}
	if !u.Whole() {
		return c, errs.NewWith(errs.Refused, fmt.Sprintf("%q has no enrollment that could be checked (%s)", u.Username, u.State()),
			ReasonNothingToCheck.With(u.Username))
	}
	if sid != "" && sid != *u.SID {
		return c, errs.NewWith(errs.Refused, "uzERP does not use that factor for this user", ReasonOtherFactorInUse.With())
	}
	c.SID = *u.SID
	return c, nil
}

// Submit sends the code. For a wrong one the error is of errs.CodeRejected.
func (c AppCheck) Submit(ctx context.Context, factors FactorChallenger, code string) error {
	f, err := factors.FetchFactor(ctx, *c.User.UUID, c.SID)
	if err == nil {
		err = checkLength(code, f)
	}
	if err == nil {
		err = challenge(ctx, factors, c.User, c.SID, code)
	}
	if factorGone(err) {
		return &errs.Error{Kind: errs.Refused, Err: errors.New("the factor that uzERP uses for this user does not exist at Twilio: the user is locked out"),
			Hint: ReasonFactorGone.With(c.User.Username)}
	}
	return err
}

// checkLength refuses a code that has not as many digits as those of the factor: it costs no attempt.
func checkLength(code string, f Factor) error {
	if err := onetime.CheckLength(code, f.TOTP.Digits, "this app account's"); err != nil {
		return &errs.Error{Kind: errs.CodeRejected, Err: fmt.Errorf("the code is wrong: %w", err), Hint: errs.Plain("let it be read out again, digit by digit")}
	}
	return nil
}

// Submit sends the code that finishes an enrolment, and returns what is left then. For a wrong code the error is of
// errs.CodeRejected, and uzERP is not changed. A database that can't be written is found before Twilio is asked.
func (v Verification) Submit(ctx context.Context, store Writer, factors Factors, code string) (Tries, error) {
	left := v.Tries()
	if err := checkLength(code, v.Factor); err != nil {
		return left, err
	}
	if v.resume {
		return left, v.end(ctx, store, factors, code)
	}
	err := verifyAndStore(ctx, store, factors, v.User, v.Factor, code, left, nothingInUzERP)
	if errs.KindOf(err) == errs.CodeRejected {
		left = left.after()
	}
	return left, err
}

// end writes the row of a user whose factor is verified already. Twilio bills the challenge, so what would stand in the way of
// the row afterwards is looked for before.
func (v Verification) end(ctx context.Context, store Writer, factors Factors, code string) error {
	if err := stillSo(ctx, store, v.User); err != nil {
		return err
	}
	if err := mayStore(ctx, store, v.User, v.Factor); err != nil {
		return err
	}
	if err := challenge(ctx, factors, v.User, v.Factor.SID, code); err != nil {
		return err
	}
	return storeFactor(ctx, store, factors, v.User, v.Factor)
}

// stillSo returns an error unless the user's row is still what was read.
func stillSo(ctx context.Context, store Reader, u User) error {
	now, err := store.FindUsers(ctx, []string{u.Username})
	if err != nil {
		return err
	}
	if len(now) != 1 || !now[0].Equal(u.Row) {
		return &errs.Error{Kind: errs.Refused, Err: errs.ErrChanged, Hint: ReasonRowChanged.With(u.Username)}
	}
	return nil
}

// mayStore returns the error that storing the factor in the user's row would end with, as far as that is known before.
func mayStore(ctx context.Context, store Writer, u User, f Factor) error {
	return store.MayWrite(ctx, u.Username, enrolledRow(u.Row, f.SID))
}

// challenge asks Twilio whether a verified factor makes this code. For a wrong one the error is of errs.CodeRejected.
func challenge(ctx context.Context, factors Challenger, u User, sid, code string) error {
	sending, cancel := Uninterrupted(ctx)
	defer cancel()
	approved, err := factors.Challenge(sending, *u.UUID, sid, code)
	switch {
	case err != nil:
		return err
	case !approved:
		return errs.New(errs.CodeRejected, "Twilio did not accept the code; nothing was changed",
			"try the next code that the app shows: each works once. If it goes on, check date and time on the phone")
	}
	return nil
}

package mfa

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"uzerp-mfa/internal/errs"
)

// Remedy is a change that helps users to get in, or takes such help back.
type Remedy string

// The remedies. Their texts are those of the commands.
const (
	RemedyReset  Remedy = "reset"
	RemedySkip   Remedy = "disable-next-login"
	RemedyEnable Remedy = "enable"
)

// A front end takes every remedy the same way; cmd/remedy.go and assist do:
//
//	users, err := Lookup(ctx, store, names)            who
//	plan := planner.Plan(ctx, remedy, users, step)     what would be done for each; it changes nothing
//	plan.MayApply(ctx, applier)                        if the caller is to be verified: are the rights there?
//	caller.Verifier.Verify(ctx, plan.Needed()[0].User) if the caller is to be verified
//	plan.Needed(), each with Details and Warnings      what the operator is shown
//	plan.Question()                                    what the operator is asked
//	planner.LookAgain(ctx, plan)                       whether what was shown is still so, after what took its time
//	plan.Apply(ctx, applier, step)                     the change; the port that makes it mails the user (internal/notify)
//	each of plan.Users: Err or Message                 what became of each user
//
// In a dry run all is the same but the last two: nothing is asked, and nothing is applied.

// Planner plans remedies. It reads only.
type Planner struct {
	Store     Reader
	Directory Directory    // nil if the persons can't be looked up
	Factors   FactorReader // for a reset; nil with SkipTwilio
	Site      SiteLogin
	NewUUID   func() string
	Now       func() time.Time
	// SkipTwilio plans a reset of uzERP alone, for when Twilio is down.
	SkipTwilio bool
}

// RemedyPlan is a remedy for several users.
type RemedyPlan struct {
	Remedy Remedy
	Site   SiteLogin
	Users  []*UserRemedy // in the order of the users
	Shown  bool          // the operator has seen it
	// Unread is why the persons could not be looked up. They are shown and decide nothing, so the plan holds without them.
	Unread error
}

// UserRemedy is the plan for one user, and then its result.
type UserRemedy struct {
	ResetPlan          // of a remedy other than a reset it deletes nothing at Twilio
	Details   *Details // the person; nil if it is not known
	Next      NextLogin
	Err       error        // why it was refused, or could not be planned or finished
	Done      *ResetResult // what was done; nil if nothing was tried

	remedy Remedy
	after  Prospect // what the next login depends on then
	now    time.Time
}

// Plan plans a remedy for users and changes nothing. step, if not nil, is called after each user.
func (d Planner) Plan(ctx context.Context, remedy Remedy, users []User, step func()) *RemedyPlan {
	p := &RemedyPlan{Remedy: remedy, Site: d.Site}
	details := d.details(ctx, p, users)
	for _, u := range users {
		p.Users = append(p.Users, &UserRemedy{ResetPlan: ResetPlan{RowChange: RowChange{User: u}}, remedy: remedy, now: d.Now()})
	}
	failures := Batch(ctx, p.Users, func(ctx context.Context, _ int, r *UserRemedy) error { return d.plan(ctx, r) }, step)
	for i, r := range p.Users {
		r.Err = failures[i]
		if known, ok := details[r.User.Username]; ok {
			r.Details = &known
		}
		d.foresee(r)
	}
	return p
}

// details looks up the persons.
func (d Planner) details(ctx context.Context, p *RemedyPlan, users []User) map[string]Details {
	if d.Directory == nil {
		return nil
	}
	names := make([]string, len(users))
	for i, u := range users {
		names[i] = u.Username
	}
	details, err := d.Directory.Details(ctx, names)
	p.Unread = err
	return details
}

// plan plans for one user.
func (d Planner) plan(ctx context.Context, r *UserRemedy) (err error) {
	switch r.remedy {
	case RemedyReset:
		r.ResetPlan, err = PlanReset(ctx, d.Store, d.Factors, r.User, d.SkipTwilio, d.NewUUID)
		return err
	case RemedySkip:
		r.RowChange = PlanDisableNextLogin(r.User)
	default:
		r.RowChange = PlanEnable(r.User)
	}
	if r.Refusal != nil {
		return r.Refusal
	}
	return nil
}

// foresee says what happens at the user's next login after the remedy; without one that was planned, as it is now.
func (d Planner) foresee(r *UserRemedy) {
	r.after = Prospect{User: r.User, Site: d.Site, Factor: FactorNotAsked}.With(r.Details)
	if r.Err == nil {
		r.after.User.Row = r.Becomes
	}
	r.Next = r.after.NextLogin()
	if r.Refusal != nil && r.User.State() == StateNotEnrolled {
		r.Err = r.notEnrolled()
	}
}

// notEnrolled returns the refusal for a user whom no login asks for a code. It says what the login asks for, if uzERP lets the
// user in at all; if not, an enrollment does not help.
func (r *UserRemedy) notEnrolled() error {
	hint := r.Refusal.Hint
	if r.Next.Outcome == OutcomeDenied || r.Next.Outcome == OutcomeLockedOut && !r.Next.Closed {
		hint = errs.Hint{}
	}
	return errs.NewWith(r.Refusal.Kind, r.Refusal.Error()+": "+r.Afterwards(), hint)
}

// Needed returns the users for whom something would be changed.
func (p *RemedyPlan) Needed() []*UserRemedy {
	var needed []*UserRemedy
	for _, r := range p.Users {
		if r.Err == nil && r.Done == nil && r.Needed() {
			needed = append(needed, r)
		}
	}
	return needed
}

// LookAgain reads once more what the operator was shown and the row does not hold: access, company, whether the person has left.
// A user of whom something else is true now is refused: the answer was about something else. The row itself is compared when
// it is written.
func (d Planner) LookAgain(ctx context.Context, p *RemedyPlan) error {
	needed := p.Needed()
	names := make([]string, len(needed))
	for i, r := range needed {
		names[i] = r.User.Username
	}
	if len(names) == 0 {
		return nil
	}
	users, err := d.Store.FindUsers(ctx, names)
	if err != nil {
		return err
	}
	again := &RemedyPlan{}
	details := d.details(ctx, again, users)
	if again.Unread != nil && p.Unread == nil {
		return again.Unread
	}
	for _, r := range needed {
		i := slices.IndexFunc(users, func(u User) bool { return u.Username == r.User.Username })
		if i < 0 {
			continue // no row can be written
		}
		is := &UserRemedy{ResetPlan: r.ResetPlan, remedy: r.remedy, now: d.Now()}
		is.User.AccessEnabled = users[i].AccessEnabled
		if known, ok := details[r.User.Username]; ok {
			is.Details = &known
		}
		d.foresee(is)
		if now := is.unlike(r); len(now) > 0 {
			r.Err = errs.NewWith(errs.Refused, fmt.Sprintf("%q has changed since it was shown, and nothing was done; now it would be: %s",
				r.User.Username, strings.Join(now, "; ")), ReasonRowChanged.With(r.User.Username))
		}
	}
	return nil
}

// unlike returns what the operator would be shown now and was not shown; all of it, if only something is left out now.
func (r *UserRemedy) unlike(shown *UserRemedy) []string {
	now, was := r.said(), shown.said()
	if slices.Equal(now, was) {
		return nil
	}
	other := slices.DeleteFunc(slices.Clone(now), func(text string) bool { return slices.Contains(was, text) })
	if len(other) == 0 {
		return now
	}
	return other
}

// said returns the sentences of the warnings, and of what happens afterwards.
func (r *UserRemedy) said() []string {
	return append(r.Warnings(), strings.Split(r.Afterwards(), "; ")...)
}

// Question is what the operator is asked before a plan is applied.
type Question struct {
	Text string
	// Type is what must be typed. It is "" if y is enough. Several users need their number, so that a y typed too fast, or
	// a list that is longer than meant, changes nobody.
	Type string
}

// Question returns what must be asked. asks is false if nothing is to be asked: nothing would be changed, or the login
// only gets safer.
func (p *RemedyPlan) Question() (q Question, asks bool) {
	needed := p.Needed()
	n := len(needed)
	switch {
	case n == 0 || p.Remedy == RemedyEnable:
		return Question{}, false
	case n == 1 && p.Remedy == RemedySkip:
		return Question{Text: fmt.Sprintf("Let %q log in once without a code?", needed[0].User.Username)}, true
	case n == 1:
		return Question{Text: fmt.Sprintf("Reset the second factor of %q?", needed[0].User.Username)}, true
	case p.Remedy == RemedySkip:
		return Question{fmt.Sprintf("Type %d to let these %d users log in once without a code:", n, n), fmt.Sprint(n)}, true
	}
	return Question{fmt.Sprintf("Type %d to reset the second factor of these %d users:", n, n), fmt.Sprint(n)}, true
}

// Waits reports whether the remedy would have its effect only on the day on which two-factor login is switched on, and until then
// would lie there for anybody who has the password.
func (p *RemedyPlan) Waits() bool {
	return p.Remedy == RemedySkip && p.Site == SiteOff && len(p.Needed()) > 0
}

func (r *UserRemedy) standing() Standing {
	return Standing{User: r.User, Details: r.Details, now: r.now}
}

// Warnings returns what the operator should know before the change is made.
func (r *UserRemedy) Warnings() []string {
	var all []string
	name := r.User.Username
	if s := r.standing(); s.Left() {
		all = append(all, s.leftWarning())
	}
	if len(r.Kept) > 0 {
		all = append(all, fmt.Sprintf("%q shares its uuid with another user, whose %s will be kept", name, factors(len(r.Kept))))
	}
	return all
}

// Applier has what plans are applied with.
type Applier struct {
	Store   Writer
	Factors Factors // nil if nothing is to be deleted at Twilio
}

// MayApply returns the error that would keep every change of the plan from being made, for lack of a right in the database or at
// Twilio. It changes nothing. It is asked before a caller is sent a code, who would read it out for nothing.
func (p *RemedyPlan) MayApply(ctx context.Context, a Applier) error {
	if err := a.Store.Writable(ctx); err != nil {
		return err
	}
	for _, r := range p.Needed() {
		if err := r.mayDelete(ctx, a.Factors); err != nil {
			return err
		}
	}
	return nil
}

// Apply makes the planned changes. The result of each user is in Done and Err. step, if not nil, is called after each
// user for whom there was something to do.
func (p *RemedyPlan) Apply(ctx context.Context, a Applier, step func()) {
	needed := p.Needed()
	failures := Batch(ctx, needed, func(ctx context.Context, _ int, r *UserRemedy) error { return r.apply(ctx, a) }, step)
	for i, err := range failures {
		needed[i].Err = err
	}
}

func (r *UserRemedy) apply(ctx context.Context, a Applier) error {
	done, err := r.Apply(ctx, a.Store, a.Factors)
	r.Done, r.Err = &done, err
	return err
}

// Changed reports whether the user's row was changed, also if something is left to clean up at Twilio.
func (r *UserRemedy) Changed() bool {
	return r.Done != nil && (r.Err == nil || errors.Is(r.Err, ErrRowReset))
}

// Afterwards returns what happens at the user's next login once the change is made.
func (r *UserRemedy) Afterwards() string {
	text := r.after.Said()
	if r.after.Site == SiteUnknown {
		text += "; whether " + switchedOn + " is not known"
	}
	if r.after.User.Access() && r.after.CompanyAccess == nil {
		text += "; whether the user may enter a company is not known"
	}
	if s := r.standing(); r.remedy != RemedyEnable && s.Left() {
		text += "; " + s.leftNote()
	}
	return text
}

// Tell returns what the operator tells the user once the change is made, or "". It promises no login that uzERP does not allow.
func (r *UserRemedy) Tell() string {
	if r.remedy != RemedyReset {
		return ""
	}
	const remove, shows = "delete the old uzERP account from the authenticator app", "uzERP shows a new QR code"
	switch n := r.Next; {
	case n.Outcome == OutcomeAsksToEnroll && r.after.Site == SiteOn:
		return remove + ", then log in; " + shows
	case n.Outcome == OutcomeAsksToEnroll:
		return remove + "; if " + switchedOn + ", " + shows + " at the next login"
	case n.Outcome == OutcomePasswordOnly && n.Then.Outcome == OutcomeAsksToEnroll:
		return remove + "; once " + switchedOn + ", " + shows
	}
	return remove
}

// Message returns what becomes of the user, or became, in one line: first what happens at the next login. If there is an
// Err, that is to be told instead.
func (r *UserRemedy) Message() string {
	parts := []string{r.Afterwards()}
	switch {
	case r.remedy == RemedyReset && !r.Needed():
		parts[0] = "nothing to reset: " + parts[0]
	case !r.Needed():
		parts[0] = "already so: " + parts[0]
	case r.remedy == RemedyReset:
		parts = append(parts, r.atTwilio()...)
	}
	return strings.Join(append(parts, r.uuid()...), "; ")
}

// Result is Message for somebody to whom the plan was shown, with what happens at the next login: it says what became of the row.
func (r *UserRemedy) Result() string {
	if !r.Needed() {
		return r.Message()
	}
	parts := []string{"state " + string(User{Row: r.Becomes}.State())}
	if r.remedy == RemedyReset {
		parts = append(parts, r.atTwilio()...)
	}
	return strings.Join(append(parts, r.uuid()...), "; ")
}

func (r *UserRemedy) uuid() []string {
	if r.Needed() && r.User.UUID == nil {
		return []string{"a uuid is assigned"}
	}
	return nil
}

// atTwilio returns what a reset does, or did, with the factors.
func (r *UserRemedy) atTwilio() []string {
	if r.SkipTwilio {
		return []string{"factors at Twilio are left as they are"}
	}
	parts, kept := []string{factors(len(r.Delete)) + " to delete at Twilio"}, len(r.Kept)
	if r.Done != nil {
		parts[0] = factors(len(r.Done.Deleted)) + " deleted at Twilio"
		kept += len(r.Done.Left)
	}
	switch {
	case kept == 1:
		parts = append(parts, "1 factor kept because it is in use")
	case kept > 1:
		parts = append(parts, factors(kept)+" kept because they are in use")
	}
	return parts
}

// factors returns "1 factor", "2 factors".
func factors(n int) string {
	if n == 1 {
		return "1 factor"
	}
	return fmt.Sprintf("%d factors", n)
}

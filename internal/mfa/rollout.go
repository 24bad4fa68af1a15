package mfa

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"uzerp-mfa/internal/errs"
)

// Handout is a page with which a user who is not in the room sets up the app.
type Handout struct {
	Username   string
	File       string
	FactorSID  string
	Made       time.Time // by Twilio's clock
	ValidUntil time.Time // until then the page surely works
}

// Handouts keeps the pages. Its methods may be called at the same time.
type Handouts interface {
	// Find returns the page that was made for the user last. ok is false if there is none, or none any more.
	Find(username string) (h Handout, ok bool, err error)
	// Add makes the page of a user, whole or not at all, and returns its file. A page that Find returns stays until the new one
	// is written.
	Add(h Handout, page []byte) (file string, err error)
}

// RollOut makes pages for many users. Killed and run again it goes on: a user who has a page that works gets no second factor.
type RollOut struct {
	Enroller *Enroller
	Pages    Handouts
	Render   func(*PendingEnrollment) ([]byte, error)
	Now      func() time.Time

	Replace   bool // also for enrolled users, whose phone works until the new one is verified
	IfMissing bool // an enrolled user is no failure, nor is one for whom a QR code was made within the last hour
	Another   bool // a new page also for users who have one that works
	Left      bool // pages also for persons who have left
}

// RollOutPlan says what is to be done for one user.
type RollOutPlan struct {
	Standing
	Change  RowChange
	Page    Handout  // the one that is there; of the zero Handout there is none
	Done    string   // why nothing is to be done; empty if a page is to be made
	factors []Factor // at Twilio, if they are listed
}

// RollOutOutcome is what became of one user's page.
type RollOutOutcome struct {
	RollOutPlan
	Made bool // Page was made just now
	Err  error
	// Planned says that the error came before anything was asked to be changed.
	Planned bool
}

// Plan finds out what is to be done for a user. It changes nothing. Nobody who has left gets a page by accident.
func (r *RollOut) Plan(ctx context.Context, s Standing) (RollOutPlan, error) {
	p, err := r.plan(ctx, s)
	if err == nil && p.Done == "" && s.Left() && !r.Left {
		err = s.refusal()
	}
	return p, err
}

func (r *RollOut) plan(ctx context.Context, s Standing) (RollOutPlan, error) {
	u := s.User
	p := RollOutPlan{Standing: s, Change: PlanEnroll(u, r.Replace)}
	page, there, err := r.Pages.Find(u.Username)
	if err != nil {
		return p, &errs.Error{Kind: errs.Failure, Op: "look for the page", Err: err}
	}
	if there {
		p.Page = page
	}
	switch {
	case there && u.Whole() && u.FactorSID() == page.FactorSID:
		p.Done = "enrolled with the page, which is of no use any more"
		return p, nil
	case p.Change.Refusal != nil && r.IfMissing:
		p.Done = "enrolled already"
		return p, nil
	case p.Change.Refusal != nil:
		return p, p.Change.Refusal
	case u.UUID == nil, !there && (!r.IfMissing || r.Another): // nothing is compared with what Twilio has
		return p, nil
	}
	if p.factors, err = r.Enroller.Factors.ListFactors(ctx, *u.UUID); err != nil {
		return p, err
	}
	err = r.compare(u, &p, there)
	return p, err
}

// compare compares the page with what Twilio has.
func (r *RollOut) compare(u User, p *RollOutPlan, there bool) error {
	now := r.Enroller.Factors.Now()
	if !there {
		pending := pendingOf(u, p.factors, nil)
		if r.IfMissing && !r.Another && len(pending) > 0 && now.Before(pending[0].surelyUntil()) {
			p.Done = "no page: a QR code was made within the last hour, and may be on its way to the user"
		}
		return nil
	}
	n := slices.IndexFunc(p.factors, func(f Factor) bool { return f.SID == p.Page.FactorSID })
	switch {
	case n >= 0 && p.factors[n].Status == FactorVerified:
		return errs.NewWith(errs.Refused, fmt.Sprintf("the app of %q is verified at Twilio, and uzERP does not know it yet", u.Username),
			enrollAnew(u, ReasonHalfEnrolled, ReasonHalfReplaced, p.Page.FactorSID))
	case r.Another:
	case n >= 0:
		p.Done = "the page is there and still works"
	case now.Before(p.Page.ValidUntil):
		// Twilio keeps a pending factor for an hour. So the user was reset, or the page belongs to another installation.
		return errs.NewWith(errs.Refused, fmt.Sprintf("%q has a page whose factor is not there, although it was made less than an hour ago: "+
			"the user was reset, or the page is of another database or service", u.Username), ReasonPageOfOther.With())
	}
	return nil
}

// Apply makes the page as planned. Twilio's factor comes first: its secret is on the page. A page that is there gives way last:
// it may still work. If the new page can't be kept, the factor is deleted, for nobody has its secret.
func (r *RollOut) Apply(ctx context.Context, p RollOutPlan) (Handout, error) {
	pending, err := r.Enroller.Begin(ctx, p.Change)
	if err != nil {
		return Handout{}, err
	}
	sure, _ := pending.Lifetime(r.Now())
	h := Handout{Username: pending.User.Username, FactorSID: pending.Factor.SID, Made: sure.Add(-surelyThere), ValidUntil: sure}
	page, err := r.Render(pending)
	if err == nil {
		h.File, err = r.Pages.Add(h, page)
	}
	if err != nil {
		_ = pending.TakeBack(ctx)
		return Handout{}, pageError(pending, err)
	}
	return h, nil
}

func pageError(p *PendingEnrollment, err error) error {
	return &errs.Error{Kind: errs.Failure, Op: fmt.Sprintf("the page for %q", p.User.Username), Err: err,
		Hint: errs.Plain(p.Changed() + "; run the command again when that is mended")}
}

// Run does both for each of the users, several at a time. With dryRun it only plans. done is as for Batch.
func (r *RollOut) Run(ctx context.Context, users []Standing, dryRun bool, done func()) []RollOutOutcome {
	outcomes := make([]RollOutOutcome, len(users))
	failures := Batch(ctx, users, func(ctx context.Context, i int, s Standing) error {
		o := &outcomes[i]
		p, err := r.Plan(ctx, s)
		o.RollOutPlan = p
		if err != nil || p.Done != "" || dryRun {
			o.Planned = true
			return err
		}
		h, err := r.Apply(ctx, p)
		if err == nil {
			o.Page, o.Made = h, true
		}
		return err
	}, done)
	for i, err := range failures {
		outcomes[i].Standing, outcomes[i].Change.User, outcomes[i].Err = users[i], users[i].User, err
		outcomes[i].Planned = outcomes[i].Planned || errors.Is(err, ErrNotTried)
	}
	return outcomes
}

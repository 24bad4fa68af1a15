package connect

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"uzerp-mfa/internal/audit"
	"uzerp-mfa/internal/caller"
	"uzerp-mfa/internal/injector"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/policy"
	"uzerp-mfa/internal/verifyservice"
)

// gate asks the administrator's policy before each change. Every writing port has one inside, so no command can forget
// it. A port that finds users asks too: a command then ends before it shows a plan, asks, or sends a code.
type gate struct {
	ch      *Changes
	policy  *policy.Policy
	request policy.Request
	log     string
	word    bool // the operator has said how else the caller was verified
	code    bool // a code will verify the caller before anything is changed

	mu       sync.Mutex
	approved map[string]time.Time // when a code has verified the user's caller in this run
	passed   map[string]bool      // the users that may be changed: not asked again, or evidence would be too old half-way
}

func newGate(ch *Changes, cmd Command) *gate {
	g := &gate{ch: ch, policy: cmd.Policy, log: cmd.AuditLog, word: cmd.VerifiedBy != "", code: cmd.Identify,
		request:  policy.Request{Action: policy.Action(cmd.Name), AsRoot: cmd.AsRoot, Reason: cmd.Reason, Ticket: cmd.Ticket},
		approved: map[string]time.Time{}, passed: map[string]bool{}}
	if g.policy == nil {
		g.policy = policy.Default(policy.Path)
	}
	return g
}

// begin asks what can be asked before anything is opened.
func (g *gate) begin() error { return g.ch.Refused(g.request.Action, g.policy.Check(g.request)) }

// find asks whether these users may be changed later.
func (g *gate) find(ctx context.Context, users []string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	asked := false
	for _, user := range users {
		if g.passed[user] {
			continue
		}
		asked = true
		err := g.policy.CheckUser(g.request, user, func() policy.Evidence {
			e := g.evidence(ctx, user, g.code)
			e.Enrollment = true // which factor it will be is not known yet
			return e
		})
		if err != nil {
			return g.ch.Refused(user, err)
		}
	}
	if !asked {
		return nil
	}
	return g.ch.Refused(users[0], g.limit(ctx, users...))
}

// change asks whether a user may be changed now, so that sid is the user's factor. An empty sid means another change.
func (g *gate) change(ctx context.Context, user, sid string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.changeLocked(ctx, user, sid)
}

func (g *gate) changeLocked(ctx context.Context, user, sid string) error {
	if g.passed[user] {
		return nil
	}
	err := g.policy.CheckUser(g.request, user, func() policy.Evidence {
		e := g.evidence(ctx, user, false)
		e.Enrollment = g.waits(ctx, user, sid)
		return e
	})
	if err == nil {
		err = g.limit(ctx) // the intent of this change is in the log already
	}
	if err == nil {
		g.passed[user] = true
	}
	return err
}

// site asks whether something may be changed now that is no user's.
func (g *gate) site(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.limit(ctx)
}

// waits reports whether an enrolment of the user waits for its end with this factor, as the log says.
func (g *gate) waits(ctx context.Context, user, sid string) bool {
	if sid == "" || g.ch.recorder == nil {
		return false
	}
	now := g.ch.reader.options.Now()
	_, _ = g.ch.reader.client(0) // so that the place has a service; it opens no connection
	yes, err := audit.EnrollmentWaits(ctx, g.log, g.ch.reader.place(), user, sid, now.Add(-policy.EnrollFor), now)
	return yes && err == nil
}

// factor asks whether the factors of an identity may be changed now; sid names the one that is verified. Where several
// users share the uuid, all of them may be changed by this operator, and for one of them the caller is verified.
func (g *gate) factor(ctx context.Context, identity, sid string) error {
	if !g.policy.ListsUsers() {
		return g.site(ctx)
	}
	d, err := g.ch.reader.database(ctx)
	if err != nil {
		return err
	}
	owners, err := d.UUIDOwners(ctx, []string{identity})
	if err != nil {
		return err
	}
	users := owners[strings.ToLower(identity)]
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(users) == 0 {
		return g.limit(ctx)
	}
	both := func() policy.Evidence { return policy.Evidence{Code: true, Word: true} }
	for _, user := range users {
		if err := g.policy.CheckUser(g.request, user, both); err != nil {
			return err
		}
	}
	var refused error
	for _, user := range users {
		if refused = g.changeLocked(ctx, user, sid); refused == nil {
			return nil
		}
	}
	return refused
}

// evidence returns how the caller was verified. willVerify means that a code is still to come.
func (g *gate) evidence(ctx context.Context, user string, willVerify bool) policy.Evidence {
	e := policy.Evidence{Code: willVerify || g.believed(user), Word: g.word}
	if e.Code && e.Word {
		return e
	}
	if a, err := g.activity(ctx); err == nil {
		e.Code, e.Word = e.Code || a.Approved[user], e.Word || a.VerifiedBy[user]
	}
	return e
}

// believed reports whether a code has verified the user's caller in this run, and not too long ago.
func (g *gate) believed(user string) bool {
	at, ok := g.approved[user]
	age := g.ch.reader.options.Now().Sub(at)
	return ok && age >= 0 && age <= policy.BelieveFor
}

// limit asks whether the operator may change these users as well.
func (g *gate) limit(ctx context.Context, users ...string) error {
	return g.policy.CheckLimit(g.request, func() (int, error) {
		a, err := g.activity(ctx)
		n := len(a.Changed)
		for i, user := range users {
			if !a.Changed[user] && !slices.Contains(users[:i], user) {
				n++
			}
		}
		return n, err
	})
}

func (g *gate) activity(ctx context.Context) (audit.Activity, error) {
	_, _ = g.ch.reader.client(0) // so that the place has a service; it opens no connection
	now := g.ch.reader.options.Now()
	return audit.ReadActivity(ctx, g.log, g.ch.actor, g.ch.reader.place(), now.Add(-time.Hour), now.Add(-policy.BelieveFor), now)
}

type allowedUsers struct {
	mfa.Writer
	g *gate
}

// FindUsers asks first.
func (w allowedUsers) FindUsers(ctx context.Context, usernames []string) ([]mfa.User, error) {
	if err := w.g.find(ctx, usernames); err != nil {
		return nil, err
	}
	return w.Writer.FindUsers(ctx, usernames)
}

// CompareAndSet asks first.
func (w allowedUsers) CompareAndSet(ctx context.Context, username string, was, becomes mfa.Row) error {
	if err := w.g.change(ctx, username, factorOf(becomes)); err != nil {
		return err
	}
	return w.Writer.CompareAndSet(ctx, username, was, becomes)
}

func factorOf(r mfa.Row) string {
	if r.SID == nil {
		return ""
	}
	return *r.SID
}

type allowedFactors struct {
	mfa.Factors
	g *gate
}

// CreateFactor asks first.
func (f allowedFactors) CreateFactor(ctx context.Context, identity, friendlyName string) (mfa.NewFactor, error) {
	if err := f.g.factor(ctx, identity, ""); err != nil {
		return mfa.NewFactor{}, err
	}
	return f.Factors.CreateFactor(ctx, identity, friendlyName)
}

// VerifyFactor asks first.
func (f allowedFactors) VerifyFactor(ctx context.Context, identity, sid, code string) (mfa.Factor, error) {
	if err := f.g.factor(ctx, identity, sid); err != nil {
		return mfa.Factor{}, err
	}
	return f.Factors.VerifyFactor(ctx, identity, sid, code)
}

// DeleteFactor asks first.
func (f allowedFactors) DeleteFactor(ctx context.Context, identity, sid string) error {
	if err := f.g.factor(ctx, identity, ""); err != nil {
		return err
	}
	return f.Factors.DeleteFactor(ctx, identity, sid)
}

type allowedVerifications struct {
	caller.Verifications
	g *gate
}

// StartVerification asks first.
func (v allowedVerifications) StartVerification(ctx context.Context, to caller.Recipient, channel caller.Channel) (caller.Started, error) {
	if err := v.g.site(ctx); err != nil {
		return caller.Started{}, err
	}
	return v.Verifications.StartVerification(ctx, to, channel)
}

// CheckVerification remembers whose caller was verified. A number about which the operator's
// word is needed is no evidence.
func (v allowedVerifications) CheckVerification(ctx context.Context, to caller.Recipient, sid, code string) (caller.Status, error) {
	status, err := v.Verifications.CheckVerification(ctx, to, sid, code)
	if err == nil && status == caller.Approved && !to.Doubtful() {
		v.g.mu.Lock()
		defer v.g.mu.Unlock()
		v.g.approved[to.Username] = v.g.ch.reader.options.Now()
	}
	return status, err
}

type allowedInjector struct {
	injector.Writer
	g *gate
}

// ApplySwitch asks first, for the users too who get a uuid.
func (w allowedInjector) ApplySwitch(ctx context.Context, names []string, s injector.SwitchPlan) error {
	if err := w.g.site(ctx); err != nil {
		return err
	}
	for _, a := range s.Assignments {
		if err := w.g.change(ctx, a.Username, ""); err != nil {
			return err
		}
	}
	return w.Writer.ApplySwitch(ctx, names, s)
}

type allowedCopy struct {
	mfa.CopyWriter
	g *gate
}

// TargetDatabase asks first, because the operator must not be asked for nothing.
func (w allowedCopy) TargetDatabase(ctx context.Context) (mfa.TargetDatabase, error) {
	if err := w.g.policy.CheckAllUsers(w.g.request); err != nil {
		return mfa.TargetDatabase{}, w.g.ch.Refused(w.g.request.Action, err)
	}
	return w.CopyWriter.TargetDatabase(ctx)
}

// Detach asks first.
func (w allowedCopy) Detach(ctx context.Context, users int, newUUID func() string) error {
	err := w.g.policy.CheckAllUsers(w.g.request)
	if err == nil {
		err = w.g.site(ctx)
	}
	if err != nil {
		return err
	}
	return w.CopyWriter.Detach(ctx, users, newUUID)
}

type allowedServices struct {
	verifyservice.Creator
	g *gate
}

// CreateService asks first.
func (s allowedServices) CreateService(ctx context.Context, friendlyName, issuer string) (verifyservice.Service, error) {
	if err := s.g.site(ctx); err != nil {
		return verifyservice.Service{}, err
	}
	return s.Creator.CreateService(ctx, friendlyName, issuer)
}

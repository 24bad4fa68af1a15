package connect

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"uzerp-mfa/internal/audit"
	"uzerp-mfa/internal/caller"
	"uzerp-mfa/internal/db"
	"uzerp-mfa/internal/injector"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/policy"
	"uzerp-mfa/internal/session"
	"uzerp-mfa/internal/sessionfile"
	"uzerp-mfa/internal/twilio"
	"uzerp-mfa/internal/verifyservice"
)

// gate asks the administrator's policy before each change. Every writing port has one inside, so no command can forget
// it. A port that finds users asks too: a command then ends before it shows a plan, asks, or sends a code.
//
// It never stops a run that mends what the run itself has just broken: what may be changed may be changed once more by the
// same run, and a row that names a factor which this run has deleted may be reset, in every user's row.
type gate struct {
	ch      *Changes
	policy  *policy.Policy
	request policy.Request
	log     string
	word    bool // the operator has said how else the caller was verified
	code    bool // a code will verify the caller before anything is changed

	mu         sync.Mutex
	approved   map[string]time.Time // when a code has verified the user's caller in this run
	passed     map[string]bool      // the users that may be changed: not asked again, or evidence would be too old half-way
	identities map[string]bool      // those whose factors may be changed: the same
	deleted    map[string]bool      // the SIDs of factors that this run has deleted, or has tried to delete
	switched   bool                 // this run may switch injector classes, and so may switch back
}

func newGate(ch *Changes, cmd Command) *gate {
	g := &gate{ch: ch, policy: cmd.Policy, log: cmd.AuditLog, word: cmd.VerifiedBy != "", code: cmd.Identify,
		request:  policy.Request{Action: policy.Action(cmd.Name), AsRoot: cmd.AsRoot, Reason: cmd.Reason, Ticket: cmd.Ticket},
		approved: map[string]time.Time{}, passed: map[string]bool{}, identities: map[string]bool{}, deleted: map[string]bool{}}
	if g.policy == nil {
		g.policy = policy.Default(policy.Path)
	}
	return g
}

// forSessions returns the gate for ending sessions: that is always the action session-end, also as a part of another command.
func (g *gate) forSessions() *gate {
	if g.request.Action == sessionEnd {
		return g
	}
	of := &gate{ch: g.ch, policy: g.policy, log: g.log, word: g.word, code: g.code, request: g.request,
		approved: map[string]time.Time{}, passed: map[string]bool{}, identities: map[string]bool{}, deleted: map[string]bool{}}
	of.request.Action = sessionEnd
	return of
}

// sessionEnd is the action of the command that ends sessions.
const sessionEnd = "session-end"

// begin asks what can be asked before anything is opened.
func (g *gate) begin() error { return g.ch.Refused(g.request.Action, g.policy.Check(g.request)) }

// find asks whether these users, and others that are no users, may be changed later. Once something was changed it asks no
// more: a user may be read again, so that what went wrong is mended, and each change is asked for itself.
func (g *gate) find(ctx context.Context, users []string, others ...string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.begun() {
		return nil
	}
	if len(users) > len(g.request.Users) {
		g.request.Users = slices.Clone(users)
	}
	recent := g.recent(ctx)
	for _, user := range users {
		err := g.policy.CheckUser(g.request, user, func() policy.Evidence {
			e := g.evidence(recent, user, g.code)
			e.Enrollment = true // which factor it will be is not known yet
			return e
		})
		if err != nil {
			return g.ch.Refused(user, err)
		}
	}
	targets := slices.Concat(users, others)
	if len(targets) == 0 {
		return nil
	}
	return g.ch.Refused(targets[0], g.limit(recent, targets...))
}

// begun reports whether this run has changed something, or was about to.
func (g *gate) begun() bool { return len(g.passed) > 0 || len(g.identities) > 0 || g.switched }

// change asks whether a user may be changed now, so that sid is the user's factor. An empty sid means another change.
func (g *gate) change(ctx context.Context, user, sid string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.changeLocked(ctx, user, sid)
}

// changeLocked is change for a caller that holds g.mu. notYet are the targets whose intents are not in the log.
func (g *gate) changeLocked(ctx context.Context, user, sid string, notYet ...string) error {
	if g.passed[user] {
		return nil
	}
	recent := g.recent(ctx)
	err := g.helps(ctx, recent, user, sid)
	if err == nil {
		err = g.limit(recent, notYet...)
	}
	if err == nil {
		g.passed[user] = true
	}
	return err
}

// mayChange is change before there is an intent in the log. What it allows is not asked again: the change follows what can't
// be taken back.
func (g *gate) mayChange(ctx context.Context, user, sid string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.changeLocked(ctx, user, sid, user)
}

// helps asks whether a user may get help now, with the factor sid if it is not empty. It does not ask how much was changed.
func (g *gate) helps(ctx context.Context, recent activity, user, sid string) error {
	return g.policy.CheckUser(g.request, user, func() policy.Evidence {
		e := g.evidence(recent, user, false)
		e.Enrollment = g.waits(ctx, user, sid)
		return e
	})
}

// mends reports whether the change takes a factor out of a row that this run has deleted.
func (g *gate) mends(was, becomes mfa.Row) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return was.SID != nil && g.deleted[*was.SID] && becomes.SID == nil
}

// site asks whether something may be changed now that is no user's.
func (g *gate) site(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.limit(g.recent(ctx))
}

// waits reports whether an enrolment of the user waits for its end with this factor, as the log says.
func (g *gate) waits(ctx context.Context, user, sid string) bool {
	if sid == "" || g.ch.recorder == nil {
		return false
	}
	now := g.ch.reader.options.Now()
	yes, err := audit.EnrollmentWaits(ctx, g.log, g.place(), user, sid, now.Add(-policy.EnrollFor), now)
	return yes && err == nil
}

// place returns where the changes are made. It opens nothing.
func (g *gate) place() audit.Place {
	place := g.ch.reader.place()
	if place.Service == nil { // Twilio was not needed until now
		place.Service = g.ch.reader.service()
	}
	return place
}

// factor asks whether the factors of an identity may be changed now; sid names the one that is verified. Where several
// users share the uuid, all of them may be changed by this operator, and for one of them the caller is verified.
func (g *gate) factor(ctx context.Context, identity, sid string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.identities[identity] {
		return nil
	}
	users, err := g.owners(ctx, identity)
	if err == nil {
		err = g.may(users)
	}
	switch {
	case err != nil:
	case len(users) == 0:
		err = g.limit(g.recent(ctx))
	default:
		for _, user := range users {
			if err = g.changeLocked(ctx, user, sid); err == nil {
				break
			}
		}
	}
	if err == nil {
		g.identities[identity] = true
	}
	return err
}

// owners returns the users of an identity, if anything depends on who they are.
func (g *gate) owners(ctx context.Context, identity string) ([]string, error) {
	if !g.policy.ListsUsers() {
		return nil, nil
	}
	d, err := g.ch.reader.database(ctx)
	if err != nil {
		return nil, err
	}
	owners, err := d.UUIDOwners(ctx, []string{identity})
	return owners[strings.ToLower(identity)], err
}

// challenge asks whether a code of this factor may be tried, to make it a user's.
func (g *gate) challenge(ctx context.Context, identity, sid string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	users, err := g.owners(ctx, identity)
	if err == nil {
		err = g.may(users)
	}
	if err != nil {
		return err
	}
	recent := g.recent(ctx)
	for _, user := range users {
		if err = g.helps(ctx, recent, user, sid); err == nil {
			break
		}
	}
	return err
}

// may asks whether these users may be changed by this operator, if their callers are verified.
func (g *gate) may(users []string) error {
	verified := func() policy.Evidence { return policy.Evidence{Code: true, Word: true} }
	for _, user := range users {
		if err := g.policy.CheckUser(g.request, user, verified); err != nil {
			return err
		}
	}
	return nil
}

// activity returns what the operator did of late. It reads the log on the first call.
type activity func() (audit.Activity, error)

// recent returns what the operator did until now.
func (g *gate) recent(ctx context.Context) activity {
	return sync.OnceValues(func() (audit.Activity, error) {
		now := g.ch.reader.options.Now()
		return audit.ReadActivity(ctx, g.log, g.ch.actor, g.place(), now.Add(-time.Hour), now.Add(-policy.BelieveFor), now)
	})
}

// evidence returns how the caller was verified. willVerify means that a code is still to come.
func (g *gate) evidence(recent activity, user string, willVerify bool) policy.Evidence {
	e := policy.Evidence{Code: willVerify || g.believed(user), Word: g.word}
	if e.Code && e.Word {
		return e
	}
	if a, err := recent(); err == nil {
		e.Code, e.Word = e.Code || a.Code(user), e.Word || a.Word(user)
	}
	return e
}

// believed reports whether a code has verified the user's caller in this run, and not too long ago.
func (g *gate) believed(user string) bool {
	at, ok := g.approved[user]
	if !ok {
		return false
	}
	age := g.ch.reader.options.Now().Sub(at)
	return age >= 0 && age <= policy.BelieveFor
}

// limit asks whether the operator may change these users, classes and settings as well.
func (g *gate) limit(recent activity, targets ...string) error {
	return g.policy.CheckLimit(g.request, func() (int, error) {
		a, err := recent()
		n := a.Changes()
		for i, target := range targets {
			if !a.Changed(target) && !slices.Contains(targets[:i], target) {
				n++
			}
		}
		return n, err
	})
}

// Each type embeds only the reading port: if a method is added to a writing port, the program doesn't compile until it is
// decided here what that method asks.

type allowedUsers struct {
	mfa.Reader
	w mfa.Writer
	g *gate
}

func allowUsers(g *gate, d *db.DB) mfa.Writer { return allowedUsers{d, d, g} }

// FindUsers asks first.
func (w allowedUsers) FindUsers(ctx context.Context, usernames []string) ([]mfa.User, error) {
	if err := w.g.find(ctx, usernames); err != nil {
		return nil, err
	}
	return w.w.FindUsers(ctx, usernames)
}

// CompareAndSet asks first, but not for what mends a row.
func (w allowedUsers) CompareAndSet(ctx context.Context, username string, was, becomes mfa.Row) error {
	if !w.g.mends(was, becomes) {
		if err := w.g.change(ctx, username, factorOf(becomes)); err != nil {
			return err
		}
	}
	return w.g.ch.touch(w.w.CompareAndSet(ctx, username, was, becomes))
}

// MayWrite asks as CompareAndSet does, and once for both: what this run has asked for may then be done.
func (w allowedUsers) MayWrite(ctx context.Context, username string, becomes mfa.Row) error {
	if err := w.g.mayChange(ctx, username, factorOf(becomes)); err != nil {
		return err
	}
	return w.w.MayWrite(ctx, username, becomes)
}

// Writable changes nothing, and what it says allows nothing.
func (w allowedUsers) Writable(ctx context.Context) error { return w.w.Writable(ctx) }

func factorOf(r mfa.Row) string {
	if r.SID == nil {
		return ""
	}
	return *r.SID
}

type allowedFactors struct {
	mfa.FactorReader
	f mfa.Factors
	g *gate
}

func allowFactors(g *gate, c *twilio.Client) mfa.Factors { return allowedFactors{c, c, g} }

// Challenge asks first, but not how much was changed: it changes nothing itself.
func (f allowedFactors) Challenge(ctx context.Context, identity, sid, code string) (bool, error) {
	if err := f.g.challenge(ctx, identity, sid); err != nil {
		return false, err
	}
	return f.f.Challenge(ctx, identity, sid, code)
}

// Allowed changes nothing.
func (f allowedFactors) Allowed(ctx context.Context, identity string, calls ...mfa.FactorCall) error {
	return f.f.Allowed(ctx, identity, calls...)
}

// CreateFactor asks first.
func (f allowedFactors) CreateFactor(ctx context.Context, identity, friendlyName string) (mfa.NewFactor, error) {
	if err := f.g.factor(ctx, identity, ""); err != nil {
		return mfa.NewFactor{}, err
	}
	return f.f.CreateFactor(ctx, identity, friendlyName)
}

// VerifyFactor asks first.
func (f allowedFactors) VerifyFactor(ctx context.Context, identity, sid, code string) (mfa.Factor, error) {
	if err := f.g.factor(ctx, identity, sid); err != nil {
		return mfa.Factor{}, err
	}
	verified, err := f.f.VerifyFactor(ctx, identity, sid, code)
	return verified, f.g.ch.touch(err)
}

// DeleteFactor asks first, and remembers which factor a row must not name any more.
func (f allowedFactors) DeleteFactor(ctx context.Context, identity, sid string) error {
	if err := f.g.factor(ctx, identity, ""); err != nil {
		return err
	}
	f.g.mu.Lock()
	f.g.deleted[sid] = true
	f.g.mu.Unlock()
	return f.g.ch.touch(f.f.DeleteFactor(ctx, identity, sid))
}

type allowedVerifications struct {
	v caller.Verifications
	g *gate
}

func allowVerifications(g *gate, c *twilio.Client) caller.Verifications {
	return allowedVerifications{c, g}
}

// MayCheck changes nothing.
func (v allowedVerifications) MayCheck(ctx context.Context) error { return v.v.MayCheck(ctx) }

// StartVerification asks first.
func (v allowedVerifications) StartVerification(ctx context.Context, to caller.Recipient, channel caller.Channel) (caller.Started, error) {
	err := v.g.may([]string{to.Username})
	if err == nil {
		err = v.g.site(ctx)
	}
	if err != nil {
		return caller.Started{}, err
	}
	return v.v.StartVerification(ctx, to, channel)
}

// FetchVerification changes nothing.
func (v allowedVerifications) FetchVerification(ctx context.Context, to caller.Recipient, sid string) (caller.Started, error) {
	return v.v.FetchVerification(ctx, to, sid)
}

// CheckVerification asks whether the user may be changed by this operator, and remembers whose caller was verified. A
// number about which the operator's word is needed is no evidence.
func (v allowedVerifications) CheckVerification(ctx context.Context, to caller.Recipient, sid, code string) (caller.Status, error) {
	if err := v.g.may([]string{to.Username}); err != nil {
		return "", err
	}
	status, err := v.v.CheckVerification(ctx, to, sid, code)
	if err == nil && status == caller.Approved && !to.Doubtful() {
		v.g.mu.Lock()
		defer v.g.mu.Unlock()
		v.g.approved[to.Username] = v.g.ch.reader.options.Now()
	}
	return status, err
}

type allowedInjector struct {
	injector.Reader
	w injector.Writer
	g *gate
}

func allowInjector(g *gate, d *db.DB) injector.Writer { return allowedInjector{d, d, g} }

// HoldTrial is the guard's, and changes nothing.
func (w allowedInjector) HoldTrial(ctx context.Context, limit time.Duration) (key int64, release func(), err error) {
	return w.w.HoldTrial(ctx, limit)
}

// Confirmed changes nothing.
func (w allowedInjector) Confirmed(ctx context.Context, key int64) (bool, error) {
	return w.w.Confirmed(ctx, key)
}

// SignKept is the guard's, and changes nothing.
func (w allowedInjector) SignKept(ctx context.Context, key int64) (release func(), err error) {
	return w.w.SignKept(ctx, key)
}

// ConfirmTrial asks first.
func (w allowedInjector) ConfirmTrial(ctx context.Context, key int64) error {
	if err := w.g.site(ctx); err != nil {
		return err
	}
	return w.w.ConfirmTrial(ctx, key)
}

// SettledClasses changes nothing.
func (w allowedInjector) SettledClasses(ctx context.Context, names []string) ([]injector.Class, error) {
	return w.w.SettledClasses(ctx, names)
}

// ApplySwitch asks first, for the users too who get a uuid. What this run has switched it may switch back.
func (w allowedInjector) ApplySwitch(ctx context.Context, names []string, s injector.SwitchPlan) error {
	if err := w.g.mayWriteSwitch(ctx); err != nil {
		return err
	}
	for _, a := range s.Assignments {
		if err := w.g.change(ctx, a.Username, ""); err != nil {
			return err
		}
	}
	return w.w.ApplySwitch(ctx, names, s)
}

func (g *gate) mayWriteSwitch(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.switched {
		return nil
	}
	err := g.limit(g.recent(ctx))
	g.switched = err == nil
	return err
}

type allowedCopy struct {
	mfa.CopyReader
	w mfa.CopyWriter
	g *gate
}

func allowCopy(g *gate, d *db.DB) mfa.CopyWriter { return allowedCopy{d, d, g} }

// TargetDatabase asks first, because the operator must not be asked for nothing.
func (w allowedCopy) TargetDatabase(ctx context.Context) (mfa.TargetDatabase, error) {
	if err := w.g.policy.CheckAllUsers(w.g.request); err != nil {
		return mfa.TargetDatabase{}, w.g.ch.Refused(w.g.request.Action, err)
	}
	target, err := w.w.TargetDatabase(ctx)
	if err == nil {
		err = w.g.find(ctx, nil, target.Database)
	}
	return target, err
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
	return w.w.Detach(ctx, users, newUUID)
}

type allowedSessions struct {
	session.Reader
	w session.Writer
	g *gate
}

func allowSessions(g *gate, f *sessionfile.Files) session.Writer {
	return allowedSessions{f, f, g.ch.sessions}
}

// End asks first. The login pages are nobody's.
func (w allowedSessions) End(ctx context.Context, user string, sessions []session.Session) (int, error) {
	var err error
	if user == "" {
		err = w.g.site(ctx)
	} else {
		err = w.g.change(ctx, user, "")
	}
	if err != nil {
		return 0, err
	}
	n, err := w.w.End(ctx, user, sessions)
	if n > 0 {
		_ = w.g.ch.touch(nil)
	}
	return n, err
}

type allowedServices struct {
	s verifyservice.Creator
	g *gate
}

func allowServices(g *gate, a *twilio.Account) verifyservice.Creator { return allowedServices{a, g} }

// CreateService asks first.
func (s allowedServices) CreateService(ctx context.Context, friendlyName, issuer string) (verifyservice.Service, error) {
	if err := s.g.site(ctx); err != nil {
		return verifyservice.Service{}, err
	}
	return s.s.CreateService(ctx, friendlyName, issuer)
}

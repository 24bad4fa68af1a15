package connect

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"uzerp-mfa/internal/caller"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/injector"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/policy"
	"uzerp-mfa/internal/secret"
	"uzerp-mfa/internal/session"
	"uzerp-mfa/internal/sharedtest"
	"uzerp-mfa/internal/verifyservice"
)

// withPolicy returns a policy of these lines, and of the line that names the site's log.
func (s *site) withPolicy(t *testing.T, lines string) *policy.Policy {
	t.Helper()
	if os.Geteuid() != 0 {
		sharedtest.LeaveOut(t, sharedtest.Root, errors.New("only root's policy is believed"))
	}
	path := filepath.Join(t.TempDir(), "policy.env")
	if err := os.WriteFile(path, []byte("AUDIT_LOG="+s.log+"\n"+lines+"UZERP_ROOT=/var/www/uzerp\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return got[*policy.Policy](t)(policy.Load(path))
}

func refusedBy(t *testing.T, err error, line string) {
	t.Helper()
	if errs.KindOf(err) != errs.Refused || !strings.Contains(err.Error(), "policy.env line "+line+")") {
		t.Errorf("not refused by line %s: %v", line, err)
	}
}

const (
	aliceUUID       = "22222222-2222-4222-8222-222222222222"
	bobUUID         = "33333333-3333-4333-8333-333333333333"
	carolUUID       = "44444444-4444-4444-8444-444444444444"
	anyVerification = "VE00000000000000000000000000000001"
	anySID          = "YF00000000000000000000000000000001"
)

// Whichever port it is: no user of root's alone is changed, and each refusal is recorded.
func TestRootOnlyUsers(t *testing.T) {
	s := newSite(t)
	ctx := t.Context()
	// As the program reads it, a policy with a pattern; erin has no uuid.
	ch := s.changes(t, Command{Policy: s.withPolicy(t, "ROOT_ONLY_USERS=ali?e,erin\n")})
	users := got[mfa.Writer](t)(ch.Users(ctx))
	factors := got[mfa.Factors](t)(ch.Factors())
	site := got[injector.Writer](t)(ch.Injector(ctx))
	copied := got[mfa.CopyWriter](t)(ch.Copy(ctx))
	bob := got[[]mfa.User](t)(users.FindUsers(ctx, []string{"bob"}))[0]
	all := got[[]mfa.User](t)(got[mfa.Reader](t)(s.reader.Users(ctx)).FindUsers(ctx, []string{"alice", "erin"}))
	alice, erin := all[0], all[1]
	if alice.Username != "alice" {
		alice, erin = erin, alice
	}
	yes := true
	becomes := alice.Row
	becomes.Enabled = &yes
	uuid := aliceUUID
	assigned := erin.Row
	assigned.UUID = &uuid
	classes := got[[]injector.Class](t)(site.InjectorClasses(ctx, injector.Names()))

	_, err := users.FindUsers(ctx, []string{"bob", "alice"})
	refusedBy(t, err, "2")
	refusedBy(t, users.CompareAndSet(ctx, "alice", alice.Row, becomes), "2")
	refusedBy(t, users.MayWrite(ctx, "alice", becomes), "2")
	_, err = factors.CreateFactor(ctx, strings.ToUpper(aliceUUID), "x")
	refusedBy(t, err, "2")
	_, err = factors.VerifyFactor(ctx, aliceUUID, anySID, "123456")
	refusedBy(t, err, "2")
	_, err = factors.Challenge(ctx, aliceUUID, anySID, "123456")
	refusedBy(t, err, "2")
	refusedBy(t, factors.DeleteFactor(ctx, aliceUUID, anySID), "2")
	refusedBy(t, site.ApplySwitch(ctx, injector.Names(), injector.SwitchPlan{Was: classes,
		Assignments: []injector.Assignment{{Username: "erin", Was: erin.Row, Becomes: assigned}}}), "2")
	_, err = copied.TargetDatabase(ctx)
	refusedBy(t, err, "2")
	refusedBy(t, copied.Detach(ctx, 1, func() string { return bobUUID }), "2")
	if s.asked > 0 {
		t.Errorf("Twilio was asked %d times", s.asked)
	}
	want := []string{"alice refused", "alice intent", "alice refused"}
	records := s.records(t)
	refusals := slices.DeleteFunc(slices.Clone(records), func(r string) bool { return !strings.HasSuffix(r, " refused") })
	if len(refusals) != 9 || !slices.Equal(records[:3], want) {
		t.Errorf("recorded: %q", records)
	}

	// bob may be changed, and root itself may change alice.
	becomes = bob.Row
	becomes.Enabled = &yes
	if err := users.CompareAndSet(ctx, "bob", bob.Row, becomes); err != nil {
		t.Error(err)
	}
	root := s.changes(t, Command{AsRoot: true, Policy: s.withPolicy(t, "ROOT_ONLY_USERS=ali?e,erin\n")})
	if _, err := got[mfa.Writer](t)(root.Users(ctx)).FindUsers(ctx, []string{"alice"}); err != nil {
		t.Error(err)
	}
	// A dry run ends in the same way, and records nothing.
	before := len(s.records(t))
	dry := s.changes(t, Command{DryRun: true, Policy: s.withPolicy(t, "ROOT_ONLY_USERS=alice\n")})
	_, err = got[mfa.Writer](t)(dry.Users(ctx)).FindUsers(ctx, []string{"alice"})
	refusedBy(t, err, "2")
	if len(s.records(t)) != before {
		t.Error("a dry run has recorded something")
	}
}

func TestReasonIsRequired(t *testing.T) {
	s := newSite(t)
	p := s.withPolicy(t, "REQUIRE_REASON=all\n")
	cmd := Command{Name: "user reset", AuditLog: s.log, Getenv: func(string) string { return "" }, Policy: p}
	_, err := NewChanges(s.reader, cmd)
	refusedBy(t, err, "2")
	if records := s.records(t); !slices.Equal(records, []string{"reset refused"}) {
		t.Errorf("recorded: %q", records)
	}
	cmd.DryRun = true
	_, err = NewChanges(s.reader, cmd)
	refusedBy(t, err, "2")
	cmd.DryRun, cmd.Name = false, "undo-guard" // what takes a trial back must not be stopped
	got[*Changes](t)(NewChanges(s.reader, cmd))
}

// approving is a Twilio that approves every code.
type approving struct{ caller.Verifications }

func (approving) CheckVerification(context.Context, caller.Recipient, string, string) (caller.Status, error) {
	return caller.Approved, nil
}

// No user is changed for a caller who is not verified: not in an earlier run by the same operator, not in this one.
func TestCallerIsRequired(t *testing.T) {
	s := newSite(t)
	ctx := t.Context()
	reset := func(cmd Command) *Changes {
		t.Helper()
		cmd.Name, cmd.AuditLog = "user reset", s.log
		cmd.Policy = s.withPolicy(t, "REQUIRE_CALLER=reset\nPROTECTED_USERS=bob\n")
		if cmd.Getenv == nil {
			cmd.Getenv = func(string) string { return "" }
		}
		return got[*Changes](t)(NewChanges(s.reader, cmd))
	}
	find := func(ch *Changes, user string) error {
		_, err := got[mfa.Writer](t)(ch.Users(ctx)).FindUsers(ctx, []string{user})
		return err
	}
	change := func(ch *Changes, user string) error {
		row := got[[]mfa.User](t)(got[mfa.Reader](t)(s.reader.Users(ctx)).FindUsers(ctx, []string{user}))[0].Row
		becomes, no := row, false
		if becomes.Enabled == nil || *becomes.Enabled {
			becomes.Enabled = &no
		} else {
			becomes.Enabled = nil
		}
		return got[mfa.Writer](t)(ch.Users(ctx)).CompareAndSet(ctx, user, row, becomes)
	}
	to := func(user string, given bool) caller.Recipient {
		return caller.Recipient{Username: user, Given: given, Phone: caller.Phone{E164: secret.New("+447700900123"), Masked: "+44 *******123"}}
	}

	plain := reset(Command{})
	refusedBy(t, find(plain, "alice"), "2")
	// The hint is for all whom the command is for.
	_, err := got[mfa.Writer](t)(reset(Command{}).Users(ctx)).FindUsers(ctx, []string{"alice", "carol"})
	if hint := errs.HintOf(err); hint.Reason != policy.ReasonEachNeeded {
		t.Errorf("for two users: %s", hint)
	}
	refusedBy(t, change(plain, "alice"), "2")
	refusedBy(t, got[mfa.Factors](t)(plain.Factors()).DeleteFactor(ctx, aliceUUID, anySID), "2")

	// A code that is still to come lets the command begin, and changes nothing yet.
	coming := reset(Command{Identify: true})
	if err := find(coming, "alice"); err != nil {
		t.Error(err)
	}
	refusedBy(t, change(coming, "alice"), "2")
	refusedBy(t, find(coming, "bob"), "3")
	approve(t, coming, to("alice", true)) // the operator's own number verifies nobody
	refusedBy(t, change(coming, "alice"), "2")
	india, changed := to("alice", false), to("alice", false)
	india.Phone.Region, changed.Fresh = "IN", &caller.Change{}
	approve(t, coming, india) // the operator chose whose phone it is
	approve(t, coming, changed)
	refusedBy(t, change(coming, "alice"), "2")
	approve(t, coming, to("carol", false))
	refusedBy(t, change(coming, "alice"), "2")
	approve(t, coming, to("alice", false))
	if err := change(coming, "alice"); err != nil {
		t.Error(err)
	}
	if err := change(coming, "alice"); err != nil { // once more: the evidence does not end half-way
		t.Error(err)
	}

	// A code of this run gets old too: the command may wait for an answer for hours. The clock may be set back as well.
	for age, tooOld := range map[time.Duration]bool{9 * time.Minute: false, 11 * time.Minute: true, -time.Minute: true} {
		waiting := reset(Command{Identify: true})
		approve(t, waiting, to("alice", false))
		s.reader.options.Now = func() time.Time { return time.Now().Add(age) }
		err := waiting.gate.change(ctx, "alice", "")
		s.reader.options.Now = time.Now
		if refused := errs.KindOf(err) == errs.Refused; err != nil && !refused || refused != tooOld {
			t.Errorf("%s after the code: %v", age, err)
		}
	}

	// The operator's word counts, but for a protected user it needs both.
	if err := find(reset(Command{VerifiedBy: "call-back"}), "alice"); err != nil {
		t.Error(err)
	}
	refusedBy(t, find(reset(Command{VerifiedBy: "call-back"}), "bob"), "3")
	if err := find(reset(Command{VerifiedBy: "call-back", Identify: true}), "bob"); err != nil {
		t.Error(err)
	}
}

// making is a Twilio that makes a factor and verifies every one.
type making struct{ mfa.Factors }

func (making) CreateFactor(context.Context, string, string) (mfa.NewFactor, error) {
	return mfa.NewFactor{Factor: mfa.Factor{SID: anySID}}, nil
}

func (making) VerifyFactor(_ context.Context, _, sid, _ string) (mfa.Factor, error) {
	return mfa.Factor{SID: sid, Status: mfa.FactorVerified}, nil
}

// verify puts no factor on an account that enroll would not have been allowed to: not by a code of it, and not by the row
// alone, as for a factor that is verified already.
func TestVerifyEndsOnlyAnEnrollment(t *testing.T) {
	const otherSID = "YF00000000000000000000000000000002"
	for _, lines := range []string{"REQUIRE_CALLER=enroll\n", "PROTECTED_USERS=alice\n"} {
		s := newSite(t)
		ctx := t.Context()
		run := func(name, verifiedBy string) *Changes {
			return got[*Changes](t)(NewChanges(s.reader, Command{Name: name, AuditLog: s.log, Policy: s.withPolicy(t, lines),
				VerifiedBy: verifiedBy, Getenv: func(string) string { return "" }}))
		}
		factors := func(ch *Changes) mfa.Factors {
			_ = got[mfa.Factors](t)(ch.Factors()) // so that the records name the service
			return ch.recorder.Factors(allowedFactors{f: making{}, g: ch.gate})
		}
		verify := func(sid string) error {
			return second(factors(run("verify", "")).VerifyFactor(ctx, aliceUUID, sid, "123456"))
		}
		writeRow := func(ch *Changes, sid string) error {
			users := got[mfa.Writer](t)(ch.Users(ctx))
			found, err := users.FindUsers(ctx, []string{"alice"})
			if err != nil {
				return err
			}
			becomes, yes := found[0].Row, true
			becomes.SID, becomes.Enrolled, becomes.Enabled = &sid, &yes, &yes
			return users.CompareAndSet(ctx, "alice", found[0].Row, becomes)
		}

		refusedBy(t, verify(anySID), "2")
		refusedBy(t, writeRow(run("verify", ""), anySID), "2")
		enrolling := run("enroll", "in-person")
		approve(t, enrolling, caller.Recipient{Username: "alice", Phone: caller.Phone{Masked: "+44 *******123"}})
		_ = got[[]mfa.User](t)(got[mfa.Writer](t)(enrolling.Users(ctx)).FindUsers(ctx, []string{"alice"})) // as enroll does
		made := got[mfa.NewFactor](t)(factors(enrolling).CreateFactor(ctx, aliceUUID, "alice"))
		refusedBy(t, verify(otherSID), "2")
		refusedBy(t, writeRow(run("verify", ""), otherSID), "2")
		if err := verify(made.SID); err != nil {
			t.Error(err)
		}
		if err := writeRow(run("verify", ""), made.SID); err != nil {
			t.Error(err)
		}
		// Once it was in use it does not come back: it may be on the phone that was stolen.
		none := "YF00000000000000000000000000000003"
		approve(t, enrolling, caller.Recipient{Username: "alice", Phone: caller.Phone{Masked: "+44 *******123"}})
		if err := writeRow(enrolling, none); err != nil {
			t.Error(err)
		}
		refusedBy(t, writeRow(run("verify", ""), made.SID), "2")
	}
}

// approve checks a code as the program does, with a Twilio that approves it.
func approve(t *testing.T, ch *Changes, to caller.Recipient) {
	t.Helper()
	v := allowedVerifications{v: approving{}, g: ch.gate}
	if status, err := v.CheckVerification(t.Context(), to, anyVerification, "123456"); err != nil || status != caller.Approved {
		t.Fatal(status, err)
	}
}

// All changes of an operator within an hour count, also those of several runs at the same time: the limit is never passed.
func TestChangesPerHour(t *testing.T) {
	s := newSite(t)
	ctx := t.Context()
	p := s.withPolicy(t, "CHANGES_PER_HOUR=2\n")
	as := func(operator string, root bool) *Changes {
		t.Helper()
		return got[*Changes](t)(NewChanges(s.reader, Command{Name: "user enable", AuditLog: s.log, Policy: p, AsRoot: root,
			Getenv: func(name string) string { return map[string]string{"SUDO_USER": operator}[name] }}))
	}
	reader := got[mfa.Reader](t)(s.reader.Users(ctx))
	change := func(ch *Changes, user string) error {
		users, err := reader.FindUsers(ctx, []string{user})
		if err != nil || len(users) != 1 {
			return errors.Join(errs.New(errs.Failure, "not found", ""), err)
		}
		becomes, on := users[0].Row, users[0].Enabled == nil || !*users[0].Enabled
		becomes.Enabled = &on
		store, err := ch.Users(ctx)
		if err != nil {
			return err
		}
		return store.CompareAndSet(ctx, user, users[0].Row, becomes)
	}

	var done, refused atomic.Int64
	var all sync.WaitGroup
	for _, user := range []string{"admin", "carol", "dave", "frank", "grace"} {
		ch := as("ann", false)
		if _, err := ch.Users(ctx); err != nil { // a Reader is for one goroutine; what it has opened is for all
			t.Fatal(err)
		}
		all.Go(func() {
			switch err := change(ch, user); {
			case err == nil:
				done.Add(1)
			case errs.KindOf(err) == errs.Refused:
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if done.Load() > 2 || done.Load()+refused.Load() != 5 {
		t.Errorf("%d changes were made, and %d refused", done.Load(), refused.Load())
	}
	for done.Load() < 2 { // what was refused counts as nothing
		if err := change(as("ann", false), "grace"); err != nil {
			t.Fatal(err)
		}
		if done.Add(1) == 1 {
			if err := change(as("ann", false), "alice"); err != nil {
				t.Fatal(err)
			}
			done.Add(1)
		}
	}
	refusedBy(t, change(as("ann", false), "erin"), "2")
	_, err := got[mfa.Writer](t)(as("ann", false).Users(ctx)).FindUsers(ctx, []string{"erin"})
	refusedBy(t, err, "2")
	if err := change(as("ben", false), "erin"); err != nil {
		t.Errorf("another operator: %v", err)
	}
	_, err = got[mfa.Writer](t)(as("ben", false).Users(ctx)).FindUsers(ctx, []string{"alice", "bob"})
	refusedBy(t, err, "2")
	if err := change(as("ann", true), "alice"); err != nil {
		t.Errorf("root itself: %v", err)
	}
	for name, err := range map[string]error{
		"ApplySwitch": got[injector.Writer](t)(as("ann", false).Injector(ctx)).ApplySwitch(ctx, nil,
			injector.SwitchPlan{Changes: []injector.ClassChange{{Name: "X"}}}),
		"Detach": got[mfa.CopyWriter](t)(as("ann", false).Copy(ctx)).Detach(ctx, 1, func() string { return "" }),
		"StartVerification": second(got[caller.Verifications](t)(as("ann", false).Verifications()).StartVerification(ctx,
			caller.Recipient{Username: "erin"}, caller.ChannelSMS)), // whom ann has not changed
		"CreateService": second(got[verifyservice.Creator](t)(as("ann", false).Services()).CreateService(ctx, "x", "x")),
		"DeleteFactor":  got[mfa.Factors](t)(as("ann", false).Factors()).DeleteFactor(ctx, bobUUID, anySID),
	} {
		if errs.KindOf(err) != errs.Refused || !strings.Contains(err.Error(), "policy.env line 2)") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if s.asked > 0 {
		t.Errorf("Twilio was asked %d times", s.asked)
	}
}

func second[T any](_ T, err error) error { return err }

// obliging is a Twilio that does everything.
type obliging struct{ mfa.Factors }

func (obliging) DeleteFactor(context.Context, string, string) error { return nil }

func (obliging) VerifyFactor(context.Context, string, string, string) (mfa.Factor, error) {
	return mfa.Factor{Status: mfa.FactorVerified}, nil
}

// What this run has broken it may mend, in every user's row and whatever was done meanwhile.
// What follows something that can't be taken back is asked for before that, and then done, whatever others do meanwhile.
func TestWhatMayBeWrittenIsWritten(t *testing.T) {
	s := newSite(t)
	ctx := t.Context()
	p := s.withPolicy(t, "CHANGES_PER_HOUR=2\n")
	run := func() mfa.Writer {
		ch := got[*Changes](t)(NewChanges(s.reader, Command{Name: "user enable", AuditLog: s.log, Policy: p,
			Getenv: func(name string) string { return map[string]string{"SUDO_USER": "ann"}[name] }}))
		return got[mfa.Writer](t)(ch.Users(ctx))
	}
	row := func(user string) mfa.Row {
		return got[[]mfa.User](t)(got[mfa.Reader](t)(s.reader.Users(ctx)).FindUsers(ctx, []string{user}))[0].Row
	}
	change := func(w mfa.Writer, user string) error {
		was := row(user)
		becomes, on := was, was.Enabled == nil || !*was.Enabled
		becomes.Enabled = &on
		return w.CompareAndSet(ctx, user, was, becomes)
	}
	first, other := run(), run()
	if err := first.MayWrite(ctx, "alice", row("alice")); err != nil {
		t.Fatal(err)
	}
	for _, user := range []string{"bob", "carol"} {
		if err := change(other, user); err != nil {
			t.Fatal(err)
		}
	}
	refusedBy(t, run().MayWrite(ctx, "dave", row("dave")), "2") // it would be the third
	if err := change(first, "alice"); err != nil {
		t.Error("it may be written no more:", err)
	}
	before := len(s.records(t))
	refusedBy(t, run().MayWrite(ctx, "dave", row("dave")), "2")
	if records := s.records(t); !slices.Equal(records[before:], []string{"dave refused"}) {
		t.Errorf("recorded: %q", records[before:])
	}
}

func TestMendingIsNotStopped(t *testing.T) {
	s := newSite(t)
	ctx := t.Context()
	p := s.withPolicy(t, "ROOT_ONLY_USERS=bob\nCHANGES_PER_HOUR=1\n")
	begin := func(action string) *Changes {
		t.Helper()
		return got[*Changes](t)(NewChanges(s.reader, Command{Name: action, AuditLog: s.log, Policy: p, Getenv: func(string) string { return "" }}))
	}
	ch := begin("reconcile")
	users := got[mfa.Writer](t)(ch.Users(ctx))
	factors := ch.recorder.Factors(allowedFactors{f: obliging{}, g: ch.gate})
	reader := got[mfa.Reader](t)(s.reader.Users(ctx))
	row := func(user string) mfa.Row {
		t.Helper()
		return got[[]mfa.User](t)(reader.FindUsers(ctx, []string{user}))[0].Row
	}
	yes, no := true, false
	write := func(user string, becomes mfa.Row) {
		t.Helper()
		anybody := got[*Changes](t)(NewChanges(s.reader, Command{Name: "uzerp", Unlogged: true, Getenv: func(string) string { return "" }}))
		if err := got[mfa.Writer](t)(anybody.Users(ctx)).CompareAndSet(ctx, user, row(user), becomes); err != nil {
			t.Fatal(err)
		}
	}
	enroll := func(user, sid string) {
		t.Helper()
		becomes := row(user)
		becomes.SID, becomes.Enrolled, becomes.Enabled = &sid, &yes, &yes
		write(user, becomes)
	}
	reset := func(user string) error {
		becomes := row(user)
		becomes.SID, becomes.Enrolled, becomes.Enabled = nil, &no, &no
		return users.CompareAndSet(ctx, user, row(user), becomes)
	}

	enroll("bob", anySID)
	refusedBy(t, reset("bob"), "2")
	refusedBy(t, factors.DeleteFactor(ctx, bobUUID, anySID), "2")
	refusedBy(t, reset("bob"), "2") // nothing was deleted, so there is nothing to mend
	if err := factors.DeleteFactor(ctx, aliceUUID, anySID); err != nil {
		t.Fatal(err)
	}
	if _, err := users.FindUsers(ctx, []string{"bob"}); err != nil {
		t.Errorf("read bob's row, to mend it: %v", err)
	}
	again := row("bob")
	again.Enabled = &no
	refusedBy(t, users.CompareAndSet(ctx, "bob", row("bob"), again), "2") // that mends nothing
	if err := reset("bob"); err != nil {
		t.Errorf("mend bob's row: %v", err)
	}
	enroll("bob", "YF00000000000000000000000000000002")
	refusedBy(t, reset("bob"), "2") // another factor

	// By now the operator has no changes left. A run that began before can still withdraw what it has verified.
	refusedBy(t, reset("carol"), "3")
	verifying := begin("verify")
	verifying.gate.request.AsRoot = true
	factors = verifying.recorder.Factors(allowedFactors{f: obliging{}, g: verifying.gate})
	if _, err := factors.VerifyFactor(ctx, carolUUID, anySID, "123456"); err != nil {
		t.Fatal(err)
	}
	verifying.gate.request.AsRoot = false // as if the limit was reached since; and somebody gives bob the same uuid
	uuid := carolUUID
	shared := row("bob")
	shared.UUID = &uuid
	write("bob", shared)
	if err := factors.DeleteFactor(ctx, carolUUID, anySID); err != nil {
		t.Errorf("withdraw the factor: %v", err)
	}
	switching := begin("set-injector")
	site := got[injector.Writer](t)(switching.Injector(ctx))
	classes := got[[]injector.Class](t)(site.InjectorClasses(ctx, injector.Names()))
	to := func(was []injector.Class, class string) injector.SwitchPlan {
		return injector.SwitchPlan{Was: was, Changes: []injector.ClassChange{
			{Name: was[0].Name, ID: was[0].ID, Before: was[0].ClassName, After: class}}}
	}
	refusedBy(t, site.ApplySwitch(ctx, injector.Names(), to(classes, "OtherHandler")), "3")
	switching.gate.request.AsRoot = true
	if err := site.ApplySwitch(ctx, injector.Names(), to(classes, "OtherHandler")); err != nil {
		t.Fatal(err)
	}
	switching.gate.request.AsRoot = false
	now := got[[]injector.Class](t)(site.InjectorClasses(ctx, injector.Names()))
	if err := site.ApplySwitch(ctx, injector.Names(), to(now, classes[0].ClassName)); err != nil {
		t.Errorf("switch back: %v", err)
	}
}

// A whole plan is asked for before anything of it is done.
func TestWholePlanIsAllowed(t *testing.T) {
	s := newSite(t)
	ctx := t.Context()
	p := s.withPolicy(t, "ROOT_ONLY_USERS=bob\nCHANGES_PER_HOUR=2\n")
	for _, dry := range []bool{false, true} {
		begin := func() *Changes {
			t.Helper()
			return got[*Changes](t)(NewChanges(s.reader, Command{Name: "reconcile", AuditLog: s.log, Policy: p, DryRun: dry,
				Getenv: func(string) string { return "" }}))
		}
		refusedBy(t, begin().Allowed(ctx, []string{"alice", "bob"}), "2")
		refusedBy(t, begin().Allowed(ctx, []string{"alice", "carol", "frank"}), "3")
		refusedBy(t, begin().Allowed(ctx, []string{"alice", "carol"}, injector.LoginHandler), "3")
		for _, users := range [][]string{nil, {"alice"}, {"alice", "carol", "alice"}} {
			if err := begin().Allowed(ctx, users); err != nil {
				t.Errorf("%q: %v", users, err)
			}
		}
	}
	if records := s.records(t); !slices.Equal(records, []string{"bob refused", "alice refused", "alice refused"}) {
		t.Errorf("recorded: %q", records)
	}
}

// The log is read once for all users, and with no other effect.
func TestLogIsReadOnce(t *testing.T) {
	s := newSite(t)
	ctx := t.Context()
	ch := got[*Changes](t)(NewChanges(s.reader, Command{Name: "user reset", AuditLog: s.log,
		Policy: s.withPolicy(t, "REQUIRE_CALLER=reset\nCHANGES_PER_HOUR=9\n"), VerifiedBy: "call-back", Getenv: func(string) string { return "" }}))
	s.reader.options.Warn = func(format string, _ ...any) { t.Errorf("warned: %s", format) }
	reads := 0
	s.reader.options.Now = func() time.Time { // each reading asks for the time
		reads++
		return time.Now()
	}
	if err := ch.Allowed(ctx, []string{"alice", "bob", "carol"}); err != nil {
		t.Fatal(err)
	}
	if reads != 1 {
		t.Errorf("the log was read %d times", reads)
	}
	if s.reader.verify != nil {
		t.Error("Twilio's client was made")
	}
}

// Whichever command ends sessions: the policy's lines for session-end hold, when it is asked before and when it is done.
func TestSessionEndOfAnotherCommand(t *testing.T) {
	s := newSite(t)
	ctx := t.Context()
	ini := filepath.Join(t.TempDir(), "php.ini")
	if err := os.WriteFile(ini, []byte("session.save_path = "+t.TempDir()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"user reset", "set-injector", "session end"} {
		changes := func(lines string) *Changes {
			return got[*Changes](t)(NewChanges(s.reader, Command{Name: name, AuditLog: s.log, Policy: s.withPolicy(t, lines),
				Ticket: "1", VerifiedBy: "call-back", Getenv: func(string) string { return "" }}))
		}
		ch := changes("ROOT_ONLY_USERS=bob\n")
		if err := ch.MayEndSessions(ctx, []string{"alice"}); err != nil {
			t.Error(name, err)
		}
		refusedBy(t, ch.MayEndSessions(ctx, []string{"alice", "bob"}), "2")
		_, err := got[session.Writer](t)(ch.Sessions(SessionSettings{Root: t.TempDir(), PHPIni: ini})).End(ctx, "bob", nil)
		refusedBy(t, err, "2")
		if name != "session end" {
			refusedBy(t, changes("REQUIRE_REASON=session-end\n").MayEndSessions(ctx, nil), "2")
		}
		refusedBy(t, changes("CHANGES_PER_HOUR=2\n").MayEndSessions(ctx, []string{"alice", "bob"}, "LoginHandler"), "2")
		// It lets nobody in, so it does not ask what helping a caller asks.
		if err := changes("PROTECTED_USERS=alice\nREQUIRE_CALLER=reset\n").MayEndSessions(ctx, []string{"alice"}); err != nil {
			t.Error(name, err)
		}
	}
}

package audit

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"uzerp-mfa/internal/caller"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/injector"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/mfa/mfatest"
	"uzerp-mfa/internal/totp"
	"uzerp-mfa/internal/verifyservice"
)

// port is one way to change something. happens is called at the change.
type port struct {
	targets []string // in the order of their intents
	change  func(ctx context.Context, r *Recorder, happens func() error) error
}

const (
	uuidA = "22222222-2222-4222-8222-222222222222"
	sidA  = "YF0000000000000000000000000000000a"
)

// ports are all ports through which a command can change something.
func ports() map[string]port {
	world := func(op string, happens func() error) *mfatest.World {
		w := mfatest.NewWorld(mfatest.Fresh("alice", uuidA))
		w.Add(uuidA, sidA, mfa.FactorUnverified)
		w.Hooks[op] = happens
		return w
	}
	return map[string]port{
		"a row": {[]string{"alice"}, func(ctx context.Context, r *Recorder, happens func() error) error {
			return r.Users(world("CompareAndSet", happens)).CompareAndSet(ctx, "alice", mfatest.Fresh("", uuidA).Row, mfatest.Enrolled("", uuidA, sidA).Row)
		}},
		"a new factor": {[]string{uuidA}, func(ctx context.Context, r *Recorder, happens func() error) error {
			_, err := r.Factors(world("CreateFactor", happens)).CreateFactor(ctx, uuidA, "alice")
			return err
		}},
		"a verified factor": {[]string{uuidA}, func(ctx context.Context, r *Recorder, happens func() error) error {
			w := world("VerifyFactor", happens)
			code, err := totp.Code(w.Secrets[sidA], w.Factors[uuidA][0].TOTP, w.Clock)
			if err != nil {
				return err
			}
			_, err = r.Factors(w).VerifyFactor(ctx, uuidA, sidA, code)
			return err
		}},
		"a deleted factor": {[]string{uuidA}, func(ctx context.Context, r *Recorder, happens func() error) error {
			return r.Factors(world("DeleteFactor", happens)).DeleteFactor(ctx, uuidA, sidA)
		}},
		"a switch": {[]string{"LoginHandler", "MFAValidator", "bob", "alice"}, func(ctx context.Context, r *Recorder, happens func() error) error {
			return r.Injector(fakeInjector{happens: happens}).ApplySwitch(ctx, injector.Names(), injector.SwitchPlan{
				Changes:     []injector.ClassChange{{Name: "MFAValidator", After: "TWValidator"}, {ID: 6, Name: "LoginHandler", Before: "A", After: "B"}},
				Assignments: []injector.Assignment{{Username: "alice"}, {Username: "bob"}},
			})
		}},
		"a copy": {[]string{"uzerp_copy"}, func(ctx context.Context, r *Recorder, happens func() error) error {
			return r.Copy(fakeCopy{happens: happens}).Detach(ctx, 3, nil)
		}},
		"a new service": {[]string{"ACME"}, func(ctx context.Context, r *Recorder, happens func() error) error {
			_, err := r.Services(fakeServices{happens: happens}).CreateService(ctx, "ACME", "ACME")
			return err
		}},
		"a code that is sent": {[]string{"alice"}, func(ctx context.Context, r *Recorder, happens func() error) error {
			_, err := r.Verifications(fakePhones{happens}).StartVerification(ctx, callee("alice", false), caller.ChannelSMS)
			return err
		}},
		"a code that is checked": {[]string{"alice"}, func(ctx context.Context, r *Recorder, happens func() error) error {
			_, err := r.Verifications(fakePhones{happens}).CheckVerification(ctx, callee("alice", false), "VE1", "135791")
			return err
		}},
	}
}

type fakeInjector struct {
	injector.Writer
	happens func() error
}

func (f fakeInjector) ApplySwitch(context.Context, []string, injector.SwitchPlan) error {
	return f.happens()
}

type fakeCopy struct {
	mfa.CopyWriter
	happens func() error
}

func (f fakeCopy) TargetDatabase(context.Context) (mfa.TargetDatabase, error) {
	return mfa.TargetDatabase{Database: "uzerp_copy", Users: 3, Enrolled: 1}, nil
}

func (f fakeCopy) Detach(context.Context, int, func() string) error { return f.happens() }

type fakeServices struct {
	verifyservice.Creator
	happens func() error
}

func (f fakeServices) CreateService(context.Context, string, string) (verifyservice.Service, error) {
	return verifyservice.Service{SID: "VA1"}, f.happens()
}

type fakePhones struct{ happens func() error }

func (f fakePhones) MayCheck(context.Context) error { return nil }

func (f fakePhones) StartVerification(context.Context, caller.Recipient, caller.Channel) (caller.Started, error) {
	return caller.Started{SID: "VE1", Status: caller.Pending}, f.happens()
}

func (f fakePhones) FetchVerification(context.Context, caller.Recipient, string) (caller.Started, error) {
	return caller.Started{}, nil
}

func (f fakePhones) CheckVerification(context.Context, caller.Recipient, string, string) (caller.Status, error) {
	return caller.Approved, f.happens()
}

// written returns the targets of the log's lines by their result, in the order of the lines.
func written(t *testing.T, l *Log) map[Result][]string {
	t.Helper()
	all := make(map[Result][]string)
	for r, err := range Read(bytes.NewReader(readFile(t, l.path))) {
		if err != nil {
			t.Fatal(err)
		}
		all[r.Result] = append(all[r.Result], r.Target)
	}
	return all
}

// For every change the intent is in the log before it, and the outcome after it, also if the command was interrupted.
func TestEveryChangeIsRecorded(t *testing.T) {
	lost := &errs.Error{Kind: errs.Unavailable, Err: errs.ErrLostReply}
	for name, p := range ports() {
		for result, failure := range map[Result]error{ResultDone: nil, ResultFailed: errs.New(errs.Unavailable, "down", ""),
			ResultRefused: errs.New(errs.Refused, "no", ""), ResultUnknown: lost} {
			t.Run(name+" "+string(result), func(t *testing.T) {
				l := newLog(t, 0)
				ctx, cancel := context.WithCancel(t.Context())
				happened := 0
				err := p.change(ctx, &Recorder{Log: l, Command: "user reset", Warn: func(err error) { t.Error(err) }}, func() error {
					happened++
					if got := written(t, l); len(got) != 1 || !slices.Equal(got[ResultIntent], p.targets) {
						t.Errorf("when it happens the log holds %v", got)
					}
					if failure != nil {
						cancel() // Ctrl-C at the moment of the answer
					}
					return failure
				})
				if happened != 1 || !errors.Is(err, failure) {
					t.Errorf("%d times, %v", happened, err)
				}
				cancel()
				after := slices.Clone(p.targets)
				slices.Reverse(after)
				if got := written(t, l); len(got) != 2 || !slices.Equal(got[result], after) {
					t.Errorf("afterwards the log holds %v, want %s of %v", got, result, after)
				}
				if text := string(readFile(t, l.path)); strings.Contains(text, "135791") {
					t.Error("the log shows a code")
				}
			})
		}
	}
}

// If the intent can't be written, nothing is changed. Only with BestEffort the change is made, with a warning.
func TestNothingIsChangedWithoutARecord(t *testing.T) {
	for name, p := range ports() {
		for _, bestEffort := range []bool{false, true} {
			l := newLog(t, 0)
			if err := errors.Join(os.Remove(l.path), os.Mkdir(l.path, 0o700), os.WriteFile(filepath.Join(l.path, "x"), nil, 0o600)); err != nil {
				t.Fatal(err)
			}
			happened, warned := false, 0
			r := &Recorder{Log: l, Command: "user reset", BestEffort: bestEffort, Warn: func(error) { warned++ }}
			err := p.change(t.Context(), r, func() error { happened = true; return nil })
			if happened != bestEffort || (err == nil) != bestEffort || !bestEffort && errs.KindOf(err) != errs.Config {
				t.Errorf("%s, best effort %v: happened %v, %v", name, bestEffort, happened, err)
			}
			if bestEffort && warned != 1 {
				t.Errorf("%s: %d warnings", name, warned)
			}
		}
	}
}

// No two users have the same name in the log, whatever bytes their names have; a name that nobody could take for another one
// stays as it is.
func TestRecordedTargets(t *testing.T) {
	parts := []string{"\xfc", "\xff", `\`, `\x`, `xfc`, "fc", "x", "ü", "\xc3", "\xbc", "a", `\xFC`}
	seen := map[string]string{}
	for i := range len(parts) * len(parts) * len(parts) * len(parts) {
		name := ""
		for n := i; n > 0; n /= len(parts) {
			name += parts[n%len(parts)]
		}
		log := Record{Target: name}.sanitized().Target
		if other, taken := seen[log]; taken && other != name {
			t.Fatalf("%q and %q are both %q", other, name, log)
		}
		if got := named(log); got != name {
			t.Fatalf("%q is read as %q", name, got)
		}
		if seen[log] = name; !(Filter{Target: name}).Matches(Record{Target: log}) {
			t.Fatalf("%q is not found", name)
		}
	}
	for name, want := range map[string]string{`b\xFF`: `b\xFF`, `DOMAIN\jo`: `DOMAIN\jo`, "J\xfcrgen": `J\xfcrgen`, `J\xfcrgen`: `J\\xfcrgen`} {
		if got := recorded(name); got != want {
			t.Errorf("%q is recorded as %q, want %q", name, got, want)
		}
	}
}

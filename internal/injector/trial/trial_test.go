package trial_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/injector"
	"uzerp-mfa/internal/injector/trial"
)

// The guard's process is this test program itself, with these environment variables.
const (
	guardMode = "TRIAL_TEST_GUARD"    // what it does
	guardFile = "TRIAL_TEST_DATABASE" // its database
	guardTime = "TRIAL_TEST_LIMIT"    // how long it waits
)

// Guards that die in the moment in which they sign that the switch stays.
const (
	diesUnsigned = "guard that dies before it signs"
	diesSigned   = "guard that dies when it has signed"
)

func guardLimit() time.Duration {
	limit, err := time.ParseDuration(os.Getenv(guardTime))
	if err != nil {
		panic(err)
	}
	return limit
}

func TestMain(m *testing.M) {
	switch mode := os.Getenv(guardMode); mode {
	case "":
		os.Exit(m.Run())
	case "guard", "guard that tells its end", diesUnsigned, diesSigned:
		store := file(os.Getenv(guardFile))
		open := func(context.Context) (trial.GuardStore, error) { return store, nil }
		if err := trial.Guard(context.Background(), os.Stdin, os.Stdout, request(), guardLimit(), open); err != nil {
			os.Exit(1)
		}
		if mode != "guard" && os.WriteFile(store.ended(), nil, 0o600) != nil {
			os.Exit(1)
		}
	case "no database":
		fmt.Fprintln(os.Stderr, "uzerp-mfa: no answer")
		os.Exit(7)
	case "another word":
		fmt.Println("hello")
		_, _ = io.Copy(io.Discard, os.Stdin)
	case "mute":
		time.Sleep(time.Minute) // the test kills it before
	}
	os.Exit(0)
}

// file is a database that two processes can share.
type file string

func (f file) InjectorClasses(context.Context, []string) ([]injector.Class, error) {
	var classes []injector.Class
	text, err := os.ReadFile(string(f))
	if err == nil {
		err = json.Unmarshal(text, &classes)
	}
	return classes, err
}

func (f file) ApplySwitch(ctx context.Context, names []string, plan injector.SwitchPlan) error {
	classes, err := f.InjectorClasses(ctx, names)
	if err != nil {
		return err
	}
	return f.write(apply(classes, plan))
}

func (f file) write(classes []injector.Class) error {
	text, err := json.Marshal(classes)
	if err == nil {
		err = os.WriteFile(string(f)+".new", text, 0o600)
	}
	if err == nil {
		err = os.Rename(string(f)+".new", string(f))
	}
	return err
}

// ended is the name of the file that "guard that tells its end" writes.
func (f file) ended() string { return string(f) + ".ended" }

func (f file) SettledClasses(ctx context.Context, names []string) ([]injector.Class, error) {
	return f.InjectorClasses(ctx, names)
}

func (f file) HoldTrial(context.Context, time.Duration) (int64, func(), error) {
	return 4711, func() {}, nil
}

// Confirmed looks for a file that says so.
func (f file) Confirmed(context.Context, int64) (bool, error) {
	_, err := os.Stat(string(f) + ".confirmed")
	return err == nil, nil
}

// SignKept makes a file that says so, and ends the confirmation.
func (f file) SignKept(context.Context, int64) (func(), error) {
	if os.Getenv(guardMode) == diesUnsigned {
		os.Exit(1)
	}
	err := errors.Join(os.WriteFile(f.kept(), nil, 0o600), os.Remove(string(f)+".confirmed"))
	if os.Getenv(guardMode) == diesSigned {
		os.Exit(1)
	}
	return func() {}, err
}

// kept is the name of the file that says that the switch stays.
func (f file) kept() string { return string(f) + ".kept" }

// broken is a database that loses the answer after a change, or that no longer makes changes.
type broken struct {
	file
	reached bool
	dead    *bool
}

func (b broken) ApplySwitch(ctx context.Context, names []string, plan injector.SwitchPlan) error {
	if b.dead != nil && *b.dead {
		return errs.New(errs.Unavailable, "no answer", "")
	}
	err := b.file.ApplySwitch(ctx, names, plan)
	if b.reached {
		err = errs.New(errs.Unavailable, "lost", "")
	}
	return err
}

// stage is a trial with its own database.
type stage struct {
	trial.Trial
	db         file
	limit      time.Duration
	guard      *exec.Cmd
	bestEffort bool
}

func newStage(t *testing.T, mode string) *stage {
	t.Helper()
	s := &stage{db: file(filepath.Join(t.TempDir(), "classes.json"))}
	if err := s.db.write(handler(injector.PlainHandler)); err != nil {
		t.Fatal(err)
	}
	s.Trial = trial.Trial{
		Store: s.db,
		Command: func() (*exec.Cmd, error) {
			s.guard = exec.Command(os.Args[0])
			s.guard.Env = append(os.Environ(), guardMode+"="+mode, guardFile+"="+string(s.db), guardTime+"="+s.limit.String())
			return s.guard, nil
		},
		Ended: func(code int, stderr string) error {
			return errs.New(errs.Unavailable, fmt.Sprintf("it ended with %d: %s", code, strings.TrimSpace(stderr)), "")
		},
		Ask:        func(context.Context) (bool, error) { t.Error("it asks, and nothing is switched"); return false, nil },
		BestEffort: func() { s.bestEffort = true },
	}
	return s
}

func (s *stage) class(t *testing.T) string {
	t.Helper()
	classes, err := s.db.InjectorClasses(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return classes[0].ClassName
}

func plan() injector.SwitchPlan {
	p, _ := injector.Plan(injector.Request{Handler: injector.MFAHandler, Validator: injector.TwilioValidator}, handler(injector.PlainHandler), nil, nil)
	p.Changes = p.Changes[:1]
	return p
}

// run runs the trial and checks the class that is left.
func (s *stage) run(t *testing.T, ctx context.Context, limit time.Duration, left string) error {
	t.Helper()
	s.limit = limit
	err := s.Run(ctx, plan(), limit)
	if got := s.class(t); got != left {
		t.Errorf("the class is %s, want %s", got, left)
	}
	return err
}

func TestTrialIsKept(t *testing.T) {
	s := newStage(t, "guard")
	s.Ask = func(context.Context) (bool, error) {
		if got := s.class(t); got != injector.MFAHandler {
			t.Errorf("it asks while the class is %s", got)
		}
		return true, nil
	}
	if err := s.run(t, t.Context(), time.Minute, injector.MFAHandler); err != nil {
		t.Error(err)
	}
}

// Somebody else confirms the switch while it is asked here. Then it stays, also if the time is over or the operator is gone; but
// not what the operator says no to.
func TestTrialIsConfirmedElsewhere(t *testing.T) {
	for name, test := range map[string]struct {
		ask  func(ctx context.Context, cancel func()) (bool, error)
		left string
		want errs.Kind // errs.Failure for no error
	}{
		"no answer": {func(ctx context.Context, _ func()) (bool, error) { <-ctx.Done(); return false, ctx.Err() }, injector.MFAHandler, errs.Failure},
		"Ctrl-C": {func(ctx context.Context, cancel func()) (bool, error) {
			<-ctx.Done()
			cancel()
			return false, ctx.Err()
		}, injector.MFAHandler, errs.Failure},
		"no terminal": {func(ctx context.Context, _ func()) (bool, error) { <-ctx.Done(); return false, errors.New("gone") }, injector.MFAHandler, errs.Failure},
		"yes":         {func(ctx context.Context, _ func()) (bool, error) { <-ctx.Done(); return true, nil }, injector.MFAHandler, errs.Failure},
		"no":          {func(ctx context.Context, _ func()) (bool, error) { <-ctx.Done(); return false, nil }, injector.PlainHandler, errs.Declined},
	} {
		t.Run(name, func(t *testing.T) {
			s, told := newStage(t, "guard"), 0
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			s.Confirmed = func() { told++ }
			s.Ask = func(asking context.Context) (bool, error) {
				if err := os.WriteFile(string(s.db)+".confirmed", nil, 0o600); err != nil {
					t.Error(err)
				}
				return test.ask(asking, cancel)
			}
			err := s.run(t, ctx, time.Hour, test.left)
			if (err == nil) != (test.want == errs.Failure) || err != nil && errs.KindOf(err) != test.want {
				t.Error(err)
			}
			_ = s.guard.Wait()
			if _, err := os.Stat(s.db.kept()); (err == nil) != (test.left == injector.MFAHandler) {
				t.Errorf("signed that it stays: %v", err)
			}
			if wanted := name == "no answer" || name == "Ctrl-C" || name == "no terminal"; (told == 1) != wanted {
				t.Errorf("told %d times", told)
			}
		})
	}
}

// The guard dies in the moment in which it signs: what the operator is told is true all the same. Only what stays is signed.
func TestTrialWhoseGuardDiesAsItSigns(t *testing.T) {
	for _, mode := range []string{diesUnsigned, diesSigned} {
		s, told := newStage(t, mode), 0
		s.Confirmed = func() { told++ }
		s.Ask = func(asking context.Context) (bool, error) {
			if err := os.WriteFile(string(s.db)+".confirmed", nil, 0o600); err != nil {
				t.Error(err)
			}
			<-asking.Done()
			return false, asking.Err()
		}
		if err := s.run(t, t.Context(), time.Hour, injector.MFAHandler); err != nil || told != 1 || s.bestEffort {
			t.Errorf("%s: %v, told %d times, best effort %v", mode, err, told, s.bestEffort)
		}
		_ = s.guard.Wait()
		if _, err := os.Stat(s.db.kept()); (err == nil) != (mode == diesSigned) {
			t.Errorf("%s: %v", mode, err)
		}
	}
}

// A terminal that hangs, so that the question does not end, keeps nobody from confirming the switch elsewhere.
func TestTrialWhoseTerminalHangs(t *testing.T) {
	s, told, hangs := newStage(t, "guard"), 0, make(chan struct{})
	trial.SetAskPatience(t, time.Millisecond)
	s.Confirmed = func() { told++ }
	s.Ask = func(context.Context) (bool, error) {
		if err := os.WriteFile(string(s.db)+".confirmed", nil, 0o600); err != nil {
			t.Error(err)
		}
		<-hangs
		return false, nil
	}
	if err := s.run(t, t.Context(), time.Hour, injector.MFAHandler); err != nil || told != 1 {
		t.Errorf("%v, told %d times", err, told)
	}
	close(hangs)
	_ = s.guard.Wait() // its sign comes after its last word
}

// marked is a database that makes a switch only under the mark of the guard.
type marked struct{ file }

func (m marked) ApplySwitch(ctx context.Context, names []string, plan injector.SwitchPlan) error {
	if plan.Trial != 4711 {
		return errs.New(errs.Refused, "no such mark", "")
	}
	return m.file.ApplySwitch(ctx, names, plan)
}

func TestTrialSwitchesUnderItsMark(t *testing.T) {
	s := newStage(t, "guard")
	s.Store, s.Ask = marked{s.db}, func(context.Context) (bool, error) { return true, nil }
	if err := s.run(t, t.Context(), time.Minute, injector.MFAHandler); err != nil {
		t.Error(err)
	}
}

// A login worked, but somebody has switched off meanwhile: that stays, and the operator is told.
func TestTrialThatSomebodyElseHasEnded(t *testing.T) {
	for _, yes := range []bool{true, false} {
		s, want := newStage(t, "guard"), errs.Declined
		s.Ask = func(context.Context) (bool, error) { return yes, s.db.write(handler("Another")) }
		if yes {
			want = errs.Refused
		}
		if err := s.run(t, t.Context(), time.Minute, "Another"); errs.KindOf(err) != want {
			t.Errorf("yes %v: %v", yes, err)
		}
	}
}

// limit is a trial's time in tests that wait for its end. The guard, which is a process of its own, must be ready before that.
const limit = time.Second

func TestTrialIsTakenBack(t *testing.T) {
	closed := errors.New("the terminal is gone")
	for name, test := range map[string]struct {
		limit time.Duration
		ask   func(s *stage, ctx context.Context) (bool, error)
		want  error
	}{
		"no":          {time.Minute, func(*stage, context.Context) (bool, error) { return false, nil }, trial.ErrNotKept},
		"no answer":   {limit, func(_ *stage, ctx context.Context) (bool, error) { <-ctx.Done(); return false, ctx.Err() }, trial.ErrNotKept},
		"no terminal": {time.Minute, func(*stage, context.Context) (bool, error) { return false, closed }, closed},
		"a yes too late": {limit, func(s *stage, _ context.Context) (bool, error) {
			for s.class(t) != injector.PlainHandler {
				time.Sleep(5 * time.Millisecond)
			}
			return true, nil
		}, trial.ErrNotKept},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, "guard")
			s.Ask = func(ctx context.Context) (bool, error) { return test.ask(s, ctx) }
			if err := s.run(t, t.Context(), test.limit, injector.PlainHandler); !errors.Is(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
			if s.bestEffort {
				t.Error("this process switched back, and not the guard")
			}
		})
	}
}

func TestTrialIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := newStage(t, "guard")
	s.Ask = func(ctx context.Context) (bool, error) { cancel(); <-ctx.Done(); return false, ctx.Err() }
	err := s.run(t, ctx, time.Minute, injector.PlainHandler)
	if i, ok := errors.AsType[*trial.Interrupted](err); !ok || i.Undo != nil {
		t.Error(err)
	}
}

// A switch whose answer was lost may have been made.
func TestTrialWithALostAnswer(t *testing.T) {
	s := newStage(t, "guard")
	s.Store = broken{file: s.db, reached: true}
	if err := s.run(t, t.Context(), time.Minute, injector.PlainHandler); err == nil || err.Error() != "lost" {
		t.Error(err)
	}
}

// overtaken is a database in which another operator makes the same switch first.
type overtaken struct{ file }

func (o overtaken) ApplySwitch(ctx context.Context, names []string, plan injector.SwitchPlan) error {
	if err := o.file.ApplySwitch(ctx, names, plan); err != nil {
		return err
	}
	return &errs.Error{Kind: errs.Refused, Err: errs.ErrChanged}
}

// A switch that is refused changes nothing, so there is nothing to take back: what stands there now is another
// operator's switch.
func TestTrialThatIsRefusedLeavesAnothersSwitch(t *testing.T) {
	s := newStage(t, "guard")
	s.Store = overtaken{s.db}
	if err := s.run(t, t.Context(), time.Minute, injector.MFAHandler); !errors.Is(err, errs.ErrChanged) {
		t.Error(err)
	}
}

// slow is a database that makes the switch only when the guard has ended.
type slow struct{ file }

func (s slow) ApplySwitch(ctx context.Context, names []string, plan injector.SwitchPlan) error {
	for {
		if _, err := os.Stat(s.ended()); err == nil {
			return s.file.ApplySwitch(ctx, names, plan)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// If the guard's time was over before the switch was made, the guard found nothing to take back. Then neither its
// word nor a yes of the operator counts.
func TestTrialWhoseSwitchIsTooSlow(t *testing.T) {
	for _, yes := range []bool{false, true} {
		s := newStage(t, "guard that tells its end")
		s.Store = slow{s.db}
		s.Ask = func(context.Context) (bool, error) { return yes, nil }
		if err := s.run(t, t.Context(), limit, injector.PlainHandler); !errors.Is(err, trial.ErrNotKept) {
			t.Errorf("yes %v: %v", yes, err)
		}
	}
}

// If the guard dies, this process does not wait for the operator's answer, and switches back itself.
func TestTrialWhoseGuardDies(t *testing.T) {
	s := newStage(t, "guard")
	s.Ask = func(ctx context.Context) (bool, error) {
		_ = s.guard.Process.Kill()
		<-ctx.Done()
		return false, ctx.Err()
	}
	if err := s.run(t, t.Context(), time.Minute, injector.PlainHandler); !errors.Is(err, trial.ErrNotKept) || !s.bestEffort {
		t.Errorf("%v, best effort %v", err, s.bestEffort)
	}
}

// If nobody can switch back, the error says so.
func TestTrialThatCannotBeTakenBack(t *testing.T) {
	for _, interrupted := range []bool{false, true} {
		t.Run(fmt.Sprintf("interrupted %v", interrupted), func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			s, dead := newStage(t, "guard"), false
			s.Store = broken{file: s.db, dead: &dead}
			s.Ask = func(ctx context.Context) (bool, error) {
				trial.SetPatience(t, 50*time.Millisecond)
				dead = true
				_ = s.guard.Process.Kill()
				if interrupted {
					cancel()
				}
				<-ctx.Done()
				return false, ctx.Err()
			}
			err := s.run(t, ctx, time.Minute, injector.MFAHandler)
			if i, ok := errors.AsType[*trial.Interrupted](err); ok != interrupted {
				t.Error(err)
			} else if ok {
				err = i.Undo
			}
			if err == nil || errs.KindOf(err) != errs.Unavailable || errs.HintOf(err).Reason != trial.ReasonStillMade {
				t.Errorf("%v (%s)", err, errs.HintOf(err))
			}
			cancel()
		})
	}
}

// Nothing is switched without a guard that could switch back.
func TestTrialWithoutAGuard(t *testing.T) {
	for mode, want := range map[string]string{
		"no database":  "start the process that would switch back: it ended with 7: uzerp-mfa: no answer",
		"another word": `start the process that would switch back: it says "hello" and not "ready"`,
		"mute":         "start the process that would switch back: it does not answer",
		"no program":   "start the process that would switch back: no program",
	} {
		t.Run(mode, func(t *testing.T) {
			if mode == "mute" {
				trial.SetPatience(t, 50*time.Millisecond)
			}
			s := newStage(t, mode)
			if mode == "no program" {
				s.Command = func() (*exec.Cmd, error) { return nil, errors.New("no program") }
			}
			err := s.run(t, t.Context(), time.Minute, injector.PlainHandler)
			if err == nil || err.Error() != want || errs.HintOf(err).Empty() {
				t.Errorf("%v, want %s", err, want)
			}
			if mode == "no database" && errs.KindOf(err) != errs.Unavailable {
				t.Errorf("kind %v", errs.KindOf(err))
			}
			if s.guard != nil {
				_ = s.guard.Process.Kill()
			}
		})
	}
}

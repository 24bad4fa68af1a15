package audit

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
)

// Only a factor that enroll has made for this user at this place, of late, waits for its code; and only until the enrolment
// has ended in some way.
func TestEnrollmentWaits(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	here := Place{Database: &Database{Host: "db", Port: 5432, Name: "live"}, Service: &Service{SID: "VA1"}}
	copied := Place{Database: &Database{Host: "db", Port: 5432, Name: "copy"}, Service: here.Service}
	const sid, other = "YF1", "YF2"
	refused := errs.New(errs.Refused, "no", "")
	type step struct {
		command, target string
		place           Place
		ago             time.Duration
		before, after   Values
		err             error
	}
	enrolled := step{"enroll", "alice", here, time.Hour, nil, Values{"factor": "unverified", "factor_sid": sid}, nil}
	but := func(change func(*step)) []step {
		s := enrolled
		change(&s)
		return []step{s}
	}
	after := func(s step) []step { return []step{enrolled, s} }
	row := func(sid any) Values { return Values{"mfa_sid": sid, "mfa_enrolled": true} }
	nobody := Place{Database: here.Database} // --skip-twilio uses no service
	for name, c := range map[string]struct {
		steps []step
		want  bool
	}{
		"made by enroll":              {but(func(*step) {}), true},
		"made by nobody":              {nil, false},
		"for another user":            {but(func(s *step) { s.target = "bob" }), false},
		"another factor":              {but(func(s *step) { s.after = Values{"factor_sid": other} }), false},
		"in a copy":                   {but(func(s *step) { s.place = copied }), false},
		"refused":                     {but(func(s *step) { s.err = refused }), false},
		"Twilio's answer was lost":    {but(func(s *step) { s.err = errs.ErrLostReply }), false},
		"by another command":          {but(func(s *step) { s.command = "verify" }), false},
		"two days ago":                {but(func(s *step) { s.ago = 48 * time.Hour }), false},
		"before the clock was set":    {but(func(s *step) { s.ago = -time.Hour }), false},
		"a wrong code":                {after(step{"verify", "alice", here, time.Minute, Values{"factor_sid": sid}, Values{"factor_sid": sid}, refused}), true},
		"a right code":                {after(step{"verify", "alice", here, time.Minute, Values{"factor_sid": sid}, Values{"factor_sid": sid}, nil}), true},
		"the row was not written":     {after(step{"verify", "alice", here, time.Minute, row(nil), row(sid), errors.New("failed")}), true},
		"the row was written":         {after(step{"verify", "alice", here, time.Minute, row(nil), row(sid), nil}), false},
		"enrolled with another":       {after(step{"verify", "alice", here, time.Minute, row(nil), row(other), nil}), false},
		"another was not written":     {after(step{"verify", "alice", here, time.Minute, row(nil), row(other), refused}), true},
		"enrolled before":             {[]step{{"verify", "alice", here, 2 * time.Hour, row(nil), row(other), nil}, enrolled}, true},
		"skipped since":               {after(step{"user disable-next-login", "alice", here, time.Minute, row(other), row(other), nil}), true},
		"another's row":               {after(step{"verify", "bob", here, time.Minute, row(nil), row(sid), nil}), true},
		"reset":                       {after(step{"user reset", "alice", nobody, time.Minute, row(other), row(nil), nil}), false},
		"a mail about a reset before": {after(step{"user reset", "alice", here, time.Minute, nil, Values{"mail": "reset"}, nil}), true},
		"the reset was refused":       {after(step{"user reset", "alice", here, time.Minute, row(other), row(nil), refused}), true},
		"the reset's answer was lost": {after(step{"user reset", "alice", here, time.Minute, row(other), row(nil), errs.ErrLostReply}), false},
		"taken from the row":          {after(step{"reconcile", "alice", nobody, time.Minute, row(sid), row(nil), nil}), false},
		"deleted":                     {after(step{"reconcile", "alice", here, time.Minute, Values{"factor_sid": sid}, nil, nil}), false},
		"reset before":                {[]step{{"user reset", "alice", here, 2 * time.Hour, row(other), row(nil), nil}, enrolled}, true},
	} {
		clock := now
		path := t.TempDir() + "/audit.jsonl"
		log, err := Open(path, Options{Now: func() time.Time { return clock }})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range c.steps {
			clock = now.Add(-s.ago)
			r := &Recorder{Log: log, Command: s.command, Place: func() Place { return s.place }}
			_ = r.Record(t.Context(), s.target, s.before, s.after, func() error { return s.err })
		}
		waits := func() (bool, error) {
			return EnrollmentWaits(t.Context(), path, here, "alice", sid, now.Add(-24*time.Hour), now)
		}
		if got, err := waits(); got != c.want || err != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
		if err := os.Chmod(path, 0o666); err != nil {
			t.Fatal(err)
		}
		if got, err := waits(); got || errs.KindOf(err) != errs.Config {
			t.Errorf("%s, and everybody may change the log: %v, %v", name, got, err)
		}
	}
	if got, err := EnrollmentWaits(t.Context(), t.TempDir()+"/none", here, "alice", sid, now, now); got || err != nil {
		t.Errorf("no log: %v, %v", got, err)
	}
}

// What is recorded of a pending factor says who made it, and how many codes Twilio did not take.
func TestPendingFactors(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	here := Place{Database: &Database{Host: "db", Port: 5432, Name: "live"}, Service: &Service{SID: "VA1"}}
	path := t.TempDir() + "/audit.jsonl"
	clock := now.Add(-2 * time.Hour)
	log, err := Open(path, Options{Now: func() time.Time { clock = clock.Add(time.Minute); return clock }})
	if err != nil {
		t.Fatal(err)
	}
	r := &Recorder{Log: log, Actor: Actor{User: "root", SudoUser: "carla"}, Place: func() Place { return here }}
	refusedByTwilio, policy := false, errs.New(errs.Refused, "not now", "")
	verify := func(sid string, err error) {
		r.Command = "verify"
		f := fakeFactors{verified: !refusedByTwilio, err: err}
		_, _ = r.Factors(f).VerifyFactor(t.Context(), "uuid", sid, "123456")
	}
	made := func(sid string) {
		r.Command = commandEnroll
		_ = r.Record(t.Context(), "alice", nil, Values{"factor": "unverified", "factor_sid": sid}, func() error { return nil })
	}
	r.remember("alice", mfa.Row{UUID: new("uuid")})
	for _, sid := range []string{"YF1", "YF2", "YF3"} {
		made(sid)
	}
	firstMade := now.Add(-2*time.Hour + 2*time.Minute)
	refusedByTwilio = true
	verify("YF1", nil)
	verify("YF1", nil)
	verify("YF1", policy)                        // Twilio was not asked
	verify("YF1", errs.New(errs.Config, "", "")) // nor was it then
	verify("YF2", errs.ErrLostReply)             // it may have been
	_ = r.Record(t.Context(), "alice", Values{"factor_sid": "YF3"}, nil, func() error { return nil })
	read := func(place Place, user string) map[string]mfa.FactorRecord {
		t.Helper()
		pending, err := PendingFactors(t.Context(), path, place, user, now.Add(-24*time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		return pending
	}
	got := read(here, "alice")
	if len(got) != 2 || got["YF1"].Wrong != 2 || got["YF2"].Wrong != 1 || got["YF1"].By != "carla" || !got["YF1"].Made.Equal(firstMade) {
		t.Errorf("%+v, the first one made at %s", got, firstMade)
	}
	copied := Place{Database: &Database{Host: "db", Port: 5432, Name: "copy"}, Service: here.Service}
	if got := len(read(here, "bob")) + len(read(copied, "alice")); got != 0 {
		t.Errorf("%d of another user or place", got)
	}
	r.Command = commandReset
	_ = r.Record(t.Context(), "alice", Values{"mfa_sid": nil}, Values{"mfa_sid": nil}, func() error { return nil })
	if got := read(here, "alice"); len(got) != 0 {
		t.Errorf("after a reset: %+v", got)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if got, err := PendingFactors(t.Context(), path, here, "alice", now); len(got) != 0 || errs.KindOf(err) != errs.Config {
		t.Errorf("everybody may change the log: %v, %v", got, err)
	}
}

// What a factor was made to replace is recorded: the one that the user was enrolled with then, and nothing that the row names
// otherwise.
func TestReplacementIsRecorded(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	here := Place{Database: &Database{Host: "db", Port: 5432, Name: "live"}, Service: &Service{SID: "VA1"}}
	const used = "YF000000000000000000000000000000aa"
	enrolled := mfa.Row{UUID: new("uuid"), SID: new(used), Enrolled: new(true), Enabled: new(true)}
	for name, c := range map[string]struct {
		row  mfa.Row
		want string
	}{
		"enrolled":     {enrolled, used},
		"not enrolled": {mfa.Row{UUID: new("uuid"), SID: new(used), Enrolled: new(false)}, ""},
		"broken":       {mfa.Row{UUID: new("uuid"), SID: new("none"), Enrolled: new(true)}, ""},
	} {
		path := t.TempDir() + "/audit.jsonl"
		log, err := Open(path, Options{Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		r := &Recorder{Log: log, Command: commandEnroll, Place: func() Place { return here }}
		r.remember("alice", c.row)
		r.isUser("alice") // a code was sent to the user meanwhile
		if _, err := r.Factors(fakeFactors{}).CreateFactor(t.Context(), "uuid", "alice"); err != nil {
			t.Fatal(err)
		}
		pending, err := PendingFactors(t.Context(), path, here, "alice", now.Add(-time.Hour))
		if got := pending["YFnew"]; err != nil || len(pending) != 1 || got.Replaces != c.want {
			t.Errorf("%s: %+v, %v", name, pending, err)
		}
	}
}

// fakeFactors answers every code in the same way.
type fakeFactors struct {
	mfa.Factors
	verified bool
	err      error
}

func (f fakeFactors) VerifyFactor(context.Context, string, string, string) (mfa.Factor, error) {
	if f.verified {
		return mfa.Factor{Status: mfa.FactorVerified}, f.err
	}
	return mfa.Factor{Status: mfa.FactorUnverified}, f.err
}

func (f fakeFactors) CreateFactor(context.Context, string, string) (mfa.NewFactor, error) {
	return mfa.NewFactor{Factor: mfa.Factor{SID: "YFnew"}}, f.err
}

package audit

import (
	"errors"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/history"
)

// shownEvents returns what each entry says in one line.
func shownEvents(r history.Reading) []string {
	all := []string{}
	for _, e := range r.Entries {
		line := strings.Join([]string{e.At.Format("15:04"), e.Username, string(e.What), e.Command, e.By}, " ")
		if e.Uncertain {
			line += " uncertain"
		}
		all = append(all, line)
	}
	slices.Sort(all)
	return all
}

// What operators did about a user, at this place: each command once, with what nobody knows, and without what came to nothing.
func TestUserEvents(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	clock := now
	path := t.TempDir() + "/audit.jsonl"
	log, err := Open(path, Options{Now: func() time.Time { return clock }})
	if err != nil {
		t.Fatal(err)
	}
	here := Place{Database: &Database{Host: "db", Port: 5432, Name: "live"}, Service: &Service{SID: "VA1"}}
	other := Place{Database: &Database{Host: "db", Port: 5432, Name: "copy"}, Service: here.Service}
	do := func(at string, place Place, command, target string, before, after Values, result error) {
		t.Helper()
		if clock, err = time.Parse("2006-01-02 15:04", "2026-03-01 "+at); err != nil {
			t.Fatal(err)
		}
		r := &Recorder{Log: log, Actor: Actor{User: "root", SudoUser: "ann", Host: "h", PID: 1}, Command: command, Place: func() Place { return place }}
		_ = r.Record(t.Context(), target, before, after, func() error { return result })
	}
	row := func(sid any, enrolled, enabled bool) Values {
		return Values{"mfa_sid": sid, "mfa_enrolled": enrolled, "mfa_enabled": enabled, "uuid": "u"}
	}
	factor := Values{"factor_sid": "YF1"}
	refused := errs.New(errs.Refused, "no", "")
	do("01:00", here, "user enable", "alice", row("YF1", true, false), row("YF1", true, true), nil)
	do("08:00", here, "identity send", "alice", nil, Values{"channel": "sms", "to": "+44 *123", "to_given": false, "status": "pending"}, nil)
	do("08:01", here, "user reset", "alice", nil, Values{"to": "+44 *123", "status": "pending"}, refused)
	do("08:02", here, "user reset", "alice", nil, Values{"to": "+44 *123", "to_given": false, "status": "approved"}, nil)
	do("08:03", here, "user reset", "alice", row("YF1", true, true), row(nil, false, false), nil)
	do("08:04", here, "user reset", "alice", factor, nil, nil)
	do("08:05", here, "enroll", "alice", nil, Values{"factor_sid": "YF2"}, nil)
	do("08:06", here, "verify", "alice", row(nil, false, false), row("YF2", true, true), nil)
	do("08:07", here, "user disable-next-login", "alice", row("YF2", true, true), row("YF2", true, false), errs.ErrLostReply)
	do("08:08", here, "user enable", "alice", row("YF2", true, false), row("YF2", true, true), refused)
	do("08:09", here, "user enable", "alice", row("YF2", true, false), row("YF2", true, true), errors.New("failed"))
	do("08:10", here, "user reset", "bob", row("YF3", true, true), row(nil, false, false), nil)
	do("08:11", other, "user reset", "alice", row("YF1", true, true), row(nil, false, false), nil)
	do("08:12", here, "reconcile", "alice", factor, nil, nil)
	do("08:13", here, "set-injector", "alice", ClassValues("a"), ClassValues("b"), nil)
	do("08:14", here, "user reset", "b\xff", row("YF3", true, true), row(nil, false, false), nil)
	clock = now
	died := sample(0)
	died.Target, died.Result, died.Database, died.Service = "alice", ResultIntent, here.Database, here.Service
	appendTo(t, log, died)

	events := UserEvents{Path: path, Here: &Here{Databases: []Database{*here.Database}, Service: here.Service}}
	got, err := events.Read(t.Context(), history.Query{Usernames: []string{"alice", "carol"}, Since: now.Add(-5 * time.Hour)})
	if err != nil || got.NoZone || len(got.Missing) != 0 || got.Oldest.Hour() != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	want := []string{
		"08:00 alice code-sent identity send ann", "08:01 alice caller-refused user reset ann", "08:02 alice caller-verified user reset ann",
		"08:03 alice reset user reset ann", "08:05 alice other-change enroll ann", "08:06 alice enrolled verify ann",
		"08:07 alice skip-allowed user disable-next-login ann uncertain", "08:12 alice other-change reconcile ann",
		"12:00 alice reset user reset ann uncertain",
	}
	if !slices.Equal(shownEvents(got), want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(shownEvents(got), "\n"), strings.Join(want, "\n"))
	}
	got, err = events.Read(t.Context(), history.Query{Usernames: []string{"b\xff"}})
	if err != nil || len(got.Entries) != 1 || got.Entries[0].Username != "b\xff" {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err = events.Read(t.Context(), history.Query{}); err != nil || len(got.Entries) != 12 {
		t.Errorf("%q, %v", shownEvents(got), err)
	}
	if !slices.ContainsFunc(got.Entries, func(e history.Entry) bool { return e.Username == "b\xff" }) {
		t.Errorf("among those of all users there is no event of one whose name is not UTF-8: %q", shownEvents(got))
	}
	events.Here = nil
	if got, err = events.Read(t.Context(), history.Query{Usernames: []string{"alice"}}); err != nil || len(got.Entries) != 11 {
		t.Errorf("%q, %v", shownEvents(got), err)
	}
}

// A right code shows who the caller is only if the policy would take it as evidence, and if its outcome is known.
func TestUserEventsOfCodes(t *testing.T) {
	approved := func(more ...any) Values {
		v := Values{"to": "+44 *123", "to_given": false, "status": "approved"}
		for i := 0; i < len(more); i += 2 {
			v[more[i].(string)] = more[i+1] //nolint:forcetypeassert // the names of this test
		}
		return v
	}
	for name, test := range map[string]struct {
		result Result
		after  Values
		want   history.What
		why    history.Unverified
	}{
		"given, and a country chosen":   {ResultDone, approved("to_given", true, "region", "DE"), history.CallerUnverified, history.GivenNumber},
		"done":                          {ResultDone, approved(), history.CallerVerified, ""},
		"a number that was given":       {ResultDone, approved("to_given", true), history.CallerUnverified, history.GivenNumber},
		"it is not known whether":       {ResultDone, approved("to_given", nil), history.CallerUnverified, history.NotKnown},
		"a number changed lately":       {ResultDone, approved("number_changed", "2026-03-01T08:00:00"), history.CallerUnverified, history.ChangedNumber},
		"changed, nobody knows when":    {ResultDone, approved("number_changed", nil), history.CallerUnverified, history.ChangedNumber},
		"a country that was chosen":     {ResultDone, approved("region", "DE"), history.CallerUnverified, history.ChosenRegion},
		"the answer was lost":           {ResultUnknown, approved(), history.CallerUnverified, history.NotKnown},
		"killed while it was asked":     {ResultIntent, approved(), history.CallerUnverified, history.NotKnown},
		"a status that is not approved": {ResultDone, approved("status", "canceled"), history.CallerUnverified, history.NotKnown},
	} {
		e, ok := eventOf(Record{Time: time.Now(), Command: "identity check", Target: "alice", Result: test.result, After: test.after})
		if !ok || e.What != test.want || e.Unverified != test.why {
			t.Errorf("%s: %q, %q, %v, want %q, %q", name, e.What, e.Unverified, ok, test.want, test.why)
		}
	}
}

// A log that is missing is no silence, and one with lines that are no records says so.
func TestUserEventsThatCannotBeRead(t *testing.T) {
	if _, err := (UserEvents{Path: t.TempDir() + "/none.jsonl"}).Read(t.Context(), history.Query{}); errs.KindOf(err) != errs.NotFound {
		t.Error(err)
	}
	l := newLog(t, 3)
	text := string(readFile(t, l.path))
	text = strings.Replace(text, `"mfa_sid":null`, `"mfa_sid":{}`, 1) + "no record\n"
	if err := os.WriteFile(l.path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := UserEvents{Path: l.path}.Read(t.Context(), history.Query{})
	if err != nil || len(got.Missing) != 1 || len(got.Entries) < 2 {
		t.Errorf("%+v, %v", got, err)
	}
}

// A log that another user may have written verifies nobody: it may hold what that user likes. Nothing in it is certain.
func TestDoubtfulLogVerifiesNobody(t *testing.T) {
	dir := t.TempDir()
	path := dir + "/audit.jsonl"
	log := openLog(t, path)
	record := func(command string, after Values) {
		r := &Recorder{Log: log, Actor: Actor{User: "root", Host: "h", PID: 1}, Command: command}
		if err := r.Record(t.Context(), "alice", nil, after, func() error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	record("identity check", Values{"to": "+44 *123", "to_given": false, "status": "approved"})
	record("user reset", Values{"mfa_sid": nil, "mfa_enrolled": false, "mfa_enabled": false})
	text := readFile(t, path)
	for name, test := range map[string]struct {
		mode     os.FileMode
		pipe     bool
		doubtful bool
	}{
		"the owner's":           {0o600, false, false},
		"everybody may write":   {0o666, false, true},
		"a pipe":                {0o600, true, false},
		"a pipe of everybody's": {0o666, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			path := path
			if test.pipe {
				path = t.TempDir() + "/pipe.jsonl"
				if err := syscall.Mkfifo(path, 0o600); err != nil {
					t.Fatal(err)
				}
				pipe, err := os.OpenFile(path, os.O_RDWR, 0)
				if err == nil {
					_, err = pipe.Write(text)
				}
				if err != nil {
					t.Fatal(err)
				}
				go func() { // the end of the pipe comes when all of it was read
					for left := 1; left > 0; time.Sleep(time.Millisecond) {
						var err error
						if left, err = unix.IoctlGetInt(int(pipe.Fd()), unix.TIOCINQ); err != nil {
							break
						}
					}
					_ = pipe.Close()
				}()
			}
			if err := os.Chmod(path, test.mode); err != nil {
				t.Fatal(err)
			}
			got, err := UserEvents{Path: path}.Read(t.Context(), history.Query{})
			if err != nil || len(got.Entries) != 2 || (len(got.Missing) > 0) != test.doubtful {
				t.Fatalf("%+v, %v", got, err)
			}
			code, reset := got.Entries[0], got.Entries[1]
			if (code.What == history.CallerVerified) == test.doubtful || (code.Unverified == history.DoubtfulLog) != test.doubtful ||
				code.Uncertain != test.doubtful || reset.What != history.Reset || reset.Uncertain != test.doubtful {
				t.Errorf("%+v, %+v", code, reset)
			}
		})
	}
}

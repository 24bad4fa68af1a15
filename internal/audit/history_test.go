package audit

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

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
	events.Here = nil
	if got, err = events.Read(t.Context(), history.Query{Usernames: []string{"alice"}}); err != nil || len(got.Entries) != 11 {
		t.Errorf("%q, %v", shownEvents(got), err)
	}
}

// A log that is missing is no silence, and one with lines that are no records says so.
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
	}{
		"done":                          {ResultDone, approved(), history.CallerVerified},
		"a number that was given":       {ResultDone, approved("to_given", true), history.CallerUnverified},
		"it is not known whether":       {ResultDone, approved("to_given", nil), history.CallerUnverified},
		"a number changed lately":       {ResultDone, approved("number_changed", "2026-03-01T08:00:00"), history.CallerUnverified},
		"changed, nobody knows when":    {ResultDone, approved("number_changed", nil), history.CallerUnverified},
		"a country that was chosen":     {ResultDone, approved("region", "DE"), history.CallerUnverified},
		"the answer was lost":           {ResultUnknown, approved(), history.CallerUnverified},
		"killed while it was asked":     {ResultIntent, approved(), history.CallerUnverified},
		"a status that is not approved": {ResultDone, approved("status", "canceled"), history.CallerUnverified},
	} {
		e, ok := eventOf(Record{Time: time.Now(), Command: "identity check", Target: "alice", Result: test.result, After: test.after})
		if !ok || e.What != test.want {
			t.Errorf("%s: %q, %v, want %q", name, e.What, ok, test.want)
		}
	}
}

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

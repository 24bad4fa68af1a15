package history_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/history"
	"uzerp-mfa/internal/mfa"
)

// records is a source made of what a test says.
type records struct {
	source  history.Source
	reading history.Reading
	err     error
}

func (r records) Source() history.Source { return r.source }

func (r records) Read(context.Context, history.Query) (history.Reading, error) {
	return r.reading, r.err
}

// challenges are Twilio's, by identity.
type challenges struct {
	by      map[string][]mfa.Challenge
	err     error
	created time.Time // of every factor; zero if there is none
	asked   *int      // how many factors were asked for
}

func (c challenges) FetchFactor(_ context.Context, identity, sid string) (mfa.Factor, error) {
	if c.asked != nil {
		*c.asked++
	}
	if c.created.IsZero() {
		return mfa.Factor{}, errs.New(errs.NotFound, "no factor "+sid+" of "+identity, "")
	}
	return mfa.Factor{SID: sid, Created: c.created}, nil
}

func (c challenges) Challenges(_ context.Context, identity, factor string) iter.Seq2[mfa.Challenge, error] {
	return func(yield func(mfa.Challenge, error) bool) {
		for _, ch := range c.by[identity] {
			if (factor == "" || factor == ch.FactorSID) && !yield(ch, nil) {
				return
			}
		}
		if c.err != nil {
			yield(mfa.Challenge{}, c.err)
		}
	}
}

func challenge(at time.Time, s mfa.ChallengeStatus) mfa.Challenge {
	return mfa.Challenge{SID: "YC", FactorSID: "YF", Status: s, Created: at}
}

var berlin = time.FixedZone("Berlin", 3600)

// line is one of audit_lines: a wall clock that is so far ahead of UTC.
func line(at time.Time, ahead time.Duration, name string, what history.What) history.Entry {
	return history.Entry{At: at.Add(ahead), NoZone: true, Source: history.FromAudit, Username: name, What: what, Address: "192.0.2.1", Browser: "Firefox"}
}

// told returns the histories of alice as text: events and coverage.
func told(t *testing.T, teller history.Teller) string {
	t.Helper()
	teller.Zone, teller.Now = berlin, now
	got, err := teller.Tell(t.Context(), []mfa.User{alice()}, now.Add(-24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range got[0].Events {
		var from []string
		for _, s := range e.Sources {
			from = append(from, string(s))
		}
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %s %s %s", e.At.Format("15:04:05"), e.What, strings.Join(from, "+"), e.Zone, e.Address)))
	}
	for _, c := range got[0].Coverage {
		if c.Source == history.FromAudit && c.Asked {
			out = append(out, fmt.Sprintf("audit-lines %s %s reaches=%t", c.Zone, c.Offset, c.Reaches))
		}
	}
	if got[0].Nameless > 0 {
		out = append(out, fmt.Sprintf("nameless %d", got[0].Nameless))
	}
	return strings.Join(out, "\n")
}

func at(clock string) time.Time {
	t, err := time.Parse(time.TimeOnly, clock)
	if err != nil {
		panic(err)
	}
	return time.Date(2026, 11, 26, t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
}

func TestTell(t *testing.T) {
	const refused, approved = mfa.ChallengeExpired, mfa.ChallengeApproved
	twilio := func(all ...mfa.Challenge) challenges {
		return challenges{by: map[string][]mfa.Challenge{alice().Identity(): all}}
	}
	audit := func(all ...history.Entry) []history.Records {
		return []history.Records{records{source: history.FromAudit, reading: history.Reading{Entries: all, NoZone: true, Oldest: now.Add(-72 * time.Hour)}}}
	}
	logged := func(clock, name string, what history.What) history.Entry {
		return history.Entry{At: at(clock), Source: history.FromLog, Username: name, What: what, Address: "192.0.2.1"}
	}
	log := func(all ...history.Entry) history.Records {
		return records{source: history.FromLog, reading: history.Reading{Entries: all, Oldest: now.Add(-72 * time.Hour)}}
	}
	for name, test := range map[string]struct {
		teller history.Teller
		want   string
	}{
		"a code in two sources is one event, and shows the zone": {
			history.Teller{
				Challenges: twilio(challenge(at("10:05:00"), refused), challenge(at("10:00:00"), refused)),
				Records: audit(line(at("10:00:01"), 2*time.Hour, "alice", history.CodeNotValid), line(at("10:05:01"), 2*time.Hour, "alice", history.CodeNotValid),
					line(at("09:00:00"), 2*time.Hour, "alice", history.EnrollRefused)),
			},
			`10:05:00 code-refused twilio+audit-lines known 192.0.2.1
10:00:00 code-refused twilio+audit-lines known 192.0.2.1
09:00:00 enroll-refused audit-lines measured 192.0.2.1
audit-lines measured 2h0m0s reaches=true`,
		},
		"one code that fits shows only a likely zone": {
			history.Teller{
				Challenges: twilio(challenge(at("10:00:00"), refused)),
				Records:    audit(line(at("10:00:01"), 4*time.Hour, "alice", history.CodeNotValid)),
			},
			`14:00:01 code-not-valid audit-lines assumed 192.0.2.1
10:00:00 code-refused twilio known
audit-lines assumed 0s reaches=true`,
		},
		"one code that fits to this machine's zone": {
			history.Teller{
				Challenges: twilio(challenge(at("10:00:00"), refused)),
				Records:    audit(line(at("10:00:01"), time.Hour, "alice", history.CodeNotValid)),
			},
			`10:00:00 code-refused twilio+audit-lines known 192.0.2.1
audit-lines measured 1h0m0s reaches=true`,
		},
		"nothing fits: the zone is assumed, and nothing is one": {
			history.Teller{
				Challenges: twilio(challenge(at("10:00:00"), refused)),
				Records:    audit(line(at("10:02:00"), time.Hour, "alice", history.CodeNotValid)),
			},
			`11:02:00 code-not-valid audit-lines assumed 192.0.2.1
10:00:00 code-refused twilio known
audit-lines assumed 0s reaches=true`,
		},
		"the clock was put back between two codes": {
			history.Teller{
				Challenges: twilio(challenge(at("10:00:00"), refused), challenge(at("09:07:00"), refused), challenge(at("03:11:00"), refused),
					challenge(at("02:23:00"), refused)),
				Records: audit(line(at("02:23:01"), 2*time.Hour, "alice", history.CodeNotValid), line(at("03:11:01"), 2*time.Hour, "alice", history.CodeNotValid),
					line(at("09:07:01"), time.Hour, "alice", history.CodeNotValid), line(at("10:00:01"), time.Hour, "alice", history.CodeNotValid),
					line(at("10:30:00"), time.Hour, "alice", history.EnrollRefused)),
			},
			`10:30:00 enroll-refused audit-lines measured 192.0.2.1
10:00:00 code-refused twilio+audit-lines known 192.0.2.1
09:07:00 code-refused twilio+audit-lines known 192.0.2.1
03:11:00 code-refused twilio+audit-lines known 192.0.2.1
02:23:00 code-refused twilio+audit-lines known 192.0.2.1
audit-lines measured 1h0m0s reaches=true`,
		},
		"two codes and one line: nobody knows which": {
			history.Teller{
				Challenges: twilio(challenge(at("10:00:04"), refused), challenge(at("10:00:00"), refused), challenge(at("08:00:00"), refused),
					challenge(at("07:00:00"), refused)),
				Records: audit(line(at("07:00:00"), time.Hour, "alice", history.CodeNotValid), line(at("08:00:00"), time.Hour, "alice", history.CodeNotValid),
					line(at("10:00:02"), time.Hour, "alice", history.CodeNotValid)),
			},
			`10:00:04 code-refused twilio known
10:00:02 code-not-valid audit-lines measured 192.0.2.1
10:00:00 code-refused twilio known
08:00:00 code-refused twilio+audit-lines known 192.0.2.1
07:00:00 code-refused twilio+audit-lines known 192.0.2.1
audit-lines measured 1h0m0s reaches=true`,
		},
		"a code that Twilio refused is one event in the log and the table": {
			history.Teller{
				Challenges: twilio(),
				Records: append(audit(line(at("10:00:01"), 0, "alice", history.CodeNotValid), line(at("10:05:01"), 0, "alice", history.CodeNotValid)),
					log(logged("10:00:00", "alice", history.CodeNotChecked), logged("10:05:00", "alice", history.CodeNotChecked))),
			},
			`10:05:00 code-not-checked audit-lines+uzerp-log known 192.0.2.1
10:00:00 code-not-checked audit-lines+uzerp-log known 192.0.2.1
audit-lines measured 0s reaches=true`,
		},
		"a refused password has its name from the log": {
			history.Teller{
				Challenges: twilio(),
				Records: append(audit(line(at("10:00:01"), 0, "", history.PasswordRefused), line(at("10:05:01"), 0, "", history.PasswordRefused),
					line(at("10:09:01"), 0, "", history.PasswordRefused)),
					log(logged("10:00:00", "alice", history.PasswordRefused), logged("10:05:00", "", history.PasswordRefused))),
			},
			`10:00:00 password-refused audit-lines+uzerp-log known 192.0.2.1
audit-lines measured 0s reaches=true
nameless 1`,
		},
		"what was typed and is no user's name is not shown": {
			history.Teller{
				Challenges: twilio(challenge(at("10:00:00"), approved)),
				Records:    []history.Records{log(logged("10:00:00", "my secret password", history.PasswordRefused), logged("10:00:01", "alice", history.CodeAccepted))},
			},
			`10:00:00 code-accepted twilio+uzerp-log known 192.0.2.1`,
		},
		"another address is another event": {
			history.Teller{
				Challenges: twilio(),
				Records: append(audit(line(at("10:00:01"), 0, "alice", history.CodeNotValid), line(at("10:05:01"), 0, "alice", history.CodeNotValid),
					history.Entry{At: at("11:00:01"), NoZone: true, Source: history.FromAudit, Username: "alice", What: history.CodeNotValid, Address: "203.0.113.9"}),
					log(logged("10:00:00", "alice", history.CodeNotChecked), logged("10:05:00", "alice", history.CodeNotChecked),
						logged("11:00:00", "alice", history.CodeNotChecked))),
			},
			`11:00:01 code-not-valid audit-lines measured 203.0.113.9
11:00:00 code-not-checked uzerp-log known 192.0.2.1
10:05:00 code-not-checked audit-lines+uzerp-log known 192.0.2.1
10:00:00 code-not-checked audit-lines+uzerp-log known 192.0.2.1
audit-lines measured 0s reaches=true`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			want := strings.ReplaceAll(test.want, "\t", "")
			if got := told(t, test.teller); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// A source that can't be read is never one in which nothing happened.
func TestUnreadSources(t *testing.T) {
	outage := errs.New(errs.Unavailable, "no answer", "")
	teller := history.Teller{
		Challenges: challenges{by: map[string][]mfa.Challenge{alice().Identity(): {challenge(at("10:00:00"), mfa.ChallengeApproved)}}, err: outage},
		Records:    []history.Records{records{source: history.FromAudit, err: errs.New(errs.Config, "permission denied", "")}},
		Unopened:   map[history.Source]error{history.FromLog: errs.New(errs.NotFound, "no such file", "")},
		Zone:       berlin, Now: now,
	}
	got, err := teller.Tell(t.Context(), []mfa.User{alice()}, now.Add(-24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	h := got[0]
	var lines []string
	for _, c := range h.Coverage {
		lines = append(lines, fmt.Sprint(c.Source, " ", c.Asked, " ", c.Read(), " ", c.Silent(), " ", c.Err))
	}
	want := `twilio true false false no answer
audit-lines true false false permission denied
uzerp-log true false false no such file
audit-log false false false <nil>`
	if got := strings.Join(lines, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if len(h.Events) != 1 || !errors.Is(h.Failure(), outage) || h.Readable() {
		t.Errorf("%d events, failure %v, readable %t: what came before the error must stay", len(h.Events), h.Failure(), h.Readable())
	}
}

// Twilio is asked until it has something older, or has nothing more.
func TestHowFarBack(t *testing.T) {
	since := now.Add(-24 * time.Hour)
	for name, test := range map[string]struct {
		all     []mfa.Challenge
		reaches bool
		events  int
	}{
		"nothing":       {nil, false, 0},
		"only young":    {[]mfa.Challenge{challenge(now.Add(-time.Hour), mfa.ChallengeApproved)}, false, 1},
		"an older one":  {[]mfa.Challenge{challenge(now.Add(-time.Hour), mfa.ChallengeApproved), challenge(since.Add(-time.Second), mfa.ChallengeApproved)}, true, 1},
		"on the second": {[]mfa.Challenge{challenge(since, mfa.ChallengeApproved)}, false, 1},
	} {
		t.Run(name, func(t *testing.T) {
			teller := history.Teller{Challenges: challenges{by: map[string][]mfa.Challenge{alice().Identity(): test.all}}, Zone: berlin, Now: now}
			got, err := teller.Tell(t.Context(), []mfa.User{alice()}, since)
			if err != nil {
				t.Fatal(err)
			}
			if c := got[0].Source(history.FromTwilio); c.Reaches != test.reaches || len(got[0].Events) != test.events {
				t.Errorf("reaches %t with %d events, want %t with %d", c.Reaches, len(got[0].Events), test.reaches, test.events)
			}
		})
	}
}

// In an outage the rest is not asked, and that is said of each.
func TestOutage(t *testing.T) {
	outage := errs.New(errs.Unavailable, "no answer", "")
	users := slices.Repeat([]mfa.User{alice()}, 50)
	teller := history.Teller{Challenges: challenges{err: outage}, Zone: berlin, Now: now}
	got, err := teller.TellAll(t.Context(), users, now.Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	for i, h := range got {
		if errs.KindOf(h.Failure()) != errs.Unavailable || h.Readable() {
			t.Fatalf("user %d: %v", i, h.Failure())
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := teller.TellAll(ctx, users, now); !errors.Is(err, context.Canceled) {
		t.Errorf("%v after an interruption", err)
	}
}

// Where uzERP refused codes that Twilio does not have, Twilio is asked since when the factor is there. Only codes since then did not
// arrive; of older ones nobody knows, and they count.
func TestNewFactor(t *testing.T) {
	lines := func(user mfa.User) []history.Records {
		var all []history.Entry
		for n := range 3 {
			e := line(now.Add(-time.Hour+time.Duration(n)*time.Minute), 0, user.Username, history.CodeNotValid)
			e.NoZone = false
			all = append(all, e)
		}
		return []history.Records{records{source: history.FromAudit, reading: history.Reading{Entries: all, Oldest: now.Add(-72 * time.Hour)}}}
	}
	reset := alice()
	reset.Row = mfa.Row{UUID: reset.UUID}
	own := func(ago time.Duration) []mfa.Challenge {
		return []mfa.Challenge{{SID: "YC", FactorSID: alice().FactorSID(), Status: mfa.ChallengeApproved, Created: now.Add(-ago)}}
	}
	for name, test := range map[string]struct {
		user    mfa.User
		created time.Time
		all     []mfa.Challenge
		suspect bool
		cause   history.Cause
		asked   int
	}{
		"the factor is older":    {alice(), now.Add(-2 * time.Hour), nil, false, history.CauseNoneArrived, 1},
		"the factor is newer":    {alice(), now.Add(-30 * time.Minute), nil, true, history.CauseNotKnown, 1},
		"the factor is gone":     {alice(), time.Time{}, nil, true, history.CauseNotKnown, 1},
		"not enrolled":           {reset, now.Add(-2 * time.Hour), nil, true, history.CauseNotKnown, 0},
		"an older code shows it": {alice(), time.Time{}, own(30 * time.Hour), false, history.CauseNoneArrived, 0},
		"an older code of a factor that went away": {alice(), now.Add(-30 * time.Minute),
			[]mfa.Challenge{challenge(now.Add(-30*time.Hour), mfa.ChallengeApproved)}, true, history.CauseNotKnown, 1},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			teller := history.Teller{Records: lines(test.user), Zone: berlin, Now: now,
				Challenges: challenges{by: map[string][]mfa.Challenge{alice().Identity(): test.all}, created: test.created, asked: &asked}}
			got, err := teller.Tell(t.Context(), []mfa.User{test.user}, now.Add(-24*time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			if s, d := got[0].Suspect(), got[0].Diagnose(); (s != nil) != test.suspect || d.Cause != test.cause || asked != test.asked {
				t.Errorf("suspicion %v, %s, %d factors asked for; want %t, %s, %d", s, d.Cause, asked, test.suspect, test.cause, test.asked)
			}
		})
	}
}

// owners are those of uuids and factors.
type owners struct {
	uuids, factors map[string][]string
	err            error
}

func (o owners) UUIDOwners(context.Context, []string) (map[string][]string, error) {
	return o.uuids, o.err
}

func (o owners) FactorOwners(context.Context, []string) (map[string][]string, error) {
	return o.factors, o.err
}

// Of two users with one uuid each has only the codes of the own factor: another's wrong codes don't make a user suspect, and
// another's right code settles nothing. Whose codes they are must be known.
func TestSharedUUID(t *testing.T) {
	a, b := alice(), alice()
	other := "YF0000000000000000000000000000000b"
	b.Username, b.SID = "bob", &other
	code := func(factor string, minutes int, s mfa.ChallengeStatus) mfa.Challenge {
		return mfa.Challenge{FactorSID: factor, Status: s, Created: now.Add(-time.Duration(minutes) * time.Minute)}
	}
	twilio := challenges{by: map[string][]mfa.Challenge{a.Identity(): {code(b.FactorSID(), 30, mfa.ChallengeApproved),
		code(a.FactorSID(), 31, mfa.ChallengeExpired), code(a.FactorSID(), 32, mfa.ChallengeExpired), code(a.FactorSID(), 33, mfa.ChallengeExpired)}}}
	both := map[string][]string{a.Identity(): {"alice", "bob"}}
	reset := b
	reset.Row = mfa.Row{UUID: b.UUID}
	broken := errs.New(errs.Unavailable, "no answer", "")
	for name, test := range map[string]struct {
		owners  owners
		users   []mfa.User
		suspect []string
		unknown int
	}{
		"both":                   {owners{uuids: both}, []mfa.User{a, b}, []string{"alice"}, 0},
		"one alone":              {owners{uuids: both}, []mfa.User{b}, nil, 0},
		"the other":              {owners{uuids: both}, []mfa.User{a}, []string{"alice"}, 0},
		"bob has no factor":      {owners{uuids: both}, []mfa.User{a, reset}, []string{"alice"}, 0},
		"one factor of both":     {owners{uuids: both, factors: map[string][]string{a.FactorSID(): {"alice", "bob"}}}, []mfa.User{a}, nil, 1},
		"nobody knows of whom":   {owners{err: broken}, []mfa.User{a, b}, nil, 2},
		"an old factor of bob's": {owners{uuids: map[string][]string{a.Identity(): {"bob"}}}, []mfa.User{b}, []string{"bob"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			teller := history.Teller{Challenges: twilio, Owners: test.owners, Zone: berlin, Now: now}
			all, err := teller.Tell(t.Context(), test.users, now.Add(-24*time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			s := history.NewSurvey(all)
			var found []string
			for _, h := range s.Found {
				found = append(found, h.User.Username)
			}
			if !slices.Equal(found, test.suspect) || len(s.Unknown) != test.unknown {
				t.Errorf("found %v, %d unknown, want %v, %d", found, len(s.Unknown), test.suspect, test.unknown)
			}
			if shared := len(test.owners.uuids[a.Identity()]) > 1; shared && test.unknown == 0 && len(all[0].Source(history.FromTwilio).Missing) == 0 {
				t.Error("it is not said that the uuid is shared")
			}
		})
	}
}

// What is from the future counts for nothing, in every source, and is told. A clock may go a few minutes fast, and one without a
// zone may be far ahead.
func TestFutureCountsForNothing(t *testing.T) {
	far := time.Date(9999, 12, 31, 23, 0, 0, 0, time.UTC)
	entry := func(source history.Source, at time.Time, noZone bool) history.Entry {
		return history.Entry{At: at, NoZone: noZone, Source: source, Username: "alice", What: history.CodeAccepted, Address: "192.0.2.1"}
	}
	for name, test := range map[string]struct {
		teller history.Teller
		source history.Source
		events int
		told   bool
	}{
		"Twilio": {history.Teller{Challenges: challenges{by: map[string][]mfa.Challenge{alice().Identity(): {challenge(far, mfa.ChallengeApproved)}}}},
			history.FromTwilio, 0, true},
		"a log": {history.Teller{Records: []history.Records{records{source: history.FromLog,
			reading: history.Reading{Entries: []history.Entry{entry(history.FromLog, far, false)}, Oldest: far}}}}, history.FromLog, 0, true},
		"our audit log": {history.Teller{Records: []history.Records{records{source: history.FromAuditLog,
			reading: history.Reading{Entries: []history.Entry{entry(history.FromAuditLog, now.Add(6*time.Minute), false)}}}}}, history.FromAuditLog, 0, true},
		"a table without a zone": {history.Teller{Records: []history.Records{records{source: history.FromAudit,
			reading: history.Reading{Entries: []history.Entry{entry(history.FromAudit, now.Add(15*time.Hour), true)}, NoZone: true}}}}, history.FromAudit, 0, true},
		"a zone far ahead": {history.Teller{Records: []history.Records{records{source: history.FromAudit,
			reading: history.Reading{Entries: []history.Entry{entry(history.FromAudit, now.Add(13*time.Hour), true)}, NoZone: true}}}}, history.FromAudit, 1, false},
		"a zone that was measured": {history.Teller{
			Challenges: challenges{by: map[string][]mfa.Challenge{alice().Identity(): {
				challenge(at("11:00:00"), mfa.ChallengeExpired), challenge(at("10:00:00"), mfa.ChallengeExpired)}}},
			Records: []history.Records{records{source: history.FromAudit, reading: history.Reading{NoZone: true, Entries: []history.Entry{
				line(at("10:00:01"), time.Hour, "alice", history.CodeNotValid), line(at("11:00:01"), time.Hour, "alice", history.CodeNotValid),
				entry(history.FromAudit, now.Add(5*time.Hour), true)}}}}}, history.FromAudit, 2, true},
		"a clock that is fast": {history.Teller{Records: []history.Records{records{source: history.FromLog,
			reading: history.Reading{Entries: []history.Entry{entry(history.FromLog, now.Add(4*time.Minute), false)}}}}}, history.FromLog, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			test.teller.Zone, test.teller.Now = berlin, now
			got, err := test.teller.Tell(t.Context(), []mfa.User{alice()}, now.Add(-24*time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			h, c := got[0], got[0].Source(test.source)
			told := slices.ContainsFunc(c.Missing, func(m string) bool { return strings.HasPrefix(m, "1 entry is from the future") })
			if len(h.Events) != test.events || told != test.told || c.Oldest.After(now.Add(15*time.Hour)) {
				t.Errorf("%+v, %+v", h.Events, c)
			}
			if test.events == 0 && h.Diagnose().Cause == history.CauseGotIn {
				t.Errorf("%+v", h.Diagnose())
			}
		})
	}
}

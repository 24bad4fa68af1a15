package history_test

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"uzerp-mfa/internal/history"
	"uzerp-mfa/internal/mfa"
)

// The clocks of the database and of the web server may differ from Twilio's by some seconds. That is found out and said, each code is
// one event, and the warning names where the codes came from.
func TestClocksThatDiffer(t *testing.T) {
	const s = time.Second
	typed, twice := []string{"11:20:00", "11:18:47", "11:17:11"}, []string{"11:10:00", "11:09:30"}
	for name, test := range map[string]struct {
		table, log time.Duration // how far their clocks are ahead of Twilio's
		zone       time.Duration // the table's
		noLog      bool
		passwords  []string // that were refused
		codes      []string // that Twilio has
		said       string   // about the clocks
		events     int
		cause      history.Cause
	}{
		"none": {0, 0, 0, false, twice, typed, "", 5, history.CauseWrongCodes},
		"the web server and the database are one machine": {8 * s, 8 * s, 0, false, twice, typed,
			"the clock of uzERP's table audit_lines is about 8 s ahead of that of Twilio; the clock of uzERP's log is about 8 s ahead of that of Twilio",
			5, history.CauseWrongCodes},
		"they are behind":                 {-8 * s, -8 * s, 0, false, twice, typed, "audit_lines is about 8 s behind that of Twilio", 5, history.CauseWrongCodes},
		"by much":                         {40 * s, 40 * s, 0, false, twice, typed, "audit_lines is about 40 s ahead of that of Twilio", 5, history.CauseWrongCodes},
		"one refused password in the log": {8 * s, 8 * s, 0, false, twice[:1], typed, "log is about 8 s ahead of that of Twilio", 4, history.CauseWrongCodes},
		"too far apart":                   {65 * s, 65 * s, 0, false, twice, typed, "", 8, history.CauseNoneArrived},
		"the database alone": {-20 * s, 0, 0, false, twice, typed,
			"the clock of uzERP's table audit_lines is about 20 s behind that of Twilio", 5, history.CauseWrongCodes},
		"there is no log, and the table has this machine's zone": {8 * s, 0, time.Hour, true, twice, typed,
			"audit_lines is about 8 s ahead of that of Twilio", 4, history.CauseWrongCodes},
		"one code alone shows nothing": {8 * s, 8 * s, 0, false, twice, typed[:1], "", 6, history.CauseNotKnown},
		"the newest did not arrive":    {8 * s, 8 * s, 0, false, twice, typed[1:], "", 5, history.CauseNoneArrived},
		"none arrived":                 {0, 0, 0, false, twice, nil, "", 5, history.CauseNoneArrived},
	} {
		t.Run(name, func(t *testing.T) {
			oldest := now.Add(-72 * time.Hour)
			twilio := challenges{by: map[string][]mfa.Challenge{}, created: oldest}
			for _, clock := range test.codes {
				twilio.by[alice().Identity()] = append(twilio.by[alice().Identity()], challenge(at(clock), mfa.ChallengeExpired))
			}
			var lines, logged []history.Entry
			for _, clock := range typed {
				lines = append(lines, line(at(clock), test.zone+test.table, "alice", history.CodeNotValid))
			}
			for _, clock := range test.passwords {
				lines = append(lines, line(at(clock), test.zone+test.table, "", history.PasswordRefused))
				logged = append(logged, history.Entry{At: at(clock).Add(test.log), Source: history.FromLog, Username: "alice", What: history.PasswordRefused,
					Address: "192.0.2.1"})
			}
			if test.noLog {
				lines = slices.DeleteFunc(lines, func(e history.Entry) bool { return e.What == history.PasswordRefused })
				lines = append(lines, line(at("11:00:00"), test.zone+test.table, "alice", history.EnrollRefused))
			}
			teller := history.Teller{Challenges: twilio, Zone: berlin, Now: now, Records: []history.Records{
				records{source: history.FromAudit, reading: history.Reading{Entries: lines, NoZone: true, Oldest: oldest}}}}
			if !test.noLog {
				teller.Records = append(teller.Records, records{source: history.FromLog, reading: history.Reading{Entries: logged, Oldest: oldest}})
			}
			got, err := teller.Tell(t.Context(), []mfa.User{alice()}, now.Add(-24*time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			h := got[0]
			d, suspicion := h.Diagnose(), h.Suspect()
			var clocks []string
			for _, c := range h.Coverage {
				if c.Clock() != "" {
					clocks = append(clocks, c.Clock())
				}
			}
			if said := strings.Join(clocks, "; "); !strings.Contains(said, test.said) || test.said == "" && said != "" && d.Cause == history.CauseWrongCodes ||
				test.said != "" && !strings.Contains(d.Message, test.said) || d.Cause != test.cause {
				t.Errorf("%q, %+v", said, d)
			}
			if len(h.Events) != test.events || h.Nameless != 0 {
				t.Errorf("%d events, %d passwords of nobody: %+v", len(h.Events), h.Nameless, h.Events)
			}
			if test.cause == history.CauseWrongCodes && (suspicion == nil || suspicion.Codes != 3 || !slices.Equal(suspicion.Addresses, []string{"192.0.2.1"})) {
				t.Errorf("%+v", suspicion)
			}
			for _, e := range h.Events {
				if test.cause == history.CauseWrongCodes && e.What == history.EnrollRefused && !e.At.Equal(at("11:00:00")) {
					t.Errorf("a line that the table has alone is not on the clock of the others: %v", e.At)
				}
			}
		})
	}
}

// Anybody can have passwords refused, and a thief can type codes, as fast as the site answers: what they make must take no time that
// grows with its square. It is compared with eight times as much. The ratio is the cube root of that of the times. It says what twice as
// much costs: 2 if the time grows as the number does, 4 if as its square. The shortest times count, since memory that the process has not had
// before can cost more than what is done in it.
func BenchmarkTell(b *testing.B) {
	for _, what := range []history.What{history.PasswordRefused, history.CodeNotValid} {
		b.Run(string(what), func(b *testing.B) {
			var took [2]time.Duration
			for b.Loop() {
				for i := range took {
					took[i] = min(cmp.Or(took[i], time.Hour), tellMany(b, 2_500<<(3*i), what))
				}
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(took[1].Microseconds())/1000, "ms/history")
			b.ReportMetric(math.Cbrt(float64(took[1])/float64(took[0])), "ratio")
		})
	}
}

// tellMany returns how long it takes to tell and judge n attempts of one kind, those with a password once more in uzERP's log.
func tellMany(tb testing.TB, n int, what history.What) time.Duration {
	tb.Helper()
	lines, logged := make([]history.Entry, n), make([]history.Entry, 0, n)
	for i := range n {
		when := now.Add(-23*time.Hour + time.Duration(i)*4*time.Second)
		lines[i] = line(when, time.Hour, "alice", what)
		if what == history.PasswordRefused {
			lines[i].Username = ""
			logged = append(logged, history.Entry{At: when, Source: history.FromLog, Username: "alice", What: what, Address: "192.0.2.1"})
		}
	}
	teller := history.Teller{Zone: berlin, Now: now, Challenges: challenges{created: now.Add(-72 * time.Hour)}, Records: []history.Records{
		records{history.FromAudit, history.Reading{Entries: lines, NoZone: true}, nil},
		records{history.FromLog, history.Reading{Entries: logged}, nil}}}
	begin := time.Now()
	all, err := teller.Tell(tb.Context(), []mfa.User{alice()}, now.Add(-24*time.Hour))
	if err != nil || len(all[0].Events) != n {
		tb.Fatalf("%v, %d events", err, len(all[0].Events))
	}
	all[0].Suspect()
	all[0].Diagnose()
	return time.Since(begin)
}

// The table has no code, only passwords, and the log's clock was set by Twilio's codes: then the table's was as well.
func TestClockOfAnotherSource(t *testing.T) {
	const ahead = 8 * time.Second
	twilio := challenges{by: map[string][]mfa.Challenge{}, created: now.Add(-72 * time.Hour)}
	var lines, logged []history.Entry
	for i, clock := range []string{"11:20:00", "11:18:47", "11:17:11", "11:10:00"} {
		e := history.Entry{At: at(clock).Add(ahead), Source: history.FromLog, Username: "alice", What: history.CodeAccepted, Address: "192.0.2.1"}
		if i < 2 {
			twilio.by[alice().Identity()] = append(twilio.by[alice().Identity()], challenge(at(clock), mfa.ChallengeApproved))
		} else {
			e.What = history.PasswordRefused
			lines = append(lines, line(at(clock), ahead, "", history.PasswordRefused))
		}
		logged = append(logged, e)
	}
	teller := history.Teller{Zone: berlin, Now: now, Challenges: twilio, Records: []history.Records{
		records{history.FromAudit, history.Reading{Entries: lines, NoZone: true}, nil}, records{history.FromLog, history.Reading{Entries: logged}, nil}}}
	got, err := teller.Tell(t.Context(), []mfa.User{alice()}, now.Add(-24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []history.Source{history.FromAudit, history.FromLog} {
		if c := got[0].Source(s); c.Ahead != ahead || c.AheadOf != history.FromTwilio {
			t.Errorf("%s: %q", s, c.Clock())
		}
	}
}

// On a busy site whose table is some seconds ahead, many refused passwords fit by chance at other distances of quarters of an hour, and
// a thief can make such: they don't make a zone.
func TestChanceMakesNoZone(t *testing.T) {
	const ahead = 8 * time.Second
	var lines, logged []history.Entry
	for i := range 300 {
		when := now.Add(-20*time.Hour + time.Duration(i*i*7919%65_000)*time.Second)
		lines = append(lines, line(when, ahead, "", history.PasswordRefused))
		logged = append(logged, history.Entry{At: when.Add(ahead / 4), Source: history.FromLog, Username: "alice", What: history.PasswordRefused,
			Address: "192.0.2.1"})
	}
	teller := history.Teller{Zone: berlin, Now: now, Records: []history.Records{
		records{history.FromAudit, history.Reading{Entries: lines, NoZone: true}, nil}, records{history.FromLog, history.Reading{Entries: logged}, nil}}}
	got, err := teller.Tell(t.Context(), []mfa.User{alice()}, now.Add(-24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if c := got[0].Source(history.FromAudit); c.Zone != history.ZoneMeasured || c.Offset != 0 || c.Ahead != 6*time.Second {
		t.Errorf("%s, %s, %q", c.Zone, c.Offset, c.Clock())
	}
	if n := len(got[0].Events); n > 310 {
		t.Errorf("%d events", n)
	}
}

package sessionconfig

import (
	"math"
	"testing"
	"time"
)

const hour, day = time.Hour, 24 * time.Hour

// The numbers are worked out by hand: one login for every max age of the working day, and at least one a day unless
// both limits last until the next working day.
func TestPlan(t *testing.T) {
	for _, test := range []struct {
		name             string
		activity, maxAge time.Duration
		workday          time.Duration
		logins           float64 // of one person on a working day
		codes, cost      float64 // of 10 people a month at 0.05
	}{
		{"8 h of work in half hours: 16", 30 * time.Minute, 30 * time.Minute, 8 * hour, 16, 3360, 168},
		{"a login at the beginning, and 3 more", 2 * hour, 2 * hour, 8 * hour, 4, 840, 42},
		{"3 h into 8 h: 3", 3 * hour, 3 * hour, 8 * hour, 3, 630, 31.5},
		{"a session for the day: 1", 30 * time.Minute, 8 * hour, 8 * hour, 1, 210, 10.5},
		{"a second short of it: 2", 8 * hour, 8*hour - time.Second, 8 * hour, 2, 420, 21},
		{"15 h do not last the night of 16 h", 15 * hour, 7 * day, 8 * hour, 1, 210, 10.5},
		{"16 h do, but not the weekend of 64 h: Mondays", 16 * hour, 30 * day, 8 * hour, 0.2, 42, 2.1},
		{"64 h last the weekend: every 7 days", 64 * hour, 7 * day, 8 * hour, 0.2, 42, 2.1},
		{"max age 24 h ends at the first click of the next day", 7 * day, day, 8 * hour, 1, 210, 10.5},
		{"25 h: Monday 0, Tuesday 1, Wednesday 2, ... each an hour later: 1", 7 * day, 25 * hour, 8 * hour, 1, 210, 10.5},
		{"48 h: Monday, Wednesday, Friday", 7 * day, 2 * day, 8 * hour, 0.6, 126, 6.3},
		// Monday, then after 30 days Wednesday, Friday, and Monday instead of Sunday: 3 in 13 weeks of 5 days.
		{"30 days: 3 in 65 working days", 30 * day, 30 * day, 8 * hour, 3.0 / 65, 9.6923, 0.48462},
		{"a workday of 24 h has no night", hour, 7 * day, 24 * hour, 0.2, 42, 2.1},
		{"1 s in a workday of a minute", time.Second, time.Second, time.Minute, 60, 12600, 630},
	} {
		o := Plan(Choice{ActivityTimeout: test.activity, MaxAge: test.maxAge}, Use{Users: 10, Workday: test.workday, Price: 0.05})
		near := func(a, b float64) bool { return math.Abs(a-b) <= 1e-3*b }
		if !near(o.LoginsADay, test.logins) || !near(o.CodesAMonth, test.codes) || !near(o.CostAMonth, test.cost) {
			t.Errorf("%s: %v logins, %v codes, %v", test.name, o.LoginsADay, o.CodesAMonth, o.CostAMonth)
		}
		if o.StolenInUse != test.maxAge || o.StolenUnused != min(test.activity, test.maxAge) {
			t.Errorf("%s: stolen: %v, %v", test.name, o.StolenUnused, o.StolenInUse)
		}
	}
}

func TestMark(t *testing.T) {
	choices := Choices(8 * hour)
	if first, last := choices[0], choices[len(choices)-1]; first.MaxAge != 30*time.Minute || last.MaxAge != 30*day {
		t.Errorf("from %v to %v", first, last)
	}
	marked := Mark(choices, &Choice{ActivityTimeout: 8 * hour, MaxAge: 8 * hour}, &Choice{ActivityTimeout: hour, MaxAge: 9 * hour})
	if len(marked) != len(choices)+1 {
		t.Fatalf("%d rows", len(marked))
	}
	for i, c := range marked {
		if c.Present != (c.Label == "8 hours") || c.Asked != (c.Label == "as asked") || i > 0 && c.MaxAge < marked[i-1].MaxAge {
			t.Errorf("%d: %+v", i, c)
		}
	}
	both := Mark(choices, &Choice{ActivityTimeout: hour, MaxAge: 9 * hour}, &Choice{ActivityTimeout: hour, MaxAge: 9 * hour})
	if len(both) != len(choices)+1 || choices[0].Present {
		t.Errorf("%+v", both)
	}
}

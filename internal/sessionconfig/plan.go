package sessionconfig

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Choice is a pair of limits.
type Choice struct {
	Label           string
	ActivityTimeout time.Duration
	MaxAge          time.Duration
	Present         bool // conf/.env has these limits now
	Asked           bool // the flags give these limits
}

// Use says how people work, and what a code costs.
type Use struct {
	Users   int
	Workday time.Duration
	Price   float64 // the price of one approved code
}

// WorkdaysAMonth is how many working days a month has in this calculation.
const WorkdaysAMonth = 21

// DefaultPrice is a price in US dollars that Twilio's documentation once gave for a verification
// (docs/facts/twilio-verify.md §4).
const DefaultPrice = 0.05

// Outcome is what a choice means.
type Outcome struct {
	Choice
	LoginsADay   float64 // logins of one person on a working day
	CodesAMonth  float64 // codes of all persons
	CostAMonth   float64
	StolenUnused time.Duration // how long a stolen session lives if nobody uses it
	StolenInUse  time.Duration // how long it lives if somebody keeps using it
}

// Plan returns how many logins and codes a choice means, and what they cost.
//
// It assumes that a person works in uzERP for Workday on each of five days a week. Work begins at the same hour every
// day, without a pause as long as the activity timeout (each longer pause adds a login). Nobody leaves the login page
// open, and every login takes one approved code. A month has 21 working days.
//
// As in uzERP, a session ends at the first click that is more than the activity timeout after the one before, or more
// than the max age after the session's start. So with a max age of M there is a login every M of the working day, and
// at least one a day unless both limits last until the next morning.
//
// The choice must have positive limits, the use a positive Workday of at most 24 hours.
func Plan(choice Choice, use Use) Outcome {
	perDay := loginsADay(choice, use.Workday)
	codes := perDay * WorkdaysAMonth * float64(use.Users)
	return Outcome{
		Choice: choice, LoginsADay: perDay, CodesAMonth: codes, CostAMonth: codes * use.Price,
		StolenUnused: min(choice.ActivityTimeout, choice.MaxAge), StolenInUse: choice.MaxAge,
	}
}

// weeks is how long the model runs: long enough for limits of years to show in the average.
const weeks = 5200

// loginsADay lets one person work for a hundred years and returns the average. With a Workday of 24 hours there is no
// pause at night either.
func loginsADay(choice Choice, workday time.Duration) float64 {
	const day = 24 * time.Hour
	logins, loggedIn := 0.0, false
	var left, idle time.Duration // what is left of the session's max age, and the time since the last click
	for range weeks {
		for weekday := range 5 {
			if !loggedIn || idle > choice.ActivityTimeout || left < 0 {
				logins, left, loggedIn = logins+1, choice.MaxAge, true
			}
			// If the session ends within the day, more sessions follow until the day ends.
			if left -= workday; left < 0 {
				more := math.Ceil(float64(-left) / float64(choice.MaxAge))
				logins += more
				left += time.Duration(more) * choice.MaxAge
			}
			idle = day - workday
			if weekday == 4 {
				idle += 2 * day
			}
			left -= idle
		}
	}
	return logins / (5 * weeks)
}

// Choices returns the table to choose from, from half an hour to thirty days. It has both choices that Twilio's own
// console offers its users: "every login" and "trust for 30 days". uzERP asks for a code at every login, so only the
// session decides how many logins there are. "Every login" is therefore a session that ends with the working day or
// after half an hour's pause.
func Choices(workday time.Duration) []Choice {
	const day = 24 * time.Hour
	return []Choice{
		{Label: "half an hour", ActivityTimeout: 30 * time.Minute, MaxAge: 30 * time.Minute},
		{Label: "1 hour", ActivityTimeout: time.Hour, MaxAge: time.Hour},
		{Label: "2 hours", ActivityTimeout: 2 * time.Hour, MaxAge: 2 * time.Hour},
		{Label: "4 hours", ActivityTimeout: 4 * time.Hour, MaxAge: 4 * time.Hour},
		{Label: "every login", ActivityTimeout: 30 * time.Minute, MaxAge: max(workday, time.Hour)},
		{Label: "8 hours", ActivityTimeout: 8 * time.Hour, MaxAge: 8 * time.Hour},
		{Label: "12 hours", ActivityTimeout: 12 * time.Hour, MaxAge: 12 * time.Hour},
		{Label: "1 day", ActivityTimeout: day, MaxAge: day},
		{Label: "7 days", ActivityTimeout: 7 * day, MaxAge: 7 * day},
		{Label: "trust for 30 days", ActivityTimeout: 30 * day, MaxAge: 30 * day},
	}
}

// Mark returns the choices in order, with a mark on the present one and on the one asked for. It adds these if they are
// not in the table. Either may be nil.
func Mark(choices []Choice, present, asked *Choice) []Choice {
	marked := slices.Clone(choices)
	find := func(c *Choice, label string) *Choice {
		i := slices.IndexFunc(marked, func(m Choice) bool {
			return m.ActivityTimeout == c.ActivityTimeout && m.MaxAge == c.MaxAge
		})
		if i < 0 {
			marked = append(marked, Choice{Label: label, ActivityTimeout: c.ActivityTimeout, MaxAge: c.MaxAge})
			i = len(marked) - 1
		}
		return &marked[i]
	}
	if present != nil {
		find(present, "as it is now").Present = true
	}
	if asked != nil {
		find(asked, "as asked").Asked = true
	}
	slices.SortStableFunc(marked, func(a, b Choice) int {
		return cmp.Or(cmp.Compare(a.MaxAge, b.MaxAge), cmp.Compare(a.ActivityTimeout, b.ActivityTimeout))
	})
	return marked
}

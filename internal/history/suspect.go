package history

import (
	"fmt"
	"slices"
	"time"

	"uzerp-mfa/internal/errs"
)

const (
	several = 3                // so many refused codes are no slip
	soon    = 10 * time.Minute // who has the phone gets in within this after a wrong code
	onceToo = 10               // nobody types so many wrong codes before they ask for help
)

// Suspicion says that somebody typed codes that were refused, and did not get in: the code page comes only after the right
// password (docs/facts/twilio-verify.md §8).
type Suspicion struct {
	Codes       int // how many were refused and not followed by an accepted one
	First, Last time.Time
	Zone        Zone // how far First and Last can be trusted
	Addresses   []string
	Browsers    []string
	// TooEarly says that it may still be the user, who is trying just now.
	TooEarly bool
	// OtherPlace says that a code was accepted soon after, but from another address, and as far as known with another browser.
	OtherPlace bool
	// Unsure says that no source was read that surely has the accepted codes.
	Unsure bool
}

// Suspect returns what in a history looks as if somebody else had the password, or nil. A user who mistypes and then gets in is
// none, and neither is one whom an operator has verified since then. Codes that were refused for another reason than being wrong
// don't count: the site's way to Twilio may be closed, and that says nothing about a user.
func (h History) Suspect() *Suspicion {
	var s Suspicion
	var all []Event
	old := 0
	for _, c := range h.chains() {
		if settled, elsewhere := h.settles(c); settled {
			continue
		} else if elsewhere {
			s.OtherPlace = true
		}
		s.Codes += codes(c)
		old += codes(slices.DeleteFunc(slices.Clone(c), h.justNow))
		all = append(all, c...)
	}
	if s.Codes < several {
		return nil
	}
	slices.SortFunc(all, func(a, b Event) int { return a.At.Compare(b.At) })
	s.First, s.Last, s.Zone = all[0].At, all[len(all)-1].At, all[len(all)-1].Zone
	s.Addresses = distinct(all, func(e Event) string { return e.Address })
	s.Browsers = distinct(all, func(e Event) string { return e.Browser })
	wiped := slices.ContainsFunc(all, func(e Event) bool { return e.What == CodeNotValid })
	s.Unsure = (!h.Source(FromTwilio).Read() || wiped) && !h.Source(FromLog).Read()
	s.TooEarly = old < several && s.Codes < onceToo
	return &s
}

// justNow reports whether the user may still get in after a wrong code. A time far in the future is that of a clock whose zone is
// not known.
func (h History) justNow(e Event) bool { return h.Now.Sub(e.At).Abs() < soon }

// chains returns the wrong codes in groups, oldest first: in a group each follows the one before soon, and none was accepted
// between them.
func (h History) chains() (all [][]Event) {
	var last time.Time
	reset := h.lastReset()
	for _, e := range slices.Backward(h.Events) {
		switch {
		case e.What == CodeAccepted:
			last = time.Time{}
		case !h.wrongCode(e, reset):
		case last.IsZero() || e.At.Sub(last) > soon:
			all, last = append(all, []Event{e}), e.At
		default:
			all[len(all)-1], last = append(all[len(all)-1], e), e.At
		}
	}
	return all
}

// wrongCode reports whether an event is a code that was wrong, or may have been: a reset must not take the suspicion away. If
// Twilio would have it, a wrong code is among its challenges. reset is the last reset.
func (h History) wrongCode(e Event, reset time.Time) bool {
	switch e.What {
	case CodeRefused:
		return true
	case CodeNotValid:
		return !h.twilioHas(e, reset)
	case CodeNotChecked: // only after very many wrong ones
		return slices.ContainsFunc(e.Errors, func(t TwilioError) bool { return t.Code == tooManyCodes })
	default:
		return false
	}
}

// twilioHas reports whether Twilio's list would have the code of an event, if it had reached Twilio: the list was read, and the
// user's factor was there already. reset is the last reset.
func (h History) twilioHas(e Event, reset time.Time) bool {
	c := h.Source(FromTwilio)
	at := e.At
	if e.Zone == ZoneAssumed {
		at = at.Add(-farthest)
	}
	return c.Read() && !c.From.IsZero() && !at.Before(c.From) && !reset.After(at)
}

// lastReset returns when the user was last reset, zero if not.
func (h History) lastReset() (last time.Time) {
	for _, e := range h.Events {
		if e.What == Reset && e.At.After(last) {
			last = e.At
		}
	}
	return last
}

// codes returns how many codes a chain is. Two sources may have the same code in two events, if it was not certain.
func codes(chain []Event) int {
	audit, others := 0, 0
	for _, e := range chain {
		if slices.Contains(e.Sources, FromAudit) {
			audit++
		}
		if len(e.Sources) > 1 || e.Source != FromAudit {
			others++
		}
	}
	return max(audit, others)
}

// settles reports whether something after the chain says that it was the user: an accepted code soon after, or a caller who was
// verified at any time since. A code that was accepted from another place, as far as places are known, says nothing:
// elsewhere is true then.
func (h History) settles(chain []Event) (settled, elsewhere bool) {
	last := chain[len(chain)-1].At
	for _, e := range slices.Backward(h.Events) {
		switch {
		case e.At.Before(last):
		case e.What == CallerVerified && !e.Uncertain:
			return true, false
		case e.What == CodeAccepted && e.At.Sub(last) <= soon && !h.newFactor(chain, e):
			if !otherPlace(chain, e) {
				return true, false
			}
			elsewhere = true
		}
	}
	return false, elsewhere
}

// newFactor reports whether a code was accepted that another phone showed than the one whose codes the chain should have been: the
// thief may have had the account reset, and enrolled.
func (h History) newFactor(chain []Event, accepted Event) bool {
	last := chain[len(chain)-1].At
	if slices.ContainsFunc(h.Events, func(e Event) bool { return e.What == Reset && e.At.After(last) && e.At.Before(accepted.At) }) {
		return true
	}
	if accepted.FactorSID == "" {
		return false
	}
	old := distinct(chain, func(e Event) string { return e.FactorSID })
	if len(old) == 0 {
		return h.Source(FromTwilio).From.After(last)
	}
	return !slices.Contains(old, accepted.FactorSID)
}

// otherPlace reports whether a code was accepted from another address than all those of the chain, and, as far as that is known,
// with another browser.
func otherPlace(chain []Event, accepted Event) bool {
	for _, e := range chain {
		if e.Address == "" || e.Address == accepted.Address || e.Browser != "" && e.Browser == accepted.Browser {
			return false
		}
	}
	return accepted.Address != ""
}

// Help says what to do for the user.
func (s Suspicion) Help(username string) errs.Hint { return ReasonPasswordKnown.With(username) }

// Message says what was seen, in one sentence.
func (s Suspicion) Message(now time.Time) string {
	text := fmt.Sprintf("%d codes were refused %s", s.Codes, span(s.First, s.Last, s.Zone, now))
	switch {
	case s.TooEarly:
		return text + ", and none was accepted so far"
	case s.OtherPlace:
		return text + ", and then one was accepted, but from another address"
	case s.Unsure:
		return text + "; whether one was accepted soon after is not known"
	default:
		return text + ", and none was accepted soon after"
	}
}

// moment says when something was as people say it: how long ago, or the clock's time where the zone is not known.
func moment(t time.Time, zone Zone, now time.Time) string { return span(t, t, zone, now) }

func span(from, to time.Time, zone Zone, now time.Time) string {
	say := func(t time.Time) string { return ago(now.Sub(t)) }
	if zone == ZoneAssumed {
		say = func(t time.Time) string { return t.Format("15:04") }
	}
	text := say(to)
	if first := say(from); first != text {
		text = "between " + first + " and " + text
	} else if zone == ZoneAssumed {
		text = "at " + text
	}
	if zone == ZoneAssumed {
		text += " by a clock whose zone is not known"
	}
	return text
}

// ago says how long ago something was.
func ago(d time.Duration) string {
	n := func(unit time.Duration, name string) string {
		if k := int(d.Round(unit) / unit); k != 1 {
			return fmt.Sprintf("%d %ss ago", k, name)
		}
		return article(name) + " " + name + " ago"
	}
	switch {
	case d < 90*time.Second:
		return "just now"
	case d < 90*time.Minute:
		return n(time.Minute, "minute")
	case d < 36*time.Hour:
		return n(time.Hour, "hour")
	default:
		return n(24*time.Hour, "day")
	}
}

func article(noun string) string {
	if noun == "hour" {
		return "an"
	}
	return "a"
}

package history

import (
	"slices"
	"time"
)

const (
	quarter   = 15 * time.Minute // every zone's distance from UTC is a multiple of it
	farthest  = 14 * time.Hour   // no zone is farther from UTC
	tolerance = 5 * time.Second  // how far apart two sources may have one event
)

// mayBeOne reports whether two entries of different sources may be one event. Their times are not looked at.
func mayBeOne(a, b Entry) bool {
	what := mergedWhat(a.What, b.What)
	switch {
	case what == "" || a.Source == b.Source:
		return false
	case a.Address != "" && b.Address != "" && a.Address != b.Address:
		return false
	case what == PasswordRefused && (a.Username == "") != (b.Username == ""): // audit_lines has it without a name
		return true
	default:
		return a.Username == b.Username
	}
}

// mergedWhat returns what it was if a and b are one event, or "" if they can't be.
func mergedWhat(a, b What) What { return sameEvent[[2]What{min(a, b), max(a, b)}] }

// sameEvent has what two sources call one event, in alphabetical order, and what it is then.
var sameEvent = map[[2]What]What{
	{CodeNotValid, CodeRefused}:        CodeRefused,
	{CodeNotChecked, CodeNotValid}:     CodeNotChecked,
	{CodeAccepted, CodeAccepted}:       CodeAccepted,
	{PasswordRefused, PasswordRefused}: PasswordRefused,
}

// measure compares the wall clock of a source that tells no zone with the sources that do: what both have shows how far the clock
// is ahead of UTC. It returns that for each entry of wall, or nil if nothing fits, and how many entries fit at one distance, at the
// most. A fit by chance is a matter of ten seconds in a quarter of an hour, so a single one counts only for a likely offset.
//
// An entry that fits to nothing has the offset of the nearest one that fits. So the clock may be put forward or back in between.
func measure(wall, known []Entry, likely func(time.Time) []time.Duration) (offsets []time.Duration, most int) {
	fitting, votes := fits(wall, known)
	for offset, n := range votes {
		if n == 1 && !slices.ContainsFunc(wall, func(w Entry) bool { return slices.Contains(likely(w.At), offset) }) {
			delete(votes, offset)
		}
	}
	if len(votes) == 0 {
		return nil, 0
	}
	order := make([]int, len(wall))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return wall[a].At.Compare(wall[b].At) })
	offsets = make([]time.Duration, len(wall))
	fixed := make([]bool, len(wall))
	for i := range wall {
		offsets[i], fixed[i] = mostVotes(fitting[i], votes)
	}
	last := make([]int, len(wall)) // by position: the nearest fixed one before it
	before := -1
	for n, i := range order {
		if fixed[i] {
			before = i
		}
		last[n] = before
	}
	after := -1
	for n, i := range slices.Backward(order) {
		switch {
		case fixed[i]:
			after = i
		case after < 0 || last[n] >= 0 && wall[i].At.Sub(wall[last[n]].At) <= wall[after].At.Sub(wall[i].At):
			offsets[i] = offsets[last[n]]
		default:
			offsets[i] = offsets[after]
		}
	}
	for _, n := range votes {
		most = max(most, n)
	}
	return offsets, most
}

// fits returns the offsets at which each entry of wall may be an event of known, and how many entries fit at each offset. It looks for
// each offset only where the counterpart would be: without a password anybody can make very many entries.
func fits(wall, known []Entry) (fitting [][]time.Duration, votes map[time.Duration]int) {
	byUser := map[string][]Entry{}
	for _, k := range known {
		byUser[k.Username] = append(byUser[k.Username], k)
		if k.What == PasswordRefused && k.Username != "" {
			byUser[""] = append(byUser[""], k)
		}
	}
	for _, all := range byUser {
		slices.SortStableFunc(all, func(a, b Entry) int { return a.At.Compare(b.At) })
	}
	fitting, votes = make([][]time.Duration, len(wall)), map[time.Duration]int{}
	for i, w := range wall {
		all := byUser[w.Username]
		for offset := -farthest; offset <= farthest && len(all) > 0; offset += quarter {
			if hasCounterpart(w, all, asUTC(w.At).Add(-offset)) {
				fitting[i] = append(fitting[i], offset)
				votes[offset]++
			}
		}
	}
	return fitting, votes
}

// hasCounterpart reports whether an entry of about that time may be one event with w. known is sorted.
func hasCounterpart(w Entry, known []Entry, at time.Time) bool {
	first, _ := slices.BinarySearchFunc(known, at.Add(-tolerance), func(k Entry, t time.Time) int { return k.At.Compare(t) })
	for i := first; i < min(len(known), first+compared) && known[i].At.Sub(at) <= tolerance; i++ {
		if mayBeOne(w, known[i]) {
			return true
		}
	}
	return false
}

// mostVotes returns the one of the offsets with the most votes.
func mostVotes(offsets []time.Duration, votes map[time.Duration]int) (best time.Duration, ok bool) {
	for _, o := range offsets {
		if n := votes[o]; n > 0 && (!ok || n > votes[best] || n == votes[best] && o.Abs() < best.Abs()) {
			best, ok = o, true
		}
	}
	return best, ok
}

// asUTC returns the wall clock of t as if it were UTC.
func asUTC(t time.Time) time.Time { return inZone(t, time.UTC) }

// inZone returns the wall clock of t as if it were in a zone.
func inZone(t time.Time, zone *time.Location) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), zone)
}

// likelyOffsets returns how far a clock may well be ahead of UTC: not at all, or as this machine's zone.
func likelyOffsets(zone *time.Location) func(time.Time) []time.Duration {
	return func(wall time.Time) []time.Duration {
		_, seconds := inZone(wall, zone).Zone()
		return []time.Duration{0, time.Duration(seconds) * time.Second}
	}
}

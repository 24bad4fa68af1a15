package history

import (
	"fmt"
	"slices"
	"time"
)

const (
	near   = time.Minute     // how far apart one event may be in two sources whose clocks are not set well
	steady = 2 * time.Second // by how much a constant distance of two clocks may seem to change

	compared = 1000 // so many entries of a user show how far clocks differ, however many an attack makes
)

// clockAhead returns how far the clock of entries is ahead of that of the reference, in whole seconds, and how many entries show
// that. Both have a zone. It is zero unless at least two entries have the same distance, and more of them fit so than if the clocks
// agree: one code alone may be another one. likely is a distance for which one entry is enough.
func clockAhead(entries, reference []Entry, likely time.Duration) (ahead time.Duration, fitting int) {
	own, other := byClock(entries), byClock(reference)
	fit := func(ahead, within time.Duration) (distances []time.Duration) {
		for key, all := range own {
			distances = append(distances, fit(all, other[key], ahead, within)...)
		}
		return distances
	}
	fitting = len(fit(0, tolerance))
	for d := tolerance + time.Second; d <= near; d += time.Second {
		for _, try := range []time.Duration{d, -d} {
			if distances := fit(try, steady); len(distances) > fitting && (len(distances) > 1 || try == likely) {
				slices.Sort(distances)
				ahead, fitting = distances[len(distances)/2].Round(time.Second), len(distances)
			}
		}
	}
	return ahead, fitting
}

// clockKey says which entries may be one event at all: those of one user, and all refused passwords, since a source has them
// without names.
type clockKey struct {
	username string
	password bool
}

// byClock sorts the entries that another source may have too, the newest of them.
func byClock(entries []Entry) map[clockKey][]Entry {
	all := map[clockKey][]Entry{}
	for _, e := range entries {
		key := clockKey{e.Username, false}
		if e.What == PasswordRefused {
			key = clockKey{"", true}
		}
		if inFamilies(e.What) {
			all[key] = append(all[key], e)
		}
	}
	for key, entries := range all {
		slices.SortStableFunc(entries, func(a, b Entry) int { return a.At.Compare(b.At) })
		all[key] = entries[max(0, len(entries)-compared):]
	}
	return all
}

func inFamilies(w What) bool {
	return slices.ContainsFunc(families, func(f []What) bool { return slices.Contains(f, w) })
}

// fit returns how far apart entries and their counterparts are, if their clock is about so far ahead: each has a counterpart of its
// own. Both are sorted.
func fit(entries, reference []Entry, ahead, within time.Duration) (distances []time.Duration) {
	used := make([]bool, len(reference))
	first := 0
	for _, e := range entries {
		at := e.At.Add(-ahead)
		for first < len(reference) && at.Sub(reference[first].At) > within {
			first++
		}
		for i := first; i < len(reference) && reference[i].At.Sub(at) <= within; i++ {
			if !used[i] && mayBeOne(e, reference[i]) {
				used[i] = true
				distances = append(distances, e.At.Sub(reference[i].At))
				break
			}
		}
	}
	return distances
}

// shifted returns the entries as if their clock agreed with Twilio's, ahead of which it is so far.
func shifted(entries []Entry, ahead time.Duration) []Entry {
	moved := slices.Clone(entries)
	for i := range moved {
		moved[i].At = moved[i].At.Add(-ahead)
	}
	return moved
}

// Clock says how far the clock of a source differs from another one, or "" if it does not, as far as is known.
func (c Coverage) Clock() string {
	if c.Ahead == 0 {
		return ""
	}
	way := "ahead of"
	if c.Ahead < 0 {
		way = "behind"
	}
	return fmt.Sprintf("the clock of %s is about %d s %s that of %s", c.Source.Words(), int(c.Ahead.Abs()/time.Second), way, c.AheadOf.Words())
}

// clocks says which clocks differ, as the end of a sentence.
func (h History) clocks() (text string) {
	for _, c := range h.Coverage {
		if clock := c.Clock(); clock != "" {
			text += "; " + clock
		}
	}
	return text
}

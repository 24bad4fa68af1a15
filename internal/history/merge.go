package history

import (
	"slices"
	"strings"
)

// merge returns the events of one user: entries of different sources become one event where they certainly are one.
//
// Certain means: entries of two sources that may be one event and follow each other by seconds form a group; if both sources have
// equally many in it, each is one event with its counterpart. Otherwise nobody knows which belongs to which, and all are shown. An
// entry whose zone is assumed fits to no other: otherwise its zone would have been measured.
func merge(events []Event) []Event {
	slices.SortStableFunc(events, func(a, b Event) int { return a.At.Compare(b.At) })
	gone := make([]bool, len(events))
	for _, family := range families {
		var group []int
		flush := func() {
			join(events, group, gone)
			group = group[:0]
		}
		for i := range events {
			if !slices.Contains(family, events[i].What) {
				continue
			}
			if n := len(group); n > 0 && events[i].At.Sub(events[group[n-1]].At) > tolerance {
				flush()
			}
			group = append(group, i)
		}
		flush()
	}
	var kept []Event
	for i, e := range events {
		if !gone[i] {
			kept = append(kept, e)
		}
	}
	newestFirst(kept)
	return kept
}

// families are what may be one event.
var families = [][]What{{CodeNotValid, CodeRefused, CodeNotChecked}, {CodeAccepted}, {PasswordRefused}}

// join makes pairs of a group, if that is certain: its two sides must have equally many, and each two in turn may be one.
func join(events []Event, group []int, gone []bool) {
	left, right := sides(events, group)
	if len(left) != len(right) {
		return
	}
	for n := range left {
		a, b := &events[left[n]], &events[right[n]]
		if !mayBeOne(a.Entry, b.Entry) || a.At.Sub(b.At).Abs() > tolerance {
			return
		}
	}
	for n := range left {
		events[left[n]] = one(events[left[n]], events[right[n]])
		gone[right[n]] = true
	}
}

// sides divides a group into what uzERP's table audit_lines has, or else what the log has, and what the others have.
func sides(events []Event, group []int) (others, one []int) {
	side := FromLog
	if slices.ContainsFunc(group, func(i int) bool { return events[i].Source == FromAudit }) {
		side = FromAudit
	}
	for _, i := range group {
		if events[i].Source == side {
			one = append(one, i)
		} else {
			others = append(others, i)
		}
	}
	return others, one
}

// one returns a and b as one event. What a knows comes first.
func one(a, b Event) Event {
	a.What = mergedWhat(a.What, b.What)
	for _, s := range b.Sources {
		if !slices.Contains(a.Sources, s) {
			a.Sources = append(a.Sources, s)
		}
	}
	slices.SortFunc(a.Sources, func(x, y Source) int { return slices.Index(Sources(), x) - slices.Index(Sources(), y) })
	a.Source = a.Sources[0]
	switch bKnown := b.Zone == ZoneKnown; {
	case bKnown != (a.Zone == ZoneKnown):
		if bKnown {
			a.At, a.Zone = b.At, b.Zone
		}
	case b.At.Before(a.At):
		a.At = b.At
	}
	a.Username = firstOf(a.Username, b.Username)
	a.FactorSID = firstOf(a.FactorSID, b.FactorSID)
	a.Address = firstOf(a.Address, b.Address)
	a.Browser = firstOf(a.Browser, b.Browser)
	a.Errors = append(slices.Clip(a.Errors), b.Errors...)
	return a
}

func firstOf(a, b string) string {
	if strings.TrimSpace(a) == "" {
		return b
	}
	return a
}

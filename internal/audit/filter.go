package audit

import (
	"errors"
	"io"
	"iter"
	"slices"
	"time"
)

// Filter selects records of a log. Its zero value selects all.
type Filter struct {
	Target  string    // records about this user, or whatever else was changed
	Actor   string    // what this operating-system user did, also by sudo
	Results []Result  // records with one of these results; none for every result
	From    time.Time // records from this time on; zero for no limit
	Until   time.Time // records before this time; zero for no limit
	Last    int       // only the last so many of them; 0 for all
}

// Matches reports whether the record passes the filter, whatever Last says.
func (f Filter) Matches(r Record) bool {
	return (f.Target == "" || r.Target == f.Target) &&
		(f.Actor == "" || r.Actor.User == f.Actor || r.Actor.SudoUser == f.Actor) &&
		(len(f.Results) == 0 || slices.Contains(f.Results, r.Result)) &&
		!r.Time.Before(f.From) && (f.Until.IsZero() || r.Time.Before(f.Until))
}

// Select returns the records of a log that pass the filter, oldest first. A line that is no record is left out and given to
// bad; with any other error the records end.
func (f Filter) Select(log io.Reader, bad func(*LineError)) iter.Seq2[Record, error] {
	matching := func(yield func(Record, error) bool) {
		for r, err := range Read(log) {
			if line, ok := errors.AsType[*LineError](err); ok {
				bad(line)
				continue
			}
			if (err != nil || f.Matches(r)) && !yield(r, err) {
				return
			}
		}
	}
	if f.Last == 0 {
		return matching
	}
	return func(yield func(Record, error) bool) {
		var kept []Record
		for r, err := range matching {
			if err != nil {
				yield(r, err)
				return
			}
			if kept = append(kept, r); len(kept) >= 2*f.Last {
				kept = append(kept[:0], kept[len(kept)-f.Last:]...)
			}
		}
		for _, r := range kept[max(0, len(kept)-f.Last):] {
			if !yield(r, nil) {
				return
			}
		}
	}
}

package audit

import (
	"errors"
	"iter"
	"slices"
	"time"
)

// Filter selects records of a log. Its zero value selects all.
type Filter struct {
	Target  string    // records about this user, or whatever else was changed; also as the log has it
	Actor   string    // what this operating-system user did, also by sudo
	Results []Result  // records with one of these results; none for every result
	From    time.Time // records from this time on; zero for no limit
	Until   time.Time // records before this time; zero for no limit
	Here    *Here     // only records that are about another place than this; nil for every place
	Last    int       // only the last so many of them; 0 for all
}

// Matches reports whether the record passes the filter, whatever Last says.
func (f Filter) Matches(r Record) bool {
	return (f.Target == "" || r.Target == f.Target || r.Target == recorded(f.Target)) &&
		(f.Actor == "" || r.Actor.User == f.Actor || r.Actor.SudoUser == f.Actor) &&
		(len(f.Results) == 0 || slices.Contains(f.Results, r.Result)) &&
		(f.Here == nil || f.isElsewhere(r)) &&
		!r.Time.Before(f.From) && (f.Until.IsZero() || r.Time.Before(f.Until))
}

func (f Filter) isElsewhere(r Record) bool {
	elsewhere, _ := f.Here.Elsewhere(r)
	return elsewhere
}

// Select returns those of the records that pass the filter, in the same order. What Read and Files.Records could not
// read is left out and given to bad, as a *LineError or *FileError; with any other error the records end.
func (f Filter) Select(records iter.Seq2[Record, error], bad func(error)) iter.Seq2[Record, error] {
	matching := func(yield func(Record, error) bool) {
		for r, err := range records {
			if isPartial(err) {
				bad(err)
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

// isPartial reports whether err says only that a line or a file was left out.
func isPartial(err error) bool {
	_, line := errors.AsType[*LineError](err)
	_, file := errors.AsType[*FileError](err)
	return line || file
}

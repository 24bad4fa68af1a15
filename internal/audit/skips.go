package audit

import (
	"context"
	"errors"
	"time"

	"uzerp-mfa/internal/mfa"
)

// Skips is what a log says about users whose next login skips the code: since when. The zero Skips knows of none.
type Skips struct{ since map[string]time.Time } // by the name as it is recorded

// Since returns when it was allowed that the user's next login skips the code. known is false if the log does not say: it was
// not allowed through this program, or that skip was used since then. uzERP turns the code on again by itself, and records
// nothing.
func (s Skips) Since(u mfa.User) (at time.Time, known bool) {
	at, known = s.since[recorded(u.Username)]
	// The zone of LastLogin is not known: it is used only where it is later in every zone.
	if !known || u.State() != mfa.StateSkipNextLogin || u.LastLogin != nil && u.LastLogin.Add(-widestZone).After(at) {
		return time.Time{}, false
	}
	return at, true
}

const widestZone = 14 * time.Hour

// ReadSkips reads the log at path, and what was rotated away from it, once. Only what was done here counts. It keeps one time
// for each user whose skip was not taken back. It fails with errs.NotFound if there is no log, and with errs.Config if it
// can't be read, or another user may have written it.
func ReadSkips(ctx context.Context, path string, here Here) (Skips, error) {
	log, err := openEvidence(ctx, path)
	if err != nil {
		return Skips{}, err
	}
	defer func() { _ = log.Close() }()
	if log.dir == nil { // a pipe can be read only once
		return Skips{}, readError(path, errors.New("it is no regular file"))
	}
	s := Skips{map[string]time.Time{}}
	begun := map[string]Record{} // skips that have no outcome yet, by ID
	for line, err := range log.Records(time.Time{}) {
		_, noRecord := errors.AsType[*LineError](err)
		switch {
		case noRecord:
			continue
		case isPartial(err): // of a file that can't be read nobody knows what it says
			clear(s.since)
			clear(begun)
			continue
		case err != nil:
			return Skips{}, log.readError(err)
		}
		s.add(line, begun, here)
	}
	for _, line := range begun { // the process died before the outcome was written
		s.allow(line)
	}
	return s, nil
}

// add counts a record.
func (s Skips) add(line Record, begun map[string]Record, here Here) {
	if elsewhere, _ := here.Elsewhere(line); elsewhere {
		return
	}
	delete(begun, line.ID)
	switch _, isRow := line.After["mfa_enrolled"]; {
	case line.Result == ResultRefused || line.Result == ResultFailed:
	case line.Result == ResultIntent:
		if isRow && skips(line.After) {
			begun[line.ID] = line
		}
	case line.Command == "detach":
		clear(s.since)
	case !isRow:
	case skips(line.After):
		s.allow(line)
	default:
		delete(s.since, line.Target)
	}
}

// allow counts a record of a change that lets a user skip the code. Where the code was skipped before too, it is as old as it was.
func (s Skips) allow(line Record) {
	if skips(line.Before) {
		return
	}
	if at, known := s.since[line.Target]; !known || line.Time.After(at) {
		s.since[line.Target] = line.Time.UTC()
	}
}

// skips reports whether a user with such a row skips the next code.
func skips(row Values) bool {
	enrolled, _ := row["mfa_enrolled"].(bool)
	enabled, isBool := row["mfa_enabled"].(bool)
	return enrolled && isBool && !enabled
}

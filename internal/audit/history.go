package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"uzerp-mfa/internal/caller"
	"uzerp-mfa/internal/history"
)

// UserEvents is what a log says was done about users, as a source of their history.
type UserEvents struct {
	Path string
	Here *Here // only what was done here counts; nil: wherever it was
}

// maxUserEvents is how many events of one reading are kept: the newest ones.
const maxUserEvents = 50_000

// Source implements history.Records.
func (UserEvents) Source() history.Source { return history.FromAuditLog }

// Read implements history.Records: what was done, and what may have been done. Of one command about one user only one
// change of the row counts, so a reset is one event. It fails with errs.NotFound if there is no log. A log that another
// user may have written is read all the same, and said to be doubtful: whether anything in it happened is not known, and it
// verifies no caller.
func (u UserEvents) Read(ctx context.Context, q history.Query) (r history.Reading, err error) {
	log, err := OpenFiles(ctx, u.Path)
	if err != nil {
		return r, err
	}
	defer func() { _ = log.Close() }()
	if log.Doubt != "" {
		r.Missing = append(r.Missing, fmt.Sprintf("others may have written the audit log: %q", log.Doubt))
	}
	asked := map[string]string{} // by the name as it is recorded
	for _, name := range q.Usernames {
		asked[recorded(name)] = name
	}
	if log.dir != nil { // a pipe can be read only once
		for first, err := range log.Records(time.Time{}) {
			if err == nil {
				r.Oldest = first.Time.UTC()
				break
			}
			if !isPartial(err) {
				return r, log.readError(err)
			}
		}
	}
	begun := map[string]history.Entry{} // intents that have no outcome yet, by ID
	bad, tooMany := 0, false
	for line, err := range log.Records(q.Since) {
		if isPartial(err) {
			bad++
			if file, ok := errors.AsType[*FileError](err); ok {
				r.Missing = append(r.Missing, fmt.Sprintf("file %q of the audit log could not be read", file.File))
			}
			continue
		}
		if err != nil {
			return r, log.readError(err)
		}
		if r.Oldest.IsZero() || line.Time.Before(r.Oldest) {
			r.Oldest = line.Time.UTC()
		}
		name, wanted := asked[line.Target]
		if q.Usernames == nil {
			name, wanted = named(line.Target), true
		}
		e, isEvent := eventOf(line)
		if log.Doubt != "" {
			if e.Uncertain = true; e.What == history.CallerVerified {
				e.What, e.Unverified = history.CallerUnverified, history.DoubtfulLog
			}
		}
		if u.Here != nil && wanted && isEvent {
			elsewhere, _ := u.Here.Elsewhere(line)
			wanted = !elsewhere
		}
		if !wanted || !isEvent || line.Time.Before(q.Since) {
			delete(begun, line.ID)
			continue
		}
		e.Username = name
		if line.Result == ResultIntent {
			if e.Uncertain = true; len(begun) < maxUserEvents {
				begun[line.ID] = e
			}
			continue
		}
		delete(begun, line.ID)
		if r.Entries = append(r.Entries, e); len(r.Entries) > 2*maxUserEvents {
			r.Entries, tooMany = slices.Clone(r.Entries[maxUserEvents:]), true
		}
	}
	for _, e := range begun { // the process died before the outcome was written
		r.Entries = append(r.Entries, e)
	}
	if tooMany {
		r.Missing = append(r.Missing, "the audit log has too many records: the older ones were left out")
	}
	if bad > 0 && len(r.Missing) == 0 {
		text := "1 line of the audit log is no record"
		if bad > 1 {
			text = fmt.Sprintf("%d lines of the audit log are no records", bad)
		}
		r.Missing = append(r.Missing, text)
	}
	return r, nil
}

// eventOf returns what a record says was done about a user. ok is false for a record about something else, for one of
// which nothing came, and for a step that is a part of another one.
func eventOf(r Record) (e history.Entry, ok bool) {
	e = history.Entry{At: r.Time.UTC(), Source: history.FromAuditLog, Command: r.Command, By: r.Actor.Operator(), Uncertain: r.Result == ResultUnknown}
	_, isRow := r.After["mfa_enrolled"]
	_, isSend := r.After["channel"]
	status, isCode := r.After["status"].(string)
	sid, isNew := r.After["factor_sid"].(string)
	_, wasFactor := r.Before["factor_sid"]
	switch {
	case isCode && r.Result == ResultRefused && !isSend && status != string(caller.Approved):
		e.What = history.CallerRefused
		return e, true
	case r.Result == ResultRefused || r.Result == ResultFailed:
		return e, false
	case isSend:
		e.What = history.CodeSent
	case isApproval(r):
		e.What = history.CallerVerified
	case isCode:
		e.What, e.Unverified = history.CallerUnverified, unverified(r)
	case isRow:
		e.What = rowEvent(r)
		e.FactorSID, _ = r.After["mfa_sid"].(string)
	case isNew && r.Before == nil:
		e.What, e.FactorSID = history.OtherChange, sid
	case wasFactor && r.Command != commandReset && r.Command != commandEnroll:
		e.What = history.OtherChange
		e.FactorSID, _ = r.Before["factor_sid"].(string)
	default:
		return e, false
	}
	return e, true
}

// rowEvent returns what a change of a user's row means.
func rowEvent(r Record) history.What {
	enrolled, _ := r.After["mfa_enrolled"].(bool)
	enabled, isBool := r.After["mfa_enabled"].(bool)
	switch {
	case r.Command == commandReset:
		return history.Reset
	case (r.Command == commandEnroll || r.Command == "verify") && enrolled && !sameText(r.After["mfa_sid"], r.Before["mfa_sid"]):
		return history.Enrolled
	case r.Command == "user disable-next-login" && isBool && !enabled:
		return history.SkipAllowed
	case r.Command == "user enable" && enabled:
		return history.SkipWithdrawn
	}
	return history.OtherChange
}

// sameText reports whether both values are the same text. A line may hold anything there.
func sameText(a, b any) bool {
	s, isText := a.(string)
	t, isTextToo := b.(string)
	return isText && isTextToo && s == t
}

var _ history.Records = UserEvents{}

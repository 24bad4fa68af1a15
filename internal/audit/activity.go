package audit

import (
	"context"
	"errors"
	"time"

	"uzerp-mfa/internal/caller"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/history"
)

// Activity is what one operator did of late, as a log says. The zero Activity is none.
type Activity struct {
	changed map[string]bool // by target: users (also those to whom a code was sent), classes, settings
	code    map[string]bool // by user: a code to a number that uzERP has verified the caller
	word    map[string]bool // by user: with that code the operator said how else the caller was verified
}

// Changes returns how many users, classes and settings were changed, or may have been.
func (a Activity) Changes() int { return len(a.changed) }

// Changed reports whether the target was changed, or may have been.
func (a Activity) Changed(target string) bool { return a.changed[recorded(target)] }

// Code reports whether the user's caller was verified by a code to a number that uzERP has.
func (a Activity) Code(username string) bool { return a.code[recorded(username)] }

// Word reports whether the operator said with such a code how else the caller was verified.
func (a Activity) Word(username string) bool { return a.word[recorded(username)] }

// ReadActivity returns what the actor's operator did since then, as the log at path and what was rotated away from it say.
// Only what was approved at this place counts as approved; changes count wherever they were made. No log means no activity.
// It fails with errs.Config if another user may have written the log, or if a part that may be as young as that can't be
// read. Hashes are not checked: those who can write the log can write hashes too. A line from after now was written before the
// clock was set back: nobody knows how old it is, so it approves nothing.
func ReadActivity(ctx context.Context, path string, actor Actor, place Place, changesSince, approvedSince, now time.Time) (Activity, error) {
	log, err := openEvidence(ctx, path)
	switch {
	case errs.KindOf(err) == errs.NotFound:
		return Activity{}, nil
	case err != nil:
		return Activity{}, err
	}
	defer func() { _ = log.Close() }()
	open := map[string]string{} // the ID of an intent -> its target
	a, counted := Activity{changed: map[string]bool{}, code: map[string]bool{}, word: map[string]bool{}}, map[string]int{}
	since := changesSince
	if approvedSince.Before(since) {
		since = approvedSince
	}
	for line, err := range log.Records(since) {
		if _, bad := errors.AsType[*LineError](err); bad {
			continue
		}
		if err != nil {
			return Activity{}, log.readError(err)
		}
		if line.Actor.Operator() != actor.Operator() || line.Actor.Host != actor.Host {
			continue
		}
		switch began, known := open[line.ID]; {
		case line.Result == ResultIntent && !line.Time.Before(changesSince):
			open[line.ID] = line.Target
			counted[line.Target]++
		case known && (line.Result == ResultRefused || line.Result == ResultFailed): // nothing was changed
			counted[began]--
		}
		if !line.Time.Before(approvedSince) && !line.Time.After(now) && place.Has(line) && isApproval(line) {
			a.code[line.Target] = true
			a.word[line.Target] = a.word[line.Target] || line.VerifiedBy != ""
		}
	}
	for target, n := range counted {
		if n > 0 {
			a.changed[target] = true
		}
	}
	return a, nil
}

// isApproval reports whether a record says that a caller gave the code that went to a number from uzERP.
func isApproval(r Record) bool { return unverified(r) == "" }

// unverified says why a record shows nothing of who a caller is, or returns "" if it shows that. A number that was changed
// lately, or whose country a flag or a variable chose, is no evidence, and neither is an outcome that nobody knows. What the policy
// believes and what settles a suspicion are both decided here.
func unverified(r Record) history.Unverified {
	given, known := r.After["to_given"].(bool)
	_, isSend := r.After["channel"]
	_, changed := r.After["number_changed"]
	_, chosen := r.After["region"]
	switch {
	case r.Result != ResultDone || !known || isSend || r.After["status"] != string(caller.Approved):
		return history.NotKnown
	case given:
		return history.GivenNumber
	case changed:
		return history.ChangedNumber
	case chosen:
		return history.ChosenRegion
	default:
		return ""
	}
}

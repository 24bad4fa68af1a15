package audit

import (
	"context"
	"errors"
	"strings"
	"time"

	"uzerp-mfa/internal/caller"
	"uzerp-mfa/internal/errs"
)

// Activity is what one operator did of late, as a log says.
type Activity struct {
	// Changed has what was changed, or may have been: users (also those to whom a code was sent), classes, settings.
	Changed map[string]bool
	// Approved has the users for whom the operator verified a caller by a code to a number that uzERP has.
	Approved map[string]bool
	// VerifiedBy has those of them for whom the operator said with the code how else the caller was verified.
	VerifiedBy map[string]bool
}

// ReadActivity returns what the actor's operator did since then, as the log at path says. Only what was approved at this
// place counts as approved; changes count wherever they were made. No log means no activity. Hashes are not checked: the
// policy says where the log is, so operators can't write it. A line from after now was written before the clock was set
// back: nobody knows how old it is, so it approves nothing.
func ReadActivity(ctx context.Context, path string, actor Actor, place Place, changesSince, approvedSince, now time.Time) (Activity, error) {
	log, err := OpenFile(ctx, path)
	if err != nil {
		if errs.KindOf(err) == errs.NotFound {
			return Activity{}, nil
		}
		return Activity{}, err
	}
	defer func() { _ = log.Close() }()
	open := map[string]string{} // the ID of an intent -> its target
	a, counted := Activity{Changed: map[string]bool{}, Approved: map[string]bool{}, VerifiedBy: map[string]bool{}}, map[string]int{}
	for line, err := range Read(log) {
		if _, bad := errors.AsType[*LineError](err); bad {
			continue
		}
		if err != nil {
			return Activity{}, err
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
		if line.Result == ResultDone && !line.Time.Before(approvedSince) && !line.Time.After(now) && place.Has(line) && isApproval(line) {
			a.Approved[line.Target] = true
			a.VerifiedBy[line.Target] = a.VerifiedBy[line.Target] || line.VerifiedBy != ""
		}
	}
	for target, n := range counted {
		if n > 0 {
			a.Changed[target] = true
		}
	}
	return a, nil
}

// isApproval reports whether a record says that a caller gave the code that went to a number from uzERP. A number that the
// operator gave is not masked. A number that was changed lately, or whose country the operator chose, is no evidence.
func isApproval(r Record) bool {
	to, isNumber := r.After["to"].(string)
	_, isSend := r.After["channel"]
	_, changed := r.After["number_changed"]
	_, chosen := r.After["region"]
	return !changed && !chosen && isNumber && strings.Contains(to, "*") && !isSend && r.After["status"] == string(caller.Approved)
}

package audit

import (
	"context"
	"time"

	"uzerp-mfa/internal/errs"
)

const (
	commandEnroll = "enroll"
	commandReset  = "user reset"
)

// EnrollmentWaits reports whether an enrolment of the user waits for its end with this factor: the log at path, with what
// was rotated away from it, says that enroll made the factor at this place since then, and not that anything ended that.
// What ends it counts wherever it was: the user was reset, or the user's row named the factor, or the factor was deleted.
// A factor that was in use once, on a phone that is lost now, must not come back. It fails as ReadActivity does.
func EnrollmentWaits(ctx context.Context, path string, place Place, username, sid string, since, now time.Time) (bool, error) {
	log, err := OpenFiles(ctx, path)
	if errs.KindOf(err) == errs.NotFound {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer func() { _ = log.Close() }()
	if log.Doubt != "" {
		return false, errs.New(errs.Config, "the audit log is no evidence: "+log.Doubt, "")
	}
	waits, ends := false, map[string]bool{} // by the ID of what ends it
	for r, err := range log.Records(since) {
		if isPartial(err) {
			continue
		}
		if err != nil {
			return false, err
		}
		switch {
		case r.Target != visible(username):
		case r.Result == ResultRefused || r.Result == ResultFailed:
			delete(ends, r.ID)
		case endsEnrollment(r, sid):
			ends[r.ID] = true
		case r.Command == commandEnroll && r.Result == ResultDone && place.Has(r) && r.Before == nil && r.After["factor_sid"] == sid:
			waits = !r.Time.Before(since) && !r.Time.After(now)
			clear(ends) // what was before it: a reset, mostly
		}
	}
	return waits && len(ends) == 0, nil
}

// endsEnrollment reports whether no enrolment waits for its end with this factor after r. The last step of an enrolment,
// which names the factor in the row, ends it only when it is done.
func endsEnrollment(r Record, sid string) bool {
	named := r.Before["mfa_sid"] == sid || r.After["mfa_sid"] == sid && r.Result == ResultDone
	deleted := r.Before["factor_sid"] == sid && r.After == nil
	if _, isMail := r.After[valueMail]; isMail { // a mail about a reset may go out when the user enrolls already
		return false
	}
	return r.Command == commandReset || named || deleted
}

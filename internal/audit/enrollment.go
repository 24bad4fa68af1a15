package audit

import (
	"context"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
)

const (
	commandEnroll = "enroll"
	commandReset  = "user reset"
)

// valueReplaces is the key of the factor that a new one is made to replace.
const valueReplaces = "replaces"

// EnrollmentWaits reports whether an enrolment of the user waits for its end with this factor: the log at path, with what
// was rotated away from it, says that enroll made the factor at this place since then, and not that anything ended that.
// What ends it counts wherever it was: the user was reset or enrolled, or the user's row named the factor, or the factor was
// deleted. A factor that was in use once, on a phone that is lost now, must not come back; neither must one that the user did
// not enroll with. It fails as ReadActivity does.
func EnrollmentWaits(ctx context.Context, path string, place Place, username, sid string, since, now time.Time) (bool, error) {
	made, err := readEnrollments(ctx, path, place, username, since)
	e := made[sid]
	return e != nil && e.waits() && !e.made.Before(since) && !e.made.After(now), err
}

// PendingFactors returns what the log at path, with what was rotated away from it, says about the factors that enroll has made
// for the user at this place since then and that wait for their code, by their SIDs. It fails as ReadActivity does.
func PendingFactors(ctx context.Context, path string, place Place, username string, since time.Time) (map[string]mfa.FactorRecord, error) {
	made, err := readEnrollments(ctx, path, place, username, since)
	if err != nil {
		return nil, err
	}
	pending := map[string]mfa.FactorRecord{}
	for sid, e := range made {
		if e.waits() {
			pending[sid] = mfa.FactorRecord{Made: e.made, By: e.by, Wrong: e.wrong, Replaces: e.replaces}
		}
	}
	return pending, nil
}

// enrollment is what a log says about a factor that enroll has made.
type enrollment struct {
	made  time.Time
	by    string          // the operator
	wrong int             // the codes that Twilio did not accept, or whose answer was lost
	ends  map[string]bool // by the ID of what ends it

	replaces string // the factor that it was made to replace, or ""
}

func (e *enrollment) waits() bool { return len(e.ends) == 0 }

// readEnrollments returns the enrolments of the user that began at this place, by their factors.
func readEnrollments(ctx context.Context, path string, place Place, username string, since time.Time) (map[string]*enrollment, error) {
	log, err := openEvidence(ctx, path)
	if errs.KindOf(err) == errs.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	made := map[string]*enrollment{}
	for r, err := range log.Records(since) {
		if isPartial(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if r.Target != recorded(username) {
			continue
		}
		if sid, ok := r.After["factor_sid"].(string); ok && isCreation(r) && place.Has(r) {
			replaces, _ := r.After[valueReplaces].(string)
			made[sid] = &enrollment{made: r.Time, by: r.Actor.Operator(), replaces: replaces, ends: map[string]bool{}}
		}
		for sid, e := range made {
			e.read(r, sid)
		}
	}
	return made, nil
}

// isCreation reports whether r says that enroll made a factor.
func isCreation(r Record) bool {
	return r.Command == commandEnroll && r.Result == ResultDone && r.Before == nil
}

// read takes in what r, which is about the same user, says about the factor sid.
func (e *enrollment) read(r Record, sid string) {
	switch {
	case r.Result == ResultRefused || r.Result == ResultFailed:
		delete(e.ends, r.ID)
	case endsEnrollment(r, sid):
		e.ends[r.ID] = true
	}
	if isWrongCode(r, sid) {
		e.wrong++
	}
}

// isWrongCode reports whether r says that a code of the factor was not accepted, or may not have been.
func isWrongCode(r Record, sid string) bool {
	if r.Before["factor_sid"] != sid || r.After["factor_sid"] != sid {
		return false
	}
	return r.Result == ResultRefused && r.After["factor"] == string(mfa.FactorUnverified) || r.Result == ResultUnknown
}

// endsEnrollment reports whether no enrolment waits for its end with this factor after r. The last step of an enrolment,
// which names the factor in the row, ends it only when it is done.
func endsEnrollment(r Record, sid string) bool {
	_, names := r.After["mfa_sid"].(string)
	enrolled := names && r.Result == ResultDone && !sameText(r.After["mfa_sid"], r.Before["mfa_sid"]) // perhaps with another factor
	named := r.Before["mfa_sid"] == sid
	deleted := r.Before["factor_sid"] == sid && r.After == nil
	if _, isMail := r.After[valueMail]; isMail { // a mail about a reset may go out when the user enrolls already
		return false
	}
	return r.Command == commandReset || enrolled || named || deleted
}

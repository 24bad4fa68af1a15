package audit

import (
	"context"
	"errors"
	"time"

	"uzerp-mfa/internal/caller"
)

// Rejections is what a log says about callers whose last code was wrong. The zero Rejections knows of none.
type Rejections struct{ at map[string]time.Time } // by the name as it is recorded

// At returns when the last caller for the user gave a wrong code. known is false if there was none, or a right code came after it.
func (r Rejections) At(username string) (at time.Time, known bool) {
	at, known = r.at[recorded(username)]
	return at, known
}

// ReadRejections returns the wrong codes of callers since then, as the log at path and what was rotated away from it say. Only what
// was done here counts, by whatever operator. It fails with errs.NotFound if there is no log, and with errs.Config if it can't be
// read, or another user may have written it.
func ReadRejections(ctx context.Context, path string, here Here, since time.Time) (Rejections, error) {
	log, err := openEvidence(ctx, path)
	if err != nil {
		return Rejections{}, err
	}
	defer func() { _ = log.Close() }()
	r := Rejections{map[string]time.Time{}}
	for line, err := range log.Records(since) {
		if _, noRecord := errors.AsType[*LineError](err); noRecord || isPartial(err) {
			continue
		}
		if err != nil {
			return Rejections{}, log.readError(err)
		}
		if elsewhere, _ := here.Elsewhere(line); elsewhere || line.Time.Before(since) {
			continue
		}
		_, isSend := line.After["channel"]
		_, isCode := line.After["to_given"]
		switch approved := line.After["status"] == string(caller.Approved); {
		case !isCode || isSend:
		case line.Result == ResultDone && approved:
			delete(r.at, line.Target)
		case line.Result == ResultRefused && !approved:
			r.at[line.Target] = line.Time
		}
	}
	return r, nil
}

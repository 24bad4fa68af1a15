package audit

import (
	"context"
	"errors"
	"time"

	"uzerp-mfa/internal/caller"
)

// Rejections is what a log says about wrong codes of callers that no right one has settled. The zero Rejections knows of none.
type Rejections struct {
	at map[string]map[checkedNumber]time.Time // by the name as it is recorded: the last wrong code for each number
}

// checkedNumber is a number as it is recorded. One that was changed lately may be recorded as another one is, because it is masked.
type checkedNumber struct {
	to      string
	changed bool
}

// At returns when a caller for the user gave a wrong code, the last one. known is false if there was none, or a right code has settled it:
// one that shows who the caller is, or one to the same number.
func (r Rejections) At(username string) (at time.Time, known bool) {
	for _, wrong := range r.at[recorded(username)] {
		if !known || wrong.After(at) {
			at, known = wrong, true
		}
	}
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
	r := Rejections{map[string]map[checkedNumber]time.Time{}}
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
		var number checkedNumber
		number.to, _ = line.After["to"].(string)
		_, number.changed = line.After["number_changed"]
		switch approved := line.After["status"] == string(caller.Approved); {
		case !isCode || isSend:
		case isApproval(line):
			delete(r.at, line.Target)
		case line.Result == ResultDone && approved: // of a number that may be anybody's
			delete(r.at[line.Target], number)
		case line.Result == ResultRefused && !approved:
			if r.at[line.Target] == nil {
				r.at[line.Target] = map[checkedNumber]time.Time{}
			}
			r.at[line.Target][number] = line.Time
		}
	}
	return r, nil
}

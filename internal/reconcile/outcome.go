package reconcile

import (
	"cmp"
	"slices"

	"uzerp-mfa/internal/errs"
)

// Verdict is the result of a run in one word. If several are true, the first of these counts.
type Verdict int

// The verdicts.
const (
	Interrupted       Verdict = iota + 1 // by a signal or a time limit, while repairs were made
	Refused                              // no repair was made, and Repairs.Refusal says why
	Unrecorded                           // the audit log could not be written; the error is Outcome.Err
	Unanswered                           // some answers of Twilio are missing
	RepairsUnanswered                    // Twilio or the database did not answer during repairs
	RepairsFailed
	DifferencesLeft
	InSync
)

// Outcome is the result of a run, with its numbers.
type Outcome struct {
	Verdict Verdict
	Err     error // of Unrecorded

	Left       int // differences that still exist, without those of the kind Unknown
	Fixed      int
	Failed     int // repairs that failed
	Unanswered int // repairs that Twilio or the database gave no answer to
	Unknown    int
	NotTried   int  // how many of the kind Unknown were not asked about
	Fixable    bool // a difference that is left can be repaired
}

// Outcome returns the result of a check and its repairs; p is empty if none were planned. interrupted says that
// repairs were planned, but a signal or a time limit came first.
func (r *Result) Outcome(p Repairs, interrupted bool) Outcome {
	o := Outcome{Left: r.Left(), Unknown: r.Unknown}
	o.Fixable = slices.ContainsFunc(r.Differences, func(d Difference) bool { return d.Fixable && !d.Fixed })
	for i := range r.Differences {
		d := &r.Differences[i]
		switch kind := errs.KindOf(d.Err); {
		case d.Fixed:
			o.Fixed++
		case d.NotTried:
			o.NotTried++
		case d.Kind == Unknown, d.Err == nil, kind == errs.Refused: // no repair was made, or it is no longer needed
		case kind == errs.Unavailable:
			o.Unanswered++
		case kind == errs.Config:
			o.Err = cmp.Or(o.Err, d.Err)
		default:
			o.Failed++
		}
	}
	switch {
	case interrupted:
		o.Verdict = Interrupted
	case p.Refusal != nil && (o.Unknown == 0 || p.Refusal.Kind == errs.Unavailable):
		o.Verdict = Refused
	case o.Err != nil:
		o.Verdict = Unrecorded
	case o.Unknown > 0:
		o.Verdict = Unanswered
	case o.Unanswered > 0:
		o.Verdict = RepairsUnanswered
	case o.Failed > 0:
		o.Verdict = RepairsFailed
	case o.Left > 0:
		o.Verdict = DifferencesLeft
	default:
		o.Verdict = InSync
	}
	return o
}

package reconcile

import (
	"cmp"
	"slices"

	"uzerp-mfa/internal/errs"
)

// Verdict is what a run comes to. If several are true, the first of these counts.
type Verdict int

// The verdicts.
const (
	Interrupted       Verdict = iota + 1 // while repairs were made
	Refused                              // no repair was made: Repairs.Refusal says why
	Unrecorded                           // the audit log could not be written: Outcome.Err
	Unanswered                           // the comparison lacks answers of Twilio's
	RepairsUnanswered                    // Twilio or the database did not answer during repairs
	RepairsFailed
	DifferencesLeft
	InSync
)

// Outcome is what a run comes to, with its numbers.
type Outcome struct {
	Verdict Verdict
	Err     error // of Unrecorded

	Left       int // differences that are still there, unknown ones apart
	Fixed      int
	Failed     int // repairs that failed
	Unanswered int // repairs that Twilio or the database gave no answer to
	Unknown    int
	NotTried   int  // of the unknown ones: Twilio was not asked any more
	Fixable    bool // something that is left can be repaired
}

// Outcome sums up a check and its repairs; p is empty where none were planned. interrupted reports whether repairs were to
// be made and a signal or a time limit came first.
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
		case d.Kind == Unknown, d.Err == nil, kind == errs.Refused: // no repair, or one that is not needed any more
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

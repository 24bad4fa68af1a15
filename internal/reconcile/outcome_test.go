package reconcile_test

import (
	"errors"
	"testing"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/reconcile"
)

// If several things went wrong, one of them decides how the command ends.
func TestOutcome(t *testing.T) {
	down, denied := errs.New(errs.Unavailable, "down", ""), errs.New(errs.Config, "disk full", "")
	fixed := reconcile.Difference{Kind: reconcile.UUIDMissing, Fixable: true, Fixed: true}
	left := reconcile.Difference{Kind: reconcile.UUIDDuplicate}
	fixable := reconcile.Difference{Kind: reconcile.SIDMissing, Fixable: true}
	unknown := reconcile.Difference{Kind: reconcile.Unknown, Err: down}
	notTried := reconcile.Difference{Kind: reconcile.Unknown, Err: down, NotTried: true}
	with := func(err error) reconcile.Difference {
		return reconcile.Difference{Kind: reconcile.SIDMissing, Fixable: true, Err: err}
	}
	changed, failed := with(errs.New(errs.Refused, "changed", "")), with(errors.New("failed"))
	unanswered, unrecorded := with(down), with(denied)
	refusal := errs.New(errs.Refused, "too many", "")
	outage := errs.New(errs.Unavailable, "Twilio stopped answering", "")
	for name, c := range map[string]struct {
		found       []reconcile.Difference
		refusal     *errs.Error
		interrupted bool
		want        reconcile.Outcome
	}{
		"nothing": {nil, nil, false, reconcile.Outcome{Verdict: reconcile.InSync}},
		"all fixed": {[]reconcile.Difference{fixed, fixed}, nil, false,
			reconcile.Outcome{Verdict: reconcile.InSync, Fixed: 2}},
		"left": {[]reconcile.Difference{fixed, left}, nil, false,
			reconcile.Outcome{Verdict: reconcile.DifferencesLeft, Fixed: 1, Left: 1}},
		"can be fixed": {[]reconcile.Difference{fixable}, nil, false,
			reconcile.Outcome{Verdict: reconcile.DifferencesLeft, Left: 1, Fixable: true}},
		"changed since": {[]reconcile.Difference{changed}, nil, false,
			reconcile.Outcome{Verdict: reconcile.DifferencesLeft, Left: 1, Fixable: true}},
		"failed": {[]reconcile.Difference{left, failed}, nil, false,
			reconcile.Outcome{Verdict: reconcile.RepairsFailed, Left: 2, Failed: 1, Fixable: true}},
		"not answered": {[]reconcile.Difference{failed, unanswered}, nil, false,
			reconcile.Outcome{Verdict: reconcile.RepairsUnanswered, Left: 2, Failed: 1, Unanswered: 1, Fixable: true}},
		"unknown": {[]reconcile.Difference{unanswered, unknown, notTried}, nil, false,
			reconcile.Outcome{Verdict: reconcile.Unanswered, Left: 1, Unanswered: 1, Unknown: 2, NotTried: 1, Fixable: true}},
		"not recorded": {[]reconcile.Difference{unknown, unrecorded}, nil, false,
			reconcile.Outcome{Verdict: reconcile.Unrecorded, Err: denied, Left: 1, Unknown: 1, Fixable: true}},
		"refused": {[]reconcile.Difference{fixable}, refusal, false,
			reconcile.Outcome{Verdict: reconcile.Refused, Left: 1, Fixable: true}},
		"an outage": {[]reconcile.Difference{fixable, unknown}, outage, false,
			reconcile.Outcome{Verdict: reconcile.Refused, Left: 1, Unknown: 1, Fixable: true}},
		"both": {[]reconcile.Difference{fixable, unknown}, refusal, false,
			reconcile.Outcome{Verdict: reconcile.Unanswered, Left: 1, Unknown: 1, Fixable: true}},
		"interrupted": {[]reconcile.Difference{fixed, unrecorded}, refusal, true,
			reconcile.Outcome{Verdict: reconcile.Interrupted, Err: denied, Fixed: 1, Left: 1, Fixable: true}},
		"nothing, later": {nil, nil, true, reconcile.Outcome{Verdict: reconcile.Interrupted}},
	} {
		result := &reconcile.Result{Differences: c.found}
		for _, d := range c.found {
			if d.Kind == reconcile.Unknown {
				result.Unknown++
			}
		}
		if got := result.Outcome(reconcile.Repairs{Refusal: c.refusal}, c.interrupted); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

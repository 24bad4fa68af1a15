package mfa

import "context"

// Reset is the plan for one user of several, and its result.
type Reset struct {
	ResetPlan
	Err  error        // why it could not be planned or finished
	Done *ResetResult // what was done; nil if nothing was tried
}

// PlanResets plans to reset users, in their order, and changes nothing. Errors are in each user's Err. step, if not
// nil, is called after each user.
func PlanResets(ctx context.Context, store Reader, factors FactorReader, users []User, skipTwilio bool, newUUID func() string, step func()) []Reset {
	resets := make([]Reset, len(users))
	failures := Batch(ctx, users, func(ctx context.Context, i int, u User) (err error) {
		resets[i].ResetPlan, err = PlanReset(ctx, store, factors, u, skipTwilio, newUUID)
		return err
	}, step)
	for i, err := range failures {
		resets[i].User, resets[i].Err = users[i], err // a plan that was not tried has its user too
	}
	return resets
}

// NeededResets returns those resets that were planned without an error and would change something.
func NeededResets(resets []Reset) []*Reset {
	var needed []*Reset
	for i := range resets {
		if r := &resets[i]; r.Err == nil && r.Needed() {
			needed = append(needed, r)
		}
	}
	return needed
}

// ApplyResets resets users. The result of each is in its Done and Err. step, if not nil, is called after each user.
func ApplyResets(ctx context.Context, store Writer, factors Factors, resets []*Reset, step func()) {
	failures := Batch(ctx, resets, func(ctx context.Context, _ int, r *Reset) error {
		done, err := r.Apply(ctx, store, factors)
		r.Done = &done
		return err
	}, step)
	for i, err := range failures {
		resets[i].Err = err
	}
}

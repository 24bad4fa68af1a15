package mfa

import "context"

// Reset is what is planned for one user of several, and what became of it.
type Reset struct {
	ResetPlan
	Err  error        // why it could not be planned, or was not carried out to its end
	Done *ResetResult // what was done; nil before, and if it was not tried
}

// PlanResets plans to reset users, in their order; it changes nothing. Errors are in each user's Err. step, if not nil,
// hears of each user that is done.
func PlanResets(ctx context.Context, store Reader, factors FactorReader, users []User, skipTwilio bool, newUUID func() string, step func()) []Reset {
	resets := make([]Reset, len(users))
	failures := Batch(ctx, users, func(ctx context.Context, i int, u User) (err error) {
		resets[i].ResetPlan, err = PlanReset(ctx, store, factors, u, skipTwilio, newUUID)
		return err
	}, step)
	for i, err := range failures {
		resets[i].User, resets[i].Err = users[i], err // the user of one that was not tried, too
	}
	return resets
}

// NeededResets returns those that can be carried out and would change something.
func NeededResets(resets []Reset) []*Reset {
	var needed []*Reset
	for i := range resets {
		if r := &resets[i]; r.Err == nil && r.Needed() {
			needed = append(needed, r)
		}
	}
	return needed
}

// ApplyResets resets users. What became of each is in its Done and Err.
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

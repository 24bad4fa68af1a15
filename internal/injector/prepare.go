package injector

import (
	"context"
	"iter"

	"uzerp-mfa/internal/finding"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/verifyservice"
)

// Site is what a switch depends on.
type Site struct {
	Database Reader
	// Users gives every user.
	Users func(ctx context.Context) (iter.Seq2[mfa.User, error], error)
	// Settings gives what uzERP's own files say.
	Settings func() Settings
	// Service fetches the Verify service as uzERP will see it, and says where the settings for that are from.
	Service func(ctx context.Context) (service verifyservice.Service, from string, err error)
	NewUUID func() string
}

// Prepare plans a switch and makes every check. It goes on after a check that found an error, so that the operator sees all
// errors at once; the plan then writes nothing, and Refusal says why. The error is for what could not be read: the database,
// or a context that has ended. What uzERP's files and Twilio answer is always a finding.
func Prepare(ctx context.Context, site Site, r Request) (SwitchPlan, []finding.Finding, error) {
	plan, found, err := prepare(ctx, site, r)
	if Refusal(found) != nil {
		plan = SwitchPlan{Was: plan.Was}
	}
	return plan, found, err
}

func prepare(ctx context.Context, site Site, r Request) (SwitchPlan, []finding.Finding, error) {
	classes, err := site.Database.InjectorClasses(ctx, Names())
	if err != nil {
		return SwitchPlan{}, nil, err
	}
	if r.Off { // this is for emergencies, and needs neither columns nor uuids
		plan, found := Plan(r, classes, nil, site.NewUUID)
		return plan, found, nil
	}
	if err := site.Database.CheckReady(ctx); err != nil {
		return SwitchPlan{}, nil, err
	}
	missing, err := site.Database.UsersWithoutUUID(ctx)
	if err != nil {
		return SwitchPlan{}, nil, err
	}
	plan, found := Plan(r, classes, missing, site.NewUUID)
	if r.SkipSettings != "" {
		found = append(found, skipped(CheckEnvFile, r.SkipSettings))
	} else {
		found = append(found, CheckSettings(site.Settings())...)
	}
	if r.SkipTwilio != "" {
		found = append(found, skipped(CheckTwilioService, r.SkipTwilio))
	} else {
		found = append(found, CheckTwilio(site.Service(ctx)))
		if ctx.Err() != nil {
			return plan, found, ctx.Err()
		}
	}
	broken, err := countLockedOut(ctx, site)
	return plan, append(found, CheckUsers(broken)), err
}

// countLockedOut returns the number of users whom the switch would lock out.
func countLockedOut(ctx context.Context, site Site) (n int, err error) {
	users, err := site.Users(ctx)
	if err != nil {
		return 0, err
	}
	for u, err := range users {
		if err != nil {
			return 0, err
		}
		if LockedOut(u) {
			n++
		}
	}
	return n, nil
}

package injector

import (
	"context"
	"iter"

	"uzerp-mfa/internal/finding"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/verifyservice"
)

// Site reads what a switch depends on.
type Site struct {
	Database Reader
	// Users returns every user.
	Users func(ctx context.Context) (iter.Seq2[mfa.User, error], error)
	// Settings returns what uzERP's own files say.
	Settings func() Settings
	// Service fetches the Verify service with the settings that uzERP will use.
	Service func(ctx context.Context) (verifyservice.Service, error)
	NewUUID func() string
}

// Prepare plans a switch and makes every check. It goes on after a check that found an error, so that the operator
// sees all errors at once; then the plan writes nothing, and Refusal says why. It returns an error if the database
// can't be read or ctx has ended. An error of uzERP's files or of Twilio is a finding.
func Prepare(ctx context.Context, site Site, r Request) (SwitchPlan, []finding.Finding, error) {
	plan, found, err := prepare(ctx, site, r)
	if Refusal(found) != nil {
		plan.Changes, plan.Assignments = nil, nil
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
		f := CheckTwilio(site.Service(ctx))
		if f.NoAnswer && !plan.Needed() {
			f.Severity = finding.Warning // nothing is switched, so nobody is locked out by it
		}
		found = append(found, f)
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

package connect

import (
	"context"
	"time"

	"uzerp-mfa/internal/caller"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/injector"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/session"
	"uzerp-mfa/internal/verifyservice"
)

// In a dry run the writing ports can read, and refuse to write. No command should try to write then; this makes sure
// that a mistake in a command can't change anything. Each type embeds only the reading port: if a method is added to a
// writing port, the program doesn't compile until that method refuses here.

var errDryRun = errs.New(errs.Failure, "a dry run must not write", "this is a mistake in the program; nothing was changed")

func dryUsers(w mfa.Writer) mfa.Writer                           { return readOnlyUsers{w} }
func dryFactors(f mfa.Factors) mfa.Factors                       { return readOnlyFactors{f} }
func dryInjector(w injector.Writer) injector.Writer              { return readOnlyInjector{w} }
func dryCopy(w mfa.CopyWriter) mfa.CopyWriter                    { return readOnlyCopy{w} }
func dryVerifications(caller.Verifications) caller.Verifications { return noVerifications{} }
func dryServices(verifyservice.Creator) verifyservice.Creator    { return noServices{} }

type readOnlyUsers struct{ mfa.Reader }

// CompareAndSet refuses.
func (readOnlyUsers) CompareAndSet(context.Context, string, mfa.Row, mfa.Row) error { return errDryRun }

// MayWrite refuses.
func (readOnlyUsers) MayWrite(context.Context, string, mfa.Row) error { return errDryRun }

// Writable refuses.
func (readOnlyUsers) Writable(context.Context) error { return errDryRun }

type readOnlyFactors struct{ mfa.FactorReader }

// Challenge refuses: Twilio counts each one, and bills an approved one.
func (readOnlyFactors) Challenge(context.Context, string, string, string) (bool, error) {
	return false, errDryRun
}

// Allowed asks nothing: a dry run changes nothing, and Twilio's log must not look as if it had tried.
func (readOnlyFactors) Allowed(context.Context, string, ...mfa.FactorCall) error { return nil }

// CreateFactor refuses.
func (readOnlyFactors) CreateFactor(context.Context, string, string) (mfa.NewFactor, error) {
	return mfa.NewFactor{}, errDryRun
}

// VerifyFactor refuses.
func (readOnlyFactors) VerifyFactor(context.Context, string, string, string) (mfa.Factor, error) {
	return mfa.Factor{}, errDryRun
}

// DeleteFactor refuses.
func (readOnlyFactors) DeleteFactor(context.Context, string, string) error { return errDryRun }

type readOnlyInjector struct{ injector.Reader }

// HoldTrial refuses.
func (readOnlyInjector) HoldTrial(context.Context, time.Duration) (int64, func(), error) {
	return 0, nil, errDryRun
}

// Confirmed refuses: it is the guard's.
func (readOnlyInjector) Confirmed(context.Context, int64) (bool, error) { return false, errDryRun }

// SignKept refuses: it is the guard's.
func (readOnlyInjector) SignKept(context.Context, int64) (func(), error) { return nil, errDryRun }

// ConfirmTrial refuses.
func (readOnlyInjector) ConfirmTrial(context.Context, int64) error { return errDryRun }

// SettledClasses refuses: it locks the rows.
func (readOnlyInjector) SettledClasses(context.Context, []string) ([]injector.Class, error) {
	return nil, errDryRun
}

// ApplySwitch refuses.
func (readOnlyInjector) ApplySwitch(context.Context, []string, injector.SwitchPlan) error {
	return errDryRun
}

type readOnlyCopy struct{ mfa.CopyReader }

// Detach refuses.
func (readOnlyCopy) Detach(context.Context, int, func() string) error { return errDryRun }

type noVerifications struct{}

// MayCheck refuses: a dry run sends nothing.
func (noVerifications) MayCheck(context.Context) error { return errDryRun }

// StartVerification refuses.
func (noVerifications) StartVerification(context.Context, caller.Recipient, caller.Channel) (caller.Started, error) {
	return caller.Started{}, errDryRun
}

// FetchVerification refuses: in a dry run nothing was sent that could be looked at.
func (noVerifications) FetchVerification(context.Context, caller.Recipient, string) (caller.Started, error) {
	return caller.Started{}, errDryRun
}

// CheckVerification refuses.
func (noVerifications) CheckVerification(context.Context, caller.Recipient, string, string) (caller.Status, error) {
	return "", errDryRun
}

func drySessions(w session.Writer) session.Writer { return readOnlySessions{w} }

type readOnlySessions struct{ session.Reader }

// End refuses.
func (readOnlySessions) End(context.Context, string, []session.Session) (int, error) {
	return 0, errDryRun
}

type noServices struct{}

// CreateService refuses.
func (noServices) CreateService(context.Context, string, string) (verifyservice.Service, error) {
	return verifyservice.Service{}, errDryRun
}

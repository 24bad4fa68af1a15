package cmd

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/caller"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/onetime"
)

// verifiedByFlag says how else the operator verified the caller. It is recorded.
type verifiedByFlag struct {
	by    string
	given bool // an empty one is a mistake, and must not mean none
}

func (f *verifiedByFlag) registerVerifiedBy(c *cobra.Command) {
	c.Flags().StringVar(&f.by, "verified-by", "", "how else you verified the caller, for the audit log: call-back, in-person or manager:NAME")
	completeValues(c, "verified-by", caller.ByCallBack, caller.ByInPerson, caller.ByManager)
}

// read takes the flag's value into w, which goes to the audit log.
func (f *verifiedByFlag) read(c *cobra.Command, w *writeFlags) (err error) {
	if f.given = c.Flags().Changed("verified-by"); !f.given {
		return nil
	}
	if w.verifiedBy, err = caller.ParseVerifiedBy(f.by); err != nil {
		return &errs.Error{Kind: errs.KindOf(err), Op: "--verified-by", Err: err, Hint: errs.HintOf(err)}
	}
	return nil
}

// callerFlags say how the caller is verified before a user's second factor is touched.
type callerFlags struct {
	regionFlag
	verifiedByFlag
	identify string

	verify  bool           // identify was given, perhaps by mistake with an empty value: the caller must be verified
	channel caller.Channel // what identify means
}

func (f *callerFlags) registerCaller(c *cobra.Command) {
	c.Flags().StringVar(&f.identify, "identify", "", "verify the caller first, by a code to the phone in uzERP: sms or call")
	completeValues(c, "identify", string(caller.ChannelSMS), string(caller.ChannelCall))
	f.registerRegion(c)
	f.registerVerifiedBy(c)
}

// readCaller reads the flags, and refuses what could not be carried to its end. args and w are those of the command.
func (f *callerFlags) readCaller(app *App, c *cobra.Command, w *writeFlags) (err error) {
	if err := f.read(c, w); err != nil {
		return err
	}
	f.verify = c.Flags().Changed("identify")
	w.identified = f.verify
	if !f.verify && f.region != "" {
		return usageError("--region is for --identify, which is missing", "")
	}
	if !f.verify {
		return nil
	}
	if f.channel, err = parseChannel("--identify", f.identify); err != nil {
		return err
	}
	if !w.dryRun && !app.streams.CanAsk() {
		return usageError("--identify asks for the code that the caller reads out, and there is no terminal to ask on",
			"scripts use uzerp-mfa identity send and identity check; --yes does not replace the code")
	}
	return nil
}

// oneCaller refuses --identify for several users.
func (f *callerFlags) oneCaller(names []string) error {
	for _, name := range names {
		if f.verify && name != names[0] {
			return usageError("--identify is for one user: a code verifies one caller", "")
		}
	}
	return nil
}

// verifyCaller verifies the caller if --identify was given. undone says what is not done after an error. may asks whether what the
// caller wants could be done then: nobody reads out a code for nothing. A dry run does not ask.
func (a *App) verifyCaller(ctx context.Context, ch *changes, w writeFlags, f callerFlags, u mfa.User, undone string, may func() error) error {
	if !f.verify {
		return nil
	}
	verifier, err := a.verifier(ctx, ch, w, f.regionFlag)
	if err != nil {
		return err
	}
	verifier.Refused, verifier.Undone, verifier.May = ch.Refused, undone, may
	verifier.Resend = errs.Plain(commandWith(a.typed, a.args, nil))
	if w.dryRun {
		check, err := verifier.PlanVerify(ctx, u, f.channel)
		if err == nil {
			a.warnFresh(check)
			a.warnRegion(check, f.regionFlag)
			a.warnNoEvidence(check, f.regionFlag)
			a.streams.Notef("A %s with a code would go to %s.", channelWords(f.channel), whom(check))
		}
		return interruptedCheck(err, undone)
	}
	return interruptedCheck(verifier.Verify(ctx, u, f.channel, helpdesk{a, f.regionFlag}), undone)
}

// interruptedCheck is the error of a verification. If it was interrupted, it says what is left.
func interruptedCheck(err error, undone string) error {
	if errors.Is(err, context.Canceled) {
		return &interruption{done: undone, hint: "the code works for ten minutes; the same command begins again"}
	}
	return err
}

// helpdesk is the person at the terminal, who has the caller on the phone.
type helpdesk struct {
	app    *App
	region regionFlag
}

// Believe implements caller.Operator. --yes does not answer this question.
func (o helpdesk) Believe(ctx context.Context, c caller.Check) error {
	o.app.warnFresh(c)
	return o.app.askFresh(ctx, c)
}

// askFresh asks the operator whether the change of a number is right. Without a terminal nobody can say so.
func (a *App) askFresh(ctx context.Context, c caller.Check) error {
	if !a.streams.CanAsk() {
		return errs.New(errs.Refused, c.ChangeInWords()+", and there is no terminal to ask on whether that is right", notVerifiedYet)
	}
	yes, err := a.streams.Confirm(ctx, "Do you know from somebody else than the caller that this change is right?")
	if err == nil && !yes {
		err = errs.New(errs.Declined, c.ChangeInWords()+", and it is not confirmed", notVerifiedYet)
	}
	return err
}

const notVerifiedYet = "do not help this caller unless you can verify them in another way"

// Sending implements caller.Operator.
func (o helpdesk) Sending(ctx context.Context, c caller.Check, channel caller.Channel) {
	o.app.warnRegion(c, o.region)
	o.app.warnNoEvidence(c, o.region)
	o.app.streams.Sayf("A %s with a code goes to %s.", channelWords(channel), whom(c))
	o.app.warnDoNotShare(ctx, channel)
}

// AskCode implements caller.Operator.
func (o helpdesk) AskCode(ctx context.Context, wrong error) (string, error) {
	if wrong != nil {
		o.app.streams.Sayf("%s\nhint: %s", wrong, o.app.hintOf(wrong))
	}
	return askCode(ctx, o.app.streams, onetime.Sent, "Code that the caller reads out:")
}

// Verified implements caller.Operator.
func (o helpdesk) Verified(c caller.Check) { o.app.noteApproved(c) }

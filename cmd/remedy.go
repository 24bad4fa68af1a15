package cmd

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/injector"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/output"
	"uzerp-mfa/internal/session"
	"uzerp-mfa/internal/shell"
)

// remedyOptions are what user reset, user disable-next-login and user enable are told.
type remedyOptions struct {
	writeFlags
	callerFlags
	remedy     mfa.Remedy
	names      nameList
	skipTwilio bool
	ends       endSessions
}

func newRemedyCmd(app *App, opts *remedyOptions, c *cobra.Command) *cobra.Command {
	if opts.remedy != mfa.RemedyEnable {
		c.Flags().StringVar(&opts.self, "self", "", "your own uzERP user name, for the audit log (also: UZERP_MFA_SELF)")
		opts.registerCaller(c)
		opts.ends.register(c)
	}
	opts.register(c)
	opts.names.register(c)
	c.ValidArgsFunction = app.completeUsers(0)
	c.RunE = app.run(listFormats, func(ctx context.Context, args []string) error {
		if opts.remedy != mfa.RemedyEnable {
			if err := opts.readCaller(app, c, &opts.writeFlags); err != nil {
				return err
			}
		}
		return runRemedy(ctx, app, opts, args)
	})
	return c
}

// validate reads the names, and refuses what could not be carried to its end.
func (o *remedyOptions) validate(ctx context.Context, app *App, args []string) (names []string, err error) {
	switch {
	case o.verify && o.skipTwilio:
		return nil, usageError("--identify and --skip-twilio contradict each other: it is Twilio that sends the code",
			"while Twilio is down, verify the caller in another way")
	case !o.verify && o.remedy != mfa.RemedyEnable:
		if err := app.requireConfirmation(o.writeFlags); err != nil {
			return nil, err
		}
	}
	if err := o.ends.validate(); err != nil {
		return nil, err
	}
	names, err = o.names.read(ctx, app, args)
	if err != nil {
		return nil, err
	}
	return names, o.oneCaller(names)
}

// runRemedy takes the way that mfa/remedy.go describes.
func runRemedy(ctx context.Context, app *App, opts *remedyOptions, args []string) error {
	names, err := opts.validate(ctx, app, args)
	if err != nil {
		return err
	}
	ch, err := app.changes(opts.writeFlags)
	if err != nil {
		return err
	}
	if err := opts.ends.open(ctx, app, ch); err != nil {
		return err
	}
	planner, applier, err := app.remedies(ctx, ch, opts.remedy, names, opts.skipTwilio)
	if err != nil {
		return err
	}
	users, err := opts.names.lookup(ctx, planner.Store, names)
	if err != nil {
		return err
	}
	if err := app.warnNamesakesOf(ctx, opts.writeFlags, users); err != nil {
		return err
	}
	if err := opts.ends.ask(ctx, ch, session.Selection{Users: usernamesOf(users)}); err != nil {
		return err
	}
	plan, err := app.takeRemedy(ctx, ch, opts.writeFlags, opts.callerFlags, planner, applier, opts.remedy, users, nil)
	if errs.KindOf(err) == errs.CodeRejected && app.flags.output != formatTable { // programs get the same document as after a right code
		return app.writeResults(ch, []outcome{{username: users[0].Username, status: statusRefused, message: err.Error(), err: err, recorded: true}}, opts.dryRun)
	}
	if err != nil {
		return err
	}
	outcomes := app.remedyOutcomes(plan)
	if !opts.dryRun {
		opts.ends.afterRemedy(ctx, app, outcomes)
	}
	return app.reportRemedy(ctx, ch, opts, plan, outcomes)
}

// takeRemedy plans a remedy for users, verifies the caller, shows the plan, asks, and applies it, in a dry run all but the
// last two. It is the part of the way that the commands and assist share. verified, if not nil, is called when the caller is
// verified, or need not be.
func (a *App) takeRemedy(ctx context.Context, ch *changes, w writeFlags, f callerFlags, planner mfa.Planner, applier mfa.Applier,
	remedy mfa.Remedy, users []mfa.User, verified func(mfa.User),
) (*mfa.RemedyPlan, error) {
	progress := a.streams.NewProgress("users looked at", len(users))
	plan := planner.Plan(ctx, remedy, users, progress.Step)
	progress.Done()
	if ctx.Err() != nil {
		return plan, ctx.Err()
	}
	needed := plan.Needed()
	for _, r := range needed {
		a.warnLookalike(r.User.Username)
	}
	if plan.Waits() && a.flags.output == formatTable { // in JSON the message says when the skip has its effect
		a.streams.Warnf("uzERP asks nobody for a code at present, so this skip helps nobody today. It waits until two-factor login is on, and " +
			"lets in then anybody who has the password, once; uzerp-mfa user enable takes it back")
	}
	if !f.verify && remedy != mfa.RemedyEnable && verified == nil { // that takes help back; assist has warned
		a.warnRejected(ctx, usersOf(needed)...)
	}
	if len(needed) > 0 {
		mayApply := func() error { return plan.MayApply(ctx, applier) }
		if err := a.verifyCaller(ctx, ch, w, f, needed[0].User, undone(remedy), mayApply); err != nil {
			return plan, err
		}
		if verified != nil {
			verified(needed[0].User)
		}
	}
	a.warnSelf(ch, w, plan)
	if err := a.askRemedy(ctx, ch, w, plan); err != nil || w.dryRun {
		return plan, err
	}
	if _, asks := plan.Question(); asks && !w.yes || f.verify { // that took its time
		if err := planner.LookAgain(ctx, plan); err != nil {
			return plan, err
		}
	}
	progress = a.streams.NewProgress("users changed", len(plan.Needed()))
	plan.Apply(ctx, applier, func() {
		ch.SendMails(ctx) // first: an operator who does not read what is printed could otherwise hold up the mail
		progress.Step()
	})
	progress.Done()
	return plan, nil
}

func usersOf(needed []*mfa.UserRemedy) (users []mfa.User) {
	for _, r := range needed {
		users = append(users, r.User)
	}
	return users
}

// undone says what is not done if the caller is not verified.
func undone(r mfa.Remedy) string {
	if r == mfa.RemedyReset {
		return "nobody was reset"
	}
	return "nothing was changed"
}

// remedies returns what plans a remedy for users of these names, and what applies it.
func (a *App) remedies(ctx context.Context, ch *changes, remedy mfa.Remedy, names []string, skipTwilio bool) (p mfa.Planner, ap mfa.Applier, err error) {
	store, err := ch.Users(ctx)
	if err != nil {
		return p, ap, err
	}
	p = mfa.Planner{Store: store, Site: mfa.SiteUnknown, NewUUID: a.newUUID, Now: a.now, SkipTwilio: skipTwilio}
	ap = mfa.Applier{Store: store}
	if remedy == mfa.RemedyReset && !skipTwilio {
		factors, err := ch.Factors()
		if err != nil {
			return p, ap, err
		}
		p.Factors, ap.Factors = factors, factors
	}
	if p.Directory, err = a.reader.Directory(ctx); err != nil {
		return p, ap, err
	}
	a.reader.Expect(names, siteClasses())
	p.Site, err = a.siteLogin(ctx)
	return p, ap, err
}

// siteLogin returns whether two-factor login is switched on. If that can't be read, it is not known.
func (a *App) siteLogin(ctx context.Context) (mfa.SiteLogin, error) {
	site, err := a.reader.Injector(ctx)
	if err != nil {
		return mfa.SiteUnknown, err
	}
	classes, err := site.InjectorClasses(ctx, siteClasses())
	switch {
	case err == nil:
		return injector.SiteLogin(classes), nil
	case ctx.Err() != nil || errs.KindOf(err) == errs.Unavailable:
		return mfa.SiteUnknown, err
	}
	return mfa.SiteUnknown, nil
}

// siteClasses are the names of the classes that say whether two-factor login is switched on.
func siteClasses() []string { return []string{injector.LoginHandler, injector.MFAValidator} }

// warnSelf warns operators who help themselves.
func (a *App) warnSelf(ch *changes, w writeFlags, p *mfa.RemedyPlan) {
	did := map[mfa.Remedy]string{mfa.RemedyReset: "reset it", mfa.RemedySkip: "let it in without a code"}[p.Remedy]
	if did == "" || w.dryRun {
		return
	}
	for _, r := range p.Needed() {
		switch name := r.User.Username; {
		case !ch.IsSelf(name):
		case !ch.Recorded():
			a.streams.Warnf("%q is your own user", name)
		default:
			a.streams.Warnf("%q is your own user: the audit log says that you %s yourself", name, did)
		}
	}
}

// askRemedy shows a plan and asks. --yes shows and asks nothing; a dry run shows the same as the question, and ends there.
// In JSON a dry run's plan is the document alone.
func (a *App) askRemedy(ctx context.Context, ch *changes, w writeFlags, p *mfa.RemedyPlan) error {
	q, asks := p.Question()
	switch {
	case !asks || w.yes && !w.dryRun:
		return nil
	case w.dryRun && a.flags.output != formatTable:
		for _, r := range p.Needed() {
			a.noteRecipients(ctx, ch, r.User.Username)
		}
		return nil
	case p.Unread != nil && ctx.Err() == nil:
		a.warnUnread(p.Unread)
	}
	a.showRemedies(ctx, ch, p)
	switch {
	case w.dryRun:
		return nil
	case q.Type == "":
		return a.confirm(ctx, w, q.Text)
	}
	typed, err := a.streams.AskExact(ctx, q.Text, q.Type)
	if err == nil && !typed {
		err = errs.New(errs.Declined, "the number was not typed; nothing was changed", "")
	}
	return err
}

// warnUnread says that the persons behind users could not be looked up.
func (a *App) warnUnread(why error) {
	a.streams.Warnf("whether anybody here has left, and their company, could not be looked up: %s", why)
}

// showRemedies shows the persons who are to be changed, so that a wrong one is noticed, and to whom a mail about it goes.
func (a *App) showRemedies(ctx context.Context, ch *changes, p *mfa.RemedyPlan) {
	s := a.streams
	p.Shown = true
	for _, r := range p.Users {
		u := r.User
		s.Sayf("%q", u.Username)
		if o := remedyOutcome(r); o.status != statusPlanned {
			s.Sayf("  %s: %s", string(o.status), o.message)
			continue
		}
		company := "unknown"
		if r.Details != nil {
			company = orDash(r.Details.Company)
		}
		s.Sayf("  person      %s", output.Escape(orDash(mfa.Brief(u.Person))))
		s.Sayf("  company     %s", output.Escape(mfa.Brief(company)))
		s.Sayf("  email       %s", output.Escape(orDash(mfa.Brief(text(u.Email)))))
		s.Sayf("  last login  %s", orDash(text(lastLogin(u.LastLogin))))
		if r.Details != nil && r.Details.EndDate != nil {
			s.Sayf("  last day    %s", r.Details.EndDate.Format(time.DateOnly))
		}
		s.Sayf("  state       %s", u.State())
		switch {
		case p.Remedy != mfa.RemedyReset:
		case r.SkipTwilio:
			s.Sayf("  at Twilio   not looked at; the old factor stays there")
		default:
			s.Sayf("  at Twilio   %s to delete", count(len(r.Delete), "factor"))
		}
		s.Sayf("  afterwards  %s", r.Afterwards())
		a.showRecipients(ctx, ch, u.Username)
		for _, w := range r.Warnings() {
			s.Warnf("%s", w)
		}
	}
}

// remedyOutcome returns what became of a user, or what would.
func remedyOutcome(r *mfa.UserRemedy) outcome {
	o := outcome{username: r.User.Username, changed: r.Changed()}
	switch {
	case r.Err != nil:
		o.fail(r.Err)
		return o
	case !r.Needed():
		o.status = statusUnchanged
	case r.Done == nil:
		o.status = statusPlanned
	default:
		o.status = statusChanged
	}
	o.message = r.Message()
	return o
}

// reportRemedy prints what became of each user, and returns what the command ends with.
func (a *App) reportRemedy(ctx context.Context, ch *changes, opts *remedyOptions, p *mfa.RemedyPlan, outcomes []outcome) error {
	a.noteSiteOff(p.Site == mfa.SiteOff)
	var changed, tell []string
	for _, r := range p.Users {
		if !r.Changed() {
			continue
		}
		changed = append(changed, r.User.Username)
		if text := r.Tell(); text != "" && !slices.Contains(tell, text) {
			tell = append(tell, text)
		}
	}
	if err := a.writeResults(ch, outcomes, opts.dryRun); err != nil {
		return err
	}
	for _, text := range tell {
		a.streams.Notef("Tell %s: %s.", told(p, text, len(tell)), text)
	}
	if len(changed) > 0 && p.Remedy != mfa.RemedyEnable && !opts.ends.wanted && !a.streams.Quiet { // to look for sessions reads all of them
		user := "USER..."
		if len(changed) == 1 {
			user = shell.Quote(changed[0])
		}
		how, command := a.endsIt(ctx, user)
		if command != "" {
			how += " " + command
		}
		a.streams.Notef("%s", how)
	}
	return nil
}

// told returns who is to be told one of so many texts.
func told(p *mfa.RemedyPlan, text string, texts int) string {
	if texts == 1 {
		return "the user"
	}
	var names []string
	for _, r := range p.Users {
		if r.Changed() && r.Tell() == text {
			names = append(names, r.User.Username)
		}
	}
	return mfa.Names(names, maxUsersShown)
}

// remedyOutcomes returns what became of each user. In a table what the plan has said is not said again.
func (a *App) remedyOutcomes(p *mfa.RemedyPlan) []outcome {
	outcomes := make([]outcome, len(p.Users))
	for i, r := range p.Users {
		outcomes[i] = remedyOutcome(r)
		if p.Shown && r.Err == nil && a.flags.output == formatTable {
			outcomes[i].message = r.Result()
		}
	}
	return outcomes
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/injector"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/output"
)

type userShowOptions struct {
	names   nameList
	offline bool
}

func newUserShowCmd(app *App) *cobra.Command {
	opts := &userShowOptions{}
	c := &cobra.Command{
		Use:   "show USER...",
		Short: "Show what happens at users' next login, why, and what helps",
		Long: `Puts together what uzERP and Twilio know of a user, and says first what happens at the next login, why, and which command
helps. It changes nothing. uzerp-mfa help user-show has the outcomes.

USER is a user name, an e-mail address, or a part of a person's name that fits nobody else; letter case and accents don't
matter. The command says whom it took.

If Twilio does not answer, the rest is shown, and what it would say is "unknown"; --offline does not ask it.`,
		Annotations: exitCodes(errs.Partial, errs.Config, errs.NotFound, errs.Refused, errs.Unavailable),
		Example:     "  uzerp-mfa user show alice\n  uzerp-mfa user show archer\n  uzerp-mfa user show alice bob --offline\n  uzerp-mfa user show alice -o json",
	}
	c.Flags().BoolVar(&opts.offline, "offline", false, "look at uzERP's database only, and not at Twilio")
	opts.names.register(c)
	c.ValidArgsFunction = app.completeUsers(0)
	c.RunE = app.run(listFormats, func(ctx context.Context, args []string) error { return runUserShow(ctx, app, opts, args) })
	return c
}

func runUserShow(ctx context.Context, app *App, opts *userShowOptions, args []string) error {
	names, err := opts.names.read(ctx, app, args)
	if err != nil {
		return err
	}
	app.warnIfOtherDatabase()
	inspector, err := newInspector(ctx, app, opts.offline, names)
	if err != nil {
		return err
	}
	users, err := app.takeUsers(ctx, inspector.Store, &opts.names, names, len(args))
	if err != nil {
		return err
	}
	progress := app.streams.NewProgress("users looked at", len(users))
	seen, unread, err := inspector.Inspect(ctx, users, progress.Step)
	progress.Done()
	switch {
	case err != nil:
		return err
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	}
	if unread != nil {
		app.streams.Warnf("company and last day are not known: %s; uzerp-mfa grants prints the SQL for the rights", unread)
	}
	if slices.ContainsFunc(seen, func(s mfa.Inspection) bool {
		return s.Details != nil && s.Details.CompanyAccess && s.Details.Closed == nil
	}) {
		app.streams.Warnf("whether uzERP is closed for maintenance is not known: the database role may not read it; uzerp-mfa grants prints the SQL for the right")
	}
	if err := showInspections(app, inspector.Site, seen, app.lately(ctx, opts.offline, seen)); err != nil {
		return err
	}
	return inspectionOutcome(app, seen)
}

// warnIfOtherDatabase says first if what is shown is about another installation than uzERP's own files name.
func (a *App) warnIfOtherDatabase() {
	if compared, err := a.reader.CompareDatabases(); err == nil && compared.Differs() {
		a.streams.HeldWarnf("this is not uzERP's own database: %s", compared.Message)
	}
}

// newInspector returns what looks at users. If Twilio can't be asked, the rest is shown all the same. names are those that will be asked
// for first, as far as they are known.
func newInspector(ctx context.Context, app *App, offline bool, names []string) (*mfa.Inspector, error) {
	store, err := app.reader.Users(ctx)
	if err != nil {
		return nil, err
	}
	app.reader.Expect(names, siteClasses())
	i := &mfa.Inspector{Store: store, Site: mfa.SiteUnknown, Now: app.now}
	if i.Directory, err = app.reader.Directory(ctx); err != nil {
		return nil, err
	}
	site, err := app.reader.Injector(ctx)
	if err != nil {
		return nil, err
	}
	switch classes, err := site.InjectorClasses(ctx, siteClasses()); {
	case err == nil:
		i.Site = injector.SiteLogin(classes)
		switch {
		case i.Site == mfa.SiteUnknown:
			app.streams.Warnf("which login handler uzERP uses is not known here: what is said holds if it is uzERP's own for two-factor login")
		case i.Site == mfa.SiteOn && injector.LacksValidator(classes):
			app.streams.Warnf("the MFAValidator row is missing, so that uzERP shows everybody an error page instead of its login page; tell the administrator of uzERP")
		}
	case ctx.Err() != nil || errs.KindOf(err) == errs.Unavailable:
		return nil, err
	default:
		app.streams.Warnf("whether two-factor login is switched on is not known: %s", err)
	}
	if offline {
		return i, nil
	}
	i.Factors, i.NoFactors = app.reader.Factors()
	return i, nil
}

// inspectionOutcome returns the error that the command ends with after all was shown: Twilio's failure, or
// errs.Partial if Twilio answered for some users and not for others.
func inspectionOutcome(app *App, seen []mfa.Inspection) error {
	failed, asked := 0, 0
	var first error
	for _, s := range seen {
		if s.User.UUID != nil {
			asked++
		}
		if s.Twilio.Err != nil {
			failed++
			first = cmp.Or(first, s.Twilio.Err)
		}
	}
	const offline = "with --offline Twilio is not asked"
	switch {
	case failed == 0:
		return nil
	case failed < asked:
		return errs.New(errs.Partial, fmt.Sprintf("what Twilio says of %d of %d users is unknown", failed, len(seen)),
			"the report says of whom and why; "+offline)
	}
	hint := offline
	if errs.KindOf(first) != errs.Unavailable && app.hintOf(first) != "" {
		hint = app.hintOf(first) + "; " + offline
	}
	return &errs.Error{Kind: errs.KindOf(first), Op: "what Twilio says is unknown", Err: first, Hint: errs.Plain(hint)}
}

// userShowView is one user as scripts see them.
type userShowView struct {
	// what uzERP knows
	User personView `json:"user"`
	// what Twilio knows
	Twilio         twilioView    `json:"twilio"`
	TwoFactorLogin mfa.SiteLogin `json:"two_factor_login"` // of the whole site
	// what happens at the next login
	NextLogin nextLoginView `json:"next_login"`
	Lately    []eventView   `json:"lately"` // the newest two events of the last day, as far as they could be read at once
	// what is odd and has no effect on the next login
	Warnings []string        `json:"warnings"`
	seen     *mfa.Inspection // for the table
	told     bool            // the command's error says why Twilio's part is unknown
}

// personView is a user with the person. What could not be read is null.
type personView struct {
	userView
	// the person's company
	Company *string `json:"company"`
	// whether the user has access to a company
	CompanyAccess *bool `json:"company_access"`
	Maintenance   *bool `json:"maintenance"` // uzERP is closed to everybody
	// the last day; null if the person has not left
	EndDate *string `json:"end_date" jsonschema:"format=date"`
	// other users with the same uuid
	SharesUUIDWith []string `json:"shares_uuid_with"`
}

// twilioStatus says whether it is known what Twilio has of a user.
type twilioStatus string

// The statuses.
const (
	twilioKnown    twilioStatus = "known"
	twilioUnknown  twilioStatus = "unknown"
	twilioNotAsked twilioStatus = "not-asked"
)

type twilioView struct {
	// whether it is known
	Status twilioStatus `json:"status"`
	Error  *string      `json:"error"` // why it is unknown
	// the user's entity; null without a factor
	EntitySID *string `json:"entity_sid"`
	// all factors of the user
	Factors []factorView `json:"factors"`
}

type factorView struct {
	// the factor
	SID string `json:"sid"`
	// Twilio's status
	Status mfa.FactorStatus `json:"status"`
	// its name, as the app shows it
	FriendlyName *string `json:"friendly_name"`
	// when it was made
	DateCreated *time.Time `json:"date_created"`
	// whether the user's row names it
	InUse   bool     `json:"in_use"`
	InUseBy []string `json:"in_use_by"` // other users whose rows name it
}

type nextLoginView struct {
	// what happens
	Outcome mfa.Outcome `json:"outcome"`
	// why
	Reason string `json:"reason"`
	// the command that helps; null if nothing must be done
	Help *string `json:"help"`
	// what happens once two-factor login is on, or at the login after; null if there is no more to say
	Then *nextLoginView `json:"then"`
}

type usersShowDocument struct {
	SchemaVersion int `json:"schema_version"`
	// one for each user who was named
	Users []userShowView `json:"users"`
}

// toldByError reports whether the error that the command ends with says of all users why Twilio's part is unknown.
func toldByError(seen []mfa.Inspection) bool {
	var first error
	for _, s := range seen {
		switch {
		case s.User.UUID == nil && s.Twilio.Err == nil:
		case s.Twilio.Err == nil, first != nil && first.Error() != s.Twilio.Err.Error():
			return false
		default:
			first = s.Twilio.Err
		}
	}
	return true
}

func viewInspection(app *App, site mfa.SiteLogin, s *mfa.Inspection) userShowView {
	v := userShowView{
		User:           personView{userView: viewUser(s.User), SharesUUIDWith: notNil(s.SharedWith)},
		Twilio:         twilioView{Status: twilioKnown, Factors: []factorView{}},
		TwoFactorLogin: site,
		NextLogin:      viewNextLogin(app, s.Next),
		Warnings:       []string{},
		seen:           s,
	}
	for _, w := range s.Warnings {
		if !w.Help.Empty() {
			w.Text += "; " + app.hint(w.Help)
		}
		v.Warnings = append(v.Warnings, w.Text)
	}
	if d := s.Details; d != nil {
		v.User.Company, v.User.CompanyAccess, v.User.Maintenance = optional(d.Company), &d.CompanyAccess, d.Closed
		if d.EndDate != nil {
			v.User.EndDate = optional(d.EndDate.Format(time.DateOnly))
		}
	}
	switch {
	case s.Twilio.Err != nil:
		v.Twilio.Status, v.Twilio.Error = twilioUnknown, optional(s.Twilio.Err.Error())
	case s.Twilio.Own == mfa.FactorNotAsked:
		v.Twilio.Status = twilioNotAsked
	}
	for _, f := range s.Twilio.Factors {
		v.Twilio.EntitySID = optional(f.EntitySID)
		v.Twilio.Factors = append(v.Twilio.Factors, factorView{SID: f.SID, Status: f.Status, FriendlyName: optional(f.FriendlyName),
			DateCreated: viewTime(f.Created), InUse: f.InUse, InUseBy: notNil(f.Others)})
	}
	return v
}

func viewNextLogin(app *App, n mfa.NextLogin) nextLoginView {
	v := nextLoginView{Outcome: n.Outcome, Reason: n.Reason, Help: optional(app.hint(n.Help))}
	if n.Then != nil {
		then := viewNextLogin(app, *n.Then)
		v.Then = &then
	}
	return v
}

// notNil returns the list so that JSON shows [] for none.
func notNil(list []string) []string { return append([]string{}, list...) }

func showInspections(app *App, site mfa.SiteLogin, seen []mfa.Inspection, lately [][]eventView) error {
	views := make([]userShowView, len(seen))
	told := toldByError(seen)
	for n := range seen {
		views[n] = viewInspection(app, site, &seen[n])
		views[n].Lately = lately[n]
		views[n].told = told
	}
	if app.flags.output != formatTable {
		document := usersShowDocument{SchemaVersion: schemaVersion, Users: views}
		return showList(app, document, views, columnsNamed("username", "state", "outcome", "reason", "help"), func(v userShowView) []string {
			return []string{v.User.Username, string(v.User.State), string(v.NextLogin.Outcome), v.NextLogin.Reason, text(v.NextLogin.Help)}
		})
	}
	return app.streams.Paged(func() error {
		for n, v := range views {
			if n > 0 {
				if err := app.streams.Printf("\n"); err != nil {
					return err
				}
			}
			if err := app.streams.Card(card(v)); err != nil {
				return err
			}
		}
		return nil
	})
}

// pairs are the lines of a card.
type pairs []output.Field

// add puts a sentence under a label.
func (p *pairs) add(label, text string) { *p = append(*p, output.Field{Name: label, Value: text}) }

// whole puts text that must stay in one piece under a label, such as a name.
func (p *pairs) whole(label, text string) {
	*p = append(*p, output.Field{Name: label, Value: orDash(text), Whole: true})
}

// blank puts a blank line.
func (p *pairs) blank() { *p = append(*p, output.Field{}) }

// card returns a user as people see one: what happens at the next login first.
func card(v userShowView) pairs {
	p := &pairs{}
	p.whole("user", output.EscapeName(v.User.Username))
	label := "next login"
	for n := &v.NextLogin; n != nil; n = n.Then {
		p.whole(label, outcomeWords(n.Outcome))
		p.add("  why", n.Reason)
		if n.Help != nil {
			p.add("  helps", *n.Help)
		}
		if n.Outcome == mfa.OutcomeSkipsCode {
			break // the reason says what comes after it
		}
		if label = "once it's on"; n.Outcome == mfa.OutcomeLockedOut {
			label = "once open"
		}
	}
	for _, w := range v.Warnings {
		p.add("warning", w)
	}
	p.blank()
	p.whole("person", text(v.User.Person))
	p.whole("company", companyWords(v.User))
	p.whole("email", text(v.User.Email))
	p.whole("access", accessWords(v))
	if v.User.EndDate != nil {
		p.whole("last day", *v.User.EndDate)
	}
	p.whole("last login", text(v.User.LastLogin))
	p.whole("state", string(v.User.State))
	p.whole("factor", text(v.User.MFASID))
	p.add("at Twilio", v.atTwilio())
	for _, f := range v.Twilio.Factors {
		if f.InUse {
			continue
		}
		p.whole("other factor", f.SID)
		p.add("", factorWords(f))
	}
	for n, e := range v.Lately {
		p.add([]string{"lately", ""}[min(n, 1)], e.when()+", "+e.words())
	}
	return *p
}

func outcomeWords(outcome mfa.Outcome) string {
	switch outcome {
	case mfa.OutcomeAsksForCode:
		return "asks for the code"
	case mfa.OutcomeAsksToEnroll:
		return "asks to enroll"
	case mfa.OutcomeSkipsCode:
		return "skips the code, once"
	case mfa.OutcomeLockedOut:
		return "locked out"
	case mfa.OutcomePasswordOnly:
		return "password only"
	default:
		return "denied"
	}
}

func companyWords(u personView) string {
	if u.CompanyAccess == nil {
		return "unknown"
	}
	return text(u.Company)
}

func accessWords(v userShowView) string {
	switch a := v.User.CompanyAccess; {
	case !v.seen.User.Access():
		return "disabled"
	case a == nil:
		return "enabled; to which companies is unknown"
	case !*a:
		return "enabled, but to no company"
	default:
		return "enabled"
	}
}

// atTwilio says what Twilio has for the factor in the row.
func (v userShowView) atTwilio() string {
	switch v.Twilio.Status {
	case twilioUnknown:
		if v.told {
			return "unknown"
		}
		return "unknown: " + text(v.Twilio.Error)
	case twilioNotAsked:
		return "not asked (--offline)"
	}
	for _, f := range v.Twilio.Factors {
		if f.InUse {
			return factorWords(f)
		}
	}
	if v.User.MFASID == nil || *v.User.MFASID == "" {
		return "-"
	}
	return "not there"
}

func factorWords(f factorView) string {
	words := string(f.Status)
	if f.DateCreated != nil {
		words += ", made " + instant(*f.DateCreated)
	}
	for _, name := range f.InUseBy {
		words += fmt.Sprintf(", in use by %q", name)
	}
	return words
}

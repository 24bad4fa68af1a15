package cmd

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/audit"
	"uzerp-mfa/internal/caller"
	"uzerp-mfa/internal/doctor"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/output"
)

func newIdentityCmd(app *App) *cobra.Command {
	c := &cobra.Command{
		Use:   "identity",
		Short: "Verify who is calling before you help",
		Long: `Commands that verify a caller: Twilio sends a code to the phone that uzERP has on file, and the caller reads it out.
uzerp-mfa help identity says which number is used and what an answer means.`,
		Annotations: exitCodes(),
		Example:     "  uzerp-mfa identity send alice --channel sms\n  uzerp-mfa identity check alice 123456",
		Args:        cobra.ArbitraryArgs,
		RunE:        runGroup,
	}
	c.AddCommand(newIdentitySendCmd(app), newIdentityCheckCmd(app))
	return c
}

// identityFlags say which number is used. identity send and identity check have the same flags.
type identityFlags struct {
	writeFlags
	to    string
	given bool // to was given; an empty one is a mistake, and must not mean the number in uzERP
	regionFlag
}

func (f *identityFlags) register(c *cobra.Command) {
	c.Flags().StringVar(&f.to, "to", "", "use this number and not the one in uzERP; it verifies nobody by itself, and needs --reason")
	f.registerRegion(c)
	f.writeFlags.register(c)
}

func (f *identityFlags) validate() error {
	switch {
	case f.given && f.to == "":
		return usageError("--to is empty", "without --to the number that uzERP has is used")
	case f.given && strings.TrimSpace(f.reason) == "":
		return usageError("--to needs --reason: the audit log keeps both", "without --to the number that uzERP has is used")
	}
	return nil
}

const flagRegion = "region"

// regionFlag is the country of the numbers that are written without one.
type regionFlag struct{ region string }

func (f *regionFlag) registerRegion(c *cobra.Command) {
	c.Flags().StringVar(&f.region, flagRegion, "", "country of phone numbers that are written without one, such as GB (also: UZERP_MFA_PHONE_REGION)")
}

// verifier returns what verifies callers.
func (a *App) verifier(ctx context.Context, ch *changes, w writeFlags, f regionFlag) (*caller.Verifier, error) {
	directory, err := a.reader.Directory(ctx)
	if err != nil {
		return nil, err
	}
	verifications, err := ch.Verifications()
	if err != nil {
		return nil, err
	}
	return &caller.Verifier{Directory: directory, Verifications: verifications, Parse: a.parsePhone(f.region), Now: a.now, GivenBy: "--to",
		BelieveAfter: a.policy.PhoneChange(), Reason: w.reason, CodeLength: a.sentCodeLength(),
		History: func(to caller.Recipient) caller.History { return ch.CallerHistory(ctx, to) }}, nil
}

// sentCodeLength returns what asks Twilio how many digits the codes have that it sends: once. If the service can't be
// asked, that is not known, and any code may be tried.
func (a *App) sentCodeLength() func(ctx context.Context) int {
	asked, length := false, 0
	return func(ctx context.Context) int {
		if !asked {
			asked = true
			if s, err := a.reader.Service(ctx); err == nil {
				length = s.CodeLength
			}
		}
		return length
	}
}

// parsePhone returns what reads a phone number. Numbers that are written without a country are of the policy's region, or
// else of that which a flag gave, or else of the environment's. A region that does not exist is a usage error if a flag
// gave it, and else a wrong setting.
func (a *App) parsePhone(region string) func(text string) (caller.Phone, error) {
	fixed := a.policy.PhoneRegion()
	return func(text string) (caller.Phone, error) {
		if region != "" && fixed == "" {
			phone, err := caller.ParsePhone(text, region)
			if phone.Region != "" {
				phone.RegionFrom = "--" + flagRegion
			}
			return phone, err
		}
		setting, err := a.region()
		if err != nil {
			return caller.Phone{}, err
		}
		phone, err := caller.ParsePhone(text, setting.Value)
		switch {
		case fixed != "":
			phone.Region = "" // the administrator has chosen it
		case phone.Region != "":
			phone.RegionFrom = setting.Source
		}
		return phone, err
	}
}

// region returns the country of numbers that are written without one, if no flag gives it, and where it is set. It fails
// if phone numbers can't be read by it.
func (a *App) region() (doctor.Place, error) {
	set := doctor.Place{Value: a.policy.PhoneRegion()}
	if set.Source, _ = a.policy.Path(); set.Value == "" {
		set = doctor.Place{Value: strings.ToUpper(a.getenv(phoneRegion)), Source: phoneRegion}
	}
	if _, err := caller.ParsePhone("", set.Value); errs.KindOf(err) == errs.Usage {
		return set, &errs.Error{Kind: errs.Config, Op: set.Source, Err: err, Hint: errs.HintOf(err)}
	}
	return set, nil
}

// planCheck finds out which number the user has, and warns of what the operator must know before. Nothing is sent.
func (a *App) planCheck(ctx context.Context, ch *changes, f identityFlags, name string) (caller.Check, error) {
	store, err := ch.UserReader(ctx)
	if err != nil {
		return caller.Check{}, err
	}
	verifier, err := a.verifier(ctx, ch, f.writeFlags, f.regionFlag)
	if err != nil {
		return caller.Check{}, err
	}
	a.reader.Expect([]string{name}, nil)
	users, err := mfa.Lookup(ctx, store, []string{name})
	if err != nil {
		return caller.Check{}, err
	}
	p, err := verifier.Plan(ctx, users[0], f.to)
	if err != nil {
		return p, ch.Refused(name, err)
	}
	a.warnLookalike(name)
	a.warnFresh(p)
	a.warnRegion(p, f.regionFlag)
	if p.Recipient.Given {
		a.streams.Warnf("%s is not from uzERP: a right code shows that the caller has that phone, and not who they are", p.Recipient.Phone.Masked)
	}
	a.warnNoEvidence(p, f.regionFlag)
	if !p.User.Access() {
		a.streams.Warnf("access to uzERP is disabled for %q: a right code does not change that", name)
	}
	return p, nil
}

// warnFresh says that a number was changed lately, and is believed only because of --reason.
func (a *App) warnFresh(p caller.Check) {
	if p.Fresh {
		a.streams.Warnf("%s: it is believed only because of your --reason, and both are recorded", p.ChangeInWords())
	}
}

// parseChannel takes the words of --channel and --identify.
func parseChannel(flag, text string) (caller.Channel, error) {
	switch c := caller.Channel(text); c {
	case caller.ChannelSMS, caller.ChannelCall:
		return c, nil
	}
	return "", usageError(fmt.Sprintf("%s must be sms or call", flag), "")
}

// warnDoNotShare warns the operator if Twilio's text message tells the caller to give the code to nobody. If the
// service can't be asked, there is no warning.
func (a *App) warnDoNotShare(ctx context.Context, channel caller.Channel) {
	if channel != caller.ChannelSMS {
		return
	}
	if s, err := a.reader.Service(ctx); err == nil && s.DoNotShareWarning != nil && *s.DoNotShareWarning {
		a.streams.Warnf("Twilio's message will say that the code must not be shared with anybody: tell the caller first why you ask for it")
	}
}

// warnLookalike warns of a user name that may be taken for another one although every letter of it is seen.
func (a *App) warnLookalike(username string) {
	if why := output.Lookalike(username); why != "" {
		a.streams.Warnf("the name %q %s: is it the user that you mean?", username, why)
	}
}

// warnNamesakesOf is warnNamesakes for the one user of a command that somebody reads before it goes on.
func (a *App) warnNamesakesOf(ctx context.Context, w writeFlags, users []mfa.User) error {
	if len(users) != 1 || w.yes || a.flags.output != formatTable || !a.streams.CanAsk() {
		return nil
	}
	return a.warnNamesakes(ctx, users[0])
}

// warnNamesakes says who else has the user name as a name: the caller may have said a surname.
func (a *App) warnNamesakes(ctx context.Context, u mfa.User) error {
	all, err := a.reader.AllUsers(ctx)
	if err != nil {
		return err
	}
	others, err := mfa.Namesakes(all, u)
	if err != nil || len(others) == 0 {
		return err
	}
	names := make([]string, min(len(others), mostListed))
	for i := range names {
		names[i] = personOf(others[i], u.Username)
	}
	if more := len(others) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	a.streams.Warnf("%q is a user name, and may be another person's name too; also: %s", u.Username, strings.Join(names, ", "))
	return nil
}

// rejectedLately is for how long the user's next caller may be the one who did not know the code.
const rejectedLately = time.Hour

// warnRejected warns of users for whom a caller gave a wrong code, to whatever operator. If the audit log can't be read, that is not
// known.
func (a *App) warnRejected(ctx context.Context, users ...mfa.User) {
	path := a.auditLog(forReading)
	if path == "" || len(users) == 0 {
		return
	}
	rejections, _ := audit.ReadRejections(ctx, path, a.reader.Here(ctx), a.now().Add(-rejectedLately))
	for _, u := range users {
		if at, known := rejections.At(u.Username); known {
			a.streams.Warnf("a caller for %q gave a wrong code, at %s: %s", u.Username, moment(at), notVerifiedYet)
		}
	}
}

// whom returns the person and the phone in a line.
func whom(p caller.Check) string {
	return fmt.Sprintf("%q (%s, %s) at %s, %s", p.User.Username, quotedOr(p.User.Person, "no person"), quotedOr(p.Details.Company, "no company"),
		p.Recipient.Phone.Masked, sourceWords(p.Source))
}

// warnRegion says that a number has its country from a flag.
func (a *App) warnRegion(p caller.Check, f regionFlag) {
	if code := p.Recipient.Phone.Region; code != "" && f.region != "" {
		a.streams.Warnf("the number for %q is written without a country: it is read as %s, a number of %s, because of --region",
			p.User.Username, p.Recipient.Phone.Masked, code)
	}
}

// warnNoEvidence says before a code is sent that the administrator's policy will not count it.
func (a *App) warnNoEvidence(p caller.Check, f regionFlag) {
	to := p.Recipient
	if !to.Doubtful() || !a.policy.WantsCaller(p.User.Username) {
		return
	}
	why := "the number is not from uzERP"
	switch {
	case to.Given:
	case to.Fresh != nil:
		why = "the number was changed lately"
	case f.region != "":
		why = "the country of the number is from --" + flagRegion + ", and the policy has no PHONE_REGION"
	default:
		why = "the country of the number is from " + phoneRegion + ", and the policy has no PHONE_REGION"
	}
	a.streams.Warnf("for the administrator's policy a right code does not verify the caller: %s", why)
}

// quotedOr returns a text that others chose in quotes, so that it can't go on as the sentence does, or what stands for
// none.
func quotedOr(text, none string) string {
	if text == "" {
		return none
	}
	return mfa.Names([]string{text}, 1)
}

func sourceWords(s caller.Source) string {
	switch s {
	case caller.MainMobile:
		return "the main mobile in uzERP"
	case caller.MainPhone:
		return "the main phone in uzERP"
	default:
		return "the number that you gave"
	}
}

func channelWords(c caller.Channel) string {
	if c == caller.ChannelCall {
		return "call"
	}
	return "text message"
}

// noteApproved says what the right code shows, and what it does not.
func (a *App) noteApproved(p caller.Check) {
	name := p.User.Username
	switch p.Source {
	case caller.MainMobile:
		a.streams.Notef("The code is right: the caller has the mobile that uzERP has for %q.", name)
	case caller.MainPhone:
		a.streams.Notef("The code is right: the caller is at the phone that uzERP has for %q. Others may share it, such as a whole office.", name)
	default:
		a.streams.Notef("The code is right: the caller has the phone at %s. Whether that is the phone of %q is not verified.", p.Recipient.Phone.Masked, name)
	}
}

// The statuses of a dry run. All others are Twilio's.
const (
	identityWouldSend  caller.Status = "would-send"
	identityWouldCheck caller.Status = "would-check"
)

type identityView struct {
	// the user
	Username string `json:"username"`
	// the person's name
	Person *string `json:"person"`
	// the person's company
	Company *string         `json:"company"`
	Channel *caller.Channel `json:"channel"` // null from identity check
	To      string          `json:"to"`      // masked
	// whose number it is
	ToSource caller.Source `json:"to_source"`
	// Twilio's status of the code, or what a dry run would do
	Status          caller.Status `json:"status"`
	VerificationSID *string       `json:"verification_sid"` // null where nothing was sent

	NumberChanged   *string    `json:"number_changed"`    // as uzERP writes it, without a zone; null if it is not known
	NumberChangedBy *string    `json:"number_changed_by"` // a user of uzERP; null if it is not known
	TriesLeft       *int       `json:"tries_left"`        // null where no code is waiting
	ValidUntil      *time.Time `json:"valid_until"`       // null where no code is waiting
}

type identityDocument struct {
	SchemaVersion int  `json:"schema_version"`
	Changed       bool `json:"changed"`
	DryRun        bool `json:"dry_run"`
	// the code, and where it went
	Identity identityView `json:"identity"`
}

func viewIdentity(p caller.Check, status caller.Status) identityView {
	v := identityView{Username: p.User.Username, Person: optional(p.User.Person), Company: optional(p.Details.Company),
		To: p.Recipient.Phone.Masked, ToSource: p.Source, Status: status}
	if at := p.Change.At; !at.IsZero() {
		v.NumberChanged = lastLogin(&at)
	}
	if by := p.Change.By; by != "" {
		v.NumberChangedBy = &by
	}
	return v
}

// answered adds what became of the code.
func (v identityView) answered(a caller.Answer) identityView {
	v.Status = a.Status
	if a.Status == caller.Pending {
		until := a.ValidUntil.UTC()
		v.TriesLeft, v.ValidUntil = &a.TriesLeft, &until
	}
	return v
}

func showIdentity(app *App, v identityView) error {
	if app.flags.output == formatJSON {
		return output.WriteJSON(app.streams.Out, identityDocument{SchemaVersion: schemaVersion, Changed: v.VerificationSID != nil,
			DryRun: v.Status == identityWouldSend || v.Status == identityWouldCheck, Identity: v})
	}
	channel := ""
	if v.Channel != nil {
		channel = string(*v.Channel)
	}
	return app.writeTable(nil, append([]column{columnUsername}, columnsNamed("status", "channel", "to", "source")...),
		[][]string{{v.Username, string(v.Status), channel, v.To, string(v.ToSource)}})
}

package connect

import (
	"context"

	"uzerp-mfa/internal/audit"
	"uzerp-mfa/internal/caller"
	"uzerp-mfa/internal/db"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/injector"
	"uzerp-mfa/internal/installation"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/twilio"
	"uzerp-mfa/internal/verifyservice"
)

// Command is a command that changes something, as the audit log tells of it.
type Command struct {
	Name     string // without arguments
	Reason   string
	Ticket   string
	Self     string // the operator's own uzERP user, where the operator gave it
	DryRun   bool   // nothing is written, and nothing recorded
	Unlogged bool   // the operator wants no record
	AuditLog string // the path
	Getenv   func(string) string
	Warn     func(error) // hears of an outcome that could not be recorded
}

// Changes has the writing ports: what is done through them is recorded, or refused in a dry run.
type Changes struct {
	reader   *Reader
	dryRun   bool
	recorder *audit.Recorder // nil in a dry run, and where the operator wants no record
	actor    audit.Actor
	self     string
}

// NewChanges opens the audit log, and nothing else yet: what can't be recorded is to fail before anything is looked at.
func NewChanges(r *Reader, cmd Command) (*Changes, error) {
	ch := &Changes{reader: r, dryRun: cmd.DryRun, actor: audit.CurrentActor(cmd.Getenv), self: cmd.Self}
	if cmd.DryRun || cmd.Unlogged {
		return ch, nil
	}
	log, err := audit.Open(cmd.AuditLog, audit.Options{Now: r.options.Now})
	if err != nil {
		return nil, err
	}
	ch.recorder = &audit.Recorder{Log: log, Actor: ch.actor, Self: ch.self, Command: cmd.Name, Reason: cmd.Reason, Ticket: cmd.Ticket, Warn: cmd.Warn}
	return ch, nil
}

// Recorded reports whether changes are recorded.
func (ch *Changes) Recorded() bool { return ch.recorder != nil }

// IsSelf reports whether username is the operator's own user.
func (ch *Changes) IsSelf(username string) bool { return ch.actor.Is(username, ch.self) }

// Refused records what was asked for and refused, if err says so, and returns err.
func (ch *Changes) Refused(target string, err error) error {
	if kind := errs.KindOf(err); err != nil && ch.recorder != nil && (kind == errs.Refused || kind == errs.CodeRejected) {
		ch.recorder.Refused(target, err)
	}
	return err
}

// BestEffort makes changes also where they can't be recorded any more: for taking back what must not stay.
func (ch *Changes) BestEffort() {
	if ch.recorder != nil {
		ch.recorder.BestEffort = true
	}
}

// CallerHistory looks in the audit log for what became of the last code that was sent to the number.
func (ch *Changes) CallerHistory(ctx context.Context, to caller.Recipient) caller.History {
	if ch.recorder == nil {
		return caller.History{}
	}
	return ch.recorder.History(ctx, to)
}

// Settings makes a change of settings in the file at path, none of them a secret.
func (ch *Changes) Settings(ctx context.Context, path string, settings []installation.SettingChange, change func() error) error {
	switch {
	case ch.dryRun:
		return errDryRun
	case ch.recorder == nil:
		return change()
	}
	before, after := audit.Values{}, audit.Values{}
	for _, s := range settings {
		before[s.Setting], after[s.Setting] = nil, s.After
		if s.Before != nil {
			before[s.Setting] = *s.Before
		}
	}
	return ch.recorder.Record(ctx, path, before, after, change)
}

// writing returns what was opened as a writing port.
func writing[T, P any](ch *Changes, opened T, err error, as func(T) P, dry func(P) P, recorded func(*audit.Recorder, P) P) (P, error) {
	switch {
	case err != nil:
		var none P // and no nil T that looks like one
		return none, err
	case ch.dryRun:
		return dry(as(opened)), nil
	case ch.recorder == nil:
		return as(opened), nil
	}
	return recorded(ch.recorder, as(opened)), nil
}

// Users changes uzERP's users.
func (ch *Changes) Users(ctx context.Context) (mfa.Writer, error) {
	d, err := ch.reader.database(ctx)
	return writing(ch, d, err, func(d *db.DB) mfa.Writer { return d }, dryUsers, (*audit.Recorder).Users)
}

// Injector switches uzERP's injector classes.
func (ch *Changes) Injector(ctx context.Context) (injector.Writer, error) {
	d, err := ch.reader.database(ctx)
	return writing(ch, d, err, func(d *db.DB) injector.Writer { return d }, dryInjector, (*audit.Recorder).Injector)
}

// Copy detaches a copy of the live database.
func (ch *Changes) Copy(ctx context.Context) (mfa.CopyWriter, error) {
	d, err := ch.reader.database(ctx)
	return writing(ch, d, err, func(d *db.DB) mfa.CopyWriter { return d }, dryCopy, (*audit.Recorder).Copy)
}

// Factors changes the factors of uzERP's users at Twilio. It refuses (errs.Config) a service that is not uzERP's.
func (ch *Changes) Factors() (mfa.Factors, error) {
	client, err := ch.reader.ownService(0)
	return writing(ch, client, err, func(c *twilio.Client) mfa.Factors { return c }, dryFactors, (*audit.Recorder).Factors)
}

// Verifications sends codes to phones and checks them.
func (ch *Changes) Verifications() (caller.Verifications, error) {
	client, err := ch.reader.client(0)
	return writing(ch, client, err, func(c *twilio.Client) caller.Verifications { return c }, dryVerifications, (*audit.Recorder).Verifications)
}

// Services makes Verify services: it needs an account and credentials, and no service.
func (ch *Changes) Services() (verifyservice.Creator, error) {
	account, err := ch.reader.twilioAccount()
	return writing(ch, account, err, func(a *twilio.Account) verifyservice.Creator { return a }, dryServices, (*audit.Recorder).Services)
}

package connect

import (
	"context"
	"errors"
	"sync/atomic"

	"uzerp-mfa/internal/audit"
	"uzerp-mfa/internal/caller"
	"uzerp-mfa/internal/db"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/injector"
	"uzerp-mfa/internal/installation"
	"uzerp-mfa/internal/installation/envwrite"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/notify"
	"uzerp-mfa/internal/policy"
	"uzerp-mfa/internal/session"
	"uzerp-mfa/internal/sessionfile"
	"uzerp-mfa/internal/verifyservice"
)

// Command describes a command that changes something, for the audit log.
type Command struct {
	Name   string // "user reset", without arguments
	Reason string
	Ticket string
	// VerifiedBy says how the operator verified the caller, other than by a code: "call-back", "in-person" or "manager:NAME".
	VerifiedBy string
	Self       string // the operator's own uzERP user, if the operator gave it
	DryRun     bool   // nothing is written, and nothing recorded
	Unlogged   bool   // the operator wants no record
	AuditLog   string // the path
	Syslog     string // the socket that gets a line about each record too; empty for none
	Policy     *policy.Policy
	AsRoot     bool // root itself runs the command, not through sudo
	Identify   bool // before anything is changed, a code to the user's phone will verify the caller
	Getenv     func(string) string
	Warn       func(error) // is called with the error if an outcome could not be recorded
	// Told is called with what became of each mail to a user.
	Told func(m notify.Mail, err error)
}

// Changes has the writing ports. What is done through them is recorded, unless the administrator's policy forbids it; in
// a dry run it is refused.
type Changes struct {
	reader   *Reader
	gate     *gate
	sessions *gate // for the sessions that the command ends
	dryRun   bool
	recorder *audit.Recorder // nil in a dry run, or if the operator wants no record
	actor    audit.Actor
	self     string
	undoes   bool // what is written undoes something that must not stay
	mails    mails
	touched  atomic.Bool
}

// NewChanges opens the audit log, and nothing else yet: a command whose changes can't be recorded fails before it has
// read anything. Its errors are those of audit.Open, and one of errs.Refused if the policy forbids the command.
func NewChanges(r *Reader, cmd Command) (*Changes, error) {
	ch := &Changes{reader: r, dryRun: cmd.DryRun, actor: audit.CurrentActor(cmd.Getenv), self: cmd.Self}
	ch.mails = mailsOf(cmd)
	ch.gate = newGate(ch, cmd)
	ch.sessions = ch.gate.forSessions()
	if cmd.DryRun || cmd.Unlogged {
		return ch, ch.gate.begin()
	}
	log, err := audit.Open(cmd.AuditLog, audit.Options{Now: r.options.Now, Syslog: cmd.Syslog})
	if err != nil {
		return nil, err
	}
	ch.recorder = &audit.Recorder{Log: log, Actor: ch.actor, Self: ch.self, Command: cmd.Name, Reason: cmd.Reason, Ticket: cmd.Ticket,
		VerifiedBy: cmd.VerifiedBy, Place: r.place, Warn: cmd.Warn}
	return ch, ch.gate.begin()
}

// Touched reports whether a user's row or sessions, or a factor in use, were changed, or may have been because an answer was lost.
// What was undone since counts too.
func (ch *Changes) Touched() bool { return ch.touched.Load() }

// touch remembers that a change ended with err.
func (ch *Changes) touch(err error) error {
	if err == nil || errors.Is(err, errs.ErrLostReply) {
		ch.touched.Store(true)
	}
	return err
}

// Recorded reports whether changes are recorded.
func (ch *Changes) Recorded() bool { return ch.recorder != nil }

// IsSelf reports whether username is the operator's own user.
func (ch *Changes) IsSelf(username string) bool { return ch.actor.Is(username, ch.self) }

// Refused returns err. If err says that a change was refused or a code was wrong, it records that first.
func (ch *Changes) Refused(target string, err error) error {
	if kind := errs.KindOf(err); err != nil && ch.recorder != nil && (kind == errs.Refused || kind == errs.CodeRejected) {
		ch.recorder.Refused(target, err)
	}
	return err
}

// Allowed asks the administrator's policy whether all these users, and others that are no users, may be changed later. A
// command that plans what it changes, and whom, calls it with the whole plan: all of it may be done, or nothing. Otherwise it
// returns an error of errs.Refused, and has recorded that.
func (ch *Changes) Allowed(ctx context.Context, users []string, others ...string) error {
	return ch.gate.find(ctx, users, others...)
}

// MayEndSessions is Allowed for a command that also ends sessions of these users, before it changes anything: the policy's
// lines for session-end hold too. others are all else that the command changes.
func (ch *Changes) MayEndSessions(ctx context.Context, users []string, others ...string) error {
	if err := ch.sessions.begin(); err != nil {
		return err
	}
	return ch.sessions.find(ctx, users, others...)
}

// BestEffort lets changes be made even if they can't be recorded any more, or if uzERP's files name another database by
// now. It is for undoing something that must not stay.
func (ch *Changes) BestEffort() {
	ch.undoes = true
	if ch.recorder != nil {
		ch.recorder.BestEffort = true
	}
}

// CallerHistory returns what became of the last code that was sent to the number, as the audit log says.
func (ch *Changes) CallerHistory(ctx context.Context, to caller.Recipient) caller.History {
	if ch.recorder == nil {
		return caller.History{}
	}
	return ch.recorder.History(ctx, to)
}

// PendingFactors returns what the audit log says about the factors that this program made for a user and that wait for
// their code. Without a log, or if it is no evidence, there are none.
func (ch *Changes) PendingFactors(ctx context.Context, username string) map[string]mfa.FactorRecord {
	pending, err := audit.PendingFactors(ctx, ch.gate.log, ch.gate.place(), username, ch.reader.options.Now().Add(-mfa.PendingFor))
	if err != nil {
		return nil
	}
	return pending
}

// WriteEnv writes a planned change of uzERP's conf/.env, and records it. No setting may be a secret. It returns what
// envwrite.Write returns, or says that the change could not be recorded and was not made.
func (ch *Changes) WriteEnv(ctx context.Context, edit *installation.EnvEdit) (backup string, err error) {
	write := func() (err error) {
		if err := ch.gate.site(ctx); err != nil {
			return err
		}
		backup, err = envwrite.Write(ctx, edit)
		return err
	}
	switch {
	case ch.dryRun:
		return "", errDryRun
	case ch.recorder == nil:
		err = write()
		return backup, err
	}
	before, after := audit.Values{}, audit.Values{}
	for _, s := range edit.Changes {
		before[s.Setting], after[s.Setting] = nil, s.After
		if s.Before != nil {
			before[s.Setting] = *s.Before
		}
	}
	err = ch.recorder.Record(ctx, edit.Path, before, after, write)
	return backup, err
}

// RehearseEnv does all of WriteEnv but the last step. It leaves nothing behind, so nothing is recorded.
func (ch *Changes) RehearseEnv(ctx context.Context, edit *installation.EnvEdit) error {
	if ch.dryRun {
		return errDryRun
	}
	return envwrite.Rehearse(ctx, edit)
}

// writing returns an opened adapter as a writing port that asks the policy: one that records too, or one that refuses
// in a dry run. The record is the outer one: it has what the policy refuses as well.
func writing[T, P any](ch *Changes, opened T, err error, allowed func(*gate, T) P, dry func(P) P, recorded func(*audit.Recorder, P) P) (P, error) {
	switch {
	case err != nil:
		var none P // a nil *T in an interface would not be nil
		return none, err
	case ch.dryRun:
		return dry(allowed(ch.gate, opened)), nil
	case ch.recorder == nil:
		return allowed(ch.gate, opened), nil
	}
	return recorded(ch.recorder, allowed(ch.gate, opened)), nil
}

// ownDatabase opens the database if it is uzERP's own. What undoes something must not fail because uzERP's files have
// changed meanwhile.
func (ch *Changes) ownDatabase(ctx context.Context) (*db.DB, error) {
	if !ch.undoes {
		if err := ch.reader.ownDatabase(); err != nil {
			return nil, err
		}
	}
	return ch.reader.database(ctx)
}

// writableDatabase is ownDatabase for what is to be changed there: a database that takes no changes is found before anything is
// sent or changed elsewhere. A dry run goes on with a warning.
func (ch *Changes) writableDatabase(ctx context.Context) (*db.DB, error) {
	d, err := ch.ownDatabase(ctx)
	if err == nil {
		err = ch.writable(ctx, d)
	}
	return d, err
}

func (ch *Changes) writable(ctx context.Context, d *db.DB) error {
	if ch.undoes { // the change itself will say so
		return nil
	}
	err := d.TakesChanges(ctx)
	if ch.dryRun && errs.KindOf(err) == errs.Refused {
		ch.reader.warnOnce("%s: nothing could be changed there", err)
		return nil
	}
	return ch.Refused(ch.gate.request.Action, err)
}

// UserReader returns the port that reads uzERP's users for a command that changes something else: it asks the policy, as Users does.
func (ch *Changes) UserReader(ctx context.Context) (mfa.Reader, error) {
	d, err := ch.ownDatabase(ctx)
	w, err := writing(ch, d, err, allowUsers, dryUsers, (*audit.Recorder).Users)
	return reading(w, err, func(w mfa.Writer) mfa.Reader { return usersReader{w} })
}

// Users returns the port that changes uzERP's users. It fails with errs.Refused if the database takes no changes, and so do Injector
// and Copy.
func (ch *Changes) Users(ctx context.Context) (mfa.Writer, error) {
	d, err := ch.writableDatabase(ctx)
	if err == nil {
		err = ch.mails.open(ch, d)
	}
	w, err := writing(ch, d, err, allowUsers, dryUsers, (*audit.Recorder).Users)
	if err != nil || ch.mails.notifier == nil {
		return w, err
	}
	return ch.mails.notifier.Users(w), nil
}

// Injector returns the port that switches uzERP's injector classes.
func (ch *Changes) Injector(ctx context.Context) (injector.Writer, error) {
	d, err := ch.writableDatabase(ctx)
	return writing(ch, d, err, allowInjector, dryInjector, (*audit.Recorder).Injector)
}

// Copy returns the port that detaches a copy of the live database. That uzERP's own files name another database is the
// normal case here.
func (ch *Changes) Copy(ctx context.Context) (mfa.CopyWriter, error) {
	d, err := ch.reader.database(ctx)
	if err == nil {
		err = ch.writable(ctx, d)
	}
	return writing(ch, d, err, allowCopy, dryCopy, (*audit.Recorder).Copy)
}

// Factors returns the port that changes the factors of uzERP's users at Twilio. It fails with errs.Config if the
// settings name another database or service than uzERP uses.
func (ch *Changes) Factors() (mfa.Factors, error) {
	client, err := ch.reader.ownClient(0)
	return writing(ch, client, err, allowFactors, dryFactors, (*audit.Recorder).Factors)
}

// Verifications returns the port that sends codes to phones and checks them. It fails with errs.Config if the settings
// name another database or service than uzERP uses: a copy has other numbers, and in an account of their own a caller
// can answer every code.
func (ch *Changes) Verifications() (caller.Verifications, error) {
	client, err := ch.reader.ownClient(0)
	return writing(ch, client, err, allowVerifications, dryVerifications, (*audit.Recorder).Verifications)
}

// Sessions returns the port that ends sessions. It needs neither database nor Twilio. It fails as sessionfile.Open does.
func (ch *Changes) Sessions(s SessionSettings) (session.Writer, error) {
	files, err := sessionfile.Open(s)
	return writing(ch, files, err, allowSessions, drySessions, (*audit.Recorder).Sessions)
}

// Services returns the port that makes Verify services. It needs an account and its credentials, but no service. A new
// service is nobody's yet, so it may be made in any account.
func (ch *Changes) Services() (verifyservice.Creator, error) {
	account, err := ch.reader.twilioAccount()
	return writing(ch, account, err, allowServices, dryServices, (*audit.Recorder).Services)
}

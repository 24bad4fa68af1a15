package verifyservice

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/installation"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/sidform"
)

// Request is a Verify service to be made.
type Request struct {
	FriendlyName string // what an SMS or a call says the code is for
	Issuer       string // what authenticator apps show beside the code
}

// Complete returns the request with an issuer, which is the friendly name if none was given. An issuer that is written down
// stays when the friendly name is changed one day. It fails with errs.Usage if Twilio or an app would not take a name.
func (r Request) Complete() (Request, error) {
	if err := CheckFriendlyName(r.FriendlyName); err != nil {
		return r, err
	}
	if err := CheckIssuer(r.Issuer); err != nil {
		return r, err
	}
	r.Issuer = cmp.Or(r.Issuer, r.FriendlyName)
	return r, nil
}

// Log is the audit log, and what writes conf/.env and records that.
type Log interface {
	// Refused records that target was refused, if err is a refusal, and returns err.
	Refused(target string, err error) error
	// Allowed returns an error if the administrator's policy forbids that these users and others are changed.
	Allowed(ctx context.Context, users []string, others ...string) error
	// WriteEnv writes a planned change of conf/.env, and records it. It returns the path of the backup; if there is one,
	// conf/.env is replaced, whatever the error says.
	WriteEnv(ctx context.Context, edit *installation.EnvEdit) (backup string, err error)
	// RehearseEnv does all of WriteEnv but the last step, and leaves nothing.
	RehearseEnv(ctx context.Context, edit *installation.EnvEdit) error
}

// Setup makes a Verify service, and names it in uzERP's conf/.env if that is wanted. A service can't be unmade, so Setup tries
// beforehand all that could keep the service out of the file.
type Setup struct {
	Services Creator
	Users    func(context.Context) (mfa.CopyReader, error) // uzERP's database; opened only if conf/.env is to be written
	EnvFile  func() (installation.EnvFile, error)          // reads uzERP's conf/.env
	Log      Log

	Account       string // in which the service is made
	Present       string // where this program finds TWILIO_SERVICE_SID now; "" if nowhere
	OtherDatabase string // what names the database that is asked, if uzERP's own files name another; else ""
}

// Plan is a service that is going to be made, and where its SID goes.
type Plan struct {
	Request  Request
	Account  string
	Env      *EnvPlan // nil if conf/.env stays as it is
	Warnings []string // settings that the new service's SID does not fit
}

// EnvPlan is the change of conf/.env.
type EnvPlan struct {
	Users int // how many users uzERP has; none of them is enrolled

	file installation.EnvFile
}

// Path returns the path of conf/.env.
func (p *EnvPlan) Path() string { return p.file.Path }

// Change returns the change that names the service sid. The old value is shown only if it is a service's SID.
func (p *EnvPlan) Change(sid string) installation.SettingChange {
	c := installation.SettingChange{Setting: installation.ServiceSID, After: sid}
	if s, ok := p.file.Settings[c.Setting]; ok {
		shown := s.Value.Reveal()
		if shown != "" && (s.Borrowed || !sidform.Service.Valid(shown)) {
			shown = installation.Hidden
		}
		c.Line, c.Before = s.Line, &shown
	}
	return c
}

func (p *EnvPlan) edit(sid string) (*installation.EnvEdit, error) { return p.file.Plan(p.Change(sid)) }

// anySID stands for the SID of a service that does not exist yet.
const anySID = "VA00000000000000000000000000000000"

// obstacle returns the error for a new service that must not be written into conf/.env.
func obstacle(kind errs.Kind, reason errs.Reason, format string, args ...any) error {
	return &errs.Error{Kind: kind, Err: fmt.Errorf(format, args...), Hint: reason.With()}
}

// Plan plans a service, and with writeEnv the change of conf/.env. Nothing is made or written. It fails with errs.Usage for a
// name that Twilio would not take; with writeEnv also with errs.Config or errs.Refused if the file can't be edited, and with
// an Obstacle. A refusal is recorded.
func (s Setup) Plan(ctx context.Context, r Request, writeEnv bool) (Plan, error) {
	r, err := r.Complete()
	if err != nil {
		return Plan{}, err
	}
	p := Plan{Request: r, Account: s.Account}
	if writeEnv {
		if p.Env, err = s.planEnv(ctx); err != nil {
			return Plan{}, s.Log.Refused(r.FriendlyName, err)
		}
	}
	targets := []string{r.FriendlyName}
	if p.Env != nil {
		targets = append(targets, p.Env.file.Path)
	}
	p.Warnings = s.warnings(p.Env)
	return p, s.Log.Allowed(ctx, nil, targets...)
}

func (s Setup) planEnv(ctx context.Context) (*EnvPlan, error) {
	file, err := s.EnvFile()
	if err != nil {
		return nil, err
	}
	if err := file.Editable(); err != nil {
		return nil, err
	}
	if theirs := file.Settings[installation.AccountSID].Value.Reveal(); theirs != "" && theirs != s.Account {
		return nil, obstacle(errs.Refused, ReasonOtherAccount,
			"%s here is not the account in %s, where uzERP would look for the service in vain", installation.AccountSID, file.Path)
	}
	if s.OtherDatabase != "" {
		return nil, obstacle(errs.Refused, ReasonOtherDatabase,
			"not written: the database is the one of %s, and the users whom a new service would lock out are in the one that uzERP's own files name", s.OtherDatabase)
	}
	p := &EnvPlan{file: file}
	if _, err := p.edit(anySID); err != nil {
		return nil, err
	}
	target, err := s.nobodyEnrolled(ctx)
	p.Users = target.Users
	return p, err
}

// nobodyEnrolled fails while users are enrolled, and if that can't be known. Their factors are in another service, so with a new
// one none of their codes would be accepted any more.
func (s Setup) nobodyEnrolled(ctx context.Context) (mfa.TargetDatabase, error) {
	target, err := func() (mfa.TargetDatabase, error) {
		users, err := s.Users(ctx)
		if err != nil {
			return mfa.TargetDatabase{}, err
		}
		return users.TargetDatabase(ctx)
	}()
	switch {
	case err != nil:
		return target, obstacle(errs.KindOf(err), ReasonEnrolledUnknown, "not written, for the database can't say who is enrolled and would be locked out: %w", err)
	case target.Enrolled > 0:
		return target, obstacle(errs.Refused, ReasonUsersEnrolled,
			"%d of %d users of the database %q are enrolled: their factors are in another service, and with a new one they could not log in",
			target.Enrolled, target.Users, target.Database)
	}
	return target, nil
}

func (s Setup) warnings(env *EnvPlan) (warnings []string) {
	warn := func(format string, args ...any) { warnings = append(warnings, fmt.Sprintf(format, args...)) }
	switch {
	case s.Present == "" || env != nil && s.Present == env.Path(): // the plan shows that it is replaced
	case env == nil:
		warn("%s is set already (%s): users who are enrolled in that service can not log in with another", installation.ServiceSID, s.Present)
	default:
		warn("%s is set in %s too: this program goes on using that service until you take it away there", installation.ServiceSID, s.Present)
	}
	if env == nil {
		return warnings
	}
	for _, name := range []string{installation.AccountSID, installation.AuthToken} {
		if !env.file.Settings[name].Value.IsSet() {
			warn("%s lacks %s, without which uzERP can not use the service", env.Path(), name)
		}
	}
	return warnings
}

// Made is what Apply has made. Its SID is empty if no service is known to be made.
type Made struct {
	Service
	Written bool   // conf/.env names the service
	Backup  string // where the old conf/.env is; "" if it was not written
}

// Line returns the line that conf/.env needs.
func (m Made) Line() string { return installation.ServiceSID + "=" + m.SID }

// NotShown is the error of a service that was made and whose SID could not be shown, because of err.
func (m Made) NotShown(err error) error {
	return &errs.Error{Kind: errs.Failure, Err: fmt.Errorf("the service %s is made, but that could not be written: %w", m.SID, err),
		Hint: errs.Plain("keep its SID; running the command again would make another service")}
}

// Apply makes the planned service, and writes its SID into conf/.env if that is planned. Its steps, and what is there if it
// fails or is killed at one:
//
//  1. It asks again who is enrolled, and rehearses the writing: all is as it was, and a refusal is recorded.
//  2. Twilio makes the service, asked once. If the answer is lost there may be a new service: the error is errs.Failure, and
//     says by which name to look for it. If the program is killed, the audit log has that name, without an outcome.
//  3. It asks a third time who is enrolled. From here on there is a service that conf/.env does not name. The error is
//     errs.Failure and has the SID, and so has the audit log, which is all that is left if the program is killed.
//  4. It writes conf/.env: the file is the old one or the new one, with the old one beside it as Backup.
//
// With an error Made has what was made all the same. A signal does not end it after step 1.
func (s Setup) Apply(ctx context.Context, p Plan) (Made, error) {
	if err := s.rehearse(ctx, p.Env); err != nil {
		return Made{}, s.Log.Refused(p.Request.FriendlyName, err)
	}
	service, err := s.create(ctx, p.Request)
	if err != nil {
		return Made{}, err
	}
	made := Made{Service: service}
	if p.Env != nil {
		made.Backup, err = s.write(context.WithoutCancel(ctx), p.Env, service.SID)
		made.Written = err == nil || made.Backup != ""
	}
	return made, err
}

// rehearse does all that write does but put the new file in the old one's place.
func (s Setup) rehearse(ctx context.Context, p *EnvPlan) error {
	if p == nil {
		return nil
	}
	if _, err := s.nobodyEnrolled(ctx); err != nil {
		return err
	}
	edit, err := p.edit(anySID)
	if err != nil {
		return err
	}
	return s.Log.RehearseEnv(ctx, edit)
}

// create makes the service. A signal does not end it: with its answer missed there would be a service that nobody knows of.
// Where the answer was lost it fails with errs.Failure, for it is not safe to run again.
func (s Setup) create(ctx context.Context, r Request) (Service, error) {
	if ctx.Err() != nil {
		return Service{}, ctx.Err()
	}
	making, cancel := mfa.Uninterrupted(ctx)
	defer cancel()
	made, err := s.Services.CreateService(making, r.FriendlyName, r.Issuer)
	if errors.Is(err, errs.ErrLostReply) {
		return Service{}, &errs.Error{Kind: errs.Failure, Err: err, Hint: errs.Plain(fmt.Sprintf(
			"look in Twilio's console, under Verify, Services, for %q: if it is there, use its SID; running the command again would make another", r.FriendlyName))}
	}
	return made, err
}

// write puts the new service into conf/.env, unless somebody enrolled in the old one meanwhile.
func (s Setup) write(ctx context.Context, p *EnvPlan, sid string) (backup string, err error) {
	if _, err := s.nobodyEnrolled(ctx); err != nil {
		return "", p.notNamed(sid, err, "once nobody is enrolled any more, ")
	}
	edit, err := p.edit(sid)
	if err != nil {
		return "", p.notNamed(sid, err, "")
	}
	backup, err = s.Log.WriteEnv(ctx, edit)
	switch {
	case err == nil:
		return backup, nil
	case backup != "":
		return backup, &errs.Error{Kind: errs.Failure, Err: fmt.Errorf("the service %s is made and written: %w", sid, err), Hint: errs.HintOf(err)}
	}
	return "", p.notNamed(sid, err, "")
}

// notNamed is the error of a service that exists and that conf/.env does not name. Its kind is not that of err: after a refusal
// and after an outage nothing is changed, and it would be safe to run the command again.
func (p *EnvPlan) notNamed(sid string, err error, first string) error {
	return &errs.Error{Kind: errs.Failure, Err: fmt.Errorf("the service %s is made, but %s does not name it: %w", sid, p.Path(), err),
		Hint: errs.Plain(fmt.Sprintf("%sput %s=%s into %s by hand; running the command again would make another service",
			first, installation.ServiceSID, sid, p.Path()))}
}

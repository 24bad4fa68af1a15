package audit

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/injector"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/session"
	"uzerp-mfa/internal/verifyservice"
)

// Recorder writes a line before and a line after each change of one command. Its methods Users, Factors, Verifications,
// Injector, Copy, Sessions and Services wrap the ports through which everything is changed, so no use case can forget the record.
type Recorder struct {
	Log     *Log
	Actor   Actor
	Command string // the command's name, without arguments
	Reason  string
	Ticket  string
	// VerifiedBy says how the caller was verified other than by a code: "call-back", "in-person" or "manager:NAME".
	VerifiedBy string
	// Place returns what the next record is about; a nil Place leaves that out.
	Place func() Place
	Self  string // the operator's own uzERP user, if the operator gave it (Actor.Is)
	// BestEffort makes a change even if its intent can't be written, and calls Warn then. It is for undoing something
	// that must not stay.
	BestEffort bool
	// Warn is called with the error if an outcome could not be written. The change itself is done then.
	Warn func(error)

	names sync.Map // uuid -> user name, for the users that were read: Twilio knows only the uuid
	users sync.Map // user name -> the factor that the user is enrolled with, or "": a database or a class may have the name of a user
}

// Record writes the intent, makes the change, and writes the outcome. If the intent can't be written, it changes
// nothing, unless BestEffort is set.
func (r *Recorder) Record(ctx context.Context, target string, before, after Values, change func() error) error {
	return r.recordAll(ctx, []entry{{target, before, after}}, change)
}

// entry is what is recorded of a change.
type entry struct {
	target        string
	before, after Values
}

// recordAll is Record for changes that are made as one: all intents come before it, and all outcomes after it, in the opposite order.
func (r *Recorder) recordAll(ctx context.Context, entries []entry, change func() error) (err error) {
	intents := make([]Record, len(entries))
	for i, e := range entries {
		intents[i] = r.line(e.target, e.before, e.after, ResultIntent, "")
	}
	intents, err = r.Log.AppendAll(ctx, intents)
	begun := len(intents) // for these there is a line before the change
	if err != nil && r.BestEffort {
		r.warn(err)
		begun, err = len(entries), nil
	}
	if err == nil {
		err = change()
	}
	outcomes := make([]Record, 0, begun)
	for i, e := range slices.Backward(entries[:begun]) {
		outcome := r.outcome(e.target, e.before, e.after, err)
		if i < len(intents) {
			outcome.ID = intents[i].ID
		}
		outcomes = append(outcomes, outcome)
	}
	// Without intents they may be written by now, and go to syslog. There is one warning already.
	if _, failed := r.Log.AppendAll(context.Background(), outcomes); failed != nil && len(intents) > 0 {
		r.warn(failed)
	}
	return err
}

// outcome returns the line about a change that ended with err.
func (r *Recorder) outcome(target string, before, after Values, err error) Record {
	message := ""
	if err != nil {
		message = err.Error()
	}
	return r.line(target, before, after, resultOf(err), message)
}

// Refused writes that a change was asked for and refused.
func (r *Recorder) Refused(target string, err error) {
	r.finish(r.line(target, nil, nil, ResultRefused, err.Error()))
}

func (r *Recorder) line(target string, before, after Values, result Result, message string) Record {
	_, isUser := r.users.Load(target)
	return r.place().record(Record{Actor: r.Actor, Command: r.Command, Target: target, Self: isUser && r.Actor.Is(target, r.Self),
		Before: before, After: after, Reason: r.Reason, Ticket: r.Ticket, VerifiedBy: r.VerifiedBy, Result: result, Message: message})
}

func (r *Recorder) place() Place {
	if r.Place == nil {
		return Place{}
	}
	return r.Place()
}

// finish writes an outcome, also for a command that was interrupted.
func (r *Recorder) finish(line Record) {
	if _, err := r.Log.Append(context.Background(), line); err != nil {
		r.warn(err)
	}
}

func (r *Recorder) warn(err error) {
	if r.Warn != nil {
		r.Warn(err)
	}
}

func resultOf(err error) Result {
	switch {
	case err == nil:
		return ResultDone
	case errors.Is(err, errs.ErrLostReply):
		return ResultUnknown
	case errs.KindOf(err) == errs.Refused:
		return ResultRefused
	default:
		return ResultFailed
	}
}

// Users wraps uzERP's users.
func (r *Recorder) Users(w mfa.Writer) mfa.Writer { return users{w, r} }

type users struct {
	mfa.Writer
	r *Recorder
}

// FindUsers remembers which user has which uuid, and which factor.
func (w users) FindUsers(ctx context.Context, usernames []string) ([]mfa.User, error) {
	found, err := w.Writer.FindUsers(ctx, usernames)
	for _, u := range found {
		w.r.remember(u.Username, u.Row)
	}
	return found, err
}

// isUser remembers that a user has this name.
func (r *Recorder) isUser(username string) { r.users.LoadOrStore(username, "") }

func (r *Recorder) remember(username string, row mfa.Row) {
	factor := ""
	if row.Whole() {
		factor = *row.SID
	}
	r.users.Store(username, factor)
	if row.UUID != nil {
		r.names.Store(*row.UUID, username)
	}
}

// CompareAndSet is recorded, unless it would change nothing.
func (w users) CompareAndSet(ctx context.Context, username string, was, becomes mfa.Row) error {
	set := func() error { return w.Writer.CompareAndSet(ctx, username, was, becomes) }
	if was.Equal(becomes) {
		return set()
	}
	w.r.remember(username, becomes)
	return w.r.Record(ctx, username, UserValues(was), UserValues(becomes), set)
}

// MayWrite changes nothing. What it refuses is recorded, because the change is not asked for then.
func (w users) MayWrite(ctx context.Context, username string, becomes mfa.Row) error {
	err := w.Writer.MayWrite(ctx, username, becomes)
	if errs.KindOf(err) == errs.Refused {
		w.r.Refused(username, err)
	}
	return err
}

// Factors wraps Twilio.
func (r *Recorder) Factors(f mfa.Factors) mfa.Factors { return factors{f, r} }

type factors struct {
	mfa.Factors
	r *Recorder
}

func (f factors) target(identity string) string {
	if name, ok := f.r.names.Load(identity); ok {
		return name.(string)
	}
	return identity
}

// CreateFactor is recorded, with the factor that the user is enrolled with: the new one is made to replace that one, and no other.
// The TOTP secret never is.
func (f factors) CreateFactor(ctx context.Context, identity, friendlyName string) (made mfa.NewFactor, err error) {
	target, after := f.target(identity), Values{"factor": "unverified"}
	if used, _ := f.r.users.Load(target); used != nil && used != "" {
		after[valueReplaces] = used
	}
	err = f.r.Record(ctx, target, nil, after, func() error {
		made, err = f.Factors.CreateFactor(ctx, identity, friendlyName)
		if err == nil {
			after["factor_sid"] = made.SID
		}
		return err
	})
	return made, err
}

// errNotVerified is recorded for a wrong code. Twilio's answer to it is no error.
var errNotVerified = errs.New(errs.Refused, "the code was not accepted", "")

// VerifyFactor is recorded; the code never is.
func (f factors) VerifyFactor(ctx context.Context, identity, sid, code string) (got mfa.Factor, err error) {
	before, after := Values{"factor_sid": sid, "factor": "unverified"}, Values{"factor_sid": sid, "factor": "verified"}
	recorded := f.r.Record(ctx, f.target(identity), before, after, func() error {
		got, err = f.Factors.VerifyFactor(ctx, identity, sid, code)
		if err == nil && got.Status != mfa.FactorVerified {
			after["factor"] = string(got.Status)
			return errNotVerified
		}
		return err
	})
	if recorded != nil && !errors.Is(recorded, errNotVerified) {
		return got, recorded
	}
	return got, err
}

// DeleteFactor is recorded.
func (f factors) DeleteFactor(ctx context.Context, identity, sid string) error {
	return f.r.Record(ctx, f.target(identity), Values{"factor_sid": sid}, nil, func() error {
		return f.Factors.DeleteFactor(ctx, identity, sid)
	})
}

// Injector wraps uzERP's injector classes.
func (r *Recorder) Injector(w injector.Writer) injector.Writer { return injectorClasses{w, r} }

type injectorClasses struct {
	injector.Writer
	r *Recorder
}

// ApplySwitch records each row and each user who gets a uuid: all intents before the one transaction, all outcomes
// after it.
func (s injectorClasses) ApplySwitch(ctx context.Context, names []string, sw injector.SwitchPlan) error {
	entries := make([]entry, 0, len(sw.Changes)+len(sw.Assignments))
	for _, c := range slices.Backward(sw.Changes) {
		var before Values
		if c.ID != 0 {
			before = ClassValues(c.Before)
		}
		entries = append(entries, entry{c.Name, before, ClassValues(c.After)})
	}
	for _, a := range slices.Backward(sw.Assignments) {
		s.r.isUser(a.Username)
		entries = append(entries, entry{a.Username, UserValues(a.Was), UserValues(a.Becomes)})
	}
	return s.r.recordAll(ctx, entries, func() error { return s.Writer.ApplySwitch(ctx, names, sw) })
}

// ConfirmTrial is recorded: without it the switch would be taken back.
func (s injectorClasses) ConfirmTrial(ctx context.Context, key int64) error {
	until := time.Unix(key, 0).UTC().Format(time.RFC3339)
	return s.r.Record(ctx, injector.LoginHandler, Values{"trial": "until " + until}, Values{"trial": "confirmed"},
		func() error { return s.Writer.ConfirmTrial(ctx, key) })
}

// Copy wraps a database that is to be detached.
func (r *Recorder) Copy(w mfa.CopyWriter) mfa.CopyWriter { return detached{w, r} }

type detached struct {
	mfa.CopyWriter
	r *Recorder
}

// Detach is recorded as one change of the whole database.
func (s detached) Detach(ctx context.Context, users int, newUUID func() string) error {
	target, err := s.TargetDatabase(ctx)
	if err != nil {
		return err
	}
	return s.r.Record(ctx, target.Database, Values{"users": target.Users, "enrolled": target.Enrolled}, Values{"users": target.Users, "enrolled": 0},
		func() error { return s.CopyWriter.Detach(ctx, users, newUUID) })
}

// Sessions wraps the port that ends sessions.
func (r *Recorder) Sessions(w session.Writer) session.Writer { return sessions{w, r} }

type sessions struct {
	session.Writer
	r *Recorder
}

// LoginPages is the target of records about sessions in which nobody has given a password yet.
const LoginPages = "open login pages"

// End is recorded with the number of sessions. Their ids are the keys to them, and are not known here.
func (s sessions) End(ctx context.Context, user string, these []session.Session) (ended int, err error) {
	target := LoginPages
	if user != "" {
		target = user
		s.r.isUser(user)
	}
	after := Values{"sessions": 0}
	err = s.r.Record(ctx, target, Values{"sessions": len(these)}, after, func() error {
		ended, err = s.Writer.End(ctx, user, these)
		after["ended"] = ended
		if err != nil {
			delete(after, "sessions") // some may be left
		}
		return err
	})
	return ended, err
}

// Services wraps the port that makes Verify services.
func (r *Recorder) Services(s verifyservice.Creator) verifyservice.Creator { return services{s, r} }

type services struct {
	verifyservice.Creator
	r *Recorder
}

// CreateService is recorded under the service's name; its SID is in the outcome.
func (s services) CreateService(ctx context.Context, friendlyName, issuer string) (made verifyservice.Service, err error) {
	after := Values{"friendly_name": friendlyName, "totp_issuer": issuer}
	err = s.r.Record(ctx, friendlyName, nil, after, func() error {
		made, err = s.Creator.CreateService(ctx, friendlyName, issuer)
		if err == nil {
			after["service_sid"] = made.SID
		}
		return err
	})
	return made, err
}

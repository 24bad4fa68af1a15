package doctor

import (
	"context"
	"iter"
	"sync"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/finding"
	"uzerp-mfa/internal/injector"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/verifyservice"
)

// Source has the answers that Gather collects.
type Source interface {
	Settings() Settings
	SessionFindings() ([]finding.Finding, error)

	Database(ctx context.Context) (Database, error)

	// Service fetches the Verify service with this program's own settings, and compares the clocks.
	Service(ctx context.Context) (verifyservice.Service, Offset, error)
	// Access asks what the API key of this program's own settings may do, and only reads.
	Access(ctx context.Context) (verifyservice.Access, error)
	// UzerpService fetches it with uzERP's own settings.
	UzerpService(ctx context.Context) (verifyservice.Service, error)

	AuditLog() (LogFile, error)
	AuditChain(ctx context.Context) (Chain, error)
	// Skips returns what the audit log says about users who skip the next code. It is asked only if there are any.
	Skips(ctx context.Context) Skips
}

// Skips says when it was allowed that a user skips the next code. known is false if nothing says that.
type Skips interface {
	Since(u mfa.User) (at time.Time, known bool)
}

// Database has the answers of uzERP's database.
type Database interface {
	Schema(ctx context.Context) (Schema, error)
	MissingRights(ctx context.Context) ([]string, error)
	InjectorClasses(ctx context.Context, names []string) ([]injector.Class, error)
	// OnTrial returns the mark of a switch on trial, or nil.
	OnTrial(ctx context.Context) (*injector.Mark, error)
	// AllUsers returns every user, in any order.
	AllUsers(ctx context.Context) iter.Seq2[mfa.User, error]
	// SharedUUIDs looks for uuids that several of so many users have.
	SharedUUIDs(ctx context.Context, users int) (mfa.Shared, error)
	// PersonsInQuestion calls each for every user, of so many, who is enrolled and has a last day, and for everybody with access who
	// has no company, or whose company is closed, or perhaps closed.
	PersonsInQuestion(ctx context.Context, users int, each func(mfa.Person)) error
}

// Options are what the operator chooses.
type Options struct {
	Now     time.Time
	Gateway string // a class that the operator vouches for
	EnvFile bool   // the session settings are read from a file that the operator names, and not from uzERP's
}

// Gather asks for everything that Examine judges. It reads uzERP's files first, and then asks the database and Twilio
// at the same time, so that each of them takes one time limit at most. It reads the audit log at the same time too: a
// long log must not use up the time of the others.
func Gather(ctx context.Context, source Source, o Options) Input {
	in := Input{Now: o.Now, Gateway: o.Gateway, Settings: source.Settings()}
	if o.EnvFile || in.Env.Path != "" && in.Env.Problem == "" { // otherwise another check says why
		in.Session = Got(source.SessionFindings())
	}
	uzerpToo := envComplete(in)
	var all sync.WaitGroup
	all.Go(func() {
		in.AuditLog = Got(source.AuditLog())
		in.AuditChain = Got(source.AuditChain(ctx))
	})
	if in.Database.OK() {
		all.Go(func() { gatherDatabase(ctx, source, &in) })
	}
	all.Go(func() { gatherTwilio(ctx, source, uzerpToo, &in) })
	all.Wait()
	if in.Users.value != nil && len(in.Users.value.skip) > 0 {
		in.Skips = source.Skips(ctx)
	}
	return in
}

// gatherTwilio fetches the service with this program's settings, and then asks what its API key may do. If uzerpToo is set, it also
// fetches it with uzERP's settings if they are different.
func gatherTwilio(ctx context.Context, source Source, uzerpToo bool, in *Input) {
	var silent bool
	if in.Twilio.OK() {
		service, offset, err := source.Service(ctx)
		in.Service = Got(service, err)
		if err == nil {
			in.Clock = Got(offset, nil)
		}
		silent = isSilent(ctx, err)
		if err == nil && !in.Twilio.value.Token {
			var key sync.WaitGroup
			defer key.Wait()
			key.Go(func() { in.Access = Got(source.Access(ctx)) })
		}
	}
	switch {
	case silent, !uzerpToo, !in.UzerpTwilio.OK():
	case in.UzerpTwilio.value:
		in.UzerpService = in.Service
	default:
		in.UzerpService = Got(source.UzerpService(ctx))
	}
}

// isSilent reports whether err means that the side doesn't answer, so that it makes no sense to ask again.
func isSilent(ctx context.Context, err error) bool {
	return err != nil && (errs.KindOf(err) == errs.Unavailable || ctx.Err() != nil)
}

func gatherDatabase(ctx context.Context, source Source, in *Input) {
	d, err := source.Database(ctx)
	in.Reached = Got(struct{}{}, err)
	if err != nil {
		return
	}
	schema, err := d.Schema(ctx)
	in.Schema = Got(schema, err)
	if err != nil || errs.KindOf(schema.Problem) == errs.Config && schema.Problem != nil {
		return
	}
	missing, err := d.MissingRights(ctx)
	in.Rights = Got(missing, err)
	if isSilent(ctx, err) {
		return
	}
	classes, err := d.InjectorClasses(ctx, injector.Names())
	in.Classes = Got(classes, err)
	if isSilent(ctx, err) {
		return
	}
	mark, err := d.OnTrial(ctx)
	in.Trial = Got(mark, err)
	if isSilent(ctx, err) || schema.Problem != nil {
		return
	}
	gatherUsers(ctx, d, in)
}

func gatherUsers(ctx context.Context, d Database, in *Input) {
	tally, n := &Tally{}, 0
	var err error
	for u, broken := range d.AllUsers(ctx) {
		if err = broken; err != nil {
			break
		}
		tally.Add(u)
		n++
	}
	if err == nil {
		tally.Shared, err = d.SharedUUIDs(ctx, n)
	}
	in.Users = Got(tally, err)
	if err != nil {
		return
	}
	in.Persons = Got(struct{}{}, d.PersonsInQuestion(ctx, n, func(p mfa.Person) { tally.AddPerson(p, in.Now) }))
}

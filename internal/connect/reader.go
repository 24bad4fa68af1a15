package connect

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"log/slog"
	"sync"
	"time"

	"uzerp-mfa/internal/audit"
	"uzerp-mfa/internal/caller"
	"uzerp-mfa/internal/config"
	"uzerp-mfa/internal/db"
	"uzerp-mfa/internal/doctor"
	"uzerp-mfa/internal/injector"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/session"
	"uzerp-mfa/internal/sessionfile"
	"uzerp-mfa/internal/twilio"
	"uzerp-mfa/internal/verifyservice"
)

// Options are what a Reader is made with.
type Options struct {
	Loader    *config.Loader
	Logger    func() *slog.Logger // called on first use; a nil logger is silent
	Now       func() time.Time
	UserAgent string        // what this program calls itself at Twilio
	Limit     time.Duration // how long the database and Twilio may take for one answer; 0: as db.Config and twilio.Config have it
	Warn      func(format string, args ...any)
}

// Reader has the reading ports. It opens the database and Twilio's clients once, each on first use.
type Reader struct {
	options Options

	db      *db.DB
	verify  *twilio.Client
	account *twilio.Account

	agreement *Agreement
	warnings  sync.Map // the texts of those that were given
}

// New returns a Reader that has opened nothing yet.
func New(o Options) *Reader { return &Reader{options: o} }

// closeTimeout is how long Close waits for a server to close the connection.
const closeTimeout = 500 * time.Millisecond

// Close closes what was opened.
func (r *Reader) Close() {
	if r.db != nil {
		closed := make(chan struct{})
		go func() {
			defer close(closed)
			r.db.Close()
		}()
		select {
		case <-closed:
		case <-time.After(closeTimeout): // a server that doesn't answer will notice by itself that this process has ended
		}
	}
	if r.verify != nil {
		r.verify.CloseIdle()
	}
	if r.account != nil {
		r.account.CloseIdle()
	}
}

// The reading ports are wrapped, so that not even a type assertion finds a method that writes.
type (
	usersReader    struct{ mfa.Reader }
	factorReader   struct{ mfa.FactorReader }
	challenger     struct{ mfa.FactorChallenger }
	injectorReader struct{ injector.Reader }
	copyReader     struct{ mfa.CopyReader }
	directory      struct{ caller.Directory }
	sessionReader  struct{ session.Reader }
)

// reading returns an opened adapter as a reading port.
func reading[T, P any](opened T, err error, as func(T) P) (P, error) {
	if err != nil {
		var none P // a nil *T in an interface would not be nil
		return none, err
	}
	return as(opened), nil
}

// Users returns the port that reads uzERP's users.
func (r *Reader) Users(ctx context.Context) (mfa.Reader, error) {
	d, err := r.database(ctx)
	return reading(d, err, func(d *db.DB) mfa.Reader { return usersReader{d} })
}

// Expect says for which users, and perhaps injector classes, a command asks next, once the database is open: all is asked in one round
// trip then. It changes no answer (db.DB.Expect).
func (r *Reader) Expect(usernames, classes []string) {
	if r.db != nil {
		r.db.Expect(usernames, classes)
	}
}

// AllUsers returns every user, in the order of the names.
func (r *Reader) AllUsers(ctx context.Context) (iter.Seq2[mfa.User, error], error) {
	return r.FirstUsers(ctx, false, 0)
}

// FirstUsers returns at most so many users, or all for 0, in the order of the names or, with byLastLogin, of the last logins.
func (r *Reader) FirstUsers(ctx context.Context, byLastLogin bool, limit int) (iter.Seq2[mfa.User, error], error) {
	d, err := r.database(ctx)
	if err != nil {
		return nil, err
	}
	order := db.ByUsername
	if byLastLogin {
		order = db.ByLastLogin
	}
	return d.FirstUsers(ctx, order, limit), nil
}

// Usernames returns the names that begin with prefix, at most limit of them, and with bare only those that no shell would
// have to quote.
func (r *Reader) Usernames(ctx context.Context, prefix string, bare bool, limit int) ([]mfa.Proposal, error) {
	d, err := r.database(ctx)
	if err != nil {
		return nil, err
	}
	return d.Usernames(ctx, prefix, bare, limit)
}

// Directory returns the port that reads what uzERP knows about the persons behind the users.
func (r *Reader) Directory(ctx context.Context) (caller.Directory, error) {
	d, err := r.database(ctx)
	return reading(d, err, func(d *db.DB) caller.Directory { return directory{d} })
}

// Injector returns the port that reads uzERP's injector classes.
func (r *Reader) Injector(ctx context.Context) (injector.Reader, error) {
	d, err := r.database(ctx)
	return reading(d, err, func(d *db.DB) injector.Reader { return injectorReader{d} })
}

// SessionSettings say where PHP's settings are looked for, which say where sessions are.
type SessionSettings = sessionfile.Settings

// Sessions returns the port that lists sessions. It fails as sessionfile.Open does.
func (r *Reader) Sessions(s SessionSettings) (session.Reader, error) {
	files, err := sessionfile.Open(s)
	return reading(files, err, func(f *sessionfile.Files) session.Reader { return sessionReader{f} })
}

// Copy returns the port that says which database this is and what detaching it would change.
func (r *Reader) Copy(ctx context.Context) (mfa.CopyReader, error) {
	d, err := r.database(ctx)
	return reading(d, err, func(d *db.DB) mfa.CopyReader { return copyReader{d} })
}

// Doctor returns the port through which doctor looks at the database.
func (r *Reader) Doctor(ctx context.Context) (doctor.Database, error) {
	d, err := r.database(ctx)
	return reading(d, err, func(d *db.DB) doctor.Database { return doctorReader{d, d} })
}

type doctorReader struct {
	injector.Reader
	db *db.DB
}

// Schema returns what doctor needs to know about the server and the tables.
func (d doctorReader) Schema(ctx context.Context) (doctor.Schema, error) {
	s, err := d.db.CheckSchema(ctx)
	return doctor.Schema{Version: s.ServerVersion, ReadOnly: s.ReadOnly || s.Standby, Standby: s.Standby, Pooler: s.Pooler, Name: s.Name, Others: s.Elsewhere,
		Problem: s.Problem()}, err
}

// MissingRights returns the rights that the database's role lacks.
func (d doctorReader) MissingRights(ctx context.Context) ([]string, error) {
	return d.db.MissingRights(ctx)
}

// AllUsers returns every user.
func (d doctorReader) AllUsers(ctx context.Context) iter.Seq2[mfa.User, error] {
	return d.db.Users(ctx, db.Unordered)
}

// SharedUUIDs looks for uuids that several users have.
func (d doctorReader) SharedUUIDs(ctx context.Context, users int) (mfa.Shared, error) {
	return d.db.SharedUUIDs(ctx, users)
}

// PersonsInQuestion calls each for every user of whom doctor may have to say something.
func (d doctorReader) PersonsInQuestion(ctx context.Context, users int, each func(mfa.Person)) error {
	return d.db.PersonsInQuestion(ctx, users, each)
}

// GrantsSQL returns the statements that give a role the rights this program needs, and with history those for
// user history too.
func GrantsSQL(role string, history bool) string {
	if history {
		return db.Grants(role) + db.GrantsHistory(role)
	}
	return db.Grants(role)
}

// Factors returns the port that reads the factors of uzERP's users at Twilio. It fails with errs.Config if the settings
// name another database or service than uzERP uses.
func (r *Reader) Factors() (mfa.FactorReader, error) { return r.FactorsAtOnce(0) }

// FactorsAtOnce is Factors with at most n calls to Twilio at a time in the whole command; 0 means the default. Only the
// n of the first call counts.
func (r *Reader) FactorsAtOnce(n int) (mfa.FactorReader, error) {
	client, err := r.ownClient(n)
	return reading(client, err, func(c *twilio.Client) mfa.FactorReader { return factorReader{c} })
}

// Challenger returns the port that tries codes of uzERP's users.
func (r *Reader) Challenger() (mfa.FactorChallenger, error) {
	client, err := r.ownClient(0)
	return reading(client, err, func(c *twilio.Client) mfa.FactorChallenger { return challenger{c} })
}

// Service fetches the Verify service that this program's settings name.
func (r *Reader) Service(ctx context.Context) (verifyservice.Service, error) {
	client, err := r.client(0)
	if err != nil {
		return verifyservice.Service{}, err
	}
	return client.FetchService(ctx)
}

// ServiceOf fetches the Verify service with the given settings, and compares this machine's clock with Twilio's.
func (r *Reader) ServiceOf(ctx context.Context, settings config.Twilio) (verifyservice.Service, doctor.Offset, error) {
	client, err := twilio.New(r.config(settings, 0))
	if err != nil {
		return verifyservice.Service{}, doctor.Offset{}, err
	}
	defer client.CloseIdle()
	r.atAddress(settings)
	service, err := client.FetchService(ctx)
	ahead, known := client.ClockOffset()
	return service, doctor.Offset{Ahead: ahead, Known: known}, err
}

// AccessOf asks what the API key of the given settings may do, and only reads.
func (r *Reader) AccessOf(ctx context.Context, settings config.Twilio) (verifyservice.Access, error) {
	client, err := twilio.New(r.config(settings, 0))
	if err != nil {
		return verifyservice.Access{}, err
	}
	defer client.CloseIdle()
	return client.Access(ctx)
}

// Way returns how calls go to Verify with the given settings, and opens nothing.
func (r *Reader) Way(settings config.Twilio) (doctor.Way, error) {
	client, err := twilio.New(r.config(settings, 0))
	if err != nil {
		return doctor.Way{}, err
	}
	defer client.CloseIdle()
	w := client.Way()
	return doctor.Way{Address: w.Address(), Proxy: w.Proxy, Setting: cmp.Or(w.PassedBy, w.ProxyFrom), Ignored: w.Ignored, Unusable: w.Unusable()}, nil
}

// MissingRoots returns which of the certificates that Twilio will use this machine does not trust.
func (r *Reader) MissingRoots() ([]string, error) { return twilio.MissingRoots() }

// MissingRootsIn returns which of them a file with this content lacks.
func (r *Reader) MissingRootsIn(file []byte) ([]string, error) { return twilio.MissingRootsIn(file) }

// CheckSettings returns an error for settings that Twilio can't accept. It calls nothing.
func (r *Reader) CheckSettings(settings config.Twilio) error {
	client, err := twilio.New(r.config(settings, 0))
	if err == nil {
		client.CloseIdle()
	}
	return err
}

// warnOnce is Options.Warn, but it says nothing twice.
func (r *Reader) warnOnce(format string, args ...any) {
	if _, given := r.warnings.LoadOrStore(fmt.Sprintf(format, args...), true); !given && r.options.Warn != nil {
		r.options.Warn(format, args...)
	}
}

// database opens the database on the first call.
func (r *Reader) database(ctx context.Context) (*db.DB, error) {
	if r.db != nil {
		return r.db, nil
	}
	settings, err := r.options.Loader.Database()
	if err != nil {
		return nil, err
	}
	r.db, err = db.Open(ctx, db.Config{ConnString: settings.ConnString.Reveal(), Source: settings.Source, Sources: settings.Sources, Logger: r.options.Logger(),
		QueryTimeout: r.options.Limit})
	return r.db, err
}

// DatabaseSettings returns where the database is, part by part, each with the setting that it came from. It asks no
// server, and returns nothing if the settings name no database.
func (r *Reader) DatabaseSettings() []config.Setting {
	d, err := r.options.Loader.Database()
	if err != nil {
		return nil
	}
	at, err := db.Config{ConnString: d.ConnString.Reveal(), Source: d.Source, Sources: d.Sources}.Where()
	if err != nil {
		return nil
	}
	root, _ := r.options.Loader.Root()
	var all []config.Setting
	for _, part := range []struct {
		name string
		db.Setting
	}{{"database host", at.Host}, {"database port", at.Port}, {"database name", at.Database}, {"database role", at.Role}} {
		all = append(all, config.Setting{Name: part.name, Value: part.Value, Source: config.Short(part.Source, root)})
	}
	return all
}

// place returns what is open now, for a record: where the connection to the database leads to, and which service is used.
func (r *Reader) place() audit.Place {
	var p audit.Place
	if r.db != nil {
		at := r.db.Address()
		p.Database = &audit.Database{Host: at.Host, Port: at.Port, Name: at.Database}
	}
	switch {
	case r.verify != nil:
		p.Service = &audit.Service{SID: r.verify.ServiceSID(), Address: r.verify.Address()}
	case r.account != nil:
		p.Service = &audit.Service{Address: r.account.Address()}
	}
	return p
}

// Here returns what the settings in force name, and connects to nothing. What is not set, or can't be found out, is nil.
func (r *Reader) Here(ctx context.Context) audit.Here {
	ctx, cancel := context.WithTimeout(ctx, lookupLimit)
	defer cancel()
	var here audit.Here
	if settings, err := r.options.Loader.Database(); err == nil {
		addresses, _ := db.Config{ConnString: settings.ConnString.Reveal(), Source: settings.Source}.Addresses(ctx)
		for _, at := range addresses {
			here.Databases = append(here.Databases, audit.Database{Host: at.Host, Port: at.Port, Name: at.Database})
		}
	}
	here.Service = r.service()
	return here
}

// service returns the Verify service that the settings name, or nil. It connects to nothing.
func (r *Reader) service() *audit.Service {
	settings, err := r.options.Loader.Twilio()
	if err != nil {
		return nil
	}
	client, err := twilio.New(r.config(settings, 0))
	if err != nil {
		return nil
	}
	defer client.CloseIdle()
	return &audit.Service{SID: client.ServiceSID(), Address: client.Address()}
}

// ownClient is client, but it fails if the database or the service is not uzERP's own.
func (r *Reader) ownClient(atOnce int) (*twilio.Client, error) {
	if err := r.ownService(); err != nil {
		return nil, err
	}
	return r.client(atOnce)
}

// client makes the Verify client on the first call. It opens no connection yet.
func (r *Reader) client(atOnce int) (*twilio.Client, error) {
	if r.verify != nil {
		return r.verify, nil
	}
	settings, err := r.options.Loader.Twilio()
	if err != nil {
		return nil, err
	}
	if r.verify, err = twilio.New(r.config(settings, atOnce)); err == nil {
		r.atAddress(settings)
	}
	return r.verify, err
}

// twilioAccount makes the client that needs no service, on the first call.
func (r *Reader) twilioAccount() (*twilio.Account, error) {
	if r.account != nil {
		return r.account, nil
	}
	settings, err := r.options.Loader.TwilioAccount()
	if err != nil {
		return nil, err
	}
	if r.account, err = twilio.NewAccount(r.config(settings, 0)); err == nil {
		r.atAddress(settings)
	}
	return r.account, err
}

// atAddress warns if Twilio is asked at another address than its own. Only in a sandbox, whose uzERP directory names the
// address of its emulator, that is as it should be.
func (r *Reader) atAddress(t config.Twilio) {
	if t.OwnAddress() {
		return
	}
	if inst, err := r.options.Loader.Installation(); err == nil && inst != nil && inst.Emulator == t.VerifyURL {
		return
	}
	r.warnOnce("UZERP_MFA_VERIFY_URL is set: Twilio's answers come from %s, and not from Twilio", t.ShownAddress())
}

func (r *Reader) config(t config.Twilio, atOnce int) twilio.Config {
	return twilio.Config{
		AccountSID: t.AccountSID, ServiceSID: t.ServiceSID, Username: t.Username, Password: t.Password, BaseURL: t.VerifyURL,
		Sources: t.Sources,
		Logger:  r.options.Logger(), Now: r.options.Now, UserAgent: r.options.UserAgent, Concurrency: atOnce,
		CallTimeout: r.options.Limit,
	}
}

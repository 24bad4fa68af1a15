// Package config finds the settings: in flags, then in the environment, then in files. The first place that has
// a setting wins (docs/contract.md §2).
//
// Its laws: a file is opened only when a setting is asked for; each setting knows where it came from; and a file's text
// is never part of an error, because it can hold a secret.
package config

import (
	"net/url"
	"path/filepath"
	"strings"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/installation"
	"uzerp-mfa/internal/pattern"
	"uzerp-mfa/internal/secret"
)

// Loader finds the settings. If one of its first three fields is empty, the flag was not given.
type Loader struct {
	DatabaseURL string // FlagDatabaseURL
	UzerpRoot   string // FlagUzerpRoot
	EnvFile     string // FlagEnvFile
	NotUzerps   bool   // FlagNotUzerps
	Getenv      func(string) (string, bool)
	Dir         string   // the working directory
	WebUsers    []string // users as whom a web server runs here, beside the usual ones

	FixedRoot string // uzERP's directory, if the administrator's policy says it: then nothing else does
	FixedBy   string // the path of the policy

	opened *installation.Installation // read once, so that all settings of a command are from the same moment
}

// Database says how to reach uzERP's database.
type Database struct {
	ConnString secret.Secret // a URL or keyword/value string; if it is unset, libpq's environment variables count
	Source     string
	Sources    map[string]string // where each of libpq's parameters in ConnString stands, if it is from several places
	OfUzerp    bool              // it is from uzERP's own files
}

// Twilio says how to reach the Verify service.
type Twilio struct {
	AccountSID string
	ServiceSID string
	Username   string // the SID of an API key, or of the account
	Password   secret.Secret
	VerifyURL  string
	Sources    map[string]string // the name of a setting -> where it came from
}

// From returns where the account SID came from.
func (t Twilio) From() string { return t.Sources[accountSID] }

// ServiceFrom returns where the service SID came from, or "" if none is set.
func (t Twilio) ServiceFrom() string { return t.Sources[serviceSID] }

// The names of the settings, as in the environment and in files.
const (
	accountSID = installation.AccountSID
	serviceSID = installation.ServiceSID
	apiKey     = "TWILIO_API_KEY"
	apiSecret  = "TWILIO_API_SECRET"
	authToken  = installation.AuthToken
	verifyURL  = VariableVerifyURL
	uzerpRoot  = VariableUzerpRoot

	theEnvironment = "the environment"

	// DefaultVerifyURL is the address of Twilio Verify.
	DefaultVerifyURL = "https://verify.twilio.com"
)

// libpqVariables are libpq's variables that say which database is meant. PGPASSWORD and the like don't say that.
var libpqVariables = []string{"PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER", "PGSERVICE"}

// CheckFlags refuses a password in --database-url, before anything is opened. It fails with errs.Usage.
func (l *Loader) CheckFlags() error {
	if hasPassword(l.DatabaseURL) {
		return errs.New(errs.Usage, "--"+FlagDatabaseURL+" must not hold a password: every user of this machine can read it in the process list",
			"put the whole URL into DATABASE_URL, or the password into PGPASSWORD or ~/.pgpass")
	}
	return nil
}

var passwordKeyword = pattern.Lazy(`(?i)(^|[\s?&])(ssl)?password\s*=`)

func hasPassword(conn string) bool {
	u, err := url.Parse(conn)
	if err == nil {
		for key := range u.Query() { // keys may be escaped, so they are compared decoded
			if strings.Contains(strings.ToLower(key), "password") {
				return true
			}
		}
	}
	if err == nil && u.User != nil {
		_, ok := u.User.Password()
		return ok || passwordKeyword().MatchString(conn)
	}
	// This also finds a password in a URL that can't be parsed, and one that a slash in it hides from the parser.
	if _, rest, ok := strings.Cut(conn, "://"); ok {
		if userinfo, _, found := strings.Cut(rest, "@"); found {
			user, _, hasColon := strings.Cut(userinfo, ":")
			if hasColon && !strings.ContainsAny(user, "/?") {
				return true
			}
		}
	}
	return passwordKeyword().MatchString(conn)
}

// Database finds the database setting. It fails with errs.Config if there is none.
func (l *Loader) Database() (Database, error) {
	if l.DatabaseURL != "" {
		return Database{ConnString: secret.New(l.DatabaseURL), Source: "--" + FlagDatabaseURL}, nil
	}
	if v := l.env("DATABASE_URL"); v != "" {
		return Database{ConnString: secret.New(v), Source: "DATABASE_URL"}, nil
	}
	for _, name := range libpqVariables {
		if l.env(name) != "" {
			return Database{Source: name}, nil
		}
	}
	inst, err := l.Installation()
	if err != nil {
		return Database{}, err
	}
	if inst == nil {
		return Database{}, errs.NewWith(errs.Config, "no database is set", ReasonNoDatabase.With())
	}
	return uzerpDatabase(inst)
}

// Installation returns the settings in uzERP's directory: the one that is named, or else the working directory. It
// returns nil if none is named and the working directory is not uzERP's. It fails with errs.Config if the named
// directory is not uzERP's, or if it is not trusted.
func (l *Loader) Installation() (*installation.Installation, error) {
	root, source := l.Root()
	if root == "" {
		return nil, nil
	}
	if l.opened != nil && l.opened.Root == root {
		return l.opened, nil
	}
	inst, err := l.open(root, source)
	if err != nil {
		return nil, err
	}
	l.opened = inst
	return inst, nil
}

// Root returns uzERP's directory as it is set, and where that setting came from. It doesn't check that a named
// directory is uzERP's. Both are empty if none is set and the working directory is not uzERP's.
func (l *Loader) Root() (path, source string) {
	if l.FixedRoot != "" {
		return l.FixedRoot, l.FixedBy
	}
	path, source = l.UzerpRoot, "--"+FlagUzerpRoot
	if path == "" {
		path, source = l.env(uzerpRoot), uzerpRoot
	}
	switch {
	case path == "" && !installation.IsRoot(l.Dir):
		return "", ""
	case path == "":
		return l.Dir, "the working directory"
	case !filepath.IsAbs(path):
		path = filepath.Join(l.Dir, path)
	}
	return path, source
}

// source is one place where Twilio settings can come from.
type source struct {
	from func(name string) string // where that setting stands: "the environment", "/var/www/uzerp/conf/.env line 5"
	get  func(name string) string
}

// at is a source that can't say more than its name.
func at(name string) func(string) string { return func(string) string { return name } }

// Twilio finds the Verify settings. It fails with errs.Config, and names the settings that are missing.
func (l *Loader) Twilio() (Twilio, error) { return l.twilio(true) }

// TwilioAccount is Twilio for an account that may have no Verify service yet: ServiceSID may be empty.
func (l *Loader) TwilioAccount() (Twilio, error) { return l.twilio(false) }

func (l *Loader) twilio(needService bool) (Twilio, error) {
	sources := []source{{at(theEnvironment), l.env}}
	if l.EnvFile != "" {
		values, err := l.readEnvFile(l.EnvFile)
		if err != nil {
			return Twilio{}, err
		}
		sources = append(sources, source{at("--" + FlagEnvFile + " " + l.EnvFile), func(name string) string { return values[name] }})
	}
	inst, err := l.Installation()
	if err != nil {
		return Twilio{}, err
	}
	if inst != nil {
		theirs, err := uzerpTwilio(inst)
		switch {
		case err == nil:
			sources = append(sources, theirs)
		case !complete(sources, needService): // complete settings don't need uzERP's file
			return Twilio{}, err
		}
	}
	return resolveTwilio(sources, l.env(verifyURL), needService)
}

func complete(sources []source, needService bool) bool {
	_, err := resolveTwilio(sources, "", needService)
	return err == nil
}

// resolveTwilio takes each of the two SIDs from the first source that has it. It takes the credentials from the first
// source that has a complete set: a set put together from two sources would be one that nobody wrote.
func resolveTwilio(sources []source, address string, needService bool) (Twilio, error) {
	t := Twilio{VerifyURL: address, Sources: map[string]string{}}
	if address == "" {
		t.VerifyURL = DefaultVerifyURL
	}
	first := func(name string) string {
		for _, s := range sources {
			if v := s.get(name); v != "" {
				t.Sources[name] = s.from(name)
				return v
			}
		}
		return ""
	}
	t.AccountSID, t.ServiceSID = first(accountSID), first(serviceSID)
	for _, s := range sources {
		if key, keySecret := s.get(apiKey), s.get(apiSecret); key != "" && keySecret != "" {
			t.Username, t.Password = key, secret.New(keySecret)
			t.Sources[apiKey], t.Sources[apiSecret] = s.from(apiKey), s.from(apiSecret)
			break
		}
		if token := s.get(authToken); token != "" {
			t.Username, t.Password = t.AccountSID, secret.New(token)
			t.Sources[authToken] = s.from(authToken)
			break
		}
	}
	var missing []string
	if t.AccountSID == "" {
		missing = append(missing, accountSID)
	}
	if t.ServiceSID == "" && needService {
		missing = append(missing, serviceSID)
	}
	if !t.Password.IsSet() {
		missing = append(missing, authToken+" (or "+apiKey+" and "+apiSecret+")")
	}
	if len(missing) > 0 {
		return t, errs.NewWith(errs.Config, "Twilio settings are missing: "+strings.Join(missing, ", "), ReasonNoTwilio.With())
	}
	return t, nil
}

func (l *Loader) env(name string) string {
	v, _ := l.Getenv(name)
	return v
}

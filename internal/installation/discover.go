package installation

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"uzerp-mfa/internal/installation/dotenv"
	"uzerp-mfa/internal/installation/file"
	"uzerp-mfa/internal/installation/php"
	"uzerp-mfa/internal/safepath"
	"uzerp-mfa/internal/secret"
)

// The files of an installation, below its root. uzERP's documentation calls conf/.env "config/.env", but nothing reads
// that (docs/facts/uzerp.md §4).
const (
	DotenvFile    = "conf/.env"
	ConfigFile    = "conf/config.php"
	MisplacedFile = "config/.env"
	// EmulatorFile is in no installation of uzERP's: a sandbox writes the address of its emulator of Twilio there.
	EmulatorFile = "twilio-emulator"
	// SandboxPrefix is what the name of a sandbox's uzERP directory begins with.
	SandboxPrefix = "uzerp-mfa-root-"
)

// ErrNotInstallation means that a directory has no system.php or no conf/.
var ErrNotInstallation = errors.New("this is not an uzERP directory: it has no system.php or no conf/")

// Installation is what an uzERP directory says about its settings.
type Installation struct {
	Root      string
	Dotenv    *dotenv.File // empty if there is no conf/.env; nil with DotenvErr
	DotenvErr error        // why conf/.env can't be read; after a *dotenv.SyntaxError uzERP itself stops at every page
	Config    *php.Config  // empty if there is no conf/config.php; nil with ConfigErr
	ConfigErr error
	Misplaced bool   // there is no conf/.env, but a config/.env that nothing reads
	Emulator  string // the address in EmulatorFile; "" outside of a sandbox

	values map[string]string // of Dotenv
}

// IsRoot reports whether dir looks like the root of an installation.
func IsRoot(dir string) bool {
	system, err := os.Stat(filepath.Join(dir, "system.php"))
	if err != nil || system.IsDir() {
		return false
	}
	conf, err := os.Stat(filepath.Join(dir, "conf"))
	return err == nil && conf.IsDir()
}

// Open reads the settings files below root. It fails with ErrNotInstallation, or with a *safepath.UntrustedError if root,
// system.php, conf/ or a directory on the way could have been put there by somebody who is not trusted. If one of the
// files can't be read or is not trusted, Open keeps that error in DotenvErr or ConfigErr, and the methods that need the
// file return it.
func Open(root string, trust safepath.Trust) (*Installation, error) {
	if !IsRoot(root) {
		return nil, ErrNotInstallation
	}
	for _, path := range []string{filepath.Join(root, "system.php"), filepath.Join(root, "conf")} {
		if err := safepath.JudgePath(path, trust); err != nil {
			return nil, err
		}
	}
	i := &Installation{Root: root}
	if i.Dotenv, i.DotenvErr = dotenv.ReadFile(i.DotenvPath(), DotenvFile, trust); i.DotenvErr == nil {
		i.values, i.DotenvErr = i.Dotenv.Values(nil)
	}
	i.Config, i.ConfigErr = readConfigPHP(i.ConfigPath(), trust)
	if i.DotenvErr == nil && !file.Exists(i.DotenvPath()) && file.Exists(filepath.Join(root, MisplacedFile)) {
		i.Misplaced = true
	}
	if address, err := file.ReadIfThere(filepath.Join(root, EmulatorFile), trust); err == nil {
		i.Emulator = strings.TrimSpace(string(address))
	}
	return i, nil
}

// DotenvPath returns the path of conf/.env.
func (i *Installation) DotenvPath() string { return filepath.Join(i.Root, DotenvFile) }

// ConfigPath returns the path of conf/config.php.
func (i *Installation) ConfigPath() string { return filepath.Join(i.Root, ConfigFile) }

// HasDotenv reports whether there is a conf/.env.
func (i *Installation) HasDotenv() bool { return file.Exists(i.DotenvPath()) }

func readConfigPHP(path string, trust safepath.Trust) (*php.Config, error) {
	src, err := file.ReadIfThere(path, trust)
	if err != nil {
		return nil, err
	}
	c, err := php.ParseConfig(src)
	if syntax, ok := errors.AsType[*php.SyntaxError](err); ok {
		syntax.File = ConfigFile
	}
	return c, err
}

// Source says where a value stands.
type Source struct {
	File string // DotenvFile or ConfigFile; "" if the setting is nowhere
	Line int
}

// String returns "conf/.env line 3".
func (s Source) String() string { return fmt.Sprintf("%s line %d", s.File, s.Line) }

// Setting returns the value that uzERP uses for name, and where it stands; ok is false if it is nowhere. The value is
// that of $conf in conf/config.php, or else that in conf/.env. For the TWILIO_ settings only conf/.env counts
// (docs/facts/uzerp.md §4).
//
// It fails with a *php.UnreadableError if only PHP could read the value in config.php. It doesn't take the one in
// conf/.env then. Otherwise it fails only if a file that it needs can't be read: if config.php sets the name, a bad
// line in conf/.env doesn't matter.
func (i *Installation) Setting(name string) (value string, source Source, ok bool, err error) {
	if !strings.HasPrefix(name, "TWILIO_") {
		literal, ok, err := i.configured(name)
		if ok || err != nil {
			return literal.Value.Reveal(), Source{File: ConfigFile, Line: literal.Pos.Line}, ok, err
		}
	}
	if i.DotenvErr != nil {
		return "", Source{}, false, i.DotenvErr
	}
	if value, ok = i.values[name]; !ok {
		return "", Source{}, false, nil
	}
	return value, Source{File: DotenvFile, Line: i.Dotenv.Last(name).Pos.Line}, true, nil
}

func (i *Installation) configured(name string) (php.Literal, bool, error) {
	if i.ConfigErr != nil {
		return php.Literal{}, false, i.ConfigErr
	}
	literal, ok, err := i.Config.Get(name)
	if unreadable, is := errors.AsType[*php.UnreadableError](err); is {
		unreadable.File = ConfigFile
	}
	return literal, ok, err
}

// SettingError says what is wrong with one setting; it never holds the value.
type SettingError struct {
	Name   string
	Source Source // empty if the setting is nowhere
	Reason string
}

// Error names the place, the setting and the reason.
func (e *SettingError) Error() string {
	if e.Source.File == "" {
		return e.Name + " " + e.Reason
	}
	return fmt.Sprintf("%v: %s %s", e.Source, e.Name, e.Reason)
}

// DBSettings are uzERP's own settings for its database.
type DBSettings struct {
	Name, User string
	Host       string // "" for the local socket, a path for the directory of a socket
	Port       int    // 0 for the default
	Password   secret.Secret
	Sources    map[string]Source // where each setting stands, by its name; only of those that are set
}

// Database returns DB_NAME, DB_USER, DB_HOST and DB_PASSWORD. Only DB_NAME must be set. It fails with a *SettingError,
// a *php.UnreadableError, a *dotenv.SyntaxError, a *php.SyntaxError, or the error of reading a file.
func (i *Installation) Database() (DBSettings, error) {
	s := i.collect()
	db := DBSettings{
		Name: s.text("DB_NAME"), User: s.text("DB_USER"), Password: secret.New(s.text("DB_PASSWORD")), Sources: s.sources,
	}
	host := s.text("DB_HOST")
	if s.err != nil {
		return DBSettings{}, s.err
	}
	if err := i.included(s.sources); err != nil {
		return DBSettings{}, err
	}
	if db.Name == "" {
		reason := "is set neither in " + ConfigFile + " nor in " + DotenvFile
		if i.Misplaced {
			reason += "; " + MisplacedFile + " exists, but uzERP reads " + DotenvFile + " only"
		}
		return DBSettings{}, &SettingError{Name: "DB_NAME", Source: s.sources["DB_NAME"], Reason: reason}
	}
	var reason string
	if db.Host, db.Port, reason = splitHost(host); reason != "" {
		return DBSettings{}, &SettingError{Name: "DB_HOST", Source: s.sources["DB_HOST"], Reason: reason}
	}
	return db, nil
}

// included returns an error if config.php includes a file that may set a database setting, and config.php doesn't set
// it itself. The value in conf/.env may be the wrong one then, and a wrong database is worse than none.
func (i *Installation) included(sources map[string]Source) error {
	if i.Config == nil || len(i.Config.Includes) == 0 {
		return nil
	}
	for _, name := range []string{"DB_NAME", "DB_USER", "DB_HOST", "DB_PASSWORD"} {
		if sources[name].File != ConfigFile {
			return &php.UnreadableError{File: ConfigFile, Unreadable: php.Unreadable{
				Name: name, Pos: i.Config.Includes[0], Reason: "the file included here may set " + name,
			}}
		}
	}
	return nil
}

// TwilioSettings are the Twilio settings in conf/.env. Only this program uses the API key; uzERP uses the token.
type TwilioSettings struct {
	AccountSID, ServiceSID string
	AuthToken              secret.Secret
	APIKey                 string
	APISecret              secret.Secret
	Sources                map[string]Source // where each setting stands, by its name; only of those that are set
}

// The settings in conf/.env without which uzERP can't use a Verify service (docs/facts/uzerp.md §4).
const (
	AccountSID = "TWILIO_ACCOUNT_SID"
	AuthToken  = "TWILIO_AUTH_TOKEN"
	ServiceSID = "TWILIO_SERVICE_SID"
)

// Twilio returns the TWILIO_ settings. A setting that isn't set is empty. It fails if conf/.env can't be read.
func (i *Installation) Twilio() (TwilioSettings, error) {
	s := i.collect()
	settings := TwilioSettings{
		AccountSID: s.text(AccountSID), ServiceSID: s.text(ServiceSID),
		AuthToken: secret.New(s.text(AuthToken)),
		APIKey:    s.text("TWILIO_API_KEY"), APISecret: secret.New(s.text("TWILIO_API_SECRET")),
		Sources: s.sources,
	}
	if s.err != nil {
		return TwilioSettings{}, s.err
	}
	return settings, nil
}

// collector gathers several settings and keeps the first error.
type collector struct {
	from    *Installation
	sources map[string]Source
	err     error
}

func (i *Installation) collect() *collector {
	return &collector{from: i, sources: map[string]Source{}}
}

func (c *collector) text(name string) string {
	value, source, ok, err := c.from.Setting(name)
	if err != nil && c.err == nil {
		c.err = err
	}
	if ok {
		c.sources[name] = source
	}
	return value
}

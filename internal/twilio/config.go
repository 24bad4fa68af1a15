package twilio

import (
	"net/netip"
	"net/url"
	"strings"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/pattern"
	"uzerp-mfa/internal/sidform"
)

var (
	// twilio-go accepts nothing else (§3.2, credentials). A token pasted with a line break fails here.
	alphanumeric = pattern.Lazy(`^[0-9A-Za-z]+$`)
	printable    = pattern.Lazy(`^[ -~]*$`)
)

func checkService(cfg *Config) error {
	switch id := cfg.ServiceSID; {
	case id == "":
		return cfg.badSetting("TWILIO_SERVICE_SID", "is not set")
	case !sidform.Service.Valid(id):
		return cfg.badSetting("TWILIO_SERVICE_SID", "must be VA and 32 hexadecimal digits, without spaces or line breaks")
	}
	return nil
}

// checkConfig sets the defaults, checks everything but the service, and returns the parsed base URL.
func checkConfig(cfg *Config) (*url.URL, error) {
	cfg.defaults()
	switch {
	case cfg.AccountSID == "":
		return nil, cfg.badSetting("TWILIO_ACCOUNT_SID", "is not set")
	case !sidform.Account.Valid(cfg.AccountSID):
		return nil, cfg.badSetting("TWILIO_ACCOUNT_SID", "must be AC and 32 hexadecimal digits, without spaces or line breaks")
	}
	if err := checkCredentials(cfg); err != nil {
		return nil, err
	}
	if !printable().MatchString(cfg.UserAgent) {
		return nil, cfg.badSetting("the user agent", "must be printable ASCII")
	}
	return parseBaseURL(cfg)
}

func checkCredentials(cfg *Config) error {
	names := credentialSettings(cfg.Username)
	secret := names[len(names)-1]
	switch {
	case !strings.HasPrefix(cfg.Username, "AC") && !sidform.Key.Valid(cfg.Username):
		return cfg.badSetting("TWILIO_API_KEY", "must be SK and 32 hexadecimal digits, without spaces or line breaks")
	case strings.HasPrefix(cfg.Username, "AC") && cfg.Username != cfg.AccountSID:
		return cfg.badSetting("TWILIO_ACCOUNT_SID", "is not the account that TWILIO_AUTH_TOKEN would be used for")
	case !cfg.Password.IsSet():
		return cfg.badSetting(secret, "is not set")
	case !alphanumeric().MatchString(cfg.Password.Reveal()):
		return cfg.badSetting(secret, "must be letters and digits only, without spaces or line breaks")
	}
	return nil
}

// credentialSettings names the settings that username and password came from.
func credentialSettings(username string) []string {
	if strings.HasPrefix(username, "AC") {
		return []string{"TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN"}
	}
	return []string{"TWILIO_API_KEY", "TWILIO_API_SECRET"}
}

// parseBaseURL accepts scheme, host and port only, and returns them as they are compared: in lower case, without the usual port.
// Its errors never show the address: it may hold a password.
func parseBaseURL(cfg *Config) (*url.URL, error) {
	const name = verifyURLSetting
	u, err := url.Parse(cfg.BaseURL)
	switch {
	case err != nil || u.Hostname() == "" || u.Opaque != "" || !usablePort(u):
		return nil, cfg.badSetting(name, "must be an address like https://verify.twilio.com")
	case u.User != nil:
		return nil, cfg.badSetting(name, "must not hold a user name or password")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Trim(u.Path, "/") != "":
		return nil, cfg.badSetting(name, "must be scheme, host and port only, without path, query or fragment")
	case u.Scheme == "http" && !loopback(u):
		return nil, cfg.badSetting(name, "must begin with https:// (plain http is for a loopback address only)")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, cfg.badSetting(name, "must begin with https://")
	}
	host := strings.ToLower(u.Host)
	if u.Scheme == "https" {
		host = strings.TrimSuffix(host, ":443")
	}
	return &url.URL{Scheme: u.Scheme, Host: host}, nil
}

// loopback reports whether u's host is this machine: localhost, 127.0.0.0/8 or ::1.
func loopback(u *url.URL) bool {
	if strings.EqualFold(u.Hostname(), "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return err == nil && ip.IsLoopback()
}

// named returns the names of settings, each with where it came from, if that is known.
func (cfg *Config) named(settings ...string) string {
	var all []string
	for _, name := range settings {
		if from := cfg.Sources[name]; from != "" {
			name += " (from " + from + ")"
		}
		all = append(all, name)
	}
	return strings.Join(all, " and ")
}

func (cfg *Config) badSetting(name, problem string) error {
	hint := "correct it there"
	switch {
	case name == verifyURLSetting:
		hint = "correct it in the environment; without it Twilio's own address is used"
	case cfg.Sources[name] == "":
		hint = "check " + name + " in the environment, your file of settings or conf/.env"
	}
	return errs.New(errs.Config, cfg.named(name)+" "+problem, hint)
}

package twilio

import (
	"net/netip"
	"net/url"
	"regexp"
	"strings"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/sidform"
)

var (
	// twilio-go accepts nothing else (§3.2, credentials). A token pasted with a line break fails here.
	alphanumeric = regexp.MustCompile(`^[0-9A-Za-z]+$`)
	printable    = regexp.MustCompile(`^[ -~]*$`)
)

func checkService(id string) error {
	switch {
	case id == "":
		return badSetting("TWILIO_SERVICE_SID", "is not set")
	case !sidform.Service.Valid(id):
		return badSetting("TWILIO_SERVICE_SID", "must be VA and 32 hexadecimal digits, without spaces or line breaks")
	}
	return nil
}

// checkConfig sets the defaults, checks everything but the service, and returns the parsed base URL.
func checkConfig(cfg *Config) (*url.URL, error) {
	cfg.defaults()
	switch {
	case cfg.AccountSID == "":
		return nil, badSetting("TWILIO_ACCOUNT_SID", "is not set")
	case !sidform.Account.Valid(cfg.AccountSID):
		return nil, badSetting("TWILIO_ACCOUNT_SID", "must be AC and 32 hexadecimal digits, without spaces or line breaks")
	}
	if err := checkCredentials(cfg); err != nil {
		return nil, err
	}
	if !printable.MatchString(cfg.UserAgent) {
		return nil, badSetting("the user agent", "must be printable ASCII")
	}
	return parseBaseURL(cfg.BaseURL)
}

func checkCredentials(cfg *Config) error {
	names := credentialSettings(cfg.Username)
	secret := names[len(names)-1]
	switch {
	case !strings.HasPrefix(cfg.Username, "AC") && !sidform.Key.Valid(cfg.Username):
		return badSetting("TWILIO_API_KEY", "must be SK and 32 hexadecimal digits, without spaces or line breaks")
	case strings.HasPrefix(cfg.Username, "AC") && cfg.Username != cfg.AccountSID:
		return badSetting("TWILIO_ACCOUNT_SID", "is not the account that TWILIO_AUTH_TOKEN would be used for")
	case !cfg.Password.IsSet():
		return badSetting(secret, "is not set")
	case !alphanumeric.MatchString(cfg.Password.Reveal()):
		return badSetting(secret, "must be letters and digits only, without spaces or line breaks")
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
func parseBaseURL(raw string) (*url.URL, error) {
	const name = "UZERP_MFA_VERIFY_URL"
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Hostname() == "" || u.Opaque != "" || !usablePort(u):
		return nil, badSetting(name, "must be an address like https://verify.twilio.com")
	case u.User != nil:
		return nil, badSetting(name, "must not hold a user name or password")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Trim(u.Path, "/") != "":
		return nil, badSetting(name, "must be scheme, host and port only, without path, query or fragment")
	case u.Scheme == "http" && !loopback(u):
		return nil, badSetting(name, "must begin with https:// (plain http is for a loopback address only)")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, badSetting(name, "must begin with https://")
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

func badSetting(name, problem string) error {
	if name == "UZERP_MFA_VERIFY_URL" {
		return errs.New(errs.Config, name+" "+problem, "check "+name+" in the environment; without it Twilio's own address is used")
	}
	return errs.New(errs.Config, name+" "+problem, "check "+name+" in the environment, your file of settings or conf/.env")
}

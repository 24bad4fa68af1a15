package config

import (
	"net/url"
	"path/filepath"
	"strings"

	"uzerp-mfa/internal/sidform"
)

// Setting is a setting as it may be shown. Value is "set" for a secret, and empty if the setting is not set.
type Setting struct {
	Name, Value, Source string
}

const isSet = "set"

// Settings returns the settings of this package as they may be shown. A setting that can't be found is shown as not
// set: Database and Twilio say why.
func (l *Loader) Settings() []Setting {
	all := []Setting{{Name: "database"}, {Name: "uzERP directory"}}
	if d, err := l.Database(); err == nil { // a URL can hold a password in many places, so no part of it is shown
		all[0].Value, all[0].Source = isSet, d.Source
	}
	all[1].Value, all[1].Source = l.Root()

	t, _ := l.Twilio() // even if settings are missing, the others are shown
	from := func(name string) string {
		return Short(t.Sources[name], all[1].Value)
	}
	all = append(all, Setting{accountSID, shownSID(t.AccountSID), from(accountSID)}, Setting{serviceSID, shownSID(t.ServiceSID), from(serviceSID)})
	switch {
	case t.Sources[apiKey] != "":
		all = append(all, Setting{apiKey, isSet, from(apiKey)}, Setting{apiSecret, isSet, from(apiSecret)})
	case t.UsesToken():
		all = append(all, Setting{authToken, isSet, from(authToken)})
	default:
		all = append(all, Setting{Name: authToken})
	}
	address := l.Variable(verifyURL)
	if address.Value == "" {
		return append(all, Setting{verifyURL, DefaultVerifyURL, "default"})
	}
	address.Value = shownAddress(address.Value)
	return append(all, address)
}

// Short leaves uzERP's directory out of where a setting stands in its files: the directory is a setting of its own.
func Short(source, root string) string {
	if rest, ok := strings.CutPrefix(source, root+string(filepath.Separator)); ok && root != "" {
		return rest
	}
	return source
}

// Variable returns a setting that is only an environment variable, with its value as it is.
func (l *Loader) Variable(name string) Setting {
	s := Setting{Name: name, Value: l.env(name)}
	if s.Value != "" {
		s.Source = theEnvironment
	}
	return s
}

// shownSID hides a value that is no SID: it may be a token that was pasted into the wrong line.
func shownSID(value string) string {
	if value == "" || sidform.Account.Valid(value) || sidform.Service.Valid(value) {
		return value
	}
	return isSet + ", but no SID"
}

// shownAddress hides an address that has more than scheme, host and port: it may hold a password.
func shownAddress(value string) string {
	u, err := url.Parse(value)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return isSet + ", but no plain address"
	}
	return u.Scheme + "://" + u.Host
}

// OwnAddress reports whether the Verify address is Twilio's own, however it is written.
func (t Twilio) OwnAddress() bool {
	return strings.TrimSuffix(strings.TrimRight(strings.ToLower(t.VerifyURL), "/"), ":443") == DefaultVerifyURL
}

// ShownAddress returns the Verify address as it may be shown.
func (t Twilio) ShownAddress() string { return shownAddress(t.VerifyURL) }

// UsesToken reports whether the credentials are the account's auth token, and not an API key.
func (t Twilio) UsesToken() bool { return t.Sources[authToken] != "" }

// Same reports whether two sets of settings reach the same service in the same way.
func (t Twilio) Same(o Twilio) bool {
	return t.AccountSID == o.AccountSID && t.ServiceSID == o.ServiceSID && t.VerifyURL == o.VerifyURL &&
		t.Username == o.Username && t.Password.Reveal() == o.Password.Reveal()
}

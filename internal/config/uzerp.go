package config

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/injector"
	"uzerp-mfa/internal/installation"
	"uzerp-mfa/internal/installation/dotenv"
	"uzerp-mfa/internal/safepath"
	"uzerp-mfa/internal/secret"
	"uzerp-mfa/internal/sidform"
)

// uzerpDatabase returns the database that uzERP itself uses.
func uzerpDatabase(inst *installation.Installation) (Database, error) {
	s, err := inst.Database()
	if err != nil {
		return Database{}, fileError(inst, err)
	}
	var conn strings.Builder
	add := func(keyword, value string) {
		if value != "" {
			fmt.Fprintf(&conn, "%s='%s' ", keyword, strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value))
		}
	}
	add("dbname", s.Name)
	add("user", s.User)
	add("host", s.Host)
	add("password", s.Password.Reveal())
	if s.Port != 0 {
		add("port", fmt.Sprint(s.Port))
	}
	sources := make(map[string]string)
	for keyword, name := range map[string]string{"dbname": "DB_NAME", "user": "DB_USER", "host": "DB_HOST", "port": "DB_HOST", "password": "DB_PASSWORD"} {
		if at, ok := s.Sources[name]; ok {
			sources[keyword] = fmt.Sprintf("%s line %d", filepath.Join(inst.Root, at.File), at.Line)
		}
	}
	return Database{ConnString: secret.New(conn.String()), Source: s.Sources["DB_NAME"].File, Sources: sources, OfUzerp: true}, nil
}

// fileError returns the error for a file of uzERP's: its place and the reason, never its text.
func fileError(inst *installation.Installation, err error) error {
	hint := errs.Plain("correct the file, or give the settings in the environment")
	switch {
	case safepath.IsUntrusted(err):
		hint = ReasonStrangers.With()
	case errors.Is(err, fs.ErrPermission):
		hint = errs.Plain(asOther + ", or give the settings in the environment")
	}
	return &errs.Error{Kind: errs.Config, Op: "uzERP's settings in " + inst.Root, Err: err, Hint: hint}
}

// asOther is the hint for a user who may not read uzERP's files.
const asOther = "run it as root or as the web server's user"

// uzerpTwilio returns the Twilio settings of uzERP's conf/.env as a source.
func uzerpTwilio(inst *installation.Installation) (source, error) {
	s, err := inst.Twilio()
	if err != nil {
		return source{}, fileError(inst, err)
	}
	values := map[string]string{
		accountSID: s.AccountSID, serviceSID: s.ServiceSID, authToken: s.AuthToken.Reveal(), apiKey: s.APIKey, apiSecret: s.APISecret.Reveal(),
	}
	from := func(name string) string { return fmt.Sprintf("%s line %d", inst.DotenvPath(), s.Sources[name].Line) }
	return source{from, func(name string) string { return values[name] }}, nil
}

// uzerpNeeds are the settings that uzERP reads from its conf/.env, and from no other place (docs/facts/uzerp.md §4).
var uzerpNeeds = []string{accountSID, authToken, serviceSID}

// UzerpSettings returns the Twilio settings that uzERP will read, for the checks before a switch.
func (l *Loader) UzerpSettings() injector.Settings {
	inst, err := l.Installation()
	if err != nil {
		return injector.Settings{Problem: err.Error(), Hint: errs.HintOf(err)}
	}
	if inst == nil {
		return injector.Settings{Problem: "uzERP's conf/.env was not looked at: no uzERP directory is known",
			Hint: injector.ReasonNoDirectory.With()}
	}
	s := injector.Settings{Path: inst.DotenvPath()}
	if safepath.IsUntrusted(inst.DotenvErr) {
		s.Problem, s.Hint = inst.DotenvErr.Error(), ReasonStrangers.With()
		return s
	}
	if unread, ok := errors.AsType[*fs.PathError](inst.DotenvErr); ok { // then it is unknown what uzERP reads
		s.Problem = fmt.Sprintf("%s can't be read: %s", s.Path, unread.Err)
		if errors.Is(unread, fs.ErrPermission) {
			s.Hint = errs.Plain(asOther)
		}
		return s
	}
	if inst.Misplaced {
		s.Problem = fmt.Sprintf("uzERP reads %s, but only %s exists in %s", installation.DotenvFile, installation.MisplacedFile, inst.Root)
		s.Hint = errs.Plain("move the file to " + s.Path)
		return s
	}
	if !inst.HasDotenv() {
		s.Problem = s.Path + " does not exist: uzERP would show an error page to everybody"
		s.Hint = errs.Plain("make it, with " + strings.Join(uzerpNeeds, ", ") + "; uzERP reads them from no other place")
		return s
	}
	theirs, err := uzerpTwilio(inst)
	if err != nil {
		s.Problem, s.Hint = inst.DotenvErr.Error()+": uzERP would answer every page with an error", errs.Plain("correct that line of "+s.Path)
		return s
	}
	for _, name := range uzerpNeeds {
		if !dotenv.NotEmpty(theirs.get(name)) {
			s.Missing = append(s.Missing, name)
		}
	}
	ours, err := l.Twilio()
	if err == nil {
		for _, own := range []struct{ name, sid string }{{accountSID, ours.AccountSID}, {serviceSID, ours.ServiceSID}} {
			// With a placeholder or an empty value nobody can log in, so a difference does not matter.
			if value := theirs.get(own.name); value != own.sid && (sidform.Account.Valid(value) || sidform.Service.Valid(value)) {
				s.Foreign = append(s.Foreign, own.name+" (from "+ours.Sources[own.name]+")")
			}
		}
	}
	return s
}

// UzerpTwilio returns the settings with which uzERP will call Twilio. If those can't be known, it returns this tool's
// own.
func (l *Loader) UzerpTwilio() (Twilio, error) {
	inst, err := l.Installation()
	if err != nil || inst == nil {
		return l.Twilio()
	}
	theirs, err := uzerpTwilio(inst)
	if err != nil {
		return l.Twilio()
	}
	token := source{theirs.from, func(name string) string {
		if name == apiKey || name == apiSecret { // uzERP knows no API keys
			return ""
		}
		return theirs.get(name)
	}}
	if t, err := resolveTwilio([]source{token}, l.env(verifyURL), true); err == nil {
		return t, nil
	}
	return l.Twilio()
}

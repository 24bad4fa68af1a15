package dotenv_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"uzerp-mfa/internal/installation"
	"uzerp-mfa/internal/installation/dotenv"
	"uzerp-mfa/internal/safepath"
	"uzerp-mfa/internal/secret"
	"uzerp-mfa/internal/sessionconfig"
)

// safeloadCase is one line of safeload.jsonl; the beginning of docs/facts/phpdotenv.md explains it.
type safeloadCase struct {
	ID        string
	Group     string
	Input     string
	InputB64  []byte `json:"input_b64"`
	Preset    map[string]string
	Special   string
	Order     string `json:"variables_order"`
	Error     string
	Message   string
	Env       map[string]string
	Checks    map[string]map[string]*string
	Page      string
	PageText  string `json:"page_message"`
	Sessions  string
	MaxAge    *string `json:"USER_SESSION_MAX_AGE_SECS"`
	Activity  *string `json:"USER_ACTIVITY_TIMEOUT_SECS"`
	Twilio    string
	TwilioMsg string  `json:"twilio_message"`
	Account   *string `json:"TWILIO_ACCOUNT_SID"`
	Token     *string `json:"TWILIO_AUTH_TOKEN"`
	Service   *string `json:"TWILIO_SERVICE_SID"`
}

// write writes the case's file.
func (c *safeloadCase) write(t *testing.T) string {
	path := filepath.Join(t.TempDir(), ".env")
	content := c.InputB64
	if content == nil {
		content = []byte(c.Input)
	}
	var err error
	switch c.Special {
	case "missing":
	case "directory":
		err = os.Mkdir(path, 0o755)
	case "symlink":
		if err = os.WriteFile(path+".real", content, 0o600); err == nil {
			err = os.Symlink(path+".real", path)
		}
	case "unreadable":
		err = os.WriteFile(path, content, 0)
	default:
		err = os.WriteFile(path, content, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// process is the PHP process of a case after the load: $_ENV, and the variables that required() sees, which include
// $_SERVER.
type process struct{ env, server map[string]string }

func (c *safeloadCase) load(path string) (process, error) {
	d, err := dotenv.ReadFile(path, path, safepath.Ourselves())
	p := process{env: map[string]string{}, server: maps.Clone(c.Preset)}
	if p.server == nil {
		p.server = map[string]string{}
	}
	maps.DeleteFunc(p.server, func(name, _ string) bool {
		_, ok := dotenv.Visible(c.lookup, name)
		return !ok
	})
	if c.Order == "EGPCS" {
		p.env = maps.Clone(p.server)
	}
	if err != nil {
		return p, err
	}
	values, err := d.Values(c.lookup)
	maps.Copy(p.env, values)
	maps.Copy(p.server, values)
	return p, err
}

func (c *safeloadCase) lookup(name string) (string, bool) {
	value, ok := c.Preset[name]
	return value, ok
}

// failed returns phpdotenv's message about the names for which check fails. check returns what is wrong with a value,
// or "".
func (p process) failed(check func(value string, set bool) string, names ...string) string {
	var failures []string
	for _, name := range names {
		value, set := p.server[name]
		if is := check(value, set); is != "" {
			failures = append(failures, name+" is "+is)
		}
	}
	if failures == nil {
		return ""
	}
	return "One or more environment variables failed assertions: " + strings.Join(failures, ", ") + "."
}

func checkRequired(_ string, set bool) string {
	if !set {
		return "missing"
	}
	return ""
}

func checkNotEmpty(value string, set bool) string {
	if set && !dotenv.NotEmpty(value) {
		return "empty"
	}
	return checkRequired(value, set)
}

// checkLimit returns what session-config check says about a session limit with this value.
func checkLimit(value string, set bool) string {
	settings := map[string]dotenv.Setting{sessionconfig.Manage: {Value: secret.New("on")}}
	if set {
		settings[sessionconfig.MaxAge] = dotenv.Setting{Value: secret.New(value)}
	}
	env := installation.EnvFile{Found: true, Settings: settings}
	for _, f := range sessionconfig.Check(sessionconfig.Input{Env: env}) {
		if f.Setting != sessionconfig.MaxAge {
			continue
		}
		switch f.ID {
		case "limit-missing":
			return "missing"
		case "limit-empty":
			return "empty"
		case "limit-not-integer":
			return "not an integer"
		}
	}
	return ""
}

func (c *safeloadCase) verify(p process, err error) error {
	if c.Error != "" || strings.HasPrefix(c.Page, "uncaught") {
		message := c.Message
		if c.Error == "" {
			message = c.PageText
		}
		return dotenv.CheckMessage(message, err)
	}
	if err != nil {
		return err
	}
	if c.Page != "" {
		return c.verifyPage(p)
	}
	if !maps.Equal(p.env, c.Env) {
		return fmt.Errorf("$_ENV is %q, want %q", p.env, c.Env)
	}
	checks := map[string]func(string, bool) string{
		"required": checkRequired, "notEmpty": checkNotEmpty, "isInteger": checkLimit,
	}
	for name, results := range c.Checks {
		for kind, want := range results {
			got := p.failed(checks[kind], name)
			if want == nil && got != "" || want != nil && *want != got {
				return fmt.Errorf("%s of %s: %q", kind, name, got)
			}
		}
	}
	return nil
}

// verifyPage compares the case with uzERP's own sequence of checks.
func (c *safeloadCase) verifyPage(p process) error {
	on := sessionconfig.IsOn(p.env["UZERP_MANAGE_USER_SESSIONS"])
	if on {
		for _, name := range []string{"USER_SESSION_MAX_AGE_SECS", "USER_ACTIVITY_TIMEOUT_SECS"} {
			if message := p.failed(checkLimit, name); message != "" {
				if c.Page != "exit" || c.PageText != message {
					return fmt.Errorf("the page ends with %q, want %s %q", message, c.Page, c.PageText)
				}
				return nil
			}
		}
	}
	if c.Page != "ok" || on != (c.Sessions == "on") {
		return fmt.Errorf("page ok, sessions %v; want %s, %s", on, c.Page, c.Sessions)
	}
	message := p.failed(checkNotEmpty, "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_SERVICE_SID")
	if (message != "") != (c.Twilio == "refused") || message != c.TwilioMsg {
		return fmt.Errorf("twilio: %q, want %s %q", message, c.Twilio, c.TwilioMsg)
	}
	used := map[string]*string{}
	if on {
		used["USER_SESSION_MAX_AGE_SECS"], used["USER_ACTIVITY_TIMEOUT_SECS"] = c.MaxAge, c.Activity
	}
	if message == "" {
		used["TWILIO_ACCOUNT_SID"], used["TWILIO_AUTH_TOKEN"], used["TWILIO_SERVICE_SID"] = c.Account, c.Token, c.Service
	}
	for name, want := range used {
		if got, ok := p.env[name]; ok != (want != nil) || ok && got != *want {
			return fmt.Errorf("%s is %q (%v)", name, got, ok)
		}
	}
	return nil
}

func TestSafeLoadAgreesWithPHP(t *testing.T) {
	agree, cases := map[string]int{}, map[string]int{}
	for _, c := range dotenv.MeasuredCases[safeloadCase](t, "safeload.jsonl") {
		path := c.write(t)
		cases[c.Group]++
		p, err := c.load(path)
		if c.Special == "unreadable" {
			// safeLoad reads such a file as empty. ReadFile fails; but root can read it.
			if os.Geteuid() != 0 && !os.IsPermission(err) {
				t.Errorf("%s: %v", c.ID, err)
			}
			agree[c.Group]++
			continue
		}
		if err := c.verify(p, err); err != nil {
			t.Errorf("%s: %v", c.ID, err)
		} else {
			agree[c.Group]++
		}
	}
	for _, group := range slices.Sorted(maps.Keys(cases)) {
		t.Logf("%-18s %3d of %3d", group, agree[group], cases[group])
	}
}

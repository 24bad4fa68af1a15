package twilio

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/secret"
)

func TestNew(t *testing.T) {
	good := Config{AccountSID: account, ServiceSID: service, Username: key, Password: secret.New(password)}
	token := func(c *Config) { c.Username = account }
	for _, tc := range []struct {
		name   string
		change func(*Config)
		names  string // the setting that the error must name; empty means no error
	}{
		{"key", func(*Config) {}, ""},
		{"token", token, ""},
		{"https", func(c *Config) { c.BaseURL = "https://gateway.example.com:8443/" }, ""},
		{"loopback", func(c *Config) { c.BaseURL = "http://127.3.2.1:4010" }, ""},
		{"loopback 6", func(c *Config) { c.BaseURL = "http://[::1]:4010" }, ""},
		{"localhost", func(c *Config) { c.BaseURL = "http://LocalHost" }, ""},

		{"no account", func(c *Config) { c.AccountSID = "" }, "TWILIO_ACCOUNT_SID"},
		{"bad account", func(c *Config) { c.AccountSID = account + "\n" }, "TWILIO_ACCOUNT_SID"},
		{"no service", func(c *Config) { c.ServiceSID = "" }, "TWILIO_SERVICE_SID"},
		{"bad service", func(c *Config) { c.ServiceSID = account }, "TWILIO_SERVICE_SID"},
		{"service with path", func(c *Config) { c.ServiceSID = service + "/.." }, "TWILIO_SERVICE_SID"},
		{"no key", func(c *Config) { c.Username = "" }, "TWILIO_API_KEY"},
		{"bad key", func(c *Config) { c.Username = key[:20] }, "TWILIO_API_KEY"},
		{"other account", func(c *Config) { c.Username = "AC" + strings.Repeat("0", 32) }, "TWILIO_ACCOUNT_SID"},
		{"no secret", func(c *Config) { c.Password = secret.Secret{} }, "TWILIO_API_SECRET"},
		{"secret with line break", func(c *Config) { c.Password = secret.New(password + "\n") }, "TWILIO_API_SECRET"},
		{"no token", func(c *Config) { token(c); c.Password = secret.Secret{} }, "TWILIO_AUTH_TOKEN"},
		{"token with space", func(c *Config) { token(c); c.Password = secret.New(" " + password) }, "TWILIO_AUTH_TOKEN"},
		{"user agent", func(c *Config) { c.UserAgent = "x\r\ny" }, "user agent"},

		{"plain http", func(c *Config) { c.BaseURL = "http://verify.twilio.com" }, "UZERP_MFA_VERIFY_URL"},
		{"nearly loopback", func(c *Config) { c.BaseURL = "http://127.0.0.1.example.com" }, "UZERP_MFA_VERIFY_URL"},
		{"nearly localhost", func(c *Config) { c.BaseURL = "http://localhost.example.com" }, "UZERP_MFA_VERIFY_URL"},
		{"any address", func(c *Config) { c.BaseURL = "http://0.0.0.0:1" }, "UZERP_MFA_VERIFY_URL"},
		{"userinfo", func(c *Config) { c.BaseURL = "https://me:" + password + "@verify.twilio.com" }, "UZERP_MFA_VERIFY_URL"},
		{"userinfo unparsable", func(c *Config) { c.BaseURL = "https://me:" + password + "@[x" }, "UZERP_MFA_VERIFY_URL"},
		{"query", func(c *Config) { c.BaseURL = "https://verify.twilio.com?x=" + password }, "UZERP_MFA_VERIFY_URL"},
		{"bare query", func(c *Config) { c.BaseURL = "https://verify.twilio.com?" }, "UZERP_MFA_VERIFY_URL"},
		{"fragment", func(c *Config) { c.BaseURL = "https://verify.twilio.com#x" }, "UZERP_MFA_VERIFY_URL"},
		{"path", func(c *Config) { c.BaseURL = "https://verify.twilio.com/v2" }, "UZERP_MFA_VERIFY_URL"},
		{"scheme", func(c *Config) { c.BaseURL = "ftp://127.0.0.1" }, "UZERP_MFA_VERIFY_URL"},
		{"no scheme", func(c *Config) { c.BaseURL = "verify.twilio.com" }, "UZERP_MFA_VERIFY_URL"},
		{"port only", func(c *Config) { c.BaseURL = "https://:443" }, "UZERP_MFA_VERIFY_URL"},
		{"no port", func(c *Config) { c.BaseURL = "https://verify.twilio.com:99999" }, "UZERP_MFA_VERIFY_URL"},
		{"port 0", func(c *Config) { c.BaseURL = "https://127.0.0.1:0" }, "UZERP_MFA_VERIFY_URL"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := good
			tc.change(&cfg)
			c, err := New(cfg)
			if tc.names == "" {
				if err != nil {
					t.Fatal(err)
				}
				for _, verb := range []string{"%v", "%+v", "%#v"} {
					noSecret(t, "the client", fmt.Sprintf(verb, c))
					noSecret(t, "the configuration", fmt.Sprintf(verb, cfg)+fmt.Sprintf(verb, &cfg))
				}
				return
			}
			wantError(t, err, errs.Config, false)
			if !strings.Contains(err.Error(), tc.names) {
				t.Errorf("%v does not name %s", err, tc.names)
			}
			// Where it came from is in the error, too.
			cfg.Sources = map[string]string{tc.names: "conf/.env line 5"}
			if _, err = New(cfg); !strings.Contains(err.Error(), tc.names+" (from conf/.env line 5) ") && tc.names != "user agent" {
				t.Errorf("%v does not say where %s came from", err, tc.names)
			}
		})
	}
}

// Twilio's own address is known as such, however it is written.
func TestOwnAddress(t *testing.T) {
	cfg := Config{AccountSID: account, ServiceSID: service, Username: key, Password: secret.New(password)}
	for base, want := range map[string]string{
		"": "", "https://verify.twilio.com/": "", "HTTPS://VERIFY.twilio.com:443": "", "https://gw.example.com:443/": "https://gw.example.com",
		"https://verify.twilio.com:444": "https://verify.twilio.com:444", "http://[::1]:443": "http://[::1]:443",
	} {
		cfg.BaseURL = base
		c, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if from := c.Way().HostFrom; c.Address() != want || (from == "default") != (want == "") {
			t.Errorf("%q: %q, from %s", base, c.Address(), from)
		}
	}
}

// Loopback is never reached through a proxy; Twilio may be.
func TestProxy(t *testing.T) {
	there := &url.URL{Scheme: "http", Host: "proxy.example.com:3128"}
	cfg := Config{AccountSID: account, ServiceSID: service, Username: key, Password: secret.New(password),
		Proxy: func(*http.Request) (*url.URL, error) { return there, nil }}
	for base, proxied := range map[string]bool{"": true, "https://gw.example.com": true, "http://127.0.0.1:1": false, "https://localhost": false} {
		cfg.BaseURL = base
		c, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if used, err := c.transport.Proxy(nil); err != nil || (used != nil) != proxied || (c.Way().Proxy != "") != proxied {
			t.Errorf("%q: wrong proxy", base)
		}
	}
}

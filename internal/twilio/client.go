package twilio

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	twclient "github.com/twilio/twilio-go/client"
	verify "github.com/twilio/twilio-go/rest/verify/v2"

	"uzerp-mfa/internal/caller"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/secret"
	"uzerp-mfa/internal/sidform"
	"uzerp-mfa/internal/verifyservice"
)

// CallsAtOnce is how many exchanges a client makes at the same time, if nothing else is asked for. A batch has more users than that in
// work (mfa.BatchWorkers).
const CallsAtOnce = 8

// Config is what New needs. Only AccountSID, ServiceSID, Username and Password must be given.
type Config struct {
	AccountSID string // TWILIO_ACCOUNT_SID
	ServiceSID string // TWILIO_SERVICE_SID
	Username   string // an API key (SK…), or the account SID
	Password   secret.Secret
	BaseURL    string // default https://verify.twilio.com; plain http only to a loopback host

	Sources map[string]string // where each setting came from, by its name; for errors

	CallTimeout time.Duration // the limit for one HTTP exchange; default 10 s
	Concurrency int           // how many exchanges at the same time; default CallsAtOnce
	Logger      *slog.Logger  // gets method, path, status, duration of each exchange at Debug; nil: nothing is logged
	UserAgent   string        // appended to twilio-go's own, for example "uzerp-mfa/1.2.0"

	Now   func() time.Time                                 // the local clock; default time.Now
	Sleep func(ctx context.Context, d time.Duration) error // waits between tries; must return when ctx is done
	Rand  func() float64                                   // in [0, 1), for the jitter

	Environ func() []string                         // where the variables of proxies are; default os.Environ
	Proxy   func(r *http.Request) (*url.URL, error) // the proxy that they name; default http.ProxyFromEnvironment
	Roots   *x509.CertPool                          // default: the system's
}

const (
	apiHost        = "verify.twilio.com" // the only host that twilio-go's code calls
	defaultBaseURL = "https://" + apiHost
	defaultTimeout = 10 * time.Second
)

// Client is one Verify service, reached with one set of credentials. It is safe for concurrent use.
type Client struct {
	account, service string
	base             *url.URL
	way              Way
	defaultHost      bool   // base is Twilio's own host
	isKey            bool   // the credentials are an API key, which may be a restricted one
	credentials      string // the settings that hold the credentials, and where they came from, for hints
	named            func(settings ...string) string
	userAgent        string

	// The password is in these two closures only. fmt doesn't call the methods of unexported fields, so %+v would
	// show even a secret.Secret in here.
	authorize func(*http.Request)
	leaks     func(text string) bool

	transport *http.Transport
	timeout   time.Duration
	room      *room // that all exchanges share
	pace      *pace // and their rate
	log       *slog.Logger
	now       func() time.Time
	sleep     func(context.Context, time.Duration) error
	rand      func() float64

	measured atomic.Pointer[measurement] // of Twilio's clock; nil before the first answer
	allowed  sync.Map                    // the permissions that the key has, as far as Allowed found out
	proven   atomic.Bool                 // the service was fetched once with these credentials
	proving  chan struct{}               // a lock that a waiter can leave when its context ends: one fetch is for all
}

var (
	_ mfa.Factors           = (*Client)(nil)
	_ caller.Verifications  = (*Client)(nil)
	_ verifyservice.Creator = (*Client)(nil)
	_ verifyservice.Creator = (*Account)(nil)
)

// New checks the configuration and does not use the network. It fails with errs.Config. The error names the setting and
// never shows its value.
func New(cfg Config) (*Client, error) {
	if err := checkService(&cfg); err != nil {
		return nil, err
	}
	return newClient(cfg)
}

// Account is a Twilio account without a known Verify service. All that it can do is to make a service.
type Account struct{ client *Client }

// NewAccount is New for an account: cfg.ServiceSID is ignored.
func NewAccount(cfg Config) (*Account, error) {
	cfg.ServiceSID = ""
	c, err := newClient(cfg)
	if err != nil {
		return nil, err
	}
	return &Account{c}, nil
}

// CreateService is Client.CreateService.
func (a *Account) CreateService(ctx context.Context, friendlyName, issuer string) (verifyservice.Service, error) {
	return a.client.CreateService(ctx, friendlyName, issuer)
}

// Address is Client.Address.
func (a *Account) Address() string { return a.client.Address() }

// CloseIdle closes the connections that no call is using.
func (a *Account) CloseIdle() { a.client.CloseIdle() }

func newClient(cfg Config) (*Client, error) {
	base, err := checkConfig(&cfg)
	if err != nil {
		return nil, err
	}
	way, proxy := findWay(base, cfg.Environ(), cfg.Proxy)
	password := cfg.Password.Reveal()
	basic := base64.StdEncoding.EncodeToString([]byte(cfg.Username + ":" + password))
	return &Client{
		account:     cfg.AccountSID,
		service:     cfg.ServiceSID,
		base:        base,
		way:         way,
		defaultHost: strings.EqualFold(base.Hostname(), apiHost),
		isKey:       sidform.Key.Valid(cfg.Username),
		credentials: cfg.named(credentialSettings(cfg.Username)...),
		named:       cfg.named,
		userAgent: strings.TrimSpace(fmt.Sprintf("twilio-go/%s (%s %s) go/%s %s",
			twclient.LibraryVersion, runtime.GOOS, runtime.GOARCH, runtime.Version(), cfg.UserAgent)),
		authorize: func(r *http.Request) { r.SetBasicAuth(cfg.Username, password) },
		leaks:     func(text string) bool { return strings.Contains(text, password) || strings.Contains(text, basic) },
		transport: newTransport(proxy, cfg.Roots, cfg.CallTimeout, cfg.Concurrency),
		timeout:   cfg.CallTimeout,
		room:      newRoom(cfg.Concurrency),
		pace:      &pace{},
		log:       cfg.Logger,
		now:       cfg.Now,
		sleep:     cfg.Sleep,
		rand:      cfg.Rand,
		proving:   make(chan struct{}, 1),
	}, nil
}

// ServiceSID returns the SID of the service.
func (c *Client) ServiceSID() string { return c.service }

// Address returns scheme, host and port of what is called, or "" for Twilio itself.
func (c *Client) Address() string {
	if address := strings.ToLower(c.base.String()); address != defaultBaseURL {
		return address
	}
	return ""
}

// Way returns how calls go to the address.
func (c *Client) Way() Way { return c.way }

// CloseIdle closes the connections that no call is using.
func (c *Client) CloseIdle() { c.transport.CloseIdleConnections() }

// begin starts one operation. op says in its errors what was being done, and permission what a restricted key needs for it.
func (c *Client) begin(ctx context.Context, op string, permission verifyservice.Permission) *call {
	return &call{c: c, ctx: ctx, op: op, permission: permission}
}

// api returns twilio-go's Verify API over this call. NewRequestHandler is not used: it would change the host by
// TWILIO_EDGE and TWILIO_REGION (§3.2, env).
func (o *call) api() *verify.ApiService {
	return verify.NewApiService(&twclient.RequestHandler{Client: o})
}

// defaults sets the defaults of fields that are zero.
func (cfg *Config) defaults() {
	if cfg.BaseURL == "" {
		cfg.BaseURL = defaultBaseURL
	}
	if cfg.CallTimeout <= 0 {
		cfg.CallTimeout = defaultTimeout
	}
	if cfg.Concurrency <= 0 {
		cfg.Concurrency = CallsAtOnce
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Sleep == nil {
		cfg.Sleep = sleep
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Float64
	}
	if cfg.Environ == nil {
		cfg.Environ = os.Environ
	}
	if cfg.Proxy == nil {
		cfg.Proxy = http.ProxyFromEnvironment
	}
}

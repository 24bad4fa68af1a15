package doctor

import (
	"time"

	"uzerp-mfa/internal/finding"
	"uzerp-mfa/internal/injector"
	"uzerp-mfa/internal/verifyservice"
)

// Settings are all settings, read without asking the database or Twilio.
type Settings struct {
	Root     Part[Place]      // uzERP's directory; Place{} if none is known
	Database Part[Place]      // where the database's settings come from
	Compared Part[Comparison] // the database in force with the one that uzERP's own files name
	Twilio   Part[Credentials]
	Region   Part[Place] // of phone numbers without a country code
	Policy   Part[Policy]

	MailProgram Part[string] // its path; nobody asked if the policy wants no mails
	MailText    Part[string] // in words which it is; nobody asked if the policy wants no mails

	Way   Part[Way]     // how Verify is called; nobody asked if Twilio's settings are not complete
	Roots []TrustedList // which of the certificates that Twilio will use are trusted

	Env         injector.Settings // uzERP's own; means nothing if Root has no directory
	UzerpTwilio Part[bool]        // whether uzERP's own settings for Twilio are those of this program too
	Log         Part[Log]         // uzERP's; nobody asked if Root has no directory
}

// Way is how calls go to Verify, and which setting says so.
type Way struct {
	Address  string   // host and port
	Proxy    string   // "" without one
	Setting  string   // that names the proxy, or by which none is used
	Ignored  []string // variables that name a proxy for other programs
	Unusable error    // why the proxy that is set can't be used
}

// TrustedList is a list of trusted certificates, and which of Amazon's roots it lacks.
type TrustedList struct {
	Of      string // whose it is
	Mend    string // what to do if some are missing
	Missing Part[[]string]
}

// Log is where uzERP writes its log.
type Log struct {
	Path    string // empty: into PHP's error_log
	Source  string // where it is set
	User    string // as whom the web server probably runs
	Denied  string // what that user may not write; empty if nothing is in the way
	Unknown string // why it could not be judged; empty if it was
}

// Input is everything that Examine judges.
type Input struct {
	Now time.Time
	Settings

	Reached Part[struct{}] // the database
	Schema  Part[Schema]
	Rights  Part[[]string] // the rights that the role lacks

	Classes Part[[]injector.Class] // the rows of injector.Names
	Trial   Part[*injector.Mark]   // of a switch on trial; nil if there is none
	Gateway string                 // a gateway class that the operator vouches for

	Service      Part[verifyservice.Service] // with this program's own settings
	UzerpService Part[verifyservice.Service] // with uzERP's
	Clock        Part[Offset]
	Access       Part[verifyservice.Access] // what this program's API key may do; nobody asked about an auth token

	Session Part[[]finding.Finding]

	Users   Part[*Tally]
	Persons Part[struct{}] // whether the tally knows the persons

	Skips Skips // since when users skip the next code; nil if nobody does, or if that is not known

	AuditLog   Part[LogFile] // whether it can be written
	AuditChain Part[Chain]
}

// Comparison is what comparing the database in force with uzERP's own comes to.
type Comparison struct {
	Same, Differs bool   // neither: it is not known
	Meant         bool   // the operator says that another database is meant
	Message       string // how they differ, or why it is not known
}

// Policy is the administrator's policy.
type Policy struct {
	Path   string
	Exists bool
}

// Place is a value and where it came from.
type Place struct{ Value, Source string }

// Credentials are this program's own settings for Twilio, without the secret.
type Credentials struct {
	AccountSID string
	Token      bool // an auth token, not an API key
	Address    string
	TwilioOwn  bool // Address is Twilio's own
	From       string
}

// Schema is what the database says about itself.
type Schema struct {
	Version  string   // of the server
	ReadOnly bool     // nothing can be changed
	Standby  bool     // because the server is a standby
	Pooler   bool     // a connection pooler is in between
	Name     string   // the schema that has uzERP's tables
	Others   []string // other schemas that have a table users
	Problem  error    // errs.Config if it is not uzERP's, errs.Refused if it is from before uzERP 1.31.0
}

// Offset is how far Twilio's clock is ahead of this machine's.
type Offset struct {
	Ahead time.Duration
	Known bool
}

// LogFile is the audit log as a file.
type LogFile struct {
	Path   string
	Exists bool
}

// Chain is the result of verifying the audit log.
type Chain struct {
	Path     string
	None     bool // there is no log yet
	Records  int
	Findings []string
	TornTail bool   // the last line is one that a crash left unfinished
	Open     int    // changes whose end is not recorded
	Doubt    string // why another user may have written the log; empty if nobody else could
}

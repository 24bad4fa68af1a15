package history

import "time"

// Source is a place that knows about logins.
type Source string

// The sources. Each knows something that the others don't.
const (
	FromTwilio   Source = "twilio"      // challenges: every code that reached Twilio, right or wrong
	FromAudit    Source = "audit-lines" // uzERP's table audit_lines: what the user saw, from where
	FromLog      Source = "uzerp-log"   // uzERP's log: refused passwords, Twilio's errors, successes
	FromAuditLog Source = "audit-log"   // this program's audit log: what operators did
)

// Sources lists every source, in the order in which they are shown.
func Sources() []Source { return []Source{FromTwilio, FromAudit, FromLog, FromAuditLog} }

// Words returns what a source is called in a sentence.
func (s Source) Words() string {
	switch s {
	case FromTwilio:
		return "Twilio"
	case FromAudit:
		return "uzERP's table audit_lines"
	case FromLog:
		return "uzERP's log"
	default:
		return "this program's audit log"
	}
}

// What is what happened, as far as one source or all of them can tell.
type What string

// What happens at a login (§8), in the order of a login. "audit_lines" and "log" say what of these sources it is read from.
const (
	PasswordRefused What = "password-refused" // audit_lines "Incorrect username or password" (without a name); log FAILED LOGIN
	PasswordOnly    What = "password-only"    // logged in without a second factor: log SUCCESSFUL LOGIN, action=login
	Skipped         What = "skipped"          // logged in without the code, once: log SUCCESSFUL LOGIN, GET /
	CodeAccepted    What = "code-accepted"    // challenge approved; log SUCCESSFUL LOGIN, mfavalidate
	CodeRefused     What = "code-refused"     // Twilio got a wrong code: challenge pending, expired, denied
	CodeNotValid    What = "code-not-valid"   // audit_lines "Code not Valid": a wrong code, or Twilio refused it, or was not reached
	CodeNotChecked  What = "code-not-checked" // log "MFA Error on token validation": Errors say why
	Enrolled        What = "enrolled"         // log SUCCESSFUL LOGIN, mfaenroll; audit log enroll, verify: done
	EnrollRefused   What = "enroll-refused"   // audit_lines "Enrollment failed": wrong code at the enrolment
	LoggedIn        What = "logged-in"        // a success of which the source does not tell how
)

// What operators do with this program: records of the audit log that are done, or of which nobody knows whether they are.
const (
	Reset          What = "reset"           // user reset
	SkipAllowed    What = "skip-allowed"    // user disable-next-login
	SkipWithdrawn  What = "skip-withdrawn"  // user enable
	CodeSent       What = "code-sent"       // identity send, --identify: to the caller's phone
	CallerVerified What = "caller-verified" // identity check, --identify: approved
	CallerRefused  What = "caller-refused"  // the same: not approved
	// The same: a code was checked that shows nothing of who the caller is. Unverified says why.
	CallerUnverified What = "caller-unverified"
	OtherChange      What = "other-change" // anything else of which the user is the target: Command says what
)

// Unverified is why a code that was checked shows nothing of who the caller is.
type Unverified string

// Why a code shows nothing, though it was right or may have been.
const (
	GivenNumber   Unverified = "given-number"   // the operator gave the number
	ChangedNumber Unverified = "changed-number" // the number was changed lately
	ChosenRegion  Unverified = "chosen-region"  // a flag or a variable chose the number's country
	NotKnown      Unverified = "not-known"      // nobody knows what came of it, or whose number it was
	DoubtfulLog   Unverified = "doubtful-log"   // others may have written the audit log
)

// Entry is what one source says about one moment.
type Entry struct {
	At time.Time
	// NoZone says that At is a wall clock whose zone the source does not tell: its Location means nothing.
	NoZone bool

	Source   Source
	Username string // empty if the source does not say who
	What     What

	FactorSID string
	Address   string // the browser's, as uzERP writes it
	Browser   string // what it calls itself
	Errors    []TwilioError

	// Of the audit log.
	Command    string     // "user reset"
	By         string     // the operator
	Uncertain  bool       // nobody knows whether it took effect
	Unverified Unverified // of CallerUnverified only
}

// TwilioError is why a code could not be checked, as uzERP's log has it.
type TwilioError struct {
	Code    int    // Twilio's, such as 60312; an HTTP status or 0 if there is none
	Message string // foreign text
}

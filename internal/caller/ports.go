package caller

import (
	"context"
	"time"

	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/secret"
)

// Directory reads what uzERP knows about the persons behind the users. Its errors are *errs.Error.
type Directory interface {
	mfa.Directory
	// PhoneContacts returns all contact entries of the person behind a user: the main numbers as people typed them, and
	// of all others only when they were changed. An entry without a number has an empty text.
	PhoneContacts(ctx context.Context, username string) ([]PhoneContact, error)
	// MobileHolders returns the main mobiles of all other users in which these digits stand, whatever is between them.
	MobileHolders(ctx context.Context, username, digits string) ([]MobileHolder, error)
}

// PhoneContact is a contact entry of a person.
type PhoneContact struct {
	Mobile  bool   // it is of the type mobile
	Main    bool   // it is a main number: a mobile, or else a phone
	Text    string // the number, free text; empty unless Main
	Changed Change // the newest change on the way from the user to the number; of the entry alone unless Main
}

// Change says when something in uzERP was changed last, and by which user.
type Change struct {
	At   time.Time // as uzERP writes it, in a time zone that nobody knows; zero if it is not known
	By   string    // empty if it is not known
	What Changed
}

// Changed is the part of the way from a user to a number that was changed.
type Changed string

// The parts.
const (
	ChangedNumber Changed = "number" // the number itself
	ChangedEntry  Changed = "entry"  // which number is the person's, or the main one
	ChangedPerson Changed = "person" // the person's record
)

// MobileHolder is a user with a main mobile.
type MobileHolder struct {
	Username string
	Text     string // the number, free text
}

// Verifications sends codes with Twilio Verify and checks what the caller reads out. Its errors are *errs.Error, and
// their hints say what can be done.
type Verifications interface {
	// MayCheck returns the error that would keep a code from being looked at and checked once it is sent: the credentials lack a
	// permission. It changes nothing, and is asked before a caller gets a code.
	MayCheck(ctx context.Context) error
	// StartVerification sends a code. Within ten minutes, another start for the same number sends the same code again
	// (docs/facts/twilio-verify.md §1.2). The request is never repeated: if the error has errs.ErrLostReply in the
	// chain, a code may have been sent.
	StartVerification(ctx context.Context, to Recipient, channel Channel) (Started, error)
	// FetchVerification returns a verification that was started. It changes nothing. If it is not pending any more, the
	// error is ErrNoVerification (errs.NotFound), or its status says so.
	FetchVerification(ctx context.Context, to Recipient, sid string) (Started, error)
	// CheckVerification asks Twilio whether the code is the one that was sent with the verification sid. Only Approved is
	// a yes. For a wrong code the status is Pending, without an error. If no code is waiting, the error is
	// ErrNoVerification (errs.NotFound).
	CheckVerification(ctx context.Context, to Recipient, sid, code string) (Status, error)
}

// Channel is how a code reaches a phone.
type Channel string

// The channels that a helpdesk uses.
const (
	ChannelSMS  Channel = "sms"
	ChannelCall Channel = "call"
)

// Recipient is the user and the number that a code goes to.
type Recipient struct {
	Username string
	Phone    Phone
	Given    bool    // the operator gave the number; it is not from uzERP
	Fresh    *Change // the change of a number that is believed only because the operator gave a reason; else nil
}

// Doubtful reports whether a code to the number shows nothing about the user without the operator's word: the operator chose
// the number, a flag or a variable chose its country, or the operator believes that it was changed lately for a good reason.
func (r Recipient) Doubtful() bool { return r.Given || r.Fresh != nil || r.Phone.Region != "" }

// Phone is a phone number that can be called.
type Phone struct {
	E164     secret.Secret // "+447700900123"; a Secret because no log and no message shows it whole
	Masked   string        // as it may be shown: "+44 *******123"
	Landline bool          // it surely gets no SMS
	Region   string        // a flag or a variable chose this country, and without it the number could not be read; else empty
	// RegionFrom is what chose Region: the flag, which the operator gave, or the variable, which may be the site's.
	RegionFrom string
}

// Started is a verification that was started.
type Started struct {
	SID    string // VE…
	Status Status
	Sends  int // how often the code was sent so far, by any program; 0 if Twilio doesn't say
}

// Status is Twilio's status of a verification (docs/facts/twilio-verify.md §1.1).
type Status string

// The statuses that Twilio documents.
const (
	Pending     Status = "pending"
	Approved    Status = "approved"
	Canceled    Status = "canceled"
	MaxAttempts Status = "max_attempts_reached"
	Deleted     Status = "deleted"
	Failed      Status = "failed"
	Expired     Status = "expired"
)

package caller

import (
	"context"

	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/secret"
)

// Directory is what uzERP knows of the persons behind the users.
type Directory interface {
	mfa.Directory
	// PhoneContacts returns the user's main numbers, mobile and fixed, as people typed them.
	PhoneContacts(ctx context.Context, username string) ([]PhoneContact, error)
}

// PhoneContact is a number in a person's record, free text.
type PhoneContact struct {
	Mobile bool // else a telephone
	Text   string
}

// Verifications finds out who answers a phone: Twilio sends a code there, and the caller says it. Its errors are *errs.Error;
// what can be done about them is in their hints.
type Verifications interface {
	// StartVerification sends a code. Within ten minutes another start for the same number sends the same code again.
	// Never repeated by itself: with errs.ErrLostReply in the chain a message may be on its way.
	StartVerification(ctx context.Context, to Recipient, channel Channel) (Started, error)
	// CheckVerification tells whether the code is the one that was sent. Only Approved is a yes; a wrong code is
	// Pending and no error. errs.NotFound with ErrNoVerification where no code is waiting.
	CheckVerification(ctx context.Context, to Recipient, code string) (Status, error)
}

// Channel is how a code reaches a phone.
type Channel string

// The channels that a helpdesk uses.
const (
	ChannelSMS  Channel = "sms"
	ChannelCall Channel = "call"
)

// Recipient is who is to be reached at which number.
type Recipient struct {
	Username string
	Phone    Phone
	Given    bool // the operator gave the number; it is not the one that uzERP has
}

// Phone is a number that can be called.
type Phone struct {
	E164     secret.Secret // "+447700900123"; a Secret because no log and no message shows it whole
	Masked   string        // as it may be shown: "+44 *******123"
	Landline bool          // known to be one that gets no SMS
}

// Started is a verification under way.
type Started struct {
	SID    string // VE…
	Status Status
	Sends  int // how often the code was sent so far, this one included; 0 where Twilio doesn't say
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

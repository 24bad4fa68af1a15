package caller

import (
	"context"

	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/secret"
)

// Directory reads what uzERP knows about the persons behind the users. Its errors are *errs.Error.
type Directory interface {
	mfa.Directory
	// PhoneContacts returns the user's main numbers, mobile and fixed, as people typed them.
	PhoneContacts(ctx context.Context, username string) ([]PhoneContact, error)
}

// PhoneContact is a number in a person's record, free text.
type PhoneContact struct {
	Mobile bool // otherwise a phone
	Text   string
}

// Verifications sends codes with Twilio Verify and checks what the caller reads out. Its errors are *errs.Error, and
// their hints say what can be done.
type Verifications interface {
	// StartVerification sends a code. Within ten minutes, another start for the same number sends the same code again
	// (docs/facts/twilio-verify.md §1.2). The request is never repeated: if the error has errs.ErrLostReply in the
	// chain, a code may have been sent.
	StartVerification(ctx context.Context, to Recipient, channel Channel) (Started, error)
	// CheckVerification asks Twilio whether the code is the one that was sent. Only Approved is a yes. For a wrong code
	// the status is Pending, without an error. If no code is waiting, the error is ErrNoVerification (errs.NotFound).
	CheckVerification(ctx context.Context, to Recipient, code string) (Status, error)
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
	Given    bool // the operator gave the number; it is not from uzERP
}

// Phone is a phone number that can be called.
type Phone struct {
	E164     secret.Secret // "+447700900123"; a Secret because no log and no message shows it whole
	Masked   string        // as it may be shown: "+44 *******123"
	Landline bool          // it surely gets no SMS
}

// Started is a verification that was started.
type Started struct {
	SID    string // VE…
	Status Status
	Sends  int // how often the code was sent so far, including now; 0 if Twilio doesn't say
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

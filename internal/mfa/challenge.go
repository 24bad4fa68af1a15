package mfa

import "time"

// ChallengeStatus is the status of a challenge at Twilio.
type ChallengeStatus string

// The statuses of a challenge. Only approved says that a code was right. A wrong code leaves a challenge pending, and five
// minutes later it is expired (docs/facts/twilio-verify.md §8).
const (
	ChallengePending  ChallengeStatus = "pending"
	ChallengeExpired  ChallengeStatus = "expired"
	ChallengeApproved ChallengeStatus = "approved"
	ChallengeDenied   ChallengeStatus = "denied"
)

// Challenge is one attempt to log in with a code, as Twilio keeps it: which code it was, and where it came from, is not
// known. A code that Twilio refused for another reason than being wrong leaves no challenge.
type Challenge struct {
	SID       string
	FactorSID string
	Status    ChallengeStatus
	Created   time.Time // UTC, to the second
	Responded time.Time // UTC; zero unless it is approved
}

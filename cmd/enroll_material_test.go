package cmd

import (
	"strings"
	"testing"
	"time"

	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/secret"
)

// The name of a factor is the one in Twilio's answer, which may differ from the one in the request.
func TestEnrollPageShowsWhatIsInvisible(t *testing.T) {
	page, err := enrollPage(&App{now: time.Now}, &mfa.PendingEnrollment{
		User: mfa.User{Username: "alice"},
		Factor: mfa.NewFactor{
			Factor: mfa.Factor{SID: "YF00000000000000000000000000000001", FriendlyName: "alice\u202e<b>\x1b[31m"},
			Secret: secret.New("JBSWY3DPEHPK3PXP"), URI: secret.New("otpauth://totp/x"),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if text := string(page); strings.ContainsAny(text, "\u202e\x1b") || !strings.Contains(text, `alice\u202e&lt;b&gt;\x1b[31m`) {
		t.Errorf("the account is not shown as what it is:\n%s", text)
	}
}

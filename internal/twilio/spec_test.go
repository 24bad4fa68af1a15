package twilio

import (
	"net/http"
	"testing"
	"time"

	"uzerp-mfa/internal/emulator"
	"uzerp-mfa/internal/emulator/oracle"
	"uzerp-mfa/internal/sharedtest"
)

// What the client sends to the emulator in this package's tests is checked against Twilio's spec. If the spec is
// missing, the tests run without this check, and this one says so.
func TestAgainstTwiliosSpec(t *testing.T) {
	if _, err := oracle.Default(); err != nil {
		sharedtest.LeaveOut(t, sharedtest.Spec, err)
	}
	violations := make(chan error, 1)
	_, run := emulatedJudged(t, emulator.Quirks{}, func(err error) { violations <- err })
	url := run.URL + "/v2/Services/" + emulator.DefaultServiceSID + "?NoSuchParameter=1"
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(emulator.DefaultAccountSID, emulator.DefaultAuthToken)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	select {
	case err := <-violations: // after the answer is sent
		t.Log(err)
	case <-time.After(5 * time.Minute):
		t.Error("nothing minds a parameter that Twilio doesn't have")
	}
}

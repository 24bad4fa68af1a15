package emulator_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/twilio/twilio-go/client"
	verify "github.com/twilio/twilio-go/rest/verify/v2"

	"uzerp-mfa/internal/emulator"
)

// bareClient is a client.BaseClient that only sends twilio-go's requests to the emulator.
type bareClient struct{ *fixture }

func (b bareClient) AccountSid() string       { return b.Options().AccountSID }
func (b bareClient) SetTimeout(time.Duration) {}
func (b bareClient) SetOauth(client.OAuth)    {}
func (b bareClient) OAuth() client.OAuth      { return nil }

func (b bareClient) SendRequest(method, rawURL string, data url.Values, headers map[string]any, _ ...byte) (*http.Response, error) {
	path := strings.TrimPrefix(rawURL, "https://verify.twilio.com")
	r := b.request(method, path, data)
	for name, value := range headers {
		if text, ok := value.(string); ok {
			r.Header.Set(name, text)
		}
	}
	res, err := b.client.Do(r)
	if err != nil || res.StatusCode < 400 {
		return res, err
	}
	defer func() { _ = res.Body.Close() }()
	return nil, errors.New(res.Status)
}

// TestTwilioGo makes an enrolment, a login and a reset with Twilio's own client.
func TestTwilioGo(t *testing.T) {
	f := start(t, emulator.Options{Issuer: "Acme"})
	api := verify.NewApiService(&client.RequestHandler{Client: bareClient{f}})
	service := f.Options().ServiceSID

	fetched, err := api.FetchService(service)
	if err != nil || *fetched.FriendlyName != emulator.DefaultFriendlyName || *fetched.Sid != service {
		t.Fatalf("%+v, %v", fetched, err)
	}
	made, err := api.CreateNewFactor(service, identity, new(verify.CreateNewFactorParams).SetFriendlyName(account).
		SetFactorType("totp").SetMetadata(map[string]string{"os": "any"}))
	if err != nil {
		t.Fatal(err)
	}
	f.factor = *made.Sid
	if binding, ok := (*made.Binding).(map[string]any); !ok || binding["secret"] != f.Secret(f.factor) || !made.DateCreated.Equal(midnight) {
		t.Errorf("%+v", made)
	}
	for payload, want := range map[string]string{f.wrongCode(): "unverified"} {
		factor, err := api.UpdateFactor(service, identity, f.factor, new(verify.UpdateFactorParams).SetAuthPayload(payload))
		if err != nil || *factor.Status != want {
			t.Errorf("%+v, %v", factor, err)
		}
	}
	factor, err := api.UpdateFactor(service, identity, f.factor, new(verify.UpdateFactorParams).SetAuthPayload(f.code()))
	if err != nil || *factor.Status != "verified" {
		t.Fatalf("%+v, %v", factor, err)
	}

	f.Advance(time.Minute)
	wrong := new(verify.CreateChallengeParams).SetFactorSid(f.factor).SetAuthPayload(f.wrongCode()).
		SetExpirationDate(f.Now().Add(time.Hour)).SetHiddenDetails(map[string]string{"ip": "::1"})
	challenge, err := api.CreateChallenge(service, identity, wrong)
	if err != nil || *challenge.Status != "pending" || challenge.DateResponded != nil {
		t.Fatalf("%+v, %v", challenge, err)
	}
	challenge, err = api.UpdateChallenge(service, identity, *challenge.Sid, new(verify.UpdateChallengeParams).SetAuthPayload(f.code()))
	if err != nil || *challenge.Status != "approved" || !challenge.DateResponded.Equal(f.Now()) {
		t.Fatalf("%+v, %v", challenge, err)
	}

	for range 4 {
		f.AddFactor(identity, account, emulator.Verified)
	}
	listed, err := api.ListFactor(service, identity, new(verify.ListFactorParams).SetPageSize(2).SetLimit(10))
	if err != nil || len(listed) != 5 || *listed[0].Sid != f.factor {
		t.Errorf("%d factors, %v", len(listed), err)
	}
	challenges, err := api.ListChallenge(service, identity, new(verify.ListChallengeParams).SetStatus("approved").SetFactorSid(f.factor).SetLimit(10))
	if err != nil || len(challenges) != 1 {
		t.Errorf("%d challenges, %v", len(challenges), err)
	}

	if err := api.DeleteFactor(service, identity, f.factor); err != nil {
		t.Error(err)
	}
	if err := api.DeleteEntity(service, identity); err != nil {
		t.Error(err)
	}
	if _, err := api.FetchEntity(service, identity); err == nil || len(f.Entities()) != 0 {
		t.Errorf("still there: %v", err)
	}
}

// TestTwilioGoVerifies makes a service and verifies a number with Twilio's own client.
func TestTwilioGoVerifies(t *testing.T) {
	f := start(t, emulator.Options{})
	api := verify.NewApiService(&client.RequestHandler{Client: bareClient{f}})
	made, err := api.CreateService(new(verify.CreateServiceParams).SetFriendlyName("Helpdesk").SetTotpIssuer("Acme").SetTotpSkew(0).
		SetCodeLength(8).SetLookupEnabled(true).SetPsd2Enabled(false))
	if err != nil || made.CodeLength != 8 || !*made.LookupEnabled {
		t.Fatalf("%+v, %v", made, err)
	}
	service := *made.Sid
	sent, err := api.CreateVerification(service, new(verify.CreateVerificationParams).SetTo(number).SetChannel("sms"))
	if err != nil || *sent.Status != "pending" || len(*sent.SendCodeAttempts) != 1 || !sent.DateCreated.Equal(midnight) {
		t.Fatalf("%+v, %v", sent, err)
	}
	fetched, err := api.FetchVerification(service, *sent.Sid)
	if err != nil || *fetched.To != number {
		t.Errorf("%+v, %v", fetched, err)
	}
	right, wrong := f.sent()
	checked, err := api.CreateVerificationCheck(service, new(verify.CreateVerificationCheckParams).SetTo(number).SetCode(wrong))
	if err != nil || *checked.Status != "pending" || *checked.Valid {
		t.Errorf("%+v, %v", checked, err)
	}
	checked, err = api.CreateVerificationCheck(service, new(verify.CreateVerificationCheckParams).SetVerificationSid(*sent.Sid).SetCode(right))
	if err != nil || *checked.Status != "approved" || !*checked.Valid {
		t.Errorf("%+v, %v", checked, err)
	}
	again, err := api.CreateVerification(service, new(verify.CreateVerificationParams).SetTo(number).SetChannel("call"))
	if err != nil || *again.Sid == *sent.Sid {
		t.Fatalf("%+v, %v", again, err)
	}
	ended, err := api.UpdateVerification(service, *again.Sid, new(verify.UpdateVerificationParams).SetStatus("canceled"))
	if err != nil || *ended.Status != "canceled" {
		t.Errorf("%+v, %v", ended, err)
	}
}

package emulator

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

type (
	serviceJSON struct {
		SID                            string           `json:"sid"`
		AccountSID                     string           `json:"account_sid"`
		FriendlyName                   string           `json:"friendly_name"`
		CodeLength                     int              `json:"code_length"`
		LookupEnabled                  bool             `json:"lookup_enabled"`
		PSD2Enabled                    bool             `json:"psd2_enabled"`
		SkipSMSToLandlines             bool             `json:"skip_sms_to_landlines"`
		DTMFInputRequired              bool             `json:"dtmf_input_required"`
		TTSName                        *string          `json:"tts_name"`
		DoNotShareWarningEnabled       bool             `json:"do_not_share_warning_enabled"`
		CustomCodeEnabled              bool             `json:"custom_code_enabled"`
		Push                           pushJSON         `json:"push"`
		TOTP                           totpDefaultsJSON `json:"totp"`
		WhatsApp                       whatsAppJSON     `json:"whatsapp"`
		Passkeys                       passkeysJSON     `json:"passkeys"`
		DefaultTemplateSID             *string          `json:"default_template_sid"`
		VerifyEventSubscriptionEnabled bool             `json:"verify_event_subscription_enabled"`
		DateCreated                    string           `json:"date_created"`
		DateUpdated                    string           `json:"date_updated"`
		URL                            string           `json:"url"`
		Links                          serviceLinksJSON `json:"links"`
	}
	pushJSON struct {
		IncludeDate      bool    `json:"include_date"`
		APNCredentialSID *string `json:"apn_credential_sid"`
		FCMCredentialSID *string `json:"fcm_credential_sid"`
	}
	totpDefaultsJSON struct {
		Issuer     *string `json:"issuer"`
		TimeStep   *int    `json:"time_step"`
		CodeLength *int    `json:"code_length"`
		Skew       *int    `json:"skew"`
	}
	whatsAppJSON struct {
		MsgServiceSID *string `json:"msg_service_sid"`
		From          *string `json:"from"`
	}
	passkeysJSON struct {
		RelyingParty            relyingPartyJSON `json:"relying_party"`
		AuthenticatorAttachment *string          `json:"authenticator_attachment"`
		DiscoverableCredentials *string          `json:"discoverable_credentials"`
		UserVerification        *string          `json:"user_verification"`
	}
	relyingPartyJSON struct {
		ID      *string  `json:"id"`
		Name    *string  `json:"name"`
		Origins []string `json:"origins"`
	}
	serviceLinksJSON struct {
		VerificationChecks      string `json:"verification_checks"`
		Verifications           string `json:"verifications"`
		RateLimits              string `json:"rate_limits"`
		MessagingConfigurations string `json:"messaging_configurations"`
		Entities                string `json:"entities"`
		Webhooks                string `json:"webhooks"`
		AccessTokens            string `json:"access_tokens"`
	}
)

// service is one Verify service with its entities and verifications.
type service struct {
	sid              string
	created, updated time.Time
	settings         ServiceSettings
	entities         map[string]*entity // by identity
	gone             map[string]*entity // deleted ones, with Quirks.ChallengesStay: only for their challenges
	verifications    []*verification    // in the order of creation
}

func (sv *service) path() string { return "/v2/Services/" + sv.sid }

func (st *store) addService(sid string, settings ServiceSettings, now time.Time) *service {
	sv := &service{sid: sid, created: now, updated: now, settings: settings.clone(),
		entities: make(map[string]*entity), gone: make(map[string]*entity)}
	st.services[sid] = sv
	st.order = append(st.order, sid)
	return sv
}

// service returns a service, the first one if sid is empty, or nil if there is none.
func (st *store) service(sid string) *service {
	if sid == "" {
		return st.first
	}
	return st.services[sid]
}

func (s *Server) fetchService(c *call) (any, error) { return s.serviceJSON(c.service), nil }

// createService makes a new empty service with its own settings.
func (s *Server) createService(c *call) (any, error) {
	if _, err := c.required("FriendlyName"); err != nil {
		return nil, err
	}
	settings, err := c.serviceSettings(ServiceSettings{CodeLength: 6}, s.opts.Quirks.FriendlyNameLength)
	if err != nil {
		return nil, err
	}
	sv := s.store.addService(s.store.newRecord("VA", c.now).sid, settings, c.now)
	c.changed = true
	return s.serviceJSON(sv), nil
}

// updateService changes the settings that the call names, and no others.
func (s *Server) updateService(c *call) (any, error) {
	settings, err := c.serviceSettings(c.service.settings.clone(), s.opts.Quirks.FriendlyNameLength)
	if err != nil {
		return nil, err
	}
	c.service.settings, c.service.updated, c.changed = settings, c.now, true
	return s.serviceJSON(c.service), nil
}

// serviceSettings returns the settings st with those that a call's parameters describe (ranges: Twilio's spec and §1.2).
func (c *call) serviceSettings(st ServiceSettings, maxName int) (_ ServiceSettings, err error) {
	if c.form.Has("FriendlyName") {
		if st.FriendlyName = c.form.Get("FriendlyName"); st.FriendlyName == "" || !validServiceName(st.FriendlyName, maxName) {
			return st, c.invalid("FriendlyName")
		}
	}
	for _, b := range []struct {
		name  string
		field *bool
	}{
		{"LookupEnabled", &st.LookupEnabled}, {"Psd2Enabled", &st.PSD2Enabled}, {"SkipSmsToLandlines", &st.SkipSMSToLandlines},
		{"DtmfInputRequired", &st.DTMFInputRequired}, {"DoNotShareWarningEnabled", &st.DoNotShareWarningEnabled},
		{"CustomCodeEnabled", &st.CustomCodeEnabled},
	} {
		if !c.form.Has(b.name) {
			continue
		}
		if *b.field, err = c.boolean(b.name); err != nil {
			return st, err
		}
	}
	if st.CodeLength, err = c.integer("CodeLength", 4, 10, st.CodeLength); err != nil {
		return st, err
	}
	if st.TOTP.TimeStep, err = c.integer("Totp.TimeStep", 20, 60, st.TOTP.TimeStep); err != nil {
		return st, err
	}
	if st.TOTP.CodeLength, err = c.integer("Totp.CodeLength", 3, 8, st.TOTP.CodeLength); err != nil {
		return st, err
	}
	if c.form.Has("Totp.Skew") {
		skew, err := c.integer("Totp.Skew", 0, 2, 0)
		if err != nil {
			return st, err
		}
		st.TOTP.Skew = &skew
	}
	for name, field := range map[string]*string{"TtsName": &st.TTSName, "Totp.Issuer": &st.TOTP.Issuer} {
		if c.form.Has(name) {
			*field = c.form.Get(name)
		}
	}
	if c.form.Has("DefaultTemplateSid") {
		st.DefaultTemplateSID, err = c.sid("DefaultTemplateSid", "HJ")
	}
	return st, err
}

// validServiceName reports whether a service may have that friendly name: letters, digits, spaces, dashes, underscores,
// and no more than 4 digits.
func validServiceName(name string, limit int) bool {
	digits := 0
	for _, r := range name {
		switch {
		case unicode.IsDigit(r):
			digits++
		case !unicode.IsLetter(r) && !strings.ContainsRune(" -_", r):
			return false
		}
	}
	return digits <= 4 && utf8.RuneCountInString(name) <= limit
}

func (s *Server) serviceJSON(sv *service) any {
	url, set := base+sv.path(), sv.settings
	return serviceJSON{
		SID: sv.sid, AccountSID: s.opts.AccountSID, FriendlyName: set.FriendlyName, CodeLength: set.CodeLength,
		LookupEnabled: set.LookupEnabled, PSD2Enabled: set.PSD2Enabled, SkipSMSToLandlines: set.SkipSMSToLandlines,
		DTMFInputRequired: set.DTMFInputRequired, TTSName: unlessZero(set.TTSName),
		DoNotShareWarningEnabled: set.DoNotShareWarningEnabled, CustomCodeEnabled: set.CustomCodeEnabled,
		TOTP: totpDefaultsJSON{
			Issuer:     unlessZero(set.TOTP.Issuer),
			TimeStep:   unlessZero(set.TOTP.TimeStep),
			CodeLength: unlessZero(set.TOTP.CodeLength),
			Skew:       set.TOTP.Skew,
		},
		DefaultTemplateSID: unlessZero(set.DefaultTemplateSID),
		DateCreated:        stamp(sv.created), DateUpdated: stamp(sv.updated), URL: url,
		Links: serviceLinksJSON{
			VerificationChecks:      url + "/VerificationCheck",
			Verifications:           url + "/Verifications",
			RateLimits:              url + "/RateLimits",
			MessagingConfigurations: url + "/MessagingConfigurations",
			Entities:                url + "/Entities",
			Webhooks:                url + "/Webhooks",
			AccessTokens:            url + "/AccessTokens",
		},
	}
}

// unlessZero returns a pointer to v, or nil (JSON null) for the zero value.
func unlessZero[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

package verifytest

import "time"

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

// service is one Verify service with what belongs to it.
type service struct {
	sid              string
	created, updated time.Time
	settings         ServiceSettings
	entities         map[string]*entity // by identity
	verifications    []*verification    // in the order of creation
}

func (sv *service) path() string { return "/v2/Services/" + sv.sid }

func (st *store) addService(sid string, settings ServiceSettings, now time.Time) *service {
	sv := &service{sid: sid, created: now, updated: now, settings: settings.clone(), entities: make(map[string]*entity)}
	st.services[sid] = sv
	return sv
}

// service gives a service, the first one where sid is empty; nil if there is none.
func (st *store) service(sid string) *service {
	if sid == "" {
		return st.first
	}
	return st.services[sid]
}

func (s *Server) fetchService(c *call) (any, error) { return s.serviceJSON(c.service), nil }

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

// unlessZero gives a pointer to v, nil (JSON null) for the zero value.
func unlessZero[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

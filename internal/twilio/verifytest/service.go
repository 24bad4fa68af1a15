package verifytest

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

func (s *Server) fetchService(*call) (any, error) {
	url := base + s.servicePath()
	created := stamp(s.store.serviceCreated)
	return serviceJSON{
		SID: s.opts.ServiceSID, AccountSID: s.opts.AccountSID, FriendlyName: s.opts.ServiceFriendlyName, CodeLength: 6,
		TOTP: totpDefaultsJSON{
			Issuer:     unlessZero(s.opts.Issuer),
			TimeStep:   unlessZero(s.opts.TOTP.TimeStep),
			CodeLength: unlessZero(s.opts.TOTP.CodeLength),
			Skew:       s.opts.TOTP.Skew,
		},
		DateCreated: created, DateUpdated: created, URL: url,
		Links: serviceLinksJSON{
			VerificationChecks:      url + "/VerificationCheck",
			Verifications:           url + "/Verifications",
			RateLimits:              url + "/RateLimits",
			MessagingConfigurations: url + "/MessagingConfigurations",
			Entities:                url + "/Entities",
			Webhooks:                url + "/Webhooks",
			AccessTokens:            url + "/AccessTokens",
		},
	}, nil
}

// unlessZero gives a pointer to v, nil (JSON null) for the zero value.
func unlessZero[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

package emulator

import (
	"fmt"
	"slices"
)

// ServiceSettings are what the owner of a service can set, through the API or in Twilio's console.
type ServiceSettings struct {
	FriendlyName             string      `json:"friendly_name"`
	CodeLength               int         `json:"code_length"` // of codes by SMS and call, 4 to 10
	LookupEnabled            bool        `json:"lookup_enabled"`
	PSD2Enabled              bool        `json:"psd2_enabled"`
	SkipSMSToLandlines       bool        `json:"skip_sms_to_landlines"` // needs LookupEnabled
	DTMFInputRequired        bool        `json:"dtmf_input_required"`
	TTSName                  string      `json:"tts_name"` // empty means unset
	DoNotShareWarningEnabled bool        `json:"do_not_share_warning_enabled"`
	CustomCodeEnabled        bool        `json:"custom_code_enabled"`
	DefaultTemplateSID       string      `json:"default_template_sid"` // empty means unset
	TOTP                     ServiceTOTP `json:"totp"`

	// DisabledChannels has the channels that are refused with 60223. Twilio's API doesn't show them.
	DisabledChannels []string `json:"disabled_channels"`
}

// ServiceTOTP has a service's own defaults for new factors. What is unset is null in the service's JSON.
type ServiceTOTP struct {
	Issuer     string `json:"issuer"`      // empty means unset: apps show the friendly name
	TimeStep   int    `json:"time_step"`   // in seconds; 0 means unset
	CodeLength int    `json:"code_length"` // 0 means unset
	Skew       *int   `json:"skew"`
}

// clone returns a copy that shares no memory with st.
func (st ServiceSettings) clone() ServiceSettings {
	st.DisabledChannels = slices.Clone(st.DisabledChannels)
	if st.TOTP.Skew != nil {
		skew := *st.TOTP.Skew
		st.TOTP.Skew = &skew
	}
	return st
}

// check refuses numbers with which no code could be made. It doesn't check names, because old services have odd ones.
func (st ServiceSettings) check() error {
	within := func(n, low, high int) bool { return n >= low && n <= high }
	t := st.TOTP
	switch {
	case !within(st.CodeLength, 4, 10):
		return fmt.Errorf("code_length %d", st.CodeLength)
	case t.TimeStep != 0 && !within(t.TimeStep, 20, 60):
		return fmt.Errorf("totp.time_step %d", t.TimeStep)
	case t.CodeLength != 0 && !within(t.CodeLength, 3, 8):
		return fmt.Errorf("totp.code_length %d", t.CodeLength)
	case t.Skew != nil && !within(*t.Skew, 0, 2):
		return fmt.Errorf("totp.skew %d", *t.Skew)
	}
	return nil
}

// Service returns the settings of a service, of the first one if sid is empty. ok is false if there is none.
func (s *Server) Service(sid string) (ServiceSettings, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sv := s.store.service(sid)
	if sv == nil {
		return ServiceSettings{}, false
	}
	return sv.settings.clone(), true
}

// Services returns the SIDs of all services in the order of creation.
func (s *Server) Services() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.store.order)
}

// ChangeService changes the settings of a service, of the first one if sid is empty. It fails and changes nothing if
// there is no such service, or if no code could be made with the new settings.
func (s *Server) ChangeService(sid string, change func(*ServiceSettings)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	sv := s.store.service(sid)
	if sv == nil {
		return fmt.Errorf("no service %q", sid)
	}
	settings := sv.settings.clone()
	change(&settings)
	if err := settings.check(); err != nil {
		return err
	}
	sv.settings, sv.updated = settings, s.Now()
	return nil
}

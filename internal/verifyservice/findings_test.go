package verifyservice_test

import (
	"slices"
	"strings"
	"testing"

	"uzerp-mfa/internal/finding"
	"uzerp-mfa/internal/verifyservice"
)

// soundService is one as CreateService makes it: Twilio gives null for the TOTP settings that nobody set.
func soundService() verifyservice.Service {
	return verifyservice.Service{
		SID: "VA00000000000000000000000000000002", FriendlyName: "Acme uzERP", Issuer: "Acme uzERP", CodeLength: 6,
		LookupEnabled: new(false), SkipSMSToLandlines: new(false), PSD2Enabled: new(false), DoNotShareWarning: new(false),
		DTMFInputRequired: new(true), CustomCodeEnabled: new(false),
	}
}

func TestCheckService(t *testing.T) {
	const always = "info not-seen  "
	for _, test := range []struct {
		name string
		edit func(*verifyservice.Service)
		want []string // severity, id, setting, value
		says string   // in the first finding's message
	}{
		{"sound", func(*verifyservice.Service) {}, nil, "Fraud Guard"},
		{"sound, the defaults written out", func(s *verifyservice.Service) {
			s.TOTP = verifyservice.TOTPDefaults{TimeStep: new(30), CodeLength: new(6), Skew: new(1)}
		}, nil, ""},
		{"sound, more digits by SMS", func(s *verifyservice.Service) { s.CodeLength = 10 }, nil, ""},
		{"sound, numbers are looked up", func(s *verifyservice.Service) { s.LookupEnabled = new(true) }, nil, ""},
		{"issuer unset", func(s *verifyservice.Service) { s.Issuer = "" }, []string{"warning issuer-unset totp.issuer "}, `"Acme uzERP"`},
		{"names of a first try", func(s *verifyservice.Service) { s.Issuer, s.FriendlyName = "2FA", "My First_Verify Service-2" },
			[]string{"info issuer-generic totp.issuer 2FA", "info friendly-name-generic friendly_name My First_Verify Service-2"}, "your company"},
		{"generic and unset", func(s *verifyservice.Service) { s.Issuer, s.FriendlyName = "", "My Service" },
			[]string{"warning issuer-unset totp.issuer ", "info friendly-name-generic friendly_name My Service"}, "authenticator apps"},
		{"a company of that name", func(s *verifyservice.Service) { s.Issuer, s.FriendlyName = "Test Ltd", "New Code Works" }, nil, ""},
		{"time step 60", func(s *verifyservice.Service) { s.TOTP.TimeStep = new(60) }, []string{"warning time-step totp.time_step 60"}, "every 30 seconds"},
		{"time step 20", func(s *verifyservice.Service) { s.TOTP.TimeStep = new(20) }, []string{"warning time-step totp.time_step 20"}, ""},
		{"8 digits", func(s *verifyservice.Service) { s.TOTP.CodeLength = new(8) }, []string{"warning totp-code-length totp.code_length 8"}, "6 digits"},
		{"5 digits", func(s *verifyservice.Service) { s.TOTP.CodeLength = new(5) }, []string{"warning totp-code-length totp.code_length 5"}, "6 digits"},
		{"4 digits", func(s *verifyservice.Service) { s.TOTP.CodeLength = new(4) }, []string{"error totp-code-length totp.code_length 4"}, "10 of them a day"},
		{"3 digits", func(s *verifyservice.Service) { s.TOTP.CodeLength = new(3) }, []string{"error totp-code-length totp.code_length 3"}, ""},
		{"skew 0", func(s *verifyservice.Service) { s.TOTP.Skew, s.TOTP.TimeStep = new(0), new(30) }, []string{"warning skew-none totp.skew 0"}, "30 seconds"},
		{"skew 2", func(s *verifyservice.Service) { s.TOTP.Skew = new(2) }, []string{"info skew-wide totp.skew 2"}, "up to 60 seconds"},
		{"PSD2", func(s *verifyservice.Service) { s.PSD2Enabled = new(true) }, []string{"error psd2 psd2_enabled true"}, "60206"},
		{"4 digits by SMS", func(s *verifyservice.Service) { s.CodeLength = 4 }, []string{"warning code-length code_length 4"}, ""},
		{"5 digits by SMS", func(s *verifyservice.Service) { s.CodeLength = 5 }, []string{"warning code-length code_length 5"}, ""},
		{"custom codes", func(s *verifyservice.Service) { s.CustomCodeEnabled = new(true) }, []string{"warning custom-code custom_code_enabled true"}, "Fraud"},
		{"landlines skipped without a lookup", func(s *verifyservice.Service) { s.SkipSMSToLandlines = new(true) },
			[]string{"warning skip-without-lookup skip_sms_to_landlines true"}, "no effect"},
		{"landlines skipped", func(s *verifyservice.Service) { s.SkipSMSToLandlines, s.LookupEnabled = new(true), new(true) },
			[]string{"info skip-landlines skip_sms_to_landlines true"}, "60205"},
		{"do not share", func(s *verifyservice.Service) { s.DoNotShareWarning = new(true) },
			[]string{"info do-not-share do_not_share_warning_enabled true"}, "never ask"},
		{"voicemail", func(s *verifyservice.Service) { s.DTMFInputRequired = new(false) }, []string{"warning dtmf dtmf_input_required false"}, "voicemail"},
		{"template", func(s *verifyservice.Service) { s.DefaultTemplateSID = "HJ1" }, []string{"info template default_template_sid HJ1"}, ""},
		{"impossible", func(s *verifyservice.Service) {
			s.CodeLength = 11
			s.TOTP = verifyservice.TOTPDefaults{TimeStep: new(3600), CodeLength: new(0), Skew: new(-1)}
		}, []string{"error impossible totp.time_step 3600", "error impossible totp.code_length 0", "error impossible totp.skew -1",
			"error impossible code_length 11", "info not-told  "}, "may not be Twilio's"},
		{"barely possible", func(s *verifyservice.Service) { s.TOTP.CodeLength = new(9) }, []string{"error impossible totp.code_length 9"}, "3 to 8"},
		{"3 digits by SMS", func(s *verifyservice.Service) { s.CodeLength = 3 }, []string{"error impossible code_length 3", "info not-told  "}, "4 to 10"},
		{"not told", func(s *verifyservice.Service) {
			s.CodeLength, s.LookupEnabled, s.SkipSMSToLandlines, s.PSD2Enabled = 0, nil, new(true), nil
			s.DoNotShareWarning, s.DTMFInputRequired, s.CustomCodeEnabled = nil, nil, nil
		}, []string{"info not-told  "}, "code_length, lookup_enabled, psd2_enabled, do_not_share_warning_enabled, dtmf_input_required, custom_code_enabled,"},
		{"errors first", func(s *verifyservice.Service) {
			s.Issuer, s.DoNotShareWarning, s.PSD2Enabled = "", new(true), new(true)
		},
			[]string{"error psd2 psd2_enabled true", "warning issuer-unset totp.issuer ", "info do-not-share do_not_share_warning_enabled true"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := soundService()
			test.edit(&s)
			found := verifyservice.Check(s)
			var got []string
			for _, f := range found {
				got = append(got, strings.Join([]string{f.Severity.String(), f.ID, f.Setting, f.Value}, " "))
				if f.Message == "" || strings.HasSuffix(f.Message, ".") || strings.Count(f.Message, ". ") > 1 {
					t.Errorf("%s: message %q", f.ID, f.Message)
				}
				if f.Severity != finding.Info && f.Fix.Empty() {
					t.Errorf("%s: nothing to set", f.ID)
				}
			}
			if want := append(test.want, always); !slices.Equal(got, want) {
				t.Fatalf("got %q, want %q", got, want)
			}
			if !strings.Contains(found[0].Message, test.says) {
				t.Errorf("%q does not say %q", found[0].Message, test.says)
			}
		})
	}
}

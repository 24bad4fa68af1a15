package verifyservice

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/finding"
)

// Twilio's defaults for what is unset, and what every authenticator app can do (docs/facts/twilio-verify.md §1.2, §5).
const (
	DefaultTimeStep   = 30
	DefaultCodeLength = 6
	DefaultSkew       = 1
)

// fewDigits is the length up to which Twilio takes 10 challenges a day from a factor (60312, docs/facts/twilio-verify.md §1.3).
const fewDigits = 4

// Check checks the settings of a Verify service that Twilio's API shows (docs/facts/twilio-verify.md §5). It returns the findings,
// errors first. What the API doesn't show is a finding too, so that nothing looks checked that isn't.
func Check(s Service) []finding.Finding {
	c := &serviceCheck{s: s}
	c.names()
	c.impossible()
	c.totp()
	c.messages()
	c.unseen()
	finding.Sort(c.found)
	return c.found
}

type serviceCheck struct {
	s     Service
	found []finding.Finding
}

func (c *serviceCheck) add(id string, severity finding.Severity, setting, value, message, fix string) {
	c.found = append(c.found, finding.Finding{ID: id, Severity: severity, Setting: setting, Value: value, Message: message, Fix: errs.Plain(fix)})
}

// names looks at what people see: the issuer over the code in their app, the friendly name in an SMS.
func (c *serviceCheck) names() {
	if c.s.Issuer == "" {
		c.add("issuer-unset", finding.Warning, "totp.issuer", "",
			fmt.Sprintf("authenticator apps show the friendly name, %q, beside the code. Users with several accounts must recognise yours by it", c.s.FriendlyName),
			"set Totp.Issuer to your company's name; accounts that are in an app already keep the old one")
	}
	const tells = "this tells nobody that it is your company's, "
	if generic(c.s.Issuer) {
		c.add("issuer-generic", finding.Info, "totp.issuer", c.s.Issuer,
			tells+"and it is what authenticator apps show beside the code", "set Totp.Issuer to your company's name")
	}
	if generic(c.s.FriendlyName) {
		c.add("friendly-name-generic", finding.Info, "friendly_name", c.s.FriendlyName,
			tells+"and it is what an SMS or a call says the code is for", "set FriendlyName to your company's name")
	}
}

// genericWords are the words of names that were given by default or in a hurry.
var genericWords = []string{"a", "account", "app", "application", "auth", "authentication", "code", "default", "demo", "dev", "example", "first", "friendly",
	"issuer", "mfa", "my", "name", "new", "otp", "our", "sample", "sandbox", "service", "test", "testing", "the", "totp", "twilio", "untitled",
	"verification", "verify", "2fa"}

// generic reports whether a name is made of words that any service could have.
func generic(name string) bool {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return r == ' ' || r == '-' || r == '_' })
	for _, w := range words {
		plain := strings.TrimRight(w, "0123456789")
		if plain != "" && !slices.Contains(genericWords, plain) && !slices.Contains(genericWords, w) {
			return false
		}
	}
	return len(words) > 0
}

// impossible looks for values that Twilio does not permit (docs/facts/twilio-verify.md §1.2): then the answer was not Twilio's, or
// Twilio has changed, and nothing else in it is worth much. Such a value is unset for the checks that follow.
func (c *serviceCheck) impossible() {
	judge := func(setting string, value *int, low, high int) *int {
		if value == nil || low <= *value && *value <= high {
			return value
		}
		c.add("impossible", finding.Error, setting, strconv.Itoa(*value),
			fmt.Sprintf("Twilio permits %d to %d, so this answer may not be Twilio's, and nothing that follows from it was checked", low, high),
			"look at UZERP_MFA_VERIFY_URL and the proxy, and at the service in Twilio's console")
		return nil
	}
	t := &c.s.TOTP
	t.TimeStep = judge("totp.time_step", t.TimeStep, 20, 60)
	t.CodeLength = judge("totp.code_length", t.CodeLength, 3, 8)
	t.Skew = judge("totp.skew", t.Skew, 0, 2)
	if n := c.s.CodeLength; n != 0 && judge("code_length", &n, 4, 10) == nil {
		c.s.CodeLength = 0
	}
}

// totp looks at what new factors are made with. A factor keeps what it was made with.
func (c *serviceCheck) totp() {
	t := c.s.TOTP
	step := valueOr(t.TimeStep, DefaultTimeStep)
	const never = "so its codes never match, and a user with such an app can not enroll and so not log in"
	if step != DefaultTimeStep {
		c.add("time-step", finding.Warning, "totp.time_step", strconv.Itoa(step),
			"many authenticator apps ignore this and make a new code every 30 seconds, "+never, "set Totp.TimeStep to 30; new enrollments have it then")
	}
	switch digits := valueOr(t.CodeLength, DefaultCodeLength); {
	case digits <= fewDigits:
		c.add("totp-code-length", finding.Error, "totp.code_length", strconv.Itoa(digits),
			fmt.Sprintf("a code of %d digits can be guessed, and Twilio takes only 10 of them a day from a user: "+
				"a user who logs in more often is locked out until the next day", digits),
			"set Totp.CodeLength to 6, and reset the users who enrolled with less")
	case digits != DefaultCodeLength:
		c.add("totp-code-length", finding.Warning, "totp.code_length", strconv.Itoa(digits),
			"many authenticator apps ignore this and show 6 digits, "+never, "set Totp.CodeLength to 6; new enrollments have it then")
	}
	switch skew := valueOr(t.Skew, DefaultSkew); {
	case skew == 0:
		c.add("skew-none", finding.Warning, "totp.skew", "0",
			fmt.Sprintf("a code is taken only in its own %d seconds, so a phone whose clock is a few seconds off is refused", step),
			"set Totp.Skew to 1; new enrollments have it then")
	case skew > DefaultSkew:
		c.add("skew-wide", finding.Info, "totp.skew", strconv.Itoa(skew),
			fmt.Sprintf("a code is taken up to %d seconds before and after its time: wrong clocks hurt less, "+
				"and a code that somebody else saw is of use for longer", skew*step),
			"set Totp.Skew to 1 if that is not wanted")
	}
}

// messages looks at SMS and calls, with which callers are verified.
func (c *serviceCheck) messages() {
	s := c.s
	if isTrue(s.PSD2Enabled) {
		c.add("psd2", finding.Error, "psd2_enabled", "true",
			"Twilio wants an amount and a payee with every SMS, and makes no calls (60206, 60214), so nobody gets a code on the phone", "set Psd2Enabled to false")
	}
	if s.CodeLength > 0 && s.CodeLength < DefaultCodeLength {
		c.add("code-length", finding.Warning, "code_length", strconv.Itoa(s.CodeLength),
			"a caller who is not who they say has five guesses at each code that is sent, and this is few digits to guess", "set CodeLength to 6")
	}
	if isTrue(s.CustomCodeEnabled) {
		c.add("custom-code", finding.Warning, "custom_code_enabled", "true",
			"with this on, Twilio is reported to bill each attempt and not each success, and Fraud Guard is weaker. Neither uzERP nor this program uses it",
			"set CustomCodeEnabled to false")
	}
	switch skip := isTrue(s.SkipSMSToLandlines); {
	case skip && s.LookupEnabled != nil && !*s.LookupEnabled:
		c.add("skip-without-lookup", finding.Warning, "skip_sms_to_landlines", "true",
			"this has no effect without lookup_enabled: an SMS to a landline is sent, and the user waits for it in vain", "set LookupEnabled to true too")
	case skip && isTrue(s.LookupEnabled):
		c.add("skip-landlines", finding.Info, "skip_sms_to_landlines", "true",
			"an SMS to a landline is refused (60205), and the helpdesk must expect that", "")
		c.found[len(c.found)-1].Fix = ReasonSkipsLandlines.With()
	}
	if isTrue(s.DoNotShareWarning) {
		c.add("do-not-share", finding.Info, "do_not_share_warning_enabled", "true",
			"the SMS says that your employees will never ask for the code, and the helpdesk asks for it. Careful users will rightly refuse to read it out",
			"decide: set DoNotShareWarningEnabled to false, or identify with calls")
	}
	if s.DTMFInputRequired != nil && !*s.DTMFInputRequired {
		c.add("dtmf", finding.Warning, "dtmf_input_required", "false",
			"a call gives the code to whatever answers, so a person who can listen to a user's voicemail passes for that user", "set DtmfInputRequired to true")
	}
	if s.DefaultTemplateSID != "" {
		c.add("template", finding.Info, "default_template_sid", s.DefaultTemplateSID,
			"an SMS has the text of this template, which can not be seen from here", "read it in Twilio's console")
	}
}

// unseen says what was not looked at.
func (c *serviceCheck) unseen() {
	s := c.s
	var untold []string
	for _, setting := range []struct {
		name string
		told bool
	}{
		{"code_length", s.CodeLength > 0}, {"lookup_enabled", s.LookupEnabled != nil}, {"skip_sms_to_landlines", s.SkipSMSToLandlines != nil},
		{"psd2_enabled", s.PSD2Enabled != nil}, {"do_not_share_warning_enabled", s.DoNotShareWarning != nil},
		{"dtmf_input_required", s.DTMFInputRequired != nil}, {"custom_code_enabled", s.CustomCodeEnabled != nil},
	} {
		if !setting.told {
			untold = append(untold, setting.name)
		}
	}
	if len(untold) > 0 {
		c.add("not-told", finding.Info, "", "", "Twilio's answer has no value for "+strings.Join(untold, ", ")+", so nothing was checked there", "")
	}
	c.add("not-seen", finding.Info, "", "",
		"which channels are enabled, Fraud Guard and the geo permissions for SMS and calls can not be seen from here, "+
			"and rate limits and webhooks were not looked at",
		"look in Twilio's console that SMS and voice are enabled for this service and for the countries of your users")
}

func valueOr(p *int, otherwise int) int {
	if p == nil {
		return otherwise
	}
	return *p
}

func isTrue(p *bool) bool { return p != nil && *p }

package verifyservice

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"uzerp-mfa/internal/errs"
)

const (
	maxServiceName = 30 // docs/facts/twilio-verify.md §1.2: Twilio gives two numbers, this is the smaller
	maxNameDigits  = 4
	maxIssuer      = 64
)

// CheckFriendlyName returns what is wrong with the name of a Verify service, which SMS and calls show: errs.Usage
// (docs/facts/twilio-verify.md §1.2).
func CheckFriendlyName(name string) error {
	digits := 0
	for _, r := range name {
		switch {
		case unicode.IsDigit(r):
			digits++
		case !unicode.IsLetter(r) && r != ' ' && r != '-' && r != '_':
			return errs.New(errs.Usage, fmt.Sprintf("the friendly name must not hold %q", r), "letters, digits, spaces, - and _ are allowed")
		}
	}
	n := utf8.RuneCountInString(name)
	switch {
	case strings.TrimSpace(name) == "":
		return errs.New(errs.Usage, "the friendly name is empty", "give the name that users see in SMS, such as the company's")
	case strings.TrimSpace(name) != name:
		return errs.New(errs.Usage, "the friendly name begins or ends with a space", "")
	case n > maxServiceName:
		return errs.New(errs.Usage, fmt.Sprintf("the friendly name has %d characters, and Twilio allows %d", n, maxServiceName), "choose a shorter one")
	case digits > maxNameDigits:
		return errs.New(errs.Usage, fmt.Sprintf("the friendly name has %d digits, and Twilio allows %d", digits, maxNameDigits),
			"a name that looks like a phone number is refused")
	}
	return nil
}

// CheckIssuer returns what is wrong with the issuer that authenticator apps show: errs.Usage. It may be empty: apps then show
// the friendly name. Twilio documents no rules for it; these keep it readable, and the account's label in two parts.
func CheckIssuer(issuer string) error {
	for _, r := range issuer {
		if r == ':' || r == utf8.RuneError || !unicode.IsPrint(r) {
			return errs.New(errs.Usage, fmt.Sprintf("the issuer must not hold %q", r), "apps show it before the user name, as in \"ACME: alice\"")
		}
	}
	n := utf8.RuneCountInString(issuer)
	switch {
	case strings.TrimSpace(issuer) != issuer:
		return errs.New(errs.Usage, "the issuer begins or ends with a space", "")
	case n > maxIssuer:
		return errs.New(errs.Usage, fmt.Sprintf("the issuer has %d characters, and apps show far fewer than %d", n, maxIssuer), "choose a shorter one")
	}
	return nil
}

// Package phone reads the phone numbers that people typed into uzERP.
//
// Its law: the number decides who is let in, so a text is one number beyond doubt, or it is refused. Libraries for phone
// numbers find one in nearly any text, guess what is missing and drop what they can't use. Here a text must be written like
// one number, there must be one number only that it can be, and prefix and number together must be the digits that stand
// there. No text and no whole number is in an error.
package phone

import (
	"strconv"
	"strings"

	"uzerp-mfa/internal/mfa"
)

const correctIt = "correct it in uzERP, in the contact details of the person; written like +44 7700 900000 there is no doubt"

// Parse gives the phone number that text is. A number without its country is read as one of region (ISO 3166, "GB"),
// which may be empty. It fails with KindRefused where the text is not one number, or is one that proves nothing about a
// person, with KindConfig where it lacks its country and there is no region, and with KindUsage for a region that is none.
func Parse(text, region string) (mfa.Phone, error) {
	region = strings.ToUpper(region)
	if _, _, known := planOf(region); region != "" && !known {
		return mfa.Phone{}, mfa.NewError(mfa.KindUsage, strconv.Quote(region)+" is no region that has phone numbers",
			"two letters of ISO 3166 are needed, such as GB, IE or US")
	}
	w, ok := read(strings.TrimSpace(text))
	switch {
	case !ok && hasExtension(text):
		return mfa.Phone{}, mfa.NewError(mfa.KindRefused, "the phone number has an extension, and no code can be sent to one", correctIt)
	case !ok:
		return mfa.Phone{}, unreadable()
	case !w.international && region == "":
		return mfa.Phone{}, mfa.NewError(mfa.KindConfig, "the phone number is written without its country, and no region is set",
			"set UZERP_MFA_PHONE_REGION or --region to the country of such numbers, such as GB")
	}
	n, ok := w.number(region)
	if !ok {
		return mfa.Phone{}, unreadable()
	}
	if n.kind == nobodys {
		return mfa.Phone{}, mfa.NewError(mfa.KindRefused,
			"the phone number is of a kind that identifies nobody: premium-rate, shared-cost, freephone, pager, voicemail or the like", correctIt)
	}
	return mfa.Phone{E164: mfa.NewSecret(n.e164()), Masked: n.masked(), Landline: n.kind == fixed}, nil
}

func unreadable() error {
	return mfa.NewError(mfa.KindRefused, "the text can't be read as one phone number", correctIt)
}

// number is one that somebody can have.
type number struct {
	code     string // its country's
	national string // its digits after that, without a trunk prefix
	trunk    string // what is dialed before national numbers there: "0" nearly everywhere, or nothing
	kind     kind
}

func (n number) e164() string { return "+" + n.code + n.national }

// masked shows the last digits, which tell the person whose number it is which one it is, and others nearly nothing.
func (n number) masked() string {
	hidden := len(n.national) - min(3, len(n.national)/3)
	return "+" + n.code + " " + strings.Repeat("*", hidden) + n.national[hidden:]
}

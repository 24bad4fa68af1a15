package caller

import (
	"slices"
	"strconv"
	"strings"

	"github.com/nyaruka/phonenumbers"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/secret"
)

const correctIt = "correct it in uzERP, in the contact details of the person; written like +44 7700 900000 there is no doubt"

// ParsePhone reads a text that is one phone number. A number without country code is read as one of region (ISO 3166,
// such as "GB"), which may be empty, and says so in Phone.Region. The error is of errs.Refused if the text is not one number, or if such a number
// does not belong to one person; of errs.Config if the country code is missing and region is empty; and of errs.Usage
// if there is no such region.
func ParsePhone(text, region string) (Phone, error) {
	region = strings.ToUpper(region)
	if region != "" && !phonenumbers.GetSupportedRegions()[region] {
		return Phone{}, errs.New(errs.Usage, strconv.Quote(region)+" is no region that has phone numbers",
			"two letters of ISO 3166 are needed, such as GB, IE or US")
	}
	w, ok := read(strings.TrimSpace(text))
	switch {
	case !ok && hasExtension(text):
		return Phone{}, errs.New(errs.Refused, "the phone number has an extension, and no code can be sent to one", correctIt)
	case !ok:
		return Phone{}, notANumber()
	case !w.international && region == "":
		return Phone{}, errs.NewWith(errs.Config, "the phone number is written without its country, and no region is set",
			ReasonNoRegion.With())
	}
	n, ok := w.number(region)
	if !ok {
		return Phone{}, notANumber()
	}
	if n.ofNoCountry || !slices.Contains([]phonenumbers.PhoneNumberType{phonenumbers.MOBILE, phonenumbers.FIXED_LINE_OR_MOBILE,
		phonenumbers.FIXED_LINE, phonenumbers.VOIP}, n.kind) {
		return Phone{}, errs.New(errs.Refused,
			"the phone number is of a kind that identifies nobody: premium-rate, shared-cost, freephone, satellite, pager, voicemail or the like", correctIt)
	}
	phone := Phone{E164: secret.New(n.e164()), Masked: n.masked(), Landline: n.kind == phonenumbers.FIXED_LINE}
	if !w.international {
		phone.Region = region
	}
	return phone, nil
}

func notANumber() error {
	return errs.New(errs.Refused, "the text can't be read as one phone number", correctIt)
}

// number is a valid phone number.
type number struct {
	country  string // its calling code
	national string // its digits after that, without a trunk prefix
	asDialed string // its digits as its country writes them
	trunk    string // what its country dials before national numbers: "0" nearly everywhere, or nothing
	kind     phonenumbers.PhoneNumberType

	ofNoCountry bool // its code belongs to no country: satellites and other networks of the whole world
}

func (n number) e164() string { return "+" + n.country + n.national }

// masked returns the number with only its last digits, at most three. Its owner recognizes it; others learn nearly
// nothing.
func (n number) masked() string {
	hidden := len(n.national) - min(3, len(n.national)/3)
	return "+" + n.country + " " + strings.Repeat("*", hidden) + n.national[hidden:]
}

// lookUp returns the number with these digits, which begin with + or are as dialed in region.
func lookUp(digits, region string) (number, bool) {
	parsed, err := phonenumbers.Parse(digits, region)
	if err != nil {
		return number{}, false
	}
	code := int(parsed.GetCountryCode())
	country := phonenumbers.GetRegionCodeForCountryCode(code)
	if region == phonenumbers.UNKNOWN_REGION {
		region = country
	}
	n := number{
		country:  strconv.Itoa(code),
		national: phonenumbers.GetNationalSignificantNumber(parsed),
		asDialed: phonenumbers.NormalizeDigitsOnly(phonenumbers.Format(parsed, phonenumbers.NATIONAL)),
		trunk:    phonenumbers.GetNddPrefixForRegion(region, true),
		kind:     phonenumbers.GetNumberType(parsed),

		ofNoCountry: country == phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY,
	}
	if forFilms(n) {
		n.kind = phonenumbers.MOBILE
	} else if !phonenumbers.IsValidNumber(parsed) {
		return number{}, false
	}
	length := len(n.country + n.national)
	return n, length >= 7 && length <= 15 // E.164; the library also knows longer ones
}

// forFilms reports whether n is a mobile number that Ofcom reserves for drama (its "Telephone numbers for use in TV and
// radio drama"). Nobody has such a number, so the sandbox and the tests use them. The library doesn't know them.
func forFilms(n number) bool {
	return n.country == "44" && len(n.national) == 10 && strings.HasPrefix(n.national, "7700900")
}

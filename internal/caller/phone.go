package caller

import (
	"strconv"
	"strings"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/numbering"
	"uzerp-mfa/internal/secret"
)

const correctIt = "correct it in uzERP, in the contact details of the person; written like +44 7700 900000 there is no doubt"

// ParsePhone reads a text that is one phone number. A number without country code is read as one of region (ISO 3166,
// such as "GB"), which may be empty, and says so in Phone.Region. The error is of errs.Refused if the text is not one number, or if such a number
// does not belong to one person; of errs.Config if the country code is missing and region is empty; and of errs.Usage
// if there is no such region.
func ParsePhone(text, region string) (Phone, error) {
	region = strings.ToUpper(region)
	if region != "" && !numbering.Supported(region) {
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
	if n.OfNoCountry || n.Kind == numbering.Other {
		return Phone{}, errs.New(errs.Refused,
			"the phone number is of a kind that identifies nobody: premium-rate, shared-cost, freephone, satellite, pager, voicemail or the like", correctIt)
	}
	phone := Phone{E164: secret.New(n.e164()), Masked: n.masked(), Landline: n.Kind == numbering.Fixed}
	if !w.international {
		phone.Region = region
	}
	return phone, nil
}

func notANumber() error {
	return errs.New(errs.Refused, "the text can't be read as one phone number", correctIt)
}

// number is a valid phone number.
type number struct{ numbering.Number }

func (n number) e164() string { return "+" + n.Country + n.National }

// masked returns the number with only its last digits, at most three. Its owner recognizes it; others learn nearly
// nothing.
func (n number) masked() string {
	hidden := len(n.National) - min(3, len(n.National)/3)
	return "+" + n.Country + " " + strings.Repeat("*", hidden) + n.National[hidden:]
}

// lookUp returns the number with these digits, which begin with + or are as dialed in region.
func lookUp(digits, region string) (number, bool) {
	found, ok := numbering.LookUp(digits, region)
	n := number{found}
	if forFilms(n) {
		n.Kind = numbering.Mobile
	} else if !n.Valid {
		return number{}, false
	}
	length := len(n.Country + n.National)
	return n, ok && length >= 7 && length <= 15 // E.164; the plans also have longer ones
}

// forFilms reports whether n is a mobile number that Ofcom reserves for drama (its "Telephone numbers for use in TV and
// radio drama"). Nobody has such a number, so the sandbox and the tests use them. The plans don't have them.
func forFilms(n number) bool {
	return n.Country == "44" && len(n.National) == 10 && strings.HasPrefix(n.National, "7700900")
}

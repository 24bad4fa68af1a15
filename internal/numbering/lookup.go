package numbering

import "strings"

// Kind is what a number is for.
type Kind int

// Other is freephone, premium-rate, shared-cost, personal, pager, voicemail and the like. FixedOrMobile is of a country
// whose numbers don't show which.
const (
	Other Kind = iota
	Mobile
	Fixed
	FixedOrMobile
	VoIP
)

// Anywhere is the region of somebody of whom none is known.
const Anywhere = "ZZ"

// Number is what can be a phone number by its length. It is one only if it is Valid.
type Number struct {
	Country  string // its calling code
	National string // its digits after that, without a trunk prefix
	AsDialed string // its digits as its country writes them
	Trunk    string // what is dialed before national numbers in the region of LookUp, or for Anywhere in its country; often nothing
	Kind     Kind   // Other if it is not Valid

	OfNoCountry bool // its code belongs to no country
	Valid       bool // its country has given out such numbers
}

// Supported reports whether a region (ISO 3166, such as "GB") has phone numbers.
func Supported(region string) bool { return supported()[region] }

const (
	shortest = 2  // digits of a national number
	longest  = 17 // Germany has such numbers
	mostRead = 250
)

// LookUp returns the number with these digits, which begin with + and a calling code, or are as dialed in region. A
// region that is not Supported, as Anywhere, has only numbers with +. LookUp reports false if the digits can't be a
// number: too few or too many, no calling code, or other characters.
func LookUp(digits, region string) (Number, bool) {
	number, plus := strings.CutPrefix(digits, "+")
	var here *plan
	if Supported(region) {
		here = planOf(region)
	}
	if !digitsOnly(number) || len(number) < shortest || len(number) > mostRead || here == nil && !plus {
		return Number{}, false
	}
	code, national, ok := split(number, plus, here)
	if !ok {
		return Number{}, false
	}
	reader := here // whose rules say what is before the national number
	if code == "" {
		code = here.code
	} else {
		reader = planOf(regionsOf()[code][0])
	}
	if len(national) < shortest {
		return Number{}, false
	}
	if short := reader.stripped(national); reader.fits(short) {
		national = short
	}
	if len(national) < shortest || len(national) > longest {
		return Number{}, false
	}
	main := planOf(regionsOf()[code][0])
	n := Number{Country: code, National: national, AsDialed: main.written(national), OfNoCountry: digitsOnly(main.name)}
	n.Kind, n.Valid = kindOf(code, national)
	switch {
	case region == Anywhere:
		n.Trunk = main.trunk
	case here != nil:
		n.Trunk = here.trunk
	}
	return n, true
}

func digitsOnly(text string) bool { return strings.Trim(text, "0123456789") == "" }

// split takes the calling code off a number that was dialed in a region, which is nil if none is known. The code is empty
// if the number has none.
func split(number string, plus bool, here *plan) (code, national string, ok bool) {
	if plus {
		if len(number) <= shortest {
			return "", "", false
		}
		if code, national = splitCode(number); code != "" || here == nil {
			return code, national, code != ""
		}
		// No code is like this. People also write + before what they dial.
		code, national, ok = split(number, false, here)
		return code, national, ok && code != ""
	}
	if rest, abroad := here.fromAbroad(number); abroad {
		if len(rest) <= shortest {
			return "", "", false
		}
		code, national = splitCode(rest)
		return code, national, code != ""
	}
	// The region's own code, if with it the digits are too many, or no number of the region, and without it they are one.
	if rest, found := strings.CutPrefix(number, here.code); found {
		rest = here.stripped(rest)
		tooLong := len(number) > here.lengths.longest() && !here.local.has(len(number))
		if tooLong || !here.number.matches(number) && here.number.matches(rest) {
			return here.code, rest, true
		}
	}
	return "", number, true
}

// splitCode takes the calling code off a number that begins with one. No code begins with another.
func splitCode(number string) (code, national string) {
	for n := 1; n <= 3 && n <= len(number); n++ {
		if _, ok := regionsOf()[number[:n]]; ok {
			return number[:n], number[n:]
		}
	}
	return "", ""
}

// fromAbroad takes off what the region dials before a number of another country, and reports whether it was there.
func (p *plan) fromAbroad(number string) (string, bool) {
	at := p.abroad().FindStringIndex(number)
	if at == nil || strings.HasPrefix(number[at[1]:], "0") { // no code begins with 0
		return number, false
	}
	return number[at[1]:], true
}

// stripped returns a national number without trunk prefix and the like. What is a number of the region, and without them
// would be none, stays as it is.
func (p *plan) stripped(national string) string {
	if p.strip == nil {
		return national
	}
	at := p.strip().FindStringSubmatchIndex(national)
	if at == nil {
		return national
	}
	short := national[at[1]:]
	if p.instead != "" && at[len(at)-1] > 0 {
		short = expand(p.instead, national, at) + short
	}
	if p.number.matches(national) && !p.number.matches(short) {
		return national
	}
	return short
}

// fits reports whether a national number is as long as some are, or longer than all.
func (p *plan) fits(national string) bool {
	n := len(national)
	return !p.local.has(n) && (p.lengths.has(n) || n > p.lengths.longest())
}

// written returns the digits that the region writes for a national number.
func (p *plan) written(national string) string {
	for _, w := range p.writes {
		if !w.leading.matches(national) {
			continue
		}
		if at := w.pattern().FindStringSubmatchIndex(national); at != nil {
			return expand(w.template, national, at)
		}
	}
	return national
}

// expand returns template with the groups that were found at these places of text.
func expand(template, text string, at []int) string {
	var b strings.Builder
	for i := 0; i < len(template); i++ {
		if template[i] != '$' {
			b.WriteByte(template[i])
			continue
		}
		i++
		if group := 2 * int(template[i]-'0'); at[group] >= 0 {
			b.WriteString(text[at[group]:at[group+1]])
		}
	}
	return b.String()
}

// kindOf returns the kind of a national number by the plan of its region, and whether there are such numbers.
func kindOf(code, national string) (Kind, bool) {
	regions := regionsOf()[code]
	for _, name := range regions {
		p := planOf(name)
		if len(regions) > 1 && p.leading != nil && !p.leading.matches(national) {
			continue
		}
		kind, valid := p.kindOf(national)
		if valid || p.leading != nil || len(regions) == 1 {
			return kind, valid // the region of the number, whether it has such numbers or not
		}
	}
	return Other, false
}

func (p *plan) kindOf(national string) (Kind, bool) {
	if !p.lengths.has(len(national)) || !p.number.matches(national) {
		return Other, false
	}
	found, valid := Other, false
	for _, rule := range p.kinds {
		switch {
		case rule.lengths != 0 && !rule.lengths.has(len(national)) || !rule.pattern.matches(national):
		case rule.kind == Fixed: // mobile comes after it
			found, valid = Fixed, true
		case found == Fixed && rule.kind == Mobile:
			return FixedOrMobile, true
		default:
			return rule.kind, true
		}
	}
	return found, valid
}

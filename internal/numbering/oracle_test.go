package numbering_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/nyaruka/phonenumbers"

	"uzerp-mfa/internal/numbering"
)

// oracle is LookUp as the library does it.
func oracle(digits, region string) (numbering.Number, bool) {
	parsed, err := phonenumbers.Parse(digits, region)
	if err != nil {
		return numbering.Number{}, false
	}
	code := int(parsed.GetCountryCode())
	country := phonenumbers.GetRegionCodeForCountryCode(code)
	if region == phonenumbers.UNKNOWN_REGION {
		region = country
	}
	n := numbering.Number{
		Country:  strconv.Itoa(code),
		National: phonenumbers.GetNationalSignificantNumber(parsed),
		AsDialed: phonenumbers.NormalizeDigitsOnly(phonenumbers.Format(parsed, phonenumbers.NATIONAL)),
		Trunk:    phonenumbers.GetNddPrefixForRegion(region, true),

		OfNoCountry: country == phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY,
		Valid:       phonenumbers.IsValidNumber(parsed),
	}
	switch phonenumbers.GetNumberType(parsed) {
	case phonenumbers.MOBILE:
		n.Kind = numbering.Mobile
	case phonenumbers.FIXED_LINE:
		n.Kind = numbering.Fixed
	case phonenumbers.FIXED_LINE_OR_MOBILE:
		n.Kind = numbering.FixedOrMobile
	case phonenumbers.VOIP:
		n.Kind = numbering.VoIP
	}
	return n, true
}

// differs says what LookUp and the library don't answer alike.
func differs(digits, region string) string {
	got, ok := numbering.LookUp(digits, region)
	if want, known := oracle(digits, region); ok != known || got != want {
		return fmt.Sprintf("%s in %q: %+v, %v; the library: %+v, %v", digits, region, got, ok, want, known)
	}
	return ""
}

// place is a country with its plan, or a code of no country.
type place struct {
	*phonenumbers.PhoneMetadata
	region, code string // the region is ZZ if it is of no country
}

var places = sync.OnceValue(func() []place {
	all, err := phonenumbers.MetadataCollection()
	if err != nil {
		panic(err)
	}
	var found []place
	for _, m := range all.GetMetadata() {
		p := place{m, m.GetId(), strconv.Itoa(int(m.GetCountryCode()))}
		if p.region == phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY {
			p.region = numbering.Anywhere
		}
		found = append(found, p)
	}
	return found
})

// examples returns a national number of each kind that p has, and the shortest and longest like it.
func (p place) examples() []string {
	found, all := map[string]bool{}, p.GetGeneralDesc()
	for _, d := range []*phonenumbers.PhoneNumberDesc{
		p.GetFixedLine(), p.GetMobile(), p.GetTollFree(), p.GetPremiumRate(), p.GetSharedCost(), p.GetPersonalNumber(), p.GetVoip(), p.GetPager(),
		p.GetUan(), p.GetVoicemail(), all,
	} {
		example := d.GetExampleNumber()
		if example == "" {
			continue
		}
		found[example] = true
		for _, lengths := range [][]int32{d.GetPossibleLength(), d.GetPossibleLengthLocalOnly(), all.GetPossibleLength(), all.GetPossibleLengthLocalOnly()} {
			if len(lengths) > 0 {
				found[resized(example, int(lengths[0]))] = true
				found[resized(example, int(lengths[len(lengths)-1]))] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

func resized(number string, length int) string {
	length = max(length, 0)
	return (number + strings.Repeat("2", length))[:length]
}

// near returns numbers that are nearly national: with a digit more or less, or another last one.
func near(national string) []string {
	all := []string{national, national + "0", national + "7"}
	if national == "" {
		return all
	}
	short := national[:len(national)-1]
	all = append(all, short)
	for last := range 10 {
		all = append(all, short+strconv.Itoa(last))
	}
	return all
}

// dialed returns a national number as people may write it.
func (p place) dialed(national string) []string {
	all := []string{national, "+" + p.code + national, p.code + national, "00" + p.code + national, "0" + national}
	if trunk := p.GetNationalPrefix(); trunk != "" && trunk != "0" {
		all = append(all, trunk+national)
	}
	if trunk := p.GetNationalPrefix(); trunk != "" {
		all = append(all, "+"+p.code+trunk+national, p.code+trunk+national)
	}
	return all
}

// Numbers near the library's examples of each country and kind, at home and abroad.
func TestNumbersOfAllCountries(t *testing.T) {
	t.Parallel()
	var compared atomic.Int64
	all := places()
	t.Run("all", func(t *testing.T) {
		for i, p := range all {
			abroad := all[(i*7+31)%len(all)]
			main := phonenumbers.GetRegionCodeForCountryCode(int(p.GetCountryCode()))
			t.Run(p.region+p.code, func(t *testing.T) {
				t.Parallel()
				made := i
				compare := func(digits string, regions ...string) {
					for _, region := range regions {
						if made++; made%share != 0 {
							continue
						}
						compared.Add(1)
						if problem := differs(digits, region); problem != "" {
							t.Error(problem)
						}
					}
				}
				for _, example := range p.examples() {
					for _, digits := range near(example) {
						compare("+"+p.code+digits, p.region)
					}
					for _, digits := range p.dialed(example) {
						compare(digits, p.region, main, abroad.region)
					}
					compare("+"+p.code+example, numbering.Anywhere, "")
				}
				for _, example := range []string{p.GetFixedLine().GetExampleNumber(), p.GetMobile().GetExampleNumber()} {
					for _, digits := range near(example) {
						compare(digits, p.region)
						compare(p.GetNationalPrefix()+digits, p.region)
					}
					for _, prefix := range []string{abroad.code, "+" + abroad.code, "00" + abroad.code, "011", "+00", "+011" + p.code, "+0", "+", "810", "15", "9", "90"} {
						compare(prefix+example, p.region)
					}
					if idd := abroad.GetInternationalPrefix(); strings.Trim(idd, "0123456789") == "" {
						compare(idd+p.code+example, abroad.region, p.region)
					}
					compare(example, numbering.Anywhere, "", "XX", "gb", "001")
				}
				random := rand.New(rand.NewPCG(uint64(i), 1))
				for range 20 {
					digits := resized("", 2+random.IntN(17))
					digits = strings.Map(func(rune) rune { return '0' + random.Int32N(10) }, digits)
					compare(digits, p.region)
					compare("+"+p.code+digits, p.region)
					compare(p.GetNationalPrefix()+digits, p.region)
				}
			})
		}
	})
	t.Logf("%d numbers", compared.Load())
	if compared.Load() < 100_000/share {
		t.Error("too few")
	}
}

func TestSupported(t *testing.T) {
	t.Parallel()
	known := phonenumbers.GetSupportedRegions()
	for _, region := range slices.Concat(slices.Collect(maps.Keys(known)), []string{"", "ZZ", "XX", "gb", "001", "800", "GB ", "GB\n"}) {
		if numbering.Supported(region) != known[region] {
			t.Errorf("%q: supported is %v", region, !known[region])
		}
	}
}

// Only digits are looked up, and + before them. The library also reads other texts, which nobody needs.
func TestNotDigits(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "+", "++447700900123", "+44 7700 900123", "07700-900123", "tel:+447700900123", "0770090012a", "\u0660\u0661\u0662", "0\x00",
		strings.Repeat("0", 300),
	} {
		if n, ok := numbering.LookUp(text, "GB"); ok {
			t.Errorf("%q is %+v", text, n)
		}
	}
}

func FuzzLookup(f *testing.F) {
	for i, p := range places() {
		example := p.GetGeneralDesc().GetExampleNumber() + p.GetFixedLine().GetExampleNumber()
		f.Add("+"+p.code+example, uint8(i))
		f.Add(p.GetNationalPrefix()+example, uint8(i))
		f.Add(p.GetInternationalPrefix()+p.code+example, uint8(i))
	}
	f.Fuzz(func(t *testing.T, text string, place uint8) {
		digits := strings.Map(func(r rune) rune {
			if r < '0' || r > '9' {
				return -1
			}
			return r
		}, text)
		if strings.HasPrefix(text, "+") {
			digits = "+" + digits
		}
		region := numbering.Anywhere
		if all := places(); int(place) < len(all) {
			region = all[place].region
		}
		if problem := differs(digits, region); problem != "" {
			t.Error(problem)
		}
		if _, ok := numbering.LookUp(text, region); ok && text != digits {
			t.Errorf("%q is a number", text)
		}
	})
}

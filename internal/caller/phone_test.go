package caller_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/nyaruka/phonenumbers"

	"uzerp-mfa/internal/caller"
	"uzerp-mfa/internal/errs"
)

func TestNumbers(t *testing.T) {
	for _, c := range []struct {
		text, region, e164, masked string
		landline                   bool
	}{
		{"07700 900123", "GB", "+447700900123", "+44 *******123", false},
		{"07700 900123", "gb", "+447700900123", "+44 *******123", false},
		{"+44 (0)7700 900456", "GB", "+447700900456", "+44 *******456", false},
		{"+44 (0)7700 900456", "", "+447700900456", "+44 *******456", false},
		{"+44 (0) 7700 900456", "US", "+447700900456", "+44 *******456", false},
		{"0044 7700 900456", "", "+447700900456", "+44 *******456", false},
		{"00 44 (0)7700 900456", "DE", "+447700900456", "+44 *******456", false},
		{"0044 7700 900456", "US", "+447700900456", "+44 *******456", false}, // in the US one dials 011 instead
		{"(+44) 7700 900456", "", "+447700900456", "+44 *******456", false},
		{"+ 44 7700 900456", "", "+447700900456", "+44 *******456", false},
		{"+44 07700 900456", "", "+447700900456", "+44 *******456", false},
		{"+447700900456", "FR", "+447700900456", "+44 *******456", false},
		{"  07700\u00a0900\u202f123\t\n", "GB", "+447700900123", "+44 *******123", false},
		{"07700-900.123", "GB", "+447700900123", "+44 *******123", false},
		{"(07700) 900123", "GB", "+447700900123", "+44 *******123", false},
		{"(07700 900123)", "GB", "+447700900123", "+44 *******123", false},
		{"7700 900123", "GB", "+447700900123", "+44 *******123", false},  // a spreadsheet dropped the 0
		{"447700900123", "GB", "+447700900123", "+44 *******123", false}, // a spreadsheet dropped the +
		{"020 7946 0018", "GB", "+442079460018", "+44 *******018", true},
		{"(0)20 7946 0018", "GB", "+442079460018", "+44 *******018", true},
		{"(020) 7946 - 0018", "GB", "+442079460018", "+44 *******018", true},
		{"+44 (20) 7946 0018", "", "+442079460018", "+44 *******018", true},
		{"01534 440000", "GB", "+441534440000", "+44 *******000", true},   // Jersey
		{"056 0000 0000", "GB", "+445600000000", "+44 *******000", false}, // Internet telephony
		{"(212) 555-2368", "US", "+12125552368", "+1 *******368", false},
		{"1-212-555-2368", "US", "+12125552368", "+1 *******368", false},
		{"+1 (212) 555-2368", "", "+12125552368", "+1 *******368", false},
		{"212.555.2368", "US", "+12125552368", "+1 *******368", false},
		{"656 200 0000", "US", "+16562000000", "+1 *******000", false}, // as Americans write it; +656… would be Singapore
		{"416-555-2368", "US", "+14165552368", "+1 *******368", false}, // Canada
		{"0171 1234567", "DE", "+491711234567", "+49 *******567", false},
		{"0171/1234567", "DE", "+491711234567", "+49 *******567", false},
		{"0171 - 123 45 67", "DE", "+491711234567", "+49 *******567", false},
		{"1711234567", "DE", "+491711234567", "+49 *******567", false},
		{"030/123456", "DE", "+4930123456", "+49 ******56", true},
		{"+49 (0)30/123456", "", "+4930123456", "+49 ******56", true},
		{"+49 30 / 12 34 56", "", "+4930123456", "+49 ******56", true},
		{"030 123456-78", "DE", "+493012345678", "+49 *******678", true},
		{"06 12 34 56 78", "FR", "+33612345678", "+33 ******678", false},
		{"01.42.68.53.00", "FR", "+33142685300", "+33 ******300", true},
		{"+33 (0)6 12 34 56 78", "", "+33612345678", "+33 ******678", false},
		{"06 698 12345", "IT", "+390669812345", "+39 *******345", true}, // in Italy the 0 is part of the number
		{"+39 06 698 12345", "", "+390669812345", "+39 *******345", true},
		{"347 1234567", "IT", "+393471234567", "+39 *******567", false},
		{"8 (912) 345-67-89", "RU", "+79123456789", "+7 *******789", false},
		{"+7 912 345-67-89", "", "+79123456789", "+7 *******789", false},
		{"02/511.12.34", "BE", "+3225111234", "+32 ******34", true},
		{"612 345 678", "ES", "+34612345678", "+34 ******678", false},
		{"21 23 45 67", "DK", "+4521234567", "+45 ******67", false},
		{"139 1234 5678", "CN", "+8613912345678", "+86 ********678", false}, // no 0 before a Chinese mobile number
		{"085 012 3456", "IE", "+353850123456", "+353 ******456", false},
		{"+683 4002", "", "+6834002", "+683 ***2", true}, // Niue: one of the four digits is shown
		{"+290 22222", "", "+29022222", "+290 ****2", true},
	} {
		p, err := caller.ParsePhone(c.text, c.region)
		if err != nil || p.E164.Reveal() != c.e164 || p.Masked != c.masked || p.Landline != c.landline {
			t.Errorf("%q in %q: %s, %s, landline %v, %v", c.text, c.region, p.E164.Reveal(), p.Masked, p.Landline, err)
		}
	}
}

// The numbers of every country can be read: here the library's own example of each, in the three forms that it writes.
func TestEveryCountrysMobileAndFixedNumbers(t *testing.T) {
	// Argentina dials 0 11 15 2345-6789 for +54 9 11 2345-6789, without the 9.
	excepted := []string{"AR"}
	tried := 0
	for region := range phonenumbers.GetSupportedRegions() {
		for _, kind := range []phonenumbers.PhoneNumberType{phonenumbers.MOBILE, phonenumbers.FIXED_LINE} {
			example := phonenumbers.GetExampleNumberForType(region, kind)
			if example == nil {
				continue
			}
			want := phonenumbers.Format(example, phonenumbers.E164)
			for form, text := range map[string]string{
				"E.164":         want,
				"international": phonenumbers.Format(example, phonenumbers.INTERNATIONAL),
				"national":      phonenumbers.Format(example, phonenumbers.NATIONAL),
			} {
				tried++
				got, err := caller.ParsePhone(text, region)
				if form == "national" && slices.Contains(excepted, region) && err != nil {
					continue
				}
				if err != nil || got.E164.Reveal() != want || got.Landline && kind == phonenumbers.MOBILE {
					t.Errorf("%s, %s: %q is %s, landline %v, %v", region, form, text, got.E164.Reveal(), got.Landline, err)
				}
			}
		}
	}
	if tried < 1000 {
		t.Errorf("only %d numbers were tried", tried)
	}
}

const (
	unreadable = "the text can't be read as one phone number"
	extension  = "the phone number has an extension, and no code can be sent to one"
	nobody     = "the phone number is of a kind that identifies nobody: premium-rate, shared-cost, freephone, satellite, pager, voicemail or the like"
)

func TestRefused(t *testing.T) {
	for _, c := range []struct{ text, region, message string }{
		{"", "GB", unreadable},
		{" \t", "GB", unreadable},
		{"none", "GB", unreadable},
		{"+", "GB", unreadable},
		{"()", "GB", unreadable},
		{"0", "GB", unreadable},
		{"00", "GB", unreadable},
		{"+0", "GB", unreadable},
		{"1", "US", unreadable},
		{"112", "GB", unreadable},
		{"999", "GB", unreadable},
		{"Alice 07700 900123", "GB", unreadable},
		{"07700 900123 (Alice)", "GB", unreadable},
		{"mobile: 07700 900123", "GB", unreadable},
		{"07700 9OO123", "GB", unreadable},
		{"1-800-FLOWERS", "US", unreadable},
		{"tel:+44-7700-900123", "GB", unreadable},
		{"+44 7700 900123;phone-context=+44", "GB", unreadable},
		{"+44 7700 900123;isub=1", "GB", unreadable},
		{"++447700900123", "GB", unreadable},
		{"+44+7700900123", "GB", unreadable},
		{"07700+900123", "GB", unreadable},
		{"(+44 7700 900123", "GB", unreadable},
		{"07700) 900123", "GB", unreadable},
		{"((07700)) 900123", "GB", unreadable},
		{"() 07700 900123", "GB", unreadable},
		{"-07700 900123", "GB", unreadable},
		{"07700 900123 -", "GB", unreadable},
		{"07700 900123/", "GB", unreadable},
		{"07700, 900123", "GB", unreadable},
		{"07700_900123", "GB", unreadable},
		{"07700*900123", "GB", unreadable},
		{"07700~900123", "GB", unreadable},
		{"[07700] 900123", "GB", unreadable},
		{"07700\n900123", "GB", unreadable},
		{"07700\u200b900123", "GB", unreadable},
		{"07700\u2013900123", "GB", unreadable},
		{"\u202e07700900123", "GB", unreadable},
		{"07700\x00900123", "GB", unreadable},
		{"07700\xff900123", "GB", unreadable},
		{"０７７００９００１２３", "GB", unreadable},
		{"٠٧٧٠٠٩٠٠١٢٣", "GB", unreadable},
		{"＋44 7700 900123", "GB", unreadable},
		{strings.Repeat("07700 900123 ", 1000), "GB", unreadable},
		{strings.Repeat("1", 100_000), "GB", unreadable},
		// two numbers
		{"01234 567890 / 07700 900123", "GB", unreadable},
		{"01234 567890/07700 900123", "GB", unreadable},
		{"07700 900123 07700 900456", "GB", unreadable},
		{"07700 900123, 07700 900456", "GB", unreadable},
		{"07700 900123; 07700 900456", "GB", unreadable},
		{"07700 900123 or 07700 900456", "GB", unreadable},
		{"07700 900123\n07700 900456", "GB", unreadable},
		{"07700 900123 - 07700 900456", "GB", unreadable},
		{"07700 900123 (07700 900456)", "GB", unreadable},
		{"07700 900123/4", "GB", unreadable},
		{"020 7946 0018/19", "GB", unreadable},
		{"030 123456/57", "DE", unreadable},
		{"030123456/57", "DE", unreadable},
		{"030 12/34/56", "DE", unreadable},
		{"089 123/45", "DE", unreadable},
		{"089 1234/5678", "DE", unreadable},
		{"+49 89 123/4567", "", unreadable},
		{"030 123456 (22)", "DE", unreadable},
		// not a whole number
		{"7946 0018", "GB", unreadable},
		{"555-2368", "US", unreadable},
		{"123456", "DE", unreadable},
		{"12345678", "DE", unreadable},
		{"4521", "DE", unreadable},
		{"4521", "GB", unreadable},
		{"447700900123", "DE", unreadable}, // in Britain, or in the German town of Leer
		{"+447700900123", "ZZ", "-"},
		{"+44 770090012", "GB", unreadable},
		{"+44 77009001234", "GB", unreadable},
		{"+999 7700 900123", "GB", unreadable},
		{"+00 44 7700 900123", "GB", unreadable},
		{"000447700900123", "GB", unreadable},
		{"011 44 7700 900123", "US", unreadable},
		{"33 6 12 34 56 78", "GB", unreadable},
		// a (0) in a wrong place, or in a country without it
		{"+44 20 (0)7946 0018", "GB", unreadable},
		{"+49 30 (0) 123456", "DE", unreadable},
		{"+44 (0)(0)20 7946 0018", "GB", unreadable},
		{"+39 (0)6 698 12345", "IT", unreadable},
		{"+39 (0)347 1234567", "IT", unreadable},
		{"+1 (0)212 555 2368", "US", unreadable},
		{"+34 (0)612 345 678", "ES", unreadable},
		{"+44 (0207) 9460018 (0)", "GB", unreadable},
		// what the library would change
		{"011 15 2345-6789", "AR", unreadable},
		{"015 11 91234-5678", "BR", unreadable},
		{"00777 012", "JP", unreadable},
		// extensions
		{"020 7946 0018 ext 12", "GB", extension},
		{"020 7946 0018 ext. 12", "GB", extension},
		{"020 7946 0018, Extension: 12", "GB", extension},
		{"020 7946 0018 extn 12", "GB", extension},
		{"020 7946 0018 x12", "GB", extension},
		{"020 7946 0018 X 12", "GB", extension},
		{"020 7946 0018#12", "GB", extension},
		{"+442079460018;ext=12", "GB", extension},
		{"Alice 020 7946 0018 x12", "GB", unreadable},
		{"x12", "GB", unreadable},
		// kinds
		{"0909 879 0000", "GB", nobody},
		{"0871 234 5678", "GB", nobody},
		{"0843 456 7890", "GB", nobody},
		{"070 0000 0000", "GB", "-"},
		{"070 1234 5678", "GB", nobody},
		{"076 4012 3456", "GB", nobody},
		{"0300 123 4567", "GB", nobody},
		{"0808 157 0000", "GB", nobody},
		{"+1 900 234 5678", "", nobody},
		{"+1 800 234 5678", "", nobody},
		{"0900 1 234567", "DE", nobody},
		{"+979 1 2345 6789", "", nobody},
		{"+800 1234 5678", "", nobody},
		{"+808 1234 5678", "", nobody},
		{"+870 301 234 567", "", nobody}, // satellites: Inmarsat, Iridium, Globalstar, Thuraya
		{"+870 773 111 632", "", nobody},
		{"+881 6 2345 6789", "", nobody},
		{"+881 8 2345 6789", "GB", nobody},
		{"00881 6 2345 6789", "GB", nobody},
		{"+882 16 5000 0000", "", "-"},
		{"+882 34 21234", "", "-"},
		{"+883 510 012 345", "", nobody},
		{"+883 5100 1234 5678", "", "-"},
		{"+878 10 1234 5678 90", "", "-"},
		{"+888 123 456 789 01", "", nobody},
	} {
		p, err := caller.ParsePhone(c.text, c.region)
		switch {
		case err == nil:
			t.Errorf("%q in %q is %s", c.text, c.region, p.E164.Reveal())
		case c.message != "-" && (errs.KindOf(err) != errs.Refused || err.Error() != c.message):
			t.Errorf("%q in %q: kind %d, %v", c.text, c.region, errs.KindOf(err), err)
		}
		checkError(t, err)
	}
}

func TestRegions(t *testing.T) {
	for _, region := range []string{"XX", "ZZ", "001", "uk", "GBR", "G", " GB", "GB\n", "44", "\x1b[31m", "\xff"} {
		_, err := caller.ParsePhone("+44 7700 900123", region)
		if errs.KindOf(err) != errs.Usage {
			t.Errorf("region %q: %v", region, err)
		}
		checkError(t, err)
	}
	_, err := caller.ParsePhone("07700 900123", "")
	if errs.KindOf(err) != errs.Config || errs.HintOf(err).Reason != caller.ReasonNoRegion {
		t.Errorf("%v, hint %s", err, errs.HintOf(err))
	}
	checkError(t, err)
}

// checkError checks that an error is complete, and that nothing of the number is in it. Only a region is quoted.
func checkError(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if errs.HintOf(err).Empty() || strings.HasSuffix(err.Error(), ".") {
		t.Errorf("bad manners: %v", err)
	}
	if errs.KindOf(err) != errs.Usage && strings.ContainsAny(err.Error(), "0123456789") {
		t.Errorf("the number is in the error: %v", err)
	}
}

func digitsOf(text string) string { return regexp.MustCompile(`[^0-9]`).ReplaceAllString(text, "") }

func FuzzParse(f *testing.F) {
	for _, text := range []string{"07700 900123", "+44 (0)7700 900456", "0044 20 7946 0018", "030/123456", "(212) 555-2368 x1", "+39 06 698 12345",
		"01234 567890 / 07700 900123", "011 15 2345-6789", "8 (912) 345-67-89", "+800 1234 5678", "٠٧٧", "(+1) 1 (", "+683 4002"} {
		for _, region := range []string{"", "GB", "DE", "IT", "AR", "BR", "MX", "JP", "US", "BB", "zz"} {
			f.Add(text, region)
		}
	}
	e164 := regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)
	allowed := regexp.MustCompile(`^[0-9+()./\s\x{a0}\x{202f}-]+$`)
	mask := regexp.MustCompile(`^\+([0-9]{1,3}) (\*+)([0-9]{0,3})$`)
	f.Fuzz(func(t *testing.T, text, region string) {
		p, err := caller.ParsePhone(text, region)
		if err != nil {
			if kind := errs.KindOf(err); kind != errs.Refused && kind != errs.Usage && kind != errs.Config || p != (caller.Phone{}) {
				t.Errorf("%q in %q: %v, %v", text, region, p, err)
			}
			checkError(t, err)
			return
		}
		number, m := p.E164.Reveal(), mask.FindStringSubmatch(p.Masked)
		if !e164.MatchString(number) || !allowed.MatchString(text) || m == nil {
			t.Fatalf("%q in %q is %q, %q", text, region, number, p.Masked)
		}
		national, ok := strings.CutPrefix(number, "+"+m[1])
		if !ok || len(national) != len(m[2])+len(m[3]) || !strings.HasSuffix(national, m[3]) || len(m[3])*3 > len(national) {
			t.Errorf("%q is shown as %q", number, p.Masked)
		}
		if !strings.HasSuffix(digitsOf(text), national) {
			t.Errorf("%q in %q is %q, which doesn't stand there", text, region, number)
		}
		again, err := caller.ParsePhone(number, "")
		if err != nil || again.E164.Reveal() != number || again.Masked != p.Masked || again.Landline != p.Landline {
			t.Errorf("%q is %v, %v by itself", number, again, err)
		}
	})
}

// A number that has its country in it is the same whatever region the operator chooses. A code to any other one shows
// nothing but what the operator wants.
func TestDoubtful(t *testing.T) {
	for text, want := range map[string]string{"+44 7711 234567": "", "0044 7711 234567": "", "07711 234567": "IN"} {
		phone, err := caller.ParsePhone(text, "in")
		if err != nil || phone.Region != want {
			t.Errorf("%s: %v, region %q, want %q", text, err, phone.Region, want)
		}
		if r := (caller.Recipient{Phone: phone}); r.Doubtful() != (want != "") {
			t.Errorf("%s: doubtful: %v", text, r.Doubtful())
		}
	}
	if !(caller.Recipient{Given: true}).Doubtful() || !(caller.Recipient{Fresh: &caller.Change{}}).Doubtful() {
		t.Error("a number that was given, or was changed lately, is no doubtful one")
	}
}

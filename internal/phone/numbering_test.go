package phone

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nyaruka/phonenumbers"
)

var update = flag.Bool("update", false, "write numbering.txt anew from the library's metadata")

// numbering.txt is what the library's metadata says, and nothing else.
func TestNumbering(t *testing.T) {
	var text strings.Builder
	for code := 1; code < 1000; code++ {
		for _, region := range phonenumbers.GetRegionCodesForCountryCode(code) {
			line, err := json.Marshal(planFrom(t, metadataOf(t, code, region)))
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&text, "%d\t%s\t%s\n", code, region, line)
		}
	}
	if *update {
		if err := os.WriteFile("numbering.txt", []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if text.String() != numbering {
		t.Error("numbering.txt is not what the library says; write it anew with -update")
	}
	for line := range strings.Lines(numbering) {
		code, rest, _ := strings.Cut(line, "\t")
		region, _, _ := strings.Cut(rest, "\t")
		if _, got, ok := planOf(region); region != world && (!ok || got != code) {
			t.Errorf("region %s is of code %s, %v", region, got, ok)
		}
		for _, p := range plansOf(code) {
			p.kindOf("") // compiles the patterns
			for _, d := range p.Kinds {
				d.has("")
			}
		}
	}
}

func metadataOf(t *testing.T, code int, region string) *phonenumbers.PhoneMetadata {
	t.Helper()
	all, err := phonenumbers.MetadataCollection()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all.GetMetadata() {
		if m.GetId() == region && int(m.GetCountryCode()) == code {
			return m
		}
	}
	t.Fatalf("no metadata of %d %s", code, region)
	return nil
}

// planFrom takes over what Parse needs, in the order in which the library tells kinds apart.
func planFrom(t *testing.T, m *phonenumbers.PhoneMetadata) plan {
	t.Helper()
	p := plan{
		Trunk:   strings.ReplaceAll(m.GetNationalPrefix(), "~", ""),
		Leading: m.GetLeadingDigits(),
		General: digitsFrom("", m.GetGeneralDesc()),
	}
	add := func(k kind, desc *phonenumbers.PhoneNumberDesc) {
		if d := digitsFrom(k, desc); d.Pattern != "" && d.Pattern != "NA" && !slices.Equal(d.Lengths, []int{-1}) {
			p.Kinds = append(p.Kinds, d)
		}
	}
	add(nobodys, m.GetPremiumRate())
	add(nobodys, m.GetTollFree())
	add(nobodys, m.GetSharedCost())
	add(online, m.GetVoip())
	add(nobodys, m.GetPersonalNumber())
	add(nobodys, m.GetPager())
	add(nobodys, m.GetUan())
	add(nobodys, m.GetVoicemail())
	if m.GetSameMobileAndFixedLinePattern() {
		add(mobile, m.GetFixedLine())
	} else {
		add(fixed, m.GetFixedLine())
		add(mobile, m.GetMobile())
	}
	for _, k := range []kind{mobile, fixed} {
		example := phonenumbers.GetExampleNumberForType(m.GetId(), map[kind]phonenumbers.PhoneNumberType{mobile: phonenumbers.MOBILE, fixed: phonenumbers.FIXED_LINE}[k])
		if p.Trunk == "" || example == nil {
			continue
		}
		written := phonenumbers.NormalizeDigitsOnly(phonenumbers.Format(example, phonenumbers.NATIONAL))
		switch prefix, ok := strings.CutSuffix(written, phonenumbers.GetNationalSignificantNumber(example)); {
		case !ok:
		case prefix == "":
			p.Bare = append(p.Bare, k)
		default:
			p.Trunk = prefix // Belarus: 80 and not just 8
		}
	}
	return p
}

func digitsFrom(k kind, desc *phonenumbers.PhoneNumberDesc) digits {
	d := digits{Kind: k, Pattern: desc.GetNationalNumberPattern()}
	for _, length := range desc.GetPossibleLength() {
		d.Lengths = append(d.Lengths, int(length))
	}
	return d
}

// What is a number, and of what kind, is what the library says of it: for its examples, and for tens of thousands made of
// them by changing digits, cutting and adding some.
func TestNumbersAreWhatTheLibrarySays(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	counts := map[kind]int{}
	for line := range strings.Lines(numbering) {
		fields := strings.SplitN(line, "\t", 3)
		code, err := strconv.Atoi(fields[0])
		if err != nil {
			t.Fatal(err)
		}
		plans := plansOf(fields[0])
		for _, example := range examples(code, fields[1]) {
			for range 20 {
				national := changed(random, example)
				if len(fields[0]+national) > 15 || len(fields[0]+national) < 7 {
					continue
				}
				want := byLibrary(t, code, national)
				counts[want]++
				if got := classify(fields[0], plans, national); got != want && !strings.HasPrefix(fields[0]+national, "447700900") {
					t.Errorf("+%s %s is %q, the library says %q", fields[0], national, got, want)
				}
			}
		}
	}
	t.Log(counts)
	for _, k := range []kind{"", mobile, fixed, online, nobodys} {
		if counts[k] < 200 {
			t.Errorf("only %d numbers of kind %q", counts[k], k)
		}
	}
}

// examples gives national numbers of every type.
func examples(code int, region string) []string {
	var all []string
	if n := phonenumbers.GetExampleNumberForNonGeoEntity(code); region == world && n != nil {
		return []string{phonenumbers.GetNationalSignificantNumber(n)}
	}
	for kind := phonenumbers.FIXED_LINE; kind < phonenumbers.UNKNOWN; kind++ {
		if n := phonenumbers.GetExampleNumberForType(region, kind); n != nil {
			all = append(all, phonenumbers.GetNationalSignificantNumber(n))
		}
	}
	return all
}

func changed(random *rand.Rand, example string) string {
	b := []byte(example)
	for range random.IntN(4) {
		b[random.IntN(len(b))] = '0' + byte(random.IntN(10))
	}
	switch random.IntN(8) {
	case 0:
		b = b[:len(b)-1]
	case 1:
		b = append(b, '0'+byte(random.IntN(10)))
	}
	return string(b)
}

func byLibrary(t *testing.T, code int, national string) kind {
	t.Helper()
	value, err := strconv.ParseUint(national, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	code32, zeros := int32(code), int32(len(national)-len(strings.TrimLeft(national, "0")))
	italian := zeros > 0
	n := &phonenumbers.PhoneNumber{CountryCode: &code32, NationalNumber: &value, ItalianLeadingZero: &italian, NumberOfLeadingZeros: &zeros}
	if !italian {
		n.ItalianLeadingZero, n.NumberOfLeadingZeros = nil, nil
	}
	if !phonenumbers.IsValidNumber(n) {
		return ""
	}
	switch phonenumbers.GetNumberType(n) {
	case phonenumbers.MOBILE, phonenumbers.FIXED_LINE_OR_MOBILE:
		return mobile
	case phonenumbers.FIXED_LINE:
		return fixed
	case phonenumbers.VOIP:
		return online
	default:
		return nobodys
	}
}

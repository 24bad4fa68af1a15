package numbering_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nyaruka/phonenumbers"
)

var update = flag.Bool("update", false, "write table.txt anew")

// The table is what the library in go.mod knows. A newer library makes this red: `go generate ./internal/numbering` writes
// the table anew.
func TestTable(t *testing.T) {
	want, err := makeTable()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("table.txt", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("table.txt")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("table.txt is not what the library knows: go generate ./internal/numbering writes it anew")
	}
}

// makeTable returns the table that plan.go describes.
func makeTable() (string, error) {
	all, err := phonenumbers.MetadataCollection()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, code := range slices.Sorted(maps.Keys(phonenumbers.GetSupportedCallingCodes())) {
		regions := strings.Join(phonenumbers.GetRegionCodesForCountryCode(code), " ")
		if regions == phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY {
			regions = strconv.Itoa(code)
		}
		fmt.Fprintf(&b, "%d %s\n", code, regions)
	}
	for _, m := range all.GetMetadata() {
		if err := writePlan(&b, m); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

func writePlan(b *strings.Builder, m *phonenumbers.PhoneMetadata) error {
	var err error
	line := func(key string, values ...string) {
		for _, v := range values {
			if _, wrong := regexp.Compile(v); wrong != nil || strings.ContainsAny(v, " \n") {
				err = fmt.Errorf("%s: %q can't be in the table as %s", m.GetId(), v, key)
			}
		}
		if values[0] != "" {
			fmt.Fprintln(b, key, strings.TrimSuffix(strings.Join(values, " "), " "))
		}
	}
	code := strconv.Itoa(int(m.GetCountryCode()))
	name := m.GetId()
	if name == phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY {
		name = code
	}
	fmt.Fprintln(b)
	line("plan", name)
	line("code", code)
	line("abroad", m.GetInternationalPrefix())
	line("trunk", strings.ReplaceAll(m.GetNationalPrefix(), "~", ""))
	line("strip", m.GetNationalPrefixForParsing())
	line("instead", m.GetNationalPrefixTransformRule())
	line("leading", m.GetLeadingDigits())
	all := m.GetGeneralDesc()
	line("lengths", list(all.GetPossibleLength()), list(all.GetPossibleLengthLocalOnly()))
	line("number", all.GetNationalNumberPattern())

	kind := func(name string, d *phonenumbers.PhoneNumberDesc) {
		if p := d.GetNationalNumberPattern(); p != "" && p != "NA" {
			line("kind", name, list(d.GetPossibleLength()), p)
		}
	}
	kind("other", m.GetPremiumRate())
	kind("other", m.GetTollFree())
	kind("other", m.GetSharedCost())
	kind("voip", m.GetVoip())
	kind("other", m.GetPersonalNumber())
	kind("other", m.GetPager())
	kind("other", m.GetUan())
	kind("other", m.GetVoicemail())
	if m.GetSameMobileAndFixedLinePattern() {
		kind("either", m.GetFixedLine())
	} else {
		kind("fixed", m.GetFixedLine())
		kind("mobile", m.GetMobile())
	}

	for _, f := range m.GetNumberFormat() {
		template := f.GetFormat()
		if rule := f.GetNationalPrefixFormattingRule(); rule != "" {
			// $1 in the rule should be the group that it replaces. The library takes it as it stands, which is wrong for mobile
			// numbers of Argentina alone: their first group is no part of what is dialed there.
			template = strings.Replace(template, firstGroup.FindString(template), rule, 1)
		}
		leading := ""
		if all := f.GetLeadingDigitsPattern(); len(all) > 0 {
			leading = all[len(all)-1] // the others are beginnings of it
		}
		line("write", notDialed.ReplaceAllString(template, ""), f.GetPattern(), leading)
	}
	return err
}

var (
	firstGroup = regexp.MustCompile(`\$\d`)
	notDialed  = regexp.MustCompile(`[^$\d]`)
)

func list(lengths []int32) string {
	text := strings.Trim(strings.ReplaceAll(fmt.Sprint(lengths), " ", ","), "[]")
	if text == "" {
		return "-"
	}
	return text
}

package onetime_test

import (
	"errors"
	"strings"
	"testing"
	"unicode"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/onetime"
)

func TestRead(t *testing.T) {
	for typed, want := range map[string]string{
		"123456":                 "123456",
		" 123 456\r\n":           "123456",
		"123-456":                "123456",
		"123\u2013456":           "123456", // a dash, as mail programs make it
		"12\u00a034\u202f56":     "123456", // blanks that don't break
		"\ufeff123\u200b456":     "123456", // copied from a page
		"\u200f١٢٣٤٥٦\u200e":     "123456", // Arabic-Indic, with marks of direction
		"۱۲۳۴۵۶":                 "123456", // Persian
		"१२३ ४५६":                "123456", // Devanagari
		"১২৩৪৫৬":                 "123456", // Bengali
		"１２３－４５６":                "123456", // full-width
		"𝟏𝟐𝟑𝟜𝟝𝟞":                 "123456", // mathematical, bold and doubled
		"12٣٤56":                 "123456",
		"1 2 3 4 5 6 7 8":        "12345678",
		"123":                    "123",
		"12":                     "",
		"123456789":              "",
		"":                       "",
		"- - -":                  "",
		"12345a":                 "",
		"12.456":                 "",
		"½23456":                 "",
		"²23456":                 "",
		"Ⅷ23456":                 "",
		"六23456":                 "",
		"123\x00456":             "",
		"123\x1b[31m456":         "",
		"123\xff456":             "",
		strings.Repeat("1", 999): "",
	} {
		code, err := onetime.App.Read(typed)
		if code != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v, want %q", typed, code, err, want)
		}
		if err != nil && (errs.KindOf(err) != errs.Usage || typed != "" && strings.Contains(err.Error(), typed)) {
			t.Errorf("%q: %v", typed, err)
		}
	}
	if _, err := onetime.Sent.Read("123"); err == nil {
		t.Error("Twilio sends no code of three digits")
	}
	if code, err := onetime.Sent.Read("12345 67890"); err != nil || code != "1234567890" {
		t.Errorf("%q, %v", code, err)
	}
}

// Each range of digits in Unicode begins with a zero and is whole.
func TestEveryDigitOfUnicode(t *testing.T) {
	ranges, digits := 0, 0
	inARow := func(lo, hi, stride rune) {
		ranges++
		if stride != 1 || (hi-lo+1)%10 != 0 {
			t.Errorf("%U to %U by %d", lo, hi, stride)
		}
		for r := lo; r <= hi; r++ {
			digits++
			code, err := onetime.App.Read(strings.Repeat(string(r), 3))
			if want := strings.Repeat(string('0'+(r-lo)%10), 3); err != nil || code != want {
				t.Errorf("%U: %q, %v", r, code, err)
			}
		}
	}
	for _, r := range unicode.Nd.R16 {
		inARow(rune(r.Lo), rune(r.Hi), rune(r.Stride))
	}
	for _, r := range unicode.Nd.R32 {
		inARow(rune(r.Lo), rune(r.Hi), rune(r.Stride))
	}
	if ranges < 50 || digits < 600 {
		t.Errorf("%d ranges, %d digits", ranges, digits)
	}
}

func TestCheckLength(t *testing.T) {
	for _, digits := range []int{0, 6} {
		if err := onetime.CheckLength("123456", digits, "Twilio's"); err != nil {
			t.Error(err)
		}
	}
	err := onetime.CheckLength("12345", 6, "Twilio's")
	if !errors.Is(err, onetime.ErrLength) || err.Error() != "it has 5 digits, and Twilio's codes have 6; no try was used" {
		t.Error(err)
	}
}

// Whatever is typed: a code is ASCII digits of an allowed number, and reading it again changes nothing.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{"123 456", "١٢٣٤٥٦", "\u200f१", "1\xff", "𝟏-–—"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		code, err := onetime.App.Read(typed)
		if err != nil {
			if code != "" {
				t.Errorf("%q with an error", code)
			}
			return
		}
		if strings.Trim(code, "0123456789") != "" || len(code) < 3 || len(code) > 8 {
			t.Errorf("%q becomes %q", typed, code)
		}
		if again, err := onetime.App.Read(code); again != code || err != nil {
			t.Errorf("%q becomes %q, %v", code, again, err)
		}
	})
}

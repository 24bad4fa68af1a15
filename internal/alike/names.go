package alike

import (
	"strings"
	"sync"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"uzerp-mfa/internal/invisible"
)

// A step takes one difference away that people may overlook.
type step struct {
	difference string
	take       func(string) string
}

// steps has all of them. None takes away what another one does.
var steps = []step{
	{"encoding", Decoded},
	{"invisible characters", func(s string) string {
		return strings.Map(func(r rune) rune {
			if invisible.Is(r) && !isBlank(r) {
				return -1
			}
			return r
		}, s)
	}},
	{"blanks", func(s string) string {
		return strings.Map(func(r rune) rune {
			if isBlank(r) {
				return -1
			}
			return r
		}, s)
	}},
	{"the way accents are stored", norm.NFC.String},
	{"letters of another alphabet or form", usualLetters},
	{"letter case", func(s string) string {
		return strings.Map(func(r rune) rune { return unicode.ToLower(unicode.ToUpper(r)) }, s)
	}},
}

// usualLetters writes each letter and digit in its usual form: ａ as a. If all letters of other alphabets look like Latin
// ones, it writes these: the Cyrillic а as a, but not in Иван.
func usualLetters(s string) string {
	var b strings.Builder
	for _, r := range s {
		if unicode.IsLetter(r) || unicode.IsNumber(r) {
			b.WriteString(norm.NFKC.String(string(r)))
		} else {
			b.WriteRune(r)
		}
	}
	s = b.String()
	if strings.ContainsFunc(s, func(r rune) bool {
		_, drawn := DrawnAsLatin(r)
		return unicode.IsLetter(r) && !unicode.Is(unicode.Latin, r) && !drawn
	}) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if latin, ok := DrawnAsLatin(r); ok {
			return latin
		}
		return r
	}, s)
}

func isBlank(r rune) bool {
	return unicode.IsSpace(r) || unicode.Is(unicode.Zs, r) || r == 0x2800 || r == 0x3164 || r == 0xffa0
}

// Shape returns what people see of a name who do not look closely. Names of one shape look the same. It knows alphabets and
// not fonts: l and 1 are different.
func Shape(name string) string {
	if plain(name) {
		return strings.ToLower(strings.ReplaceAll(name, " ", ""))
	}
	return shape(name, len(steps))
}

// shape is Shape, with one kind of difference left in it.
func shape(name string, without int) string {
	for i, s := range steps {
		if i != without {
			name = s.take(name)
		}
	}
	return name
}

// Differences returns, for two names that look the same, in what they differ, such as "letter case". It returns nothing
// for equal names, and for names that do not look the same.
func Differences(a, b string) []string {
	if a == b || Shape(a) != Shape(b) {
		return nil
	}
	var all []string
	for i, s := range steps {
		if shape(a, i) != shape(b, i) {
			all = append(all, s.difference)
		}
	}
	return all
}

// DrawnAsLatin returns the Latin letter that a Cyrillic, Greek or Armenian letter looks like in most fonts.
func DrawnAsLatin(r rune) (latin rune, ok bool) {
	latin, ok = drawnAsLatin()[r]
	return latin, ok
}

var drawnAsLatin = sync.OnceValue(func() map[rune]rune { // not at every start of the program
	all := map[rune]rune{}
	for others, latin := range map[string]string{
		"аеорсухіјѕһԁԛԝѵүӏ":      "aeopcyxijshdqwvyl",
		"АВЕЅІЈКМНОРСТУХЬҮԌԚԜ":   "ABESIJKMHOPCTYXbYGQW",
		"ΑΒΕΖΗΙΚΜΝΟΡΤΥΧονικρυϲϳ": "ABEZHIKMNOPTYXovikpucj",
		"օսցհոզԼՕՍ":              "oughnqLOU",
	} {
		drawn := []rune(latin)
		for i, r := range []rune(others) {
			all[r] = drawn[i]
		}
	}
	return all
})

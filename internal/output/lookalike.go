package output

import (
	"maps"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"uzerp-mfa/internal/alike"
)

// Lookalike returns why a name may be taken for another one although all of it can be seen, as in `"x" mixes Cyrillic
// and Latin letters`; or "" if nothing suggests that. It knows alphabets and not fonts: l and 1 within ASCII, and two
// names of one alphabet, are not found.
func Lookalike(name string) string {
	if isPlainASCII(name) {
		return ""
	}
	alphabets, latin := map[string]bool{}, true
	for _, r := range name {
		if !unicode.IsLetter(r) && !unicode.IsNumber(r) {
			continue
		}
		if r >= 0x250 && r <= 0x2af || !norm.NFKC.IsNormalString(string(r)) { // phonetic letters, 𝐚, ａ, ⅰ
			return "has letters in a form that is not the usual one"
		}
		if a := alphabet(r); a != "" {
			alphabets[a] = true
			_, drawn := alike.DrawnAsLatin(r)
			latin = latin && drawn
		}
	}
	names := slices.Sorted(maps.Keys(alphabets))
	switch {
	case len(names) > 1 && !writtenTogether(names):
		return "mixes " + strings.Join(names, " and ") + " letters"
	case len(names) == 1 && latin:
		return "is written in " + names[0] + " letters that look like Latin ones"
	}
	return ""
}

// alphabet returns Unicode's name of a letter's script, or "" for what belongs to none or to several.
func alphabet(r rune) string {
	if unicode.Is(unicode.Latin, r) {
		return "Latin"
	}
	for name, table := range unicode.Scripts {
		if name != "Common" && name != "Inherited" && unicode.Is(table, r) {
			return name
		}
	}
	return ""
}

// writtenTogether reports whether one language uses all of these scripts: Japanese, Korean or Chinese, with Latin or
// without (Unicode Technical Standard 39, "highly restrictive").
func writtenTogether(scripts []string) bool {
	for _, language := range [][]string{{"Latin", "Han", "Hiragana", "Katakana"}, {"Latin", "Han", "Hangul"}, {"Latin", "Han", "Bopomofo"}} {
		if !slices.ContainsFunc(scripts, func(s string) bool { return !slices.Contains(language, s) }) {
			return true
		}
	}
	return false
}

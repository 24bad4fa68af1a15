// Package alike says which texts people may mean by one another: the words of a search without letter case and accents, and
// names that look the same but are not.
//
// Its law: it finds and proposes. Whether two names are the same is decided by their bytes alone, and never here.
package alike

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"uzerp-mfa/internal/invisible"
)

// Fold returns text without letter case, accents, apostrophes and invisible characters, and with each blank as a plain
// one: "Müller" and "MULLER" become "muller", "Straße" "strasse", "Øst" "ost", "İlkay" and "ılkay" "ilkay". It is the only
// place that says how a search sees a text; no language has rules of its own here.
func Fold(text string) string {
	if plain(text) {
		return strings.ReplaceAll(strings.ToLower(text), "'", "")
	}
	var b strings.Builder
	for _, r := range norm.NFKD.String(strings.Map(dropApostrophe, Decoded(text))) {
		switch r = unicode.ToLower(r); {
		case unicode.IsSpace(r) || unicode.Is(unicode.Zs, r):
			b.WriteByte(' ')
		case unicode.In(r, unicode.Mn, unicode.Me) || invisible.Is(r) || dropApostrophe(r) < 0:
		case withoutAccent[r] != "":
			b.WriteString(withoutAccent[r])
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// Decoded returns text with each byte that is not UTF-8 as the letter that it is in Latin-1, which most such texts are in.
func Decoded(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		if r == utf8.RuneError && n == 1 {
			r = rune(text[i])
		}
		b.WriteRune(r)
		i += n
	}
	return b.String()
}

// withoutAccent has the lower-case letters that Unicode does not take apart into a letter and a mark.
var withoutAccent = map[rune]string{
	'ß': "ss", 'ø': "o", 'æ': "ae", 'œ': "oe", 'đ': "d", 'ð': "d", 'þ': "th", 'ł': "l", 'ı': "i", 'ħ': "h", 'ŧ': "t", 'ŋ': "n",
	'ĸ': "k", 'ς': "σ",
}

// dropApostrophe takes away what stands inside a name as in O'Neil, however it is typed.
func dropApostrophe(r rune) rune {
	if strings.ContainsRune("'’‘ʼʻ´`", r) {
		return -1
	}
	return r
}

func plain(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' || r == '`' })
}

// Fit says how well a text fits a query.
type Fit int

// The fits, from the worst to the best.
const (
	None      Fit = iota
	Part          // each word stands somewhere in the text
	Beginning     // each word is the beginning of a word of the text, or a whole one
	Whole         // each word is a word of the text
)

// Query is what somebody looks for. Make one with NewQuery.
type Query struct {
	words []string // folded
	signs []string // what has an @ or no letter at all, folded: it is looked for as it is
}

// NewQuery takes a text apart into words, at blanks and at signs such as a hyphen.
func NewQuery(text string) Query {
	var q Query
	for _, token := range strings.Fields(Fold(text)) {
		words := split(token)
		if len(words) == 0 || strings.Contains(token, "@") {
			q.signs = append(q.signs, token)
		} else {
			q.words = append(q.words, words...)
		}
	}
	return q
}

func split(folded string) []string {
	return strings.FieldsFunc(folded, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsMark(r) })
}

// Fit returns how well several texts together fit the query: each of its words must be in one of them, in any order. A
// query without any word fits nothing.
func (q Query) Fit(texts ...string) Fit {
	if len(q.words)+len(q.signs) == 0 {
		return None
	}
	fit := Whole
	folded := make([]string, len(texts))
	for i, text := range texts {
		folded[i] = Fold(text)
	}
	within := func(word string) bool {
		return slices.ContainsFunc(folded, func(text string) bool { return strings.Contains(text, word) })
	}
	for _, sign := range q.signs {
		if fit = Part; !within(sign) {
			return None
		}
	}
	for _, word := range q.words {
		if !within(word) {
			return None
		}
		fit = min(fit, fitOf(word, folded))
	}
	return fit
}

// fitOf returns how well a word fits texts of which one has it.
func fitOf(word string, folded []string) Fit {
	fit := Part
	for _, text := range folded {
		for _, other := range split(text) {
			if other == word {
				return Whole
			}
			if strings.HasPrefix(other, word) {
				fit = Beginning
			}
		}
	}
	return fit
}

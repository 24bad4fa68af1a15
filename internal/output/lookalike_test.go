package output

import "testing"

func TestLookalike(t *testing.T) {
	for name, want := range map[string]string{
		"alice": "", "": "", "müller": "", "Łukasz": "", "ışık": "", "иван": "", "Αλέξανδρος": "", "李小龍": "", "鈴木さん": "", "김철수": "",
		"suzuki鈴木": "", "名前ローマ": "", "محمد": "", "אליס": "", "user-7": "", "zoë@corp": "",
		"\u0430lice":               "mixes Cyrillic and Latin letters",
		"alic\u0435":               "mixes Cyrillic and Latin letters",
		"\u03bfscar":               "mixes Greek and Latin letters",
		"한а":                       "mixes Cyrillic and Hangul letters",
		"\u0441\u043e\u0440\u0435": "is written in Cyrillic letters that look like Latin ones",
		"\u039f\u03a4":             "is written in Greek letters that look like Latin ones",
		"\uff41lice":               "has letters in a form that is not the usual one",
		"\U0001d41alice":           "has letters in a form that is not the usual one",
		"\u0251lice":               "has letters in a form that is not the usual one",
		"a\u2170":                  "has letters in a form that is not the usual one",
	} {
		if got := Lookalike(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

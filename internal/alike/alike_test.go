package alike_test

import (
	"os"
	"strings"
	"testing"

	"uzerp-mfa/internal/alike"
	"uzerp-mfa/internal/sharedtest"
)

func TestMain(m *testing.M) { os.Exit(sharedtest.Tests{M: m}.Run()) }

func TestFold(t *testing.T) {
	for text, want := range map[string]string{
		"Müller": "muller", "MU\u0308LLER": "muller", "muller": "muller", "Øst": "ost", "øst": "ost", "Straße": "strasse", "STRAẞE": "strasse",
		"İlkay": "ilkay", "ILKAY": "ilkay", "ılkay": "ilkay", "IŞIK": "isik", "ışık": "isik", "Łukasz Żółć": "lukasz zolc",
		"O'Neil": "oneil", "O’Neil": "oneil", "Æsop": "aesop", "Þór": "thor", "Ærmel\u00a0X": "aermel x", "ａｌｉｃｅ": "alice", "al\u200bice": "alice",
		"ΟΔΥΣΣΕΥΣ": "οδυσσευσ", "Οδυσσεύς": "οδυσσευσ", "Андрей": "андреи", "a b": "a b", "%": "%", "": "", "\xff": "y",
		"M\xfcller": "muller", "Stra\xdfe": "strasse", "\ufffd": "\ufffd", "alice\ufe0f": "alice",
	} {
		if got := alike.Fold(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
		if again := alike.Fold(want); again != want {
			t.Errorf("%q becomes %q", want, again)
		}
	}
}

func TestFit(t *testing.T) {
	for _, test := range []struct {
		query, texts string // texts with | between them
		want         alike.Fit
	}{
		{"archer", "alice|Alice Archer", alike.Whole},
		{"Archer alice", "alice|Alice Archer", alike.Whole},
		{"arch al", "alice|Alice Archer", alike.Beginning},
		{"rche", "alice|Alice Archer", alike.Part},
		{"archer bob", "alice|Alice Archer", alike.None},
		{"muller", "x|Zoë Müller", alike.Whole},
		{"MÜLLER", "x|Zoe Muller", alike.Whole},
		{"smith jones", "x|Ann Smith-Jones", alike.Whole},
		{"smith-jones", "x|Ann Smith Jones", alike.Whole},
		{"oneil", "x|Pat O'Neil", alike.Whole},
		{"o’neil", "x|Pat O'Neil", alike.Whole},
		{"alice@example.com", "alice|Alice Archer|alice@example.com", alike.Part},
		{"bob@", "alice@example.com", alike.None},
		{"%", "alice|Alice Archer", alike.None},
		{".*", "alice|Alice Archer", alike.None},
		{"%", "50%|", alike.Part},
		{"", "alice", alike.None},
		{" ", "alice", alike.None},
		{"\u200b", "alice", alike.None},
	} {
		if got := alike.NewQuery(test.query).Fit(strings.Split(test.texts, "|")...); got != test.want {
			t.Errorf("%q in %q: %d, want %d", test.query, test.texts, got, test.want)
		}
	}
}

func TestNamesThatLookTheSame(t *testing.T) {
	for _, test := range []struct{ a, b, differences string }{
		{"alice", "Alice", "letter case"},
		{"alice", "alice ", "blanks"},
		{"al ice", "al\u00a0ice", "blanks"},
		{"al ice", "al  ice", "blanks"},
		{"alice", "alice\u2800", "blanks"},
		{"alice", "alice\ufe0f", "invisible characters"},
		{"alice", "al\u200bice", "invisible characters"},
		{"zoë", "zoe\u0308", "the way accents are stored"},
		{"alice", "аlice", "letters of another alphabet or form"},
		{"ABBA", "АВВА", "letters of another alphabet or form"},
		{"alice", "ａlice", "letters of another alphabet or form"},
		{"alice", "АLICE ", "blanks, letters of another alphabet or form, letter case"},
		{"ИВАНОВ", "Иванов", "letter case"},
		{"alice", "alice", ""},
		{"alice", "alicia", ""},
		{"zoë", "zoe", ""},
		{"al1ce", "alice", ""},
	} {
		if got := strings.Join(alike.Differences(test.a, test.b), ", "); got != test.differences {
			t.Errorf("%q and %q: %q, want %q", test.a, test.b, got, test.differences)
		}
		if back := strings.Join(alike.Differences(test.b, test.a), ", "); back != test.differences {
			t.Errorf("%q and %q: %q, want %q", test.b, test.a, back, test.differences)
		}
	}
}

func FuzzFold(f *testing.F) {
	f.Add("Müller O'Neil")
	f.Add("İß\u200b\xff ſ")
	f.Fuzz(func(t *testing.T, text string) {
		once := alike.Fold(text)
		if twice := alike.Fold(once); twice != once {
			t.Errorf("%q becomes %q and then %q", text, once, twice)
		}
		if strings.TrimSpace(once) != "" && alike.NewQuery(text).Fit(text) == alike.None {
			t.Errorf("%q does not find itself", text)
		}
		if alike.Differences(text, text) != nil {
			t.Errorf("%q differs from itself", text)
		}
	})
}

func BenchmarkFit(b *testing.B) {
	q := alike.NewQuery("archer alice")
	for b.Loop() {
		q.Fit("user12345", "Zoë Müller", "zoe.mueller")
	}
}

package output

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestEscape(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"plain", "alice", "alice"},
		{"empty", "", ""},
		{"letters", "Zoë Łukasz 李小龍 مرحبا שלום", "Zoë Łukasz 李小龍 مرحبا שלום"},
		{"newline", "a\nb", `a\nb`},
		{"tab and return", "a\tb\r", `a\tb\r`},
		{"backslash stays", `C:\new`, `C:\new`},
		{"escape", "\x1b[2J", `\x1b[2J`},
		{"nul del", "\x00\x7f", `\x00\x7f`},
		{"c1 csi", "\u009b31m", `\u009b31m`},
		{"raw c1 byte", "\x9b31m", `\x9b31m`},
		{"line separators", "a\u2028b\u2029", `a\u2028b\u2029`},
		{"bidi", "\u202egpj\u2066\u2069\u061c\u200e", `\u202egpj\u2066\u2069\u061c\u200e`},
		{"zero width", "ad\u200bmin\ufeff\u00ad\u2060\u2064", `ad\u200bmin\ufeff\u00ad\u2060\u2064`},
		{"joiner in a word", "ad\u200dmin", `ad\u200dmin`},
		{"joiner at the ends", "\u200d👩\u200d", `\u200d👩\u200d`},
		{"joined emoji", "👩🏽\u200d💻 ❤\ufe0f\u200d🔥 🏳️\u200d🌈", "👩🏽\u200d💻 ❤\ufe0f\u200d🔥 🏳️\u200d🌈"},
		{"tags", "\U000e0041", `\U000e0041`},
		{"hangul filler", "a\u3164b\u115f\uffa0", `a\u3164b\u115f\uffa0`},
		{"private use", "\ue000", `\ue000`},
		{"noncharacter", "\uffff", `\uffff`},
		{"bad byte", "a\xffb", `a\xffb`},
		{"surrogate", "\xed\xa0\x80", `\xed\xa0\x80`},
		{"real replacement character", "\ufffd", "\ufffd"},
		{"combining", "e\u0301", "e\u0301"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Escape(tt.in); got != tt.want {
				t.Errorf("Escape(%q) = %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}

// dangerous lists what must never reach a terminal. It is not derived from the code.
func dangerous(r rune) bool {
	switch {
	case r < 0x20, r >= 0x7f && r <= 0x9f, r == 0xad, r == 0x61c, r == 0x200b, r == 0x200c, r == 0x200e, r == 0x200f,
		r >= 0x2028 && r <= 0x202e, r >= 0x2060 && r <= 0x206f, r == 0xfeff, r >= 0xfff9 && r <= 0xfffb,
		r == 0x115f, r == 0x1160, r == 0x3164, r == 0xffa0, r >= 0xd800 && r <= 0xdfff, r >= 0xe0000 && r <= 0xe007f:
		return true
	}
	return false
}

func checkHarmless(t *testing.T, s string) {
	t.Helper()
	if !utf8.ValidString(s) {
		t.Errorf("%q is not UTF-8", s)
	}
	if i := strings.IndexFunc(s, dangerous); i >= 0 {
		t.Errorf("%q has something dangerous at %d", s, i)
	}
}

func TestEscapeEveryRune(t *testing.T) {
	for r := rune(0); r <= utf8.MaxRune; r++ {
		if dangerous(r) && strings.ContainsFunc(Escape("a"+string(r)+"b"), dangerous) {
			t.Fatalf("U+%04X passed", r)
		}
	}
}

// hostile returns strings to try at every place that shows text from outside.
func hostile() []string {
	return []string{
		"\x1b]0;title\x07", "\x1b[1;31mred", "a\nwarning: fake", "a\r\nb", "\u202etxt.exe", "\x9b2J", "\u009b2J",
		"\xff\xfe", "ad\u200bmin", "\u2028", "\x7f\x08", "\U000e0041\U000e007f", "%s%n", `\u001b`,
	}
}

func FuzzEscape(f *testing.F) {
	for _, s := range hostile() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Escape(s)
		checkHarmless(t, got)
		if again := Escape(got); again != got {
			t.Errorf("twice: %q, once: %q", again, got)
		}
	})
}

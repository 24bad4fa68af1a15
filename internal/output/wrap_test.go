package output

import (
	"strings"
	"testing"

	"github.com/mattn/go-runewidth"
)

func TestWrap(t *testing.T) {
	for _, tt := range []struct {
		text          string
		width, indent int
		want          string
	}{
		{"", 10, 0, ""},
		{"one two three", 7, 0, "one two|three"},
		{"one two three", 80, 0, "one two three"},
		{"Secret   ABCD EFGH IJKL", 18, 9, "Secret   ABCD EFGH|         IJKL"},
		{"name  abcdefghijklmnop", 12, 6, "name|      abcdef|      ghijkl|      mnop"},
		{"abcdefghijkl m", 5, 0, "abcde|fghij|kl m"},
		{"李李李李", 5, 0, "李李|李李"},
		{"a\nb c", 3, 0, "a|b c"},
		{"abc", 1, 9, "abc"},
		{"две строки", 10, 0, "две строки"},
		{"две строки", 9, 0, "две|строки"},
		{"两个 字符", 9, 0, "两个 字符"},
		{"两个 字符", 8, 0, "两个|字符"},
		{"e\u0301e\u0301 e\u0301e\u0301", 5, 0, "e\u0301e\u0301 e\u0301e\u0301"},
		{"e\u0301e\u0301e\u0301", 2, 0, "e\u0301e\u0301|e\u0301"},
		{"👍 👍 👍", 5, 0, "👍 👍|👍"},
		{"👩‍🔬👩‍🔬", 3, 0, "👩‍🔬|👩‍🔬"},
		{"aaaa  bbbb", 4, 0, "aaaa|bbbb"},
		{"aaaa   bbbb c", 7, 2, "aaaa|  bbbb|  c"},
		{"   abcdefgh", 8, 0, "abcdefgh"},
		{"  abc def", 6, 0, "  abc|def"},
		{"+49 30 1234 https://example.com/a", 12, 0, "+49 30 1234|https://exam|ple.com/a"},
	} {
		if got := strings.Join(wrap(tt.text, tt.width, tt.indent), "|"); got != tt.want {
			t.Errorf("%q at %d: %q, want %q", tt.text, tt.width, got, tt.want)
		}
	}
}

// A word that fits on a line stays whole, no line is wider than allowed, and each takes as many words as fit.
func TestWrapKeepsWordsWhole(t *testing.T) {
	for _, text := range []string{
		"access is disabled in uzERP, so the password is refused  already; nobody gets further",
		"совместно использует uuid с пользователем Александр  Константинович Преображенский",
		"两步 验证 已经 关闭 所有人 只需要 密码 就可以 登录",
		"e\u0301te\u0301 nai\u0308ve cafe\u0301 👍 👩‍🔬 ok",
		`tab\there`,
	} {
		longest := 0
		for word := range strings.FieldsSeq(text) {
			longest = max(longest, measure.StringWidth(word))
		}
		for width := longest; width <= 100; width++ {
			lines := wrap(text, width, 0)
			if got, want := strings.Fields(strings.Join(lines, " ")), strings.Fields(text); strings.Join(got, " ") != strings.Join(want, " ") {
				t.Errorf("at %d: %q, want the words %q", width, lines, want)
			}
			for i, line := range lines {
				if w := measure.StringWidth(line); w > width {
					t.Errorf("at %d: %q is %d wide", width, line, w)
				}
				if i == 0 {
					continue
				}
				first, _, _ := strings.Cut(line, " ")
				if w := measure.StringWidth(lines[i-1] + " " + first); w <= width && !strings.Contains(text, "  "+first) {
					t.Errorf("at %d: %q has room for %q", width, lines[i-1], first)
				}
			}
		}
	}
}

// What Escape puts for a character is wider than the character.
func TestWrapMeasuresWhatIsShown(t *testing.T) {
	if got := strings.Join(Wrap("ab\ncd \x1b[2Jx", 8), "|"); got != `ab\ncd|\x1b[2Jx` {
		t.Errorf("%q", got)
	}
	if got := Wrap("", 10); len(got) != 1 || got[0] != "" {
		t.Errorf("nothing: %q", got)
	}
}

// In a Chinese or Japanese locale runewidth takes Cyrillic letters to be as wide as ideographs.
func TestWrapDoesNotFollowTheLocale(t *testing.T) {
	was := runewidth.DefaultCondition.EastAsianWidth
	defer func() { runewidth.DefaultCondition.EastAsianWidth = was }()
	runewidth.DefaultCondition.EastAsianWidth = true
	if got := Wrap("две строки", 10); len(got) != 1 {
		t.Errorf("%q", got)
	}
}

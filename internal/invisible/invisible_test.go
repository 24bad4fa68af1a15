package invisible

import "testing"

func TestIs(t *testing.T) {
	for _, r := range "\x00\x1b\n\t\x7f\u0085\u00a0\u00ad\u034f\u115f\u180e\u2003\u200b\u200d\u2028\u202e\u2066\u2800\u3000\u3164\ufe0f\ufeff\uffa0" +
		"\ue000\U00016fe4\U0001d159\U000e0041\U000e0100" {
		if !Is(r) {
			t.Errorf("%U stands as it is", r)
		}
	}
	for _, r := range " ~azÄßЖ漢ك\u0301€“”…🙂\ufffd" {
		if Is(r) {
			t.Errorf("%U is escaped", r)
		}
	}
}

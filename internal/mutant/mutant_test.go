package mutant

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const tree = "one\ntwo\nthree\n\nfour\nfive\nsix\nthree\n"

const sound = `Two comes before three.
And four after it.
go test ./internal/x -run ^TestX$
--- a/x/y.sql
+++ b/x/y.sql
@@ -101,3 +101,2 @@ anywhere
 one
-two
 three
@@ -1 +1 @@

-four
+for
`

func readTree(path string) (string, error) {
	if path != "x/y.sql" {
		return "", fs.ErrNotExist
	}
	return tree, nil
}

func TestParse(t *testing.T) {
	got, err := parse(sound, readTree)
	want := Mutant{Law: "Two comes before three. And four after it.", Package: "./internal/x", Run: "^TestX$",
		Files: map[string]string{"x/y.sql": "one\nthree\n\nfor\nfive\nsix\nthree\n"}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	want.Root = true
	got, err = parse(strings.Replace(sound, "go test", "sudo go test", 1), readTree)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

// A mutant that does not fit is an error. Otherwise it would be forgotten, or would look as if a test had noticed it.
func TestParseRefuses(t *testing.T) {
	for name, bend := range map[string][2]string{
		"another text":       {"-two", "-too"},
		"text found twice":   {" one\n-two\n three\n", "-three\n"},
		"the end of a line":  {"-four", "-our"},
		"no such file":       {"x/y.sql", "x/z.sql"},
		"two names":          {"+++ b/x/y.sql", "+++ b/x/z.sql"},
		"no diff":            {"--- a/", "---"},
		"no law":             {"Two comes before three.\nAnd four after it.\n", ""},
		"no package":         {"go test", "gotest"},
		"more than one word": {"^TestX$", "A B"},
		"no hunk":            {"@@", "##"},
		"a line of no hunk":  {"+for", "*for"},
	} {
		text := strings.ReplaceAll(sound, bend[0], bend[1])
		if text == sound {
			t.Fatalf("%s: nothing is bent", name)
		}
		if m, err := parse(text, readTree); err == nil {
			t.Errorf("%s: %+v", name, m)
		}
	}
}

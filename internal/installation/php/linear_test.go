package php

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// shapes are files that a reader could take long for. Each function returns one with n parts.
var shapes = map[string]func(n int) string{
	"assignments":               func(n int) string { return parts(n, "$conf['A%d'] = 1;\n") },
	"assignments in one line":   func(n int) string { return parts(n, "$conf['A%d'] = 1; ") },
	"one name":                  func(n int) string { return strings.Repeat("$conf['A'] = 1;\n", n) },
	"unreadable names":          func(n int) string { return parts(n, "$conf['A%d'] = f();\n") },
	"any name":                  func(n int) string { return parts(n, "$conf['A%d'] = 1; extract($x);\n") },
	"one array":                 func(n int) string { return "$conf = [" + parts(n, "'A%d' => 1, ") + "];" },
	"arrays":                    func(n int) string { return parts(n, "$conf = ['A%d' => 1];") },
	"nested arrays":             func(n int) string { return nested(n, "$x = ", "[", "]") + ";" },
	"nested names":              func(n int) string { return nested(n, "", "$conf[", "1]") + " = 1;" },
	"many indexes":              func(n int) string { return "$conf" + strings.Repeat("[1]", n) + " = 1;" },
	"nested conditions":         func(n int) string { return nested(n, "", "if (", "1)") + ";" },
	"nested blocks":             func(n int) string { return nested(n, "", "{", "}") },
	"conditions":                func(n int) string { return strings.Repeat("if (1): endif; ", n) },
	"open conditions":           func(n int) string { return strings.Repeat("if (1): ", n) },
	"blocks behind a long word": func(n int) string { return strings.Repeat("a", n) + strings.Repeat("{}", n) },
	"not closed":                func(n int) string { return strings.Repeat("[", n) },
	"comments":                  func(n int) string { return strings.Repeat("/* a */ // b\n# c\n", n) },
	"one comment":               func(n int) string { return "/*" + strings.Repeat("*", n) },
	"includes":                  func(n int) string { return strings.Repeat("include 'x.php';\n", n) },
	"tags":                      func(n int) string { return strings.Repeat("?><?php ", n) },
	"no tags":                   func(n int) string { return "?>" + strings.Repeat("<? <?x", n) },
	"heredocs":                  func(n int) string { return strings.Repeat("$conf['A'] = <<<X\n  a\n  X;\n", n) },
	"heredoc of many lines":     func(n int) string { return "$conf['A'] = <<<X\n" + strings.Repeat("  X1\n", n) + "  X;" },
	"heredoc not closed":        func(n int) string { return strings.Repeat("<<<X\n", n) },
	"no heredocs":               func(n int) string { return strings.Repeat("<<<", n) + strings.Repeat("<<<'a", n) },
	"texts":                     func(n int) string { return strings.Repeat(`$conf["A"] = 'a\'b' . "c\n";`, n) },
	"one text":                  func(n int) string { return `$conf["A"] = "` + strings.Repeat(`\n\u{61}`, n) + `";` },
	"quote not closed":          func(n int) string { return `'` + strings.Repeat(`\'`, n) },
	"variables in a text":       func(n int) string { return `$conf["A"] = "` + strings.Repeat("{$a['b']}", n) + `";` },
	"variables not closed":      func(n int) string { return strings.Repeat(`"{$a `, n) },
	"escapes not closed":        func(n int) string { return `$conf["A"] = "` + strings.Repeat(`\u{`, n) + `";` },
	"one number":                func(n int) string { return "$conf['A'] = 1" + strings.Repeat("0", n) + ";" },
	"one hexadecimal number":    func(n int) string { return "$conf['A'] = 0xB" + strings.Repeat("0", n) + ";" },
	"numbers":                   func(n int) string { return strings.Repeat("$conf[1] = 1.5e3;", n) },
	"unset":                     func(n int) string { return parts(n, "$conf['A%d'] = 1;") + parts(n, "unset($conf['A%d']);") },
}

func parts(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

func nested(n int, first, open, closed string) string {
	return first + strings.Repeat(open, n) + strings.Repeat(closed, n)
}

// What the reader looks at grows as the file does, and no faster.
func TestParseConfigIsLinear(t *testing.T) {
	for name, shape := range shapes {
		const n = 500
		_, once, _ := parseConfig([]byte("<?php " + shape(n)))
		_, twice, _ := parseConfig([]byte("<?php " + shape(2*n)))
		if size := len(shape(2 * n)); twice > 2*once+once/2+100 || twice > 20*size+100 {
			t.Errorf("%s: looked at %d, and at %d in a file of twice the size, which is %d", name, once, twice, size)
		}
	}
}

// A text in a text in a text takes room on the stack, so there is a limit.
func TestNestedTexts(t *testing.T) {
	deep := func(n int) []byte {
		return []byte("<?php $x = " + strings.Repeat(`"{$a[`, n) + strings.Repeat(`]}"`, n) + "; $conf['A'] = 1;")
	}
	if c, err := ParseConfig(deep(100)); err != nil || len(c.Literals) != 1 {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := ParseConfig(deep(100_000)); err == nil || !strings.Contains(err.Error(), "nested too deeply") {
		t.Errorf("%v", err)
	}
}

// A number with more digits than any float is infinite, as in PHP, however it is written.
func TestLongNumbers(t *testing.T) {
	for text, want := range map[string]string{
		"1" + strings.Repeat("0", 100_000):            "INF",
		"0xB" + strings.Repeat("0", 100_000):          "INF",
		"0b1" + strings.Repeat("0", 1024):             "INF",
		"0b1" + strings.Repeat("0", 1023):             "8.9884656743116E+307",
		"0x" + strings.Repeat("0", 100_000) + "1f":    "31",
		"0" + strings.Repeat("0", 100_000) + "17":     "15",
		"1" + strings.Repeat("0", 300):                "1.0E+300",
		"1" + strings.Repeat("0", 100_000) + ".5":     "INF",
		"0." + strings.Repeat("0", 100_000) + "1e0":   "0",
		"0." + strings.Repeat("0", 10) + "1e00000020": "1000000000",
	} {
		if got, ok := numberText(text, false); !ok || got != want {
			t.Errorf("%.10s… of %d: %q, want %q", text, len(text), got, want)
		}
	}
}

// BenchmarkParseConfig compares files with others of eight times the size. The ratio is the cube root of that of the times. It says what
// twice the size costs: 2 if the time grows as the size does, 4 if as its square. The shortest times count, since memory that the
// process has not had before can cost more than what is done in it; what is above 2 is mostly that.
func BenchmarkParseConfig(b *testing.B) {
	for _, name := range slices.Sorted(maps.Keys(shapes)) {
		b.Run(name, func(b *testing.B) {
			var took [2]time.Duration
			for b.Loop() {
				for i := range took {
					src := []byte("<?php " + shapes[name](10_000<<(3*i)))
					start := time.Now()
					_, _ = ParseConfig(src)
					took[i] = min(cmp.Or(took[i], time.Hour), time.Since(start))
				}
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(took[1].Microseconds())/1000, "ms/file")
			b.ReportMetric(math.Cbrt(float64(took[1])/float64(took[0])), "ratio")
		})
	}
}

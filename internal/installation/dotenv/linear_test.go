package dotenv

import (
	"cmp"
	"errors"
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
	"settings":            func(n int) string { return parts(n, "A%d=1\n") },
	"one setting":         func(n int) string { return strings.Repeat("A=1\n", n) },
	"joined lines":        func(n int) string { return "A=\"\n" + strings.Repeat("B=1\n", n) + "\"\n" },
	"joined and open":     func(n int) string { return "A=\"\n" + strings.Repeat("B=1\n", n) },
	"open quotes":         func(n int) string { return strings.Repeat("A=\"\n\"\n", n) },
	"comment swallows":    func(n int) string { return strings.Repeat("#=\"\n\"\n", n) },
	"one value":           func(n int) string { return "A=" + strings.Repeat("x", n) },
	"escapes":             func(n int) string { return `A="` + strings.Repeat(`\n`, n) + `"` },
	"not UTF-8":           func(n int) string { return "A=" + strings.Repeat("\xe4", n) },
	"dollar signs":        func(n int) string { return "A=" + strings.Repeat("$", n) },
	"open variables":      func(n int) string { return "A=" + strings.Repeat("${A", n) },
	"unknown variables":   func(n int) string { return "A=" + strings.Repeat("${B}", n) },
	"known variables":     func(n int) string { return "B=xxxx\nA=" + strings.Repeat("${B}", n) },
	"completed variables": func(n int) string { return "B=xxxx\nA=" + strings.Repeat("${${B}", n) },
	"long names":          func(n int) string { return "B=" + strings.Repeat("x", n) + "\nA=" + strings.Repeat("${${B}", n/1000) },
	"bare names":          func(n int) string { return parts(n, "A%d\n") },
	"carriage returns":    func(n int) string { return strings.Repeat("A=1\r", n) },
	"blank lines":         func(n int) string { return strings.Repeat("\n", n) },
}

func parts(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// Settings that refer to each other can grow without measure: each line of the file doubles what the line before has.
func TestSettingsThatGrow(t *testing.T) {
	src := "A0=0123456789\n"
	for i := range 60 {
		src += fmt.Sprintf("A%d=${A%[2]d}${A%[2]d}\n", i+1, i)
	}
	d, err := Parse([]byte(src))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Settings(); !errors.Is(err, ErrTooLarge) {
		t.Errorf("%v", err)
	}
}

// BenchmarkParse compares files with others of eight times the size. The ratio is the cube root of that of the times. It says what
// twice the size costs: 2 if the time grows as the size does, 4 if as its square. The shortest times count, since memory that the
// process has not had before can cost more than what is done in it; what is above 2 is mostly that.
func BenchmarkParse(b *testing.B) {
	for _, name := range slices.Sorted(maps.Keys(shapes)) {
		b.Run(name, func(b *testing.B) {
			var took [2]time.Duration
			for b.Loop() {
				for i := range took {
					src := []byte(shapes[name](10_000 << (3 * i)))
					start := time.Now()
					if d, err := Parse(src); err == nil {
						_, _ = d.Settings()
					}
					took[i] = min(cmp.Or(took[i], time.Hour), time.Since(start))
				}
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(took[1].Microseconds())/1000, "ms/file")
			b.ReportMetric(math.Cbrt(float64(took[1])/float64(took[0])), "ratio")
		})
	}
}

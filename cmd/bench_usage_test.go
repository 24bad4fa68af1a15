package cmd_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// This file measures processes. Every benchmark of this package does it in this one way.

// usage is what a process took.
type usage struct {
	wall, cpu time.Duration
	peak      float64 // of memory, in MiB
}

// measurer is scripts/usage, which says what a process took.
var measurer struct {
	path  string
	built sync.Once
	err   error
}

func buildMeasurer() {
	measurer.path = filepath.Join(filepath.Dir(program.path), "usage")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", measurer.path, "../scripts/usage").CombinedOutput(); err != nil {
		measurer.err = fmt.Errorf("go build: %w\n%s", err, out)
	}
}

// used runs a command and returns what it took. The command may end with 0, or with one of these codes. What it prints goes
// nowhere, if the command does not say where.
func used(tb testing.TB, c *exec.Cmd, codes ...int) usage {
	tb.Helper()
	measurer.built.Do(buildMeasurer)
	if measurer.err != nil {
		tb.Fatal(measurer.err)
	}
	if c.Err != nil {
		tb.Fatal(c.Err)
	}
	report, writer, err := os.Pipe()
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = report.Close() }()
	var stderr strings.Builder
	c.Args = append([]string{measurer.path, c.Path}, c.Args[1:]...)
	c.Path, c.ExtraFiles = measurer.path, []*os.File{writer}
	if c.Stderr == nil {
		c.Stderr = &stderr
	}
	err = c.Run()
	_ = writer.Close()
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || !slices.Contains(codes, exit.ExitCode())) {
		tb.Fatalf("%v: %v\n%.4000s", c.Args[1:], err, stderr.String())
	}
	var wall, cpu, peak int64
	if _, err := fmt.Fscan(report, &wall, &cpu, &peak); err != nil {
		tb.Fatal("what the process took can't be read: ", err)
	}
	return usage{time.Duration(wall), time.Duration(cpu), float64(peak) / 1024}
}

// inTurns runs two commands in turns, so many times, after a first time that does not count. It returns the medians of what
// each took, and the median of the ratios of their times.
func inTurns(tb testing.TB, times int, ours, theirs func() *exec.Cmd) (our, their usage, ratio float64) {
	tb.Helper()
	var our1, their1 []usage
	var ratios []float64
	for i := range times + 1 {
		a, b := used(tb, ours()), used(tb, theirs())
		if i > 0 || times == 0 {
			our1, their1, ratios = append(our1, a), append(their1, b), append(ratios, a.wall.Seconds()/b.wall.Seconds())
		}
	}
	return middle(our1), middle(their1), median(ratios)
}

// middle returns the median of each thing that processes took.
func middle(all []usage) usage {
	var wall, cpu []time.Duration
	var peak []float64
	for _, u := range all {
		wall, cpu, peak = append(wall, u.wall), append(cpu, u.cpu), append(peak, u.peak)
	}
	return usage{median(wall), median(cpu), median(peak)}
}

func median[T time.Duration | float64](all []T) T {
	all = slices.Sorted(slices.Values(all))
	n := len(all)
	return (all[(n-1)/2] + all[n/2]) / 2
}

// metrics are what a benchmark reports, in this order: pairs of a unit and a value.
type metrics []any

// once runs a benchmark and reports what it measured. With -benchtime 1x, as make bench has it, that is one time.
func once(b *testing.B, measure func() metrics) {
	b.Helper()
	var got metrics
	for b.Loop() {
		got = measure()
	}
	b.ReportMetric(0, "ns/op") // the time of everything together means nothing
	for pair := range slices.Chunk(got, 2) {
		unit, _ := pair[0].(string)
		switch value := pair[1].(type) {
		case float64:
			b.ReportMetric(value, unit)
		case int:
			b.ReportMetric(float64(value), unit)
		case time.Duration:
			b.ReportMetric(value.Seconds(), unit)
		default:
			b.Fatalf("%s: %T is no number", unit, value)
		}
	}
}

// quick reports whether the benchmarks are run with small numbers, to see that they work. What they report then means nothing.
func quick() bool { return os.Getenv("UZERP_MFA_BENCH") == "quick" }

// size returns n, or a hundredth of it if the benchmarks are to be quick.
func size(n int) int {
	if quick() {
		return max(n/100, 10)
	}
	return n
}

// realPsql is psql itself. On Debian the one in the PATH is a Perl script that looks for it.
func realPsql() string {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/psql")
	if len(found) > 0 {
		return found[len(found)-1]
	}
	return "psql"
}

// A process takes the memory that it takes itself: not what the test had that started it.
func TestUsageIsOfTheProcessItself(t *testing.T) {
	big := make([]byte, 300<<20)
	for i := range big {
		big[i] = byte(i)
	}
	u := used(t, exec.Command("/bin/sh", "-c", "exit 3"), 3)
	if u.peak <= 0 || u.peak > 50 {
		t.Errorf("sh takes %v MiB", u.peak)
	}
	if u.wall <= 0 || u.cpu <= 0 {
		t.Errorf("%+v", u)
	}
	// Something that does take memory and time is seen.
	u = used(t, exec.Command("/bin/sh", "-c", `x=0123456789abcdef; while [ ${#x} -lt 30000000 ]; do x=$x$x; done`))
	if u.peak < 30 {
		t.Errorf("a variable of 32 MB takes %v MiB", u.peak)
	}
	if big[len(big)-1] != 255 {
		t.Error("the memory of the test is gone")
	}
}

func TestMedian(t *testing.T) {
	if got := median([]float64{9, 1, 2}); got != 2 {
		t.Error(got)
	}
	if got := median([]time.Duration{4, 1, 2, 9}); got != 3 {
		t.Error(got)
	}
}

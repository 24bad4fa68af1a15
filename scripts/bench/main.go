// Command bench runs the benchmarks and writes docs/performance.md's tables and plots from what they measured. With -in it runs
// nothing, and takes what an earlier run measured.
//
// Its law: no number on the page is from anywhere else. The page says for each row what is to be reached, and where that was
// not reached it says so, and why as far as that is known (rows.go).
package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

func main() {
	var r runner
	in := flag.String("in", "", "take what this file has, and run nothing")
	page := flag.String("page", "docs/performance.md", "the page to be written")
	plots := flag.String("plots", "docs/performance", "the folder for the plots")
	flag.StringVar(&r.keep, "keep", "bin/bench.txt", "where to keep what was measured")
	flag.StringVar(&r.only, "only", ".", "only these benchmarks: a regular expression, as go test -bench takes it; the page is left alone")
	flag.BoolVar(&r.quick, "quick", false, "small numbers, to see that everything works; the page is left alone")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := r.main(ctx, *in, *page, *plots)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type runner struct {
	keep, only string
	quick      bool
}

func (r runner) main(ctx context.Context, in, page, plots string) error {
	var failed error
	if in == "" {
		failed = r.run(ctx)
		if ctx.Err() != nil {
			return fmt.Errorf("interrupted: %s has what was measured so far, and %s is as it was", r.keep, page)
		}
		if r.quick || r.only != "." {
			_, _ = fmt.Fprintf(os.Stderr, "%s is as it was: these were not all benchmarks, or not with the numbers that count\n", page)
			return failed
		}
		in = r.keep
	}
	text, err := os.ReadFile(in)
	if err != nil {
		return errors.Join(failed, err)
	}
	return errors.Join(failed, write(parse(string(text)), page, plots)) // what could not be measured stands there as such
}

// packages have benchmarks that compare something, and times is how often each is run. Those of processes repeat what is short by
// themselves.
var packages = []struct{ path, times string }{
	{"./cmd", "1x"}, {"./internal/installation/php", "3x"}, {"./internal/installation/dotenv", "3x"}, {"./internal/history", "3x"},
}

// run runs the benchmarks, and keeps what they print with what the machine is.
func (r runner) run(ctx context.Context) error {
	if err := os.MkdirAll(filepath.Dir(r.keep), 0o755); err != nil {
		return err
	}
	file, err := os.Create(r.keep)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	began := time.Now()
	_, _ = fmt.Fprintf(file, "date: %s\ncores: %d\nmemory: %s\nsystem: %s\ngo: %s\nload-start: %s\n", began.Format("2 January 2006"), runtime.NumCPU(),
		memory(), system(), runtime.Version(), load())
	env := os.Environ()
	if r.quick {
		env = append(env, "UZERP_MFA_BENCH=quick")
	}
	if cli := output(ctx, "scripts/twilio-cli.sh"); cli != "" {
		env = append(env, "UZERP_MFA_TWILIO_CLI="+cli)
	}
	var failed error
	for _, p := range packages {
		c := exec.CommandContext(ctx, "go", "test", "-count", "1", "-run", "^$", "-bench", r.only, "-benchtime", p.times, "-timeout", "60m", p.path)
		c.Env, c.Stdout, c.Stderr = env, io.MultiWriter(os.Stderr, file), os.Stderr
		c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
		if err := c.Run(); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", p.path, err)) // the others are measured all the same
		}
		if ctx.Err() != nil {
			break
		}
	}
	_, _ = fmt.Fprintf(file, "load-end: %s\nminutes: %.1f\n", load(), time.Since(began).Minutes())
	return errors.Join(failed, file.Close())
}

// output returns what a program prints, or nothing.
func output(ctx context.Context, name string, args ...string) string {
	c := exec.CommandContext(ctx, name, args...)
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

func load() string {
	text, _ := os.ReadFile("/proc/loadavg")
	return cmp.Or(strings.Join(strings.Fields(string(text))[:min(3, len(strings.Fields(string(text))))], ", "), "unknown")
}

func memory() string {
	text, _ := os.ReadFile("/proc/meminfo")
	var kib float64
	if _, err := fmt.Sscanf(string(text), "MemTotal: %f kB", &kib); err != nil {
		return "unknown"
	}
	return fmt.Sprintf("%.0f GiB", kib/(1<<20))
}

func system() string {
	text, _ := os.ReadFile("/etc/os-release")
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(line, "PRETTY_NAME="); ok {
			return strings.Trim(strings.TrimSpace(name), `"`)
		}
	}
	return runtime.GOOS
}

// write writes the page and the plots.
func write(m measured, page, plots string) error {
	old, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	text, missing, err := fill(string(old), m)
	if err != nil {
		return fmt.Errorf("%s: %w", page, err)
	}
	if err := os.MkdirAll(plots, 0o755); err != nil {
		return err
	}
	for name, plot := range draw(m) {
		if err := os.WriteFile(filepath.Join(plots, name), []byte(plot), 0o644); err != nil {
			return err
		}
	}
	if !bytes.Equal(old, []byte(text)) {
		if err := os.WriteFile(page, []byte(text), 0o644); err != nil {
			return err
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("the page is written, but these were not measured: %s", strings.Join(missing, ", "))
	}
	return nil
}

package output

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
)

// defaultPager is used where PAGER is not set.
const defaultPager = "less"

// FindPager returns the pager for Streams.Pager: $PAGER, or less. It is "" if what is longer than the screen is to be
// printed as it is: PAGER is empty or "cat", or the terminal is too simple for a pager.
//
// The program of $PAGER has this process's rights, and lets its user start others. So nobody may call this whose rights are
// another's (operator.IsLent).
func FindPager(getenv func(string) (string, bool)) string {
	if term, _ := getenv("TERM"); term == "" || term == "dumb" || term == "unknown" {
		return ""
	}
	pager, set := getenv("PAGER")
	if !set {
		return defaultPager
	}
	if pager = strings.TrimSpace(pager); pager == "cat" {
		return ""
	}
	return pager
}

// Page writes text to stdout, and shows it through Pager if stdout is a terminal that is too small for it. It returns when
// the reader has left the pager.
//
// Everything in the text that is from outside must be escaped already, as the functions of this package do it. It fails as
// writing to Out does. A pager that can't be started is no error: then the text is printed. Nor is one that was left early,
// or that ended badly.
func (s *Streams) Page(text string) error {
	if s.pages(text) {
		if err := s.Out.Flush(); err != nil {
			return err
		}
		if s.page(text) {
			s.wentThroughPager = true
			return nil
		}
	}
	_, err := io.WriteString(s.Out, text)
	return err
}

// Paged shows what f writes to Out as Page does. Where there is a pager, all of it is held until f returns.
func (s *Streams) Paged(f func() error) error {
	if !s.mayPage() {
		return f()
	}
	s.Out.hold()
	err := f()
	return errors.Join(err, s.Page(s.Out.release()))
}

// WentThroughPager reports whether the pager has shown something.
func (s *Streams) WentThroughPager() bool { return s.wentThroughPager }

// mayPage reports whether a text that is long enough would go through the pager.
func (s *Streams) mayPage() bool {
	return s.Pager != "" && s.OutTTY && !s.NoInput && s.screen != nil && s.inFront()
}

// pages reports whether a text goes through the pager.
func (s *Streams) pages(text string) bool {
	if !s.mayPage() {
		return false
	}
	width, height := s.size()
	return height > 0 && rowsOn(text, width) >= height // one row is the prompt's
}

// rowsOn returns how many rows of a screen a text needs, whose only control sequences are colours.
func rowsOn(text string, width int) (rows int) {
	for line := range strings.Lines(text) {
		rows += max(1, (measure.StringWidth(withoutColors(strings.TrimSuffix(line, "\n")))+width-1)/max(1, width))
	}
	return rows
}

// withoutColors returns text without the sequences that Style paints with.
func withoutColors(text string) string {
	for {
		before, after, found := strings.Cut(text, "\x1b[")
		if !found {
			return text
		}
		_, after, _ = strings.Cut(after, "m")
		text = before + after
	}
}

// page runs the pager. It reports whether it took the text.
func (s *Streams) page(text string) bool {
	// While the pager is there, Ctrl-C is for it: it ends a search. The program must not end before it, because it has changed
	// how the terminal works.
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)

	pager := pagerCommand(s.Pager)
	pager.Stdout, pager.Stderr = s.screen, s.screen
	pager.Env = pagerEnv(os.Environ(), os.Geteuid() == 0)
	in, err := pager.StdinPipe()
	if err != nil || pager.Start() != nil {
		return false
	}
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		for {
			select {
			case got := <-signals:
				if got != os.Interrupt {
					_ = pager.Process.Signal(syscall.SIGTERM)
					_ = in.Close() // what the pager has started may have the pipe, and read nothing
				}
			case <-ended:
				return
			}
		}
	}()
	_, _ = io.WriteString(in, text) // a pager that was left reads no more
	_ = in.Close()
	exit, failed := errors.AsType[*exec.ExitError](pager.Wait())
	return !failed || exit.ExitCode() != shellFoundNothing && exit.ExitCode() != shellCantRun
}

// What a shell ends with if it can't run a command.
const (
	shellCantRun      = 126
	shellFoundNothing = 127
)

// pagerCommand returns the command of a pager. $PAGER is text for a shell, but a single word needs none.
func pagerCommand(pager string) *exec.Cmd {
	if strings.ContainsAny(pager, "|&;<>()$`\\\"' \t\n*?[]#~=%") {
		return exec.Command("/bin/sh", "-c", pager) //nolint:noctx // the reader ends it
	}
	return exec.Command(pager) //nolint:noctx // the reader ends it
}

// pagerEnv returns the environment of a pager. less ends by itself if all fits, shows colours, and leaves the text on the
// screen, unless LESS says something else: so it is with git. For root, less starts no other program.
func pagerEnv(env []string, root bool) []string {
	has := func(name string) bool {
		for _, e := range env {
			if strings.HasPrefix(e, name+"=") {
				return true
			}
		}
		return false
	}
	for _, v := range []struct {
		name, value string
		wanted      bool
	}{{"LESS", "FRX", true}, {"LV", "-c", true}, {"LESSSECURE", "1", root}} {
		if v.wanted && !has(v.name) {
			env = append(env, v.name+"="+v.value)
		}
	}
	return env
}

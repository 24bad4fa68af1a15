package cmd_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"uzerp-mfa/cmd"
	"uzerp-mfa/internal/emulator"
)

// The commands of scripts that run the program. testdata/script/README.md explains them.

func cmdRun(ts *testscript.TestScript, args []string) {
	var in io.Reader
	if args[0] == "-in" {
		in, args = strings.NewReader(ts.ReadFile(args[1])), args[2:]
	}
	unanswered := args[0] == "-unanswered"
	if unanswered {
		args = args[1:]
	}
	want, args := exitCode(ts, args)
	var stdout, stderr bytes.Buffer
	run := func(args []string) int {
		stdout.Reset()
		stderr.Reset()
		c := program0(ts, args)
		c.Stdin, c.Stdout, c.Stderr = in, &stdout, &stderr
		return exitOf(ts, c.Run())
	}
	var got int
	if unanswered {
		got = runUnanswered(ts, run, args)
	} else {
		got = run(args)
	}
	_, _ = ts.Stdout().Write(stdout.Bytes())
	_, _ = ts.Stderr().Write(stderr.Bytes())
	checkSecrets(ts, args, stdout.String(), stderr.String(), false)
	checkTexts(ts, args, stdout.String(), stderr.String())
	if got != want {
		ts.Logf("[stdout]\n%s[stderr]\n%s", &stdout, &stderr)
		ts.Fatalf("exit code %d, want %d", got, want)
	}
	checkDocumented(ts, args, got)
	if got != killed {
		checkSchema(ts, args, got, stdout.String(), stderr.String())
	}
}

// runUnanswered runs the program with the shortest time limit with which it gets as far as a request that Twilio does not
// answer. How long that takes depends on the machine.
func runUnanswered(ts *testscript.TestScript, run func(args []string) int, args []string) int {
	verify := sceneOf(ts).verify
	before := len(verify.Requests())
	for limit := 500 * time.Millisecond; limit < 2*time.Minute; limit *= 2 {
		got := run(append(slices.Clone(args), "--timeout", limit.String()))
		if slices.ContainsFunc(verify.Requests()[before:], func(r emulator.Request) bool { return r.Status == 0 }) {
			return got
		}
	}
	ts.Fatalf("each request was answered, or none was made")
	return 0
}

// checkSchema holds what the program has printed as JSON against docs/schema.
func checkSchema(ts *testscript.TestScript, args []string, exit int, stdout, stderr string) {
	if err := cmd.CheckJSON(args, exit, stdout, stderr); err != nil {
		ts.Fatalf("%v", err)
	}
}

// checkDocumented checks that the help of the command has the exit code that it ended with.
func checkDocumented(ts *testscript.TestScript, args []string, got int) {
	command, codes := cmd.DocumentedExitCodes(args)
	runsAnother := command == "uzerp-mfa sandbox" && len(args) > 1 // ends with the code of what it runs
	if got != killed && !runsAnother && !slices.Contains(codes, got) {
		ts.Fatalf("exit code %d, which is not in the help of %s: it has %d", got, command, codes)
	}
}

const killed = -1 // what os/exec says of a program that a signal has ended

func exitCode(ts *testscript.TestScript, args []string) (int, []string) {
	if args[0] == "any" { // the program was killed
		return anyExit, args[1:]
	}
	n, err := strconv.Atoi(args[0])
	if err != nil {
		ts.Fatalf("no exit code: %q", args[0])
	}
	return n, args[1:]
}

const anyExit = -2

func program0(ts *testscript.TestScript, args []string) *exec.Cmd {
	var path string
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if file := filepath.Join(dir, "uzerp-mfa"); path == "" && fileExists(file) {
			path = file
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), hangs) // a program that hangs fails its own script only
	ts.Defer(cancel)
	c := exec.CommandContext(ctx, path, args...)
	c.Dir = ts.MkAbs(".")
	c.Env = environ(ts)
	return c
}

// environ returns the script's environment. testscript returns only single variables.
func environ(ts *testscript.TestScript) []string {
	env := []string{noRaceSleep}
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "TERM", "PAGER", "NO_COLOR", "COLUMNS", "GOCOVERDIR",
		"DATABASE_URL", "PGHOST", "PGPORT", "PGDATABASE", "PGUSER", "PGPASSWORD", "PGOPTIONS", "PGSSLMODE",
		"PGHOSTADDR", "PGSSLCRL",
		"UZERP_ROOT", "UZERP_MFA_VERIFY_URL", "UZERP_MFA_AUDIT_LOG", "UZERP_MFA_PHONE_REGION", "UZERP_MFA_SELF", "UZERP_MFA_COMPLETING_SHELL",
		"XDG_STATE_HOME", "SUDO_USER", "SUDO_UID", "SUDO_GID", "SSH_CLIENT",
		"SSL_CERT_FILE", "SSL_CERT_DIR", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "NO_PROXY", "TEST_POLICY", "TEST_SYSTEM_LOG",
		"TWILIO_ACCOUNT_SID", "TWILIO_SERVICE_SID", "TWILIO_AUTH_TOKEN", "TWILIO_API_KEY", "TWILIO_API_SECRET"} {
		if v := ts.Getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	return env
}

func exitOf(ts *testscript.TestScript, err error) int {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	ts.Check(err)
	return 0
}

// typist is the person at the terminal.
type typist struct {
	ts     *testscript.TestScript
	cmd    *exec.Cmd
	screen *os.File
	seen   *terminal
	typed  []string // the typed codes, which the terminal echoes
}

func (p *typist) keys(text string) { _, _ = io.WriteString(p.screen, text) }

// typing has the words that a line of the file for tty can begin with.
var typing = map[string]func(p *typist, rest string){
	"expect": func(p *typist, rest string) {
		if !p.seen.await(rest) {
			_ = p.cmd.Process.Kill()
			p.ts.Fatalf("never saw %q on the screen:\n%s", rest, p.seen.text())
		}
	},
	"send": func(p *typist, rest string) { p.keys(rest + "\n") },
	"code": func(p *typist, rest string) { p.keys(phoneCode(p.ts, strings.Fields(rest)) + "\n") },
	"smscode": func(p *typist, rest string) {
		code := sentCode(p.ts, rest)
		p.typed = append(p.typed, code)
		p.keys(code + "\n")
	},
	"shopcode": func(p *typist, rest string) { cmdShopCode(p.ts, []string{rest}) },
	"psql":     func(p *typist, rest string) { runSQL(p.ts, io.Discard, rest) },
	"shell": func(p *typist, rest string) {
		other := exec.Command("sh", "-c", rest)
		other.Dir, other.Env = p.ts.MkAbs("."), append(environ(p.ts), fmt.Sprintf("PID=%d", p.cmd.Process.Pid))
		if out, err := other.CombinedOutput(); err != nil {
			p.ts.Fatalf("%s: %v\n%s", rest, err, out)
		}
	},
	"eof":    func(p *typist, _ string) { p.keys("\x04") },
	"intr":   func(p *typist, _ string) { p.keys("\x03") },
	"hangup": func(p *typist, _ string) { _ = p.screen.Close() },
	"kill":   func(p *typist, _ string) { _ = p.cmd.Process.Kill() },
}

func cmdTTY(ts *testscript.TestScript, args []string) {
	data, cols := "", wide
	if args[0] == "-out" {
		data, args = args[1], args[2:]
	}
	if args[0] == "-cols" {
		var err error
		cols, err = strconv.Atoi(args[1])
		ts.Check(err)
		args = args[2:]
	}
	file := ts.ReadFile(args[0])
	want, args := exitCode(ts, args[1:])
	c := program0(ts, args)
	if data != "" {
		out, err := os.Create(ts.MkAbs(data))
		ts.Check(err)
		defer func() { _ = out.Close() }()
		c.Stdout = out
	}
	screen, err := startOnTerminalOf(c, 50, cols)
	ts.Check(err)
	seen := &terminal{changed: make(chan struct{}, 1)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(seen, screen) // ends with EIO when the program ends
	}()
	p := &typist{ts: ts, cmd: c, screen: screen, seen: seen}
	for line := range strings.Lines(file) {
		verb, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if verb == "" || verb == "#" {
			continue
		}
		act, ok := typing[verb]
		if !ok {
			ts.Fatalf("nobody knows how to %q", verb)
		}
		act(p, rest)
	}
	got := exitOf(ts, c.Wait())
	select {
	case <-done: // the whole output has been read
	case <-time.After(5 * time.Second): // a child of the program still has the terminal open
	}
	_ = screen.Close()
	<-done
	sceneOf(ts).screen = seen.raw()
	_, _ = ts.Stdout().Write([]byte(seen.text()))
	shown := seen.text()
	for _, code := range p.typed { // the terminal shows what is typed, once
		shown = strings.Replace(shown, code, "", 1)
	}
	if info, err := os.Stat(ts.MkAbs(data)); data != "" && err == nil && info.Mode().IsRegular() { // /dev/full has no end
		shown += ts.ReadFile(data)
		checkSchema(ts, args, got, ts.ReadFile(data), "")
	}
	checkSecrets(ts, args, shown, "", true)
	checkTexts(ts, args, seen.text(), "")
	if got != want && want != anyExit {
		ts.Fatalf("exit code %d, want %d; the screen:\n%s", got, want, seen.text())
	}
	checkDocumented(ts, args, got)
}

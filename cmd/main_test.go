package cmd_test

import (
	"debug/buildinfo"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"uzerp-mfa/cmd"
	"uzerp-mfa/internal/pgtemp/dbtest"
)

// This file starts and ends the tests, and builds the program that they run.

// mutantOf builds the program with files replaced, as in `go build -overlay`.
func mutantOf(t *testing.T, overlay map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	replace := make(map[string]string)
	for path, text := range overlay {
		file := filepath.Join(dir, strings.ReplaceAll(path, "/", "_"))
		writeFile(t, file, text)
		full, err := filepath.Abs(filepath.Join("..", path))
		if err != nil {
			t.Fatal(err)
		}
		replace[full] = file
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "overlay.json"), string(text))
	program := filepath.Join(dir, "uzerp-mfa")
	if err := build(program, "-overlay", filepath.Join(dir, "overlay.json")); err != nil {
		t.Fatal(err)
	}
	return program
}

var update = flag.Bool("update", false, "write generated files anew")

// The secrets of every script, made so that they are recognised in any output.
const (
	authToken  = "authTOKENauthTOKENauthTOKENauth1"
	dbPassword = "dbPASSWORDdbPASSWORD"
	apiKey     = "SK00000000000000000000000000000003"
	apiSecret  = "apiSECRETapiSECRETapiSECRETapi1"
	accountSID = "AC00000000000000000000000000000001"
	serviceSID = "VA00000000000000000000000000000002"
)

type tests struct{ *testing.M }

func (m tests) Run() int {
	dir, err := os.MkdirTemp("", "uzerp-mfa-test-*")
	if err != nil {
		panic(err)
	}
	program.path = filepath.Join(dir, "uzerp-mfa")
	code := dbtest.Run(m.M)
	_ = os.RemoveAll(dir)
	return code
}

func TestMain(m *testing.M) {
	testscript.Main(tests{m}, map[string]func(){"uzerp-mfa": func() { os.Exit(profiled(cmd.RunForTests)) }})
}

// profiled writes where the program spends its time to the file that TEST_PROFILE names. The shipped program can't do that.
func profiled(run func() int) int {
	name := os.Getenv("TEST_PROFILE")
	if name == "" {
		return run()
	}
	file, err := os.Create(name)
	if err == nil {
		err = pprof.StartCPUProfile(file)
	}
	if err != nil {
		panic(err)
	}
	code := run()
	pprof.StopCPUProfile()
	if err := file.Close(); err != nil {
		panic(err)
	}
	return code
}

// program is the program as it is shipped. The first test that runs it builds it, once. The test binary can be the
// program too, and with the tests' race detector; but then a start takes seven times as long, and the tests start
// thousands.
var program struct {
	path  string
	built sync.Once
	err   error
}

func shipped(tb testing.TB) string {
	tb.Helper()
	program.built.Do(func() { program.err = build(program.path) })
	if program.err != nil {
		tb.Fatal(program.err)
	}
	return program.path
}

// ofTests lets the program send its lines for syslog to a socket in its working directory, if there is one, read no
// policy, and look for PHP's settings in the directory machine there: no test writes to the machine's syslog, or depends on the machine's policy.
const ofTests = "-X uzerp-mfa/cmd.syslogSocket=syslog.sock -X uzerp-mfa/cmd.policyPath=/nonexistent/policy.env " +
	"-X uzerp-mfa/cmd.machineRoot=machine"

// No test writes to the machine's syslog, or depends on its policy.
func TestTheProgramOfTheTests(t *testing.T) {
	info, err := buildinfo.ReadFile(shipped(t))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(info.Settings, func(s debug.BuildSetting) bool {
		return s.Key == "-ldflags" && strings.Contains(s.Value, "cmd.syslogSocket=") && strings.Contains(s.Value, "cmd.policyPath=")
	}) {
		t.Errorf("%+v", info.Settings)
	}
}

// patient is the shipped program with more time for each answer: it is stopped in the middle of a call, while others work.
func patient(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "uzerp-mfa")
	if err := build(path, "-ldflags", ofTests+" -X uzerp-mfa/cmd.answerLimit="+(2*hangs).String()); err != nil {
		t.Fatal(err)
	}
	return path
}

// build builds the program as it is shipped, but for the flags: with cgo it would look for users in another way, and start more slowly.
func build(path string, flags ...string) error {
	args := append([]string{"build", "-buildvcs=false", "-ldflags", ofTests, "-o", path}, flags...)
	c := exec.Command("go", append(args, "..")...)
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

// noRaceSleep keeps programs with the race detector in them from sleeping for a second when they end.
const noRaceSleep = "GORACE=atexit_sleep_ms=0"

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o640); err != nil {
		t.Fatal(err)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

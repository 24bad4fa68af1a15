package cmd

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/policy"
)

// These tests run what the hints propose, up to where a database or Twilio would be needed. So they find what the program
// refuses as wrong usage: flags that contradict each other, a user or a flag that is missing, a switch for one user given for two.

// typedBefore are command lines after which a hint is given: with one user, and with several.
var typedBefore = [][]string{
	{"user", "reset", "--reason", "x", "alice"},
	{"user", "reset", "--reason", "x", "alice", "carol"},
	{"enroll", "--reason", "x", "alice"},
	{"enroll", "--no-wait", "--html-dir", "pages", "--reason", "x", "alice", "carol"},
	{"user", "disable-next-login", "alice"},
}

// forOne and forSeveral are the reasons that are given only for a command for one user, or for several.
var (
	forOne     = []errs.Reason{"policy-caller"}
	forSeveral = []errs.Reason{"policy-callers", "policy-callers-code"}
)

func TestWhatHintsProposeCanBeRun(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, reason := range slices.Sorted(maps.Keys(hints)) {
		for _, line := range typedBefore {
			several := line[len(line)-2] == "alice"
			if several && slices.Contains(forOne, reason) || !several && slices.Contains(forSeveral, reason) {
				continue
			}
			text := hintAfter(t, line, reason.With(usableParts(hints[reason])...))
			for _, problem := range cannotRun(t, text) {
				t.Errorf("%s, after %q: %s\n\tin: %s", reason, line, problem, text)
			}
			if !strings.Contains(hints[reason], "{again") {
				break
			}
		}
	}
}

// A test that can't fail is useless. These are proposals that the program refuses.
func TestWhatCannotBeRunIsFound(t *testing.T) {
	t.Chdir(t.TempDir())
	for text, says := range map[string]string{
		"or uzerp-mfa identity send --reason x":                         "a user name is needed",
		"uzerp-mfa identity send alice sends one":                       "--channel must be sms or call",
		"uzerp-mfa user reset --identify sms alice carol":               "--identify is for one user",
		"uzerp-mfa user reset --reset alice":                            "unknown flag",
		"uzerp-mfa enroll --no-wait --reveal --html-dir pages alice":    "contradict",
		"uzerp-mfa identity check alice; then reset":                    "",
		"uzerp-mfa enroll 'alice' makes one; uzerp-mfa user show alice": "",
	} {
		problems := cannotRun(t, text)
		if says == "" && len(problems) > 0 || says != "" && (len(problems) != 1 || !strings.Contains(problems[0], says)) {
			t.Errorf("%s: %q", text, problems)
		}
	}
}

// What was typed as a reason is no part of the text: nothing in it is filled in, and its quotes stay as they are.
func TestNothingIsFilledIntoAReason(t *testing.T) {
	line := []string{"enroll", "--no-wait", "--html-dir", "pages", "--reason", "a {again --yes} b %s; uzerp-mfa user list", "alice", "carol"}
	const reason = "--reason 'a {again --yes} b %s; uzerp-mfa user list'"
	const want = "verify each caller first: uzerp-mfa identity send " + reason + " --channel sms alice, then uzerp-mfa identity check " + reason +
		" alice CODE, and so on for the others; or, if you have called all of them back: " +
		"uzerp-mfa enroll --verified-by call-back --html-dir pages --no-wait " + reason + " alice carol"
	if got := hintAfter(t, line, policy.ReasonEachNeeded.With("alice")); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

// usableParts returns parts for a text: each such that the command line with it can be run.
func usableParts(text string) []any {
	parts := sampleParts(text)
	for i, part := range parts {
		if part == "o'neil" {
			parts[i] = "alice"
		}
	}
	for _, m := range regexp.MustCompile(`--([a-z-]+) %(?:\[(\d+)\])?[sv]`).FindAllStringSubmatch(text, -1) {
		at := max(1, len(m[2]))
		if m[2] != "" {
			_, _ = fmt.Sscan(m[2], &at)
		}
		parts[at-1] = map[string]string{"factor": sampleSID, "channel": "sms", "max": "5"}[m[1]]
	}
	if strings.Contains(text, "{again --%[1]s TEXT}") {
		parts[0] = "ticket"
	}
	return parts
}

const sampleSID = "YF00000000000000000000000000000001"

// hintAfter returns the text of a hint after the command line.
func hintAfter(t *testing.T, line []string, hint errs.Hint) string {
	t.Helper()
	app := &App{}
	found, rest, err := newRootCmd(app).Find(line)
	if err == nil {
		err = found.ParseFlags(rest)
	}
	if err != nil {
		t.Fatal(err)
	}
	app.typed, app.args, app.command = found, found.Flags().Args(), strings.TrimPrefix(found.CommandPath(), "uzerp-mfa ")
	return app.hint(hint)
}

// standFor are values for the words in capitals, which the reader replaces.
var standFor = strings.NewReplacer("CODE", "123456", "USER", "alice", "TEXT", "x", "WHY", "x", "NUMBER", "+447700900123", "YF...", sampleSID)

// cannotRun returns the commands in a text that the program refuses as wrong usage, each with what it says.
func cannotRun(t *testing.T, text string) (problems []string) {
	t.Helper()
	for _, at := range ourName.FindAllStringIndex(text, -1) {
		line := text[at[1]:]
		if end := regexp.MustCompile(`[;()]`).FindStringIndex(line); end != nil {
			line = line[:end[0]]
		}
		args := argumentsIn(shellWord.FindAllString(standFor.Replace(line), -1))
		if len(args) == 0 || args[0] == "sandbox" { // that would start a database
			continue
		}
		err := runWithoutAnything(t, args)
		if e, ok := errors.AsType[*errs.Error](err); err != nil && (!ok || e.Kind == errs.Usage) {
			problems = append(problems, fmt.Sprintf("uzerp-mfa %s: %s", strings.Join(args, " "), err))
		}
	}
	return problems
}

// argumentsIn returns the words of the command line with which a sentence begins.
func argumentsIn(words []string) (args []string) {
	command := looseTree()
	for n := 0; n < len(words); n++ {
		word := strings.TrimRight(words[n], ",.:")
		last := word != words[n]
		plain := strings.Trim(word, "'")
		sub := subcommand(command, word)
		switch {
		case strings.HasPrefix(word, "--") && len(word) > 2:
			flag, value := lookUpFlag(command, word)
			args = append(args, plain)
			if flag != nil && !value && flag.NoOptDefVal == "" && n+1 < len(words) {
				n++
				word = strings.TrimRight(words[n], ",.:")
				last = word != words[n]
				args = append(args, strings.Trim(word, "'"))
			}
		case sub != nil:
			command = sub
			args = append(args, word)
		case slices.Contains([]string{"--", "alice", "carol", "123456"}, plain):
			args = append(args, plain)
		default:
			last = true
		}
		if last {
			break
		}
	}
	return args
}

// runWithoutAnything runs a command line as on a terminal, without any setting: it can open neither a database nor Twilio.
func runWithoutAnything(t *testing.T, args []string) error {
	t.Helper()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = null.Close() }()
	dir := t.TempDir()
	app := newApp(Process{In: null, Out: null, Err: null, Policy: "/nonexistent/policy.env", MachineAuditLog: filepath.Join(dir, "machine.jsonl"),
		Getenv: func(name string) (string, bool) {
			if name == "UZERP_MFA_AUDIT_LOG" {
				return filepath.Join(dir, "audit.jsonl"), true
			}
			return "", false
		}})
	defer app.reader.Close()
	app.streams.InTTY, app.streams.ErrTTY, app.streams.OutTTY = true, true, true
	app.streams.ErrNull, app.streams.OutNull = false, false
	root := newRootCmd(app)
	root.SetArgs(args)
	root.SetOut(null)
	root.SetErr(null)
	return root.ExecuteContext(context.Background())
}

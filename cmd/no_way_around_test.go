package cmd

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// No text proposes a command that opens somebody's login without the word how the caller is verified: not what the program
// says beside the table of hints, not the help, not the pages. And to somebody who helps one caller none names a way around a
// protection, or a switch for everybody: runbooks, README and what the program says; the other pages describe each flag. What
// is right nevertheless stands in allowedInTexts, with the reason. TestHintsNameNoWayAround is for the table of hints.
func TestTextsNameNoWayAround(t *testing.T) {
	used := map[string]bool{}
	for _, lines := range allowedInTexts {
		for _, line := range lines {
			used[line] = false
		}
	}
	check := func(where, text string, forOneCaller bool) {
		for line := range strings.Lines(text) {
			line = strings.TrimSpace(line)
			if !opensALogin(line) && (!forOneCaller || !aroundProtection.MatchString(line)) {
				continue
			}
			key := where + ": " + line
			if _, allowed := used[key]; !allowed {
				t.Errorf("a way around the verification of the caller or around a protection: %s", key)
			}
			used[key] = true
		}
	}
	for _, dir := range []string{".", "../internal"} {
		goFiles(t, dir, func(name string, source []byte) {
			if filepath.Base(name) != "hints.go" {
				for _, text := range textsIn(t, name, source) {
					check(filepath.Base(name), text, true)
				}
			}
		})
	}
	pages, err := filepath.Glob("../docs/*.md")
	runbooks, err2 := filepath.Glob("../docs/runbooks/*.md")
	if err != nil || err2 != nil || len(pages) < 10 || len(runbooks) < 10 {
		t.Fatal(err, err2, pages, runbooks)
	}
	for _, name := range append(append(pages, runbooks...), "../README.md") {
		page, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		check(strings.TrimPrefix(name, "../"), string(page), !strings.HasPrefix(name, "../docs/") || strings.Contains(name, "runbooks"))
	}
	for key, said := range used {
		if !said {
			t.Errorf("no text says any more: %s", key)
		}
	}
}

// A law that can't be broken is useless.
func TestTextsNameNoWayAroundFailsWhenBroken(t *testing.T) {
	for line, want := range map[string]bool{
		"uzerp-mfa user reset alice": true, "$ uzerp-mfa user disable-next-login alice --yes": true, "uzerp-mfa enroll --replace alice": true,
		"| lost phone | `uzerp-mfa user reset alice` | --identify |": true,
		"uzerp-mfa user reset alice --identify sms":                  false, "uzerp-mfa user disable-next-login --verified-by call-back alice": false,
		"uzerp-mfa user reset alice --dry-run": false, "user reset and user enable are for that": false, "uzerp-mfa user reset --help": false,
	} {
		if opensALogin(line) != want {
			t.Errorf("%s: %t", line, !want)
		}
	}
	for line, want := range map[string]bool{
		"do without: --no-audit-log": true, "give --skip-twilio": true, "uzerp-mfa set-injector --off": true, "skip the code": false,
	} {
		if aroundProtection.MatchString(line) != want {
			t.Errorf("%s: %t", line, !want)
		}
	}
}

var (
	openingCommand   = regexp.MustCompile("uzerp-mfa (user reset|user disable-next-login|enroll [^`;|]*--replace)[^`;|]*")
	aroundProtection = regexp.MustCompile(`--skip-[a-z-]+|--no-audit-log|uzerp-mfa set-injector`)
)

// opensALogin reports whether a line has a command that lets somebody in, without the word how the caller is verified. A
// command that changes nothing does not.
func opensALogin(line string) bool {
	for _, command := range openingCommand.FindAllString(line, -1) {
		if !strings.Contains(command, "--identify") && !strings.Contains(command, "--verified-by") && !strings.Contains(command, "--dry-run") &&
			!strings.Contains(command, "--help") {
			return true
		}
	}
	return false
}

// textsIn returns the texts in a Go file.
func textsIn(t *testing.T, name string, source []byte) (texts []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, source, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if text, err := strconv.Unquote(lit.Value); err == nil {
				texts = append(texts, text)
			}
		}
		return true
	})
	return texts
}

// allowedInTexts has the lines that are right all the same, by the reason why.
var allowedInTexts = map[string][]string{
	"the name of the flag, which a policy refuses": {
		"policy.go: --no-audit-log",
	},
	"it says that the two can't be had together": {
		"remedy.go: --identify and --skip-twilio contradict each other: it is Twilio that sends the code",
		"root.go: --audit-log and --no-audit-log contradict each other",
	},
	"an example of the whole program's help": {
		"root.go: uzerp-mfa set-injector --dry-run",
	},
	"of set-injector itself, which the administrator uses": {
		"set_injector.go: uzerp-mfa set-injector --uzerp-root /var/www/uzerp --dry-run",
		"set_injector.go: uzerp-mfa set-injector --uzerp-root /var/www/uzerp",
		"set_injector.go: uzerp-mfa set-injector --off --yes",
		"set_injector.go: --skip-env-check",
		"set_injector.go: --skip-twilio-check",
		"set_injector_try.go: uzerp-mfa set-injector --dry-run shows how it is",
	},
	"an argument of the guard, if it was given": {
		"set_injector_try.go: --no-audit-log",
	},
	"of set-injector itself": {
		"set_injector_try.go: uzerp-mfa set-injector --try 5m",
	},
	"the help of that flag": {
		"user_reset.go: If Twilio does not answer nothing is changed; --skip-twilio resets uzERP all the same, and leaves the old factor at",
	},
	"a rule of sudo: the policy below it wants a verified caller": {
		`docs/sudo.md: /usr/local/bin/uzerp-mfa user reset *, \`,
		`docs/sudo.md: /usr/local/bin/uzerp-mfa user disable-next-login *, \`,
	},
	"nobody has called, and access is disabled before": {
		"docs/runbooks/leaver.md: $ uzerp-mfa user reset alice --reason 'has left' --ticket HR-14",
	},
	"identity check has verified the caller before": {
		"docs/runbooks/new-phone.md: $ uzerp-mfa enroll bob --replace --no-wait --html bob.html",
	},
	"of a copy, for the administrator": {
		"docs/runbooks/restored-copy.md: two-factor login off there: `uzerp-mfa set-injector --off`.",
	},
	"the roll-out is for the whole site": {
		"docs/runbooks/roll-out.md: hint: uzerp-mfa set-injector switches it on",
		"docs/runbooks/roll-out.md: $ uzerp-mfa set-injector --dry-run",
		"docs/runbooks/roll-out.md: $ uzerp-mfa set-injector --try 5m --reason 'roll-out'",
	},
	"nobody can log in with a code yet, and nobody has called": {
		"docs/runbooks/roll-out.md: $ uzerp-mfa user reset erin frank --reason 'roll-out'",
	},
	"an outage concerns the whole site": {
		"docs/runbooks/twilio-outage.md: $ uzerp-mfa set-injector --off --reason 'Twilio is down' --ticket INC-12",
		"docs/runbooks/twilio-outage.md: $ uzerp-mfa set-injector --reason 'Twilio is back' --ticket INC-12",
	},
	"what is to clean up afterwards": {
		"docs/runbooks/twilio-outage.md: If users were reset with `--skip-twilio` meanwhile, or an enrollment broke off, reconcile finds what is left at Twilio,",
	},
	"for the administrator, and it says so": {
		"README.md: | switch two-factor login on for the whole site, on trial | `uzerp-mfa set-injector --try 5m` |",
		"README.md: sudo uzerp-mfa set-injector --try 5m           # switches on; log in from another browser. Without your yes it switches back",
		"README.md: `sudo uzerp-mfa set-injector --off` takes it back at any time, without Twilio. More: [a role and a key](docs/grants.md),",
	},
	"it changes nothing": {
		"README.md: sudo uzerp-mfa set-injector --dry-run          # every check, and what would be switched",
	},
}

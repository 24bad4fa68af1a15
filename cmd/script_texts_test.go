package cmd_test

import (
	"bytes"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// checkTexts runs after every command: no run says a sentence twice, and none promises what uzERP does not do while two-factor
// login is off.
func checkTexts(ts *testscript.TestScript, args []string, stdout, stderr string) {
	if hasNoTexts(args) || slices.Contains(textsTwice, ts.Name()) {
		return
	}
	if isData(args) {
		stdout = ""
	}
	for _, s := range saidTwice(stdout, stderr, people(ts, args)) {
		ts.Fatalf("says twice: %s\n[stdout]\n%s[stderr]\n%s", s, stdout, stderr)
	}
	if !switchesTheSite(args) && isOff(ts) {
		for _, s := range promises(stdout, stderr) {
			ts.Fatalf("two-factor login is off, and it promises: %s\n[stdout]\n%s[stderr]\n%s", s, stdout, stderr)
		}
	}
}

// textsTwice are the scripts whose commands do say something twice.
var textsTwice = []string{
	"session", "session_not_read", "session_config_set", // of two sources, or variables, both have the same cause
	"set_injector_confirm", // --try: before it begins, and while it runs
}

// hasNoTexts reports whether a command prints pages, records or calls, or runs another program. user history says the same of a user
// and of a source, doctor of checks with one cause.
func hasNoTexts(args []string) bool {
	return slices.ContainsFunc(args, func(a string) bool { return a == "--help" || a == "-h" || a == "-v" || a == "--verbose" }) ||
		len(args) > 0 && slices.Contains([]string{"help", "completion", "__complete", "sandbox", "version", "grants", "audit-log", "doctor"}, args[0]) ||
		len(args) > 1 && args[0] == "user" && args[1] == "history"
}

// isData reports whether stdout is for programs.
func isData(args []string) bool {
	return regexp.MustCompile(`(^|\n)(-o|--output)[=\n]?(json|jsonl|csv)(\n|$)`).MatchString(strings.Join(args, "\n"))
}

// switchesTheSite reports whether a command is about whether two-factor login is on, so that it speaks of both, or says in a note
// that it speaks of what happens while it is on.
func switchesTheSite(args []string) bool {
	return len(args) > 0 && slices.Contains([]string{"set-injector", "doctor", "session-config", "policy", "reconcile"}, args[0])
}

// isOff reports whether two-factor login is off: everybody logs in with the password.
func isOff(ts *testscript.TestScript) bool {
	var class bytes.Buffer
	if err := querySQL(ts, &class, "select class_name from injector_classes where name = 'LoginHandler'"); err != nil {
		return false
	}
	return strings.TrimSpace(class.String()) == "HTMLFormLoginHandler"
}

// people returns of how many users a command speaks: each may be told the same.
func people(ts *testscript.TestScript, args []string) int {
	n, names := 0, false
	for i, a := range args {
		switch {
		case a == "--":
			names = true
		case names:
			n++
		case a == "--from-file" && i+1 < len(args) && args[i+1] != "-":
			file := ts.MkAbs(args[i+1])
			if info, err := os.Stat(file); err != nil || !info.Mode().IsRegular() {
				continue // a pipe would keep us waiting
			}
			if data, err := os.ReadFile(file); err == nil {
				n += bytes.Count(data, []byte("\n"))
			}
		case a == "--from-file", a == "--all", a == "list", a == "reconcile", a == "pending":
			n += 1000
		case !strings.HasPrefix(a, "-"):
			n++
		}
	}
	return max(1, n-2)
}

// question matches a line with a question and its answer, and where assist begins anew, or ends. What was said before may be said
// again after it, but for a plan.
var question = regexp.MustCompile(`(?m)^[^\n]*[^]][:?] [^ \n]*$|\n\n"|^uzerp-mfa: the call is over`)

// sentenceEnd matches what stands between sentences, and between the cells of a table.
var sentenceEnd = regexp.MustCompile(`\n|[.;:?] |  +|\t|[.?]$`)

// cause matches what a system answered, and what becomes of a mail: of two things that failed both may have it.
var cause = regexp.MustCompile(`^(database role |twilio_account_sid|the mail program |the change stands|notify pending shows)|` +
	`is not a uzerp directory$|is not a regular file$`)

const (
	fewWords   = 5 // fewer are no sentence
	fewLetters = 26
)

// sentences splits what a command prints into sentences.
func sentences(text string) []string {
	var all []string
	for _, s := range sentenceEnd.Split(text, -1) {
		s = strings.ToLower(strings.Trim(s, " .;:?(),"))
		if len(strings.Fields(s)) >= fewWords && len(s) >= fewLetters && !cause.MatchString(s) {
			all = append(all, s)
		}
	}
	return all
}

// elsewhereToo matches lines that may say what other lines say: the error, for the report goes elsewhere and a warning may have the
// same cause; and why a plan leaves somebody out, for the report says it too, which stays.
var elsewhereToo = regexp.MustCompile(`(?m)^(uzerp-mfa: |  (unchanged|refused|failed): ).*$`)

// saidTwice returns the sentences that are said more often than once for each of so many people.
func saidTwice(stdout, stderr string, people int) []string {
	text := stdout + "\n" + stderr
	rest := sentences(elsewhereToo.ReplaceAllString(text, ""))
	text = elsewhereToo.ReplaceAllStringFunc(text, func(line string) string {
		if slices.ContainsFunc(sentences(line), func(s string) bool { return slices.Contains(rest, s) }) {
			return ""
		}
		return line
	})
	var all []string
	for _, part := range question.Split(text, -1) {
		times := map[string]int{}
		for _, s := range sentences(part) {
			if times[s]++; times[s] == people+1 {
				all = append(all, s)
			}
		}
	}
	return all
}

// promised matches what uzERP does only while two-factor login is on.
var promised = regexp.MustCompile(`(?i)uzERP (then )?shows (the user )?(a|the) (new )?QR code|shows a QR code|asks for (the|a|no) code|` +
	`asks for (it|the code) again|asks to enroll|skips? the code|logs? in with the code|refuses every code|no code can be right`)

// unless matches what makes a promise true in the words before it or after it.
var unless = regexp.MustCompile(`(?i)(once|while|if|and|whether) two-factor login is (switched )?on|once it's on|once it is on|once that is on|` +
	`two-factor login is (switched )?off`)

// promises returns what is said to happen at a login, and does not say that two-factor login must be on for it.
func promises(stdout, stderr string) []string {
	var all []string
	for _, text := range []string{stdout, stderr} {
		text = strings.Join(strings.Fields(text), " ")
		for _, m := range promised.FindAllStringIndex(text, -1) {
			around := text[max(0, m[0]-400):min(len(text), m[1]+60)]
			if !unless.MatchString(around) && !strings.HasPrefix(text[m[1]:], " that the caller reads out") {
				all = append(all, around)
			}
		}
	}
	return all
}

func TestTextsAreLookedAt(t *testing.T) {
	const off = "two-factor login is switched off for the whole site"
	for _, c := range []struct {
		stdout, stderr string
		people         int
		twice          int
	}{
		{"a  changed  the next login asks to enroll\n", "  afterwards  the next login asks to enroll\n", 1, 1},
		{"a  changed  the next login asks to enroll\nb  changed  the next login asks to enroll\n", "", 2, 0},
		{"a  changed  the next login asks to enroll\nb  changed  the next login asks to enroll\n", "the next login asks to enroll", 2, 1},
		{"next login  password only\n  why  " + off + ": everybody logs in\n", "note: " + off, 1, 1},
		{"two words\n", "two words\n", 1, 0},
		{"a  refused  this user has left the company\n", "uzerp-mfa: this user has left the company\n", 1, 0},
		{"a  refused  this user has left the company\n", "note: this user has left the company\n", 1, 1},
		{"the code was not right\nCode that the app shows: 123456\nthe code was not right, again\nthe code was not right\n", "", 1, 0},
		{"the next login asks to enroll\nReset it? [y/N] y\nthe next login asks to enroll\n", "", 1, 1},
	} {
		if got := saidTwice(c.stdout, c.stderr, c.people); len(got) != c.twice {
			t.Errorf("%q and %q: said twice: %q", c.stdout, c.stderr, got)
		}
	}
	for text, want := range map[string]int{
		"log in; uzERP shows a new QR code.":                                                  1,
		"once two-factor login is switched on, uzERP shows a new QR code":                     0,
		"the next login\n   asks to enroll":                                                   1,
		"no login; once it is enabled and two-factor login is switched on, it asks to enroll": 0,
		off + "\nonce it's on  asks to enroll":                                                0,
		"--identify asks for the code that the caller reads out":                              0,
	} {
		if got := promises(text, ""); len(got) != want {
			t.Errorf("%q promises %q", text, got)
		}
	}
}

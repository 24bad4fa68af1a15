package cmd

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"uzerp-mfa/internal/caller"
	"uzerp-mfa/internal/doctor"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/injector"
	"uzerp-mfa/internal/injector/trial"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/policy"
	"uzerp-mfa/internal/reconcile"
	"uzerp-mfa/internal/sandbox"
)

// reasonUse is one use of a reason in other packages: its declaration, or a hint with its number of parts.
type reasonUse struct {
	where string
	name  string // with the package: mfa.ReasonNotEnrolled
	id    errs.Reason
	parts int
}

// reasonsOf returns the reasons that a Go file declares, the hints that it makes with reasons, and every other use of a
// reason.
func reasonsOf(t *testing.T, name string, source []byte) (declared, made, used []reasonUse) {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, source, 0)
	if err != nil {
		t.Fatal(err)
	}
	at := func(n ast.Node) string { return set.Position(n.Pos()).String() }
	nameOf := func(e ast.Expr) string {
		switch e := e.(type) {
		case *ast.Ident:
			if strings.HasPrefix(e.Name, "Reason") {
				return file.Name.Name + "." + e.Name
			}
		case *ast.SelectorExpr:
			if room, ok := e.X.(*ast.Ident); ok && strings.HasPrefix(e.Sel.Name, "Reason") && e.Sel.Name != "Reason" {
				return room.Name + "." + e.Sel.Name
			}
		}
		return ""
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ValueSpec:
			if kind, ok := n.Type.(*ast.SelectorExpr); !ok || kind.Sel.Name != "Reason" {
				return true
			}
			for i, ident := range n.Names {
				id, err := strconv.Unquote(n.Values[i].(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				declared = append(declared, reasonUse{where: at(ident), name: file.Name.Name + "." + ident.Name, id: errs.Reason(id)})
			}
			return false
		case *ast.CallExpr:
			if f, ok := n.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "With" && nameOf(f.X) != "" {
				made = append(made, reasonUse{where: at(n), name: nameOf(f.X), parts: len(n.Args)})
			}
		case ast.Expr:
			if name := nameOf(n); name != "" {
				used = append(used, reasonUse{where: at(n), name: name})
				return false
			}
		}
		return true
	})
	return declared, made, used
}

var verb = regexp.MustCompile(`%(?:\[(\d+)\])?(.)`)

// sampleParts returns as many sample parts as a text needs.
func sampleParts(text string) []any {
	var parts []any
	for n, m := range verb.FindAllStringSubmatch(text, -1) {
		at := n + 1
		if m[1] != "" {
			at, _ = strconv.Atoi(m[1])
		}
		for len(parts) < at {
			parts = append(parts, "")
		}
		if parts[at-1] = fmt.Sprintf("PART%d", at); m[2] != "s" {
			parts[at-1] = "o'neil"
		}
	}
	return parts
}

// Every reason has a text, and every text a reason that some package uses, with as many parts as the text has.
func TestEveryReasonHasAText(t *testing.T) {
	for _, p := range checkReasons(t, roomFiles(t), hints) {
		t.Error(p)
	}
}

func roomFiles(t *testing.T) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	goFiles(t, "../internal", func(name string, source []byte) { files[name] = source })
	return files
}

func checkReasons(t *testing.T, rooms map[string][]byte, texts map[errs.Reason]string) (problems []string) {
	t.Helper()
	complain := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	ids, uses := map[string]errs.Reason{}, map[string]int{}
	var made []reasonUse
	for _, name := range slices.Sorted(maps.Keys(rooms)) {
		declared, hintsMade, used := reasonsOf(t, name, rooms[name])
		for _, d := range declared {
			if strings.TrimSpace(texts[d.id]) == "" {
				complain("%s: %s has no text in hints.go", d.where, d.name)
			}
			for other, id := range ids {
				if id == d.id {
					complain("%s: %s is %s too", d.where, d.name, other)
				}
			}
			ids[d.name] = d.id
		}
		made = append(made, hintsMade...)
		for _, u := range used {
			uses[u.name]++
		}
	}
	for _, m := range made {
		if want := len(sampleParts(texts[ids[m.name]])); m.parts != want {
			complain("%s: %s has %d parts, and its text %d", m.where, m.name, m.parts, want)
		}
	}
	known := slices.Collect(maps.Values(ids))
	for id := range texts {
		if !slices.Contains(known, id) {
			complain("the text for %q has no reason", id)
		}
	}
	for name := range ids {
		if uses[name] == 0 {
			complain("%s is given nowhere", name)
		}
	}
	return problems
}

// A check that can't fail is useless. Here each kind of mistake is made on purpose.
func TestEveryReasonFailsWhenBroken(t *testing.T) {
	const room = `package room
const (
	ReasonA errs.Reason = "a" // user
	ReasonB errs.Reason = "b"
)
func f() errs.Hint { g(ReasonB.With()); return ReasonA.With("alice") }
`
	texts := map[errs.Reason]string{"a": "uzerp-mfa enroll %[1]q, or %[1]s", "b": "no"}
	if problems := checkReasons(t, map[string][]byte{"room.go": []byte(room)}, texts); len(problems) > 0 {
		t.Error(problems)
	}
	for name, broken := range map[string]struct{ was, is, says string }{
		"no text":                   {`"b"`, `"c"`, "has no text"},
		"two of one id":             {`"b"`, `"a"`, "too"},
		"a part that nobody shows":  {`With("alice")`, `With("alice", "bob")`, "has 2 parts, and its text 1"},
		"a part is missing":         {`With("alice")`, `With()`, "has 0 parts, and its text 1"},
		"given nowhere":             {`g(ReasonB.With());`, ``, "given nowhere"},
		"of another room, no parts": {`g(ReasonB.With())`, `g(room.ReasonB.With(1))`, "has 1 parts, and its text 0"},
		"a text without a reason":   {`	ReasonB errs.Reason = "b"`, ``, "has no reason"},
	} {
		source := strings.Replace(room, broken.was, broken.is, 1)
		problems := checkReasons(t, map[string][]byte{"room.go": []byte(source)}, texts)
		if !slices.ContainsFunc(problems, func(p string) bool { return strings.Contains(p, broken.says) }) {
			t.Errorf("%s: %q", name, problems)
		}
	}
}

// The text of each reason is in a file, which go test ./cmd -run Hint -update writes.
func TestHintTexts(t *testing.T) {
	const golden = "testdata/hints.golden"
	var got bytes.Buffer
	for _, id := range slices.Sorted(maps.Keys(hints)) {
		text := (&App{}).hint(id.With(sampleParts(hints[id])...))
		if strings.Contains(text, "%") {
			t.Errorf("%s: %s", id, text)
		}
		fmt.Fprintf(&got, "%s: %s\n", id, text)
	}
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(filepath.FromSlash(golden), got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("-%s +hints.go:\n%s", golden, diff)
	}
}

// proseAfter has the words that may follow the name of a group of commands and are not its commands.
var proseAfter = map[string][]string{"user": {"names", "who", "change", "enrolls", "enroll", "now", "is", "then", "just", "exactly"},
	"service": {"at", "in", "is"}, "identity": {"says"}}

// A hint may leave out the program's name before a command of two words. That command exists too.
func TestHintsNameCommandsThatExist(t *testing.T) {
	groups := regexp.MustCompile(`(?:^|[^\w-])(user|identity|service|session-config|audit-log|sandbox) ([a-z][a-z-]*)`)
	for id, text := range hints {
		for _, m := range groups.FindAllStringSubmatch(text, -1) {
			if subcommand(subcommand(looseTree(), m[1]), m[2]) == nil && !slices.Contains(proseAfter[m[1]], m[2]) {
				t.Errorf("%s: is %q a command?", id, m[1]+" "+m[2])
			}
		}
	}
}

// A user name in a hint is quoted for a shell, also if the hint is part of another one.
func TestHintsQuote(t *testing.T) {
	for want, hint := range map[string]errs.Hint{
		"":                             {},
		"plain: 100 % of it":           errs.Plain("plain: 100 % of it"),
		`uzerp-mfa enroll 'o'\''neil'`: mfa.ReasonNotEnrolled.With("o'neil"),
		`uzerp-mfa user reset --identify sms -- '-y'`: mfa.ReasonLockedOut.With("-y"),
		`uzerp-mfa enroll '100%d %s'`:                 mfa.ReasonNotEnrolled.With("100%d %s"),
		"the next step":                               errs.Hint{}.Or(errs.Plain("the next step")),
		"give it":                                     errs.Plain("give it").Or(mfa.ReasonSharedUUID.With()),
		"uzerp-mfa verify --check '$(x)' tests whether the user's app works": mfa.ReasonLooksEnrolled.With("$(x)"),
		`uzerp-mfa user list --match='-y' shows the row as it is now`:        mfa.ReasonRowChanged.With("-y"),
		"send a new one: uzerp-mfa identity send --channel sms 'a b'": caller.ReasonSpent.With(
			caller.ReasonCodeWanted.With(caller.ChannelSMS, "a b")),
	} {
		if got := (&App{}).hint(hint); got != want {
			t.Errorf("%s: got %q, want %q", hint, got, want)
		}
	}
	err := fmt.Errorf("outer: %w", &errs.Error{Err: errs.NewWith(errs.Refused, "inner", mfa.ReasonLockedOut.With("a b"))})
	if got := (&App{}).hintOf(err); got != "uzerp-mfa user reset --identify sms 'a b'" {
		t.Error(got)
	}
	if (&App{}).hintOf(nil) != "" {
		t.Error("a hint out of nothing")
	}
}

// A hint for somebody who helps a caller names the proof, and none names a way around a protection, or a switch for the
// whole site, in passing. What is right nevertheless stands in provenOtherwise or allowedInHints, with the reason.
func TestHintsNameNoWayAround(t *testing.T) {
	for reason, text := range hints {
		for _, p := range waysAround(reason, text) {
			t.Error(p)
		}
	}
	for _, c := range []struct{ text, says string }{
		{"uzerp-mfa user reset %q", "without --identify"},
		{"user disable-next-login lets them in", "without --identify"},
		{"--replace puts a new phone in its place", "without --identify"},
		{"uzerp-mfa user reset --identify sms %q; or do without: --no-audit-log", "--no-audit-log"},
		{"--skip-twilio-check switches all the same", "--skip-twilio-check"},
		{"--skip-env-check is for that", "--skip-env-check"},
		{"uzerp-mfa set-injector", "set-injector"},
		{"send it to another number with --to NUMBER", "--to"},
		{"--database-not-uzerps says that it is meant", "--database-not-uzerps"},
	} {
		if problems := waysAround("made up", c.text); len(problems) != 1 || !strings.Contains(problems[0], c.says) {
			t.Errorf("%s: %q", c.text, problems)
		}
	}
	if problems := waysAround("made up", "uzerp-mfa user reset --identify sms %q, then the user enrolls again"); len(problems) > 0 {
		t.Error(problems)
	}
}

func waysAround(reason errs.Reason, text string) (problems []string) {
	if opensLogin.MatchString(text) && !strings.Contains(text, "--identify") && provenOtherwise[reason] == "" {
		problems = append(problems, fmt.Sprintf("%s: it opens somebody's login without --identify: %s", reason, text))
	}
	for _, way := range wayAround.FindAllStringSubmatch(text, -1) {
		if allowedInHints[reason+" "+errs.Reason(way[1])] == "" {
			problems = append(problems, fmt.Sprintf("%s: it names %s: %s", reason, way[1], text))
		}
	}
	return problems
}

var (
	opensLogin = regexp.MustCompile(`user reset|disable-next-login|--replace`)
	wayAround  = regexp.MustCompile(`(--skip-[a-z-]+|--no-audit-log|set-injector|--to\b|--database-not-uzerps)`)
)

// provenOtherwise has the hints that open somebody's login and name no --identify, and why.
var provenOtherwise = map[errs.Reason]string{
	mfa.ReasonTwilioSilent:      "Twilio can't send a code then: --verified-by says how else the caller was verified",
	reconcile.ReasonKeepsUUID:   "nobody has called: the administrator repairs",
	doctor.ReasonBrokenNoAccess: "nobody has called, and who has no access can't use it",
	doctor.ReasonUsersLeft:      "nobody has called, and access is disabled before",
	policy.ReasonBothNeeded:     "it says which two proofs are needed",
}

// allowedInHints has the hints that may name such a flag or command, and why.
var allowedInHints = map[errs.Reason]string{
	mfa.ReasonTwilioDown + " --skip-twilio":         "docs/contract.md wants it; only after the caller was verified, and not first",
	caller.ReasonCodeToGiven + " --to":              "a code was sent to that number before",
	caller.ReasonOtherNumber + " --to":              "the same",
	injector.ReasonSwitchOnTrial + " set-injector":  "of set-injector itself",
	trial.ReasonNoTrial + " set-injector":           "the same",
	trial.ReasonUnclear + " set-injector":           "the same",
	trial.ReasonStillMade + " set-injector":         "the same",
	doctor.ReasonLoginOff + " set-injector":         "of doctor, which the administrator reads",
	doctor.ReasonForeignHandler + " set-injector":   "the same",
	doctor.ReasonNoValidator + " set-injector":      "the same",
	doctor.ReasonForeignValidator + " set-injector": "the same",
	doctor.ReasonTrialOver + " set-injector":        "the same",
}

// The command that a hint proposes has the flags that were given: those that it knows, and nothing that must stay secret. "The
// same command" is the one that was typed.
func TestHintsKeepGivenFlags(t *testing.T) {
	for _, c := range []struct {
		line string
		hint errs.Hint
		want string
	}{
		{"user enable erin", mfa.ReasonNoUUID.With("erin"), "uzerp-mfa user reset --identify sms erin mends it; the user then enrolls"},
		{"user enable --ticket 4711 --reason '100%d' --uzerp-root /srv/x --yes -o json erin", mfa.ReasonNoUUID.With("erin"),
			"uzerp-mfa user reset --reason 100%d --ticket 4711 --uzerp-root /srv/x --identify sms erin mends it; the user then enrolls"},
		{"user enable --ticket 4711 --database-url postgres://u@h/d erin", mfa.ReasonRightsMissing.With(),
			"uzerp-mfa grants --database-url URL prints the SQL for a role with just the needed rights"},
		{"user reset --yes alice", policy.ReasonFlagMissing.With("ticket"), "uzerp-mfa user reset --ticket TEXT --yes alice"},
		{"user reset --ticket= --reason 50% -- -y", policy.ReasonFlagMissing.With("ticket"), "uzerp-mfa user reset --ticket TEXT --reason 50% -- '-y'"},
		{"user reset --ticket 4711 alice", policy.ReasonCallerNeeded.With("alice"), "verify the caller first: uzerp-mfa user reset --identify sms " +
			"--ticket 4711 alice; or uzerp-mfa identity send --ticket 4711 --channel sms alice, and then uzerp-mfa identity check --ticket 4711 alice CODE " +
			"(uzerp-mfa help identity says which codes count)"},
		{"enroll --no-wait --html-dir pages --reason x alice carol", policy.ReasonEachNeeded.With("alice"), "verify each caller first: " +
			"uzerp-mfa identity send --reason x --channel sms alice, then uzerp-mfa identity check --reason x alice CODE, and so on for the others; " +
			"or, if you have called all of them back: uzerp-mfa enroll --verified-by call-back --html-dir pages --no-wait --reason x alice carol"},
		{"identity check --reason x alice 123456", caller.ReasonCodeToGiven.With(caller.ChannelSMS, "alice"),
			"uzerp-mfa identity send --reason x --channel sms --to NUMBER alice"},
		{"identity check --reason= alice 123456", caller.ReasonCodeToGiven.With(caller.ChannelSMS, "alice"),
			"uzerp-mfa identity send --channel sms --to NUMBER --reason WHY alice"},
		{"user reset alice", errs.Plain("100 % of it"), "100 % of it"},
		{"user reset alice", caller.ReasonSpent.With(caller.ReasonCodeWanted.With(caller.ChannelSMS, "uzerp-mfa user reset x")),
			"send a new one: uzerp-mfa identity send --channel sms 'uzerp-mfa user reset x'"},
	} {
		app := &App{}
		root := newRootCmd(app)
		found, rest, err := root.Find(strings.Fields(strings.ReplaceAll(c.line, "'", "")))
		if err == nil {
			err = found.ParseFlags(rest)
		}
		if err != nil {
			t.Fatal(err)
		}
		app.typed, app.args, app.command = found, found.Flags().Args(), strings.TrimPrefix(found.CommandPath(), "uzerp-mfa ")
		if got := app.hint(c.hint); got != c.want {
			t.Errorf("%s\n%s, want\n%s", c.line, got, c.want)
		}
	}
}

// A user name may begin with a dash, and then -- stands before it. After that a shell takes every flag for a user.
func TestNoFlagFollowsAUser(t *testing.T) {
	for reason, text := range hints {
		for _, command := range strings.Split(text, "uzerp-mfa ")[1:] {
			parts := quotedPart.Split(command, 2)
			if rest, _, _ := strings.Cut(parts[len(parts)-1], ";"); len(parts) > 1 && flagWord.MatchString(rest) {
				t.Errorf("%s: a flag follows the user: %s", reason, command)
			}
		}
	}
	if got, want := (&App{}).hint(sandbox.ReasonNoAccount.With("-y")), "uzerp-mfa enroll --no-wait -- '-y' makes one"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

var (
	quotedPart = regexp.MustCompile(`%(\[\d+\])?q`)
	flagWord   = regexp.MustCompile(`(^| )-`)
)

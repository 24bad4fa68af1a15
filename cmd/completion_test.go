package cmd_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"uzerp-mfa/internal/pgtemp/dbtest"
	"uzerp-mfa/internal/sharedtest"
)

// A terminalShell is a shell on a terminal in which uzerp-mfa is completed.
type terminalShell struct {
	name   string
	args   []string
	set    map[string]string // its environment
	setup  []string
	quotes bool // it quotes what it inserts, so all names are proposed
}

var terminalShells = []terminalShell{
	{
		name: "bash", args: []string{"--norc", "--noprofile", "-i"}, set: map[string]string{"INPUTRC": "inputrc"},
		setup: []string{
			// Where the package bash-completion is missing, this is what cobra's script needs of it.
			`_get_comp_words_by_ref() { cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words=("${COMP_WORDS[@]}") cword=$COMP_CWORD; }`,
			`_filedir() { compopt -o filenames; local IFS=$'\n'; COMPREPLY=($(compgen "${1:--f}" -- "$cur")); }`,
			"source <(uzerp-mfa completion bash)",
		},
	},
	{
		name: "zsh", args: []string{"-f", "-i"}, set: map[string]string{"ZDOTDIR": "."}, quotes: true,
		setup: []string{
			"unset zle_bracketed_paste; bindkey -e; LISTMAX=1000; unsetopt beep; autoload -U compinit; compinit -u -D",
			"source <(uzerp-mfa completion zsh)",
		},
	},
}

// start starts the shell in a directory with the program, and returns what types into it, and waits until the shell has worked
// that off, and the screen.
func (s terminalShell) start(t *testing.T, dir, database string) (do func(typed string), screen *terminal) {
	t.Helper()
	path, err := exec.LookPath(s.name)
	if err != nil {
		sharedtest.LeaveOut(t, map[string]sharedtest.Part{"bash": sharedtest.Bash, "zsh": sharedtest.Zsh}[s.name], err)
	}
	if err := os.Symlink(shipped(t), filepath.Join(dir, "uzerp-mfa")); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "inputrc"), "set page-completions off\nset completion-query-items 0\nset enable-bracketed-paste off\n")
	c := exec.Command(path, s.args...)
	c.Dir = dir
	c.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "HOME=" + dir, "TERM=dumb", "PS1=READY ", "LC_ALL=C.UTF-8", "DATABASE_URL=" + database}
	for name, file := range s.set {
		c.Env = append(c.Env, name+"="+filepath.Join(dir, file))
	}
	window, err := startOnTerminal(c)
	if err != nil {
		sharedtest.LeaveOut(t, sharedtest.Device, err)
	}
	screen = &terminal{changed: make(chan struct{}, 1)}
	drawn := make(chan struct{})
	go func() {
		_, _ = io.Copy(screen, window)
		close(drawn)
	}()
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
		_ = window.Close()
		<-drawn
	})
	steps := 0
	do = func(typed string) {
		t.Helper()
		steps++
		if _, err := fmt.Fprintf(window, "%s\x15echo step $((%d+1000))\n", typed, steps); err != nil {
			t.Fatal(err)
		}
		if !screen.await(fmt.Sprintf("step %d", steps+1000)) || !screen.await("READY ") {
			t.Fatalf("%s hangs: %s", s.name, screen.text())
		}
	}
	if !screen.await("READY ") {
		t.Fatalf("%s does not start: %s", s.name, screen.text())
	}
	for _, line := range s.setup {
		do(line + "\n")
	}
	return do, screen
}

// hostileNames are what a shell would run if it inserted them as they are.
var hostileNames = []string{"`touch RUN`", "$(touch RUN)", ";touch${IFS}RUN;", "&touch RUN&", "\ntouch RUN\n", "(touch RUN)", "'touch RUN'", "\\$(touch RUN)"}

// A shell inserts what all proposals begin with, and the next press of TAB runs what stands on the line, in bash and zsh. So nobody
// who may choose a user name, or a person's name, may have code run by an operator who presses TAB.
func TestTabRunsNoUserName(t *testing.T) {
	database := dbtest.New(t, dbtest.Sample)
	for i, code := range hostileNames {
		for j, end := range "ab" {
			person := 900 + 10*i + j
			dbtest.Exec(t, database, `insert into person (id, usercompanyid, firstname, surname)
				select $1, usercompanyid, $2, 'x' from person limit 1`, person, "yan"+code)
			dbtest.Exec(t, database, "insert into users (username, password) values ($1, '*')", "yan"+code+string(end))
			dbtest.Exec(t, database, "insert into users (username, password, person_id) values ($1, '*', $2)", fmt.Sprintf("zed%d%c", i, end), person)
		}
	}
	for _, s := range terminalShells {
		t.Run(s.name, func(t *testing.T) {
			dir := t.TempDir()
			do, screen := s.start(t, dir, database)
			do("uzerp-mfa user show al\t")
			if !strings.Contains(screen.text(), "user show alice ") {
				t.Fatalf("TAB completes nothing: %s", screen.text())
			}
			for _, word := range []string{"$(touch RUN)", `"$(touch RUN)"`, "`touch RUN`", "<(touch RUN)", "--reason=\"$(touch RUN)\"", ">RUN", "> RUN"} {
				do("uzerp-mfa user show " + word + " al\t")
			}
			for _, start := range []string{"yan", "yan`", "yan$", "ya", "yan\\$", "yan\\`", "yan\\(", "yan\\'", "YAN\\;", "zed", "zed1", "zed5a"} {
				do("uzerp-mfa user show " + start + "\t\t\t")
				do("uzerp-mfa user reset " + start + "\t\t\t b\t\t")
			}
			if _, err := os.Stat(filepath.Join(dir, "RUN")); err == nil {
				t.Errorf("TAB has run a user name: %s", screen.text())
			}
		})
	}
}

// What TAB leaves on the line, run: letter case does not matter, names that bash can't quote come in zsh alone, and persons stand
// beside names.
func TestTabCompletesNames(t *testing.T) {
	database := dbtest.New(t, dbtest.Sample)
	dbtest.Exec(t, database, "insert into users (username, password) values ('Zoe Zimmer', '*'), ('Zoran''s $HOME', '*'), ('ZORA', '*')")
	for _, s := range terminalShells {
		t.Run(s.name, func(t *testing.T) {
			dir := t.TempDir()
			writeFile(t, filepath.Join(dir, "zzfile"), "")
			if err := os.Mkdir(filepath.Join(dir, "zzdir"), 0o700); err != nil {
				t.Fatal(err)
			}
			do, screen := s.start(t, dir, database)
			for _, c := range []struct {
				typed, want string
				quoted      bool
			}{
				{"uzerp-mfa user show al\t --offline\n", `\nuser +alice\n`, false},
				{"uzerp-mfa user show ADM\t --offline\n", `\nuser +admin\n`, false},
				{"uzerp-mfa user show BO\t --offline\n", `\nuser +bob\n`, false},
				{"uzerp-mfa user show zora\t --offline\n", `\nuser +ZORA\n`, false},
				{"uzerp-mfa user enable zoe\t --dry-run -o csv\n", "\nZoe Zimmer,refused,", true},
				{"uzerp-mfa user enable Zoe\\ z\t --dry-run -o csv\n", "\nZoe Zimmer,refused,", true},
				{"uzerp-mfa user enable Zoran\t --dry-run -o csv\n", `\nZoran's \$HOME,refused,`, true},
				{"uzerp-mfa user list --state broken,e\t -o csv\n", "broken,enrolled (?s:.*)\nusername,person,email", false},
				{"uzerp-mfa user list -q -o csv --state broken,sk\t\n", "\ngrace,", false},
				{"uzerp-mfa doctor zz\t", "", false},
				{"uzerp-mfa user show a\t\t", "Alice Archer", false},
				{"uzerp-mfa user list --uzerp-root zz\t", "--uzerp-root zzdir/", false},
				{"uzerp-mfa user show --from-file zzf\t", "--from-file zzfile", false},
			} {
				before := len(screen.text())
				do(c.typed)
				got := strings.ReplaceAll(screen.text()[before:], "\r", "")
				if has := regexp.MustCompile(c.want).MatchString(got); has != (!c.quoted || s.quotes) {
					t.Errorf("%q: %v: %s", c.typed, has, got)
				}
				if strings.Contains(c.typed, "doctor") && strings.Contains(got, "zzfile") {
					t.Errorf("doctor takes no file: %s", got)
				}
			}
		})
	}
}

// Fish says what it proposes without a terminal.
func TestFishCompletes(t *testing.T) {
	fish, err := exec.LookPath("fish")
	if err != nil {
		sharedtest.LeaveOut(t, sharedtest.Fish, err)
	}
	dir := t.TempDir()
	database := dbtest.New(t, dbtest.Sample)
	for _, code := range append(hostileNames, "x y") {
		dbtest.Exec(t, database, "insert into users (username, password) values ($1, '*')", "yan"+code)
	}
	if err := os.Symlink(shipped(t), filepath.Join(dir, "uzerp-mfa")); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "zzfile"), "")
	for _, name := range []string{"zzdir", "zz other"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	script := "uzerp-mfa completion fish | source\n"
	type question struct{ line, want string }
	questions := []question{
		{"user show al", "alice\tAlice Archer\n"},
		{"user show AL", "alice\tAlice Archer\n"},
		{"user show alice AD", "admin\n"},
		{"user show yanx", "yanx y\n"},
		{`user show yanx\ `, "yanx y\n"},
		{`user show yan\(`, "yan(touch RUN)\n"},
		{"user show 'yan(touch RUN)' b", "bob\tBob Baker\n"},
		{"user reset 'yan;touch${IFS}RUN;' b", "bob\tBob Baker\n"},
		{"user reset 'yan$(touch RUN)' --reason '$(touch RUN)' b", "bob\tBob Baker\n"},
		{"user list --state broken,e", "broken,enrolled\n"},
		{"user list --state=broken,e", "--state=broken,enrolled\n"},
		{"user list --uzerp-root zz", "zz other/\nzzdir/\n"},
		{"user list --uzerp-root=zz", "--uzerp-root=zz other/\n--uzerp-root=zzdir/\n"},
		{"user show --from-file zzf", "zzfile\n"},
		{"doctor zz", ""},
	}
	for i, q := range questions {
		file := filepath.Join(dir, fmt.Sprintf("line%d", i))
		writeFile(t, file, "uzerp-mfa "+q.line)
		script += fmt.Sprintf("echo == %d\ncomplete -C (cat %s | string collect)\n", i, file)
	}
	c := exec.Command(fish, "--no-config", "-c", script)
	c.Dir = dir
	c.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "HOME=" + dir, "TERM=dumb", "LC_ALL=C.UTF-8", "DATABASE_URL=" + database}
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	answers := strings.Split(string(out), "== ")[1:]
	if len(answers) != len(questions) {
		t.Fatalf("%d answers: %s", len(answers), out)
	}
	for i, q := range questions {
		if _, got, _ := strings.Cut(answers[i], "\n"); got != q.want {
			t.Errorf("%s: %q, want %q", q.line, got, q.want)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "RUN")); err == nil {
		t.Error("TAB has run a user name")
	}
}

// What this program adds to bash's script is without a fault that shellcheck knows, but for two that are meant: a ~ in quotes, and '\'.
func TestUnquoteIsCheckedShell(t *testing.T) {
	shellcheck, err := exec.LookPath("shellcheck")
	if err != nil {
		sharedtest.LeaveOut(t, sharedtest.Examples, err)
	}
	if out, err := exec.Command(shellcheck, "-s", "bash", "-e", "SC2088,SC1003", "unquote.bash").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

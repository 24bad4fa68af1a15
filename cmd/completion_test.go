package cmd_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"uzerp-mfa/internal/pgtemp/dbtest"
	"uzerp-mfa/internal/sharedtest"
)

// Bash inserts what all proposals begin with as it is, and the next press of TAB runs what stands on the line. So nobody
// who may choose a user name may have code run by an operator who presses TAB.
func TestTabRunsNoUserName(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		sharedtest.LeaveOut(t, sharedtest.Bash, err)
	}
	dir := t.TempDir()
	database := dbtest.New(t, dbtest.Sample)
	for _, code := range []string{"`touch RUN`", "$(touch RUN)", ";touch${IFS}RUN;", "&touch RUN&", "\ntouch RUN\n"} {
		for _, end := range "ab" {
			dbtest.Exec(t, database, "insert into users (username, password) values ($1, '*')", "yan"+code+string(end))
		}
	}
	if err := os.Symlink(shipped(t), filepath.Join(dir, "uzerp-mfa")); err != nil {
		t.Fatal(err)
	}
	inputrc := filepath.Join(dir, "inputrc")
	writeFile(t, inputrc, "set page-completions off\nset completion-query-items 0\nset enable-bracketed-paste off\n")
	c := exec.Command(bash, "--norc", "--noprofile", "-i")
	c.Dir = dir
	c.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "HOME=" + dir, "TERM=dumb", "INPUTRC=" + inputrc, "PS1=READY ", "DATABASE_URL=" + database}
	window, err := startOnTerminal(c)
	if err != nil {
		sharedtest.LeaveOut(t, sharedtest.Device, err)
	}
	screen := &terminal{changed: make(chan struct{}, 1)}
	drawn := make(chan struct{})
	go func() {
		_, _ = io.Copy(screen, window)
		close(drawn)
	}()
	defer func() {
		_ = c.Process.Kill()
		_ = c.Wait()
		_ = window.Close()
		<-drawn
	}()
	steps := 0
	// do types something and waits until bash has worked it off.
	do := func(typed string) {
		t.Helper()
		steps++
		if _, err := fmt.Fprintf(window, "%s\x15echo step $((%d+1000))\n", typed, steps); err != nil {
			t.Fatal(err)
		}
		if !screen.await(fmt.Sprintf("step %d", steps+1000)) || !screen.await("READY ") {
			t.Fatalf("bash hangs: %s", screen.text())
		}
	}
	if !screen.await("READY ") {
		t.Fatal("bash does not start")
	}
	// Where the package bash-completion is missing, this is what cobra's script needs of it.
	do(`_get_comp_words_by_ref() { cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words=("${COMP_WORDS[@]}") cword=$COMP_CWORD; }` + "\n")
	do("source <(uzerp-mfa completion bash)\n")
	do("uzerp-mfa user show al\t")
	if !strings.Contains(screen.text(), "user show alice ") {
		t.Fatalf("TAB completes nothing: %s", screen.text())
	}
	for _, start := range []string{"yan", "yan`", "yan$", "ya"} {
		do("uzerp-mfa user show " + start + "\t\t\t")
		do("uzerp-mfa user reset " + start + "\t\t\t")
	}
	if _, err := os.Stat(filepath.Join(dir, "RUN")); err == nil {
		t.Errorf("TAB has run a user name: %s", screen.text())
	}
}

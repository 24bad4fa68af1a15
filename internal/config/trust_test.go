package config_test

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"uzerp-mfa/internal/config"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/installation/dotenv"
	"uzerp-mfa/internal/sharedtest"
)

const stranger = 65534 // nobody

func needsRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		sharedtest.LeaveOut(t, sharedtest.Root, errors.New("only root can give files away"))
	}
}

func give(t *testing.T, path string, uid int) {
	t.Helper()
	if err := os.Lchown(path, uid, uid); err != nil {
		t.Fatal(err)
	}
}

const (
	live       = "DB_NAME=live\nTWILIO_ACCOUNT_SID=" + account + "\nTWILIO_SERVICE_SID=" + service + "\nTWILIO_AUTH_TOKEN=t\n"
	liveConfig = "<?php\n$conf['DB_NAME'] = 'live';\n"
)

// uzERP's directory is believed only if nobody else could have put there what is read: in the working directory, and
// where it is named.
func TestStrangersDirectory(t *testing.T) {
	needsRoot(t)
	webServer := stranger
	if u, err := user.Lookup("www-data"); err == nil {
		webServer, _ = strconv.Atoi(u.Uid)
	}
	for _, test := range []struct {
		name  string
		files string // which of the files are there
		owner map[string]int
		mode  map[string]os.FileMode
		web   []string // Loader.WebUsers
		want  string   // in the error of Database; "" if the database is found
	}{
		{name: "root's", files: "conf/.env"},
		{name: "root's, config.php", files: "conf/config.php"},
		{name: "the web server's", files: "conf/.env", owner: map[string]int{"": webServer, "system.php": webServer, "conf": webServer, "conf/.env": webServer}},
		{name: "a stranger's", files: "conf/.env", owner: map[string]int{"": stranger, "system.php": stranger, "conf": stranger, "conf/.env": stranger},
			want: "belongs to user 65534"},
		{name: "a stranger's, whom the policy names", files: "conf/.env", web: []string{"nobody"},
			owner: map[string]int{"": stranger, "system.php": stranger, "conf": stranger, "conf/.env": stranger}},
		{name: "of a stranger's directory", files: "conf/.env", owner: map[string]int{"..": stranger}, want: "belongs to user 65534"},
		{name: "root", files: "conf/.env", owner: map[string]int{"": stranger}, want: "belongs to user 65534"},
		{name: "system.php", files: "conf/.env", owner: map[string]int{"system.php": stranger}, want: "system.php: it belongs to user 65534"},
		{name: "conf", files: "conf/.env", owner: map[string]int{"conf": stranger}, want: "conf: it belongs to user 65534"},
		{name: ".env", files: "conf/.env", owner: map[string]int{"conf/.env": stranger}, want: ".env: it belongs to user 65534"},
		{name: "config.php", files: "conf/config.php", owner: map[string]int{"conf/config.php": stranger}, want: "config.php: it belongs to user 65534"},
		{name: "everybody's conf", files: "conf/.env", mode: map[string]os.FileMode{"conf": 0o777}, want: "conf: everybody may change it"},
		{name: "everybody's .env", files: "conf/.env", mode: map[string]os.FileMode{"conf/.env": 0o666}, want: ".env: everybody may change it"},
	} {
		t.Run(test.name, func(t *testing.T) {
			outer := t.TempDir()
			root := filepath.Join(outer, "uzerp")
			write(t, root, "system.php", "<?php")
			write(t, root, "conf/x", "")
			write(t, root, test.files, map[string]string{"conf/.env": live, "conf/config.php": liveConfig}[test.files])
			for path, uid := range test.owner {
				give(t, filepath.Join(root, path), uid)
			}
			for path, mode := range test.mode {
				if err := os.Chmod(filepath.Join(root, path), mode); err != nil {
					t.Fatal(err)
				}
			}
			// Through sudo the caller's own files count no more than those of others.
			env := map[string]string{"SUDO_UID": strconv.Itoa(stranger)}
			getenv := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
			for name, l := range map[string]*config.Loader{
				"working directory": {Dir: root, Getenv: getenv, WebUsers: test.web},
				"flag":              {Dir: outer, UzerpRoot: root, Getenv: getenv, WebUsers: test.web},
			} {
				_, err := l.Database()
				if test.want == "" {
					if err != nil {
						t.Errorf("%s: %v", name, err)
					}
					continue
				}
				if errs.KindOf(err) != errs.Config || !strings.Contains(err.Error(), test.want) || errs.HintOf(err).Reason != config.ReasonStrangers {
					t.Errorf("%s: %v, want %q", name, err, test.want)
				}
				if d := l.UzerpSettings(); test.files == "conf/.env" && (d.Problem == "" || len(d.Foreign) > 0) {
					t.Errorf("%s: %+v", name, d)
				}
			}
		})
	}
}

// Settings that refer to each other can grow without measure: each line of the file doubles what the line before has.
func TestEnvFileThatGrows(t *testing.T) {
	src := live + "A0=0123456789\n"
	for i := range 22 { // so that the test takes no more than 100 MB if it fails
		src += fmt.Sprintf("A%d=${A%[2]d}$A%[2]d\n", i+1, i)
	}
	dir := t.TempDir()
	write(t, dir, "t.env", src)
	l := &config.Loader{Dir: t.TempDir(), EnvFile: filepath.Join(dir, "t.env"), Getenv: func(string) (string, bool) { return "", false }}
	if _, err := l.Twilio(); errs.KindOf(err) != errs.Config || !errors.Is(err, dotenv.ErrTooLarge) {
		t.Errorf("%v", err)
	}
	write(t, dir, "t.env", live+"A=pa$w0rd\nB=${A}/$A\nC=$B$B$B\n")
	if s, err := l.Twilio(); err != nil || s.AccountSID != account {
		t.Errorf("%+v, %v", s, err)
	}
}

// --env-file is judged like uzERP's own files.
func TestStrangersEnvFile(t *testing.T) {
	needsRoot(t)
	dir := t.TempDir()
	write(t, dir, "t.env", live)
	path := filepath.Join(dir, "t.env")
	l := &config.Loader{Dir: t.TempDir(), EnvFile: path, Getenv: func(string) (string, bool) { return "", false }}
	if _, err := l.Twilio(); err != nil {
		t.Error(err)
	}
	give(t, path, stranger)
	if _, err := l.Twilio(); errs.KindOf(err) != errs.Config || errs.HintOf(err).Reason != config.ReasonStrangersFile {
		t.Error(err)
	}
	give(t, path, 0)
	if err := os.Chmod(path, 0o602); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Twilio(); errs.KindOf(err) != errs.Config || errs.HintOf(err).Reason != config.ReasonStrangersFile {
		t.Error(err)
	}
}

// A file that the caller has opened is read as it is: <(command) of a shell is a pipe.
func TestEnvFileOfAnOpenDescriptor(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	_, _ = w.WriteString(live)
	_ = w.Close()
	l := &config.Loader{Dir: t.TempDir(), EnvFile: "/dev/fd/" + strconv.Itoa(int(r.Fd())), Getenv: func(string) (string, bool) { return "", false }}
	if s, err := l.Twilio(); err != nil || s.AccountSID != account {
		t.Errorf("%+v, %v", s, err)
	}
}

// The primary group of this process may be one that many are in, such as users. Its members are strangers.
func TestSharedGroup(t *testing.T) {
	needsRoot(t)
	if err := syscall.Setegid(stranger); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Setegid(0); err != nil {
			t.Fatal(err)
		}
	}()
	for path, mode := range map[string]os.FileMode{"conf": 0o775, "conf/.env": 0o660, "system.php": 0o664} {
		root := filepath.Join(t.TempDir(), "uzerp")
		write(t, root, "system.php", "<?php")
		write(t, root, "conf/.env", live)
		if err := errors.Join(os.Chown(filepath.Join(root, path), 0, stranger), os.Chmod(filepath.Join(root, path), mode)); err != nil {
			t.Fatal(err)
		}
		// Debian's nobody is in nogroup: the policy's web user has no group of its own.
		l := &config.Loader{Dir: t.TempDir(), UzerpRoot: root, WebUsers: []string{"nobody"}, Getenv: func(string) (string, bool) { return "", false }}
		if _, err := l.Database(); errs.HintOf(err).Reason != config.ReasonStrangers || !strings.Contains(err.Error(), "the members of group 65534") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

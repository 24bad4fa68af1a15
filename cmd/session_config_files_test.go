package cmd

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"uzerp-mfa/internal/sessionconfig"
)

// What a Debian machine has under /etc reaches the check: scripts can't show it, for they run on any machine.
func TestSessionFilesOfTheMachine(t *testing.T) {
	root := t.TempDir()
	put := func(path, content string) {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	const timer = "phpsessionclean.timer"
	put("etc/php/8.2/fpm/php.ini", "session.gc_probability = 0\nsession.cookie_httponly = 1\nvariables_order = GPCS\n")
	put("etc/php/8.2/fpm/conf.d/20-x.ini", "session.cookie_secure = 1\n")
	put("etc/php/8.2/cli/php.ini", "session.gc_maxlifetime = 1500\n")
	put("etc/php/7.4/apache2/php.ini", "session.gc_probability = 0\nvariables_order = GPCS\nsession.save_path=/x\nsession.gc_maxlifetime = 9000\nsession.cookie_secure = ${X}\nsession.cookie_httponly = 1\n")
	put("usr/lib/systemd/system/"+timer, "")
	put("etc/systemd/system/timers.target.wants/"+timer, "")
	put("run/systemd/system/x", "")
	put("uz.env", "UZERP_MANAGE_USER_SESSIONS=on\nUSER_ACTIVITY_TIMEOUT_SECS=1800\nUSER_SESSION_MAX_AGE_SECS=28800\n")

	app := newApp(Process{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: func(string) (string, bool) { return "", false }})
	at := sessionFiles{envFile: filepath.Join(root, "uz.env"), root: root, webUser: "nobody-of-this-name"}
	in, err := app.readEnv(at)
	if err != nil {
		t.Fatal(err)
	}
	if err := in.readPHP(at); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range sessionconfig.Check(in.Input) {
		if f.ID == "phpsessionclean" || f.ID == "cookie-secure" || f.ID == "gc-maxlifetime" || f.ID == "cookie-httponly" {
			got = append(got, f.Severity.String()+" "+f.ID+" "+f.Value)
		}
	}
	if want := []string{"warning phpsessionclean 1440", "info cookie-secure "}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if len(in.files) != 5 {
		t.Errorf("files: %+v", in.files)
	}
	if c := cleaner(root); !c.Active || filepath.Base(c.Path) != timer {
		t.Errorf("cleaner: %+v", c)
	}
	put("etc/cron.d/php", "")
	if err := os.RemoveAll(filepath.Join(root, "run")); err != nil {
		t.Fatal(err)
	}
	if c := cleaner(root); !c.Active || c.Path != filepath.Join(root, "etc/cron.d/php") {
		t.Errorf("cleaner without systemd: %+v", c)
	}
	if user := webUser(at.webUser); user.Name != "" {
		t.Errorf("%+v", user)
	}
}

func TestParseLimit(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"30m": 30 * time.Minute, "1h30m": 90 * time.Minute, "7d": 168 * time.Hour, "28800": 8 * time.Hour, "0": 0, "-1": -time.Second,
	} {
		if got, err := parseLimit(text); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "d", "1w", "1.5d", "eight", "99999999999d", "9999999999999"} {
		if got, err := parseLimit(text); err == nil {
			t.Errorf("%s: %v", text, got)
		}
	}
	for want, d := range map[string]time.Duration{
		"30m": 30 * time.Minute, "24h": 24 * time.Hour, "2d": 48 * time.Hour, "1h30m": 90 * time.Minute, "1m5s": 65 * time.Second, "25h": 25 * time.Hour,
	} {
		if got := brief(d); got != want {
			t.Errorf("%v: %s", d, got)
		}
	}
}

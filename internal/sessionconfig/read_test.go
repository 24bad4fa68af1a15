package sessionconfig

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"uzerp-mfa/internal/installation"
	"uzerp-mfa/internal/installation/treetest"
	"uzerp-mfa/internal/safepath"
	"uzerp-mfa/internal/sharedtest"
)

// The check sees what a Debian machine has under /etc. Scripts can't test that, because they run on any machine.
func TestReadMachine(t *testing.T) {
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
	put("etc/php/7.4/apache2/php.ini", "session.gc_probability = 0\nvariables_order = "+
		"GPCS\nsession.save_path=/x\nsession.gc_maxlifetime = 9000\nsession.cookie_secure = ${X}\nsession.cookie_httponly = 1\n")
	put("usr/lib/systemd/system/"+timer, "")
	put("etc/systemd/system/timers.target.wants/"+timer, "")
	put("run/systemd/system/x", "")
	put("uz.env", "UZERP_MANAGE_USER_SESSIONS=on\nUSER_ACTIVITY_TIMEOUT_SECS=1800\nUSER_SESSION_MAX_AGE_SECS=28800\n")

	at := Place{EnvFile: filepath.Join(root, "uz.env"), Root: root}
	in, err := Read(at)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range Check(in) {
		if f.ID == "phpsessionclean" || f.ID == "cookie-secure" || f.ID == "gc-maxlifetime" || f.ID == "cookie-httponly" {
			got = append(got, f.Severity.String()+" "+f.ID+" "+f.Value)
		}
	}
	if want := []string{"warning phpsessionclean 1440", "info cookie-secure "}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if len(in.Looked) != 5 {
		t.Errorf("files: %+v", in.Looked)
	}
	if path, active := in.Cleaner.Job(); !active || filepath.Base(path) != timer {
		t.Errorf("cleaner: %s, %v", path, active)
	}
	put("etc/cron.d/php", "")
	if err := os.RemoveAll(filepath.Join(root, "run")); err != nil {
		t.Fatal(err)
	}
	again, err := Read(at)
	if path, active := again.Cleaner.Job(); err != nil || !active || path != filepath.Join(root, "etc/cron.d/php") {
		t.Errorf("cleaner without systemd: %s, %v, %v", path, active, err)
	}
}

// What FPM's pools, uzERP's own directory and Apache's settings say, and what is not read, comes into the findings. A directory is
// one, however it is written.
func TestReadPHPAsItIs(t *testing.T) {
	root := treetest.Write(t, map[string]string{
		"etc/php/8.2/fpm/php.ini": "session.gc_probability = 0\nvariables_order = GPCS\n",
		"etc/php/8.2/fpm/pool.d/www.conf": "[www]\nphp_flag[session.cookie_secure] = on\nphp_value[session.gc_maxlifetime] = 60\n" +
			"php_admin_flag[session.cookie_httponly] = on\nphp_admin_value[session.save_path] = ROOT/link\n",
		"etc/php/8.2/cli/php.ini":      "session.save_path = ROOT/s\nsession.gc_maxlifetime = 1500\n",
		"etc/php/8.2/fpm/php-fpm.conf": "include=/etc/php/8.2/fpm/pool.d/*.conf\ninclude=/srv/pools/*.conf\n",
		"etc/apache2/envvars":          "#export PHPRC=/x\nexport PHP_INI_SCAN_DIR=/srv/php\n",
		"etc/cron.d/php":               "x",
		"uzerp/system.php":             "",
		"uzerp/conf/.env":              "UZERP_MANAGE_USER_SESSIONS=on\nUSER_ACTIVITY_TIMEOUT_SECS=1800\nUSER_SESSION_MAX_AGE_SECS=28800\n",
		"uzerp/.user.ini":              "session.gc_maxlifetime = 90\nsession.cookie_httponly = 0\nsession.cookie_secure = 0\n",
		"s/x":                          "",
		"link":                         "-> s",
	})
	for _, path := range []string{"etc/php/8.2/fpm/pool.d/www.conf", "etc/php/8.2/cli/php.ini"} {
		path = filepath.Join(root, path)
		text, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(path, bytes.ReplaceAll(text, []byte("ROOT"), []byte(root)), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	inst, err := installation.Open(filepath.Join(root, "uzerp"), safepath.Ourselves())
	if err != nil {
		t.Fatal(err)
	}
	in, err := Read(Place{Installation: inst, Root: root})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range Check(in) {
		if f.ID == "php-not-read" || f.ID == "phpsessionclean" ||
			strings.HasPrefix(f.ID, "cookie") || strings.HasPrefix(f.ID, "gc-") || strings.HasPrefix(f.ID, "sessions-not-c") {
			got = append(got, f.Severity.String()+" "+f.ID+" "+f.Value+" "+strings.TrimPrefix(f.File, root)+" "+strconv.Itoa(f.Line))
		}
	}
	want := []string{
		"warning cookie-secure 0 /uzerp/.user.ini 3", "warning phpsessionclean 1500 /etc/php/8.2/cli/php.ini 2",
		"info php-not-read  /etc/php/8.2/fpm/php-fpm.conf 0", "info php-not-read  /etc/apache2/envvars 0",
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Nothing is said about a file of root's to which a link of the web server's leads.
func TestLookLeavesOthersFiles(t *testing.T) {
	if os.Geteuid() != 0 {
		sharedtest.LeaveOut(t, sharedtest.Root, errors.New("only root can give files away"))
	}
	dir := t.TempDir()
	roots, link, own := filepath.Join(dir, "roots"), filepath.Join(dir, "link"), filepath.Join(dir, "own")
	if err := errors.Join(os.WriteFile(roots, nil, 0o600), os.Symlink(roots, link), os.Lchown(link, 33, 33), os.Symlink(roots, own)); err != nil {
		t.Fatal(err)
	}
	for path, exists := range map[string]bool{roots: true, own: true, link: false} {
		var in Input
		if in.look(path); in.Looked[0].Exists != exists || in.Looked[0].Path != path || !exists && in.Looked[0].Mode != 0 {
			t.Errorf("%+v", in.Looked[0])
		}
	}
}

// The web server's user exchanges its file for a link to root's all the time. What is noted is about the file that was
// judged, and never about root's.
func TestLookAtOneFile(t *testing.T) {
	if os.Geteuid() != 0 {
		sharedtest.LeaveOut(t, sharedtest.Root, errors.New("only root can give files away"))
	}
	dir := t.TempDir()
	roots, web := filepath.Join(dir, "roots"), filepath.Join(dir, "web")
	own, link, name := filepath.Join(web, "own"), filepath.Join(web, "link"), filepath.Join(web, "config.php")
	if err := errors.Join(os.WriteFile(roots, nil, 0o600), os.Mkdir(web, 0o755), os.Chown(web, 33, 33)); err != nil {
		t.Fatal(err)
	}
	put := func() { _ = errors.Join(os.WriteFile(own, nil, 0o600), os.Chown(own, 33, 33), os.Rename(own, name)) }
	put()
	var in Input
	if in.look(name); in.Looked[0].UID != 33 {
		t.Fatalf("%+v", in.Looked)
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			put()
			_ = os.Symlink(roots, link)
			_ = os.Lchown(link, 33, 33)
			_ = os.Rename(link, name)
		}
	})
	for range 5000 {
		in.look(name)
	}
	close(stop)
	wg.Wait()
	for _, facts := range in.Looked {
		if facts.Exists && facts.UID != 33 {
			t.Fatalf("%+v", facts)
		}
	}
}

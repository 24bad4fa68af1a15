package file

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"uzerp-mfa/internal/installation/treetest"
	"uzerp-mfa/internal/sharedtest"
)

// reason returns why the file at path can't be replaced, "" if it can.
func reason(err error) string {
	if fixed, ok := errors.AsType[*NotReplaceableError](err); ok {
		return fixed.Error() + " | " + fixed.Advice
	}
	if err != nil {
		return "another error: " + err.Error()
	}
	return ""
}

// A file with several names: a new file would take one of them, and the others would keep the old content.
func TestReplaceableSeveralNames(t *testing.T) {
	root := treetest.Write(t, map[string]string{"conf/.env": "x", "link": "-> conf/.env"})
	path := filepath.Join(root, "conf/.env")
	for _, at := range []string{path, filepath.Join(root, "link"), filepath.Join(root, "nowhere"), root} {
		if got := reason(LookReplaceable(at)); got != "" {
			t.Errorf("%s: %s", at, got)
		}
	}
	if err := os.Link(path, filepath.Join(root, "second")); err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{path, filepath.Join(root, "link")} {
		if got := reason(LookReplaceable(at)); !strings.HasPrefix(got, path+": the file has 2 names") || !strings.Contains(got, "-samefile") {
			t.Errorf("%s: %s", at, got)
		}
	}
}

// Who may set attributes can keep everybody from replacing the file.
func TestReplaceableAttributes(t *testing.T) {
	for _, test := range []struct {
		flag uint32
		name string
	}{{unix.STATX_ATTR_IMMUTABLE, "i (immutable)"}, {unix.STATX_ATTR_APPEND, "a (append only)"}} {
		root := treetest.Write(t, map[string]string{"conf/.env": "x"})
		for _, at := range []string{"conf/.env", "conf"} {
			path := filepath.Join(root, at)
			back := setAttribute(t, path, int(test.flag)) // the numbers of the two are the same in both calls
			got := reason(LookReplaceable(filepath.Join(root, "conf/.env")))
			back()
			if !strings.HasPrefix(got, path+": it has the attribute "+test.name) || !strings.Contains(got, "chattr") {
				t.Errorf("%s: %s", at, got)
			}
		}
	}
}

// setAttribute adds an attribute to those of a file, and returns what takes it away.
func setAttribute(t *testing.T, path string, flag int) (back func()) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	flags, err := unix.IoctlGetInt(int(f.Fd()), unix.FS_IOC_GETFLAGS)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, flags|flag)
	}
	if err != nil {
		_ = f.Close()
		sharedtest.LeaveOut(t, sharedtest.FileSystem, fmt.Errorf("attributes can't be set here: %w", err))
	}
	return func() {
		defer func() { _ = f.Close() }()
		if err := unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, flags); err != nil {
			t.Fatal(err)
		}
	}
}

// What /proc shows of mounts: this program's own, and those of containers.
func TestMountsOfOthers(t *testing.T) {
	const own = "20 1 8:1 / / rw - ext4 /dev/a rw\n21 20 8:2 /vol /srv rw - ext4 /dev/b rw\n"
	for _, test := range []struct{ name, self, other, want string }{
		{"not mounted", own, "30 1 8:2 /vol /srv rw - ext4 /dev/b rw\n", ""},
		{"by a container", own, `31 30 8:2 /vol/u\040z/conf/.env /var/www/.env rw - ext4 /dev/b rw` + "\n", `at "/var/www/.env of process 77" too`},
		{"another file", own, "31 30 8:2 /vol/uz/conf/.env /var/www/.env rw - ext4 /dev/b rw\n", ""},
		{"of another device", own, `31 30 8:1 /vol/u\040z/conf/.env /var/www/.env rw - ext4 /dev/b rw` + "\n", ""},
		{"here", own + `22 20 8:2 /vol/u\040z/conf/.env /etc/uzerp.env rw - ext4 /dev/b rw` + "\n", "", `at "/etc/uzerp.env" too`},
	} {
		t.Run(test.name, func(t *testing.T) {
			proc := treetest.Write(t, map[string]string{
				"self/mountinfo": test.self, "self/ns/mnt": "-> mnt:[1]", "77/mountinfo": test.other, "77/ns/mnt": "-> mnt:[2]",
				"78/mountinfo": "31 30 8:2 /vol/conf/.env /x rw - ext4 /dev/b rw\n", "78/ns/mnt": "-> mnt:[1]",
			})
			got := reason(mounts{proc: proc}.judge("/srv/u z/conf/.env", 21, 21))
			if test.want == "" && got != "" || !strings.Contains(got, test.want) {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
	if got := reason(mounts{proc: t.TempDir()}.judge("/srv/.env", 22, 21)); !strings.Contains(got, "a mount of its own") {
		t.Errorf("on another mount than its directory: %s", got)
	}
	if got := reason(mounts{proc: t.TempDir()}.judge("/srv/.env", 0, 0)); got != "" {
		t.Errorf("without /proc: %s", got)
	}
}

// inMounts runs a test once more, with mounts of its own, where prepare runs first. It reports whether this is that run.
func inMounts(t *testing.T, dir, prepare string) bool {
	t.Helper()
	if os.Getenv("UZERP_MFA_TEST_MOUNTS") != "" {
		return true
	}
	if os.Geteuid() != 0 {
		sharedtest.LeaveOut(t, sharedtest.Root, errors.New("only root can mount"))
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command("sh", "-c", "mount --make-rprivate / && cd \"$1\" && "+prepare+" || exit 77; exec \"$0\" -test.run=\"^$2$\"", self, dir, t.Name())
	c.Env = append(os.Environ(), "UZERP_MFA_TEST_MOUNTS="+dir)
	c.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	out, err := c.CombinedOutput()
	switch {
	case errors.Is(err, syscall.EPERM) || c.ProcessState != nil && c.ProcessState.ExitCode() == 77:
		sharedtest.LeaveOut(t, sharedtest.FileSystem, fmt.Errorf("nothing can be mounted here: %v %s", err, out))
	case err != nil:
		t.Fatalf("%v\n%s", err, out)
	}
	return false
}

// A real bind mount: the kernel lets nobody rename over it.
func TestReplaceableBindMount(t *testing.T) {
	root := os.Getenv("UZERP_MFA_TEST_MOUNTS")
	if root == "" {
		root = treetest.Write(t, map[string]string{"conf/.env": "x", "conf/other": "x", "from/env": "x"})
	}
	if !inMounts(t, root, "mount --bind from/env conf/.env") {
		return
	}
	mounted, from := filepath.Join(root, "conf/.env"), filepath.Join(root, "from/env")
	if err := os.Rename(filepath.Join(root, "conf/other"), mounted); !errors.Is(err, syscall.EBUSY) {
		t.Fatalf("the kernel says %v", err)
	}
	if got := reason(LookReplaceable(mounted)); !strings.HasPrefix(got, mounted+": the file is a mount of its own") {
		t.Errorf("the mount: %q", got)
	}
	if got := reason(LookReplaceable(from)); !strings.Contains(got, "mounted by itself at "+fmt.Sprintf("%q", mounted)+" too") {
		t.Errorf("what is mounted: %q", got)
	}
	if got := reason(LookReplaceable(filepath.Join(root, "conf/other"))); got != "" {
		t.Errorf("a file beside it: %q", got)
	}
}

// Every user can mount what he sees in a name space of his own. That keeps nobody from replacing the file.
func TestReplaceableInSpiteOfAStranger(t *testing.T) {
	if os.Geteuid() != 0 {
		sharedtest.LeaveOut(t, sharedtest.Root, errors.New("only root can act as another user"))
	}
	root := treetest.Write(t, map[string]string{"conf/.env": "x"})
	path, at := filepath.Join(root, "conf/.env"), filepath.Join(root, "at")
	if err := os.WriteFile(at, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for dir := root; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	c := exec.Command("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "unshare", "-Urm",
		"sh", "-c", `cd / && mount --bind "$0" "$1" && echo mounted && read end`, path, at)
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		sharedtest.LeaveOut(t, sharedtest.FileSystem, err)
	}
	defer func() { _ = in.Close(); _ = c.Wait() }()
	if _, err := out.Read(make([]byte, 8)); err != nil {
		sharedtest.LeaveOut(t, sharedtest.FileSystem, fmt.Errorf("another user can mount nothing here: %w", err))
	}
	if got := reason(LookReplaceable(path)); got != "" {
		t.Errorf("a stranger keeps root from it: %s", got)
	}
}

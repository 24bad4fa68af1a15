package file

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"uzerp-mfa/internal/safepath"
)

// Replaceable returns nil if another file may be put in the place of f, which was opened as name in dir. It changes nothing. It
// fails with a *NotReplaceableError if f has several names, is a mount of its own, is mounted elsewhere too, or if f or its
// directory has an attribute that forbids it. It sees the mounts of other containers only as root.
func Replaceable(dir *safepath.Dir, name string, f *os.File) error {
	path := dir.Path(name)
	var stat unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &stat); err != nil {
		return &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	if stat.Nlink > 1 {
		return severalNames(path, uint64(stat.Nlink)) //nolint:unconvert // the type is another one on other machines
	}
	opened, err := dir.Reopen()
	if err != nil {
		return err
	}
	defer func() { _ = opened.Close() }()
	for _, of := range []struct {
		path string
		file *os.File
	}{{path, f}, {filepath.Dir(path), opened}} {
		if attribute := fixedBy(of.file); attribute != "" {
			return fixed(of.path, attribute)
		}
	}
	return mounts{"/proc", int(stat.Uid)}.judge(path, mountOf(f), mountOf(opened))
}

// fixedBy returns the attribute that keeps root from replacing a file, or what is in a directory; "" if there is none or the file
// system knows none.
func fixedBy(f *os.File) string {
	var stat unix.Statx_t
	err := unix.Statx(int(f.Fd()), "", unix.AT_EMPTY_PATH, 0, &stat)
	switch {
	case err != nil:
		return ""
	case stat.Attributes&unix.STATX_ATTR_IMMUTABLE != 0:
		return "i (immutable)"
	case stat.Attributes&unix.STATX_ATTR_APPEND != 0:
		return "a (append only)"
	default:
		return ""
	}
}

// mountOf returns the number of the mount that an open file was found on, 0 if it is not known.
func mountOf(f *os.File) int {
	info, err := readProc("/proc/self/fdinfo/" + strconv.Itoa(int(f.Fd())))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(info)) {
		if number, ok := strings.CutPrefix(line, "mnt_id:"); ok {
			n, _ := strconv.Atoi(strings.TrimSpace(number)) // 0 is not known
			return n
		}
	}
	return 0
}

// readProc reads a file of /proc.
func readProc(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return safepath.ReadAll(f, 16*MaxSize) // a machine with many containers has many mounts
}

// mounts are those that /proc shows: this program's own, and those of other processes that it may look at. owner owns the file.
type mounts struct {
	proc  string
	owner int
}

// judge fails if the file at path is a mount, or is mounted elsewhere too. file and dir are the numbers of the mounts that the
// file and its directory are on.
func (m mounts) judge(path string, file, dir int) error {
	if file != dir {
		return mountedItself(path)
	}
	own, err := m.read("self")
	if err != nil {
		return nil //nolint:nilerr // without /proc nothing is known of mounts
	}
	var device, inside string // what the file is on, and its path there
	for _, mount := range own {
		if rest, ok := below(path, mount.point); ok && mount.id == dir {
			device, inside = mount.device, filepath.Join(mount.root, rest)
		}
	}
	if device == "" {
		return nil
	}
	for process, all := range m.everybodys(own) {
		for _, mount := range all {
			if mount.device != device || mount.root != inside {
				continue
			}
			if process == "self" {
				return mountedElsewhere(path, mount.point)
			}
			return mountedElsewhere(path, mount.point+" of process "+process)
		}
	}
	return nil
}

// everybodys returns the mounts of a process of each name space that may be looked at.
func (m mounts) everybodys(own []mount) map[string][]mount {
	found := map[string][]mount{"self": own}
	space := func(process string) string {
		link, _ := os.Readlink(filepath.Join(m.proc, process, "ns/mnt")) // "" is that of nobody
		return link
	}
	seen := map[string]bool{space("self"): true, "": true}
	var processes []string // without them the own ones are known
	if dir, err := safepath.OpenDir(m.proc, Anyone); err == nil {
		processes, _ = dir.Names()
		_ = dir.Close()
	}
	for _, process := range processes {
		if strings.Trim(process, "0123456789") != "" || seen[space(process)] {
			continue
		}
		seen[space(process)] = true
		if m.isStrangers(process) {
			continue
		}
		if all, err := m.read(process); err == nil {
			found[process] = all
		}
	}
	return found
}

// isStrangers reports whether the mounts of a process are those of a user who has nothing to say here. Every user of a machine can
// make a name space of his own, and mount any file there that he sees. That must not keep the file from being replaced.
func (m mounts) isStrangers(process string) bool {
	space := filepath.Join(m.proc, process, "ns/user")
	link, _ := os.Readlink(space) // without it, it is the one of all
	own, _ := os.Readlink(filepath.Join(m.proc, "self/ns/user"))
	if link == own {
		return false
	}
	f, err := os.Open(space)
	if err != nil {
		return true // it is gone meanwhile
	}
	defer func() { _ = f.Close() }()
	uid, err := unix.IoctlGetUint32(int(f.Fd()), unix.NS_GET_OWNER_UID)
	return err != nil || uid != 0 && int(uid) != os.Geteuid() && int(uid) != m.owner
}

// mount is a line of mountinfo.
type mount struct {
	id                  int
	device, root, point string
}

func (m mounts) read(process string) ([]mount, error) {
	text, err := readProc(filepath.Join(m.proc, process, "mountinfo"))
	if err != nil {
		return nil, err
	}
	if len(text) == 0 {
		return nil, errors.New("there are no mounts")
	}
	var found []mount
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 5 {
			continue
		}
		id, _ := strconv.Atoi(fields[0]) // 0 is that of nothing
		found = append(found, mount{id, fields[2], plain(fields[3]), plain(fields[4])})
	}
	return found, nil
}

// plain returns a path of mountinfo with its blanks, tabs, line ends and backslashes.
func plain(path string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(path)
}

// below returns the rest of a path below a directory.
func below(path, dir string) (rest string, ok bool) {
	if dir == "/" {
		return path, true
	}
	rest, ok = strings.CutPrefix(path, dir)
	return rest, ok && (rest == "" || rest[0] == '/')
}

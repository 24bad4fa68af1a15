package account

import (
	"bufio"
	"cmp"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// ErrUnknown says that the machine knows no such user or group.
var ErrUnknown = errors.New("this machine knows no such user or group")

// Two reasons why it is not known who somebody is that the machine's own files don't have.
var (
	errNoAnswer    = errors.New("it is not in the machine's own files, and " + getentPath + " did not say who it is")
	errNotBelieved = errors.New("it is not in the machine's own files, and what " + getentPath + " says about it is not believed")
)

// User is a user of this machine.
type User struct {
	Name string
	UID  int
	GID  int    // the primary group
	Home string // "" if there is none
}

// Group is a group of this machine.
type Group struct {
	Name string
	GID  int
}

// ByUID returns the user with a number. It fails with ErrUnknown if there is none, and with another error if that could not be
// found out.
func ByUID(uid int) (User, error) { return here.byUID(uid) }

// ByName returns the user with exactly this name. It fails as ByUID does.
func ByName(name string) (User, error) { return here.byName(name) }

// Local returns the user whom /etc/passwd gives this name. It asks nobody else.
func Local(name string) (User, error) { return here.local(name) }

// GroupByGID returns the group with a number. It fails as ByUID does.
func GroupByGID(gid int) (Group, error) { return here.groupByGID(gid) }

// Groups returns all groups of a user that are known, the primary one first.
func (u User) Groups() []int { return here.groups(u) }

// Name returns a user's name, or "uid 12345" if it is not known.
func Name(uid int) string { return here.name(uid) }

// Unnamed returns what stands for the name of a user whose name is not known. No user has it for a name.
func Unnamed(uid int) string { return unnamed + strconv.FormatUint(uint64(uint32(uid)), 10) } //nolint:gosec // the kernel's numbers have 32 bits

const unnamed = "uid "

// machine is where users are looked up.
type machine struct {
	passwd, group string // the machine's own files
	asks          directory

	mu    sync.Mutex
	known map[string]any // what the directory said
}

// directory knows the users that are not in the machine's own files. Its methods fail with ErrUnknown if it has none such.
type directory interface {
	user(key string) (User, error)
	group(gid string) (Group, error)
	groups(name string) ([]int, error)
}

var here = &machine{passwd: "/etc/passwd", group: "/etc/group", asks: newDirectory()}

// patience is how long the directory may take for an answer: longer than any machine needs that works, however busy it is. Once it
// was too slow, it is not asked again.
const patience = 10 * time.Second

func (m *machine) byUID(uid int) (User, error) {
	key := number(uid)
	u, err := m.inPasswd(func(u User, id string) bool { return id == key })
	if err == nil || uid == 0 { // root is who the machine's own file says
		return u, err
	}
	return ask(m, "uid "+key, func() (User, error) {
		u, err := m.asks.user(key)
		if err == nil && (u.UID != uid || !m.believable(u)) {
			return User{}, errNotBelieved
		}
		return u, err
	})
}

func (m *machine) byName(name string) (User, error) {
	if u, err := m.local(name); err == nil || !askable(name) {
		return u, err
	}
	return ask(m, "name "+name, func() (User, error) {
		u, err := m.asks.user(name)
		if err == nil && (u.Name != name || !m.believable(u)) {
			return User{}, errNotBelieved
		}
		return u, err
	})
}

func (m *machine) local(name string) (User, error) {
	return m.inPasswd(func(u User, _ string) bool { return u.Name == name })
}

func (m *machine) name(uid int) string {
	if u, err := m.byUID(uid); err == nil {
		return u.Name
	}
	return Unnamed(uid)
}

// believable reports whether the directory may have this user: neither the name nor the number is one of the machine's own
// users, and there are no rights of root's.
func (m *machine) believable(u User) bool {
	if u.UID == 0 || u.GID == 0 || !askable(u.Name) || strings.HasPrefix(u.Name, unnamed) {
		return false
	}
	_, err := m.inPasswd(func(own User, _ string) bool { return own.Name == u.Name || own.UID == u.UID })
	return errors.Is(err, ErrUnknown)
}

// askable reports whether getent takes a text for a user's name, and for nothing else: digits are a number for it, and a dash
// begins an option.
func askable(name string) bool {
	return name != "" && len(name) <= longestName && strings.Trim(name, "0123456789") != "" && name[0] != '-' && name[0] != '+' &&
		!strings.ContainsAny(name, ":\n\x00")
}

// longestName is more than any system allows.
const longestName = 256

func (m *machine) groupByGID(gid int) (Group, error) {
	key := number(gid)
	g, err := m.inGroup(func(_ Group, id string, _ []string) bool { return id == key })
	if err == nil || gid == 0 {
		return g, err
	}
	return ask(m, "gid "+key, func() (Group, error) {
		g, err := m.asks.group(key)
		if err != nil {
			return g, err
		}
		_, taken := m.inGroup(func(own Group, _ string, _ []string) bool { return own.Name == g.Name })
		if g.GID != gid || !askable(g.Name) || !errors.Is(taken, ErrUnknown) {
			return Group{}, errNotBelieved
		}
		return g, nil
	})
}

func (m *machine) groups(u User) []int {
	all := []int{u.GID}
	add := func(gid int) {
		if !slices.Contains(all, gid) {
			all = append(all, gid)
		}
	}
	_, _ = m.inGroup(func(g Group, _ string, members []string) bool {
		if slices.Contains(members, u.Name) {
			add(g.GID)
		}
		return false // it looks at all of them
	})
	if u.UID == 0 || !askable(u.Name) {
		return all
	}
	more, _ := ask(m, "groups "+u.Name, func() ([]int, error) { return m.asks.groups(u.Name) }) // without them fewer are known
	for _, gid := range more {
		if gid != 0 { // root's group is given by the machine's own file alone
			add(gid)
		}
	}
	return all
}

// ask asks the directory, once in a run for each thing.
func ask[T any](m *machine, what string, find func() (T, error)) (T, error) {
	type answer struct {
		found T
		err   error
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if a, ok := m.known[what].(answer); ok {
		return a.found, a.err
	}
	found, err := find()
	if m.known == nil {
		m.known = make(map[string]any)
	}
	m.known[what] = answer{found, err}
	return found, err
}

// inPasswd returns the first user of /etc/passwd that fits. id is the number as it stands there.
func (m *machine) inPasswd(fits func(u User, id string) bool) (User, error) {
	var found User
	err := findLine(m.passwd, func(line string) bool {
		u, ok := passwdLine(line)
		if ok && fits(u, number(u.UID)) {
			found = u
			return true
		}
		return false
	})
	return found, err
}

// inGroup returns the first group of /etc/group that fits.
func (m *machine) inGroup(fits func(g Group, id string, members []string) bool) (Group, error) {
	var found Group
	err := findLine(m.group, func(line string) bool {
		g, members, ok := groupLine(line)
		if ok && fits(g, number(g.GID), members) {
			found = g
			return true
		}
		return false
	})
	return found, err
}

// longestAnswer is longer than any line about a user or a group: a group's line names all its members.
const longestAnswer = 4 << 20

// findLine calls is with each line of a file, until that returns true. It fails with ErrUnknown if it never did.
func findLine(file string, is func(line string) bool) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, longestAnswer)
	for lines.Scan() {
		if is(lines.Text()) {
			return nil
		}
	}
	return cmp.Or(lines.Err(), ErrUnknown)
}

// passwdLine reads a line as /etc/passwd and getent have it.
func passwdLine(line string) (u User, ok bool) {
	f := strings.Split(line, ":")
	if len(f) != 7 || f[0] == "" || f[0][0] == '+' || f[0][0] == '-' { // the last two are an old way to name a directory
		return User{}, false
	}
	uid, uidErr := strconv.ParseUint(f[2], 10, 32)
	gid, gidErr := strconv.ParseUint(f[3], 10, 32)
	return User{Name: f[0], UID: int(uid), GID: int(gid), Home: f[5]}, uidErr == nil && gidErr == nil //nolint:gosec // 32 bits
}

// groupLine reads a line as /etc/group and getent have it.
func groupLine(line string) (g Group, members []string, ok bool) {
	f := strings.Split(line, ":")
	if len(f) != 4 || f[0] == "" || f[0][0] == '+' || f[0][0] == '-' {
		return Group{}, nil, false
	}
	gid, err := strconv.ParseUint(f[2], 10, 32)
	return Group{Name: f[0], GID: int(gid)}, strings.Split(f[3], ","), err == nil //nolint:gosec // 32 bits
}

// number writes a number of the kernel's: it has 32 bits, on a machine of 32 bits too.
func number(id int) string { return strconv.FormatUint(uint64(uint32(id)), 10) } //nolint:gosec // as above

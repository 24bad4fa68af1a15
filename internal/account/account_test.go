package account

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	ownUsers  = "root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33::/var/www:/bin/false\n+ldap::7:7:::\nshort:x:8\nalice:x:1000:1000:Alice,,,:/home/alice:/bin/sh\n"
	ownGroups = "root:x:0:\nwww-data:x:33:\nhelpdesk:x:50:bob,hilda\nalice:x:1000:\n"
)

// said is a directory with the answers that a test gives it. It counts its questions.
type said struct {
	users  map[string]string // lines, by key
	group_ map[string]string
	member map[string][]int
	err    error
	asked  []string
}

func (s *said) user(key string) (User, error) {
	s.asked = append(s.asked, key)
	line, there := s.users[key]
	switch {
	case s.err != nil:
		return User{}, s.err
	case !there:
		return User{}, ErrUnknown
	}
	u, ok := passwdLine(line)
	if !ok {
		return User{}, errNoAnswer
	}
	return u, nil
}

func (s *said) group(gid string) (Group, error) {
	s.asked = append(s.asked, "group "+gid)
	line, there := s.group_[gid]
	if !there {
		return Group{}, ErrUnknown
	}
	g, _, ok := groupLine(line)
	if !ok {
		return Group{}, errNoAnswer
	}
	return g, nil
}

func (s *said) groups(name string) ([]int, error) { return s.member[name], nil }

func machineWith(t *testing.T, d directory) *machine {
	t.Helper()
	dir := t.TempDir()
	m := &machine{passwd: filepath.Join(dir, "passwd"), group: filepath.Join(dir, "group"), asks: d}
	if err := errors.Join(os.WriteFile(m.passwd, []byte(ownUsers), 0o600), os.WriteFile(m.group, []byte(ownGroups), 0o600)); err != nil {
		t.Fatal(err)
	}
	return m
}

// The machine's own files come first, and whom they have is not asked about.
func TestOwnFilesFirst(t *testing.T) {
	d := &said{users: map[string]string{"33": "other:x:33:33:::", "alice": "alice:x:5:5:::"}}
	m := machineWith(t, d)
	if u, err := m.byUID(33); err != nil || u != (User{"www-data", 33, 33, "/var/www"}) {
		t.Error(u, err)
	}
	if u, err := m.byName("alice"); err != nil || u.UID != 1000 || u.Home != "/home/alice" {
		t.Error(u, err)
	}
	if g, err := m.groupByGID(33); err != nil || g.Name != "www-data" {
		t.Error(g, err)
	}
	if m.name(0) != "root" || len(d.asked) > 0 {
		t.Error(m.name(0), d.asked)
	}
	for _, name := range []string{"+ldap", "", "33", "-r", "a:b", "a\nb", strings.Repeat("x", 257)} { // getent would take these for something else
		if u, err := m.byName(name); !errors.Is(err, ErrUnknown) || len(d.asked) > 0 {
			t.Errorf("%q: %v, %v, %q", name, u, err, d.asked)
		}
	}
}

// What the directory says is judged.
func TestDirectorysUsers(t *testing.T) {
	for name, test := range map[string]struct {
		line string
		want string
	}{
		"a user":                       {"hilda:*:12345:600:Hilda:/home/hilda:/bin/sh", "hilda"},
		"of Active Directory":          {`CORP\hilda smith:*:12345:600::/h:/bin/sh`, `CORP\hilda smith`},
		"control bytes":                {"hil\x1b[31mda:*:12345:600:::", "hil\x1b[31mda"},
		"another number":               {"hilda:*:12346:600:::", "uid 12345"},
		"a name with colons":           {"root:x:12345:0:x:12345:600:::", "uid 12345"},
		"root's name":                  {"root:*:12345:600:::", "uid 12345"},
		"another user's name":          {"alice:*:12345:600:::", "uid 12345"},
		"root's group":                 {"hilda:*:12345:0:::", "uid 12345"},
		"digits":                       {"999:*:12345:600:::", "uid 12345"},
		"what stands for another user": {"uid 999:*:12345:600:::", "uid 12345"},
		"no name":                      {":*:12345:600:::", "uid 12345"},
		"too few fields":               {"hilda:*:12345:600::", "uid 12345"},
		"too long":                     {strings.Repeat("x", 257) + ":*:12345:600:::", "uid 12345"},
		"nobody":                       {"", "uid 12345"},
	} {
		d := &said{users: map[string]string{"12345": test.line}}
		m := machineWith(t, d)
		if got := m.name(12345); got != test.want {
			t.Errorf("%s: %q", name, got)
		}
		if _ = m.name(12345); len(d.asked) != 1 {
			t.Errorf("%s: asked %q", name, d.asked)
		}
	}
}

// By a name nobody gets another user's number, and never root's. The error says whether there was no answer, or one that is not
// believed.
func TestDirectorysNames(t *testing.T) {
	for line, want := range map[string]error{
		"hilda:*:12345:600:::": nil, "hilda:*:0:600:::": errNotBelieved, "hilda:*:1000:600:::": errNotBelieved,
		"Hilda:*:12345:600:::": errNotBelieved, "hilda:*:12345:0:::": errNotBelieved,
		"hilda:*:-1:600:::": errNoAnswer, "hilda:*:4294967296:1:::": errNoAnswer,
	} {
		u, err := machineWith(t, &said{users: map[string]string{"hilda": line}}).byName("hilda")
		if !errors.Is(err, want) || (err == nil) != (u.UID == 12345) || err != nil && u.UID != 0 {
			t.Errorf("%q: %v, %v", line, u, err)
		}
	}
	slow := errors.New("slow")
	if _, err := machineWith(t, &said{err: slow}).byName("hilda"); !errors.Is(err, slow) {
		t.Error(err)
	}
}

func TestGroups(t *testing.T) {
	d := &said{
		group_: map[string]string{"600": "staff:*:600:hilda", "601": "staff:*:600:", "602": "root:*:602:", "603": "a:b:*:603:"},
		member: map[string][]int{"hilda": {600, 0, 700}, "root": {700}},
	}
	m := machineWith(t, d)
	if got := m.groups(User{Name: "hilda", UID: 12345, GID: 600}); !slices.Equal(got, []int{600, 50, 700}) {
		t.Error(got) // root's group comes from no directory
	}
	if got := m.groups(User{Name: "root"}); !slices.Equal(got, []int{0}) {
		t.Error(got)
	}
	for gid, want := range map[int]string{600: "staff", 601: "", 602: "", 603: "", 604: ""} {
		g, err := m.groupByGID(gid)
		if g.Name != want || (err == nil) != (want != "") || errors.Is(err, errNotBelieved) != (gid == 601 || gid == 602) {
			t.Error(gid, g, err)
		}
	}
}

func TestShown(t *testing.T) {
	for name, want := range map[string]string{
		"hilda": "hilda", `CORP\hilda`: `CORP\hilda`, "hilda@corp.example": "hilda@corp.example", "uid 12345": "uid 12345", "": `""`,
		"a b": `"a b"`, "a, by root": `"a\x2c by root"`, "\x1b[31mx": `"\x1b[31mx"`, "\xff": `"\xff"`, "jürgen": `"jürgen"`,
		"ann\u202e": `"ann\u202e"`, "uid 1, by 2": `"uid 1\x2c by 2"`,
		strings.Repeat("x", 65): `"` + strings.Repeat("x", 64) + `"…`,
	} {
		if got := Shown(name); got != want {
			t.Errorf("%q: %s", name, got)
		}
	}
}

// This process has the number that the kernel says, whatever the environment says.
func TestThisProcess(t *testing.T) {
	t.Setenv("USER", "somebody-else")
	t.Setenv("HOME", "/somewhere")
	u, err := ByUID(os.Geteuid())
	if err != nil || u.UID != os.Geteuid() || u.Name == "somebody-else" || u.Home == "/somewhere" || Name(u.UID) != u.Name || u.Groups()[0] != u.GID {
		t.Error(u, err)
	}
	if g, err := GroupByGID(u.GID); err != nil || g.GID != u.GID {
		t.Error(g, err)
	}
	if got := Name(2147480003); got != "uid 2147480003" {
		t.Error(got)
	}
}

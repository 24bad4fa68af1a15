package operator

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"uzerp-mfa/internal/account"
)

// slow is a user whom the directory would know, if it answered.
const slow = "slow"

func users(all ...account.User) lookup {
	find := func(is func(account.User) bool) (account.User, error) {
		if i := slices.IndexFunc(all, is); i >= 0 {
			return all[i], nil
		}
		return account.User{}, account.ErrUnknown
	}
	return lookup{
		byUID: func(uid int) (account.User, error) { return find(func(u account.User) bool { return u.UID == uid }) },
		byName: func(name string) (account.User, error) {
			if name == slow {
				return account.User{}, errors.New("no answer")
			}
			return find(func(u account.User) bool { return u.Name == name })
		},
		groups: func(u account.User) []int { return []int{u.GID} },
	}
}

func TestThroughSudo(t *testing.T) {
	known := users(account.User{Name: "root"}, account.User{UID: 2147480001, GID: 2147480002, Name: "hilda", Home: "/home/hilda"})
	const hilda = "2147480001"
	for name, test := range map[string]struct {
		euid int
		env  string
		want string // via and name, or words of the error; "" is no caller
	}{
		"root":                  {0, "", ""},
		"sudo":                  {0, "SUDO_UID=" + hilda + " SUDO_GID=7 SUDO_USER=x", "sudo hilda"},
		"root's own sudo":       {0, "SUDO_UID=0 SUDO_GID=0 SUDO_USER=root", ""},
		"a name alone":          {0, "SUDO_USER=hilda", ""}, // sudo sets the number, always
		"pkexec":                {0, "PKEXEC_UID=" + hilda, "pkexec hilda"},
		"doas":                  {0, "DOAS_USER=hilda", "doas hilda"},
		"doas, SUDO_UID kept":   {0, "DOAS_USER=hilda SUDO_UID=0", "doas hilda"},
		"two, the same":         {0, "DOAS_USER=hilda SUDO_UID=" + hilda, "sudo hilda"},
		"two different":         {0, "DOAS_USER=hilda SUDO_UID=1 SUDO_GID=1", "different users"},
		"no number":             {0, "SUDO_UID=x", "SUDO_UID is no number"},
		"a negative number":     {0, "SUDO_UID=-1", "SUDO_UID is no number"},
		"a wrap":                {0, "SUDO_UID=4294967296", "SUDO_UID is no number"},
		"doas of a stranger":    {0, "DOAS_USER=nemo", "DOAS_USER names no user"},
		"doas, no answer":       {0, "DOAS_USER=slow", "DOAS_USER: no answer"},
		"pkexec, unknown":       {0, "PKEXEC_UID=77 SUDO_USER=root SUDO_GID=1", "pkexec uid 77"},
		"unknown":               {0, "SUDO_UID=77 SUDO_GID=78 SUDO_USER=gone", "sudo gone"},
		"unknown, no group":     {0, "SUDO_UID=77", "group of user 77"},
		"not root":              {33, "SUDO_UID=" + hilda, ""},
		"not root, wrong value": {33, "SUDO_UID=x", ""},
	} {
		getenv := func(name string) string {
			for field := range strings.FieldsSeq(test.env) {
				if value, ok := strings.CutPrefix(field, name+"="); ok {
					return value
				}
			}
			return ""
		}
		c, err := throughSudo(test.euid, getenv, known)
		got := ""
		switch {
		case err != nil:
			got = err.Error()
		case c != nil:
			got = c.Via + " " + c.Name
		}
		if test.want == "" && got != "" || !strings.Contains(got, test.want) {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
		if err == nil && c != nil && c.Name == "hilda" && (c.Home != "/home/hilda" || c.GID != 2147480002 || !slices.Contains(c.Groups, c.GID)) {
			t.Errorf("%s: %+v", name, c)
		}
		if err == nil && c != nil && c.Name == "gone" && (c.GID != 78 || c.Home != "/" || len(c.Groups) != 1) {
			t.Errorf("%s: %+v", name, c)
		}
	}
}

func TestLeaveHome(t *testing.T) {
	t.Setenv("HOME", "/home/ann")
	if err := new(Caller).LeaveHome(); err != nil {
		t.Fatal(err)
	}
	if home := os.Getenv("HOME"); home == "/home/ann" || home == "" {
		t.Errorf("HOME is %q", home)
	}
}

// Rights that somebody lends are found by each variable alone, whatever is in it.
func TestIsLent(t *testing.T) {
	if IsLent(func(string) string { return "" }) {
		t.Error("nobody lends anything to these tests")
	}
	for _, name := range []string{"SUDO_UID", "SUDO_USER", "DOAS_USER", "PKEXEC_UID"} {
		for _, value := range []string{"0", "1000", "x"} {
			getenv := func(n string) string {
				if n == name {
					return value
				}
				return ""
			}
			if !IsLent(getenv) {
				t.Errorf("%s=%s", name, value)
			}
		}
	}
}

package cmd

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"uzerp-mfa/internal/errs"
)

func TestReadNames(t *testing.T) {
	for _, c := range []struct {
		name, file string
		want       []nameLine
	}{
		{"one a line", "alice\nbob\n", []nameLine{{"alice", 1}, {"bob", 2}}},
		{"no line end at the end", "alice\nbob", []nameLine{{"alice", 1}, {"bob", 2}}},
		{"Windows", "\ufeffalice\r\n\r\nbob\r\n", []nameLine{{"alice", 1}, {"bob", 3}}},
		{"only the first line has a mark", "alice\n\ufeffbob\n", []nameLine{{"alice", 1}, {"\ufeffbob", 2}}},
		{"comments and blank lines", "# new staff\n\n   \n\t# more\nalice\n#bob\n", []nameLine{{"alice", 5}}},
		{"a comment after the mark", "\ufeff# new staff\nalice\n", []nameLine{{"alice", 2}}},
		{"blanks belong to the name", " alice \nbob\t\n", []nameLine{{" alice ", 1}, {"bob\t", 2}}},
		{"# in a name", "alice#1\nbob #2\n", []nameLine{{"alice#1", 1}, {"bob #2", 2}}},
		{"other scripts", "Ålice\nбоб\n", []nameLine{{"Ålice", 1}, {"боб", 2}}},
		{"twice", "alice\nalice\n", []nameLine{{"alice", 1}, {"alice", 2}}},
		{"one letter", "a", []nameLine{{"a", 1}}},
		{"two letters", "ab\n", []nameLine{{"ab", 1}}},
		{"user list -o jsonl", "# broken\n" + `{"username":"alice","state":"broken"}` + "\n\n" + `{"username":" b\u0000"}` + "\r\n",
			[]nameLine{{"alice", 2}, {" b\x00", 4}}},
		{"a name that looks like JSON", "alice\n{\"username\":\"bob\"}\n", []nameLine{{"alice", 1}, {`{"username":"bob"}`, 2}}},
		{"a user without a name comes first", `{"username":""}` + "\n" + `{"username":"alice"}` + "\n", []nameLine{{"", 1}, {"alice", 2}}},
		{"a user without a name comes later", `{"username":"alice"}` + "\n" + `{"username":""}` + "\n" + `{"username":"bob"}` + "\n",
			[]nameLine{{"alice", 1}, {"", 2}, {"bob", 3}}},
		{"an object without a name is a name", "{}\n", []nameLine{{"{}", 1}}},
		{"a user of that name", "USERNAME\n", []nameLine{{"USERNAME", 1}}},
	} {
		got, err := readNames(strings.NewReader(c.file))
		if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(nameLine{})); diff != "" || err != nil {
			t.Errorf("%s: %v %s", c.name, err, diff)
		}
	}
	for _, c := range []struct{ name, file, want string }{
		{"empty", "", "no user name"},
		{"only comments", "# alice\n\n", "no user name"},
		{"UTF-16", "\xff\xfea\x00l\x00\r\x00\n\x00", "UTF-16"},
		{"UTF-16, the other way round", "\xfe\xff\x00a\x00l", "UTF-16"},
		{"UTF-16 without a mark", "a\x00l\x00i\x00", "UTF-16"},
		{"UTF-16 without a mark, the other way round", "\x00a\x00l", "UTF-16"},
		{"UTF-32", "\xff\xfe\x00\x00a\x00\x00\x00", "UTF-32"},
		{"UTF-32, the other way round", "\x00\x00\xfe\xff\x00\x00\x00a", "UTF-32"},
		{"UTF-16 of two bytes", "a\x00", "UTF-16"},
		{"Latin-1", "alice\n\nJ\xfcrgen\n", "line 3 is not UTF-8"},
		{"a program", "\x7fELF\x02\x01\x01\x00\n", "line 1 has a NUL byte"},
		{"NUL later", "alice\nb\x00b\n", "line 2 has a NUL byte"},
		{"a long line", "alice\n" + strings.Repeat("x", maxNameLine+1), "line 2 is too long"},
		{"a long file", strings.Repeat(strings.Repeat("x", 1000)+"\n", maxNameFile/1000), "line 16761: there are more than"},
		{"a table", "USERNAME  PERSON\nalice     Alice Archer\n", "a table"},
		{"user list -o json", "{\n  \"schema_version\": 1,\n", "one document in JSON"},
		{"an array of users", "\n" + `[{"username":"alice"}]` + "\n", "one document in JSON"},
		{"JSON of something else", `{"schema_version":1,"users":[]}` + "\n", "one document in JSON"},
		{"a CSV file", "username,person,email\nalice,Alice Archer,\n", "a table"},
		{"JSON without a name, and then none", `{"username":""}` + "\nbob\n", "line 2 is no user in JSON"},
		{"JSON, and then none", `{"username":"alice"}` + "\nbob\n", "line 2 is no user in JSON"},
	} {
		got, err := readNames(strings.NewReader(c.file))
		if err == nil || errs.KindOf(err) != errs.Usage || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, %v, want %q", c.name, got, err, c.want)
		}
	}
}

func FuzzReadNames(f *testing.F) {
	for _, seed := range []string{"alice\nbob", "\ufeff# x\r\n", "\xff\xfe", `{"username":"a"}`, "a\x00", "USERNAME P"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, file string) {
		names, err := readNames(strings.NewReader(file))
		if (err == nil) != (len(names) > 0) {
			t.Fatal(names, err)
		}
		for _, n := range names {
			if n.name == "" && !strings.Contains(file, "{") || n.number < 1 || n.number > strings.Count(file, "\n")+1 {
				t.Fatal(names)
			}
		}
	})
}

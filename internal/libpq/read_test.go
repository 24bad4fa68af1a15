package libpq_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/libpq"
	"uzerp-mfa/internal/sharedtest"
)

func TestMain(m *testing.M) { os.Exit(sharedtest.Tests{M: m}.Run()) }

// bare takes all of libpq's variables away and gives the test a directory as home.
func bare(t *testing.T) (home string) {
	t.Helper()
	for _, p := range libpq.Parameters() {
		if p.Variable != "" {
			t.Setenv(p.Variable, "")
		}
	}
	home = t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("PGSYSCONFDIR", filepath.Join(home, "none"))
	return home
}

func write(t *testing.T, path, text string, mode os.FileMode) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// samples has a value for each parameter of which the default one does not do.
var samples = map[string]string{
	"host": "db.example", "hostaddr": "192.0.2.7", "port": "6000", "service": "live", "servicefile": "/none", "PGSYSCONFDIR": "/none",
	"connect_timeout": "3", "require_auth": "md5", "channel_binding": "disable", "target_session_attrs": "primary", "load_balance_hosts": "random",
	"min_protocol_version": "3.0", "max_protocol_version": "3.2", "sslmode": "require", "requiressl": "1", "sslnegotiation": "postgres",
	"sslcertmode": "disable", "sslsni": "0", "ssl_min_protocol_version": "TLSv1.3", "ssl_max_protocol_version": "TLSv1.3",
	"gssencmode": "require", "replication": "database",
}

// The table of docs/settings.md has every parameter with its use, and each of them is used so: in a URL and as a variable.
func TestEveryParameterIsObeyedOrRefusedOrDocumentedAsIgnored(t *testing.T) {
	page, err := os.ReadFile("../../docs/settings.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := make(map[string]string)
	_, table, _ := strings.Cut(string(page), "| parameter, variable | use |\n")
	table, _, _ = strings.Cut(table, "\n\n")
	for line := range strings.SplitSeq(table, "\n") {
		cells := strings.Split(line, "|")
		if len(cells) < 4 {
			continue
		}
		use, _, _ := strings.Cut(strings.TrimLeft(strings.TrimSpace(cells[2]), "*"), " ")
		use = strings.Trim(use, ":,;*.")
		for name := range strings.FieldsFuncSeq(cells[1], func(r rune) bool { return strings.ContainsRune(" `,()", r) }) {
			if name == strings.ToLower(name) || strings.HasPrefix(name, "PG") {
				documented[name] = use
			}
		}
	}
	for _, p := range libpq.Parameters() {
		for _, name := range []string{p.Name, p.Variable} {
			if name != "" && documented[name] != string(p.Use) {
				t.Errorf("docs/settings.md says %q of %s, which is %s", documented[name], name, p.Use)
			}
		}
		sample := samples[p.Name]
		if sample == "" {
			sample = "s3cr3t"
		}
		if p.Name != "" {
			bare(t)
			s, err := libpq.Read("postgres://u@h/d?"+p.Name+"="+sample, "DATABASE_URL", nil)
			checkUse(t, p, p.Name, sample, "DATABASE_URL", s, err)
		}
		if p.Variable != "" {
			bare(t)
			t.Setenv(p.Variable, sample)
			s, err := libpq.Read("", "", nil)
			checkUse(t, p, p.Variable, sample, p.Variable, s, err)
		}
	}
}

func checkUse(t *testing.T, p libpq.Parameter, name, sample, source string, s *libpq.Settings, err error) {
	t.Helper()
	key := p.Name
	if key == "" {
		key = p.Variable
	}
	switch {
	case key == "service" || key == "requiressl" || key == "servicefile" || key == "PGSYSCONFDIR": // other tests
	case p.Use == libpq.Refused:
		if errs.KindOf(err) != errs.Config || !strings.Contains(err.Error(), p.Name+" (from "+source+") is refused") {
			t.Errorf("%s=%s: %v", name, sample, err)
		}
	case err != nil:
		t.Errorf("%s=%s: %v", name, sample, err)
	case s.Get(key) != sample || s.From(key) != source:
		t.Errorf("%s=%s: %q from %q", name, sample, s.Get(key), s.From(key))
	}
	if err != nil && strings.Contains(fmt.Sprintf("%+v %s", err, errs.HintOf(err).Text), "s3cr3t") {
		t.Errorf("%s: %v", name, err)
	}
}

func TestWhereEachSettingComesFrom(t *testing.T) {
	home := bare(t)
	file := write(t, filepath.Join(home, ".pg_service.conf"), "# x\n[other]\nport=1\n[live]\nhost=live.example\nport=6001\ndbname=fromservice\n", 0o644)
	t.Setenv("PGSERVICE", "live")
	t.Setenv("PGPORT", "7000")
	t.Setenv("PGHOSTADDR", "192.0.2.1")
	t.Setenv("PGUSER", "envuser")
	s, err := libpq.Read("postgres:///given", "DATABASE_URL", nil)
	if err != nil {
		t.Fatal(err)
	}
	h := s.Hosts[0]
	for what, is := range map[string][2]string{
		"host":     {h.Name, "live.example"},
		"its":      {h.NameFrom, "line 5 of " + file},
		"hostaddr": {h.Addr + h.AddrFrom, "192.0.2.1PGHOSTADDR"},
		"dialed":   {h.Dialed() + h.From(), "192.0.2.1PGHOSTADDR"},
		"port":     {fmt.Sprint(h.Port) + h.PortFrom, "6001line 6 of " + file},
		"user":     {s.User + s.From("user"), "envuserPGUSER"},
		"database": {s.Database + s.From("dbname"), "givenDATABASE_URL"},
		"sslmode":  {s.Get("sslmode") + s.From("sslmode"), "preferthe default"},
	} {
		if is[0] != is[1] {
			t.Errorf("%s: %q, want %q", what, is[0], is[1])
		}
	}
	// Without a service in the user's file, the machine's counts.
	system := write(t, filepath.Join(home, "sys", "pg_service.conf"), "[far]\nhost=far.example\n", 0o644)
	t.Setenv("PGSYSCONFDIR", filepath.Dir(system))
	if s, err = libpq.Read("service=far", "DATABASE_URL", nil); err != nil || s.Hosts[0].Name != "far.example" {
		t.Error(s, err)
	}
	if _, err = libpq.Read("service=nowhere", "DATABASE_URL", nil); err == nil || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), system) {
		t.Error(err)
	}
}

func TestPasswordFile(t *testing.T) {
	home := bare(t)
	file := filepath.Join(home, ".pgpass")
	read := func(conn string) (string, string) {
		t.Helper()
		s, err := libpq.Read(conn, "DATABASE_URL", nil)
		if err != nil {
			t.Fatal(err)
		}
		return s.Hosts[0].Password, s.PassfileProblem
	}
	write(t, file, "#localhost:*:*:*:no\n/tmp/x\\:y:5432:d:u:dir\n\\:\\:1:*:d:a\\\\b\\:c:p\\:q\\\\r:rest\r\n"+
		"localhost:5432:*:u:sock\nh:*:d:u:first\nh:*:d:u:second\n", 0o600)
	for conn, want := range map[string]string{
		"host=h dbname=d user=u":                    "first",
		"host=h dbname=d user=u password=own":       "own",
		"host=::1 dbname=d user='a\\\\b:c'":         "p:q\\r",
		"hostaddr=::1 dbname=d user='a\\\\b:c'":     "p:q\\r",
		"host=h hostaddr=::1 dbname=d user=u":       "first",
		"dbname=d user=u":                           "sock", // the default directory of sockets is "localhost"
		"host=/tmp/x:y dbname=d user=u":             "dir",
		"host=/another dbname=d user=u":             "",
		"host=h,h port=1,2 dbname=d user=u":         "first",
		"host=other dbname=d user=u passfile=/none": "",
	} {
		if got, problem := read(conn); got != want || problem != "" {
			t.Errorf("%s: %q, want %q; %s", conn, got, want, problem)
		}
	}
	if _, err := libpq.Read("host=h,/tmp/x:y dbname=d user=u", "DATABASE_URL", nil); err == nil || !strings.Contains(err.Error(), "different passwords") {
		t.Error(err)
	}
	write(t, file, "*:*:*:*:s3cr3t\n", 0o640)
	if got, problem := read("host=h dbname=d user=u"); got != "" || !strings.Contains(problem, file) || !strings.Contains(problem, "mode 0640") {
		t.Error(got, problem)
	}
}

// What people paste is recognised, and what to write is told. The password is never repeated.
func TestForeignURLs(t *testing.T) {
	bare(t)
	for conn, words := range map[string]string{
		"mysql://u:s3cr3t@h/d": "MySQL", "mysqli://u:s3cr3t@h/d": "MySQL", "mysql:host=h;password=s3cr3t": "MySQL",
		"jdbc:postgresql://h/d?user=u&password=s3cr3t":           "JDBC",
		"pgsql:host=h;port=5432;dbname=d;user=u;password=s3cr3t": "PDO",
		"pgsql://u:s3cr3t@h/d":                                   "driver", "pdo-pgsql://u:s3cr3t@h/d": "driver",
		"postgres+asyncpg://u:s3cr3t@h/d": "Python", "postgresql+psycopg2://u:s3cr3t@h/d": "Python",
		"Postgres://u:s3cr3t@h/d": "small letters", " postgres://u:s3cr3t@h/d": "no blank before it",
		"Host=h;Database=d;Username=u;Password=s3cr3t": "semicolons", "sqlite:///s3cr3t": "another kind",
		`"postgres://u:s3cr3t@h/d"`: "quotes around it", `'postgres://u:s3cr3t@h/d'`: "quotes around it",
		"psql 'postgres://u:s3cr3t@h/d'": "command line of psql's", "DATABASE_URL=postgres://u:s3cr3t@h/d": "begins with DATABASE_URL=",
		"postgis://u:s3cr3t@h/d": "another program's driver", "r2dbc:postgresql://u:s3cr3t@h/d": "postgres://",
		"User ID=u;Password=s3cr3t;Host=h": "there is no =", "host=h;password=s3cr3t": "semicolons",
		"https://u:s3cr3t@h/d": "postgres://", "//u:s3cr3t@h/d": "postgres://",
		"postgres://u:s3cr3t@h/d?schema=public":                                     `"schema", which is in DATABASE_URL: it is of Prisma`,
		"postgres://u:s3cr3t@h/d?serverVersion=15&charset=utf8":                     `"serverVersion", which is in DATABASE_URL: it is of Doctrine`,
		"postgres://u:s3cr3t@h/d?currentSchema=x":                                   "JDBC",
		"postgres://u:s3cr3t@h/d?pool=5":                                            "Rails",
		"postgres://u:s3cr3t@h/d?pool_max_conns=5":                                  "pgx",
		"postgres://u:s3cr3t@h/d?nonsense=5":                                        `libpq knows no parameter "nonsense"`,
		"postgres://u:1/x?s3cr3t=a@h/d":                                             "not shown",
		"user=u password=my s3cr3t=x":                                               "not shown",
		"postgres://u:s3cr3t%zz@h/d":                                                "a % that is not followed by two hex digits",
		"postgres://u:s3cr3t x@h/d":                                                 "a blank",
		"postgres://u:a/s3cr3t@h/d":                                                 "port (from DATABASE_URL)",
		"postgres://u:#@s3cr3t@h:x/d":                                               "port (from DATABASE_URL)",
		"postgres://u:s3cr3t@h/d?sslmode=no-verify":                                 "sslmode (from DATABASE_URL)",
		"postgres://u:s3cr3t@h/d?hostaddr=h":                                        "hostaddr (from DATABASE_URL)",
		"postgres://u:s3cr3t@h/d?x":                                                 "without =",
		"postgres://u:s3cr3t@[::1/d":                                                "a [ has no ]",
		"user=u password='s3cr3t":                                                   "a ' has no second one",
		"password=s3cr3t host":                                                      "there is no =",
		"postgres://u:s3cr3t@a,b:1,2,3/d?port=1,2":                                  "port (from DATABASE_URL)",
		"postgres://u:s3cr3t@h/d?sslnegotiation=direct":                             "needs sslmode=require",
		"postgres://u:s3cr3t@h/d?sslrootcert=system&sslmode=require":                "too weak",
		"postgres://u:s3cr3t@h/d?require_auth=md5,!none":                            "with ! and without",
		"postgres://u:s3cr3t@h/d?ssl_max_protocol_version=TLSv1.1":                  "is below ssl_min_protocol_version",
		"postgres://u:s3cr3t@h/d?connect_timeout=soon":                              "connect_timeout (from DATABASE_URL)",
		"postgres://u:s3cr3t@h/d?connect_timeout=99999999999":                       "connect_timeout (from DATABASE_URL)",
		"postgres://u:s3cr3t@h/d?connect_timeout=":                                  "connect_timeout (from DATABASE_URL)",
		"postgres://u:s3cr3t@h/d?require_auth=md5,md5":                              "names a login twice",
		"postgres://u:s3cr3t@h/d?sslmode=&x":                                        "without =",
		"postgres://u:s3cr3t@h/d?sslmode=&&user=x":                                  "without =",
		"postgres://u:s3cr3t@h/d?sslmode=":                                          "sslmode (from DATABASE_URL) has no value",
		"postgres://u:s3cr3t@h/d?conn_max_age=60":                                   "Python",
		"postgres://u:s3cr3t@h/d?ssl=false":                                         "JDBC",
		"host=a,b hostaddr=192.0.2.1":                                               "different numbers",
		"host=@s3cr3t":                                                              "abstract sockets",
		"postgres://u:s3cr3t@h/d?min_protocol_version=3.2&max_protocol_version=3.0": "is below min_protocol_version",
	} {
		_, err := libpq.Read(conn, "DATABASE_URL", nil)
		if errs.KindOf(err) != errs.Config || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v, want %q", conn, err, words)
			continue
		}
		if all := fmt.Sprintf("%+v %s", err, errs.HintOf(err).Text); strings.Contains(all, "s3cr3t") {
			t.Errorf("the password is told: %s", all)
		}
		if errs.HintOf(err).Text == "" {
			t.Errorf("%s: nothing is said of what to write", conn)
		}
	}
}

// libpq takes these, so they are taken here.
func TestTakenAsByPsql(t *testing.T) {
	bare(t)
	for _, conn := range []string{"postgres://u@h/d?", "postgres://u@h/d?sslmode=disable&", "postgres://u@h/d?sslsni=", "host=h ssl_min_protocol_version=''",
		"postgres://u@[::1]:1,127.0.0.1/d", "postgres://", "postgresql:///d?host=/x", "", "host=h port=+1 connect_timeout=-3",
		"postgres://u@h/d?ssl=true&requiressl=0"} {
		if s, err := libpq.Read(conn, "DATABASE_URL", nil); err != nil || len(s.Hosts) == 0 {
			t.Errorf("%s: %v", conn, err)
		}
	}
}

// What is wrong in a service file is told with its line.
func TestServiceFiles(t *testing.T) {
	home := bare(t)
	file := filepath.Join(home, ".pg_service.conf")
	for text, words := range map[string]string{
		"[s]\nhost = h\n":              "line 2 of " + file + " has a blank before its =",
		"[s]\n\nhost\n":                "line 3 of " + file + " has no =",
		"[s]\nservice=t\n":             "names another service",
		"[s]\nservicefile=t\n":         "names another service",
		"[s]\nldap://h/x\n":            "LDAP",
		"[s]\nschema=x\n":              "line 2 of " + file,
		"[t]\nhost=h\n":                "is in no service file (looked for in " + file,
		"[s]\nhost=h\nsslcrl=s3cr3t\n": "sslcrl (from line 3 of " + file + ") is refused",
		"[s]\nport=s3cr3t\n":           "port (from line 2 of " + file + ")",
	} {
		write(t, file, text, 0o600)
		_, err := libpq.Read("service=s", "DATABASE_URL", nil)
		if errs.KindOf(err) != errs.Config || !strings.Contains(err.Error(), words) || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%q: %v, want %q", text, err, words)
		}
	}
	t.Setenv("PGSERVICEFILE", filepath.Join(home, "gone"))
	if _, err := libpq.Read("service=s", "DATABASE_URL", nil); err == nil || !strings.Contains(err.Error(), "gone") {
		t.Error(err)
	}
}

// Where a parameter stands is told for it alone.
func TestSourcesOfSingleParameters(t *testing.T) {
	bare(t)
	s, err := libpq.Read("host=h port=1 dbname=d", "conf/config.php", map[string]string{"host": "conf/.env line 5"})
	if err != nil || s.Hosts[0].NameFrom != "conf/.env line 5" || s.Hosts[0].PortFrom != "conf/config.php" || s.From("dbname") != "conf/config.php" {
		t.Error(s, err)
	}
}

// The character that can't be in a plain name is told, and not the letter before it that can.
func TestOdd(t *testing.T) {
	for name, want := range map[string]string{"plain-name_1.x": "", "é@h": "a @", "a b": "a blank", "a\x01": "a control character",
		"é€": "a letter or sign that is not ASCII", "p#": "a #"} {
		if got := libpq.Odd(name); got != want {
			t.Errorf("%q: %q", name, got)
		}
	}
}

// What a message says about where host, port and password came from.
func TestWhereFrom(t *testing.T) {
	for _, test := range []struct {
		conn            string
		variables       map[string]string
		hosts, password string
		chosen          []string
	}{
		{"postgres://u:p@h:1/d", nil, "from DATABASE_URL", "DATABASE_URL", nil},
		{"postgres://u@h/d?options=-cgeqo%3Doff", map[string]string{"PGPASSWORD": "p"},
			"host from DATABASE_URL, port by default", "PGPASSWORD", []string{"DATABASE_URL"}},
		{"", map[string]string{"PGHOST": "h", "PGPORT": "1", "PGOPTIONS": "-cgeqo=off"}, "host from PGHOST, port from PGPORT", "", []string{"PGOPTIONS"}},
		{"dbname=d", nil, "host and port by default", "", nil},
		{"host=a,b port=1,2", map[string]string{"PGHOSTADDR": "127.0.0.1,127.0.0.2"}, "host from PGHOSTADDR, port from DATABASE_URL", "", nil},
	} {
		bare(t)
		for name, value := range test.variables {
			t.Setenv(name, value)
		}
		s, err := libpq.Read(test.conn, "DATABASE_URL", nil)
		if err != nil {
			t.Fatal(err)
		}
		if s.HostFrom() != test.hosts || s.PasswordFrom() != test.password || !slices.Equal(s.ChosenFrom(), test.chosen) {
			t.Errorf("%q: %q, %q, %q", test.conn, s.HostFrom(), s.PasswordFrom(), s.ChosenFrom())
		}
		for name := range test.variables {
			t.Setenv(name, "")
		}
	}
}

// Only in a URL can a part of the password stand in the place of the port.
func TestPortThatIsNone(t *testing.T) {
	for conn, hint := range map[string]string{
		"postgres://u:pa/ss@h/d": "if a part of the password stands there",
		"host=h port=x":          "write the number alone",
	} {
		bare(t)
		if _, err := libpq.Read(conn, "DATABASE_URL", nil); !strings.HasPrefix(errs.HintOf(err).Text, hint) {
			t.Errorf("%q: %v, hint %q", conn, err, errs.HintOf(err).Text)
		}
	}
	bare(t)
	t.Setenv("PGPORT", "x")
	if _, err := libpq.Read("postgres://u:p@h/d", "DATABASE_URL", nil); !strings.HasPrefix(errs.HintOf(err).Text, "write the number alone") {
		t.Error(err, errs.HintOf(err))
	}
}

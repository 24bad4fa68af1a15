package connect

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"uzerp-mfa/internal/config"
	"uzerp-mfa/internal/db"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/pgtemp/dbtest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// aMachine is one whose names and addresses are known.
func aMachine() machine {
	addresses := func(all ...string) []netip.Addr {
		var ips []netip.Addr
		for _, text := range all {
			ips = append(ips, netip.MustParseAddr(text))
		}
		return ips
	}
	known := map[string][]netip.Addr{
		"uzerp1.example.com": addresses("127.0.1.1"),
		"www.example.com":    addresses("192.0.2.10", "2001:db8::10"),
		"db":                 addresses("192.0.2.20"),
		"db.example.com":     addresses("192.0.2.20", "2001:db8::20"),
		"both.example.com":   addresses("192.0.2.20", "192.0.2.30"),
		"db2.example.com":    addresses("192.0.2.30"),
	}
	return machine{
		names: []string{"uzerp1"}, addresses: addresses("192.0.2.10", "2001:db8::10"),
		lookup: func(_ context.Context, name string) ([]netip.Addr, error) {
			if found, ok := known[name]; ok {
				return found, nil
			}
			return nil, errors.New("no such host")
		},
		resolve: func(path string) (string, error) {
			if rest, ok := strings.CutPrefix(path, "/var/run"); ok {
				return "/run" + rest, nil
			}
			return path, nil
		},
	}
}

// testdata/same_database.golden says of several hosts which others are the same. In doubt none is.
func TestSameDatabase(t *testing.T) {
	at := func(host string, port int) db.Address { return db.Address{Host: host, Port: port, Database: "uzerp"} }
	hosts := []string{"", "localhost", "127.0.0.1", "127.0.1.1", "::1", "0.0.0.0", "LOCALHOST.", "uzerp1", "UZERP1", "uzerp1.example.com", "192.0.2.10",
		"::ffff:192.0.2.10", "2001:db8::10", "www.example.com", "/var/run/postgresql", "/run/postgresql/", "/tmp",
		"/srv/pg", "@pg", "db", "DB", "db.example.com", "db.example.com.", "192.0.2.20", "2001:db8::20", "both.example.com", "db2.example.com", "192.0.2.30",
		"nowhere.example.com", "other.example.com"}
	m := aMachine()
	var got bytes.Buffer
	for _, theirs := range []string{"", "/srv/pg", "db", "192.0.2.20", "both.example.com", "nowhere.example.com"} {
		found := map[bool][]string{}
		for _, ours := range hosts {
			same := m.same(t.Context(), at(ours, 5432), at(theirs, 0))
			if back := m.same(t.Context(), at(theirs, 0), at(ours, 5432)); back != same {
				t.Errorf("%q and %q are the same only in one direction", ours, theirs)
			}
			found[same] = append(found[same], strconv.Quote(ours))
		}
		fmt.Fprintf(&got, "%q\n  is the same as    %s\n  is not certainly  %s\n", theirs, strings.Join(found[true], " "), strings.Join(found[false], " "))
	}
	for _, pair := range [][2]db.Address{
		{at("localhost", 5433), at("localhost", 0)}, {at("localhost", 6432), at("", 5432)}, {at("/run/postgresql", 5433), at("::1", 5433)},
		{{Host: "db", Port: 5432, Database: "uzerp"}, {Host: "db", Database: "Uzerp"}}, {{Host: "db", Port: 5432, Database: "uzerp_test"}, at("db", 0)},
	} {
		same := m.same(t.Context(), pair[0], pair[1])
		fmt.Fprintf(&got, "%v %v %v\n", pair[1], pair[0], map[bool]string{true: "same", false: "different"}[same])
	}
	const golden = "testdata/same_database.golden"
	if *update {
		if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(golden, got.Bytes(), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil || string(want) != got.String() {
		t.Errorf("%v: the table is\n%s", err, &got)
	}
}

// uzerpRoot makes an uzERP directory.
func uzerpRoot(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	files["system.php"], files["conf/x"] = "", ""
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestCompareDatabases(t *testing.T) {
	const dotenv, php = "conf/.env", "conf/config.php"
	url := func(rest string) map[string]string { return map[string]string{"DATABASE_URL": "postgres://" + rest} }
	set := func(name, host string) string { return "DB_NAME=" + name + "\nDB_HOST=" + host + "\n" }
	for _, test := range []struct {
		name   string
		files  map[string]string // nil: no directory is known
		env    map[string]string
		is     Agrees
		says   string
		source string
	}{
		{"from uzERP's files", map[string]string{dotenv: set("live", "")}, nil, Same, "", dotenv},
		{"the same by another way", map[string]string{dotenv: set("live", "localhost")}, url("u@127.0.0.1/live"), Same, "", "DATABASE_URL"},
		{"PG variables", map[string]string{dotenv: set("live", "localhost")},
			map[string]string{"PGHOST": "127.0.0.1", "PGDATABASE": "live"}, Same, "", "PGHOST"},
		{"another name", map[string]string{dotenv: set("live", "")}, url("u@127.0.0.1/test"), Different,
			`names database "test" on "127.0.0.1", port 5432, and uzERP's own conf/.env names database "live" on "this machine"`, "DATABASE_URL"},
		{"config.php wins", map[string]string{dotenv: set("test", ""), php: "<?php\n$conf['DB_NAME'] = 'live';\n"},
			url("u@127.0.0.1/test"), Different, "conf/config.php names", "DATABASE_URL"},
		{"another port", map[string]string{dotenv: set("live", "localhost:5433")}, url("u@localhost/live"), Different, "port 5433", "DATABASE_URL"},
		{"one of two hosts", map[string]string{dotenv: set("live", "localhost")}, url("u@localhost,192.0.2.77/live"), Different,
			"192.0.2.77", "DATABASE_URL"},
		{"the name of the user", map[string]string{dotenv: set("live", "localhost")}, url("live@localhost"), Same, "", "DATABASE_URL"},
		{"an expression", map[string]string{dotenv: set("live", ""), php: "<?php\n$conf['DB_NAME'] = getenv('X');\n"},
			url("u@127.0.0.1/live"), Doubtful, "conf/config.php line 2", "DATABASE_URL"},
		{"an include", map[string]string{dotenv: set("live", ""), php: "<?php\ninclude 'x.php';\n"},
			url("u@127.0.0.1/live"), Doubtful, "conf/config.php line 2", "DATABASE_URL"},
		{"a line that stops uzERP", map[string]string{dotenv: "DB_NAME=a b\n"}, url("u@127.0.0.1/live"), Doubtful, "line 1", "DATABASE_URL"},
		{"no name in the files", map[string]string{dotenv: "X=1\n"}, url("u@127.0.0.1/live"), NotCompared, "DB_NAME", "DATABASE_URL"},
		{"no directory", nil, url("u@127.0.0.1/live"), NotCompared, "no uzERP directory", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, name := range []string{"PGHOST", "PGPORT", "PGDATABASE", "PGUSER", "PGSERVICE", "PGSERVICEFILE"} { // pgx reads them itself
				t.Setenv(name, test.env[name])
			}
			l := &config.Loader{Dir: t.TempDir(), Getenv: func(name string) (string, bool) { v, ok := test.env[name]; return v, ok }}
			if test.files != nil {
				l.UzerpRoot = uzerpRoot(t, test.files)
			}
			a, err := New(Options{Loader: l}).compareDatabases(aMachine())
			if err != nil || a.Is != test.is || !strings.Contains(a.Message, test.says) || a.Source != test.source {
				t.Errorf("%+v, %v", a, err)
			}
		})
	}
}

// Nothing is changed, and nobody judged by Twilio's answers, in another database than the one that uzERP's own files
// name, unless that is said to be meant. To detach a copy, that is the normal case.
func TestOneDatabase(t *testing.T) {
	const account, service = "AC00000000000000000000000000000000", "VA00000000000000000000000000000000"
	const other = "VA11111111111111111111111111111111"
	root := uzerpRoot(t, map[string]string{"conf/.env": "DB_NAME=live\n" +
		"TWILIO_ACCOUNT_SID=" + account + "\nTWILIO_SERVICE_SID=" + service + "\nTWILIO_AUTH_TOKEN=t\n"})
	copied := dbtest.New(t, dbtest.Sample)
	reader := func(t *testing.T, service string, meant bool) *Reader {
		env := map[string]string{"DATABASE_URL": copied, "TWILIO_SERVICE_SID": service}
		l := &config.Loader{Dir: root, NotUzerps: meant, Getenv: func(name string) (string, bool) { v, ok := env[name]; return v, ok }}
		r := New(Options{Loader: l, Logger: func() *slog.Logger { return nil }, Now: time.Now})
		t.Cleanup(r.Close)
		return r
	}
	type open func(context.Context, *Reader, *Changes) error
	for name, port := range map[string]struct {
		refused bool
		twilio  bool
		open    open
	}{
		"Users":              {true, false, func(ctx context.Context, _ *Reader, ch *Changes) error { _, err := ch.Users(ctx); return err }},
		"Injector":           {true, false, func(ctx context.Context, _ *Reader, ch *Changes) error { _, err := ch.Injector(ctx); return err }},
		"Copy":               {false, false, func(ctx context.Context, _ *Reader, ch *Changes) error { _, err := ch.Copy(ctx); return err }},
		"Factors":            {true, true, func(_ context.Context, _ *Reader, ch *Changes) error { _, err := ch.Factors(); return err }},
		"Verifications":      {true, true, func(_ context.Context, _ *Reader, ch *Changes) error { _, err := ch.Verifications(); return err }},
		"Services":           {false, false, func(_ context.Context, _ *Reader, ch *Changes) error { _, err := ch.Services(); return err }},
		"reading Users":      {false, false, func(ctx context.Context, r *Reader, _ *Changes) error { _, err := r.Users(ctx); return err }},
		"reading Injector":   {false, false, func(ctx context.Context, r *Reader, _ *Changes) error { _, err := r.Injector(ctx); return err }},
		"reading Factors":    {true, true, func(_ context.Context, r *Reader, _ *Changes) error { _, err := r.Factors(); return err }},
		"reading Challenger": {true, true, func(_ context.Context, r *Reader, _ *Changes) error { _, err := r.Challenger(); return err }},
	} {
		for _, dry := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s dry=%v", name, dry), func(t *testing.T) {
				cmd := Command{Unlogged: !dry, DryRun: dry, Getenv: func(string) string { return "" }}
				r := reader(t, service, false)
				err := port.open(t.Context(), r, got[*Changes](t)(NewChanges(r, cmd)))
				if e, _ := errors.AsType[*errs.Error](err); !port.refused && err != nil ||
					port.refused && (e == nil || e.Kind != errs.Config || e.Hint.Reason != config.ReasonForeignDatabase) {
					t.Errorf("got %v", err)
				}
				for _, other := range []string{service, other} { // uzERP's files say nothing about the service of another database
					r := reader(t, other, true)
					if err := port.open(t.Context(), r, got[*Changes](t)(NewChanges(r, cmd))); err != nil {
						t.Errorf("meant, %s: %v", other, err)
					}
				}
			})
		}
	}

	// The flag is no way past the comparison of services where the database is uzERP's own.
	own := &config.Loader{Dir: root, NotUzerps: true, Getenv: func(name string) (string, bool) {
		v, ok := map[string]string{"TWILIO_SERVICE_SID": other}[name]
		return v, ok
	}}
	if _, err := New(Options{Loader: own, Logger: func() *slog.Logger { return nil }}).Factors(); errs.HintOf(err).Reason != config.ReasonForeignService {
		t.Error(err)
	}

	// What takes a switch back is not stopped.
	r := reader(t, service, false)
	ch := got[*Changes](t)(NewChanges(r, Command{Unlogged: true, Getenv: func(string) string { return "" }}))
	ch.BestEffort()
	if _, err := ch.Injector(t.Context()); err != nil {
		t.Error(err)
	}
}

// Where it is not known which database uzERP uses, a command says so, once, and goes on.
func TestDoubtfulDatabase(t *testing.T) {
	root := uzerpRoot(t, map[string]string{"conf/config.php": "<?php\n$conf['DB_NAME'] = getenv('X');\n"})
	env := map[string]string{"DATABASE_URL": dbtest.New(t, dbtest.Sample)}
	var warnings []string
	r := New(Options{Loader: &config.Loader{Dir: root, Getenv: func(name string) (string, bool) { v, ok := env[name]; return v, ok }},
		Logger: func() *slog.Logger { return nil }, Now: time.Now,
		Warn: func(format string, args ...any) { warnings = append(warnings, fmt.Sprintf(format, args...)) }})
	t.Cleanup(r.Close)
	ch := got[*Changes](t)(NewChanges(r, Command{Unlogged: true, Getenv: func(string) string { return "" }}))
	if _, err := ch.Users(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := ch.Injector(t.Context()); err != nil {
		t.Error(err)
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0], "which database uzERP uses is not known: conf/config.php line 2") {
		t.Errorf("%q", warnings)
	}
}

// Every command that calls another address than Twilio's says so, once. Only in a sandbox it is as it should be.
func TestAddressIsTold(t *testing.T) {
	const url = "http://127.0.0.1:4010"
	for name, test := range map[string]struct {
		url, emulator string
		want          int
	}{
		"Twilio":           {"", "", 0},
		"Twilio by name":   {config.DefaultVerifyURL, "", 0},
		"in other letters": {"https://Verify.twilio.com:443/", "", 0},
		"another":          {url, "", 1},
		"a sandbox":        {url, url + "\n", 0},
		"another sandbox":  {url, "http://127.0.0.1:4011\n", 1},
		"a sandbox's rest": {"", url + "\n", 0},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"conf/.env": "TWILIO_AUTH_TOKEN=t\n" +
				"TWILIO_ACCOUNT_SID=AC00000000000000000000000000000000\nTWILIO_SERVICE_SID=VA00000000000000000000000000000000\n"}
			if test.emulator != "" {
				files["twilio-emulator"] = test.emulator
			}
			env := map[string]string{"UZERP_MFA_VERIFY_URL": test.url}
			var warnings []string
			r := New(Options{Loader: &config.Loader{Dir: uzerpRoot(t, files), Getenv: func(name string) (string, bool) { v, ok := env[name]; return v, ok }},
				Logger: func() *slog.Logger { return nil }, Now: time.Now,
				Warn: func(format string, args ...any) { warnings = append(warnings, fmt.Sprintf(format, args...)) }})
			t.Cleanup(r.Close)
			ch := got[*Changes](t)(NewChanges(r, Command{Unlogged: true, Getenv: func(string) string { return "" }}))
			for _, open := range []func() error{
				func() error { _, err := r.Factors(); return err }, func() error { _, err := ch.Factors(); return err },
				func() error { _, err := ch.Services(); return err },
			} {
				if err := open(); err != nil {
					t.Fatal(err)
				}
			}
			if len(warnings) != test.want || test.want > 0 && !strings.Contains(warnings[0], url) {
				t.Errorf("%q", warnings)
			}
		})
	}
}

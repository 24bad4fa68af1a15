package db_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"uzerp-mfa/internal/db"
	"uzerp-mfa/internal/libpq"
	"uzerp-mfa/internal/pgtemp/dbtest"
	"uzerp-mfa/internal/sharedtest"
)

// attempt is what a client says before it is refused.
type attempt struct {
	At       string // the listener
	User     string
	Database string
	Options  string
	Name     string // of the application, if the user chose one
	TimeZone string
	Password string
}

// recorder is a server that writes down who wants to come in, and lets nobody in.
type recorder struct {
	mu   sync.Mutex
	all  []attempt
	code atomic.Value // the SQLSTATE with which it refuses
	open atomic.Int64 // connections that are not over
}

func (r *recorder) listen(t *testing.T, network, address string) net.Listener {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), network, address)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			r.open.Add(1)
			wg.Go(func() {
				defer r.open.Add(-1)
				defer func() { _ = c.Close() }()
				r.serve(c, l.Addr().String())
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); wg.Wait() })
	return l
}

func (r *recorder) serve(c net.Conn, at string) {
	_ = c.SetDeadline(time.Now().Add(hangs))
	read := func(n int) []byte {
		b := make([]byte, n)
		_, err := io.ReadFull(c, b)
		return b[:map[bool]int{true: n}[err == nil]]
	}
	var startup []byte
	for {
		size := read(4)
		if len(size) < 4 {
			return
		}
		if startup = read(int(binary.BigEndian.Uint32(size)) - 4); len(startup) < 4 {
			return
		}
		if code := binary.BigEndian.Uint32(startup); code != 80877103 && code != 80877104 { // a request for TLS or GSS
			break
		}
		_, _ = c.Write([]byte("N"))
	}
	words := strings.Split(string(startup[4:]), "\x00")
	a := attempt{At: at}
	for i := 0; i+1 < len(words); i += 2 {
		switch strings.ToLower(words[i]) {
		case "user":
			a.User = words[i+1]
		case "database":
			a.Database = words[i+1]
		case "options":
			a.Options = words[i+1]
		case "timezone":
			a.TimeZone = words[i+1]
		case "application_name":
			if words[i+1] != "psql" && words[i+1] != "uzerp-mfa" {
				a.Name = words[i+1]
			}
		}
	}
	_, _ = c.Write([]byte{'R', 0, 0, 0, 8, 0, 0, 0, 3})
	if head := read(5); len(head) == 5 && head[0] == 'p' {
		a.Password = string(bytes.TrimRight(read(int(binary.BigEndian.Uint32(head[1:]))-4), "\x00"))
	}
	r.mu.Lock()
	r.all = append(r.all, a)
	r.mu.Unlock()
	message := "SFATAL\x00VFATAL\x00C" + r.code.Load().(string) + "\x00Mno\x00\x00"
	_, _ = c.Write(append([]byte{'E', 0, 0, 0, byte(len(message) + 4)}, message...))
}

// take returns the attempts, and forgets them.
func (r *recorder) take() []attempt {
	for began := time.Now(); r.open.Load() > 0 && time.Since(began) < hangs; time.Sleep(time.Millisecond) {
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.all
	r.all = nil
	return all
}

// surroundings are the settings of one go, in all the places where they can be.
type surroundings struct {
	conn    string
	env     map[string]string
	service string // the text of the user's file
	system  string // the text of the machine's
	pgpass  string
	mode    os.FileMode
}

// Whatever is set, and wherever, this program comes to the same servers as psql in the same order, as the same user, to the
// same database and with the same password; and goes on to the next server only after an error after which psql does.
func TestSettingsLeadWherePsqlGoes(t *testing.T) {
	dbtest.New(t, dbtest.Empty) // skips the test if there is no PostgreSQL
	psql, err := exec.LookPath("psql")
	if err != nil {
		sharedtest.LeaveOut(t, sharedtest.Postgres, err)
	}
	for _, p := range libpq.Parameters() {
		if p.Variable != "" {
			t.Setenv(p.Variable, "")
			_ = os.Unsetenv(p.Variable)
		}
	}
	var r recorder
	_, port, _ := net.SplitHostPort(r.listen(t, "tcp4", "127.0.0.1:0").Addr().String())
	_, other, _ := net.SplitHostPort(r.listen(t, "tcp4", "127.0.0.1:0").Addr().String())
	r.listen(t, "tcp4", "127.0.0.2:"+port)
	dir, err := os.MkdirTemp("/tmp", "pq")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	r.listen(t, "unix", filepath.Join(dir, ".s.PGSQL."+port))
	const goes, mayRefuse = 150, 10
	refused := 0
	for n := range goes {
		random := rand.New(rand.NewPCG(uint64(n), 7))
		s := invent(random, dir, port, other)
		r.code.Store([]string{"28P01", "28000", "3D000", "42501", "53300", "57P03", "57P02", "08P01", "XX000"}[random.IntN(9)])
		home := t.TempDir()
		t.Setenv("HOME", home)
		env := []string{"HOME=" + home, "PATH=" + os.Getenv("PATH")}
		s.env["PGSYSCONFDIR"] = filepath.Join(home, "etc")
		for k, v := range s.env {
			t.Setenv(k, v)
			env = append(env, k+"="+v)
		}
		for name, text := range map[string]string{".pg_service.conf": s.service, "etc/pg_service.conf": s.system, ".pgpass": s.pgpass} {
			if text == "" {
				continue
			}
			_ = os.Mkdir(filepath.Join(home, "etc"), 0o700)
			if err := os.WriteFile(filepath.Join(home, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if s.pgpass != "" && os.Chmod(filepath.Join(home, ".pgpass"), s.mode) != nil {
			t.Fatal("chmod")
		}
		args := []string{"-X", "-w", "-c", "select 1"}
		if s.conn != "" {
			args = append(args, "-d", s.conn)
		}
		said := new(bytes.Buffer)
		cmd := exec.CommandContext(t.Context(), psql, args...)
		cmd.Env, cmd.Stderr = env, said
		_ = cmd.Run()
		want := r.take()
		d, err := db.Open(t.Context(), db.Config{ConnString: s.conn, QueryTimeout: time.Minute})
		if err == nil {
			d.Close()
		}
		got := r.take()
		if err != nil && strings.Contains(err.Error(), "have different passwords in") && strings.Contains(s.pgpass, ":") {
			refused, want = refused+1, got // by its name, before anything is connected
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("go %d (-psql, +us): %s\n%+v\npsql: %s\nus: %v", n, diff, s, said, err)
		}
		for k := range s.env {
			_ = os.Unsetenv(k)
		}
	}
	if refused > mayRefuse {
		t.Errorf("%d of %d were refused", refused, goes)
	}
}

// invent makes settings.
func invent(r *rand.Rand, dir, port, other string) surroundings {
	pick := func(all ...string) string { return all[r.IntN(len(all))] }
	odd := func() string {
		return pick("u", "o'x", `b\s`, "co:lon", "per%cent", "at@home", "sl/ash", "bl ank", "münch", "a?b&c=d", "#h")
	}
	layer := func(often int) map[string]string {
		m := make(map[string]string)
		set := func(name, value string) {
			if r.IntN(10) < often {
				m[name] = value
			}
		}
		set("host", pick("127.0.0.1", "127.0.0.2", dir, "127.0.0.2,127.0.0.1", "127.0.0.1,"+dir))
		if r.IntN(4) == 0 && !strings.Contains(m["host"], ",") {
			set("hostaddr", pick("127.0.0.1", "127.0.0.2"))
		}
		set("port", pick(port, port, other))
		set("user", odd())
		set("dbname", odd())
		if r.IntN(2) == 0 {
			set("password", odd())
		}
		if r.IntN(3) == 0 {
			set("options", pick("-c geqo=off", `-c a.b=x\ y`))
			set("application_name", pick("mine", "an app"))
		}
		return m
	}
	s := surroundings{env: map[string]string{"PGPORT": port, "PGHOST": "127.0.0.1"}, mode: 0o600}
	variables := map[string]string{"host": "PGHOST", "hostaddr": "PGHOSTADDR", "port": "PGPORT", "user": "PGUSER", "dbname": "PGDATABASE",
		"password": "PGPASSWORD", "options": "PGOPTIONS", "application_name": "PGAPPNAME"}
	for name, value := range layer(4) {
		s.env[variables[name]] = value
	}
	if r.IntN(3) == 0 {
		s.env["PGTZ"] = "Europe/Paris"
	}
	given := layer(5)
	if r.IntN(2) == 0 {
		delete(given, "hostaddr")
	}
	if r.IntN(3) > 0 {
		var file strings.Builder
		file.WriteString("# comment\n[zzz]\nhost=192.0.2.9\n\n  [svc]\n")
		for name, value := range layer(5) {
			fmt.Fprintf(&file, " %s=%s\n", name, value)
		}
		file.WriteString("[svc]\nport=1\n[after]\nuser=never\n")
		if r.IntN(2) == 0 {
			s.service = file.String()
		} else {
			s.system = file.String()
		}
		if r.IntN(2) == 0 {
			s.env["PGSERVICE"] = "svc"
		} else {
			given["service"] = "svc"
		}
	}
	switch names := sortedNames(given); r.IntN(3) {
	case 0:
		for _, name := range names {
			value := given[name]
			if r.IntN(2) == 0 || strings.ContainsAny(value, ` '\`) || value == "" {
				value = "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value) + "'"
			}
			s.conn += name + pick("=", " = ") + value + " "
		}
	case 1:
		q := url.Values{}
		for _, name := range names {
			q.Set(name, given[name])
		}
		s.conn = pick("postgres", "postgresql") + "://?" + strings.ReplaceAll(q.Encode(), "+", "%20")
	default:
		escape := func(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }
		s.conn = "postgres://"
		if given["user"] != "" {
			s.conn += escape(given["user"])
			if given["password"] != "" {
				s.conn += ":" + pick(escape(given["password"]), escape(given["password"]))
			}
			s.conn += "@"
		}
		if given["host"] != "" && !strings.Contains(given["host"], ",") {
			s.conn += escape(given["host"])
			if given["port"] != "" {
				s.conn += ":" + given["port"]
			}
		}
		s.conn += "/" + escape(given["dbname"])
		if given["service"] != "" {
			s.conn += "?service=svc"
		}
	}
	if s.conn == "postgres:///" || s.conn == "postgres://?" {
		s.conn = ""
	}
	if r.IntN(2) == 0 {
		return s
	}
	escape := strings.NewReplacer(`\`, `\\`, ":", `\:`)
	for range 12 {
		field := func(value string) string {
			if r.IntN(2) == 0 {
				return "*"
			}
			return escape.Replace(value)
		}
		s.pgpass += fmt.Sprintf("%s:%s:%s:%s:%s\n", field(pick("127.0.0.1", "127.0.0.2", dir, "localhost")), field(pick(port, other)), field(odd()), field(odd()),
			escape.Replace(odd())+pick("", ":rest", `\`))
	}
	if r.IntN(5) == 0 {
		s.mode = 0o640
	}
	return s
}

func sortedNames(m map[string]string) []string {
	var all []string
	for name := range m {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

package cmd_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"uzerp-mfa/internal/crashtest"
	"uzerp-mfa/internal/emulator"
	"uzerp-mfa/internal/output"
	"uzerp-mfa/internal/pgtemp/dbtest"
)

// The tests of crashes, of faults and of several operators run the program on a stage: a database behind a proxy, an
// emulator, and one user.

// stage is a database and an emulator for many runs of the program, one after another. The program reaches both
// through a tap.
type stage struct {
	tap         crashtest.Tap
	proxy       *crashtest.Postgres
	verify      *emulator.Running
	connections atomic.Int32 // the open connections to Twilio
	database    string       // through the proxy
	aside       []string     // the environment of a second operator, whom the tap does not see
	db          *pgx.Conn    // not through the proxy
	env         []string
	dir         string

	// The rest belongs to one case.
	uuid   string
	shown  strings.Builder // everything that the program has printed
	again  []string        // the commands after an interruption, with their exit codes
	phone  map[string]bool // factors that were on the user's phone before
	others string
}

// victim is the user that the cases are about.
const victim = "alice"

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{dir: t.TempDir()}
	direct := dbtest.New(t, dbtest.Sample)
	s.db = dbtest.Connect(t, direct)
	config := s.db.Config()
	var err error
	s.proxy, err = crashtest.ListenPostgres(&s.tap, "unix", fmt.Sprintf("%s/.s.PGSQL.%d", config.Host, config.Port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.proxy.Close() })
	s.database = fmt.Sprintf("postgres://postgres:%s@127.0.0.1:%d/%s", dbPassword, s.proxy.Port(), config.Database)
	s.verify, err = emulator.Start("", emulator.Options{
		AccountSID: accountSID, ServiceSID: serviceSID, Issuer: "Test Ltd",
		Credentials: []emulator.Credential{{Username: accountSID, Password: authToken}},
		Quirks:      emulator.Quirks{EntitiesPerSecond: -1},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.counted(t)
	t.Cleanup(func() { _ = s.verify.Close() })
	for path, content := range map[string]string{
		"system.php":      "<?php\n",
		"twilio-emulator": s.verify.URL + "\n",
		"conf/.env":       fmt.Sprintf("TWILIO_ACCOUNT_SID=%s\nTWILIO_AUTH_TOKEN=%s\nTWILIO_SERVICE_SID=%s\n", accountSID, authToken, serviceSID),
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(s.dir, path)), 0o755); err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(s.dir, path), content)
	}
	s.env = s.environment(s.database, s.verify.URL)
	second := httptest.NewServer(s.verify.Server)
	t.Cleanup(second.Close)
	s.aside = s.environment(direct+"&lock_timeout=100ms", second.URL)
	return s
}

// idlePath is a path that the server in front of the emulator answers itself.
const idlePath = "/idle"

// counted puts a server in front of the emulator: its requests go through the tap, and its connections are counted.
func (s *stage) counted(t *testing.T) {
	t.Helper()
	tapped := s.tap.Handler(s.verify.Server)
	front := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != idlePath {
			tapped.ServeHTTP(w, r)
		}
	}))
	front.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			s.connections.Add(1)
		case http.StateClosed, http.StateHijacked: // a fault that takes over a connection also closes it
			s.connections.Add(-1)
		}
	}
	front.Start()
	t.Cleanup(front.Close)
	s.verify.URL = front.URL
}

// settled waits until a run has no more requests on their way. A program that gave up, or was killed, may have sent
// requests that are not read yet, and they would count for the next run. Connections are accepted in their order:
// after one of our own, all connections of the program are counted.
func (s *stage) settled(t *testing.T, args []string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.verify.URL+idlePath, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Close = true
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	for began := time.Now(); s.proxy.Connections() > 0 || s.connections.Load() > 0; time.Sleep(time.Millisecond) {
		if time.Since(began) > hangs {
			t.Errorf("%d connections to the database and %d to Twilio are left: %q", s.proxy.Connections(), s.connections.Load(), args)
			return
		}
	}
}

func (s *stage) environment(database, verify string) []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir, "LANG=C.UTF-8", "TERM=xterm-256color", "UZERP_ROOT=" + s.dir,
		"UZERP_MFA_AUDIT_LOG=" + filepath.Join(s.dir, "audit.jsonl"),
		"DATABASE_URL=" + database, "UZERP_MFA_VERIFY_URL=" + verify,
	}
}

// userRow is a user's row in uzERP.
type userRow struct {
	UUID, SID         *string
	Enrolled, Enabled *bool
}

func (r userRow) String() string {
	text, _ := json.Marshal(r)
	return string(text)
}

func isTrue(b *bool) bool { return b != nil && *b }

func (s *stage) row(t *testing.T, username string) (r userRow) {
	t.Helper()
	err := s.db.QueryRow(context.Background(), "select uuid::text, mfa_sid, mfa_enrolled, mfa_enabled from users where username = $1", username).
		Scan(&r.UUID, &r.SID, &r.Enrolled, &r.Enabled)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// exec runs statements without the tap. In them $user is the victim.
func (s *stage) exec(t *testing.T, sql string) {
	t.Helper()
	if _, err := s.db.PgConn().Exec(context.Background(), strings.ReplaceAll(sql, "$user", "username = '"+victim+"'")).ReadAll(); err != nil {
		t.Fatalf("%v in %s", err, sql)
	}
}

// reset starts a case: the victim has a new uuid and no factor, and is not enrolled. Two-factor login is on.
func (s *stage) reset(t *testing.T) {
	t.Helper()
	s.uuid, s.phone = uuid.NewString(), make(map[string]bool)
	s.shown.Reset()
	s.again = nil
	s.verify.ClearFaults()
	s.verify.ResetLog()
	_ = os.Remove(filepath.Join(s.dir, "audit.jsonl"))
	_ = os.RemoveAll(s.pages())
	s.exec(t, `update users set uuid = '`+s.uuid+`', mfa_sid = null, mfa_enrolled = false, mfa_enabled = false where $user;
		delete from injector_classes where name in ('LoginHandler', 'MFAValidator');
		insert into injector_classes (name, category, class_name, usercompanyid) values
			('LoginHandler', 'SY', 'HTMLFormLoginHandlerMFA', -1), ('MFAValidator', 'SY', 'TWValidator', -1)`)
	s.others = s.otherUsers(t)
}

func (s *stage) otherUsers(t *testing.T) (sum string) {
	t.Helper()
	err := s.db.QueryRow(context.Background(), "select md5(string_agg(u::text, ',' order by username)) from users u where username <> $1", victim).Scan(&sum)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// factor makes a factor of the victim. onPhone means that the user has scanned it.
func (s *stage) factor(status emulator.Status, onPhone bool) string {
	f := s.verify.AddFactor(s.uuid, victim, status)
	s.phone[f.SID] = onPhone
	return f.SID
}

// enrolled enrols the victim.
func (s *stage) enrolled(t *testing.T) string {
	t.Helper()
	sid := s.factor(emulator.Verified, true)
	s.exec(t, "update users set mfa_sid = '"+sid+"', mfa_enrolled = true, mfa_enabled = true where $user")
	return sid
}

// code returns an unused code of a factor: the emulator, like RFC 6238, accepts each code once.
func (s *stage) code(t *testing.T, sid string) string {
	t.Helper()
	s.verify.Advance(90 * time.Second)
	code, err := s.verify.CodeFor(sid, s.verify.Now())
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// pages is the directory of a roll-out.
func (s *stage) pages() string { return filepath.Join(s.dir, "pages") }

// page returns the victim's page, or nothing if there is none.
func (s *stage) page() string {
	text, _ := os.ReadFile(filepath.Join(s.pages(), victim+".html"))
	return string(text)
}

// pageOf returns the factor that the victim's page names, or nothing if there is none.
func (s *stage) pageOf() string {
	if m := factorOnPage.FindStringSubmatch(s.page()); m != nil {
		return m[1]
	}
	return ""
}

var factorOnPage = regexp.MustCompile(`verify --factor (YF[0-9a-f]{32}) `)

// hasSeen reports whether the user can have a factor on the phone: it was there before, or its secret was printed or is on the
// page.
func (s *stage) hasSeen(sid string) bool {
	secret := s.verify.Secret(sid)
	if secret != "" && strings.Contains(s.page(), output.Groups(secret)) {
		return true
	}
	return s.phone[sid] || secret != "" && (strings.Contains(s.shown.String(), secret) || strings.Contains(s.shown.String(), output.Groups(secret)))
}

// unused returns the code of a factor whose codes were never used. It does not change the clock, which the program
// has read.
func (s *stage) unused(t *testing.T, sid string) string {
	t.Helper()
	code, err := s.verify.CodeFor(sid, s.verify.Now())
	if err != nil {
		t.Error(err)
	}
	return code
}

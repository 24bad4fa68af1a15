package cmd_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"uzerp-mfa/internal/crashtest"
	"uzerp-mfa/internal/emulator"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/mutant"
	"uzerp-mfa/internal/output"
	"uzerp-mfa/internal/pgtemp/dbtest"
	"uzerp-mfa/internal/secret"
	"uzerp-mfa/internal/totp"
)

// This file kills the program at every interaction with the database and with Twilio, before it takes effect and after,
// and looks at what uzERP then makes of the user (docs/facts/uzerp.md §3 and §6). The parts that the tests of faults and of
// two operators share are here too.

// stage is a database and an emulator for one run of the program after another. The program reaches both through a tap.
type stage struct {
	tap         crashtest.Tap
	proxy       *crashtest.Postgres
	verify      *emulator.Running
	connections atomic.Int32 // to Twilio that are open
	database    string       // by way of the proxy
	aside       []string     // the environment of a second operator, whom the tap does not see
	db          *pgx.Conn    // past it
	env         []string
	dir         string

	// of one case
	uuid   string
	shown  strings.Builder // whatever the program has printed
	phone  map[string]bool // factors that were on the user's phone before
	others string
}

// victim is the user that the cases are about.
const victim = "alice"

// mutantOf builds the program with files replaced, as in `go build -overlay`.
func mutantOf(t *testing.T, overlay map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	replace := make(map[string]string)
	for path, text := range overlay {
		file := filepath.Join(dir, strings.ReplaceAll(path, "/", "_"))
		writeFile(t, file, text)
		full, err := filepath.Abs(filepath.Join("..", path))
		if err != nil {
			t.Fatal(err)
		}
		replace[full] = file
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "overlay.json"), string(text))
	program := filepath.Join(dir, "uzerp-mfa")
	if err := build(program, "-overlay", filepath.Join(dir, "overlay.json")); err != nil {
		t.Fatal(err)
	}
	return program
}

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
		"system.php": "<?php\n",
		"conf/.env":  fmt.Sprintf("TWILIO_ACCOUNT_SID=%s\nTWILIO_AUTH_TOKEN=%s\nTWILIO_SERVICE_SID=%s\n", accountSID, authToken, serviceSID),
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

// idlePath is answered by the server in front of the emulator, which does not pass it on.
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
		case http.StateClosed, http.StateHijacked: // a fault that takes a connection over closes it
			s.connections.Add(-1)
		}
	}
	front.Start()
	t.Cleanup(front.Close)
	s.verify.URL = front.URL
}

// settled waits until nothing of a run is under way any more. A program that gave up, or was killed, may have sent something that
// is not read yet, and that would count for the next run. Connections are accepted in their order: after one of our own, all of
// the program's are counted.
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

// userRow is what uzERP has of a user.
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

// exec runs statements past the tap. They may be about $user, who is the victim.
func (s *stage) exec(t *testing.T, sql string) {
	t.Helper()
	if _, err := s.db.PgConn().Exec(context.Background(), strings.ReplaceAll(sql, "$user", "username = '"+victim+"'")).ReadAll(); err != nil {
		t.Fatalf("%v in %s", err, sql)
	}
}

// reset begins a case: the victim has a uuid that was never used, no factor, and is not enrolled; the site is on.
func (s *stage) reset(t *testing.T) {
	t.Helper()
	s.uuid, s.phone = uuid.NewString(), make(map[string]bool)
	s.shown.Reset()
	s.verify.ClearFaults()
	s.verify.ResetLog()
	_ = os.Remove(filepath.Join(s.dir, "audit.jsonl"))
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

// factor makes a factor of the victim's. onPhone means that the user has scanned it.
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

// code gives a code of a factor that was not used before: the emulator, like RFC 6238, takes each once.
func (s *stage) code(t *testing.T, sid string) string {
	t.Helper()
	s.verify.Advance(90 * time.Second)
	code, err := s.verify.CodeFor(sid, s.verify.Now())
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// hasSeen tells whether the user can have a factor on the phone: it was there, or its secret was printed.
func (s *stage) hasSeen(sid string) bool {
	secret := s.verify.Secret(sid)
	return s.phone[sid] || secret != "" && (strings.Contains(s.shown.String(), secret) || strings.Contains(s.shown.String(), output.Groups(secret)))
}

// login is what becomes of somebody who logs in.
type login string

const (
	asksForCode   login = "is asked for a code, and the phone shows a right one"
	asksToEnroll  login = "is asked to enroll"
	skipsCode     login = "logs in without a code once, then with the phone's"
	lockedOut     login = "is locked out"
	skipThenStuck login = "logs in without a code once, and is locked out after that"
)

// tryLogin is uzERP's login with HTMLFormLoginHandlerMFA and the right password, as docs/facts/uzerp.md §3 has it, for a user
// with access. It asks the emulator for a challenge as uzERP does. It knows nothing of the program's own idea of a state.
func (s *stage) tryLogin(t *testing.T, r userRow) login {
	t.Helper()
	switch {
	case !isTrue(r.Enrolled) && r.UUID != nil:
		return asksToEnroll
	case !isTrue(r.Enrolled):
		return lockedOut
	case r.Enabled != nil && !*r.Enabled:
		yes := true
		r.Enabled = &yes // uzERP's own doing
		if s.tryLogin(t, r) == asksForCode {
			return skipsCode
		}
		return skipThenStuck
	case r.UUID != nil && r.SID != nil && *r.SID != "" && s.hasSeen(*r.SID) && s.challenge(t, *r.UUID, *r.SID):
		return asksForCode
	}
	return lockedOut
}

func (s *stage) challenge(t *testing.T, identity, sid string) bool {
	t.Helper()
	form := url.Values{"FactorSid": {sid}, "AuthPayload": {s.code(t, sid)}}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v2/Services/"+serviceSID+"/Entities/"+identity+"/Challenges", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(accountSID, authToken)
	w := httptest.NewRecorder()
	s.verify.ServeHTTP(w, r)
	var answer struct{ Status string }
	return w.Code == http.StatusCreated && json.Unmarshal(w.Body.Bytes(), &answer) == nil && answer.Status == "approved"
}

// orphans are the verified factors that no row names: live secrets that nobody watches.
func (s *stage) orphans(t *testing.T, r userRow) (all []string) {
	t.Helper()
	if r.UUID == nil {
		return nil
	}
	for _, f := range s.verify.Factors(*r.UUID) {
		if f.Status == emulator.Verified && (r.SID == nil || *r.SID != f.SID) {
			all = append(all, f.SID)
		}
	}
	return all
}

// posts counts the requests that created something and were not turned away by a rate limit.
func (s *stage) posts(operation string) (n int) {
	for _, r := range s.verify.Requests() {
		if r.Operation == operation && r.Status != http.StatusTooManyRequests {
			n++
		}
	}
	return n
}

// ending is what a run of the program left behind.
type ending struct {
	code   int // -1: killed
	stdout string
	stderr string // with a terminal: all of the screen
	fired  bool   // the interruption happened
}

func (e ending) String() string {
	return fmt.Sprintf("exit %d\n[stdout]\n%s[stderr]\n%s", e.code, e.stdout, e.stderr)
}

// interruption is what happens to a run of the program, and when.
type interruption struct {
	signal syscall.Signal
	n      int
	phase  crashtest.Phase
}

func (i interruption) String() string {
	name := map[syscall.Signal]string{syscall.SIGKILL: "KILL", syscall.SIGTERM: "TERM", syscall.SIGINT: "INT"}[i.signal]
	return fmt.Sprintf("SIG%s %s interaction %d", name, i.phase, i.n)
}

const (
	hangs    = 5 * time.Minute        // after which a program counts as hung, on however busy a machine
	reaction = 150 * time.Millisecond // that a program may take to hang up after a signal, unless it means to go on
)

// invocation is how the program is run.
type invocation struct {
	program  string
	args     []string
	terminal bool
	env      []string // the stage's if nil
}

// run runs the program, with hook or an interruption or neither.
func (s *stage) run(t *testing.T, v invocation, hook crashtest.Hook, stop *interruption) ending {
	t.Helper()
	e, p := ending{}, &process{s: s, exited: make(chan struct{})}
	if stop != nil {
		hook = func(i crashtest.Interaction, phase crashtest.Phase) crashtest.Action {
			if i.N != stop.n || phase != stop.phase {
				return crashtest.Pass
			}
			e.fired = true // the program waits for this, and ends before it is read
			p.signal(stop.signal)
			limit := reaction
			if stop.signal == syscall.SIGKILL {
				limit = hangs
			}
			select {
			case <-i.Gone:
				return crashtest.Cut
			case <-time.After(limit):
				return crashtest.Pass
			}
		}
	}
	s.tap.Arm(hook)
	c := exec.Command(v.program, v.args...)
	c.Dir, c.Env = s.dir, v.env
	if c.Env == nil {
		c.Env = s.env
	}
	p.cmd = c
	e.code, e.stdout, e.stderr = p.run(t, v.terminal)
	s.settled(t, v.args)
	s.tap.Arm(nil)
	s.shown.WriteString(e.stdout + e.stderr)
	return e
}

// process is a run of the program.
type process struct {
	s      *stage
	cmd    *exec.Cmd
	exited chan struct{}

	started  sync.RWMutex // held until the program has started
	terminal *os.File
	screen   bytes.Buffer
	answered int
}

func (p *process) run(t *testing.T, terminal bool) (code int, stdout, stderr string) {
	t.Helper()
	var out, messages bytes.Buffer
	drawn := make(chan struct{})
	p.started.Lock()
	var err error
	if terminal {
		p.terminal, err = startOnTerminal(p.cmd)
		go func() {
			defer close(drawn)
			p.watch(t)
		}()
	} else {
		p.cmd.Stdout, p.cmd.Stderr, p.cmd.WaitDelay = &out, &messages, hangs
		err = p.cmd.Start()
		close(drawn)
	}
	p.started.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	hung := time.AfterFunc(hangs, func() {
		t.Errorf("hung: %q after %v", p.cmd.Args[1:], p.s.tap.Seen())
		_ = p.cmd.Process.Kill()
	})
	defer hung.Stop()
	err = p.cmd.Wait()
	close(p.exited)
	<-drawn
	if terminal {
		_ = p.terminal.Close()
		messages = p.screen
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), out.String(), messages.String()
	} else if err != nil {
		t.Fatal(err)
	}
	return 0, out.String(), messages.String()
}

// signal sends a signal; Ctrl-C comes from the keyboard where there is one.
func (p *process) signal(signal syscall.Signal) {
	p.started.RLock()
	defer p.started.RUnlock()
	if signal == syscall.SIGINT && p.terminal != nil {
		_, _ = io.WriteString(p.terminal, "\x03")
		return
	}
	_ = p.cmd.Process.Signal(signal)
}

// watch reads the screen, and answers where a code is asked for.
func (p *process) watch(t *testing.T) {
	chunk := make([]byte, 4096)
	for {
		n, err := p.terminal.Read(chunk)
		p.screen.Write(chunk[:n])
		if err != nil { // EIO when the program ends
			return
		}
		if strings.Count(p.screen.String(), "Code that the app shows:") <= p.answered {
			continue
		}
		p.answered++
		p.s.tap.Step("terminal", "type the code", p.exited, func() {
			_, _ = io.WriteString(p.terminal, p.typed(t))
		})
	}
}

// typed is what the user types: the code that an app shows which was given the secret on the screen. Whose code was
// refused three times gives up.
func (p *process) typed(t *testing.T) string {
	if p.answered > 3 {
		return "\x04"
	}
	m := regexp.MustCompile(`(?m)^Secret +([A-Z2-7 ]+)`).FindStringSubmatch(p.screen.String())
	if m == nil {
		t.Error("no secret on the screen")
		return "\x04"
	}
	code, err := totp.Code(secret.New(strings.ReplaceAll(strings.TrimSpace(m[1]), " ", "")),
		mfa.TOTPConfig{Algorithm: "sha1", Digits: 6, Step: 30 * time.Second}, p.s.verify.Now())
	if err != nil {
		t.Error(err)
	}
	return code + "\n"
}

// scenario is a command and the state that it starts from.
type scenario struct {
	name     string
	terminal bool
	setUp    func(t *testing.T, s *stage)
	args     func(t *testing.T, s *stage) []string
	// allowed are the logins that an interruption may leave behind; in the first place stands that of the start.
	allowed []login
	// done complains unless all is as the command leaves it.
	done func(t *testing.T, s *stage) string
	// again runs the command once more, or what it says is to be run, and complains unless all is well then. It gives
	// how many verified factors stayed behind that only reset or reconcile removes.
	again func(t *testing.T, s *stage, program string) (complaint string, left int)
	// site: the case is about the injector classes.
	site bool
}

func (s *stage) wantLogin(t *testing.T, want ...login) string {
	t.Helper()
	r := s.row(t, victim)
	if got := s.tryLogin(t, r); !slices.Contains(want, got) {
		return fmt.Sprintf("the user %s, want %q; %v", got, want, r)
	}
	return ""
}

// finished complains unless the user logs in with a code and there is no other verified factor.
func (s *stage) finished(t *testing.T) string {
	t.Helper()
	if complaint := s.wantLogin(t, asksForCode); complaint != "" {
		return complaint
	}
	if o := s.orphans(t, s.row(t, victim)); len(o) > 0 {
		return fmt.Sprintf("verified factors that nobody names: %v", o)
	}
	return ""
}

// without is the state after a reset: no factor anywhere.
func (s *stage) without(t *testing.T) string {
	t.Helper()
	if complaint := s.wantLogin(t, asksToEnroll); complaint != "" {
		return complaint
	}
	r := s.row(t, victim)
	if r.SID != nil || r.Enrolled == nil || r.Enabled == nil || *r.Enabled {
		return "not the row of a reset: " + r.String()
	}
	if f := s.verify.Factors(*r.UUID); len(f) > 0 {
		return fmt.Sprintf("factors are left: %v", f)
	}
	return ""
}

// must runs the program and complains unless it ends with one of the codes.
func (s *stage) must(t *testing.T, v invocation, codes ...int) (ending, string) {
	t.Helper()
	e := s.run(t, v, nil, nil)
	if !slices.Contains(codes, e.code) {
		return e, fmt.Sprintf("again: want %v: %v", codes, e)
	}
	return e, ""
}

// cleanUp removes with reset what the command itself leaves, and complains if that fails.
func (s *stage) cleanUp(t *testing.T, program string) (complaint string, left int) {
	t.Helper()
	left = len(s.orphans(t, s.row(t, victim)))
	if left == 0 {
		return s.finished(t), 0
	}
	if complaint = s.wantLogin(t, asksForCode); complaint != "" {
		return complaint, left
	}
	if _, complaint = s.must(t, invocation{program: program, args: []string{"user", "reset", victim, "--yes"}}, 0); complaint != "" {
		return complaint, left
	}
	return s.without(t), left
}

// noWait is the scenario of a script that enrols. Again means: the same command, whose factor verify then finishes.
func noWait(name string, start login, setUp func(t *testing.T, s *stage)) scenario {
	args := []string{"enroll", victim, "--no-wait", "--reveal", "-o", "json"}
	allowed := []login{start}
	if start == lockedOut {
		allowed = append(allowed, asksToEnroll) // got a uuid
	}
	return scenario{
		name: "enroll --no-wait, " + name, setUp: setUp, allowed: allowed,
		args: func(*testing.T, *stage) []string { return args },
		done: func(t *testing.T, s *stage) string {
			r := s.row(t, victim)
			if r.UUID == nil || len(s.verify.Factors(*r.UUID)) != 1 || !s.hasSeen(s.verify.Factors(*r.UUID)[0].SID) {
				return "there is not one factor whose secret was shown"
			}
			return ""
		},
		again: func(t *testing.T, s *stage, program string) (string, int) {
			e, complaint := s.must(t, invocation{program: program, args: args}, 0)
			if complaint != "" {
				return complaint, 0
			}
			sid, err := enrollmentSID(e.stdout)
			if err != nil {
				return err.Error(), 0
			}
			if _, complaint = s.must(t, invocation{program: program, args: []string{"verify", victim, s.code(t, sid)}}, 0); complaint != "" {
				return complaint, 0
			}
			return s.finished(t), 0
		},
	}
}

func enrollmentSID(stdout string) (string, error) {
	var document struct {
		Enrollment struct {
			SID string `json:"factor_sid"`
		}
	}
	err := json.Unmarshal([]byte(stdout), &document)
	return document.Enrollment.SID, err
}

// scenarios are what the matrices are made of.
func scenarios() []scenario {
	pending := func(_ *testing.T, s *stage) { s.factor(emulator.Unverified, true) }
	newest := func(s *stage) emulator.Factor {
		all := s.verify.Factors(s.uuid)
		return all[len(all)-1]
	}
	fixed := func(args ...string) func(*testing.T, *stage) []string {
		return func(*testing.T, *stage) []string { return args }
	}
	same := func(args []string, codes ...int) func(*testing.T, *stage, string) (string, int) {
		return func(t *testing.T, s *stage, program string) (string, int) {
			_, complaint := s.must(t, invocation{program: program, args: args}, codes...)
			return complaint, 0
		}
	}
	then := func(first func(*testing.T, *stage, string) (string, int), done func(*testing.T, *stage) string) func(*testing.T, *stage, string) (string, int) {
		return func(t *testing.T, s *stage, program string) (string, int) {
			if complaint, left := first(t, s, program); complaint != "" {
				return complaint, left
			}
			return done(t, s), 0
		}
	}
	finished := func(t *testing.T, s *stage) string { return s.finished(t) }
	without := func(t *testing.T, s *stage) string { return s.without(t) }
	skips := func(t *testing.T, s *stage) string { return s.wantLogin(t, skipsCode) }
	resetArgs := []string{"user", "reset", victim, "--yes"}
	all := []scenario{
		noWait("with a uuid", asksToEnroll, func(*testing.T, *stage) {}),
		noWait("all columns NULL", lockedOut, func(t *testing.T, s *stage) {
			s.exec(t, "update users set uuid = null, mfa_sid = null, mfa_enrolled = null, mfa_enabled = null where $user")
		}),
		noWait("broken row", lockedOut, func(t *testing.T, s *stage) {
			s.exec(t, "update users set mfa_sid = '', mfa_enrolled = true, mfa_enabled = true where $user")
		}),
		{
			// Again: verify with the next code. After a crash between Twilio's yes and the row there is nothing pending
			// (5): verify --factor finishes that one.
			name: "verify", setUp: pending, allowed: []login{asksToEnroll, asksForCode}, done: finished,
			args: func(t *testing.T, s *stage) []string { return []string{"verify", victim, s.code(t, newest(s).SID)} },
			again: func(t *testing.T, s *stage, program string) (string, int) {
				sid := newest(s).SID
				e, complaint := s.must(t, invocation{program: program, args: []string{"verify", victim, s.code(t, sid)}}, 0, 5, 6)
				if complaint == "" && e.code == 5 {
					_, complaint = s.must(t, invocation{program: program, args: []string{"verify", "--factor", sid, victim, s.code(t, sid)}}, 0)
				}
				if complaint != "" {
					return complaint, 0
				}
				return s.finished(t), 0
			},
		},
		{
			// Again: enroll anew, unless it is done (6). A factor that Twilio verified and no row named stays.
			name: "enroll on a terminal", terminal: true, setUp: func(*testing.T, *stage) {}, done: finished,
			allowed: []login{asksToEnroll, asksForCode}, args: fixed("enroll", victim, "--qr", "none"),
			again: func(t *testing.T, s *stage, program string) (string, int) {
				if _, complaint := s.must(t, invocation{program: program, args: []string{"enroll", victim, "--qr", "none"}, terminal: true}, 0, 6); complaint != "" {
					return complaint, 0
				}
				return s.cleanUp(t, program)
			},
		},
		{
			name: "enroll on a terminal, without a uuid", terminal: true, done: finished,
			setUp: func(t *testing.T, s *stage) {
				s.exec(t, "update users set uuid = null, mfa_enabled = null where $user")
			},
			allowed: []login{lockedOut, asksToEnroll, asksForCode}, args: fixed("enroll", victim, "--qr", "none"),
			again: func(t *testing.T, s *stage, program string) (string, int) {
				if _, complaint := s.must(t, invocation{program: program, args: []string{"enroll", victim, "--qr", "none"}, terminal: true}, 0, 6); complaint != "" {
					return complaint, 0
				}
				return s.cleanUp(t, program)
			},
		},
		{
			// Again: replace anew. What an earlier run left verified and unnamed, or did not get to delete, stays.
			name: "enroll --replace on a terminal", terminal: true, done: finished, allowed: []login{asksForCode},
			setUp: func(t *testing.T, s *stage) { s.enrolled(t) }, args: fixed("enroll", victim, "--replace", "--qr", "none"),
			again: func(t *testing.T, s *stage, program string) (string, int) {
				if _, complaint := s.must(t, invocation{program: program, args: []string{"enroll", victim, "--replace", "--qr", "none"}, terminal: true}, 0); complaint != "" {
					return complaint, 0
				}
				return s.cleanUp(t, program)
			},
		},
		{
			name: "enroll --replace --no-wait", allowed: []login{asksForCode},
			setUp: func(t *testing.T, s *stage) { s.enrolled(t) }, args: fixed("enroll", victim, "--replace", "--no-wait", "--reveal", "-o", "json"),
			done: func(t *testing.T, s *stage) string {
				if n := len(s.verify.Factors(s.uuid)); n != 2 {
					return fmt.Sprintf("%d factors", n)
				}
				return ""
			},
			again: func(t *testing.T, s *stage, program string) (string, int) {
				e, complaint := s.must(t, invocation{program: program, args: []string{"enroll", victim, "--replace", "--no-wait", "--reveal", "-o", "json"}}, 0)
				if complaint != "" {
					return complaint, 0
				}
				sid, err := enrollmentSID(e.stdout)
				if err != nil {
					return err.Error(), 0
				}
				if _, complaint = s.must(t, invocation{program: program, args: []string{"verify", "--factor", sid, victim, s.code(t, sid)}}, 0); complaint != "" {
					return complaint, 0
				}
				return s.finished(t), 0
			},
		},
		{
			// Again: the same with the next code, unless it is done (6); the old factor may then still be there.
			name: "verify --factor, replacing", done: finished, allowed: []login{asksForCode},
			setUp: func(t *testing.T, s *stage) {
				s.enrolled(t)
				s.factor(emulator.Unverified, true)
			},
			args: func(t *testing.T, s *stage) []string {
				return []string{"verify", "--factor", newest(s).SID, victim, s.code(t, newest(s).SID)}
			},
			again: func(t *testing.T, s *stage, program string) (string, int) {
				sid := newest(s).SID
				if _, complaint := s.must(t, invocation{program: program, args: []string{"verify", "--factor", sid, victim, s.code(t, sid)}}, 0, 6); complaint != "" {
					return complaint, 0
				}
				return s.cleanUp(t, program)
			},
		},
		{
			// A factor that was proved, and no row names: a challenge finishes it.
			name: "verify --factor, resuming", done: finished, allowed: []login{asksToEnroll, asksForCode},
			setUp: func(_ *testing.T, s *stage) { s.factor(emulator.Verified, true) },
			args: func(t *testing.T, s *stage) []string {
				return []string{"verify", "--factor", newest(s).SID, victim, s.code(t, newest(s).SID)}
			},
			again: func(t *testing.T, s *stage, program string) (string, int) {
				sid := newest(s).SID
				if _, complaint := s.must(t, invocation{program: program, args: []string{"verify", "--factor", sid, victim, s.code(t, sid)}}, 0, 6); complaint != "" {
					return complaint, 0
				}
				return s.finished(t), 0
			},
		},
		{
			name: "user reset", args: fixed(resetArgs...), done: without, again: then(same(resetArgs, 0), without),
			allowed: []login{asksForCode, asksToEnroll},
			setUp: func(t *testing.T, s *stage) {
				s.factor(emulator.Verified, false) // stale
				s.enrolled(t)
				s.factor(emulator.Unverified, false)
			},
		},
		{
			name: "user reset, without a uuid", args: fixed(resetArgs...), done: without, again: then(same(resetArgs, 0), without),
			allowed: []login{lockedOut, asksToEnroll},
			setUp: func(t *testing.T, s *stage) {
				s.exec(t, "update users set uuid = null, mfa_sid = 'x', mfa_enrolled = true, mfa_enabled = null where $user")
			},
		},
		{
			name: "user disable-next-login", args: fixed("user", "disable-next-login", victim), done: skips,
			again:   then(same([]string{"user", "disable-next-login", victim}, 0), skips),
			allowed: []login{asksForCode, skipsCode}, setUp: func(t *testing.T, s *stage) { s.enrolled(t) },
		},
		{
			name: "user enable", args: fixed("user", "enable", victim), done: finished,
			again:   then(same([]string{"user", "enable", victim}, 0), finished),
			allowed: []login{skipsCode, asksForCode},
			setUp: func(t *testing.T, s *stage) {
				s.enrolled(t)
				s.exec(t, "update users set mfa_enabled = false where $user")
			},
		},
	}
	const plain = `delete from injector_classes where name in ('LoginHandler', 'MFAValidator');
		insert into injector_classes (name, category, class_name, usercompanyid) values ('LoginHandler', 'SY', 'HTMLFormLoginHandler', -1);
		update users set uuid = null where username in ('erin', 'bob')`
	site := func(name, start, want string, args ...string) scenario {
		done := func(t *testing.T, s *stage) string {
			if got := s.site(t); got != want {
				return got + ", want " + want
			}
			return ""
		}
		return scenario{
			name: name, site: true, args: fixed(args...), setUp: func(t *testing.T, s *stage) { s.exec(t, start) },
			done: done, again: then(same(args, 0), done),
		}
	}
	return append(all,
		site("set-injector", plain, siteOn, "set-injector", "--yes"),
		site("set-injector --off", "update users set uuid = null where username in ('erin', 'bob')", siteOffWithValidator, "set-injector", "--off", "--yes"),
	)
}

// What the site's login page can be.
const (
	siteOffWithValidator = "password only, TWValidator; 2 without uuid"
	siteOn               = "with a code, TWValidator; 0 without uuid"
	errorPage            = "an error page for everybody"
)

// site is what uzERP makes of the injector classes (docs/facts/uzerp.md §2 and §4).
func (s *stage) site(t *testing.T) string {
	t.Helper()
	rows, err := s.db.Query(context.Background(), "select name, class_name from injector_classes where category = 'SY' and usercompanyid = -1 and name in ('LoginHandler', 'MFAValidator') order by id")
	if err != nil {
		t.Fatal(err)
	}
	classes := make(map[string][]string)
	var name, class string
	if _, err := pgx.ForEachRow(rows, []any{&name, &class}, func() error {
		classes[name] = append(classes[name], class)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	var missing int
	if err := s.db.QueryRow(context.Background(), "select count(*) from users where uuid is null").Scan(&missing); err != nil {
		t.Fatal(err)
	}
	handlers, validators := classes["LoginHandler"], classes["MFAValidator"]
	text := ""
	switch {
	case len(handlers) != 1 || len(validators) > 1:
		return fmt.Sprintf("undefined: %v", classes)
	case handlers[0] == "HTMLFormLoginHandler":
		text = "password only"
	case handlers[0] != "HTMLFormLoginHandlerMFA" || len(validators) == 0 || validators[0] != "TWValidator":
		return errorPage
	default:
		text = "with a code"
	}
	if len(validators) == 1 {
		text += ", " + validators[0]
	}
	return fmt.Sprintf("%s; %d without uuid", text, missing)
}

// violation is a case that went wrong.
type violation struct {
	scenario string
	stop     interruption
	at       string
	text     string
}

func (v violation) String() string {
	return fmt.Sprintf("%s, %s (%s): %s", v.scenario, v.stop, v.at, v.text)
}

// verdict is what a matrix of interruptions found about a scenario.
type verdict struct {
	steps      []crashtest.Interaction
	cases      int
	left       int // cases after which the command alone could not remove a verified factor
	violations []violation
}

func (v verdict) shows(text string) bool {
	return slices.ContainsFunc(v.violations, func(v violation) bool { return strings.Contains(v.text, text) })
}

// start brings a stage to where a scenario begins.
func (sc scenario) start(t *testing.T, s *stage) {
	t.Helper()
	s.reset(t)
	sc.setUp(t, s)
	s.others = s.otherUsers(t)
}

// record runs a scenario undisturbed. It gives the interactions, and Twilio's names of the operations, each once.
func (sc scenario) record(t *testing.T, s *stage, program string) (steps []crashtest.Interaction, operations []string) {
	t.Helper()
	sc.start(t, s)
	hook := func(i crashtest.Interaction, phase crashtest.Phase) crashtest.Action {
		if phase == crashtest.Before {
			steps = append(steps, i) // one at a time: the program waits
		}
		return crashtest.Pass
	}
	if e := s.run(t, invocation{program: program, args: sc.args(t, s), terminal: sc.terminal}, hook, nil); e.code != 0 {
		t.Fatalf("%s, undisturbed: %v", sc.name, e)
	}
	for _, r := range s.verify.Requests() {
		if !slices.Contains(operations, r.Operation) {
			operations = append(operations, r.Operation)
		}
	}
	if complaint := sc.done(t, s); complaint != "" {
		t.Fatalf("%s, undisturbed: %s", sc.name, complaint)
	}
	return steps, operations
}

// interrupt makes one case of the matrix and gives what is wrong about it.
func (sc scenario) interrupt(t *testing.T, s *stage, program string, stop interruption) (complaint string, left int) {
	t.Helper()
	sc.start(t, s)
	was, wasSite := s.row(t, victim), s.site(t)
	e := s.run(t, invocation{program: program, args: sc.args(t, s), terminal: sc.terminal}, nil, &stop)
	now := s.row(t, victim)
	switch {
	case !e.fired:
		return fmt.Sprintf("never got there: %v", e), 0
	case stop.signal == syscall.SIGKILL && e.code != -1:
		return fmt.Sprintf("not killed: %v", e), 0
	case stop.signal != syscall.SIGKILL:
		if complaint := sc.told(t, s, e, was, now); complaint != "" {
			return complaint, 0
		}
	}
	if sc.site {
		if got := s.site(t); got != wasSite && sc.done(t, s) != "" {
			return "half switched: " + got, 0
		}
	} else {
		if others := s.otherUsers(t); others != s.others {
			return "another user was changed", 0
		}
		if complaint := s.wantLogin(t, sc.allowed...); complaint != "" {
			return complaint, 0
		}
	}
	return sc.again(t, s, program)
}

// told holds what a program said that got a signal against what it did: 130, or 0 where all was done by then; never a
// word of Go's; what is left to do; and "nothing changed" only where nothing is.
func (sc scenario) told(t *testing.T, s *stage, e ending, was, now userRow) string {
	t.Helper()
	switch {
	case e.code == 0:
		if complaint := sc.done(t, s); complaint != "" {
			return fmt.Sprintf("exit 0, but %s\n%v", complaint, e)
		}
		return ""
	case e.code != 130:
		return fmt.Sprintf("want exit 130: %v", e)
	case !strings.Contains(e.stderr, "interrupted"):
		return fmt.Sprintf("it does not say that it was interrupted: %v", e)
	case strings.Contains(e.stderr, "context canceled"), strings.Contains(e.stderr, "context deadline"):
		return fmt.Sprintf("words of Go's: %v", e)
	}
	changed := was.String() != now.String() || len(s.verify.Changing()) > 0 || sc.site && sc.done(t, s) == ""
	switch {
	case changed && (strings.Contains(e.stderr, "nothing was changed") || strings.Contains(e.stderr, "nothing was written")),
		was.String() != now.String() && strings.Contains(e.stderr, "uzERP was not changed"):
		return fmt.Sprintf("it says that nothing was changed; %v, then %v: %v", was, now, e)
	case changed && !strings.Contains(e.stderr, "hint: ") && (!strings.Contains(e.stderr, `"hint":"`) || strings.Contains(e.stderr, `"hint":""`)):
		return fmt.Sprintf("something was changed, and no word about what to do: %v", e)
	}
	if isTrue(was.Enrolled) != isTrue(now.Enrolled) && !strings.Contains(e.stderr, "reset in uzERP") && !strings.Contains(e.stderr, "enrolled") {
		return fmt.Sprintf("it does not say that uzERP was changed; %v, then %v: %v", was, now, e)
	}
	return ""
}

// matrix interrupts every scenario at every interaction, before and after, with each signal; or, if until is not empty, each
// until a case shows that.
func matrix(t *testing.T, program string, all []scenario, until string, signals ...syscall.Signal) []verdict {
	t.Helper()
	const workers = 4
	stages := make(chan *stage, workers)
	for range workers {
		stages <- newStage(t)
	}
	verdicts := make([]verdict, len(all))
	var mu sync.Mutex
	var running sync.WaitGroup
	for i, sc := range all {
		s := <-stages
		running.Go(func() {
			steps, _ := sc.record(t, s, program)
			stages <- s
			mu.Lock()
			verdicts[i].steps = steps
			mu.Unlock()
		})
	}
	running.Wait()
	for i, sc := range all {
		for _, signal := range signals {
			for n := range verdicts[i].steps {
				for _, phase := range []crashtest.Phase{crashtest.Before, crashtest.After} {
					s, stop := <-stages, interruption{signal, n + 1, phase}
					mu.Lock()
					enough := until != "" && verdicts[i].shows(until)
					mu.Unlock()
					if enough {
						stages <- s
						continue
					}
					running.Go(func() {
						complaint, left := sc.interrupt(t, s, program, stop)
						stages <- s
						mu.Lock()
						defer mu.Unlock()
						v := &verdicts[i]
						v.cases++
						if left > 0 {
							v.left++
						}
						if complaint != "" {
							v.violations = append(v.violations, violation{sc.name, stop, v.steps[n].System + ": " + v.steps[n].Name, complaint})
						}
					})
				}
			}
		}
	}
	running.Wait()
	return verdicts
}

func stepNames(all []crashtest.Interaction) string {
	var names []string
	for _, i := range all {
		names = append(names, i.Name)
	}
	return strings.Join(names, " > ")
}

// Killed, terminated or interrupted at whatever moment, no command locks anybody out, and running it again ends well.
func TestCrashMatrix(t *testing.T) {
	t.Parallel()
	program := shipped(t)
	all := scenarios()
	began := time.Now()
	interactions, cases := 0, 0
	var table strings.Builder
	for i, v := range matrix(t, program, all, "", syscall.SIGKILL, syscall.SIGTERM, syscall.SIGINT) {
		for _, violation := range v.violations {
			t.Error(violation)
		}
		interactions, cases = interactions+len(v.steps), cases+v.cases
		fmt.Fprintf(&table, "%-38s %3d interactions %4d cases %3d leave a factor to reset | %s\n", all[i].name, len(v.steps), v.cases, v.left, stepNames(v.steps))
	}
	t.Logf("\n%sthe matrix: %d scenarios, %d interactions, %d interruptions (KILL, TERM and INT, each before and after), in %v",
		&table, len(all), interactions, cases, time.Since(began).Round(time.Second/10))
}

// A matrix that can't fail proves nothing: here it must find the order of things in docs/facts/uzerp.md §6 broken, by the
// mutants that take it away.
func TestCrashMatrixIsRedWhenStepsAreSwapped(t *testing.T) {
	t.Parallel()
	mutants, err := mutant.ReadAll("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []struct {
		mutant    string
		scenarios []string
		finds     string // what at least one violation must say
	}{
		{"reset-row-first", []string{"user reset"}, string(lockedOut)},
		{"enroll-twilio-first", []string{"enroll on a terminal", "verify"}, string(lockedOut)},
		{"enroll-replace-order", []string{"enroll --replace on a terminal", "verify --factor, replacing"}, string(lockedOut)},
		{"db-switch-one-transaction", []string{"set-injector"}, errorPage},
	} {
		t.Run(m.mutant, func(t *testing.T) {
			i := slices.IndexFunc(mutants, func(known mutant.Mutant) bool { return known.Name == m.mutant })
			if i < 0 {
				t.Fatal("no such mutant in " + mutant.Dir)
			}
			program := mutantOf(t, mutants[i].Files)
			some := slices.DeleteFunc(scenarios(), func(sc scenario) bool { return !slices.Contains(m.scenarios, sc.name) })
			if len(some) != len(m.scenarios) {
				t.Fatal("a scenario has another name")
			}
			for i, v := range matrix(t, program, some, m.finds, syscall.SIGKILL) {
				if !v.shows(m.finds) {
					t.Errorf("%s: %d cases, and none shows that %s: %v", some[i].name, v.cases, m.finds, v.violations)
				} else {
					t.Logf("%s: red in case %d: %s", some[i].name, v.cases, v.violations[0])
				}
			}
		})
	}
}

package cmd_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/testscript"

	"uzerp-mfa/cmd"
	"uzerp-mfa/internal/emulator"
	"uzerp-mfa/internal/emulator/oracle"
	"uzerp-mfa/internal/output"
	"uzerp-mfa/internal/pgtemp/dbtest"
	"uzerp-mfa/internal/sharedtest"
)

var update = flag.Bool("update", false, "write generated files anew")

// The secrets of every script, made to be recognised in any output.
const (
	authToken  = "authTOKENauthTOKENauthTOKENauth1"
	dbPassword = "dbPASSWORDdbPASSWORD"
	apiKey     = "SK00000000000000000000000000000003"
	apiSecret  = "apiSECRETapiSECRETapiSECRETapi1"
	accountSID = "AC00000000000000000000000000000001"
	serviceSID = "VA00000000000000000000000000000002"
)

type tests struct{ *testing.M }

func (m tests) Run() int {
	dir, err := os.MkdirTemp("", "uzerp-mfa-test-*")
	if err != nil {
		panic(err)
	}
	program.path = filepath.Join(dir, "uzerp-mfa")
	code := dbtest.Run(m.M)
	_ = os.RemoveAll(dir)
	return code
}

func TestMain(m *testing.M) {
	testscript.Main(tests{m}, map[string]func(){"uzerp-mfa": func() { os.Exit(cmd.Run()) }})
}

// program is the one that is shipped, built once by the first test that runs it. A test binary can be the program too, and
// has the race detector if the tests do; but then a start takes seven times as much of the machine, and the tests start
// thousands.
var program struct {
	path  string
	built sync.Once
	err   error
}

func shipped(tb testing.TB) string {
	tb.Helper()
	program.built.Do(func() { program.err = build(program.path) })
	if program.err != nil {
		tb.Fatal(program.err)
	}
	return program.path
}

func build(path string, flags ...string) error {
	args := append([]string{"build", "-buildvcs=false", "-o", path}, flags...)
	if out, err := exec.Command("go", append(args, "..")...).CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

// TestScripts runs testdata/script: each against a database and an emulator of its own. A script's first lines can name
// the database, "# database: uzerp", and say that much goes on at a time in what it runs, "# concurrent": then the program
// is the test binary, with the race detector if the tests have it.
func TestScripts(t *testing.T) {
	sweep(t)
	testscript.Run(t, testscript.Params{
		Dir:                "testdata/script",
		Setup:              setUp,
		Cmds:               commands(),
		UpdateScripts:      *update,
		RequireUniqueNames: true,
	})
}

// sweep removes what testscript leaves where -run chose some of the scripts: its directory, empty.
func sweep(t *testing.T) {
	t.Cleanup(func() {
		left, _ := filepath.Glob(filepath.Join(os.TempDir(), "go-test-script*"))
		for _, dir := range left {
			_ = os.Remove(dir) // fails if it is not empty
		}
	})
}

// scene is what a script works on.
type scene struct {
	verify   *emulator.Running
	database string
	snapshot map[string][]string
	runbook  *runbook
	screen   string   // what the last terminal showed
	numbers  []string // that codes were asked for, also before the log of requests was emptied
}

func setUp(env *testscript.Env) error {
	return setUpAs(env, headOf(env.T().(testing.TB), env))
}

func setUpAs(env *testscript.Env, head scriptHead) error {
	t := env.T().(testing.TB)
	s := &scene{database: dbtest.New(t, head.database)}
	if !head.concurrent {
		env.Setenv("PATH", filepath.Dir(shipped(t))+string(filepath.ListSeparator)+env.Getenv("PATH"))
	}
	env.Values["scene"], env.Values["tb"] = s, t

	var err error
	s.verify, err = startJudged(t, func(err error) { t.Errorf("against Twilio's spec: %v", err) })
	if err != nil {
		return err
	}
	env.Defer(func() { _ = s.verify.Close() })

	root := filepath.Join(env.WorkDir, "uzerp")
	for path, content := range map[string]string{
		"system.php": "<?php\n",
		"conf/.env":  fmt.Sprintf("TWILIO_ACCOUNT_SID=%s\nTWILIO_AUTH_TOKEN=%s\nTWILIO_SERVICE_SID=%s\n", accountSID, authToken, serviceSID),
	} {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			return err
		}
	}
	env.Setenv("UZERP_ROOT", root)
	env.Setenv("DATABASE_URL", strings.Replace(s.database, "postgres@", "postgres:"+dbPassword+"@", 1))
	env.Setenv("UZERP_MFA_VERIFY_URL", s.verify.URL)
	env.Setenv("UZERP_MFA_AUDIT_LOG", filepath.Join(env.WorkDir, "audit.jsonl"))
	env.Setenv("LANG", "C.UTF-8")
	env.Setenv("TERM", "xterm-256color")
	return nil
}

// startJudged starts an emulator. Every exchange is checked against Twilio's spec where that is at hand.
func startJudged(tb testing.TB, onViolation func(error)) (*emulator.Running, error) {
	judged, err := oracle.WhereAtHand(tb, onViolation)
	if err != nil {
		return nil, err
	}
	return emulator.Start("", emulator.Options{
		AccountSID: accountSID, ServiceSID: serviceSID, Issuer: "Test Ltd", Control: true,
		Credentials: []emulator.Credential{{Username: accountSID, Password: authToken}, {Username: apiKey, Password: apiSecret}},
	}, judged)
}

type scriptHead struct {
	database   dbtest.Template
	concurrent bool
}

// headOf reads what a script says about itself.
func headOf(t testing.TB, env *testscript.Env) scriptHead {
	name := strings.TrimPrefix(filepath.Base(env.WorkDir), "script-")
	text, err := os.ReadFile(filepath.Join("testdata/script", name+".txtar"))
	if err != nil {
		t.Fatal(err)
	}
	head := scriptHead{database: dbtest.Sample, concurrent: regexp.MustCompile(`(?m)^# concurrent$`).Match(text)}
	if m := regexp.MustCompile(`(?m)^# database: (\w+)$`).FindSubmatch(text); m != nil {
		head.database = dbtest.Template(m[1])
	}
	return head
}

func sceneOf(ts *testscript.TestScript) *scene { return ts.Value("scene").(*scene) }

func commands() map[string]func(ts *testscript.TestScript, neg bool, args []string) {
	plain := func(f func(ts *testscript.TestScript, args []string)) func(*testscript.TestScript, bool, []string) {
		return func(ts *testscript.TestScript, neg bool, args []string) {
			if neg {
				ts.Fatalf("! makes no sense here")
			}
			f(ts, args)
		}
	}
	return map[string]func(ts *testscript.TestScript, neg bool, args []string){
		"run":         plain(cmdRun),
		"tty":         plain(cmdTTY),
		"psql":        plain(cmdPsql),
		"code":        plain(cmdCode),
		"fault":       plain(cmdFault),
		"clearfaults": plain(func(ts *testscript.TestScript, _ []string) { sceneOf(ts).verify.ClearFaults() }),
		"requests":    plain(cmdRequests),
		"advance":     plain(cmdAdvance),
		"snapshot":    plain(cmdSnapshot),
		"untouched":   plain(cmdUntouched),
		"json":        plain(cmdJSON),
		"factors":     plain(cmdFactors),
		"mkfactor":    plain(cmdMakeFactor),
		"lockrow":     plain(cmdLockRow),
		"locktable":   plain(cmdLockTable),
		"await":       plain(cmdAwait),
		"runbook":     plain(cmdRunbook),
		"step":        plain(cmdStep),
		"smscode":     plain(cmdSMSCode),
		"number":      plain(cmdNumber),
		"service":     plain(cmdService),
		"quirks":      plain(cmdQuirks),
		"needs":       plain(cmdNeeds),
	}
}

// cmdRun: run [-in FILE] EXIT-CODE ARG... runs uzerp-mfa without a terminal, and checks its exit code and that no secret
// shows.
func cmdRun(ts *testscript.TestScript, args []string) {
	var in io.Reader
	if args[0] == "-in" {
		in, args = strings.NewReader(ts.ReadFile(args[1])), args[2:]
	}
	want, args := exitCode(ts, args)
	c := program0(ts, args)
	var stdout, stderr bytes.Buffer
	c.Stdin, c.Stdout, c.Stderr = in, &stdout, &stderr
	got := exitOf(ts, c.Run())
	_, _ = ts.Stdout().Write(stdout.Bytes())
	_, _ = ts.Stderr().Write(stderr.Bytes())
	checkSecrets(ts, args, stdout.String(), stderr.String(), false)
	if got != want {
		ts.Logf("[stdout]\n%s[stderr]\n%s", &stdout, &stderr)
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func exitCode(ts *testscript.TestScript, args []string) (int, []string) {
	if args[0] == "any" { // of a program that was killed
		return anyExit, args[1:]
	}
	n, err := strconv.Atoi(args[0])
	if err != nil {
		ts.Fatalf("no exit code: %q", args[0])
	}
	return n, args[1:]
}

const anyExit = -2

func program0(ts *testscript.TestScript, args []string) *exec.Cmd {
	var path string
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if file := filepath.Join(dir, "uzerp-mfa"); path == "" && fileExists(file) {
			path = file
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), hangs) // a program that hangs fails its own script only
	ts.Defer(cancel)
	c := exec.CommandContext(ctx, path, args...)
	c.Dir = ts.MkAbs(".")
	c.Env = environ(ts)
	return c
}

// noRaceSleep keeps programs with the race detector in them from sleeping for a second when they end.
const noRaceSleep = "GORACE=atexit_sleep_ms=0"

// environ is the script's environment, of which testscript gives single variables only.
func environ(ts *testscript.TestScript) []string {
	env := []string{noRaceSleep}
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "TERM", "NO_COLOR", "COLUMNS", "GOCOVERDIR",
		"DATABASE_URL", "PGHOST", "PGPORT", "PGDATABASE", "PGUSER", "PGPASSWORD", "PGOPTIONS", "PGSSLMODE", "UZERP_ROOT", "UZERP_MFA_VERIFY_URL", "UZERP_MFA_AUDIT_LOG", "UZERP_MFA_PHONE_REGION", "UZERP_MFA_SELF", "XDG_STATE_HOME", "SUDO_USER", "SSH_CLIENT",
		"TWILIO_ACCOUNT_SID", "TWILIO_SERVICE_SID", "TWILIO_AUTH_TOKEN", "TWILIO_API_KEY", "TWILIO_API_SECRET"} {
		if v := ts.Getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	return env
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func exitOf(ts *testscript.TestScript, err error) int {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	ts.Check(err)
	return 0
}

// checkSecrets is made after every run: whatever the command, no output shows what the contract forbids.
func checkSecrets(ts *testscript.TestScript, args []string, stdout, stderr string, onTerminal bool) {
	s := sceneOf(ts)
	reveal := slices.Contains(args, "--reveal") || onTerminal
	log, _ := os.ReadFile(ts.MkAbs(ts.Getenv("UZERP_MFA_AUDIT_LOG"))) // where nothing was changed yet there is none
	s.noteNumbers()
	if what := leak(stdout, stderr, string(log), args, s.verify.SentCodes(), s.numbers); what != "" {
		ts.Fatalf("%s", what)
	}
	for _, secret := range s.verify.Secrets() {
		if bytes.Contains(log, []byte(secret)) {
			ts.Fatalf("the audit log shows a TOTP secret")
		}
	}
	for _, secret := range []string{authToken, dbPassword, apiSecret} {
		if strings.Contains(stdout+stderr+string(log), secret) {
			ts.Fatalf("the output shows a secret: %s", secret)
		}
	}
	for _, secret := range s.verify.Secrets() {
		for _, form := range []string{secret, output.Groups(secret)} {
			if strings.Contains(stderr, form) && !onTerminal || strings.Contains(stdout, form) && !reveal {
				ts.Fatalf("the output shows a TOTP secret")
			}
		}
	}
	for _, r := range s.verify.Requests() {
		code := r.Values.Get("AuthPayload")
		if code != "" && regexp.MustCompile(`\b`+regexp.QuoteMeta(code)+`\b`).MatchString(stderr) && !onTerminal {
			ts.Fatalf("stderr shows a one-time code")
		}
	}
}

// cmdTTY: tty [-out DATA] FILE EXIT-CODE ARG... runs uzerp-mfa on a terminal of 80 columns, with stdout in the file DATA. FILE tells what somebody in front of it
// does, line by line: "expect TEXT" waits, "send TEXT" types a line, "code USER [OFFSET]" types the phone's code, "smscode NUMBER" the one it got by SMS or call,
// "psql SQL" is somebody else at the database, "shell COMMAND" somebody else in the same directory, "eof" and "intr" press Ctrl-D and Ctrl-C, "hangup" closes the window.
func cmdTTY(ts *testscript.TestScript, args []string) {
	data := ""
	if args[0] == "-out" {
		data, args = args[1], args[2:]
	}
	file := ts.ReadFile(args[0])
	want, args := exitCode(ts, args[1:])
	c := program0(ts, args)
	if data != "" {
		out, err := os.Create(ts.MkAbs(data))
		ts.Check(err)
		defer func() { _ = out.Close() }()
		c.Stdout = out
	}
	screen, err := startOnTerminal(c)
	ts.Check(err)
	seen := &terminal{changed: make(chan struct{}, 1)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(seen, screen) // ends with EIO when the program ends
	}()
	var typed []string
	for line := range strings.Lines(file) {
		verb, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch verb {
		case "", "#":
		case "expect":
			if !seen.await(rest) {
				_ = c.Process.Kill()
				ts.Fatalf("never saw %q on the screen:\n%s", rest, seen.text())
			}
		case "send":
			_, _ = io.WriteString(screen, rest+"\n")
		case "code":
			_, _ = io.WriteString(screen, phoneCode(ts, strings.Fields(rest))+"\n")
		case "smscode":
			code := sentCode(ts, rest)
			typed = append(typed, code)
			_, _ = io.WriteString(screen, code+"\n")
		case "psql":
			runSQL(ts, io.Discard, rest)
		case "shell":
			other := exec.Command("sh", "-c", rest)
			other.Dir, other.Env = ts.MkAbs("."), append(environ(ts), fmt.Sprintf("PID=%d", c.Process.Pid))
			if out, err := other.CombinedOutput(); err != nil {
				ts.Fatalf("%s: %v\n%s", rest, err, out)
			}
		case "eof":
			_, _ = io.WriteString(screen, "\x04")
		case "intr":
			_, _ = io.WriteString(screen, "\x03")
		case "hangup":
			_ = screen.Close()
		case "kill":
			_ = c.Process.Kill()
		default:
			ts.Fatalf("nobody knows how to %q", verb)
		}
	}
	got := exitOf(ts, c.Wait())
	select {
	case <-done: // all that it printed has been read
	case <-time.After(5 * time.Second): // a child of its still holds the terminal
	}
	_ = screen.Close()
	<-done
	sceneOf(ts).screen = seen.raw()
	_, _ = ts.Stdout().Write([]byte(seen.text()))
	shown := seen.text()
	for _, code := range typed { // the terminal shows what is typed, once
		shown = strings.Replace(shown, code, "", 1)
	}
	if data != "" {
		shown += ts.ReadFile(data)
	}
	checkSecrets(ts, args, shown, "", true)
	if got != want && want != anyExit {
		ts.Fatalf("exit code %d, want %d; the screen:\n%s", got, want, seen.text())
	}
}

// cmdPsql: psql SQL... runs each statement; the rows are on stdout, | between values, NULL for NULL.
func cmdPsql(ts *testscript.TestScript, args []string) {
	out := ts.Stdout() // also where nothing is printed: what came before must not stay
	for _, sql := range args {
		runSQL(ts, out, sql)
	}
}

func runSQL(ts *testscript.TestScript, out io.Writer, sql string) {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, sceneOf(ts).database)
	ts.Check(err)
	defer func() { _ = conn.Close(ctx) }()
	results, err := conn.PgConn().Exec(ctx, sql).ReadAll()
	ts.Check(err)
	for _, r := range results {
		for _, row := range r.Rows {
			cells := make([]string, len(row))
			for i, v := range row {
				cells[i] = string(v)
				if v == nil {
					cells[i] = "NULL"
				}
			}
			_, _ = fmt.Fprintln(out, strings.Join(cells, "|"))
		}
	}
}

// cmdAwait: await SQL WANT waits until the statement gives WANT: for what another process does in its own time.
func cmdAwait(ts *testscript.TestScript, args []string) {
	var got strings.Builder
	for began := time.Now(); time.Since(began) < hangs; time.Sleep(100 * time.Millisecond) {
		got.Reset()
		runSQL(ts, &got, args[0])
		if strings.TrimSpace(got.String()) == args[1] {
			return
		}
	}
	ts.Fatalf("still %q, want %q", got.String(), args[1])
}

// cmdCode: code VAR USER [OFFSET] puts the code that the user's phone shows into VAR.
func cmdCode(ts *testscript.TestScript, args []string) { ts.Setenv(args[0], phoneCode(ts, args[1:])) }

func phoneCode(ts *testscript.TestScript, args []string) string {
	s := sceneOf(ts)
	var off time.Duration
	if len(args) > 1 {
		var err error
		off, err = time.ParseDuration(args[1])
		ts.Check(err)
	}
	name, err := strconv.Unquote(`"` + args[0] + `"`)
	ts.Check(err)
	code, err := s.verify.CodeAt(name, s.verify.Now().Add(off))
	ts.Check(err)
	return code
}

// cmdFault: fault JSON, as in emulator.ControlPrefix.
func cmdFault(ts *testscript.TestScript, args []string) {
	control(ts, "faults", args[0])
}

// cmdRequests: requests [-changing] prints what the emulator was asked, "GET FetchService 200" a line, and forgets it.
func cmdRequests(ts *testscript.TestScript, args []string) {
	out := ts.Stdout() // also where nothing is printed: what came before must not stay
	s := sceneOf(ts)
	requests := s.verify.Requests()
	if slices.Contains(args, "-changing") {
		requests = s.verify.Changing()
	}
	for _, r := range requests {
		_, _ = fmt.Fprintln(out, r.Method, r.Operation, r.Status)
	}
	s.noteNumbers()
	s.verify.ResetLog()
}

// cmdAdvance: advance DURATION moves Twilio's clock, and the phones'.
func cmdAdvance(ts *testscript.TestScript, args []string) {
	d, err := time.ParseDuration(args[0])
	ts.Check(err)
	sceneOf(ts).verify.Advance(d)
}

// cmdSnapshot: snapshot [TABLE|TABLE.COLUMN...] remembers the whole database but the tables and columns named.
func cmdSnapshot(ts *testscript.TestScript, args []string) {
	sceneOf(ts).snapshot = snapshot(ts, args)
}

// cmdUntouched: untouched [TABLE|TABLE.COLUMN...] fails if anything but what is named has changed since snapshot.
func cmdUntouched(ts *testscript.TestScript, args []string) {
	was, now := sceneOf(ts).snapshot, snapshot(ts, args)
	for table, rows := range now {
		if !slices.Equal(rows, was[table]) {
			ts.Fatalf("%s was changed:\n%s\nwas\n%s", table, strings.Join(rows, "\n"), strings.Join(was[table], "\n"))
		}
	}
	if len(now) != len(was) || len(now) == 0 {
		ts.Fatalf("tables came or went")
	}
}

func snapshot(ts *testscript.TestScript, except []string) map[string][]string {
	for i := range except {
		except[i] = "public." + except[i]
	}
	all := dbtest.Snapshot(ts.Value("tb").(testing.TB), sceneOf(ts).database, except...)
	for _, table := range except {
		delete(all, table)
	}
	return all
}

// cmdJSON: json FILE PATH WANT looks into a JSON document: PATH is keys and indices with dots, WANT is JSON.
func cmdJSON(ts *testscript.TestScript, args []string) {
	var document any
	if err := json.Unmarshal([]byte(ts.ReadFile(args[0])), &document); err != nil {
		ts.Fatalf("not one JSON document: %v", err)
	}
	at := document
	for key := range strings.SplitSeq(args[1], ".") {
		switch v := at.(type) {
		case map[string]any:
			next, ok := v[key]
			if !ok {
				ts.Fatalf("no key %q in %v", key, v)
			}
			at = next
		case []any:
			if key == "length" {
				at = float64(len(v))
				continue
			}
			i, err := strconv.Atoi(key)
			if err != nil || i >= len(v) {
				ts.Fatalf("no element %s in %v", key, v)
			}
			at = v[i]
		default:
			ts.Fatalf("%q: nothing inside %v", key, at)
		}
	}
	got, err := json.Marshal(at)
	ts.Check(err)
	var want any
	if err := json.Unmarshal([]byte(args[2]), &want); err != nil {
		want = args[2]
	}
	wanted, err := json.Marshal(want)
	ts.Check(err)
	if !bytes.Equal(got, wanted) {
		ts.Fatalf("%s is %s, want %s", args[1], got, wanted)
	}
}

// cmdFactors: factors USER [VAR] prints "SID status name" of each of the user's factors at Twilio, and puts the SID of the
// newest into VAR.
func cmdFactors(ts *testscript.TestScript, args []string) {
	out := ts.Stdout() // also where nothing is printed: what came before must not stay
	s := sceneOf(ts)
	for _, f := range s.verify.Factors(uuidOf(ts, args[0])) {
		_, _ = fmt.Fprintln(out, f.SID, f.Status, f.FriendlyName)
		if len(args) > 1 {
			ts.Setenv(args[1], f.SID)
		}
	}
}

// cmdMakeFactor: mkfactor VAR USER STATUS makes a factor behind the tool's back and puts its SID into VAR.
func cmdMakeFactor(ts *testscript.TestScript, args []string) {
	f := sceneOf(ts).verify.AddFactor(uuidOf(ts, args[1]), args[1], emulator.Status(args[2]))
	ts.Setenv(args[0], f.SID)
}

func uuidOf(ts *testscript.TestScript, username string) string {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, sceneOf(ts).database)
	ts.Check(err)
	defer func() { _ = conn.Close(ctx) }()
	var uuid string
	ts.Check(conn.QueryRow(ctx, "select uuid::text from users where username = $1", username).Scan(&uuid))
	return uuid
}

// cmdLockRow: lockrow USER holds a lock on the user's row until the script ends.
func cmdLockRow(ts *testscript.TestScript, args []string) {
	holdLock(ts, "select 1 from users where username = $1 for update", args[0])
}

// cmdLockTable: locktable TABLE keeps everybody else from reading a table until the script ends.
func cmdLockTable(ts *testscript.TestScript, args []string) {
	holdLock(ts, "lock table "+pgx.Identifier{args[0]}.Sanitize())
}

func holdLock(ts *testscript.TestScript, sql string, args ...any) {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, sceneOf(ts).database)
	ts.Check(err)
	ts.Defer(func() { _ = conn.Close(ctx) })
	_, err = conn.Exec(ctx, "begin")
	ts.Check(err)
	_, err = conn.Exec(ctx, sql, args...)
	ts.Check(err)
}

// cmdSMSCode: smscode VAR NUMBER puts the code that this phone got last, by SMS or call, into VAR.
func cmdSMSCode(ts *testscript.TestScript, args []string) { ts.Setenv(args[0], sentCode(ts, args[1])) }

func sentCode(ts *testscript.TestScript, number string) string {
	code, ok := sceneOf(ts).verify.SentCode(number)
	if !ok {
		ts.Fatalf("no code reached %q", number)
	}
	return code
}

// cmdNumber: number NUMBER KIND makes a number in E.164 (or all that begin so, with "*") one of a emulator.NumberKind.
func cmdNumber(ts *testscript.TestScript, args []string) {
	ts.Check(sceneOf(ts).verify.SetNumber(args[0], emulator.NumberKind(args[1])))
}

// cmdService: service JSON changes settings of the Verify service (emulator.ServiceSettings).
func cmdService(ts *testscript.TestScript, args []string) { control(ts, "service", args[0]) }

// cmdQuirks: quirks JSON changes what Twilio doesn't document (emulator.Quirks), {"KeepFinished":true}.
func cmdQuirks(ts *testscript.TestScript, args []string) { control(ts, "quirks", args[0]) }

// cmdNeeds: needs psql leaves the script out where the program is not there.
func cmdNeeds(ts *testscript.TestScript, args []string) {
	if len(args) != 1 || args[0] != "psql" {
		ts.Fatalf("usage: needs psql")
	}
	if _, err := exec.LookPath(args[0]); err != nil {
		sharedtest.LeaveOut(ts.Value("tb").(testing.TB), sharedtest.Psql, err)
	}
}

// control posts to the emulator's control API.
func control(ts *testscript.TestScript, what, body string) {
	response, err := http.Post(sceneOf(ts).verify.URL+emulator.ControlPrefix+what, "application/json", strings.NewReader(body))
	ts.Check(err)
	text, _ := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if response.StatusCode >= http.StatusMultipleChoices {
		ts.Fatalf("%s: %s", what, text)
	}
}

// noteNumbers remembers the numbers of the requests so far.
func (s *scene) noteNumbers() {
	for _, r := range s.verify.Requests() {
		if to := r.Values.Get("To"); to != "" && !slices.Contains(s.numbers, to) {
			s.numbers = append(s.numbers, to)
		}
	}
}

// leak tells what shows a code that was sent or a number it was sent to, empty if nothing does. Who gives a number with --to
// may read it again; the audit log says then to which one, and so does what shows it.
func leak(stdout, stderr, log string, args, codes, numbers []string) string {
	for _, code := range codes {
		if regexp.MustCompile(`\b` + regexp.QuoteMeta(code) + `\b`).MatchString(stdout + "\n" + stderr + "\n" + log) {
			return "the output or the audit log shows a code that was sent"
		}
	}
	ofLog := len(args) > 0 && args[0] == "audit-log"
	if ofLog || slices.ContainsFunc(args, func(arg string) bool { return arg == "--to" || strings.HasPrefix(arg, "--to=") }) {
		return ""
	}
	for _, number := range numbers {
		if digits := strings.TrimPrefix(number, "+"); strings.Contains(stdout+"\n"+stderr, digits) { // also as %2B44…
			return "the output shows a whole phone number"
		}
	}
	return ""
}

// TestLeak makes sure that the check of every run can fail.
func TestLeak(t *testing.T) {
	codes, numbers := []string{"111111", "482913"}, []string{"+447700900123"}
	for _, tt := range []struct {
		stdout, stderr, log string
		args                []string
		leaks               bool
	}{
		{stdout: "sent to +44 *******123", log: `{"n":1482913}`},
		{stdout: "482913", leaks: true},
		{stderr: "-v: Code=482913", leaks: true},
		{log: `{"code":"482913"}`, leaks: true},
		{stdout: "482913", args: []string{"--to", "+447700900123"}, leaks: true},
		{stdout: "sent to +447700900123", leaks: true},
		{stderr: "POST To=%2B447700900123", leaks: true},
		{stdout: "sent to +447700900123", args: []string{"--to=+447700900123"}},
		{stdout: "sent to +447700900123", args: []string{"--to", "+447700900123"}},
		{log: `{"to":"+447700900123"}`},
		{stdout: "sent to +447700900123", args: []string{"audit-log", "show"}},
	} {
		if got := leak(tt.stdout, tt.stderr, tt.log, tt.args, codes, numbers); (got != "") != tt.leaks {
			t.Errorf("%+v: %q", tt, got)
		}
	}
}

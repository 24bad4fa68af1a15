package cmd_test

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"uzerp-mfa/cmd"
	"uzerp-mfa/internal/emulator"
	"uzerp-mfa/internal/emulator/oracle"
	"uzerp-mfa/internal/pgtemp"
	"uzerp-mfa/internal/pgtemp/dbtest"
	"uzerp-mfa/internal/sharedtest"
)

// TestScripts runs testdata/script. The README.md there explains what scripts are made of.
func TestScripts(t *testing.T) {
	sweep(t)
	t.Cleanup(func() { everySchemaSeen(t) })
	testscript.Run(t, testscript.Params{
		Dir:                "testdata/script",
		Setup:              setUp,
		Cmds:               commands(),
		UpdateScripts:      *update,
		RequireUniqueNames: true,
	})
}

// everySchemaSeen fails unless the scripts have made the program print each document of docs/schema, and each kind of line, if all
// scripts ran.
func everySchemaSeen(t *testing.T) {
	if t.Failed() || strings.Contains(flag.Lookup("test.run").Value.String(), "/") || os.Getuid() != 0 {
		return
	}
	cmd.Seen.Lock()
	defer cmd.Seen.Unlock()
	elsewhere := []string{"sandbox", "sandbox_stop"} // TestSandboxInTheBackground holds these against their schemas
	for _, name := range cmd.SchemaNames() {
		if !cmd.Seen.Names[name] && !slices.Contains(elsewhere, name) {
			t.Errorf("no script makes the program print what docs/schema describes as %s", name)
		}
	}
}

// sweep removes the empty directory that testscript leaves if -run chose only some of the scripts.
func sweep(t *testing.T) {
	t.Cleanup(func() {
		left, _ := filepath.Glob(filepath.Join(os.TempDir(), "go-test-script*"))
		for _, dir := range left {
			_ = os.Remove(dir) // fails if it is not empty
		}
	})
}

// README.md explains every command of the scripts, and no command that does not exist.
func TestScriptCommandsAreExplained(t *testing.T) {
	page := readFile(t, "testdata/script/README.md")
	explained := make(map[string]bool)
	for _, m := range regexp.MustCompile(`(?m)^\| `+"`"+`([a-z]+)[^|]*`).FindAllStringSubmatch(page, -1) {
		explained[m[1]] = true
	}
	known := slices.Concat(slices.Collect(maps.Keys(commands())), slices.Collect(maps.Keys(typing)))
	for _, name := range known {
		if !explained[name] {
			t.Errorf("README.md does not explain %s", name)
		}
	}
	for name := range explained {
		if !slices.Contains(known, name) {
			t.Errorf("README.md explains %s, which is no command", name)
		}
	}
}

// scene is the state of a script.
type scene struct {
	verify   *emulator.Running
	database string
	snapshot map[string][]string
	runbook  *runbook
	syslog   *net.UnixConn // nil until the script wants one
	screen   string        // the last terminal's screen
	numbers  []string      // the numbers that codes were sent to, also before the log of requests was emptied
}

func setUp(env *testscript.Env) error {
	return setUpAs(env, headOf(env.T().(testing.TB), env))
}

func setUpAs(env *testscript.Env, head scriptHead) error {
	t := env.T().(testing.TB)
	s := &scene{database: dbtest.New(t, head.database)}
	if !head.concurrent && !head.policy {
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
		"system.php":      "<?php\n",
		"twilio-emulator": s.verify.URL + "\n",
		"conf/.env":       fmt.Sprintf("TWILIO_ACCOUNT_SID=%s\nTWILIO_AUTH_TOKEN=%s\nTWILIO_SERVICE_SID=%s\n", accountSID, authToken, serviceSID),
	} {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			return err
		}
	}
	examples, err := filepath.Abs("../examples")
	if err != nil {
		return err
	}
	env.Setenv("EXAMPLES", examples)
	env.Setenv("MFA_PAUSE", "0") // they wait for nothing
	env.Setenv("UZERP_ROOT", root)
	env.Setenv("DATABASE_URL", strings.Replace(s.database, "postgres@", "postgres:"+dbPassword+"@", 1))
	env.Setenv("UZERP_MFA_VERIFY_URL", s.verify.URL)
	env.Setenv("UZERP_MFA_AUDIT_LOG", filepath.Join(env.WorkDir, "audit.jsonl"))
	// The policy is looked at on its whole way, which root alone may own: an ordinary user's directory for temporary files is not.
	env.Setenv("TEST_POLICY", "/nonexistent/policy.env")
	if head.policy {
		env.Setenv("TEST_POLICY", filepath.Join(env.WorkDir, "policy.env"))
	}
	env.Setenv("TEST_SYSTEM_LOG", filepath.Join(env.WorkDir, "system.jsonl"))
	env.Setenv(pgtemp.BinDirVariable, os.Getenv(pgtemp.BinDirVariable)) // a sandbox has the same version as the scripts
	env.Setenv("LANG", "C.UTF-8")
	env.Setenv("TERM", "xterm-256color")
	return nil
}

// startJudged starts an emulator. If Twilio's spec is available, every exchange is checked against it.
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
	policy     bool
}

// headOf reads the head of a script.
func headOf(t testing.TB, env *testscript.Env) scriptHead {
	name := strings.TrimPrefix(filepath.Base(env.WorkDir), "script-")
	text, err := os.ReadFile(filepath.Join("testdata/script", name+".txtar"))
	if err != nil {
		t.Fatal(err)
	}
	head := scriptHead{database: dbtest.Sample, concurrent: regexp.MustCompile(`(?m)^# concurrent$`).Match(text),
		policy: regexp.MustCompile(`(?m)^# policy$`).Match(text)}
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
		"pooler":      plain(cmdPooler),
		"standby":     plain(cmdStandby),
		"code":        plain(cmdCode),
		"fault":       plain(cmdFault),
		"clearfaults": plain(func(ts *testscript.TestScript, _ []string) { sceneOf(ts).verify.ClearFaults() }),
		"requests":    plain(cmdRequests),
		"syslog":      plain(cmdSyslog),
		"advance":     plain(cmdAdvance),
		"snapshot":    plain(cmdSnapshot),
		"untouched":   plain(cmdUntouched),
		"json":        plain(cmdJSON),
		"schema":      plain(cmdSchema),
		"factors":     plain(cmdFactors),
		"mkfactor":    plain(cmdMakeFactor),
		"typed":       plain(cmdTyped),
		"lockrow":     plain(cmdLockRow),
		"locktable":   plain(cmdLockTable),
		"await":       plain(cmdAwait),
		"runbook":     plain(cmdRunbook),
		"step":        plain(cmdStep),
		"smscode":     plain(cmdSMSCode),
		"shopcode":    plain(cmdShopCode),
		"number":      plain(cmdNumber),
		"service":     plain(cmdService),
		"quirks":      plain(cmdQuirks),
		"apikey":      plain(cmdAPIKey),
		"needs":       plain(cmdNeeds),
	}
}

func cmdNeeds(ts *testscript.TestScript, args []string) {
	if len(args) == 1 && args[0] == "root" {
		if os.Geteuid() != 0 {
			sharedtest.LeaveOut(ts.Value("tb").(testing.TB), sharedtest.Root, errors.New("only root can be asked through sudo"))
		}
		return
	}
	if len(args) == 1 && args[0] == "mounts" {
		if out, err := exec.Command("unshare", "-m", "mount", "--make-rprivate", "/").CombinedOutput(); err != nil {
			sharedtest.LeaveOut(ts.Value("tb").(testing.TB), sharedtest.FileSystem, fmt.Errorf("nothing can be mounted here: %w %s", err, out))
		}
		return
	}
	parts := map[string]sharedtest.Part{"psql": sharedtest.Psql, "jq": sharedtest.Examples, "ansible-playbook": sharedtest.Examples}
	if len(args) != 1 || parts[args[0]] == (sharedtest.Part{}) {
		ts.Fatalf("usage: needs psql|jq|ansible-playbook|root|mounts")
	}
	if _, err := exec.LookPath(args[0]); err != nil {
		sharedtest.LeaveOut(ts.Value("tb").(testing.TB), parts[args[0]], err)
	}
}

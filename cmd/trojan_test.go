package cmd_test

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"uzerp-mfa/internal/pgtemp/dbtest"
)

// Every command runs as a superuser in a database in which somebody has laid trojans: no trojan runs, and every command
// does what it does elsewhere. A command that is not in the table fails the test.
func TestNoTrojanRuns(t *testing.T) {
	t.Parallel()
	type run struct {
		args string
		code int
	}
	offline := []run(nil) // asks no database
	runs := map[string][]run{
		"audit-log show": offline, "audit-log verify": offline, "grants": offline, "version": offline, "completion": offline,
		"service show": offline, "service check": offline, "session-config check": offline, "session-config plan": offline,
		"session-config set": offline, "sandbox": offline, "sandbox code": offline, "sandbox stop": offline, // it has a server of its own
		"policy show": offline, "help": offline,

		"notify pending": offline, "assist": offline, // without a terminal it opens nothing

		"user list": {{"user list", 0}, {"user list --sort last-login --match a -o csv", 0}, {"user list --state broken -o jsonl", 0},
			{"__complete user show al", 0}},
		"user show":               {{"user show alice", 0}, {"user show alice bob --offline", 0}},
		"session list":            {}, // it reads files, and the tables as user show does
		"session end":             {},
		"user history":            {{"user history alice", 0}, {"user history --all --suspicious", 0}},
		"enroll":                  {{"enroll alice --no-wait --reveal", 0}},
		"verify":                  {{"verify alice 000000", 10}},
		"user enable":             {{"user enable victor", 0}},
		"user disable-next-login": {{"user disable-next-login victor --yes", 0}},
		"identity send":           {{"identity send alice --channel sms --region GB", 0}},
		"identity check":          {{"identity check alice 000000 --region GB", 10}},
		"user reset":              {{"user reset victor --yes", 0}},
		"reconcile":               {{"reconcile", 9}, {"reconcile --fix --yes --max 100", 9}},
		"set-injector":            {{"set-injector --yes --skip-twilio-check", 0}, {"set-injector --confirm-trial --yes", 6}, {"set-injector --off --yes", 0}},
		"service create":          {{"service create --friendly-name Other --write-env --yes", 6}},
		"doctor":                  {{"doctor", 9}},
		"detach":                  {{"detach --confirm DATABASE", 0}},
	}
	order := []string{"user list", "user show", "user history", "enroll", "verify", "user enable", "user disable-next-login", "identity send", "identity check",
		"user reset", "reconcile", "set-injector", "service create", "doctor", "detach"}
	for _, command := range leaves(t) {
		if all, ok := runs[command]; !ok || len(all) > 0 != slices.Contains(order, command) {
			t.Errorf("%s is not in the table, or not in the order", command)
		}
	}

	program, s := shipped(t), newStage(t)
	s.exec(t, `insert into users (username, password, uuid, mfa_sid, mfa_enrolled, mfa_enabled)
		values ('victor', 'x', '33333333-3333-4333-8333-333333333333', 'YF00000000000000000000000000000001', true, true)`)
	url := s.db.Config().ConnString()
	dbtest.Trojans(t, url)
	env := append(slices.Clone(s.aside), "PGOPTIONS=-c search_path="+strings.ReplaceAll(dbtest.HostilePath, " ", `\ `))
	for _, command := range order {
		for _, r := range runs[command] {
			args := strings.Fields(strings.ReplaceAll(r.args, "DATABASE", s.db.Config().Database))
			c := exec.CommandContext(t.Context(), program, args...)
			c.Dir, c.Env = s.dir, env
			out, err := c.CombinedOutput()
			if code := c.ProcessState.ExitCode(); code != r.code {
				t.Errorf("%s: exit code %d, want %d, %v: %s", r.args, code, r.code, err, out)
			}
			if ran := dbtest.TrojansRun(t, url); len(ran) > 0 {
				t.Errorf("%s has run trojans: %q", r.args, ran)
			}
		}
	}
}

// leaves returns every command that has no commands below it, from docs/cli, which TestDocs holds complete.
func leaves(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "docs", "cli", "uzerp-mfa_*.md"))
	if err != nil || len(files) < 20 {
		t.Fatal(files, err)
	}
	var all []string
	for _, file := range files {
		name := strings.TrimSuffix(file, ".md")
		if !slices.ContainsFunc(files, func(other string) bool { return strings.HasPrefix(other, name+"_") }) || strings.HasSuffix(name, "_sandbox") {
			all = append(all, strings.ReplaceAll(strings.TrimPrefix(filepath.Base(name), "uzerp-mfa_"), "_", " "))
		}
	}
	return all
}

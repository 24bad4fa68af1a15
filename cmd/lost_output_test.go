package cmd_test

import (
	"bytes"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// What becomes of each command's output when it can't be written, in each format. On a full disk the answer is lost, so the command has
// failed (1), unless it fails otherwise anyway. A reader that goes away changes nothing about the exit code. A command that is not in the
// table fails the test.
func TestLostOutput(t *testing.T) {
	t.Parallel()
	const one, list, own = "json", "jsonl", "" // own: it has no formats. All formats go through one writer: two commands have them all
	const all = "table json jsonl csv"
	type run struct{ args, formats string }
	runs := map[string][]run{
		"assist": {}, "sandbox": {}, "sandbox code": {}, "sandbox stop": {}, // a terminal; another process; nothing on stdout without one
		"enroll":     {{"enroll carol --no-wait --reveal --dry-run", one}},
		"help":       {{"help", own}, {"help exit-codes", own}, {"--help", own}, {"user reset --help", own}},
		"completion": {{"completion bash", own}, {"completion zsh", own}}, "version": {{"version", one}, {"--version", own}, {"version --licenses", own}},
		"audit-log show": {{"audit-log show", list}}, "audit-log verify": {{"audit-log verify", one}, {"audit-log verify --audit-log broken.jsonl", one}},
		"policy show": {{"policy show", one}},
		"grants":      {{"grants", own}, {"grants --twilio", own}},
		"doctor":      {{"doctor", "table json"}, {"doctor --oneline", own}},
		"reconcile":   {{"reconcile", all}, {"reconcile --fix --dry-run", list}}, "detach": {{"detach --dry-run", one}},
		"service show": {{"service show", one}}, "service check": {{"service check", one}},
		"service create":       {{"service create --friendly-name Other --dry-run", one}},
		"session-config check": {{"session-config check --strict", one}}, "session-config plan": {{"session-config plan", one}},
		"session-config set": {{"session-config set --activity-timeout 2h --dry-run", one}},
		"session list":       {{"session list --php-ini php.ini", list}}, "session end": {{"session end --all --dry-run --php-ini php.ini", list}},
		"notify pending": {{"notify pending", list}, {"notify pending --audit-log mails.jsonl", list}},
		"user list":      {{"user list", all}, {"user list --limit 1", list}}, "user show": {{"user show alice", list}, {"user show bob alice", list}},
		"user history": {{"user history alice", list}, {"user history --all --suspicious", list}},
		"user enable":  {{"user enable alice --dry-run", list}}, "user reset": {{"user reset alice bob --dry-run", list}},
		"user disable-next-login": {{"user disable-next-login alice carol --dry-run", list}},
		"verify":                  {{"verify alice 000000 --dry-run", one}, {"verify alice 000000", one}},
		"identity send":           {{"identity send alice --channel sms --region GB --dry-run", one}},
		"identity check":          {{"identity check alice 000000 --region GB --dry-run", one}, {"identity check alice 000000 --region GB", one}},
		"set-injector":            {{"set-injector --dry-run", one}, {"set-injector --off --dry-run", one}},
	}
	program, s := shipped(t), newStage(t)
	type result struct {
		code     int
		out, err string
	}
	start := func(args []string, stdout *os.File) result {
		var out, errs bytes.Buffer
		c := exec.CommandContext(t.Context(), program, args...)
		c.Dir, c.Env, c.Stdout, c.Stderr = s.dir, s.aside, &out, &errs
		if stdout != nil {
			c.Stdout = stdout
		}
		_ = c.Run()
		return result{c.ProcessState.ExitCode(), out.String(), errs.String()}
	}
	writeFile(t, s.dir+"/broken.jsonl", "no record\n")
	writeFile(t, s.dir+"/php.ini", "session.save_path = "+t.TempDir()+"\n")
	for _, line := range []string{"set-injector --yes --skip-twilio-check", "enroll alice --no-wait --reveal"} { // so that there are a log, and a factor
		if r := start(strings.Fields(line), nil); r.code != 0 {
			t.Fatal(line, r)
		}
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = full.Close() }()
	seen := map[int]int{}
	for _, command := range leaves(t) {
		lines, ok := runs[command]
		if !ok {
			t.Errorf("%s is not in the table", command)
		}
		for _, r := range lines {
			formats := strings.Fields(r.formats)
			if len(formats) == 0 {
				formats = []string{own}
			}
			for _, format := range formats {
				args := strings.Fields(r.args)
				if format != own {
					args = append(args, "--output", format)
				}
				whole := start(args, nil)
				want := whole.code
				if whole.out != "" && slices.Contains([]int{0, 3, 9}, want) {
					want = 1
				}
				seen[whole.code]++
				if whole.code == 2 || whole.code == 4 || whole.code == 7 {
					t.Errorf("%q: exit code %d: %s", args, whole.code, whole.err)
				}
				got := start(args, full)
				if got.code != want || whole.out != "" && !strings.Contains(got.err, "no space left") {
					t.Errorf("%q on a full disk: exit code %d, want %d (written: %d): %s", args, got.code, want, whole.code, got.err)
				}
				reader, writer, err := os.Pipe()
				if err != nil {
					t.Fatal(err)
				}
				_ = reader.Close()
				if got := start(args, writer); got.code != whole.code {
					t.Errorf("%q without a reader: exit code %d, want %d: %s", args, got.code, whole.code, got.err)
				}
				_ = writer.Close()
			}
		}
	}
	if seen[0] == 0 || seen[9] == 0 || seen[10] == 0 {
		t.Error(seen)
	}
}

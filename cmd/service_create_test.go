package cmd_test

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"uzerp-mfa/internal/crashtest"
	"uzerp-mfa/internal/pgtemp/dbtest"
)

// If somebody enrolls while Twilio makes the service, conf/.env stays as it is: in the new service nobody has a factor.
func TestSomebodyEnrollsWhileTheServiceIsMade(t *testing.T) {
	s := newStage(t)
	dbtest.Exec(t, s.db.Config().ConnString(), "update users set mfa_enrolled = false")
	before := readFile(t, filepath.Join(s.dir, "conf/.env"))
	made := 0
	e := s.run(t, invocation{program: shipped(t), args: []string{"service", "create", "--friendly-name", "Acme uzERP", "--write-env", "--yes", "-o", "json"}},
		func(i crashtest.Interaction, phase crashtest.Phase) crashtest.Action {
			if i.System == "twilio" && strings.HasPrefix(i.Name, "POST ") && phase == crashtest.After {
				made++
				dbtest.Exec(t, s.db.Config().ConnString(), "update users set mfa_enrolled = true where username = 'alice'")
			}
			return crashtest.Pass
		}, nil)
	var answer struct {
		Env struct {
			Written bool
			Backup  *string
			Line    string
		}
	}
	if err := json.Unmarshal([]byte(e.stdout), &answer); err != nil {
		t.Fatal(err, e)
	}
	if made != 1 || e.code != 1 || answer.Env.Written || answer.Env.Backup != nil || !strings.HasPrefix(answer.Env.Line, "TWILIO_SERVICE_SID=VA") {
		t.Errorf("made %d times: %v", made, e)
	}
	for _, want := range []string{
		`"code":"failure","message":"the service VA[0-9a-f]{32} is made, but .*conf/.env does not name it: 1 of [0-9]+ users`,
		`once nobody is enrolled .*, put TWILIO_SERVICE_SID=VA[0-9a-f]{32} into .*/conf/.env by hand; running the command again would make another`,
	} {
		if !regexp.MustCompile(want).MatchString(e.stderr) {
			t.Errorf("not said: %s\n%v", want, e)
		}
	}
	if after := readFile(t, filepath.Join(s.dir, "conf/.env")); after != before {
		t.Errorf("conf/.env is now %q", after)
	}
	if all, err := filepath.Glob(filepath.Join(s.dir, "conf", "*")); err != nil || len(all) > 1 {
		t.Errorf("%q, %v", all, err)
	}
}

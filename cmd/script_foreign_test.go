package cmd_test

import (
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"uzerp-mfa/internal/emulator/oracle"
	"uzerp-mfa/internal/pgtemp/dbtest"
	"uzerp-mfa/internal/sharedtest"
)

// The scripts run on our own copy of uzERP's tables. If uzERP's real database is available, they run on that too.
func TestScriptsOnTheRealDatabase(t *testing.T) {
	var files []string
	for _, name := range []string{"doctor", "main_job", "user_list_uzerp", "user_show_uzerp"} {
		files = append(files, filepath.Join("testdata/script", name+".txtar"))
	}
	sweep(t)
	testscript.Run(t, testscript.Params{
		Files: files,
		Setup: func(env *testscript.Env) error {
			head := headOf(env.T().(testing.TB), env)
			if head.database != dbtest.Uzerp {
				env.T().Fatal("not a script about a new installation")
			}
			head.database = dbtest.Real
			return setUpAs(env, head)
		},
		Cmds:               commands(),
		RequireUniqueNames: true,
	})
}

// All requests to the emulator in the scripts are checked against Twilio's spec. Without the spec the scripts run
// too, and this test says so.
func TestAgainstTwiliosSpec(t *testing.T) {
	if _, err := oracle.Default(); err != nil {
		sharedtest.LeaveOut(t, sharedtest.Spec, err)
	}
	violations := make(chan error, 1)
	run, err := startJudged(t, func(err error) { violations <- err })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = run.Close() })
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, run.URL+"/v2/Services/"+serviceSID+"?NoSuchParameter=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(accountSID, authToken)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	select {
	case err := <-violations: // after the answer is sent
		t.Log(err)
	case <-time.After(5 * time.Minute):
		t.Error("nothing minds a parameter that Twilio doesn't have")
	}
}

package cmd_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"uzerp-mfa/internal/emulator"
)

// The commands of scripts that reach Twilio and the phones. testdata/script/README.md explains them.

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

func cmdFault(ts *testscript.TestScript, args []string) {
	control(ts, "faults", args[0])
}

func cmdRequests(ts *testscript.TestScript, args []string) {
	out := ts.Stdout() // also if nothing is printed: the output of the command before must not stay
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

func cmdAdvance(ts *testscript.TestScript, args []string) {
	d, err := time.ParseDuration(args[0])
	ts.Check(err)
	sceneOf(ts).verify.Advance(d)
}

func cmdFactors(ts *testscript.TestScript, args []string) {
	out := ts.Stdout() // also if nothing is printed: the output of the command before must not stay
	s := sceneOf(ts)
	for _, f := range s.verify.Factors(uuidOf(ts, args[0])) {
		_, _ = fmt.Fprintln(out, f.SID, f.Status, f.FriendlyName)
		if len(args) > 1 {
			ts.Setenv(args[1], f.SID)
		}
	}
}

func cmdMakeFactor(ts *testscript.TestScript, args []string) {
	f := sceneOf(ts).verify.AddFactor(uuidOf(ts, args[1]), args[1], emulator.Status(args[2]))
	ts.Setenv(args[0], f.SID)
}

func cmdSMSCode(ts *testscript.TestScript, args []string) { ts.Setenv(args[0], sentCode(ts, args[1])) }

func sentCode(ts *testscript.TestScript, number string) string {
	code, ok := sceneOf(ts).verify.SentCode(number)
	if !ok {
		ts.Fatalf("no code reached %q", number)
	}
	return code
}

// cmdShopCode has another program send a code to a number, with the same service.
func cmdShopCode(ts *testscript.TestScript, args []string) {
	run := sceneOf(ts).verify
	form := url.Values{"To": {args[0]}, "Channel": {"sms"}}
	request, err := http.NewRequest(http.MethodPost, run.URL+"/v2/Services/"+run.Services()[0]+"/Verifications", strings.NewReader(form.Encode()))
	ts.Check(err)
	request.SetBasicAuth(accountSID, authToken)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := http.DefaultClient.Do(request)
	ts.Check(err)
	_ = response.Body.Close()
	if response.StatusCode != http.StatusCreated {
		ts.Fatalf("the shop's code: %s", response.Status)
	}
}

func cmdNumber(ts *testscript.TestScript, args []string) {
	ts.Check(sceneOf(ts).verify.SetNumber(args[0], emulator.NumberKind(args[1])))
}

func cmdService(ts *testscript.TestScript, args []string) { control(ts, "service", args[0]) }

func cmdQuirks(ts *testscript.TestScript, args []string) { control(ts, "quirks", args[0]) }

// cmdAPIKey makes a restricted API key, which the program uses from then on.
func cmdAPIKey(ts *testscript.TestScript, args []string) {
	permissions := []string{}
	for _, arg := range args {
		if strings.HasSuffix(arg, ".json") { // as grants --twilio prints it
			var grants struct{ Policy struct{ Allow []string } }
			ts.Check(json.Unmarshal([]byte(ts.ReadFile(arg)), &grants))
			permissions = append(permissions, grants.Policy.Allow...)
			continue
		}
		permissions = append(permissions, "/twilio/verify/"+arg)
	}
	sceneOf(ts).verify.SetKey(emulator.Credential{Username: apiKey, Password: apiSecret, Permissions: permissions})
	ts.Setenv("TWILIO_API_KEY", apiKey)
	ts.Setenv("TWILIO_API_SECRET", apiSecret)
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

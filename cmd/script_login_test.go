package cmd_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/testscript"
)

// cmdTyped leaves behind what uzERP and Twilio leave behind if somebody types something at uzERP's login
// (docs/facts/uzerp.md §8). testdata/script/README.md explains it.
func cmdTyped(ts *testscript.TestScript, args []string) {
	user, what := args[0], args[1]
	ago, err := time.ParseDuration(args[2])
	ts.Check(err)
	at := sceneOf(ts).verify.Now().Add(ago)
	address, browser := "192.0.2.7", "Firefox"
	if len(args) > 3 {
		address, browser = args[3], args[4]
	}
	what, code, _ := strings.Cut(what, ":")
	said, level, message, action := "Code not Valid", "", "", "mfavalidate"
	data := map[string]any{"username": user}
	switch what {
	case "right":
		said, level, message = "", "INFO", "SUCCESSFUL LOGIN"
	case "wrong":
	case "refused":
		level, message = "ERROR", "MFA Error on token validation"
		data["errors"] = map[string]string{code: "[HTTP 4xx] Unable to create record"}
	case "unreached":
		level, message = "ERROR", "MFA Error on token validation"
		data["errors"] = map[string]string{"7": "Failed to connect to verify.twilio.com port 443: Connection refused"}
	case "password":
		said, level, message, action = "Incorrect username or password", "WARNING", "FAILED LOGIN, Incorrect username or password", "login"
	default:
		ts.Fatalf("nobody types %q", what)
	}
	if what == "right" || what == "wrong" {
		challenge(ts, user, at, what == "right")
	}
	if said != "" {
		auditLine(ts, user, at.Add(300*time.Millisecond), said, address, browser)
	}
	if message != "" {
		logLine(ts, at.Add(200*time.Millisecond), level, message, data,
			map[string]string{"url": "/?module=login&action=" + action, "ip": address, "http_method": "POST"})
	}
}

// challenge makes one of the newest factor at Twilio of the user's.
func challenge(ts *testscript.TestScript, user string, at time.Time, right bool) {
	s := sceneOf(ts)
	factors := s.verify.Factors(uuidOf(ts, user))
	if len(factors) == 0 || !s.verify.AddChallenge(factors[len(factors)-1].SID, at, right) {
		ts.Fatalf("%s has no factor", user)
	}
}

// auditLine writes into uzERP's table, by the clock that is AUDIT_AHEAD of UTC. With a refused password uzERP does not say whose.
func auditLine(ts *testscript.TestScript, user string, at time.Time, said, address, browser string) {
	if ts.Getenv("AUDIT_LOGIN") == "off" {
		return
	}
	ahead, _ := time.ParseDuration(ts.Getenv("AUDIT_AHEAD"))
	name := &user
	if strings.HasPrefix(said, "Incorrect") {
		name = nil
	}
	line := "Array\n(\n    [module] => login\n)\nArray\n(\n    [errors] => Array\n        (\n            [0] => " + said +
		"\n        )\n\n    [warnings] => Array\n        (\n        )\n\n    [messages] => Array\n        (\n        )\n\n)\n"
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, sceneOf(ts).database)
	ts.Check(err)
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, `with h as (insert into audit_header (username, sessionid, created) values ($1, 'topsecretsession', $2) returning id)
		insert into audit_lines (audit_id, created, username, line, remote_address, user_agent) select id, $2, $1, $3, $4, $5 from h`,
		name, at.UTC().Add(ahead).Format("2006-01-02 15:04:05.999999"), line, address, browser)
	ts.Check(err)
}

// logLine writes into uzERP's log of that day, if the script has made a directory log in uzERP's.
func logLine(ts *testscript.TestScript, at time.Time, level, message string, data any, request map[string]string) {
	dir := filepath.Join(ts.Getenv("UZERP_ROOT"), "log")
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return
	}
	d, err := json.Marshal(data)
	ts.Check(err)
	r, err := json.Marshal(request)
	ts.Check(err)
	f, err := os.OpenFile(filepath.Join(dir, "uzerp-"+at.UTC().Format(time.DateOnly)+".log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	ts.Check(err)
	_, err = fmt.Fprintf(f, "[%s] uzerp_authentication.%s: %s %s %s\n", at.UTC().Format("2006-01-02T15:04:05.000000-07:00"), level, message, d, r)
	ts.Check(errors.Join(err, f.Close()))
}

package uzerplog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"uzerp-mfa/internal/history"
)

// logLine is a line as uzERP writes it.
func logLine(at, level, message string, context any, extra map[string]string) string {
	all := map[string]string{"url": "/?module=login&action=login", "ip": "192.0.2.7", "http_method": "POST", "server": "erp", "referrer": "x"}
	for k, v := range extra {
		all[k] = v
	}
	c, _ := json.Marshal(context)
	e, _ := json.Marshal(all)
	return fmt.Sprintf("[%s] uzerp_authentication.%s: %s %s %s", at, level, message, c, e)
}

const at = "2026-11-26T12:24:22.335901+01:00"

func name(username string) map[string]any { return map[string]any{"username": username} }

// The measured line of docs/facts/uzerp.md §8, and what else uzERP writes about logins.
func TestParse(t *testing.T) {
	utc := time.Date(2026, 11, 26, 11, 24, 22, 335901000, time.UTC)
	entry := func(what history.What, username string, errors ...history.TwilioError) history.Entry {
		return history.Entry{At: utc, Source: history.FromLog, What: what, Username: username, Address: "192.0.2.7", Errors: errors}
	}
	failed := func(raw string) string {
		return `[` + at + `] uzerp_authentication.ERROR: MFA Error on token validation {"username":"alice","errors":` + raw + `} {"url":"/","ip":"192.0.2.7"}`
	}
	success := func(method, url string) string {
		return logLine(at, "INFO", "SUCCESSFUL LOGIN", name("alice"), map[string]string{"http_method": method, "url": url})
	}
	for line, want := range map[string]history.Entry{
		failed(`{"60312":"[HTTP 429] Unable to create record: Challenge creation limit reached"}`): entry(history.CodeNotChecked, "alice",
			history.TwilioError{Code: 60312, Message: "[HTTP 429] Unable to create record: Challenge creation limit reached"}),
		failed(`["Could not connect via http://me:pw@proxy:8080 for 123456"]`): entry(history.CodeNotChecked, "alice",
			history.TwilioError{Message: "Could not connect via http://…proxy:8080 for …"}),
		failed(`{"20404":"a","x":"b","60318":"c"}`): entry(history.CodeNotChecked, "alice",
			history.TwilioError{Code: 60318, Message: "c"}, history.TwilioError{Code: 20404, Message: "a"}),
		failed(`null`): entry(history.CodeNotChecked, "alice"),
		logLine(at, "WARNING", "FAILED LOGIN, Incorrect username or password", name("bob"), nil): entry(history.PasswordRefused, "bob"),
		logLine(at, "WARNING", "FAILED LOGIN, account disabled", name("bob"), nil):               entry(history.PasswordRefused, "bob"),
		logLine(at, "ERROR", "MFA Error on verifying enrollment", map[string]any{"username": "bob", "errors": map[string]string{"60310": "x"}}, nil): entry(
			history.EnrollRefused, "bob", history.TwilioError{Code: 60310, Message: "x"}),
		success("POST", "/?module=login&action=login"):           entry(history.PasswordOnly, "alice"),
		success("POST", "/?module=login&action=mfavalidate"):     entry(history.CodeAccepted, "alice"),
		success("POST", "/?action=mfaenroll"):                    entry(history.Enrolled, "alice"),
		success("GET", "/"):                                      entry(history.Skipped, "alice"),
		success("POST", "/?action=login&action=mfavalidate"):     entry(history.LoggedIn, "alice"),
		success("POST", "/?action=%zz"):                          entry(history.LoggedIn, "alice"),
		success("GET", "/?x=1&action=index"):                     entry(history.LoggedIn, "alice"),
		success("POST", "/x?planted=action%3Dlogin&y=mfaenroll"): entry(history.LoggedIn, "alice"),
	} {
		got, k := parse([]byte(line))
		if diff := cmp.Diff(want, got); diff != "" || k != login {
			t.Errorf("%s: kind %d %s", line, k, diff)
		}
	}
}

// Nothing that somebody types makes a line, or a part of one, that is taken for uzERP's.
func TestPlantedText(t *testing.T) {
	real := logLine(at, "ERROR", "MFA Error on token validation", map[string]any{"username": "victim", "errors": map[string]string{"60312": "x"}}, nil)
	for _, typed := range []string{real, "\n" + real, "\r\n" + real + "\n", `x"} {"ip":"1.2.3.4"}` + "\n" + real, `\`, "\x00", "\u2028" + real,
		`","username":"victim`, strings.Repeat("{", 10000), "[" + at + "] uzerp_authentication.INFO: SUCCESSFUL LOGIN"} {
		line := logLine(at, "WARNING", "FAILED LOGIN, Incorrect username or password", name(typed), map[string]string{"url": "/?" + typed, "referrer": typed})
		if strings.Contains(line, "\n") {
			t.Fatal("a line end in JSON")
		}
		e, k := parse([]byte(line))
		if k != login || e.What != history.PasswordRefused || e.Username != typed && utf8.ValidString(typed) || e.Errors != nil {
			t.Errorf("%q: kind %d, %+v", typed, k, e)
		}
	}
	for line, want := range map[string]kind{
		"":                            foreign,
		" " + real:                    foreign,
		"x" + real:                    foreign,
		"PHP Warning:  " + real:       foreign,
		real + real:                   unclear,
		real + " {}":                  unclear,
		real + " x":                   unclear,
		real + "\r" + real:            unclear,
		strings.TrimSuffix(real, "}"): unclear,
		strings.Replace(real, `{"errors"`, `{} {"errors"`, 1):               unclear,
		strings.Replace(real, `"username":"victim"`, `"username":["x"]`, 1): unclear,
		strings.Replace(real, `"username":"victim"`, `"user":"x"`, 1):       unclear,
		strings.Replace(real, "uzerp_authentication", "uzerp", 1):           other,
		strings.Replace(real, ".ERROR", ".INFO", 1):                         other,
		strings.Replace(real, "validation", "valuation", 1):                 other,
		strings.Replace(real, "2026-11-26", "2026-13-26", 1):                foreign,
		strings.Replace(real, "2026-11-26", "0001-01-01", 1):                foreign,
		strings.Replace(real, "+01:00", "", 1):                              foreign,
	} {
		if e, k := parse([]byte(line)); k != want || k != login && e.Username != "" {
			t.Errorf("%q: kind %d, want %d", line, k, want)
		}
	}
}

// FuzzParse checks that no line makes the parser panic, and that what it returns is bounded and stands in the line.
func FuzzParse(f *testing.F) {
	f.Add([]byte(logLine(at, "WARNING", "FAILED LOGIN, account disabled", name("bob"), nil)))
	f.Add([]byte(logLine(at, "ERROR", "MFA Error on token validation", map[string]any{"username": "a", "errors": []string{"x"}}, nil)))
	f.Add([]byte(logLine(at, "INFO", "SUCCESSFUL LOGIN", name("a"), map[string]string{"url": "/?action=login"})))
	f.Fuzz(func(t *testing.T, line []byte) {
		e, k := parse(line)
		if k != login {
			return
		}
		if e.At.Year() < 2000 || e.What == "" || len(e.Address) > maxName || len(e.Errors) > maxErrors || !bytes.HasPrefix(line, []byte("[")) {
			t.Errorf("%q: %+v", line, e)
		}
		for _, te := range e.Errors {
			if len(te.Message) > maxMessage || !utf8.ValidString(te.Message) {
				t.Errorf("%q: %+v", line, te)
			}
		}
		if e.Username != "" && bytes.Count(line, []byte(`"`)) < 4 {
			t.Errorf("%q: a name from nowhere", line)
		}
	})
}

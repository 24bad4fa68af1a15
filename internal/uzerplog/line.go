package uzerplog

import (
	"bytes"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"uzerp-mfa/internal/history"
	"uzerp-mfa/internal/pattern"
)

const (
	maxLine    = 64 << 10 // bytes: a longer one is left out
	maxErrors  = 8        // of one line
	maxMessage = 300      // bytes of a text of Twilio's or of PHP's
	maxName    = 200      // bytes of a name or an address
)

// head is the beginning of each line, of all of uzERP's channels (§8).
var head = pattern.Lazy(`^\[([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2}))\] ` +
	`([A-Za-z0-9_]+)\.([A-Z]+): `)

// messages are those about a login. None of them holds anything that somebody typed.
var messages = []struct {
	level, text string
	what        history.What
}{
	{"ERROR", "MFA Error on token validation", history.CodeNotChecked},
	{"ERROR", "MFA Error on verifying enrollment", history.EnrollRefused},
	{"WARNING", "FAILED LOGIN, Incorrect username or password", history.PasswordRefused},
	{"WARNING", "FAILED LOGIN, account disabled", history.PasswordRefused},
	{"WARNING", "FAILED LOGIN, either the username was not found in the database or system access is disabled", history.PasswordRefused},
	{"INFO", "SUCCESSFUL LOGIN", history.LoggedIn},
}

const channel = "uzerp_authentication"

// timeOf returns the time of a line of uzERP's log, whatever it is about.
func timeOf(line []byte) (time.Time, bool) {
	m := head().FindSubmatch(line)
	if m == nil {
		return time.Time{}, false
	}
	at, err := time.Parse(time.RFC3339Nano, string(m[1]))
	return at, err == nil && at.UTC().Year() >= 2000 && at.UTC().Year() <= 9999
}

// kind says what a line is.
type kind int

const (
	foreign kind = iota // no line of uzERP's
	other               // a line about something else than a login
	login
	unclear // begins as a line about a login, and goes on in another way
)

// parse reads one line without its line end. The entry's name is what the line has: somebody may have typed it.
func parse(line []byte) (history.Entry, kind) {
	at, ok := timeOf(line)
	if !ok {
		return history.Entry{}, foreign
	}
	m := head().FindSubmatch(line)
	if string(m[2]) != channel {
		return history.Entry{}, other
	}
	rest := line[len(m[0]):]
	for _, msg := range messages {
		data, ok := bytes.CutPrefix(rest, []byte(msg.text+" "))
		if !ok || string(m[3]) != msg.level {
			continue
		}
		e := history.Entry{At: at.UTC(), Source: history.FromLog, What: msg.what}
		if !readData(data, &e) {
			return history.Entry{}, unclear
		}
		return e, login
	}
	return history.Entry{}, other
}

// readData reads the two JSON objects at the end of a line: what uzERP says, and what the request was. They must be all
// that is left, so that a line in a line is none.
func readData(data []byte, e *history.Entry) bool {
	if bytes.IndexByte(data, '\n') >= 0 || bytes.IndexByte(data, '\r') >= 0 {
		return false
	}
	var context struct {
		Username *string         `json:"username"`
		Errors   json.RawMessage `json:"errors"`
	}
	var extra struct {
		URL    string `json:"url"`
		IP     string `json:"ip"`
		Method string `json:"http_method"`
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if d.Decode(&context) != nil || context.Username == nil {
		return false
	}
	between := d.InputOffset()
	if d.Decode(&extra) != nil || !bytes.HasPrefix(data[between:], []byte(" {")) || len(bytes.TrimRight(data[d.InputOffset():], " ")) != 0 {
		return false
	}
	e.Username, e.Address = *context.Username, cut(extra.IP, maxName)
	e.Errors = readErrors(context.Errors)
	if e.What == history.LoggedIn {
		e.What = how(extra.Method, extra.URL)
	}
	return true
}

// readErrors reads Twilio's errors by their codes. PHP writes an array with the keys 0, 1, … as a list.
func readErrors(raw json.RawMessage) []history.TwilioError {
	var all []history.TwilioError
	var list []string
	var object map[string]string
	switch {
	case json.Unmarshal(raw, &list) == nil:
		for i, text := range list {
			all = append(all, history.TwilioError{Code: i, Message: harmless(text)})
		}
	case json.Unmarshal(raw, &object) == nil:
		for key, text := range object {
			if code, err := strconv.Atoi(key); err == nil && code >= 0 {
				all = append(all, history.TwilioError{Code: code, Message: harmless(text)})
			}
		}
	}
	slices.SortFunc(all, func(a, b history.TwilioError) int { return b.Code - a.Code })
	return all[:min(len(all), maxErrors)]
}

// secretLike matches what may be the password of a proxy, a TOTP secret or a code in a text of an error.
var secretLike = pattern.Lazy(`[^\s/@"']*:[^\s/@"']*@|(?i:otpauth:\S*)|[A-Z2-7]{16,}|\b[0-9]{6,8}\b`)

func harmless(text string) string {
	return cut(secretLike().ReplaceAllString(cut(text, 4*maxMessage), "…"), maxMessage)
}

// cut returns the beginning of a text, of at most so many bytes, and whole characters only.
func cut(text string, most int) string {
	if len(text) > most {
		text = text[:most]
	}
	return strings.ToValidUTF8(text, "")
}

// how says how somebody logged in, by the address of the request: what uzERP did, and not what was asked for, decides
// whether there was a login at all. An address that asks for several actions says nothing.
func how(method, address string) history.What {
	u, err := url.Parse(address)
	if err != nil || len(address) > maxLine {
		return history.LoggedIn
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return history.LoggedIn
	}
	switch actions := query["action"]; {
	case len(actions) == 0 && method == "GET" && (u.Path == "/" || u.Path == ""):
		return history.Skipped
	case len(actions) != 1:
		return history.LoggedIn
	case actions[0] == "login":
		return history.PasswordOnly
	case actions[0] == "mfavalidate":
		return history.CodeAccepted
	case actions[0] == "mfaenroll":
		return history.Enrolled
	}
	return history.LoggedIn
}

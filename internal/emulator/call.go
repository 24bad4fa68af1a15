package emulator

import (
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"uzerp-mfa/internal/sidform"
)

// maxRequestBody is the number of bytes that the emulator reads of a request's body.
const maxRequestBody = 64 << 10

// call is one request while it is served.
type call struct {
	request   *http.Request
	path      string // as sent, escaped
	query     url.Values
	body      []byte
	form      url.Values // a POST's body, if it is a form
	malformed error      // the body could not be read or parsed

	route   *route // nil if none matches
	vars    map[string]string
	entry   *Request // its line in the log
	service *service // the service that the path names; nil if it names none
	now     time.Time
	status  int  // of the answer; 0 for the route's own
	changed bool // the call changed the emulator's state
}

func newCall(w http.ResponseWriter, r *http.Request) *call {
	c := &call{request: r, path: r.URL.EscapedPath(), query: r.URL.Query(), form: url.Values{}}
	c.body, c.malformed = io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequestBody))
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if r.Method == http.MethodPost && kind == "application/x-www-form-urlencoded" && c.malformed == nil {
		c.form, c.malformed = url.ParseQuery(string(c.body))
	}
	return c
}

// params returns the parameters of the operation. Twilio reads those of a POST from the body only, all others from the
// query.
func (c *call) params() url.Values {
	if c.request.Method == http.MethodPost {
		return c.form
	}
	return c.query
}

// required returns a parameter that must not be empty.
func (c *call) required(name string) (string, error) {
	if v := c.params().Get(name); v != "" {
		return v, nil
	}
	return "", refuse(20001, name)
}

// invalid returns the error for a parameter's value: 60306 for entities and what belongs to them, 60200 elsewhere
// (docs/facts/twilio-verify.md §2).
func (c *call) invalid(name string) error {
	if strings.HasPrefix(c.route.pattern, entitiesPattern) {
		return refuse(60306, name)
	}
	return refuse(60200, "'"+name+"'")
}

// integer returns a parameter that is a number from low to high, or def if it is missing.
func (c *call) integer(name string, low, high, def int) (int, error) {
	if !c.params().Has(name) {
		return def, nil
	}
	n, err := strconv.Atoi(c.params().Get(name))
	if err != nil || n < low || n > high {
		return 0, c.invalid(name)
	}
	return n, nil
}

// oneOf returns a parameter that must be one of allowed, or def if it is missing.
func (c *call) oneOf(name, def string, allowed ...string) (string, error) {
	if !c.params().Has(name) {
		return def, nil
	}
	v := c.params().Get(name)
	if !slices.Contains(allowed, v) {
		return "", c.invalid(name)
	}
	return v, nil
}

// boolean returns a parameter that is true or false, and false if it is missing.
func (c *call) boolean(name string) (bool, error) {
	v, err := c.oneOf(name, "false", "true", "false")
	return v == "true", err
}

// sid returns a parameter that is a SID of the kind, and "" if it is missing.
func (c *call) sid(name string, kind sidform.Kind) (string, error) {
	if !c.params().Has(name) {
		return "", nil
	}
	v := c.params().Get(name)
	if !kind.Valid(v) {
		return "", c.invalid(name)
	}
	return v, nil
}

// text returns a parameter of low to high characters. ok is false if it is missing.
func (c *call) text(name string, low, high int) (v string, ok bool, err error) {
	if !c.params().Has(name) {
		return "", false, nil
	}
	v = c.params().Get(name)
	if n := utf8.RuneCountInString(v); n < low || n > high {
		return "", false, c.invalid(name)
	}
	return v, true, nil
}

// code returns the AuthPayload of a TOTP factor: 3 to 8 characters.
func (c *call) code() (string, bool, error) { return c.text("AuthPayload", 3, 8) }

// stringMap returns a parameter that is a JSON object of strings in at most 1024 characters, and nil if it is missing.
func (c *call) stringMap(name string) (map[string]string, error) {
	text, ok, err := c.text(name, 0, 1024)
	if err != nil || !ok {
		return nil, err
	}
	var m map[string]string
	if json.Unmarshal([]byte(text), &m) != nil || m == nil {
		return nil, c.invalid(name)
	}
	return m, nil
}

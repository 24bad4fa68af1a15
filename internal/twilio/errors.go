package twilio

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/pattern"
	"uzerp-mfa/internal/sidform"
	"uzerp-mfa/internal/verifyservice"
)

const (
	hintAgain  = "it is safe to run the command again"
	maxMessage = 200
)

// callError is the error of an exchange. Its text consists of our own words, numbers, and Twilio's message, in quotes, if that is
// harmless. It never has the text of an error of net/http, net/url or encoding/json: these quote input and addresses,
// such as that of a proxy with its password.
type callError struct {
	words   string
	status  int           // of HTTP; 0 if no answer came
	code    int           // Twilio's; 0 if the answer is not Twilio's
	message string        // Twilio's, cleaned
	wait    time.Duration // Retry-After
	until   string        // the time of day at which it ends, if that is longer than anybody waits
	through string        // ", through the proxy …", or empty

	kind      errs.Kind
	hint      errs.Hint
	transient bool    // another try may help
	timeout   bool    // no answer within Config.CallTimeout
	reached   bool    // the request may have had an effect
	causes    []error // sentinels for errors.Is
}

func (f *callError) Error() string {
	var b strings.Builder
	b.WriteString(f.words)
	if f.status != 0 {
		fmt.Fprintf(&b, " (HTTP %d", f.status)
		if f.code != 0 {
			fmt.Fprintf(&b, ", code %d", f.code)
		}
		if f.message != "" {
			b.WriteString(": " + strconv.Quote(f.message))
		}
		b.WriteString(")")
	}
	if f.wait > 0 {
		fmt.Fprintf(&b, ", asked to wait %s", f.wait.Round(time.Second))
		if f.until != "" {
			fmt.Fprintf(&b, " (%d s, until %s)", int(f.wait.Round(time.Second)/time.Second), f.until)
		}
	}
	b.WriteString(f.through)
	if errors.Is(f, errs.ErrLostReply) {
		b.WriteString("; it may have taken effect")
	}
	return b.String()
}

func (f *callError) Unwrap() []error { return f.causes }

// settle marks f as a lost reply if a request that changes something may have had an effect.
func (f *callError) settle(method string) *callError {
	if f.reached && method != http.MethodGet {
		f.causes = append(f.causes, errs.ErrLostReply)
	}
	return f
}

// unavailable makes f an errs.Unavailable that another try may cure.
func (f *callError) unavailable(words string) {
	f.kind, f.words, f.hint = errs.Unavailable, words, errs.Plain(hintAgain)
}

// unusable makes f the error of an answer that does not say whether the request had an effect.
func (f *callError) unusable(words string) {
	f.unavailable("Twilio " + words)
	f.reached = true
}

// classify chooses the kind of an answer that is no success: by the HTTP status first, then by Twilio's code (§2).
// Codes without a documented status are looked up first, because they may come with any status.
func (f *callError) classify(c *Client) {
	p, known := problems[f.code]
	switch s := f.status; {
	case s == http.StatusNotImplemented: // another try helps nothing, and nothing is known to be gone
		f.is(problem{kind: errs.Failure, words: "what answers there does not have this call: it is no complete Twilio Verify"}, c)
	case s >= 500:
		f.unusable("has a problem")
		f.transient = true
		if f.code == 0 { // perhaps it is not Twilio's
			c.look(f)
		}
	case s < 400:
		f.unusable("or a proxy answered with a redirect, which is not followed")
		f.strange(c)
	case known && p.status == 0:
		f.is(p, c)
	case s == http.StatusUnauthorized:
		f.is(byStatus(s), c)
	case f.code == 0 && s == http.StatusForbidden:
		f.is(rejected("the call was forbidden, perhaps by a proxy or firewall"), c)
		f.hint = errs.Plain(f.hint.Text + "; and " + c.way.check("what stands between this machine and "+c.way.Host))
	case f.code == 0 && s == http.StatusTooManyRequests:
		f.is(limited(s), c)
	case f.code == 0:
		f.unusable("or a proxy gave an answer that is not the API's")
		f.strange(c)
	case known && s != http.StatusNotFound:
		f.is(p, c)
	default:
		f.is(byStatus(s), c)
	}
}

// strange says what to look at if something other than Twilio has answered.
func (f *callError) strange(c *Client) {
	const page = "a captive portal, a proxy or a firewall may have answered; "
	if c.way.Proxy == "" && !c.defaultHost {
		f.hint = errs.Plain("check " + verifyURLSetting + ": another program may answer there; it is safe to run the command again")
		return
	}
	f.hint = errs.Plain(page + c.way.check("look from this machine with a browser") + "; " + hintAgain)
}

// stopped returns the error of a context that is done, or nil. It compares the deadline with the clock, too: the dialer
// may notice it before the context does.
func stopped(ctx context.Context) *callError {
	deadline, limited := ctx.Deadline()
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return &callError{kind: errs.Interrupted, words: "interrupted", causes: []error{context.Canceled}}
	case ctx.Err() != nil, limited && !time.Now().Before(deadline):
		f := &callError{causes: []error{context.DeadlineExceeded}}
		f.unavailable("the time limit of the command has passed")
		return f
	}
	return nil
}

// fail translates the error of a call into the error of a port. An error that is no *callError comes from twilio-go's
// decoder: the JSON has another shape than documented.
func (o *call) fail(err error) error {
	f, ok := errors.AsType[*callError](err)
	if !ok {
		return o.distrust(errors.New("is not of the documented shape"))
	}
	if f.code == badParameter && f.kind == errs.Failure && o.invalid.words != "" {
		f.is(o.invalid, o.c)
	}
	if errors.Is(f, mfa.ErrNotPermitted) && (o.c.isKey || f.code == notPermitted) {
		if f.code == notPermitted {
			f.words = "the API key lacks the permission " + string(o.permission)
		}
		f.hint = verifyservice.ReasonNotPermitted.With(string(o.permission), o.c.credentials)
	}
	if o.ifLost != "" && lost(f) {
		f.hint = errs.Plain(o.ifLost)
	}
	o.c.tellWay(f)
	return &errs.Error{Kind: f.kind, Op: o.op, Hint: f.hint, Err: f}
}

// tellWay names the proxy in an error, unless that is Twilio's answer to a question about a user. A proxy may answer anything,
// and the answer alone does not show that it came from one.
func (c *Client) tellWay(f *callError) {
	switch f.kind {
	case errs.Config, errs.Unavailable, errs.Failure:
		f.through = c.way.through()
	case errs.NotFound:
		if errors.Is(f, mfa.ErrNoService) {
			f.through = c.way.through()
		}
	}
}

// distrust returns the error of an answer that is complete but can't be believed. problem completes "an answer that …".
func (o *call) distrust(problem error) error {
	f := &callError{}
	f.unusable("gave an answer that " + problem.Error())
	if errors.Is(problem, errElsewhere) {
		f.hint = errs.Plain("check " + o.c.named("TWILIO_SERVICE_SID", "TWILIO_ACCOUNT_SID") + o.c.elsewhereToo())
		if o.method == http.MethodGet { // nothing had an effect, and running it again does not help
			f.kind = errs.Config
		}
	}
	return o.fail(f.settle(o.effect()))
}

// errElsewhere is in the chain of the error of an answer that is about another service or account than the settings name.
var errElsewhere = errors.New("about another place")

// elsewhere returns the error of an answer that names another service or account, or none.
func elsewhere(what string, kind sidform.Kind, sid *string) error {
	if !kind.Valid(text(sid)) {
		return errors.New("names another " + what)
	}
	return otherPlace(what)
}

type otherPlace string

func (o otherPlace) Error() string { return "names another " + string(o) }

func (otherPlace) Unwrap() error { return errElsewhere }

// elsewhereToo completes a hint about the service: if Twilio is asked at another address, that may be the reason.
func (c *Client) elsewhereToo() string {
	if c.defaultHost {
		return ""
	}
	return "; and " + verifyURLSetting + ", for it leads to another place than Twilio"
}

// lost reports whether err leaves it open whether a call had an effect.
func lost(err error) bool { return errors.Is(err, errs.ErrLostReply) }

// notFound reports whether err is Twilio's own "not found".
func notFound(err error) bool { return errs.KindOf(err) == errs.NotFound }

// wrongCode reports whether err is how Twilio answered a wrong code until 2021-10-27 (§0.1).
func wrongCode(err error) bool { return errs.KindOf(err) == errs.CodeRejected }

// errorBody reads Twilio's error body (§1). The code is 0 if body is something else.
func errorBody(body []byte) (code int, message string) {
	var e struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &e) != nil || e.Code <= 0 {
		return 0, ""
	}
	return e.Code, e.Message
}

// secretLike matches what may be a TOTP secret or its URI.
var secretLike = pattern.Lazy(`(?i:otpauth)|[A-Z2-7]{16,}`)

// harmless returns a message of Twilio's as one short line, or "" if it repeats something that must not be shown.
func (c *Client) harmless(message string, data url.Values) string {
	message = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r == unicode.ReplacementChar || !unicode.IsGraphic(r):
			return -1
		}
		return r
	}, message)
	if c.leaks(message) || secretLike().MatchString(message) || repeats(message, data) {
		return ""
	}
	message = strings.TrimRight(strings.TrimSpace(message), ".")
	if r := []rune(message); len(r) > maxMessage {
		message = string(r[:maxMessage-1]) + "…"
	}
	return message
}

// repeats reports whether message holds a value of the form: a code, a name, or a phone number.
func repeats(message string, form url.Values) bool {
	message = strings.ToLower(message)
	for name, values := range form {
		switch name {
		case "FactorType", "FactorSid", "PageSize", "Channel", "CodeLength": // no secrets
			continue
		}
		for _, v := range values {
			if name == "To" && quotesNumber(message, v) {
				return true
			}
			for _, spelled := range []string{v, url.PathEscape(v), url.QueryEscape(v)} {
				if strings.Contains(message, strings.ToLower(spelled)) {
					return true
				}
			}
		}
	}
	return false
}

// quotesNumber reports whether message has five digits of the number in a row. Other characters may stand between them:
// Twilio may quote a number with spaces, without its country code, or cut off.
func quotesNumber(message, number string) bool {
	digits := func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}
	message, number = strings.Map(digits, message), strings.Map(digits, number)
	for i := 0; i+5 <= len(number); i++ {
		if strings.Contains(message, number[i:i+5]) {
			return true
		}
	}
	return false
}

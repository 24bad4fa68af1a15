package twilio

import (
	"net/http"

	"uzerp-mfa/internal/caller"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
)

// problem is what one of Twilio's error codes means to the person who ran the command.
type problem struct {
	status int // as Twilio documents it; 0 if it is not documented: then the code counts with any 4xx
	kind   errs.Kind
	words  string
	hint   errs.Hint // empty with errs.Config: it becomes "check the credentials"
	again  bool      // not processed, and soon over: may be tried again, even a POST
	cause  error     // a sentinel for errors.Is
}

// badParameter is Twilio's "Invalid parameter: …". Only the operation knows whose mistake it is (call.invalid).
const badParameter = 60200

// notPermitted is Twilio's answer to a restricted API key. Only the operation knows which permission is meant (call.permission).
const notPermitted = 70051

const (
	rejectedRequest = "Twilio rejected the request"

	noPSD2     = "switch psd2_enabled off for the service in Twilio's console"
	enrollAnew = "enroll the user again: that makes a new factor"
	nextCode   = "run the command again, with the next code that the app shows"
)

// problems has the codes that Twilio can answer here and that say more than their HTTP status (§2).
var problems = map[int]problem{
	// The account and its rate limits.
	20005: config(0, "the Twilio account is not active: it is suspended or closed",
		"look at the account in Twilio's console: its balance, or a mail from Twilio; until it is active again no login takes a code"),
	20008: rejected("Verify does not accept these credentials"),
	20429: limited(http.StatusTooManyRequests),
	21608: config(403, "a trial account of Twilio's reaches only numbers that were verified in its console",
		"verify the number in Twilio's console, or upgrade the account"),
	25109:        limited(0),
	notPermitted: forbidden("the credentials lack the permission for this"),

	// Verifications and services.
	badParameter: {status: 400, kind: errs.Failure, words: rejectedRequest},
	60202: refused(429, "five wrong codes were given, and Twilio takes no more for this number",
		"wait ten minutes, then send a new code").because(mfa.ErrAttemptsUsedUp),
	60203: refused(429, "five codes were sent to this number, and Twilio sends no more for now",
		"use the code that was sent already, or wait ten minutes and send again"),
	60204: config(403, "the Verify service lacks a feature that was asked for",
		"look at custom_code_enabled and default_template_sid of the service in Twilio's console"),
	60205: refused(403, "the number is a landline, and gets no SMS", "").advising(caller.ReasonSMSRefused.With()),
	60206: config(400, "the Verify service wants an amount and a payee with every code (PSD2), and a helpdesk has none", noPSD2),
	60212: unavailable(429, "Twilio is busy with another request for this number", "wait a moment; "+hintAgain).repeatable(),
	60214: config(400, "the Verify service makes no calls as long as it is meant for payments (PSD2)", noPSD2),
	60217: config(400, "the Verify service has no e-mail integration", "send the code by SMS or by a call"),
	60221: {status: 400, kind: errs.Failure, words: "Twilio was not told whose code this is",
		hint: errs.Plain("this is a mistake in uzerp-mfa: please report it")},
	60223: config(0, "this channel is switched off in the Verify service",
		"use the other channel (sms, call), or switch it on for the service in Twilio's console"),
	60238: refused(0, "Twilio blocks all codes to this number", "identify the user in another way; only Twilio's support can lift the block"),
	60329: config(0, "PSD2 does not go together with silent network authentication", noPSD2),
	60330: config(400, "a webhook of the Verify service could not be called", "correct or delete the service's webhook in Twilio's console"),
	60331: config(0, "the voice of the Verify service does not speak the language of this call",
		"look at tts_name of the service in Twilio's console, or send the code by SMS"),
	60410: refused(0, "Twilio's fraud protection blocks SMS to numbers like this one for 12 hours", "").advising(caller.ReasonSMSBlocked.With()),
	60431: missing(),
	60605: config(403, "the Twilio account may not reach the country of this number", "allow the country under Geo permissions in Twilio's console"),
	60728: unavailable(0, "the Twilio account has sent as many messages as it may within an hour", "wait an hour, then run the command again"),

	// Entities, factors and challenges.
	60301: refused(409, "there is one already", ""),
	60308: refused(429, "Twilio takes no more codes here after five wrong ones", nextCode).because(mfa.ErrAttemptsUsedUp),
	60310: refused(429, "Twilio takes no more codes here after five wrong ones", enrollAnew).because(mfa.ErrAttemptsUsedUp),
	60311: wrong(),
	60312: refused(429, "the factor has had too many challenges for this hour or day", "").advising(mfa.ReasonTooManyCodes.With()),
	60315: refused(400, "the user has as many factors as Twilio allows", "delete factors that are not in use"),
	60317: refused(409, "there is one already", ""),
	60318: refused(403, "the factor is not verified", "finish the enrolment, or enroll the user again"),
	60322: refused(403, "the challenge was answered already", nextCode),
	60323: refused(403, "the challenge has expired", nextCode),
	60324: wrong(),
	60326: refused(429, "too many factors were made for this user within a day", "try again tomorrow"),
	60328: limited(0),
	60383: refused(0, "the factor is in a state that does not allow this, or has expired", enrollAnew),
	60390: missing(),
	60391: missing(),
	60392: missing(),
}

func refused(status int, words, hint string) problem {
	return problem{status: status, kind: errs.Refused, words: words, hint: errs.Plain(hint)}
}

func config(status int, words, hint string) problem {
	return problem{status: status, kind: errs.Config, words: words, hint: errs.Plain(hint)}
}

func unavailable(status int, words, hint string) problem {
	return problem{status: status, kind: errs.Unavailable, words: words, hint: errs.Plain(hint)}
}

// rejected returns a problem with the credentials.
func rejected(words string) problem { return config(0, words, "") }

// forbidden returns a problem with what the credentials may do (§9).
func forbidden(words string) problem { return rejected(words).because(mfa.ErrNotPermitted) }

// limited returns a rate limit. Twilio does not process the calls that it answers so (§3.1).
func limited(status int) problem {
	return unavailable(status, "Twilio is limiting the rate of calls", hintAgain).repeatable()
}

func missing() problem { return problem{kind: errs.NotFound, words: "not found at Twilio"} }

// wrong returns how Twilio answered a wrong code until 2021-10-27 (§0.1).
func wrong() problem {
	return problem{status: 403, kind: errs.CodeRejected, words: "the code is wrong"}
}

func (p problem) repeatable() problem {
	p.again = true
	return p
}

func (p problem) advising(hint errs.Hint) problem {
	p.hint = hint
	return p
}

func (p problem) because(sentinel error) problem {
	p.cause = sentinel
	return p
}

// byStatus returns what a 4xx answer of Twilio means if its code is not in problems.
func byStatus(status int) problem {
	switch status {
	case http.StatusUnauthorized:
		return rejected("the credentials were rejected")
	case http.StatusForbidden:
		return forbidden("Twilio does not allow this")
	case http.StatusNotFound:
		return missing()
	case http.StatusConflict:
		return refused(status, "there is one already", "")
	case http.StatusTooManyRequests: // an unknown code, so it is not repeated; a 429 is not processed (§3.1)
		return unavailable(status, "Twilio turned the call away for now", hintAgain)
	}
	return problem{kind: errs.Failure, words: rejectedRequest}
}

// is makes f an error with p's kind, text and hint.
func (f *callError) is(p problem, c *Client) {
	f.kind, f.words, f.hint, f.transient = p.kind, p.words, p.hint, p.again
	if p.cause != nil {
		f.causes = append(f.causes, p.cause)
	}
	switch {
	case p.kind == errs.NotFound: // Twilio's own message only repeats the path
		f.message = ""
	case p.kind == errs.Config && p.hint.Empty():
		f.hint = errs.Plain("check " + c.credentials + "; test credentials do not work with Verify")
	}
}

package emulator

import (
	"fmt"
	"net/http"
	"strings"
)

// apiError is an error answer of the API. Its code is 0 if the answer has no Twilio code.
type apiError struct {
	code    int
	status  int
	message string
}

func (e *apiError) Error() string { return fmt.Sprintf("%d: %s", e.code, e.message) }

// errorTable has the status and text of every code that the emulator answers with (docs/facts/twilio-verify.md §2).
// Statuses marked "?" are not documented: Quirks.Status changes them.
var errorTable = map[int]apiError{
	20001: {status: http.StatusBadRequest, message: "Missing required parameter %s in the post body"},
	20003: {status: http.StatusUnauthorized, message: "Authenticate"},
	20004: {status: http.StatusMethodNotAllowed, message: "Method not allowed"},
	20404: {status: http.StatusNotFound, message: "The requested resource %s was not found"},
	20429: {status: http.StatusTooManyRequests, message: "Too Many Requests"},
	21608: {status: http.StatusForbidden, message: "The phone number is unverified. Trial accounts cannot send messages to unverified numbers; verify %s first"},
	20500: {status: http.StatusInternalServerError, message: "Internal Server Error"},
	70051: {status: http.StatusUnauthorized, message: "Authorization Failed"},
	60200: {status: http.StatusBadRequest, message: "Invalid parameter %s"},
	60202: {status: http.StatusTooManyRequests, message: "Max check attempts reached"},
	60203: {status: http.StatusTooManyRequests, message: "Max send attempts reached"},
	60204: {status: http.StatusForbidden, message: "Service does not support this feature"},
	60205: {status: http.StatusForbidden, message: "SMS is not supported by landline phone number"},
	60206: {status: http.StatusBadRequest, message: "'Amount' & 'Payee' params are required"},
	60212: {status: http.StatusTooManyRequests, message: "Too many concurrent requests for phone number"},
	60214: {status: http.StatusBadRequest, message: "Channel 'call' is not supported for PSD2"},
	60217: {status: http.StatusBadRequest, message: "No email integration for the service"},
	60221: {status: http.StatusBadRequest, message: "Either 'To' or 'VerificationSid' is required"},
	60223: {status: http.StatusForbidden, message: "Delivery channel disabled: %s"},                      // ?
	60238: {status: http.StatusForbidden, message: "Verification creation attempt is blocked by Twilio"}, // ?
	60300: {status: http.StatusBadRequest, message: "Malformed request"},
	60301: {status: http.StatusConflict, message: "Entity already exists"},
	60306: {status: http.StatusBadRequest, message: "Invalid parameter: %s"},
	60308: {status: http.StatusTooManyRequests, message: "Challenge verification attempts reached"},
	60310: {status: http.StatusTooManyRequests, message: "Factor verification attempts reached"},
	60311: {status: http.StatusForbidden, message: "Factor verification failed"},
	60312: {status: http.StatusTooManyRequests, message: "Challenge creation limit reached"},
	60314: {status: http.StatusBadRequest, message: "Binding format is invalid"},
	60315: {status: http.StatusBadRequest, message: "Maximum number of factors for the entity reached"},
	60317: {status: http.StatusConflict, message: "Factor already exists with the same binding parameters"},
	60318: {status: http.StatusForbidden, message: "Factor is unverified"},
	60322: {status: http.StatusForbidden, message: "Challenge already responded"},
	60323: {status: http.StatusForbidden, message: "Challenge expired"},
	60324: {status: http.StatusForbidden, message: "Challenge verification failed"},
	60326: {status: http.StatusTooManyRequests, message: "Factor creation limit for the entity reached"},
	60328: {status: http.StatusTooManyRequests, message: "Entity creation limit reached"},                                                              // ?
	60383: {status: http.StatusForbidden, message: "Illegal factor status"},                                                                            // ?
	60410: {status: http.StatusForbidden, message: "The destination phone number has been temporarily blocked by Twilio due to fraudulent activities"}, // ?
	60605: {status: http.StatusForbidden, message: "The destination phone number has been blocked by Verify Geo-Permissions"},
	60390: {status: http.StatusNotFound, message: "Factor not found"},       // ?
	60391: {status: http.StatusNotFound, message: "Challenge not found"},    // ?
	60392: {status: http.StatusNotFound, message: "Entity not found"},       // ?
	60431: {status: http.StatusNotFound, message: "Verification not found"}, // ?
}

// refuse returns the error of a code in errorTable, with args put into its text.
func refuse(code int, args ...any) *apiError {
	e := errorTable[code]
	e.code = code
	e.message = fmt.Sprintf(e.message, args...)
	return &e
}

// The kinds of resource that can be not found, with their codes under Quirks.SpecificNotFound.
const (
	noResource     = 20404
	noFactor       = 60390
	noChallenge    = 60391
	noEntity       = 60392
	noVerification = 60431
)

// notFound returns the 404 for the resource at path, which is escaped as it was sent.
func (s *Server) notFound(what int, path string) *apiError {
	if s.opts.Quirks.SpecificNotFound && what != noResource {
		return refuse(what)
	}
	if s.opts.Quirks.NotFoundWithoutVersion {
		path = strings.TrimPrefix(path, "/v2")
	}
	return refuse(noResource, path)
}

// errorJSON is Twilio's error body (docs/facts/twilio-verify.md §1).
type errorJSON struct {
	Code     *int   `json:"code"`
	Message  string `json:"message"`
	MoreInfo string `json:"more_info"`
	Status   int    `json:"status"`
}

// answer returns e as an answer, with the documented HTTP status if status is 0.
func (e *apiError) answer(status int) answer {
	if status == 0 {
		status = e.status
	}
	body := errorJSON{Message: e.message, MoreInfo: "https://www.twilio.com/docs/errors", Status: status}
	if e.code != 0 {
		body.Code = &e.code
		body.MoreInfo = fmt.Sprintf("https://www.twilio.com/docs/errors/%d", e.code)
	}
	return jsonAnswer(status, body)
}

package emulator

import (
	"net/http"
	"net/url"
	"strings"
)

// route is one operation: its method and path, the status of its success, and its handler.
type route struct {
	name    string // Twilio's operationId
	method  string
	pattern string // "{x}" stands for one segment
	ok      int
	handle  func(*Server, *call) (any, error)
}

const (
	servicesPattern   = "/v2/Services"
	servicePattern    = servicesPattern + "/{service}"
	entitiesPattern   = servicePattern + "/Entities"
	entityPattern     = entitiesPattern + "/{identity}"
	factorsPattern    = entityPattern + "/Factors"
	factorPattern     = factorsPattern + "/{sid}"
	challengesPattern = entityPattern + "/Challenges"
	challengePattern  = challengesPattern + "/{sid}"

	verificationsPattern = servicePattern + "/Verifications"
	verificationPattern  = verificationsPattern + "/{sid}"
	checkPattern         = servicePattern + "/VerificationCheck"
)

// apiRoutes has the operations of docs/facts/twilio-verify.md §1 that the emulator supports.
var apiRoutes = []route{
	{"CreateService", http.MethodPost, servicesPattern, http.StatusCreated, (*Server).createService},
	{"FetchService", http.MethodGet, servicePattern, http.StatusOK, (*Server).fetchService},
	{"CreateEntity", http.MethodPost, entitiesPattern, http.StatusCreated, (*Server).createEntity},
	{"ListEntity", http.MethodGet, entitiesPattern, http.StatusOK, (*Server).listEntities},
	{"FetchEntity", http.MethodGet, entityPattern, http.StatusOK, (*Server).fetchEntity},
	{"DeleteEntity", http.MethodDelete, entityPattern, http.StatusNoContent, (*Server).deleteEntity},
	{"CreateNewFactor", http.MethodPost, factorsPattern, http.StatusCreated, (*Server).createFactor},
	{"ListFactor", http.MethodGet, factorsPattern, http.StatusOK, (*Server).listFactors},
	{"FetchFactor", http.MethodGet, factorPattern, http.StatusOK, (*Server).fetchFactor},
	{"UpdateFactor", http.MethodPost, factorPattern, http.StatusOK, (*Server).updateFactor},
	{"DeleteFactor", http.MethodDelete, factorPattern, http.StatusNoContent, (*Server).deleteFactor},
	{"CreateChallenge", http.MethodPost, challengesPattern, http.StatusCreated, (*Server).createChallenge},
	{"ListChallenge", http.MethodGet, challengesPattern, http.StatusOK, (*Server).listChallenges},
	{"FetchChallenge", http.MethodGet, challengePattern, http.StatusOK, (*Server).fetchChallenge},
	{"UpdateChallenge", http.MethodPost, challengePattern, http.StatusOK, (*Server).updateChallenge},
	{"CreateVerification", http.MethodPost, verificationsPattern, http.StatusCreated, (*Server).createVerification},
	{"FetchVerification", http.MethodGet, verificationPattern, http.StatusOK, (*Server).fetchVerification},
	{"UpdateVerification", http.MethodPost, verificationPattern, http.StatusOK, (*Server).updateVerification},
	{"CreateVerificationCheck", http.MethodPost, checkPattern, http.StatusCreated, (*Server).checkVerification},
}

// permissions has what a restricted API key needs for each operation. The names are those of Twilio's list (docs/facts/twilio-verify.md
// §9); those that this program never needs are named as the others.
var permissions = map[string]string{
	"CreateService":           "/twilio/verify/service/create",
	"FetchService":            "/twilio/verify/service/read",
	"CreateEntity":            "/twilio/verify/entity/create",
	"ListEntity":              "/twilio/verify/entity/list",
	"FetchEntity":             "/twilio/verify/entity/read",
	"DeleteEntity":            "/twilio/verify/entity/delete",
	"CreateNewFactor":         "/twilio/verify/factor/create",
	"ListFactor":              "/twilio/verify/factor/list",
	"FetchFactor":             "/twilio/verify/factor/read",
	"UpdateFactor":            "/twilio/verify/factor/update",
	"DeleteFactor":            "/twilio/verify/factor/delete",
	"CreateChallenge":         "/twilio/verify/challenge/create",
	"ListChallenge":           "/twilio/verify/challenge/list",
	"FetchChallenge":          "/twilio/verify/challenge/read",
	"UpdateChallenge":         "/twilio/verify/challenge/update",
	"CreateVerification":      "/twilio/verify/verification/create",
	"FetchVerification":       "/twilio/verify/verification/read",
	"UpdateVerification":      "/twilio/verify/verification/update",
	"CreateVerificationCheck": "/twilio/verify/verification-check/create",
}

// match returns the route of a call and the values of its "{x}", or nil. It splits the path before it decodes it, so
// that an escaped slash stays in its segment. One slash at the end is ignored: UpdateFactor with an empty SID becomes
// CreateNewFactor (docs/facts/twilio-verify.md §1.3).
func match(routes []route, c *call) (*route, map[string]string) {
	sent := strings.Split(strings.TrimSuffix(c.path, "/"), "/")
	for i := range routes {
		if routes[i].method != c.request.Method {
			continue
		}
		if vars, ok := matchSegments(strings.Split(routes[i].pattern, "/"), sent); ok {
			return &routes[i], vars
		}
	}
	return nil, nil
}

func matchSegments(pattern, sent []string) (map[string]string, bool) {
	if len(pattern) != len(sent) {
		return nil, false
	}
	vars := make(map[string]string)
	for i, p := range pattern {
		text, err := url.PathUnescape(sent[i])
		switch name, isVar := strings.CutPrefix(p, "{"); {
		case err != nil:
			return nil, false
		case isVar && text != "":
			vars[strings.TrimSuffix(name, "}")] = text
		case isVar || p != text:
			return nil, false
		}
	}
	return vars, true
}

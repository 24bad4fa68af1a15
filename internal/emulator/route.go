package emulator

import (
	"net/http"
	"net/url"
	"slices"
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
	{"UpdateService", http.MethodPost, servicePattern, http.StatusOK, (*Server).updateService},
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
	"UpdateService":           "/twilio/verify/service/update",
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

// notEmulated has the calls of Twilio Verify that the emulator does not have (Twilio's OpenAPI spec): the path, and its methods.
var notEmulated = map[string][]string{
	servicesPattern: {http.MethodGet},
	servicePattern:  {http.MethodDelete},

	servicePattern + "/AccessTokens":                      {http.MethodPost},
	servicePattern + "/AccessTokens/{sid}":                {http.MethodGet},
	servicePattern + "/RateLimits":                        {http.MethodPost, http.MethodGet},
	servicePattern + "/RateLimits/{sid}":                  {http.MethodPost, http.MethodGet, http.MethodDelete},
	servicePattern + "/RateLimits/{limit}/Buckets":        {http.MethodPost, http.MethodGet},
	servicePattern + "/RateLimits/{limit}/Buckets/{sid}":  {http.MethodPost, http.MethodGet, http.MethodDelete},
	servicePattern + "/MessagingConfigurations":           {http.MethodPost, http.MethodGet},
	servicePattern + "/MessagingConfigurations/{country}": {http.MethodPost, http.MethodGet, http.MethodDelete},
	servicePattern + "/Webhooks":                          {http.MethodPost, http.MethodGet},
	servicePattern + "/Webhooks/{sid}":                    {http.MethodPost, http.MethodGet, http.MethodDelete},
	servicePattern + "/Passkeys/Factors":                  {http.MethodPost},
	servicePattern + "/Passkeys/VerifyFactor":             {http.MethodPost},
	servicePattern + "/Passkeys/Challenges":               {http.MethodPost},
	servicePattern + "/Passkeys/ApproveChallenge":         {http.MethodPost},
	challengePattern + "/Notifications":                   {http.MethodPost},

	"/v2/Attempts":                  {http.MethodGet},
	"/v2/Attempts/{sid}":            {http.MethodGet},
	"/v2/Attempts/Summary":          {http.MethodGet},
	"/v2/Forms/{type}":              {http.MethodGet},
	"/v2/SafeList/Numbers":          {http.MethodPost},
	"/v2/SafeList/Numbers/{number}": {http.MethodGet, http.MethodDelete},
	"/v2/Templates":                 {http.MethodGet},
}

// noRoute returns the error for a call that has no route. A client must not take something for gone because this emulator does not
// have the call: that is 501, and never 404.
func (s *Server) noRoute(c *call) error {
	sent, known := strings.Split(strings.TrimSuffix(c.path, "/"), "/"), false
	for pattern, methods := range notEmulated {
		if _, is := matchSegments(strings.Split(pattern, "/"), sent); !is {
			continue
		}
		if known = true; slices.Contains(methods, c.request.Method) {
			return &apiError{status: http.StatusNotImplemented, message: "Not emulated: Twilio has " + c.request.Method + " " + c.path +
				", and this emulator does not. It says nothing about whether such a resource exists"}
		}
	}
	known = known || slices.ContainsFunc(apiRoutes, func(r route) bool {
		_, is := matchSegments(strings.Split(r.pattern, "/"), sent)
		return is
	})
	if known {
		return refuse(20004)
	}
	return s.notFound(noResource, c.path)
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

// Package oracle checks every exchange with the Verify emulator against Twilio's own OpenAPI spec.
//
// Its law: only tests import it, because it imports kin-openapi, which must not get into the program.
//
// The spec is the strict variant (docs/facts/twilio-verify.md, head): every property is required, none may be added,
// and it has the statuses and the body of errors. It is not in the repository. If it is missing, tests that use the
// emulator run without this check, and are counted (WhereAtHand).
package oracle

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"uzerp-mfa/internal/emulator"
	"uzerp-mfa/internal/sharedtest"
)

// specFile is the path of the strict spec in the shared directory.
const specFile = "data/twilio/twilio_verify_v2_strict.json"

// Oracle checks exchanges. It is safe for concurrent use.
type Oracle struct {
	router      routers.Router
	errorSchema *openapi3.Schema
	options     openapi3filter.Options
}

// Default returns the oracle for the spec in the shared directory, which is loaded once. The error is an fs.ErrNotExist
// if there is no spec.
var Default = sync.OnceValues(func() (*Oracle, error) {
	path, err := sharedtest.Path(specFile)
	if err != nil {
		return nil, err
	}
	return Load(path)
})

// Load returns the oracle for the strict spec at path.
func Load(path string) (*Oracle, error) {
	doc, err := openapi3.NewLoader().LoadFromFile(path)
	if err != nil {
		return nil, fmt.Errorf("load twilio's spec: %w", err)
	}
	// Requests go to the emulator's address, not to Twilio's.
	doc.Servers = nil
	for _, item := range doc.Paths.Map() {
		item.Servers = nil
		for _, operation := range item.Operations() {
			typeStrings(formProperties(operation))
		}
	}
	// One of Twilio's own passkey examples has a SID that is too short.
	if err := doc.Validate(context.Background(), openapi3.DisableExamplesValidation()); err != nil {
		return nil, fmt.Errorf("check twilio's spec: %w", err)
	}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		return nil, fmt.Errorf("route twilio's spec: %w", err)
	}
	body := doc.Components.Schemas["error"]
	if body == nil || body.Value == nil {
		return nil, fmt.Errorf("%s has no schema for errors: not the strict spec", path)
	}
	return &Oracle{router: router, errorSchema: body.Value, options: openapi3filter.Options{
		AuthenticationFunc:    openapi3filter.NoopAuthenticationFunc,
		IncludeResponseStatus: true,
		SkipSettingDefaults:   true,
	}}, nil
}

const formType = "application/x-www-form-urlencoded"

// formProperties returns the parameters that an operation takes in its body.
func formProperties(operation *openapi3.Operation) openapi3.Schemas {
	if operation.RequestBody == nil {
		return nil
	}
	form := operation.RequestBody.Value.Content.Get(formType)
	if form == nil || form.Schema == nil {
		return nil
	}
	return form.Schema.Value.Properties
}

// typeStrings sets the type of untyped parameters (Metadata, the items of Details.Fields) to string. kin-openapi
// doesn't decode parameters without a type, and in a form they are strings.
func typeStrings(properties openapi3.Schemas) {
	for _, property := range properties {
		switch p := property.Value; {
		case p.Type == nil:
			p.Type = &openapi3.Types{openapi3.TypeString}
		case p.Type.Is(openapi3.TypeArray) && p.Items.Value.Type == nil:
			p.Items = openapi3.NewStringSchema().NewRef()
		}
	}
}

// Exchange is a complete request and its complete response.
type Exchange struct {
	Method         string
	URL            *url.URL
	RequestHeader  http.Header
	RequestBody    []byte
	Status         int
	ResponseHeader http.Header
	ResponseBody   []byte
}

// Check returns what is wrong with an exchange, or nil. The response must always match the spec. The request must match
// it only if it was accepted, because a wrong request has to be refused. A request that is no operation of the spec
// must be refused, with the error body.
func (o *Oracle) Check(e Exchange) error {
	if err := o.check(e); err != nil {
		return fmt.Errorf("%s %s (%d): %w", e.Method, e.URL.Path, e.Status, err)
	}
	return nil
}

func (o *Oracle) check(e Exchange) error {
	ctx := context.Background()
	request := &http.Request{
		Method: e.Method, URL: e.URL, Header: e.RequestHeader, ContentLength: int64(len(e.RequestBody)),
		Body: io.NopCloser(bytes.NewReader(e.RequestBody)),
	}
	route, vars, err := o.router.FindRoute(request)
	switch notEmulated := e.Status == http.StatusNotImplemented; { // the emulator says it of what Twilio has, and of nothing else
	case err != nil && notEmulated:
		return fmt.Errorf("response: %w", err)
	case err != nil || notEmulated:
		return o.checkRefusal(e, err)
	}
	input := &openapi3filter.RequestValidationInput{
		Request: request, PathParams: vars, Route: route, Options: &o.options,
	}
	if e.Status < http.StatusBadRequest {
		if err := openapi3filter.ValidateRequest(ctx, input); err != nil {
			return fmt.Errorf("request: %w", err)
		}
		if err := checkNames(e, route.Operation); err != nil {
			return fmt.Errorf("request: %w", err)
		}
	}
	err = openapi3filter.ValidateResponse(ctx, &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: e.Status, Header: e.ResponseHeader, Options: &o.options,
		Body: io.NopCloser(bytes.NewReader(e.ResponseBody)),
	})
	if err != nil {
		return fmt.Errorf("response: %w", err)
	}
	if e.Status == http.StatusNoContent && len(e.ResponseBody) > 0 {
		return fmt.Errorf("response: a 204 with %d bytes", len(e.ResponseBody))
	}
	return nil
}

// checkNames refuses parameters that the operation doesn't have. kin-openapi and Twilio ignore those.
func checkNames(e Exchange, operation *openapi3.Operation) error {
	form, err := url.ParseQuery(string(e.RequestBody))
	if err != nil {
		return err
	}
	properties := formProperties(operation)
	for name := range form {
		if _, ok := properties[name]; !ok {
			return fmt.Errorf("the body has no parameter %q", name)
		}
	}
	for name := range e.URL.Query() {
		if operation.Parameters.GetByInAndName(openapi3.ParameterInQuery, name) == nil {
			return fmt.Errorf("the query has no parameter %q", name)
		}
	}
	return nil
}

func (o *Oracle) checkRefusal(e Exchange, noRoute error) error {
	if e.Status < http.StatusBadRequest {
		return fmt.Errorf("request: %w", noRoute)
	}
	var body any
	if err := json.Unmarshal(e.ResponseBody, &body); err != nil {
		return fmt.Errorf("response: %w", err)
	}
	if err := o.errorSchema.VisitJSON(body); err != nil {
		return fmt.Errorf("response: %w", err)
	}
	return nil
}

// Wrap returns a handler that serves with h and calls onViolation for each exchange that is against the spec. It calls
// it from the serving goroutine, perhaps after the client has its answer, so close the server before the test ends.
// Exchanges with a fault and those of the control API are not checked.
func (o *Oracle) Wrap(h http.Handler, onViolation func(error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, emulator.ControlPrefix) {
			h.ServeHTTP(w, r)
			return
		}
		var sent bytes.Buffer
		r.Body = struct {
			io.Reader
			io.Closer
		}{io.TeeReader(r.Body, &sent), r.Body}
		got := &recorder{ResponseWriter: w}
		h.ServeHTTP(got, r)
		if got.status == 0 || got.Header().Get(emulator.FaultHeader) != "" {
			return
		}
		err := o.Check(Exchange{
			Method: r.Method, URL: r.URL, RequestHeader: r.Header, RequestBody: sent.Bytes(),
			Status: got.status, ResponseHeader: got.Header(), ResponseBody: got.body.Bytes(),
		})
		if err != nil {
			onViolation(err)
		}
	})
}

// WhereAtHand returns the wrap for emulator.Start: the default oracle's, or one that does nothing if the spec is
// missing. Then tb is counted as a test that ran without this check, and with CI=true it fails.
func WhereAtHand(tb sharedtest.TB, onViolation func(error)) (func(http.Handler) http.Handler, error) {
	o, err := Default()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		sharedtest.RunWithout(tb, sharedtest.Spec, err)
		return func(h http.Handler) http.Handler { return h }, nil
	case err != nil:
		return nil, err
	}
	return func(h http.Handler) http.Handler { return o.Wrap(h, onViolation) }, nil
}

// recorder keeps a copy of what is written through it.
type recorder struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	r.body.Write(p)
	return r.ResponseWriter.Write(p)
}

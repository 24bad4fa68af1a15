package oracle_test

import (
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"uzerp-mfa/internal/emulator"
	"uzerp-mfa/internal/emulator/oracle"
	"uzerp-mfa/internal/sharedtest"
)

func judge(t *testing.T) *oracle.Oracle {
	t.Helper()
	o, err := oracle.Default()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		sharedtest.LeaveOut(t, sharedtest.Spec, err)
	case err != nil:
		t.Fatal(err)
	}
	return o
}

const (
	service = "/v2/Services/VAeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"
	entity  = service + "/Entities/5f0c0d3e-0000"
	factors = entity + "/Factors"
	factor  = factors + "/YFeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"
	refusal = `{"code":20404,"message":"m","more_info":"u","status":404}`
	entityJ = `{"sid":"YEeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee","identity":"5f0c0d3e-0000","account_sid":null,"service_sid":null,
		"date_created":"2026-01-01T00:00:00Z","date_updated":null,"url":null,"links":null}`
)

// TestWrap answers in many ways and checks which answers the oracle reports.
func TestWrap(t *testing.T) {
	o := judge(t)
	for _, tt := range []struct {
		name, method, path, form string
		status                   int
		body                     string
		header                   string // the name of a header that is set to "1"
		minds                    string // must be in the violation; empty means no violation
	}{
		{name: "right", method: "GET", path: entity, status: 200, body: entityJ},
		{name: "right refusal", method: "GET", path: entity, status: 404, body: refusal},
		{name: "right deletion", method: "DELETE", path: factor, status: 204},
		{name: "field missing", method: "GET", path: entity, status: 200, body: strings.Replace(entityJ, `"url":null,`, "", 1), minds: `property "url" is missing`},
		{name: "field too many", method: "GET", path: entity, status: 200,
			body: strings.Replace(entityJ, `"url"`, `"uri":null,"url"`, 1), minds: `property "uri" is unsupported`},
		{name: "wrong sid", method: "GET", path: entity, status: 200, body: strings.Replace(entityJ, "YE", "YF", 1), minds: "/sid"},
		{name: "wrong date", method: "GET", path: entity, status: 200, minds: "/date_created",
			body: strings.Replace(entityJ, "2026-01-01T00:00:00Z", "Thu, 01 Jan 2026 00:00:00 +0000", 1)},
		{name: "no json", method: "GET", path: entity, status: 200, body: "<html>", minds: "response"},
		{name: "wrong error", method: "GET", path: entity, status: 404, body: `{"error":"x"}`, minds: "response"},
		{name: "undocumented status", method: "GET", path: entity, status: 418, body: refusal, minds: "status is not supported"},
		{name: "own failure", method: "GET", path: entity, status: 500, body: refusal, minds: "status is not supported"},
		{name: "deletion with a body", method: "DELETE", path: factor, status: 204, body: "{}", minds: "204 with 2 bytes"},

		{name: "wrong request, refused", method: "GET", path: factors + "?PageSize=0", status: 400, body: refusal},
		{name: "wrong request, answered", method: "GET", path: factors + "?PageSize=0", status: 200, body: refusal, minds: "PageSize"},
		{name: "field of the form missing", method: "POST", path: service + "/Entities", form: "A=b", status: 201, body: entityJ, minds: "Identity"},
		{name: "unknown field of the form", method: "POST", path: service + "/Entities", form: "Identity=x&Extra=y",
			status: 201, body: entityJ, minds: `no parameter "Extra"`},
		{name: "unknown query parameter", method: "GET", path: entity + "?Page=1", status: 200, body: entityJ, minds: `no parameter "Page"`},

		{name: "no such path, refused", method: "GET", path: "/v2/Nothing", status: 404, body: refusal},
		{name: "no such path, answered", method: "GET", path: "/v2/Nothing", status: 200, body: "{}", minds: "no matching operation"},
		{name: "no such path, refused wrongly", method: "GET", path: "/v2/Nothing", status: 404, body: "{}", minds: "response"},
		{name: "no such method, refused", method: "PUT", path: entity, status: 404, body: refusal},
		{name: "fault", method: "GET", path: entity, status: 502, body: "<html>", header: emulator.FaultHeader},
		{name: "control", method: "GET", path: emulator.ControlPrefix + "clock", status: 200, body: "{}"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var violations []string
			h := o.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if err := r.ParseForm(); err != nil {
					t.Error(err)
				}
				if tt.header != "" {
					w.Header().Set(tt.header, "1")
				}
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(tt.status)
				_, _ = w.Write([]byte(tt.body))
			}), func(err error) { violations = append(violations, err.Error()) })
			r := httptest.NewRequestWithContext(t.Context(), tt.method, tt.path, strings.NewReader(tt.form))
			if tt.method == http.MethodPost {
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			}
			h.ServeHTTP(httptest.NewRecorder(), r)
			switch {
			case tt.minds == "" && len(violations) > 0:
				t.Errorf("minds %v", violations)
			case tt.minds != "" && (len(violations) != 1 || !strings.Contains(violations[0], tt.minds)):
				t.Errorf("minds %v, want %q", violations, tt.minds)
			}
		})
	}
}

func TestLoadRefusesAnEmptySpec(t *testing.T) {
	spec := filepath.Join(t.TempDir(), "spec.json")
	if err := os.WriteFile(spec, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := oracle.Load(spec); err == nil {
		t.Error("an empty spec was loaded")
	}
}

package cmd_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"uzerp-mfa/internal/emulator"
)

// This file logs in as uzERP does (docs/facts/uzerp.md §2 to §4 and §6). It does not use the program's own states.

// login is the result of a login.
type login string

const (
	asksForCode   login = "is asked for a code, and the phone shows a right one"
	asksToEnroll  login = "is asked to enroll"
	skipsCode     login = "logs in without a code once, then with the phone's"
	lockedOut     login = "is locked out"
	skipThenStuck login = "logs in without a code once, and is locked out after that"
)

// tryLogin is uzERP's login with HTMLFormLoginHandlerMFA and the right password, for a user with access
// (docs/facts/uzerp.md §3). It asks the emulator for a challenge as uzERP does.
func (s *stage) tryLogin(t *testing.T, r userRow) login {
	t.Helper()
	switch {
	case !isTrue(r.Enrolled) && r.UUID != nil:
		return asksToEnroll
	case !isTrue(r.Enrolled):
		return lockedOut
	case r.Enabled != nil && !*r.Enabled:
		yes := true
		r.Enabled = &yes // uzERP does this
		if s.tryLogin(t, r) == asksForCode {
			return skipsCode
		}
		return skipThenStuck
	case r.UUID != nil && r.SID != nil && *r.SID != "" && s.hasSeen(*r.SID) && s.challenge(t, *r.UUID, *r.SID):
		return asksForCode
	}
	return lockedOut
}

func (s *stage) challenge(t *testing.T, identity, sid string) bool {
	t.Helper()
	form := url.Values{"FactorSid": {sid}, "AuthPayload": {s.code(t, sid)}}
	path := "/v2/Services/" + serviceSID + "/Entities/" + identity + "/Challenges"
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(accountSID, authToken)
	w := httptest.NewRecorder()
	s.verify.ServeHTTP(w, r)
	var answer struct{ Status string }
	return w.Code == http.StatusCreated && json.Unmarshal(w.Body.Bytes(), &answer) == nil && answer.Status == "approved"
}

// orphans returns the verified factors that no row names: working secrets that nobody watches.
func (s *stage) orphans(t *testing.T, r userRow) (all []string) {
	t.Helper()
	if r.UUID == nil {
		return nil
	}
	for _, f := range s.verify.Factors(*r.UUID) {
		if f.Status == emulator.Verified && (r.SID == nil || *r.SID != f.SID) {
			all = append(all, f.SID)
		}
	}
	return all
}

func (s *stage) wantLogin(t *testing.T, want ...login) string {
	t.Helper()
	r := s.row(t, victim)
	if got := s.tryLogin(t, r); !slices.Contains(want, got) {
		return fmt.Sprintf("the user %s, want %q; %v", got, want, r)
	}
	return ""
}

// What the site's login page can show.
const (
	siteOffWithValidator = "password only, TWValidator; 2 without uuid"
	siteOn               = "with a code, TWValidator; 0 without uuid"
	errorPage            = "an error page for everybody"
)

// site returns the login page that uzERP shows with its injector classes (docs/facts/uzerp.md §2 and §4).
func (s *stage) site(t *testing.T) string {
	t.Helper()
	rows, err := s.db.Query(context.Background(), `select name, class_name from injector_classes
		where category = 'SY' and usercompanyid = -1 and name in ('LoginHandler', 'MFAValidator') order by id`)
	if err != nil {
		t.Fatal(err)
	}
	classes := make(map[string][]string)
	var name, class string
	if _, err := pgx.ForEachRow(rows, []any{&name, &class}, func() error {
		classes[name] = append(classes[name], class)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	var missing int
	if err := s.db.QueryRow(context.Background(), "select count(*) from users where uuid is null").Scan(&missing); err != nil {
		t.Fatal(err)
	}
	handlers, validators := classes["LoginHandler"], classes["MFAValidator"]
	text := ""
	switch {
	case len(handlers) != 1 || len(validators) > 1:
		return fmt.Sprintf("undefined: %v", classes)
	case handlers[0] == "HTMLFormLoginHandler":
		text = "password only"
	case handlers[0] != "HTMLFormLoginHandlerMFA" || len(validators) == 0 || validators[0] != "TWValidator":
		return errorPage
	default:
		text = "with a code"
	}
	if len(validators) == 1 {
		text += ", " + validators[0]
	}
	return fmt.Sprintf("%s; %d without uuid", text, missing)
}

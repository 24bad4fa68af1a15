package cmd

import (
	"fmt"
	"strconv"
	"time"

	"uzerp-mfa/internal/finding"
	"uzerp-mfa/internal/injector"
	"uzerp-mfa/internal/mfa"
)

// schemaVersion is that of every JSON document; it changes when a key changes its meaning or goes away.
const schemaVersion = 1

// userView is a user as scripts see it.
type userView struct {
	Username      string  `json:"username"`
	Person        string  `json:"person"`
	Email         *string `json:"email"`
	AccessEnabled *bool   `json:"access_enabled"`
	State         string  `json:"state"`
	UUID          *string `json:"uuid"`
	MFASID        *string `json:"mfa_sid"`
	MFAEnrolled   *bool   `json:"mfa_enrolled"`
	MFAEnabled    *bool   `json:"mfa_enabled"`
	LastLogin     *string `json:"last_login"`
}

type usersView struct {
	SchemaVersion int              `json:"schema_version"`
	Users         []listedUserView `json:"users"`
}

func viewUser(u mfa.User) userView {
	return userView{
		Username: u.Username, Person: u.Person, Email: u.Email, AccessEnabled: u.AccessEnabled, State: string(u.State()),
		UUID: u.UUID, MFASID: u.SID, MFAEnrolled: u.Enrolled, MFAEnabled: u.Enabled, LastLogin: lastLogin(u.LastLogin),
	}
}

// lastLogin returns PHP's local time, without a zone, for the zone is not known.
func lastLogin(t *time.Time) *string {
	if t == nil {
		return nil
	}
	text := t.Format("2006-01-02T15:04:05.999999")
	return &text
}

// userHeader names the cells of userCells. The table has those from userExtra on only if they are asked for.
func userHeader() []string {
	return append([]string{"username", "person", "state", "access", "last login"}, userExtra()...)
}

func userExtra() []string { return []string{"email", "enrolled", "enabled", "uuid", "factor"} }

func userCells(u mfa.User) []string {
	access := "enabled"
	if !u.Access() {
		access = "disabled"
	}
	return []string{u.Username, u.Person, string(u.State()), access, text(lastLogin(u.LastLogin)),
		text(u.Email), yesNo(u.Enrolled), yesNo(u.Enabled), text(u.UUID), text(u.SID)}
}

// csvHeader names the cells of csvCells as the JSON keys do: CSV is read by programs too, and has every column.
func csvHeader() []string {
	return []string{"username", "person", "email", "access_enabled", "state", "uuid", "mfa_sid", "mfa_enrolled", "mfa_enabled", "last_login"}
}

func csvCells(u mfa.User) []string {
	v := viewUser(u)
	return []string{v.Username, v.Person, text(v.Email), trueFalse(v.AccessEnabled), v.State, text(v.UUID), text(v.MFASID),
		trueFalse(v.MFAEnrolled), trueFalse(v.MFAEnabled), text(v.LastLogin)}
}

func trueFalse(b *bool) string {
	if b == nil {
		return ""
	}
	return strconv.FormatBool(*b)
}

// optional returns what JSON shows as null if s is empty; text is the way back.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// count returns "1 factor", "2 factors".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func yesNo(b *bool) string {
	switch {
	case b == nil:
		return ""
	case *b:
		return "yes"
	default:
		return "no"
	}
}

// Statuses of a user in a report.
const (
	statusChanged   = "changed"
	statusUnchanged = "unchanged"
	statusPlanned   = "would-change"
	statusRefused   = "refused"
	statusFailed    = "failed"
	statusNotTried  = "not-tried"
	// statusIncomplete is a user for whom uzERP is as it should be, and something is left to clean up at Twilio.
	statusIncomplete = "incomplete"
)

// resultView is what became of one user of several.
type resultView struct {
	Username string `json:"username"`
	Status   string `json:"status"`
	Message  string `json:"message"`
	Hint     string `json:"hint"` // what to do about a failure or refusal; may be empty
}

type resultsView struct {
	SchemaVersion int          `json:"schema_version"`
	DryRun        bool         `json:"dry_run"`
	Results       []resultView `json:"results"`
}

type classView struct {
	Name   string  `json:"name"`
	Before *string `json:"before"` // null where the row is new
	After  *string `json:"after"`
}

type checkView struct {
	ID      string `json:"id"`
	Status  string `json:"status"`
	Message string `json:"message"`
}

type switchView struct {
	SchemaVersion int         `json:"schema_version"`
	Changed       bool        `json:"changed"`
	DryRun        bool        `json:"dry_run"`
	Classes       []classView `json:"injector_classes"`
	UUIDsAssigned []string    `json:"uuids_assigned"`
	Checks        []checkView `json:"checks"`
}

// checkStatus is the word for a severity in the JSON of set-injector and doctor.
func checkStatus(s finding.Severity) string {
	switch s {
	case finding.Warning:
		return "warn"
	case finding.Error:
		return "fail"
	default:
		return s.String() // pass, info, skipped
	}
}

// viewSwitch shows the two rows whether or not they change, and the users who get a uuid.
func viewSwitch(app *App, s injector.SwitchPlan, checks []finding.Finding, changed, dryRun bool) switchView {
	v := switchView{SchemaVersion: schemaVersion, Changed: changed, DryRun: dryRun, Classes: []classView{}, UUIDsAssigned: []string{}, Checks: []checkView{}}
	for _, name := range []string{injector.LoginHandler, injector.MFAValidator} {
		before := s.Current(name)
		c := classView{Name: name, Before: &before, After: &before}
		if before == "" {
			c.Before, c.After = nil, nil
		}
		for _, change := range s.Changes {
			if change.Name == name {
				c.After = &change.After
			}
		}
		if c.After != nil {
			v.Classes = append(v.Classes, c)
		}
	}
	for _, a := range s.Assignments {
		v.UUIDsAssigned = append(v.UUIDsAssigned, a.Username)
	}
	for _, c := range checks {
		v.Checks = append(v.Checks, checkView{ID: c.ID, Status: checkStatus(c.Severity), Message: checkMessage(app, c)})
	}
	return v
}

type enrollmentView struct {
	Username     string  `json:"username"`
	UUID         *string `json:"uuid"`
	FactorSID    *string `json:"factor_sid"`
	Status       string  `json:"status"` // pending, verified; unchanged with --if-missing; would-create with --dry-run
	FriendlyName *string `json:"friendly_name"`
	URI          *string `json:"uri"`     // null unless --reveal
	Secret       *string `json:"secret"`  // null unless --reveal
	Message      string  `json:"message"` // what keeps the person out whatever the second factor is; may be empty
}

type enrollmentDocument struct {
	SchemaVersion int            `json:"schema_version"`
	Enrollment    enrollmentView `json:"enrollment"`
}

// pageView is what became of one user's page.
type pageView struct {
	resultView
	File       *string    `json:"file"`        // in the directory; null if there is none
	FactorSID  *string    `json:"factor_sid"`  // on the page; null if there is none
	ValidUntil *time.Time `json:"valid_until"` // until then the page surely works
}

type pagesView struct {
	SchemaVersion int        `json:"schema_version"`
	DryRun        bool       `json:"dry_run"`
	Directory     string     `json:"directory"`
	Results       []pageView `json:"results"`
}

type verificationView struct {
	Username  string `json:"username"`
	FactorSID string `json:"factor_sid"`
	Kind      string `json:"kind"`
	Status    string `json:"status"` // verified, approved; pending after a wrong code; would-send with --dry-run

	TriesLeft  *int          `json:"tries_left"`  // of the pending factor; null if it is not known
	ValidUntil *time.Time    `json:"valid_until"` // until then the pending factor is surely at Twilio; null if there is none
	Pending    []pendingView `json:"pending"`     // all pending factors, the newest first
}

type pendingView struct {
	FactorSID string    `json:"factor_sid"`
	Created   time.Time `json:"date_created"`
	MadeBy    *string   `json:"made_by"` // the operator who made it with this program, as its audit log says; else null
}

type verificationDocument struct {
	SchemaVersion int              `json:"schema_version"`
	Verification  verificationView `json:"verification"`
}

type detachView struct {
	Host     string `json:"host"`
	Database string `json:"database"`
	Users    int    `json:"users"`
	Enrolled int    `json:"enrolled"`
	Status   string `json:"status"` // changed, would-change
}

type detachDocument struct {
	SchemaVersion int        `json:"schema_version"`
	Detach        detachView `json:"detach"`
}

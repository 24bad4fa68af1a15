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
	// the user name
	Username string `json:"username"`
	// the person's name
	Person *string `json:"person"`
	// the user's e-mail address
	Email *string `json:"email"`
	// whether uzERP lets the user in at all
	AccessEnabled *bool `json:"access_enabled"`
	// the state of the second factor
	State mfa.State `json:"state"`
	// the user's identity at Twilio
	UUID *string `json:"uuid"`
	// the factor that the row names
	MFASID *string `json:"mfa_sid"`
	// the column mfa_enrolled
	MFAEnrolled *bool `json:"mfa_enrolled"`
	// the column mfa_enabled
	MFAEnabled *bool `json:"mfa_enabled"`
	// PHP's local time, without a zone; null for never
	LastLogin *string `json:"last_login"`
}

type usersView struct {
	SchemaVersion int `json:"schema_version"`
	// the users
	Users []listedUserView `json:"users"`
}

func viewUser(u mfa.User) userView {
	return userView{
		Username: u.Username, Person: optional(u.Person), Email: u.Email, AccessEnabled: u.AccessEnabled, State: u.State(),
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

func userCells(u mfa.User) []string {
	access := "enabled"
	if !u.Access() {
		access = "disabled"
	}
	return []string{u.Username, u.Person, string(u.State()), access, text(lastLogin(u.LastLogin)),
		text(u.Email), yesNo(u.Enrolled), yesNo(u.Enabled), text(u.UUID), text(u.SID)}
}

// csvHeader names the cells of appendCSVCells as the JSON keys do: CSV is read by programs too, and has every column.
func csvHeader() []string {
	return []string{"username", "person", "email", "access_enabled", "state", "uuid", "mfa_sid", "mfa_enrolled", "mfa_enabled", "last_login"}
}

// appendCSVCells appends a user's cells to a row.
func appendCSVCells(row []string, u mfa.User) []string {
	return append(row, u.Username, u.Person, text(u.Email), trueFalse(u.AccessEnabled), string(u.State()), text(u.UUID), text(u.SID),
		trueFalse(u.Enrolled), trueFalse(u.Enabled), text(lastLogin(u.LastLogin)))
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

// viewTime returns an instant as JSON has it: in UTC, in whole seconds, and null if there is none.
func viewTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = wholeSeconds(t)
	return &t
}

// wholeSeconds returns an instant that is always there, the very first one too, as JSON has it.
func wholeSeconds(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

// instant returns an instant as tables and CSV have it, which is empty if there is none.
func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// instantOf is instant for what may be null.
func instantOf(t *time.Time) string {
	if t == nil {
		return ""
	}
	return instant(*t)
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

// userStatus says what became of a user in a report.
type userStatus string

// The statuses.
const (
	statusChanged   userStatus = "changed"
	statusUnchanged userStatus = "unchanged"
	statusPlanned   userStatus = "would-change"
	statusRefused   userStatus = "refused"
	statusFailed    userStatus = "failed"
	statusNotTried  userStatus = "not-tried"
	// statusIncomplete is a user for whom uzERP is as it should be, and something is left to clean up at Twilio.
	statusIncomplete userStatus = "incomplete"
)

// resultView is what became of one user of several.
type resultView struct {
	// the user
	Username string `json:"username"`
	// what became of the user
	Status  userStatus `json:"status"`
	Changed bool       `json:"changed"`
	// the same in words
	Message string  `json:"message"`
	Hint    *string `json:"hint"` // what to do about a failure or refusal
}

type resultsView struct {
	SchemaVersion int  `json:"schema_version"`
	Changed       bool `json:"changed"`
	DryRun        bool `json:"dry_run"`
	// one for each user
	Results []resultView `json:"results"`
}

type classView struct {
	// the name of the row
	Name    string  `json:"name"`
	Changed bool    `json:"changed"`
	Before  *string `json:"before"` // null where the row is new
	// the class then
	After *string `json:"after"`
}

// checkStatus is the word for a severity in the JSON of set-injector and doctor.
type checkStatus string

// The statuses of checks.
const (
	checkPass    checkStatus = "pass"
	checkInfo    checkStatus = "info"
	checkWarn    checkStatus = "warn"
	checkFail    checkStatus = "fail"
	checkSkipped checkStatus = "skipped"
)

type checkView struct {
	// what was checked
	ID string `json:"id"`
	// what came out
	Status checkStatus `json:"status"`
	// what was seen
	Message string `json:"message"`
}

type switchView struct {
	SchemaVersion int  `json:"schema_version"`
	Changed       bool `json:"changed"`
	DryRun        bool `json:"dry_run"`
	// the two rows, whether or not they change
	Classes []classView `json:"injector_classes"`
	// the users who get a uuid with the switch
	UUIDsAssigned []string `json:"uuids_assigned"`
	// what was looked at before; empty with --confirm-trial
	Checks []checkView `json:"checks"`
}

func checkStatusOf(s finding.Severity) checkStatus {
	switch s {
	case finding.Pass:
		return checkPass
	case finding.Info:
		return checkInfo
	case finding.Warning:
		return checkWarn
	case finding.Skipped:
		return checkSkipped
	default:
		return checkFail
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
				c.After, c.Changed = &change.After, changed
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
		v.Checks = append(v.Checks, checkView{ID: c.ID, Status: checkStatusOf(c.Severity), Message: checkMessage(app, c)})
	}
	return v
}

// enrollmentStatus says what became of an enrollment.
type enrollmentStatus string

// The statuses of enrollments.
const (
	enrollmentVerified    enrollmentStatus = "verified"
	enrollmentPending     enrollmentStatus = "pending"
	enrollmentUnchanged   enrollmentStatus = "unchanged"
	enrollmentWouldCreate enrollmentStatus = "would-create"
	enrollmentMade        enrollmentStatus = "made"       // pending, with a page for the user
	enrollmentWouldMake   enrollmentStatus = "would-make" // such a page
	enrollmentRefused     enrollmentStatus = "refused"
	enrollmentFailed      enrollmentStatus = "failed"
	enrollmentNotTried    enrollmentStatus = "not-tried"
)

// enrollmentView is what became of one user's enrollment.
type enrollmentView struct {
	// the user
	Username string `json:"username"`
	// what became of the enrollment
	Status  enrollmentStatus `json:"status"`
	Changed bool             `json:"changed"`
	// the user's identity at Twilio
	UUID *string `json:"uuid"`
	// the factor at Twilio; null if none was made
	FactorSID *string `json:"factor_sid"`
	// the factor's name, as the app shows it
	FriendlyName *string    `json:"friendly_name"`
	URI          *string    `json:"uri"`         // null unless --reveal
	Secret       *string    `json:"secret"`      // null unless --reveal
	File         *string    `json:"file"`        // in the directory; null if there is none
	ValidUntil   *time.Time `json:"valid_until"` // until then the QR code surely works
	Message      *string    `json:"message"`     // what keeps the person out whatever the second factor is
	Hint         *string    `json:"hint"`        // what to do about a failure or refusal
}

type enrollmentsDocument struct {
	SchemaVersion int  `json:"schema_version"`
	Changed       bool `json:"changed"`
	DryRun        bool `json:"dry_run"`
	// where the pages are; null without --html-dir
	Directory *string `json:"directory"`
	// one for each user
	Enrollments []enrollmentView `json:"enrollments"`
}

// verificationKind says what a code was for.
type verificationKind string

// The kinds.
const (
	kindEnrollment verificationKind = "enrollment"
	kindCheck      verificationKind = "check"
)

// verificationStatus says what became of a code.
type verificationStatus string

// The statuses. Twilio calls the first three so.
const (
	verificationVerified  verificationStatus = "verified"
	verificationApproved  verificationStatus = "approved"
	verificationPending   verificationStatus = "pending" // after a wrong code
	verificationWouldSend verificationStatus = "would-send"
)

type verificationView struct {
	// the user
	Username string `json:"username"`
	// the factor that the code was for
	FactorSID string `json:"factor_sid"`
	// what the code was for
	Kind verificationKind `json:"kind"`
	// what became of it
	Status verificationStatus `json:"status"`

	TriesLeft  *int          `json:"tries_left"`  // of the pending factor; null if it is not known
	ValidUntil *time.Time    `json:"valid_until"` // until then the pending factor is surely at Twilio; null if there is none
	Pending    []pendingView `json:"pending"`     // all pending factors, the newest first
}

type pendingView struct {
	// the factor
	FactorSID string `json:"factor_sid"`
	// when it was made
	Created time.Time `json:"date_created"`
	MadeBy  *string   `json:"made_by"` // the operator who made it with this program, as its audit log says; else null
}

type verificationDocument struct {
	SchemaVersion int  `json:"schema_version"`
	Changed       bool `json:"changed"`
	DryRun        bool `json:"dry_run"`
	// the code, and what it was for
	Verification verificationView `json:"verification"`
}

// detachStatus says what became of a copy.
type detachStatus string

// The statuses.
const (
	detachChanged     detachStatus = "changed"
	detachWouldChange detachStatus = "would-change"
)

type detachView struct {
	// the database's server
	Host string `json:"host"`
	// its name
	Database string `json:"database"`
	// how many users it has
	Users int `json:"users"`
	// how many of them were enrolled
	Enrolled int `json:"enrolled"`
	// what became of the copy
	Status detachStatus `json:"status"`
}

type detachDocument struct {
	SchemaVersion int  `json:"schema_version"`
	Changed       bool `json:"changed"`
	DryRun        bool `json:"dry_run"`
	// the copy
	Detach detachView `json:"detach"`
}

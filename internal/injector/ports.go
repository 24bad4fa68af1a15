package injector

import (
	"context"
	"time"

	"uzerp-mfa/internal/mfa"
)

// Class is one row of uzERP's table injector_classes.
type Class struct {
	ID        int64
	Name      string // the interface's name, for example LoginHandler
	Category  string // "SY" for rows of uzERP's core
	ClassName string
	CompanyID int64 // usercompanyid; -1 for every company and the login page
}

// ClassChange is one row to write: the row ID gets the class After. If ID is 0, a new system-wide row is added.
type ClassChange struct {
	ID     int64  `json:"id"`
	Name   string `json:"name"`
	Before string `json:"before"` // empty if the row is new
	After  string `json:"after"`
}

// Assignment is a uuid for a user who has none.
type Assignment struct {
	Username     string
	Was, Becomes mfa.Row
}

// SwitchPlan is everything that one switch writes, in one transaction, and the rows that it was planned on.
type SwitchPlan struct {
	Was         []Class // every row of the Names, of any category and company, by ID, as read
	Changes     []ClassChange
	Assignments []Assignment

	// Trial is the key of the mark under which the switch is made; 0 if it is not on trial.
	Trial int64
	// Regardless makes the switch even while another one is on trial: to switch off, or to take back.
	Regardless bool
}

// Reader is the part of uzERP's database that a switch is planned on. Its errors are *errs.Error.
type Reader interface {
	// CheckReady returns an error of errs.Refused if the database is older than uzERP 1.31.0 and lacks a column of
	// two-factor login.
	CheckReady(ctx context.Context) error
	// OnTrial returns the mark of a switch on trial, or nil. A mark counts only if the role that holds it may write
	// injector classes. One whose time is over comes only if there is no other.
	OnTrial(ctx context.Context) (*Mark, error)
	// InjectorClasses returns every row with one of the names, whatever its category and company, by ID.
	InjectorClasses(ctx context.Context, names []string) ([]Class, error)
	// UsersWithoutUUID returns the users whose uuid is NULL, in byte order of their names.
	UsersWithoutUUID(ctx context.Context) ([]mfa.User, error)
}

// Writer writes a switch. Its errors are *errs.Error.
type Writer interface {
	Reader
	// HoldTrial marks that a switch is on trial for the time of limit, and returns the mark's key. The mark stands until
	// release is called, twice at most, or its session ends; soon after the limit the server ends that session. The error is of
	// errs.Refused if another switch is on trial.
	HoldTrial(ctx context.Context, limit time.Duration) (key int64, release func(), err error)
	// Confirmed reports whether a session confirms the trial with this key, and its role may write injector classes.
	Confirmed(ctx context.Context, key int64) (bool, error)
	// SignKept says to the session that confirms the trial with this key that its guard leaves the switch. The sign stands until
	// release is called.
	SignKept(ctx context.Context, key int64) (release func(), err error)
	// ConfirmTrial confirms the switch on trial with this key, and waits until its guard has signed that it stays. The error is
	// of errs.Refused if somebody else is about to confirm it, or if it was switched meanwhile, and of errs.Unavailable with
	// errs.ErrLostReply in its chain if there is no sign: then nobody knows whether it stays.
	ConfirmTrial(ctx context.Context, key int64) error
	// SettledClasses is InjectorClasses, but waits until no other session is changing one of the rows.
	SettledClasses(ctx context.Context, names []string) ([]Class, error)
	// ApplySwitch writes s in one transaction. If the rows are no longer s.Was, or a user who gets a uuid has changed
	// since, nothing is written and the error is of errs.Refused with errs.ErrChanged in its chain. It is of errs.Refused
	// too while another switch is on trial, and if the mark s.Trial no longer stands.
	ApplySwitch(ctx context.Context, names []string, s SwitchPlan) error
}

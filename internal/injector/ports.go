package injector

import (
	"context"

	"uzerp-mfa/internal/mfa"
)

// Class is one row of uzERP's table injector_classes.
type Class struct {
	ID        int64
	Name      string // the interface's name, for example LoginHandler
	Category  string // "SY" for what uzERP's core looks up
	ClassName string
	CompanyID int64 // usercompanyid; -1 for every company and the login page
}

// Change is one row to write: the row ID gets the class After, or a new system-wide row is added where ID is 0.
type Change struct {
	ID     int64  `json:"id"`
	Name   string `json:"name"`
	Before string `json:"before"` // empty where the row is new
	After  string `json:"after"`
}

// Assignment gives a user without uuid one.
type Assignment struct {
	Username     string
	Was, Becomes mfa.Row
}

// Switch is everything that one switch writes, in one transaction, and what it was decided on.
type Switch struct {
	Was         []Class // every row of the Names, of any category and company, by ID, as read
	Changes     []Change
	Assignments []Assignment
}

// Reader is the part of uzERP's database that a switch is planned on. Its errors are *errs.Error.
type Reader interface {
	// CheckReady gives an error of errs.Refused if the database is from before uzERP 1.31.0 and lacks a column of 2FA.
	CheckReady(ctx context.Context) error
	// CheckNoTrial gives an error of errs.Refused while a switch is on trial: what is switched meanwhile would be taken back.
	CheckNoTrial(ctx context.Context) error
	// InjectorClasses gives every row with one of the names, whatever its category and company, by ID.
	InjectorClasses(ctx context.Context, names []string) ([]Class, error)
	// UsersWithoutUUID gives the users whose uuid is NULL, in byte order of their names.
	UsersWithoutUUID(ctx context.Context) ([]mfa.User, error)
}

// Writer switches.
type Writer interface {
	Reader
	// HoldTrial marks that a switch is on trial, until release is called or this process ends. errs.Refused if one is.
	HoldTrial(ctx context.Context) (release func(), err error)
	// ApplySwitch writes s in one transaction. If the rows are no longer s.Was, or a user to be given a uuid is not
	// as read, nothing is written and the error is of errs.Refused with errs.ErrChanged in its chain.
	ApplySwitch(ctx context.Context, names []string, s Switch) error
}

package mfa

import (
	"context"
	"fmt"

	"uzerp-mfa/internal/errs"
)

// TargetDatabase is the database that a command is about to change as a whole.
type TargetDatabase struct {
	Host     string // as the connection has it: a name, an address, or the directory of a socket
	Database string
	Users    int
	Enrolled int // of them, with mfa_enrolled true
}

// CopyReader says which database this is. Its errors are *errs.Error.
type CopyReader interface {
	// TargetDatabase returns which database this is and how many users it has.
	TargetDatabase(ctx context.Context) (TargetDatabase, error)
}

// CopyWriter detaches a copy of the live database.
type CopyWriter interface {
	CopyReader
	// Detach gives every user a new uuid and forgets every enrolment, all in one transaction or nobody. It does nothing, with errs.ErrChanged, if their number is no longer users.
	Detach(ctx context.Context, users int, newUUID func() string) error
}

// ConfirmDatabase refuses (errs.Refused) a name that is not the database's: run on the live database, detach would un-enrol
// everybody.
func ConfirmDatabase(d TargetDatabase, typed string) error {
	if typed != d.Database {
		return errs.New(errs.Refused, fmt.Sprintf("%q is not the name of this database, which is %q; nothing was changed", typed, d.Database),
			"make sure that this is the copy and not the live database")
	}
	return nil
}

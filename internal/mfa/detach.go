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
	Enrolled int // users with mfa_enrolled true
}

// CopyReader reads which database this is. Its errors are *errs.Error.
type CopyReader interface {
	// TargetDatabase returns which database this is and how many users it has.
	TargetDatabase(ctx context.Context) (TargetDatabase, error)
}

// CopyWriter detaches a copy of the live database.
type CopyWriter interface {
	CopyReader
	// Detach assigns every user a new uuid and removes every enrolment, in one transaction. If there are not exactly as
	// many users as the argument says, it changes nothing and returns an error with errs.ErrChanged in its chain.
	Detach(ctx context.Context, users int, newUUID func() string) error
}

// ConfirmDatabase returns an error of errs.Refused unless typed is the name of the database. On the live database,
// detach would remove everybody's enrolment.
func ConfirmDatabase(d TargetDatabase, typed string) error {
	if typed != d.Database {
		return errs.New(errs.Refused, fmt.Sprintf("%q is not the name of this database, which is %q; nothing was changed", typed, d.Database),
			"make sure that this is the copy and not the live database")
	}
	return nil
}

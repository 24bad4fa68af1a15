package db

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"uzerp-mfa/internal/mfa"
)

// userRow is a row of queries/users.sql.
type userRow struct {
	Username      string     `db:"username"`
	Person        string     `db:"person"`
	Email         *string    `db:"email"`
	AccessEnabled *bool      `db:"access_enabled"`
	LastLogin     *time.Time `db:"last_login"`
	UUID          *string    `db:"uuid"`
	MFASID        *string    `db:"mfa_sid"`
	MFAEnrolled   *bool      `db:"mfa_enrolled"`
	MFAEnabled    *bool      `db:"mfa_enabled"`
}

func toUser(row pgx.CollectableRow) (mfa.User, error) {
	r, err := pgx.RowToStructByName[userRow](row)
	return mfa.User{
		Username: r.Username, Person: r.Person, Email: r.Email, AccessEnabled: r.AccessEnabled, LastLogin: r.LastLogin,
		Row: mfa.Row{UUID: r.UUID, SID: r.MFASID, Enrolled: r.MFAEnrolled, Enabled: r.MFAEnabled},
	}, err
}

// FindUsers implements mfa.Reader.
func (db *DB) FindUsers(ctx context.Context, usernames []string) ([]mfa.User, error) {
	return readByNames(ctx, db, "read users", "find_users", usernames, toUser)
}

// FactorOwners implements mfa.Reader.
func (db *DB) FactorOwners(ctx context.Context, sids []string) (map[string][]string, error) {
	type owner struct {
		MFASID   string `db:"mfa_sid"`
		Username string `db:"username"`
	}
	rows, err := readByNames(ctx, db, "read the owners of factors", "factor_owners", sids, pgx.RowToStructByName[owner])
	if err != nil {
		return nil, err
	}
	owners := make(map[string][]string)
	for _, r := range rows {
		owners[r.MFASID] = append(owners[r.MFASID], r.Username)
	}
	return owners, nil
}

// UsersWithoutUUID implements injector.Reader.
func (db *DB) UsersWithoutUUID(ctx context.Context) ([]mfa.User, error) {
	return read(ctx, db.patient(), "read users without uuid", "users_without_uuid", nil, toUser)
}

// Usernames returns at most limit names that start with prefix, for the shell's completion: those that do so letter for
// letter, in byte order, and then those with another case of ASCII letters. With bare it leaves out names that a shell
// would have to quote. A prefix that the database can't hold matches no name.
func (db *DB) Usernames(ctx context.Context, prefix string, bare bool, limit int) ([]mfa.Proposal, error) {
	var found []mfa.Proposal
	err := db.runOnTables(ctx, "read user names", func(conn *pgx.Conn) error {
		can, err := db.holdable(ctx, conn, []string{prefix})
		if err != nil || len(can) == 0 {
			return err
		}
		found, err = collect(ctx, db, conn, "usernames", pgx.StrictNamedArgs{"prefix": prefix, "bare": bare, "limit": limit},
			pgx.RowToStructByName[mfa.Proposal])
		return err
	})
	return found, err
}

// readByNames runs a query whose one argument is a list of names to look rows up by. A name that the database can't
// hold matches nothing.
func readByNames[T any](ctx context.Context, db *DB, op, query string, names []string, row pgx.RowToFunc[T]) ([]T, error) {
	if len(names) == 0 {
		return nil, nil
	}
	var found []T
	err := db.runOnTables(ctx, op, func(conn *pgx.Conn) error {
		can, err := db.holdable(ctx, conn, names)
		if err != nil || len(can) == 0 {
			return err
		}
		found, err = collect(ctx, db, conn, query, pgx.StrictNamedArgs{"names": can}, row)
		return err
	})
	return found, err
}

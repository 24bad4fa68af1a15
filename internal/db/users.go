package db

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

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

// Usernames returns at most limit names that start with prefix, in byte order, for the shell's completion. It leaves out
// names that a shell would have to quote. A prefix that the database can't hold matches no name.
func (db *DB) Usernames(ctx context.Context, prefix string, limit int) ([]string, error) {
	if !storable(prefix) {
		return nil, nil
	}
	names, err := read(ctx, db, "read user names", "usernames",
		pgx.StrictNamedArgs{"prefix": prefix, "limit": limit}, pgx.RowTo[string])
	if untranslatable(err) {
		return nil, nil
	}
	return names, err
}

// readByNames runs a query whose one argument is a list of names to look rows up by. A name that the database can't
// hold matches nothing: one with NUL, one that is not UTF-8, or, in a database with an 8-bit encoding, one with
// a character that this encoding lacks. The last kind makes the whole query fail. Then each name gets its own query.
func readByNames[T any](ctx context.Context, db *DB, op, query string, names []string, row pgx.RowToFunc[T]) ([]T, error) {
	names = slices.DeleteFunc(slices.Clone(names), func(s string) bool { return !storable(s) })
	if len(names) == 0 {
		return nil, nil
	}
	found, err := read(ctx, db, op, query, pgx.StrictNamedArgs{"names": names}, row)
	if !untranslatable(err) {
		return found, err
	}
	if len(names) == 1 {
		return nil, nil
	}
	for _, name := range names {
		one, err := readByNames(ctx, db, op, query, []string{name}, row)
		if err != nil {
			return nil, err
		}
		found = append(found, one...)
	}
	return found, nil
}

// storable reports whether PostgreSQL can hold s as text.
func storable(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

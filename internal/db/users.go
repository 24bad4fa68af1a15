package db

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"uzerp-mfa/internal/mfa"
)

// toUser reads a row of queries/users.sql.
func toUser(row pgx.CollectableRow) (mfa.User, error) {
	return (&userReader{slab: make([]pointedAt, 1)}).read(row)
}

// userReader reads rows of queries/users.sql, whose values come as texts. A list of every user is mostly made of this, so it makes few
// objects: the texts of a row are parts of one text, and what the users point to is in a slab.
type userReader struct {
	slab []pointedAt
	text []byte // the last row's, for the next one
}

// pointedAt is what a user points to.
type pointedAt struct {
	email, uuid, sid          string
	lastLogin                 time.Time
	access, enrolled, enabled bool
}

// slabUsers are the users who share a slab. It stays small enough for what Go keeps ready: a bigger one costs more than it saves.
const slabUsers = 100

func (r *userReader) read(row pgx.CollectableRow) (mfa.User, error) {
	raw := row.RawValues()
	username, first, last, email, access := raw[0], raw[1], raw[2], raw[3], raw[4]
	login, uuid, sid, enrolled, enabled := raw[5], raw[6], raw[7], raw[8], raw[9]
	if len(r.slab) == 0 {
		r.slab = make([]pointedAt, slabUsers)
	}
	to := &r.slab[0]
	r.slab = r.slab[1:]

	r.text = append(r.text[:0], username...)
	r.text = append(r.text, first...)
	if first != nil && last != nil {
		r.text = append(r.text, ' ')
	}
	r.text = append(r.text, last...)
	person := r.text[len(username):]
	r.text = append(append(append(r.text, email...), uuid...), sid...)
	rest := string(r.text)
	next := func(b []byte) (text string) {
		text, rest = rest[:len(b)], rest[len(b):]
		return text
	}
	nextOrNull := func(b []byte, text *string) *string {
		if *text = next(b); b == nil {
			return nil
		}
		return text
	}
	u := mfa.User{
		Username: next(username), Person: strings.Trim(next(person), " "), Email: nextOrNull(email, &to.email), AccessEnabled: truth(access, &to.access),
		Row: mfa.Row{UUID: nextOrNull(uuid, &to.uuid), SID: nextOrNull(sid, &to.sid), Enrolled: truth(enrolled, &to.enrolled), Enabled: truth(enabled, &to.enabled)},
	}
	if login == nil {
		return u, nil
	}
	var err error
	if to.lastLogin, err = time.Parse(time.DateTime, string(login)); err != nil { // a column of another type
		var at *time.Time // not u's own: that would put every u on the heap
		err = row.Scan(nil, nil, nil, nil, nil, &at, nil, nil, nil, nil)
		u.LastLogin = at
		return u, err
	}
	u.LastLogin = &to.lastLogin
	return u, nil
}

// truth returns yes, with a boolean that the server sent as a text, or nil for NULL.
func truth(b []byte, yes *bool) *bool {
	if b == nil {
		return nil
	}
	*yes = string(b) == "t"
	return yes
}

// FindUsers implements mfa.Reader.
func (db *DB) FindUsers(ctx context.Context, usernames []string) ([]mfa.User, error) {
	return ask[[]mfa.User](ctx, db, usersOf(usernames))
}

func usersOf(usernames []string) question {
	return about("read users", "find_users", usernames, toUser)
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
	return ask[[]T](ctx, db, about(op, query, names, row))
}

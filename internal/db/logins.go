package db

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/history"
	"uzerp-mfa/internal/mfa"
)

// Logins returns what uzERP's table audit_lines says about logins. uzERP writes a line for every page that somebody opens, and
// the table has no index but that on its number. So it is read from its end, some lines at a time, until they are old
// enough. The cost is that of the lines of that time, and not of the table: about five seconds for a million.
func (db *DB) Logins() history.Records { return logins{db} }

type logins struct{ db *DB }

const (
	linesAtOnce = 20_000
	mostLines   = 2_000_000 // are looked at: those of a week, on a site with some hundreds of users
	mostLogins  = 50_000    // are returned
	widestZone  = 14 * time.Hour
)

// Source implements history.Records.
func (logins) Source() history.Source { return history.FromAudit }

// Read implements history.Records. Times are wall clocks, because the column has no zone. It fails with errs.Config if
// the role may not read the lines, and with errs.Refused if there is no such table.
func (l logins) Read(ctx context.Context, q history.Query) (history.Reading, error) {
	var r history.Reading
	err := l.db.runOnTables(ctx, "read uzERP's audit lines", func(conn *pgx.Conn) error {
		if err := l.look(ctx, conn); err != nil {
			return err
		}
		suffix, oldest, err := l.access(ctx, conn)
		if err != nil || len(oldest) == 0 {
			r.NoZone = true
			return err
		}
		r, err = l.read(ctx, conn, suffix, oldest[0], q)
		return err
	})
	return r, err
}

// look looks at the table before it or its view is read, if that was not done with the other tables.
func (l logins) look(ctx context.Context, conn *pgx.Conn) error {
	if seen(conn).Lines {
		return nil
	}
	s, err := l.db.lookAt(ctx, conn, []string{auditLines})
	if err == nil && !s.Lines {
		return errNoLines
	}
	return cmp.Or(err, s.refusal())
}

var errNoLines = &errs.Error{Kind: errs.Refused, Err: errors.New("this uzERP has no table audit_lines")}

// access returns what the names of the queries end with: nothing if the role may read the table, or else that of the view. With it it
// returns the time of the oldest line, if there is one.
func (l logins) access(ctx context.Context, conn *pgx.Conn) (suffix string, oldest []time.Time, err error) {
	type access struct {
		There    bool `db:"there"`
		Readable bool `db:"readable"`
		View     bool `db:"view"`
		Stranger bool `db:"stranger"`
	}
	var found []access
	err = l.db.together(ctx, conn, func(batch *pgx.Batch) {
		batch.Queue(sql("login_access", ""), pgx.StrictNamedArgs{"schema": schemaOf(conn)})
		batch.Queue(partOf("login_access", "oldest_login", schemaOf(conn)))
	}, func(results pgx.BatchResults) (err error) {
		if found, err = collectNext(results, pgx.RowToStructByName[access]); err != nil {
			return err
		}
		oldest, err = collectNext(results, pgx.RowTo[time.Time])
		return err
	})
	if len(found) == 0 {
		return "", nil, err
	}
	switch a := found[0]; {
	case !a.There:
		return "", nil, errNoLines
	case a.Readable:
		return "", oldest, err
	case a.View:
		return "_of_view", oldest, err
	case a.Stranger:
		return "", nil, &errs.Error{Kind: errs.Config, Hint: mfa.ReasonHistoryRights.With(),
			Err: errors.New("the view uzerp_mfa_logins does not belong to the owner of uzERP's tables, so it is not used")}
	}
	return "", nil, &errs.Error{Kind: errs.Config, Hint: mfa.ReasonHistoryRights.With(),
		Err: errors.New("the database role may not read table audit_lines")}
}

type loginLine struct {
	Created time.Time `db:"created"`
	User    string    `db:"username"`
	Address string    `db:"remote_address"`
	Browser string    `db:"user_agent"`
	What    string    `db:"what"`
}

type loginBounds struct {
	N      int64      `db:"n"`
	Lowest int64      `db:"lowest"`
	Newest *time.Time `db:"newest"`
	Oldest *time.Time `db:"oldest"`
}

func (l logins) read(ctx context.Context, conn *pgx.Conn, suffix string, oldest time.Time, q history.Query) (r history.Reading, err error) {
	r.NoZone, r.Oldest = true, oldest
	names := q.Usernames // nil: all
	if names != nil {
		if names, err = l.db.holdable(ctx, conn, names); err != nil {
			return r, err
		}
		names = append([]string{}, names...) // none is not all
	}
	since := time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)
	if q.Since.After(since.Add(widestZone)) {
		since = q.Since.UTC().Add(-widestZone)
	}
	unclear := 0
	defer func() {
		if unclear > 0 {
			lines := "1 line of audit_lines is"
			if unclear > 1 {
				lines = fmt.Sprintf("%d lines of audit_lines are", unclear)
			}
			r.Missing = append(r.Missing, lines+" about a login, but not in the form that this program knows")
		}
	}()
	seen := int64(0)
	for upto := int64(math.MaxInt64); ; {
		bounds, err := collect(ctx, l.db, conn, "login_bounds", pgx.StrictNamedArgs{"upto": upto, "rows": linesAtOnce}, pgx.RowToStructByName[loginBounds])
		if err != nil {
			return r, err
		}
		b := bounds[0]
		if b.N == 0 || b.Newest == nil || b.Newest.Before(since) {
			if seen == 0 {
				r.Missing = append(r.Missing, "audit_lines has no line of this time: nobody opened a page of uzERP, or uzERP's setting AUDIT_LOGIN is off")
			}
			return r, nil
		}
		if b.Oldest.Before(r.Oldest) {
			r.Oldest = *b.Oldest
		}
		lines, err := collect(ctx, l.db, conn, "logins"+suffix, pgx.StrictNamedArgs{
			"from": b.Lowest, "upto": upto, "since": since, "names": names, "most": mostLogins - len(r.Entries) + 1,
		}, pgx.RowToStructByName[loginLine])
		if err != nil {
			return r, err
		}
		for _, line := range lines {
			switch {
			case line.What == "unclear":
				unclear++
			case len(r.Entries) == mostLogins:
				r.Missing = append(r.Missing, fmt.Sprintf("audit_lines has more than %d lines about logins: the older ones were not read", mostLogins))
				return r, nil
			default:
				r.Entries = append(r.Entries, history.Entry{At: line.Created, NoZone: true, Source: history.FromAudit,
					Username: line.User, What: history.What(line.What), Address: line.Address, Browser: line.Browser})
			}
		}
		if seen += b.N; seen >= mostLines {
			r.Missing = append(r.Missing, fmt.Sprintf("audit_lines has more than %d lines of this time: the older ones were not read", mostLines))
			return r, nil
		}
		if b.Lowest == math.MinInt64 {
			return r, nil
		}
		upto = b.Lowest - 1
	}
}

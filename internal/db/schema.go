package db

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
)

// Schema is what CheckSchema found.
type Schema struct {
	Database       string   `db:"database"`
	ServerVersion  string   `db:"server_version"`
	Encoding       string   `db:"encoding"`  // of the database
	Role           string   `db:"role"`      // whose rights apply
	ReadOnly       bool     `db:"read_only"` // a standby, or set to read-only
	Standby        bool     `db:"standby"`
	Name           string   `db:"schema"`          // of the schema that has uzERP's tables; empty: no schema of the search_path has users
	Rivals         []string `db:"rivals"`          // later ones of another owner, if Name is only found because it is the role's name
	Searched       []string `db:"searched"`        // the schemas of the search_path that are there
	Elsewhere      []string `db:"elsewhere"`       // at most five other schemas that have a table users
	MissingTables  []string `db:"missing_tables"`  // of users, person and injector_classes
	MissingColumns []string `db:"missing_columns"` // of the four 2FA columns of users; all four if users is missing
	NotTables      []string `db:"not_tables"`      // used tables that are views, foreign tables or the like
	RowSecurity    []string `db:"row_security"`    // used tables of which row-level security hides rows from the role

	// Who could make code run with the role's rights without having them: what it is about (empty: nobody), its name, the
	// table that it is on, and the role ("": every role).
	Risk       string `db:"risk"` // table, schema, grant, function or search_path
	RiskObject string `db:"risk_object"`
	RiskTable  string `db:"risk_table"`
	RiskRole   string `db:"risk_role"`

	DatabaseFrom string `db:"-"` // the settings that name database and role
	RoleFrom     string `db:"-"`

	Lines   bool  `db:"lines"`   // the table of uzERP's audit lines is there, and was looked at too
	Backend int64 `db:"backend"` // the server's process of the session
	Pooler  bool  `db:"-"`       // what answers us is a connection pooler, and not the server
}

// CheckSchema looks up in the catalogue whether this is uzERP's database, and whether its uzERP is new enough. It fails
// only if the query fails: Problem says what the result means.
func (db *DB) CheckSchema(ctx context.Context) (Schema, error) {
	var s Schema
	err := db.run(ctx, "look at the schema", func(conn *pgx.Conn) error {
		var err error
		s, err = db.lookAtSchema(ctx, conn)
		return err
	})
	return s, err
}

// lookAtSchema looks at the tables that the queries use, and at that of uzERP's audit lines with them: if all is well with all of
// them, history need not ask again.
func (db *DB) lookAtSchema(ctx context.Context, conn *pgx.Conn) (Schema, error) {
	s, err := db.lookAt(ctx, conn, append(usedTables(), auditLines))
	if err == nil && cmp.Or(s.unusable(), s.tooPowerful()) != nil {
		s, err = db.lookAt(ctx, conn, usedTables())
	}
	if err == nil && cmp.Or(s.unusable(), s.tooPowerful()) == nil { // what is wrong may be mended meanwhile
		conn.PgConn().CustomData()[lookedKey] = s
	}
	return s, err
}

// auditLines is the table of uzERP's audit lines.
const auditLines = "audit_lines"

// lookAt is lookAtSchema for a use of these tables only.
func (db *DB) lookAt(ctx context.Context, conn *pgx.Conn, tables []string) (Schema, error) {
	found, err := collect(ctx, db, conn, "schema", pgx.StrictNamedArgs{
		"tables":  tables,
		"written": writtenTables(),
		"needed":  []string{"users", "person", "injector_classes"},
		"columns": []string{"mfa_enrolled", "mfa_enabled", "mfa_sid", "uuid"},
	}, pgx.RowToStructByName[Schema])
	if err != nil {
		return Schema{}, err
	}
	s := found[0]
	s.DatabaseFrom, s.RoleFrom = db.pool.libpq.From("dbname"), db.pool.libpq.From("user")
	s.Pooler = db.notePooler(ctx, conn, s.Backend)
	return s, nil
}

// Problem returns why this tool can't work with the database: errs.Config if it isn't uzERP's, or if the role can't
// see its rows; errs.Refused if its uzERP is older than 1.31.0 (docs/facts/uzerp.md §1). It returns nil if nothing is
// missing.
func (s Schema) Problem() error {
	if err := s.unusable(); err != nil {
		return err
	}
	switch {
	case len(s.MissingTables) > 0:
		return s.notUzERPs()
	case len(s.MissingColumns) > 0:
		return errs.New(errs.Refused,
			"the uzERP of database "+strconv.Quote(s.Database)+" has no two-factor login yet: table users lacks "+
				strings.Join(slices.Sorted(slices.Values(s.MissingColumns)), ", "),
			"that came with uzERP 1.31.0: upgrade, then run uzERP's database migrations")
	default:
		return nil
	}
}

func (s Schema) notUzERPs() error {
	where := "; no schema was looked in, for none of the search_path is there or open to role " + s.role()
	switch {
	case s.Name != "":
		where = " in schema " + strconv.Quote(s.Name)
	case len(s.Searched) > 0:
		where = " in the schemas of the search_path: " + quotedNames(s.Searched)
	}
	if len(s.Elsewhere) > 0 {
		where += "; a table users is in schema " + quotedNames(s.Elsewhere)
	}
	return errs.New(errs.Config,
		"database "+strconv.Quote(s.Database)+" (from "+s.DatabaseFrom+") is not uzERP's: no table "+strings.Join(s.MissingTables, ", ")+where,
		"name uzERP's database; a search_path that is set must name uzERP's schema, and the role needs usage on it")
}

// role returns the name of the role, and the setting that it came from.
func (s Schema) role() string { return strconv.Quote(s.Role) + " (from " + s.RoleFrom + ")" }

// unusable returns why no query may run on the tables, or nil.
func (s Schema) unusable() error {
	switch {
	case s.Name == "":
		return s.notUzERPs()
	case len(s.Rivals) > 0:
		return errs.New(errs.Config,
			"several schemas of the search_path have uzERP's tables, and their owners differ: "+quotedNames(append([]string{s.Name}, s.Rivals...)),
			"name uzERP's schema alone, as search_path in the database URL or with PGOPTIONS=-csearch_path=SCHEMA")
	case len(s.NotTables) > 0:
		return errs.New(errs.Config,
			"not a plain table in schema "+strconv.Quote(s.Name)+", but a view or a foreign table: "+quotedNames(s.NotTables),
			"uzERP has plain tables there; ask the owner what these are, or name uzERP's schema with search_path")
	case len(s.RowSecurity) > 0:
		return errs.New(errs.Config,
			"row-level security hides rows from role "+s.role()+" in "+quotedNames(s.RowSecurity)+", so users would be missing in every answer",
			"connect as the tables' owner or as a role with BYPASSRLS, or drop the policies and disable row-level security on these tables")
	default:
		return nil
	}
}

// tooPowerful returns why the role must not be used on the tables, or nil: somebody with fewer rights could make code
// run with all of the role's. What they have made so far does not matter, so that it does not matter either when they
// make it.
func (s Schema) tooPowerful() error {
	who := "role " + strconv.Quote(s.RiskRole)
	if s.RiskRole == "" {
		who = "every role"
	}
	var text string
	switch s.Risk {
	case "":
		return nil
	case "table", "schema":
		text = s.Risk + " " + strconv.Quote(s.RiskObject) + " belongs to " + who
	case "grant":
		text = who + " may put triggers or foreign keys on table " + strconv.Quote(s.RiskTable)
	case "function":
		text = "function " + strconv.Quote(s.RiskObject) + ", which table " + strconv.Quote(s.RiskTable) + " calls, belongs to " + who
	default:
		return errs.New(errs.Config,
			"function "+strconv.Quote(s.RiskObject)+", which table "+strconv.Quote(s.RiskTable)+" calls, would run with the rights of superuser "+
				s.role()+" and with operators that others can lay: it has no search_path of its own",
			"its owner runs: alter function NAME set search_path = pg_catalog, pg_temp (the function must name tables with their schema then)")
	}
	return errs.NewWith(errs.Config, text+", with fewer rights than role "+s.role()+", whose rights its code could use",
		mfa.ReasonRoleTooPowerful.With())
}

func quotedNames(names []string) string {
	var all []string
	for _, n := range names {
		all = append(all, strconv.Quote(n))
	}
	return strings.Join(all, ", ")
}

// CheckReady implements injector.Reader.
func (db *DB) CheckReady(ctx context.Context) error {
	s, err := db.CheckSchema(ctx)
	if err != nil {
		return err
	}
	return cmp.Or(s.Problem(), s.tooPowerful())
}

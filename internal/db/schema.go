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
	sessionFacts
	Name           string   // of the schema that has uzERP's tables; empty: no schema of the search_path has users
	Rivals         []string // later ones of another owner, if Name is only found because it is the role's name
	Elsewhere      []string // at most five other schemas that have a table users; only of CheckSchema
	MissingTables  []string // of users, person and injector_classes; of all used tables if the role is powerful
	MissingColumns []string // of the four 2FA columns of users; all four if users is missing; only of CheckSchema
	NotTables      []string // used tables that are views, foreign tables or the like
	RowSecurity    []string // used tables of which row-level security hides rows from the role
	risk

	DatabaseFrom string // the settings that name database and role
	RoleFrom     string

	Lines  bool // the table of uzERP's audit lines is there, and was looked at too
	Pooler bool // what answers us is a connection pooler, and not the server
}

// sessionFacts is the row of queries/schema.sql.
type sessionFacts struct {
	Database      string   `db:"database"`
	ServerVersion string   `db:"server_version"`
	Encoding      string   `db:"encoding"`  // of the database
	Role          string   `db:"role"`      // whose rights apply
	Login         string   `db:"login"`     // who has logged in
	ReadOnly      bool     `db:"read_only"` // a standby, or set to read-only
	Standby       bool     `db:"standby"`
	Searched      []string `db:"searched"`  // the schemas of the search_path that are there
	Backend       int64    `db:"backend"`   // the server's process of the session
	Superuser     bool     `db:"superuser"` // Role or Login is one
	Powerful      bool     `db:"powerful"`  // they may do something that others may not
}

// risk says who could make code run with the role's rights without having them: what it is about (empty: nobody), its name, the
// table that it is on, and the role ("": every role).
type risk struct {
	Risk       string `db:"risk"` // table, schema, grant, function or search_path
	RiskObject string `db:"risk_object"`
	RiskTable  string `db:"risk_table"`
	RiskRole   string `db:"risk_role"`
}

// relation is a row of queries/relations.sql.
type relation struct {
	Schema      string `db:"schema"`
	Name        string `db:"name"`
	Kind        string `db:"kind"`        // pg_class.relkind
	Persistence string `db:"persistence"` // pg_class.relpersistence
	Owner       string `db:"owner"`
	Hidden      bool   `db:"hidden"` // row-level security hides rows from the role
}

// holdsRows reports whether it is a table or the like, of the database and not of one session.
func (r relation) holdsRows() bool { return strings.Contains("rpvmf", r.Kind) && r.Persistence != "t" }

// place is a row of queries/elsewhere.sql.
type place struct {
	Schema  string   `db:"schema"`
	Columns []string `db:"columns"`
}

// CheckSchema looks up in the catalogue whether this is uzERP's database, and whether its uzERP is new enough. It fails
// only if the query fails: Problem says what the result means.
func (db *DB) CheckSchema(ctx context.Context) (Schema, error) {
	var s Schema
	err := db.run(ctx, "look at the schema", func(conn *pgx.Conn) error {
		var err error
		if s, err = db.lookAtSchema(ctx, conn); err != nil || s.Name == "" { // then it looked elsewhere
			return err
		}
		return db.lookElsewhere(ctx, conn, &s)
	})
	return s, err
}

// lookAtSchema looks at the tables that the queries use, and at that of uzERP's audit lines with them: if all is well with all of
// them, history need not ask again.
func (db *DB) lookAtSchema(ctx context.Context, conn *pgx.Conn) (Schema, error) {
	s, err := db.lookAt(ctx, conn, append(usedTables(), auditLines))
	if err == nil && s.refusal() != nil {
		s, err = db.lookAt(ctx, conn, usedTables())
	}
	switch {
	case err == nil && s.refusal() == nil: // what is wrong may be mended meanwhile
		conn.PgConn().CustomData()[lookedKey] = s
	case err == nil && s.Name == "":
		err = db.lookElsewhere(ctx, conn, &s)
	}
	return s, err
}

// auditLines is the table of uzERP's audit lines.
const auditLines = "audit_lines"

// lookAt is lookAtSchema for a use of these tables only. Whether somebody could use the role's rights is asked only of a role that has
// more than rights on tables. Then all is judged by what that answer says, for an owner with fewer rights can put other tables in the
// place of the first ones meanwhile, and nobody with fewer rights can once no owner has.
func (db *DB) lookAt(ctx context.Context, conn *pgx.Conn, tables []string) (s Schema, err error) {
	names := append(neededTables(), tables...)
	var found []relation
	err = db.together(ctx, conn, func(batch *pgx.Batch) {
		batch.Queue(sql("schema", ""))
		batch.Queue(partOf("schema", "relations", ""), pgx.StrictNamedArgs{"names": names})
	}, func(results pgx.BatchResults) error {
		facts, err := collectNext(results, pgx.RowToStructByName[sessionFacts])
		if err != nil {
			return err
		}
		s.sessionFacts = facts[0]
		found, err = collectNext(results, pgx.RowToStructByName[relation])
		return err
	})
	if err != nil {
		return Schema{}, err
	}
	s.DatabaseFrom, s.RoleFrom = db.pool.libpq.From("dbname"), db.pool.libpq.From("user")
	s.Pooler = db.notePooler(ctx, conn, s.Backend)
	first := s
	first.judge(found, tables)
	if s.Powerful && first.refusal() == nil {
		return db.lookForRisks(ctx, conn, s, first.Name, tables)
	}
	return first, nil
}

// owned is a row of queries/owners.sql.
type owned struct {
	relation      // Owner is that of the schema if OfSchema
	OfSchema bool `db:"of_schema"`
	Weaker   bool `db:"weaker"` // the owner has fewer rights than the role
}

// lookForRisks judges the tables once more, with who owns them, and finds who has fewer rights than the role and could use its rights.
// schema is the one that was chosen before.
func (db *DB) lookForRisks(ctx context.Context, conn *pgx.Conn, s Schema, schema string, tables []string) (Schema, error) {
	var rows []owned
	var added []risk
	err := db.together(ctx, conn, func(batch *pgx.Batch) {
		batch.Queue(sql("owners", ""), pgx.StrictNamedArgs{"names": append(neededTables(), tables...)})
		if s.Superuser {
			batch.Queue(partOf("owners", "added_code", ""), pgx.StrictNamedArgs{"schema": schema, "tables": tables, "written": writtenTables()})
		}
	}, func(results pgx.BatchResults) (err error) {
		if rows, err = collectNext(results, pgx.RowToStructByName[owned]); err == nil && s.Superuser {
			added, err = collectNext(results, pgx.RowToStructByName[risk])
		}
		return err
	})
	if err != nil {
		return Schema{}, err
	}
	var found []relation
	for _, r := range rows {
		if !r.OfSchema {
			found = append(found, r.relation)
		}
	}
	s.judge(found, tables)
	if s.Name != schema {
		return Schema{}, errs.New(errs.Config, "uzERP's tables were moved to another schema while they were looked at", "run the command again")
	}
	var weaker []risk
	for _, name := range tables {
		for _, r := range rows {
			if r.Schema == s.Name && r.Name == name && r.Weaker && !r.OfSchema {
				weaker = append(weaker, risk{Risk: "table", RiskObject: name, RiskRole: r.Owner})
			}
		}
	}
	for _, r := range rows {
		if r.Schema == s.Name && r.Weaker && r.OfSchema {
			weaker = append(weaker, risk{Risk: "schema", RiskObject: s.Name, RiskRole: r.Owner})
		}
	}
	if all := append(weaker, added...); len(all) > 0 {
		s.risk = all[0]
	}
	return s, nil
}

// neededTables returns the tables without which a database is not uzERP's.
func neededTables() []string { return []string{"users", "person", "injector_classes"} }

// choose finds the schema of uzERP's tables: the first one in the session's own search_path that has the needed tables, or else the first
// one that has users. A temporary table is nobody's users.
func (s *Schema) choose(found []relation) {
	type candidate struct {
		schema, owner string // of users
		complete      bool
	}
	var all []candidate
	for _, schema := range s.Searched {
		c, n := candidate{schema: schema}, 0
		for _, r := range found {
			if r.Schema != schema || !r.holdsRows() || !slices.Contains(neededTables(), r.Name) {
				continue
			}
			if n++; r.Name == "users" {
				c.owner = r.Owner
			}
		}
		if c.complete = n == len(neededTables()); c.owner != "" {
			all = append(all, c)
		}
	}
	if len(all) == 0 {
		return
	}
	first := max(0, slices.IndexFunc(all, func(c candidate) bool { return c.complete }))
	chosen := all[first]
	s.Name = chosen.schema
	if s.Name != s.Role || chosen.owner == s.Role || chosen.owner == s.Login {
		return
	}
	for _, c := range all[first+1:] {
		if c.complete && c.owner != chosen.owner {
			s.Rivals = append(s.Rivals, c.schema)
		}
	}
}

// judge chooses the schema, and says what is the matter with these tables in it. What is missing somebody with fewer rights could make
// later: so a role that has more than rights on tables needs them all.
func (s *Schema) judge(found []relation, tables []string) {
	s.choose(found)
	in := make(map[string]relation)
	for _, r := range found {
		if r.Schema == s.Name {
			in[r.Name] = r
		}
	}
	needed := neededTables()
	for _, name := range tables {
		if s.Powerful && name != auditLines && !slices.Contains(needed, name) {
			needed = append(needed, name)
		}
	}
	for _, name := range needed {
		if _, there := in[name]; !there {
			s.MissingTables = append(s.MissingTables, name)
		}
	}
	for _, name := range tables {
		switch r, there := in[name]; {
		case !there:
		case !strings.Contains("rp", r.Kind):
			s.NotTables = append(s.NotTables, name)
		case r.Hidden:
			s.RowSecurity = append(s.RowSecurity, name)
		}
	}
	if slices.Contains(tables, auditLines) {
		_, s.Lines = in[auditLines]
	}
}

// lookElsewhere finds out what is needed only to say what is wrong.
func (db *DB) lookElsewhere(ctx context.Context, conn *pgx.Conn, s *Schema) error {
	s.MissingColumns = []string{"mfa_enrolled", "mfa_enabled", "mfa_sid", "uuid"}
	places, err := collect(ctx, db, conn, "elsewhere", pgx.StrictNamedArgs{"columns": s.MissingColumns}, pgx.RowToStructByName[place])
	for _, p := range places {
		switch {
		case p.Schema == s.Name:
			s.MissingColumns = slices.DeleteFunc(s.MissingColumns, func(c string) bool { return slices.Contains(p.Columns, c) })
		case len(s.Elsewhere) < mostElsewhere:
			s.Elsewhere = append(s.Elsewhere, p.Schema)
		}
	}
	return err
}

// mostElsewhere is how many other schemas are named.
const mostElsewhere = 5

// refusal returns why no query may run on the tables with this role, or nil.
func (s Schema) refusal() error { return cmp.Or(s.unusable(), s.tooPowerful()) }

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
	case s.Name == "", s.Powerful && len(s.MissingTables) > 0:
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

package db

import (
	"cmp"
	"context"
	_ "embed"
	"regexp"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"

	"uzerp-mfa/internal/errs"
)

//go:embed grants.sql
var grants string

// Grants returns the SQL that makes a role with only the rights that this package needs: on users, on the tables that
// say who a user is and whether they may log in, and on injector_classes.
func Grants(role string) string {
	// In one step: the name itself may hold a word that is replaced.
	return strings.NewReplacer("NAME_AS_TEXT", asText(role), "ROLE", pgx.Identifier{role}.Sanitize()).Replace(grants)
}

// asText returns s as a constant of SQL that may stand between two $$.
func asText(s string) string {
	return "E'" + strings.NewReplacer("\x00", "", `\`, `\\`, "'", "''", "$", `\044`).Replace(s) + "'"
}

// GrantsHistory returns the SQL that adds to the role of Grants the right to read what uzERP says about logins, and that
// alone. It is a view: the table itself holds what people typed, passwords too.
func GrantsHistory(role string) string {
	name := pgx.Identifier{role}.Sanitize()
	view := strings.ReplaceAll(statement("login_lines"), schemaPlace, "public.")
	return "\n" + historyComment + "grant select (id, created) on public.audit_lines to " + name + ";\n" +
		"create or replace view public.uzerp_mfa_logins with (security_barrier) as\n" + strings.TrimSpace(view) +
		";\nrevoke all on public.uzerp_mfa_logins from public;\ngrant select on public.uzerp_mfa_logins to " + name + ";\n"
}

const historyComment = `-- what uzERP says about logins: when, who, from where, and what uzERP answered.
-- It is a view of the tables' owner, because the table has in column line what people typed, passwords too.
-- It has no session ids. For a role that was made before, run this part alone.
`

// right is one right that grants.sql grants.
type right struct {
	kind      string // of the object: schema, sequence or column
	object    string // the table, if the right is on a column
	column    string
	privilege string
}

func (r right) String() string {
	switch r.kind {
	case "column":
		return r.privilege + " on " + r.object + "." + r.column
	default:
		return r.privilege + " on " + r.kind + " " + r.object
	}
}

// rights reads the rights from grants.sql, so that there is no second list.
var rights = sync.OnceValue(func() []right {
	var all []right
	text := regexp.MustCompile(`(?m)--.*$`).ReplaceAllString(grants, "")
	grant := regexp.MustCompile(`^\s*grant\s+([^;]+?)\s+on\s+(?:(schema|sequence)\s+)?(?:public\.)?(\w+)\s+to\s+ROLE\s*$`)
	columns := regexp.MustCompile(`(\w+)\s*\(([^)]*)\)`)
	for statement := range strings.SplitSeq(text, ";") {
		m := grant.FindStringSubmatch(statement)
		switch {
		case m == nil:
		case m[2] != "":
			all = append(all, right{kind: m[2], object: m[3], privilege: m[1]})
		default:
			for _, c := range columns.FindAllStringSubmatch(m[1], -1) {
				for column := range strings.SplitSeq(c[2], ",") {
					all = append(all, right{kind: "column", object: m[3], column: strings.TrimSpace(column), privilege: c[1]})
				}
			}
		}
	}
	return all
})

// MissingRights returns the rights of grants.sql that the role lacks, in the order of that file, such as "select on
// person.end_date". Columns that an older uzERP doesn't have are left out: CheckSchema finds those. It fails as every
// query does, and with errs.Config if others could use the role's rights.
func (db *DB) MissingRights(ctx context.Context) ([]string, error) {
	all := rights()
	var kinds, objects, columns, privileges []string
	for _, r := range all {
		kinds, objects = append(kinds, r.kind), append(objects, r.object)
		columns, privileges = append(columns, r.column), append(privileges, r.privilege)
	}
	var schema Schema
	var held []*bool
	err := db.run(ctx, "look at the role's rights", func(conn *pgx.Conn) error {
		var err error
		if schema, err = db.looked(ctx, conn); err != nil {
			return err
		}
		held, err = collect(ctx, db, conn, "rights", pgx.StrictNamedArgs{
			// A role without usage on the schema doesn't find it in its search_path.
			"schema": cmp.Or(schema.Name, "public"),
			"kinds":  kinds, "objects": objects, "columns": columns, "privileges": privileges,
		}, pgx.RowTo[*bool])
		return err
	})
	if err != nil {
		return nil, err
	}
	var missing []string
	for i, h := range held {
		if h != nil && !*h {
			missing = append(missing, all[i].String())
		}
	}
	if len(missing) > 0 {
		return missing, nil // without usage on the schema no other right is visible
	}
	if problem := schema.Problem(); errs.KindOf(problem) == errs.Config {
		return nil, problem
	}
	return nil, schema.tooPowerful()
}

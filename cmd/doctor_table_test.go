package cmd

import (
	"strings"
	"testing"

	"uzerp-mfa/internal/config"
)

// Where the database is stands in one row if one place says all of it, and else in a row for each part.
func TestDatabaseInOneRow(t *testing.T) {
	settings := func(host, port, name, role string) []config.Setting {
		return []config.Setting{{Name: "database", Value: "set", Source: name}, {Name: "database host", Value: "h", Source: host},
			{Name: "database port", Value: "1", Source: port}, {Name: "database name", Value: "erp", Source: name},
			{Name: "database role", Value: "web", Source: role}, {Name: "uzERP directory", Value: "/srv", Source: "UZERP_ROOT"}}
	}
	for _, test := range []struct {
		settings []config.Setting
		want     string
	}{
		{settings("DATABASE_URL", "the default", "DATABASE_URL", "DATABASE_URL"),
			"database: erp on h, port 1, as web (DATABASE_URL)\nuzERP directory: /srv (UZERP_ROOT)"},
		{settings("conf/.env line 10", "conf/.env line 10", "conf/.env line 8", "conf/.env line 9"),
			"database: erp on h, port 1, as web (conf/.env lines 8, 9, 10)\nuzERP directory: /srv (UZERP_ROOT)"},
		{settings("PGHOST", "the default", "conf/.env line 8", "conf/.env line 9"),
			"database host: h (PGHOST)\ndatabase port: 1 (the default)\ndatabase name: erp (conf/.env line 8)\ndatabase role: web (conf/.env line 9)\n" +
				"uzERP directory: /srv (UZERP_ROOT)"},
		{[]config.Setting{{Name: "database"}, {Name: "audit log", Value: "x", Source: "y"}}, "database:  ()\naudit log: x (y)"},
	} {
		var got []string
		for _, s := range databaseInOneRow(test.settings) {
			got = append(got, s.Name+": "+s.Value+" ("+s.Source+")")
		}
		if text := strings.Join(got, "\n"); text != test.want {
			t.Errorf("got\n%s\nwant\n%s", text, test.want)
		}
	}
}

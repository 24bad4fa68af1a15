package cmd

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/output"
)

// This file prints the tables of lists, and chooses their columns.

// column is all that there is to say about a column of a table. In CSV only its name counts.
type column struct {
	name  string
	fit   output.Fit // what may be done where it does not fit on a terminal; user names are shown whole: people copy them into commands
	asked bool       // it is shown only if it is asked for
	user  bool       // it has user names, of which no two may look the same
}

// Columns that many tables have.
var (
	columnUsername = column{name: "username", user: true}
	columnMessage  = column{name: "message", fit: output.Prose}
)

// columnsNamed returns columns about which there is no more to say than their names.
func columnsNamed(names ...string) (all []column) {
	for _, name := range names {
		all = append(all, column{name: name})
	}
	return all
}

// columnChoice is what --columns says.
type columnChoice struct {
	flag  []string
	table []column // all columns that there are
}

// register adds the flag, and names the columns in the long help: the flag says the same everywhere.
func (o *columnChoice) register(app *App, c *cobra.Command, table []column) {
	o.table = table
	c.Flags().StringSliceVar(&o.flag, "columns", nil, "columns of the table, comma-separated, or all")
	c.Long += "\n\n--columns has: " + strings.Join(o.names(), ", ") + "."
	completeList(c, "columns", append([]string{allColumns}, o.names()...)...)
	c.PreRunE = func(c *cobra.Command, _ []string) error {
		if !c.Flags().Changed("columns") {
			return nil
		}
		return o.validate(app.flags.output)
	}
}

const allColumns = "all"

// names are the columns as the flag has them.
func (o *columnChoice) names() []string {
	names := make([]string, len(o.table))
	for i, c := range o.table {
		names[i] = columnName(c.name)
	}
	return names
}

func columnName(header string) string {
	return strings.ReplaceAll(strings.ReplaceAll(header, ", ", "-"), " ", "-")
}

func (o *columnChoice) validate(format string) error {
	const hint = "the columns are "
	all := strings.Join(o.names(), ", ") + ", or all"
	if format != formatTable {
		return usageError("--columns is for tables: "+format+" has everything", "leave out --columns or --output")
	}
	if len(o.flag) == 0 {
		return usageError("--columns needs at least one column", hint+all)
	}
	for i, name := range o.flag {
		switch {
		case name == allColumns && len(o.flag) > 1:
			return usageError("--columns: all stands alone", hint+all)
		case name != allColumns && !slices.Contains(o.names(), name):
			return usageError(fmt.Sprintf("--columns: there is no column %q", name), hint+all)
		case slices.Contains(o.flag[:i], name):
			return usageError(fmt.Sprintf("--columns: %s is given twice", name), hint+all)
		}
	}
	return nil
}

// shown returns the indexes of the columns to show, of those that a table has. Without the flag these are all that need not be
// asked for.
func (o *columnChoice) shown(table []column) (shown []int) {
	for i, c := range table {
		if len(o.flag) == 0 && !c.asked || len(o.flag) == 1 && o.flag[0] == allColumns {
			shown = append(shown, i)
		}
	}
	for _, wanted := range o.flag {
		if i := slices.IndexFunc(table, func(c column) bool { return columnName(c.name) == wanted }); i >= 0 {
			shown = append(shown, i)
		}
	}
	return shown
}

// listTable is a table whose rows come one by one.
type listTable struct {
	table *output.Table
	cells []int // the columns that are shown
	names []int // those of them with user names, of which no two may look the same
}

func (a *App) newListTable(choice *columnChoice, table []column) *listTable {
	l := &listTable{cells: choice.shown(table)}
	var columns []output.Column
	for at, i := range l.cells {
		columns = append(columns, output.Column{Name: table[i].name, Fit: table[i].fit})
		if table[i].user {
			l.names = append(l.names, at)
		}
	}
	l.table = a.streams.NewTable(columns...)
	return l
}

// row adds a row, which has a cell for each column that there is.
func (l *listTable) row(cells []string) error {
	shown := make([]string, len(l.cells))
	for at, i := range l.cells {
		shown[at] = cells[i]
	}
	for _, at := range l.names {
		shown[at] = output.EscapeName(shown[at])
	}
	return l.table.Row(shown...)
}

// showTable prints a table on stdout, with all columns but those that choice leaves out. What is longer than the screen goes
// through the pager.
func (a *App) showTable(choice *columnChoice, table []column, rows [][]string) error {
	return a.streams.Paged(func() error { return a.writeTable(choice, table, rows) })
}

// writeTable is showTable without the pager: for what is part of a longer text, and for what comes after a change.
func (a *App) writeTable(choice *columnChoice, table []column, rows [][]string) error {
	if choice == nil {
		choice = &columnChoice{}
	}
	l := a.newListTable(choice, table)
	for _, row := range rows {
		if err := l.row(row); err != nil {
			return err
		}
	}
	return l.table.Close()
}

// noteCount ends a list that is longer than the screen with how many there were.
func (a *App) noteCount(n int, noun string) {
	height := a.streams.OutTerminal().Height
	if a.flags.output == formatTable && (a.streams.WentThroughPager() || height > 0 && n+1 >= height) {
		a.streams.Notef("%s", count(n, noun))
	}
}

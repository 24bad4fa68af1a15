package main

import "strings"

// row is a line of the table. Who adds a benchmark adds its row here.
type row struct {
	bench string // the benchmark's name without "Benchmark": a regular expression for the whole of it; several that match
	// get a line each, and those of NAME/.* one together: their median
	what  string   // what it compares, or does; $1 is what the expression has in brackets
	reach []goal   // what is to be reached; none if nothing is promised
	shows []string // the units that are shown beside those of the goals
	// why says why it is not reached. It is shown only then, and is written by hand, from a look at where the time or the memory goes.
	why string
}

// middle reports whether a row is of many benchmarks, of which it shows the median.
func (r row) middle() bool { return strings.HasSuffix(r.bench, "/.*") }

// goal is a value that is not to be exceeded.
type goal struct {
	unit string
	most float64
}

var rows = []row{
	{bench: "Start", what: "start: `version` against `psql --version`",
		reach: []goal{{"ratio", 1}}, shows: []string{"s", "psql-s"},
		why: "it reads as many pages of memory as psql (517 and 512), and each costs the same here; 181 are those of any Go program, and the others " +
			"are spread over the start of 150 packages"},
	{bench: "List/csv", what: "`user list -o csv` of 500,000 users against psql's `copy` of the same columns",
		reach: []goal{{"ratio", 0.9}, {"MiB", 30}}, shows: []string{"s", "psql-s", "psql-MiB"},
		why: "the server needs as long as for psql, and before that come the start and the look at the schema; psql hands on what comes, and here each " +
			"cell is judged and made harmless. The whole program takes 0.7 microseconds of the processor for each user; a second goroutine was tried, and won nothing"},
	{bench: "Growth/1000000/list", what: "the same of 1,000,000 users: memory stays flat",
		reach: []goal{{"MiB", 30}}, shows: []string{"s"}},
	{bench: "List/table", what: "`user list` as a table of 200,000 users, against csv",
		reach: []goal{{"ratio", 2}, {"MiB", 40}}, shows: []string{"s"}},
	{bench: "List/json", what: "`user list -o json` of 200,000 users, against csv",
		reach: []goal{{"MiB", 40}}, shows: []string{"ratio", "s"}},
	{bench: "List/limit", what: "`user list --limit 10` of 50,000 users against psql and ten rows in the same order",
		reach: []goal{{"ratio", 2}}, shows: []string{"s", "psql-s"}},
	{bench: "Show/role", what: "`user show --offline`, as the role of `grants`, against psql and one row",
		reach: []goal{{"ratio", 1.5}}, shows: []string{"s", "psql-s"},
		why: "of 75 ms, in a run that was looked at, 35 were the start and the connection, which psql needs too, 8 the look at the schema, 8 the user, " +
			"15 who else has the uuid, 4 the logins, and 5 all else; uuids have no index, so all users are read, and 10 of the 15 went into pages of memory " +
			"that a new session sees for the first time"},
	{bench: "Show/superuser", what: "the same as a superuser, of whom more must be looked at",
		shows: []string{"ratio", "s", "psql-s"}},
	{bench: "Reset", what: "`user reset` of 1,000 users, where Twilio takes 30 ms a call: against the calls at 30 ms, 8 at a time",
		reach: []goal{{"ratio", 1.1}}, shows: []string{"s", "calls/user"},
		why: "the database, the stand-in for Twilio and the program share two cores, and each user has four records that must be on the disk"},
	{bench: `Reconcile/(?:\D*)(\d+)`,
		what:  "`reconcile --concurrency $1` of 5,008 users (1,002 enrolled), where Twilio allows 100 calls a second: against the limit's time",
		reach: []goal{{"ratio", 1.1}, {"refused%", 2}, {"unknown", 0}}, shows: []string{"s"},
		why: "no limit is known before the first 429, and to find it costs the pause of a second for which Twilio asks, of ten; if the machine stands " +
			"still for a moment, many calls come at once, and a further 429 costs a further second; with 1 at once no limit is met, and the way of " +
			"each call through this machine counts"},
	{bench: "Refused", what: "`reconcile` of 60,000 users, where Twilio refuses the list of entities for an hour",
		reach: []goal{{"calls", 3}, {"s", 5}}},
	{bench: "Suspicious", what: "`user history --all --suspicious` of 2,000 users, where Twilio allows 100 calls a second: against the limit's time",
		reach: []goal{{"ratio", 1.1}}, shows: []string{"s"}},
	{bench: "SetInjector", what: "`set-injector`, which gives 20,000 users a uuid",
		reach: []goal{{"s", 5}}, shows: []string{"MiB"}},
	{bench: "Doctor", what: "`doctor` with 200,000 users",
		reach: []goal{{"s", 3}, {"more-MiB", 5}}, shows: []string{"MiB", "cpu-s"}},
	{bench: "Monday", what: "a Monday morning on a site of 5,000 users (below): all commands, against the calls within Twilio's limit",
		shows: []string{"ratio", "s", "MiB"}},
	{bench: "Build", what: "the stripped program",
		reach: []goal{{"MB", 20}},
		why:   "10 MB are machine code, 7.5 MB Go's own tables of it, which no flag leaves out, and 3.6 MB data, such as the pages that `help` shows"},
	{bench: "Build", what: "building it where nothing is in Go's cache",
		reach: []goal{{"s", 60}}, shows: []string{"cpu-s"},
		why: "of 116 s of the processor, in a run that was looked at, 61 went into Go's own library, 26 into modules, and 29 into this program"},
	{bench: "ParseConfig/.*", what: "the reader of `conf/config.php`: a file of twice the size, the median of all kinds of files",
		reach: []goal{{"ratio", 3}}},
	{bench: "Parse/.*", what: "the reader of `conf/.env`: a file of twice the size, the median of all kinds of files",
		reach: []goal{{"ratio", 3}}},
	{bench: "Tell/.*", what: "the history of a user: twice as long, the median of all kinds",
		reach: []goal{{"ratio", 3}}},
}

// grown are the commands of the plots, and what the number is of.
var grown = []struct{ name, what string }{
	{"list", "`user list -o csv`"},
	{"reconcile", "`reconcile`, every fifth user enrolled"},
	{"history", "`user history --all`"},
	{"reset", "`user reset --from-file`"},
}

// profiled are the commands of BenchmarkProfile.
var profiled = []struct{ name, what string }{
	{"list", "`user list -o csv` of 200,000 users"},
	{"doctor", "`doctor` with 200,000 users"},
	{"reset", "`user reset` of 1,000 users, where Twilio answers at once"},
}

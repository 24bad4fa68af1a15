# tally.awk reads what `go test -json` prints. It prints what the tests said that failed, and adds a line to the file
# summary, a row of a table to the file rows, and one for each test with subtests, or script, to the file cases. The program that calls it sets version, server, seconds and failed.

function field(name,    value) {
	if (!match($0, "\"" name "\":\"([^\"\\\\]|\\\\.)*\"")) return ""
	value = substr($0, RSTART + length(name) + 4, RLENGTH - length(name) - 5)
	return value
}

function text(value) {
	gsub(/\\\\/, "\001", value)
	gsub(/\\n/, "\n", value)
	gsub(/\\t/, "\t", value)
	gsub(/\\"/, "\"", value)
	gsub(/\\u003c/, "<", value)
	gsub(/\\u003e/, ">", value)
	gsub(/\\u0026/, "\\&", value)
	gsub(/\\u001b/, "\033", value)
	gsub("\001", "\\\\", value)
	return value
}

BEGIN {
	while ((getline line <literals) > 0) {
		rewritten = line = substr(line, 2, length(line) - 2)
		gsub(/ /, "_", rewritten)
		written[rewritten] = line
	}
}

!/^\{/ { print; next } # what was left out, and what the tests left behind

{
	action = field("Action")
	test = field("Test")
	key = field("Package") " " test
}

action == "build-output" { printf "%s", text(field("Output")); next }
action == "output" && match($0, /the pooler is PgBouncer [0-9.]+/) { pooler = substr($0, RSTART + 14, RLENGTH - 14) }
action == "output" { said[key] = said[key] text(field("Output")); next }
(action == "pass" || action == "skip") && test ~ /\// { ended[test] = action }
action == "pass" && test != "" && test !~ /\// && test !~ /^TestScripts/ { tests++ }
action == "pass" && test ~ /^TestScripts[^\/]*\/[^\/]*$/ { scripts++ }
action == "skip" && test != "" { skipped++ }
action == "fail" {
	printf "%s", said[key]
	if (test ~ /^TestScripts[^\/]*\/[^\/]*$/ || test != "" && test !~ /\// && test !~ /^TestScripts/) red++
}
action == "pass" || action == "fail" || action == "skip" { delete said[key] }

# plain returns the words of a subtest's name. go test writes blanks as underscores; literals has the texts of the tests' source.
function plain(name) {
	if (name in written) return written[name]
	gsub(/_/, " ", name)
	return name
}

# A subtest that has subtests itself is the beginning of their names.
function cases_of(server,    test, parts, n, i, path, at, name, part, parent) {
	for (test in ended) {
		n = split(test, parts, "/")
		path = parts[1]
		for (i = 2; i < n; i++) {
			path = path "/" parts[i]
			if (path in ended) parent[path]
		}
	}
	split(server, parts, ".")
	server = parts[1]
	for (test in ended) {
		if (test in parent) continue
		n = split(test, parts, "/")
		path = at = parts[1]
		name = ""
		for (i = 2; i <= n; i++) {
			path = path "/" parts[i]
			part = part parts[i]
			if (i < n && !(path in parent)) {
				part = part "/" # a slash in a name
				continue
			}
			name = name plain(text(part)) (i == n ? "" : ": ")
			part = ""
		}
		printf "%s\t%s\t%s\t%s\n", at, name, server, ended[test] >>cases
	}
}

END {
	cases_of(server == "" ? version : server)
	if (pooler != "") printf "pooler\t%s\n", pooler >>cases
	name = server == "" ? version : server
	line = sprintf("PostgreSQL %s: %d tests, %d scripts, %d left out, %d seconds", name, tests, scripts, skipped, seconds)
	if (red > 0) line = line ", " red " failed"
	else if (failed) line = line ", failed"
	print line >>summary
	printf "| %s | %d | %d | %d |\n", name, tests, scripts, skipped >>rows
}

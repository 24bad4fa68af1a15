# tally.awk reads what `go test -json` prints. It prints what the tests said that failed, and adds a line to the file
# summary and a row of a table to the file rows. The program that calls it sets version, server, seconds and failed.

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

!/^\{/ { print; next } # what was left out, and what the tests left behind

{
	action = field("Action")
	test = field("Test")
	key = field("Package") " " test
}

action == "build-output" { printf "%s", text(field("Output")); next }
action == "output" { said[key] = said[key] text(field("Output")); next }
action == "pass" && test != "" && test !~ /\// && test !~ /^TestScripts/ { tests++ }
action == "pass" && test ~ /^TestScripts[^\/]*\/[^\/]*$/ { scripts++ }
action == "skip" && test != "" { skipped++ }
action == "fail" {
	printf "%s", said[key]
	if (test ~ /^TestScripts[^\/]*\/[^\/]*$/ || test != "" && test !~ /\// && test !~ /^TestScripts/) red++
}
action == "pass" || action == "fail" || action == "skip" { delete said[key] }

END {
	name = server == "" ? version : server
	line = sprintf("PostgreSQL %s: %d tests, %d scripts, %d left out, %d seconds", name, tests, scripts, skipped, seconds)
	if (red > 0) line = line ", " red " failed"
	else if (failed) line = line ", failed"
	print line >>summary
	printf "| %s | %d | %d | %d |\n", name, tests, scripts, skipped >>rows
}

# cases.awk writes the tables of cases in docs/compatibility.md. The file that cases names has a line for each subtest that was run:
# test, name, version, pass or skip. A table stands between <!-- cases: begin TEST... --> and <!-- cases: end -->, and has the
# subtests of these tests that passed, or were left out. If none was run, the table stays.

BEGIN {
	FS = "\t"
	while ((getline line <cases) > 0) {
		split(line, part, FS)
		if (part[1] == "pooler") {
			pooler = part[2]
			continue
		}
		row = part[1] FS part[2]
		if (!(row in known)) {
			known[row]
			names[part[1]] = names[part[1]] "\n" part[2]
		}
		versions[row, part[4]] = versions[row, part[4]] " " part[3]
	}
}

# range returns versions as "12 to 18" if they follow one another, or else as a list.
function range(list,    v, n, i, j, keep, text, follow) {
	n = split(list, v, " ")
	for (i = 2; i <= n; i++)
		for (j = i; j > 1 && v[j] + 0 < v[j - 1] + 0; j--) { keep = v[j]; v[j] = v[j - 1]; v[j - 1] = keep }
	follow = n > 2
	for (i = 2; i <= n; i++) if (v[i] != v[i - 1] + 1) follow = 0
	if (follow) return v[1] " to " v[n]
	for (i = 1; i <= n; i++) text = text (i > 1 ? ", " : "") v[i]
	return text
}

function rows(test,    list, n, i, j, keep, row, text) {
	n = split(substr(names[test], 2), list, "\n")
	for (i = 2; i <= n; i++)
		for (j = i; j > 1 && list[j] < list[j - 1]; j--) { keep = list[j]; list[j] = list[j - 1]; list[j - 1] = keep }
	for (i = 1; i <= n; i++) {
		row = test FS list[i]
		text = text "| " list[i] " | " ((row, "pass") in versions ? range(versions[row, "pass"]) : "") " | " \
			((row, "skip") in versions ? range(versions[row, "skip"]) : "") " |\n"
	}
	return text
}

/^<!-- cases: end -->$/ { inside = 0 }
!inside { print }
/^<!-- cases: begin .* -->$/ {
	n = split($0, word, " ")
	table = ""
	for (i = 4; i < n; i++) table = table rows(word[i])
	if (table == "") next
	printf "| what was run%s | with PostgreSQL | left out with |\n|---|---|---|\n%s", /Pooler/ && pooler != "" ? " behind " pooler : "", table
	inside = 1
}

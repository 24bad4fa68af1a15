package main

import (
	"cmp"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// fill returns the page with the parts between its marks written anew, and what was not measured.
func fill(page string, m measured) (text string, missing []string, err error) {
	table, missing := tableOf(m)
	parts := map[string]string{
		"machine": machineOf(m), "table": table, "growth": growthOf(m), "monday": mondayOf(m), "others": othersOf(m), "profiles": profilesOf(m),
	}
	for _, name := range []string{"growth", "monday", "others", "profiles"} {
		if parts[name] == "" {
			parts[name] = "Not measured in this run.\n"
			missing = append(missing, name)
		}
	}
	seen := map[string]bool{}
	text = marks.ReplaceAllStringFunc(page, func(part string) string {
		name := marks.FindStringSubmatch(part)[1]
		seen[name] = true
		return "<!-- bench: begin " + name + " -->\n" + parts[name] + "<!-- bench: end -->"
	})
	for name := range parts {
		if !seen[name] {
			return "", nil, fmt.Errorf("the marks of the part %q are missing", name)
		}
	}
	if len(seen) != len(parts) {
		return "", nil, fmt.Errorf("it has marks of unknown parts: %v", seen)
	}
	return text, missing, nil
}

var marks = regexp.MustCompile(`(?s)<!-- bench: begin (\w+) -->\n.*?<!-- bench: end -->`)

func machineOf(m measured) string {
	get := func(key string) string { return cmp.Or(m.machine[key], "unknown") }
	rough := ""
	if m.busy() {
		rough = "**The machine was busy with other work**: the times are longer than on a quiet one, and the ratios are rough.\n"
	}
	return fmt.Sprintf("%s: %s cores (%s), %s of memory,\n%s, %s, PostgreSQL %s.\nThe load was %s at the start and %s at the end. The run took %s minutes.\n",
		get("date"), get("cores"), strings.Join(strings.Fields(get("cpu")), " "), get("memory"), get("system"), strings.Replace(get("go"), "go", "Go ", 1),
		get("postgresql"), get("load-start"), get("load-end"), get("minutes")) + rough
}

// busy reports whether the machine had other work when the run began: more of it than cores.
func (m measured) busy() bool {
	var cores, load float64
	_, err1 := fmt.Sscan(m.machine["cores"], &cores)
	_, err2 := fmt.Sscanf(m.machine["load-start"], "%f", &load)
	return err1 == nil && err2 == nil && load > cores
}

// tableOf returns the table of rows.
func tableOf(m measured) (table string, missing []string) {
	var b strings.Builder
	b.WriteString("| what | to reach | measured | reached |\n|---|---|---|---|\n")
	for _, r := range rows {
		lines := r.lines(m)
		if len(lines) == 0 {
			missing = append(missing, r.bench)
			lines = []line{{what: regexp.MustCompile(`\$\d`).ReplaceAllString(r.what, "…")}}
		}
		for _, l := range lines {
			got, verdict := r.judge(l.values, m.busy())
			_, _ = fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", l.what, r.aims(), got, verdict)
		}
	}
	return b.String(), missing
}

// line is a line of the table.
type line struct {
	what   string
	values map[string]float64
}

// lines returns what was measured for a row, a line for each benchmark.
func (r row) lines(m measured) (all []line) {
	name := regexp.MustCompile("^(?:" + r.bench + ")$")
	var ratios []float64
	for _, bench := range m.order {
		if found := name.FindStringSubmatchIndex(bench); found != nil {
			all = append(all, line{string(name.ExpandString(nil, r.what, bench, found)), m.results[bench]})
			ratios = append(ratios, m.results[bench]["ratio"])
		}
	}
	if r.middle() && len(all) > 0 {
		slices.Sort(ratios)
		return []line{{r.what, map[string]float64{"ratio": ratios[len(ratios)/2]}}}
	}
	return all
}

// aims returns what a row is to reach.
func (r row) aims() string {
	var all []string
	for _, g := range r.reach {
		if g.most == 0 {
			all = append(all, value(g.unit, 0))
		} else {
			all = append(all, "≤ "+value(g.unit, g.most))
		}
	}
	return cmp.Or(strings.Join(all, ", "), "nothing is promised")
}

// judge returns what was measured, and whether that is what was to be reached.
func (r row) judge(values map[string]float64, busy bool) (got, verdict string) {
	if values == nil {
		return "", "not measured in this run"
	}
	var all []string
	reached := true
	for _, g := range r.reach {
		v, ok := values[g.unit]
		if !ok {
			all, reached = append(all, g.unit+" was not measured"), false
			continue
		}
		all = append(all, value(g.unit, v))
		reached = reached && v <= g.most
	}
	for _, unit := range r.shows {
		if v, ok := values[unit]; ok {
			all = append(all, value(unit, v))
		}
	}
	switch {
	case len(r.reach) == 0:
		verdict = ""
	case reached:
		verdict = "yes"
	case busy && r.why == "":
		verdict = "**no**, on a busy machine"
	default:
		verdict = "**no**: " + cmp.Or(r.why, "why is not known yet")
	}
	return strings.Join(all, ", "), verdict
}

// value returns a value with its unit, for people. "psql-s" is what psql took, in seconds.
func value(unit string, v float64) string {
	of, unit := cutLast(unit)
	var s string
	switch unit {
	case "ratio":
		s = digits(v) + " ×"
	case "s":
		if s = digits(v) + " s"; v < 1 {
			s = digits(v*1000) + " ms"
		}
	case "refused%":
		s = digits(v) + " % refused"
	case "calls/user":
		s = digits(v) + " calls a user"
	case "calls", "unknown":
		s = strconv.FormatFloat(v, 'f', 0, 64) + " " + unit
	default:
		s = digits(v) + " " + unit
	}
	switch of {
	case "":
		return s
	case "cpu":
		return s + " of the processor"
	case "more":
		return s + " more than with a tenth of them"
	}
	return of + " " + s
}

// cutLast cuts a unit at its last dash.
func cutLast(unit string) (of, rest string) {
	at := strings.LastIndex(unit, "-")
	return unit[:max(at, 0)], unit[at+1:]
}

// digits returns a number with three digits at most, but with all before the point.
func digits(v float64) string {
	places := 0
	switch a := math.Abs(v); {
	case a < 10:
		places = 2
	case a < 100:
		places = 1
	}
	s := strconv.FormatFloat(v, 'f', places, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// point is what a command took with n users.
type point struct {
	n      int
	values map[string]float64
}

// pointsOf returns the points of a command, smallest first.
func pointsOf(m measured, command string) (all []point) {
	for _, bench := range m.order {
		if size, ok := strings.CutSuffix(strings.TrimPrefix(bench, "Growth/"), "/"+command); ok && strings.HasPrefix(bench, "Growth/") {
			if n, err := strconv.Atoi(size); err == nil {
				all = append(all, point{n, m.results[bench]})
			}
		}
	}
	slices.SortFunc(all, func(a, b point) int { return cmp.Compare(a.n, b.n) })
	return all
}

// exponent returns the slope of the line that fits best through the logarithms: 1 is "ten times as many take ten times as long".
func exponent(points []point, unit string) float64 {
	var sx, sy, sxx, sxy float64
	for _, p := range points {
		x, y := math.Log(float64(p.n)), math.Log(p.values[unit])
		sx, sy, sxx, sxy = sx+x, sy+y, sxx+x*x, sxy+x*y
	}
	n := float64(len(points))
	return (n*sxy - sx*sy) / (n*sxx - sx*sx)
}

// growthOf returns the table of what commands take with more and more users.
func growthOf(m measured) string {
	sizes := map[int]bool{}
	for _, g := range grown {
		for _, p := range pointsOf(m, g.name) {
			sizes[p.n] = true
		}
	}
	if len(sizes) < 2 {
		return ""
	}
	var all []int
	for n := range sizes {
		all = append(all, n)
	}
	slices.Sort(all)
	var b strings.Builder
	b.WriteString("| command |")
	for _, n := range all {
		b.WriteString(" " + thousands(n) + " |")
	}
	b.WriteString(" exponent | of the last step |\n|---|" + strings.Repeat("---|", len(all)+2) + "\n")
	for _, g := range grown {
		points := pointsOf(m, g.name)
		if len(points) < 2 {
			continue
		}
		for _, unit := range []string{"s", "MiB"} {
			what := g.what
			if unit == "MiB" {
				what += ", memory"
			}
			b.WriteString("| " + what + " |")
			for _, n := range all {
				cell := ""
				if i := slices.IndexFunc(points, func(p point) bool { return p.n == n }); i >= 0 {
					cell = value(unit, points[i].values[unit])
				}
				b.WriteString(" " + cell + " |")
			}
			_, _ = fmt.Fprintf(&b, " %.2f | %.2f |\n", exponent(points, unit), exponent(points[len(points)-2:], unit))
		}
	}
	return b.String()
}

// thousands writes a number with commas.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for at := len(s) - 3; at > 0; at -= 3 {
		s = s[:at] + "," + s[at:]
	}
	return s
}

// mondayOf returns what each command of the Monday morning took.
func mondayOf(m measured) string {
	v := m.results["Monday"]
	if v == nil {
		return ""
	}
	return "| command | time |\n|---|---|\n" +
		"| `user list` of all | " + value("s", v["list-s"]) + " |\n" +
		"| `user history --all --suspicious` | " + value("s", v["history-s"]) + " |\n" +
		"| `reconcile` | " + value("s", v["reconcile-s"]) + " |\n" +
		"| `user show` of one user, the median of 20 | " + value("s", v["show-s"]) + " |\n" +
		"| `user reset` of 20 users at once | " + value("s", v["reset-s"]) + " |\n"
}

// othersOf returns the comparison with what people would use without this program.
func othersOf(m measured) string {
	var b strings.Builder
	for _, n := range []string{"1", "100"} {
		v := m.results["Others/"+n]
		if v == nil {
			return ""
		}
		_, _ = fmt.Fprintf(&b, "| %s | %s, %s | %s, %s | %s, %s | %s |\n", n, value("s", v["s"]), value("MiB", v["MiB"]),
			value("s", v["cli-s"]), value("MiB", v["cli-MiB"]), value("s", v["psql-s"]), value("MiB", v["psql-MiB"]), digits(1/v["ratio"]))
	}
	return "| users | `user reset` | twilio-cli, for Twilio | psql, for the database | so many times as fast as both |\n|---|---|---|---|---|\n" + b.String()
}

// profilesOf returns where the processor's time goes.
func profilesOf(m measured) string {
	var b strings.Builder
	for _, p := range profiled {
		if len(m.profiles[p.name]) == 0 {
			return ""
		}
		_, _ = fmt.Fprintf(&b, "%s:\n\n```text\n", strings.ToUpper(p.what[:1])+p.what[1:])
		for _, top := range m.profiles[p.name] {
			share, function, _ := strings.Cut(top, " ")
			_, _ = fmt.Fprintf(&b, "%7s  %s\n", share, function)
		}
		b.WriteString("```\n\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

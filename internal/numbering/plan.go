package numbering

import (
	_ "embed"
	"math/bits"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"uzerp-mfa/internal/pattern"
)

// table has a line for each calling code, with its regions, the main one first: "44 GB GG IM JE". A code of no country has
// itself instead: "800 800". After an empty line come the plans. Each has lines of a key and its values, all in the
// order in which they count:
//
//	plan REGION            or the code, if it is of no country
//	code CODE
//	abroad PATTERN         what is dialed there before a number of another country
//	trunk DIGITS           what is dialed there before a national number
//	strip PATTERN          what may be before a national number and is no part of it
//	instead TEMPLATE       what takes its place, if the last group of the pattern is there
//	leading PATTERN        how the numbers of this region begin, where several share a code
//	lengths LIST LIST      of national numbers; of those that can be dialed only near by
//	number PATTERN         any national number
//	kind NAME LIST PATTERN a national number of this kind, and its lengths
//	write TEMPLATE PATTERN [PATTERN]
//	                       the digits that are written for numbers of the pattern that begin with the other
//
// A list is "9,10", or "-" if it is empty. A template has digits, and $1 for what the first group of its pattern matched.
//
//go:embed table.txt
var table string

type plan struct {
	name           string
	code           string
	abroad         matcher
	trunk          string
	strip          matcher
	instead        string
	leading        matcher
	lengths, local lengths
	number         matcher
	kinds          []kindRule
	writes         []writeRule
}

type kindRule struct {
	kind    Kind
	lengths lengths // none: any of the plan. The pattern says it too, but so it is compiled less often
	pattern matcher
}

type writeRule struct {
	template         string
	pattern, leading matcher
}

// matcher compiles on first use. It is nil if there is none.
type matcher func() *regexp.Regexp

// whole matches whole texts only, and begin what texts begin with.
func whole(text string) matcher { return begin("(?:" + text + ")$") }

func begin(text string) matcher { return pattern.Lazy("^(?:" + text + ")") }

// matches reports whether text matches; a pattern that is not there matches nothing.
func (m matcher) matches(text string) bool { return m != nil && m().MatchString(text) }

// lengths has bit n if numbers of n digits exist.
type lengths uint32

func readLengths(list string) lengths {
	var all lengths
	for n := range strings.SplitSeq(list, ",") {
		if digits, err := strconv.Atoi(n); err == nil {
			all |= 1 << digits
		}
	}
	return all
}

func (l lengths) has(n int) bool { return l>>n&1 != 0 }
func (l lengths) longest() int   { return bits.Len32(uint32(l)) - 1 }

// regionsOf has the names of the plans of each calling code, the main one first.
var regionsOf = sync.OnceValue(func() map[string][]string {
	codes, _, _ := strings.Cut(table, "\n\n")
	all := map[string][]string{}
	for line := range strings.SplitSeq(codes, "\n") {
		names := strings.Fields(line)
		all[names[0]] = names[1:]
	}
	return all
})

// supported has the names of all regions.
var supported = sync.OnceValue(func() map[string]bool {
	all := map[string]bool{}
	for code, names := range regionsOf() {
		for _, name := range names {
			all[name] = name != code
		}
	}
	return all
})

var plans sync.Map // those that were read, by name

// planOf returns the plan of a region, or of a calling code of no country. There must be one.
func planOf(name string) *plan {
	if p, ok := plans.Load(name); ok {
		return p.(*plan)
	}
	_, text, _ := strings.Cut(table, "\nplan "+name+"\n")
	text, _, _ = strings.Cut(text, "\n\n")
	p, _ := plans.LoadOrStore(name, readPlan(name, text))
	return p.(*plan)
}

var kinds = map[string]Kind{"other": Other, "mobile": Mobile, "fixed": Fixed, "either": FixedOrMobile, "voip": VoIP}

func readPlan(name, text string) *plan {
	p := &plan{name: name}
	for line := range strings.SplitSeq(text, "\n") {
		key, value, _ := strings.Cut(line, " ")
		field := append(strings.Split(value, " "), "", "")
		switch key {
		case "code":
			p.code = value
		case "abroad":
			p.abroad = begin(value)
		case "trunk":
			p.trunk = value
		case "strip":
			p.strip = begin(value)
		case "instead":
			p.instead = value
		case "leading":
			p.leading = begin(value)
		case "lengths":
			p.lengths, p.local = readLengths(field[0]), readLengths(field[1])
		case "number":
			p.number = whole(value)
		case "kind":
			p.kinds = append(p.kinds, kindRule{kinds[field[0]], readLengths(field[1]), whole(field[2])})
		case "write":
			p.writes = append(p.writes, writeRule{field[0], whole(field[1]), begin(field[2])})
		}
	}
	return p
}

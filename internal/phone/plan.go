package phone

import (
	_ "embed"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// numbering holds the world's numbering plans, a line each: country code, region, and the rest as JSON. The main region
// of a code comes first. It is made from the metadata of Google's libphonenumber (Apache License 2.0) by
// go test -run TestNumbering -update, and a test compares what comes of it with what the Go library of that name says.
// The library itself isn't in the program: its package initialization would take longer than all else that a start does.
//
//go:embed numbering.txt
var numbering string

// kind is what a number is for.
type kind string

const (
	mobile  kind = "mobile" // or a fixed line: some countries' numbers don't tell
	fixed   kind = "fixed"
	online  kind = "online" // voice over IP
	nobodys kind = "nobodys"
)

// plan is a region's numbering plan.
type plan struct {
	Trunk   string   `json:"trunk,omitempty"`   // what is dialed before a national number
	Bare    []kind   `json:"bare,omitempty"`    // what is written without it all the same
	Leading string   `json:"leading,omitempty"` // how the numbers begin that are this region's among those of the code
	General digits   `json:"general"`
	Kinds   []digits `json:"kinds"` // a number is of the first that matches, but a fixed one also tried as mobile
}

// digits is a set of national numbers.
type digits struct {
	Kind    kind   `json:"kind,omitempty"`
	Lengths []int  `json:"lengths,omitempty"` // any where empty
	Pattern string `json:"pattern"`
}

func (d digits) has(national string) bool {
	return (len(d.Lengths) == 0 || slices.Contains(d.Lengths, len(national))) &&
		regexp.MustCompile("^(?:"+d.Pattern+")$").MatchString(national)
}

// kindOf gives what a national number is for; empty where there is no such number.
func (p plan) kindOf(national string) kind {
	if !p.General.has(national) {
		return ""
	}
	isFixed := false
	for _, d := range p.Kinds {
		switch {
		case isFixed && d.Kind != mobile || !d.has(national):
		case d.Kind == fixed:
			isFixed = true
		default:
			return d.Kind
		}
	}
	if isFixed {
		return fixed
	}
	return ""
}

// plansOf gives the plans of the regions that share a country code.
func plansOf(code string) []plan {
	var plans []plan
	for line := range strings.Lines(numbering) {
		if fields := strings.SplitN(line, "\t", 3); fields[0] == code {
			var p plan
			if err := json.Unmarshal([]byte(fields[2]), &p); err != nil {
				panic("numbering.txt: " + err.Error()) // a test reads every line
			}
			plans = append(plans, p)
		}
	}
	return plans
}

// planOf gives a region's plan and country code.
func planOf(region string) (p plan, code string, ok bool) {
	at := 0
	for line := range strings.Lines(numbering) {
		fields := strings.SplitN(line, "\t", 3)
		if fields[0] != code {
			code, at = fields[0], 0
		}
		if fields[1] == region && region != world {
			return plansOf(code)[at], code, true
		}
		at++
	}
	return plan{}, "", false
}

// world stands for the region of codes that are no country's.
const world = "001"

// classify gives what a number is for; empty where there is no such number.
func classify(code string, plans []plan, national string) kind {
	// E.164 counts seven digits at the least, and fifteen at most; there are longer ones, but no carrier abroad takes them.
	if length := len(code + national); length < 7 || length > 15 {
		return ""
	}
	// The mobile numbers that Ofcom keeps for drama are nobody's, so libphonenumber knows none of them; but the people of
	// the sandbox and of tests must have numbers (Ofcom, "Telephone numbers for use in TV and radio drama programmes").
	if code == "44" && len(national) == 10 && strings.HasPrefix(national, "7700900") {
		return mobile
	}
	for _, p := range plans {
		if p.Leading == "" {
			if k := p.kindOf(national); k != "" {
				return k
			}
		} else if regexp.MustCompile("^(?:" + p.Leading + ")").MatchString(national) {
			return p.kindOf(national)
		}
	}
	return ""
}

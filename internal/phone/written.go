package phone

import (
	"slices"
	"strings"
)

// written is a text that is written like a phone number. Places in it are counted in digits.
type written struct {
	digits        string // all that there are
	international bool   // begins with + or 00
	start         int    // what comes before the country code: 2 for 00
	runs          []run  // the groups of digits with nothing between them
	opened        int    // the last opening parenthesis but that of "(0)"
	trunk         int    // the 0 of "(0)"; -1 without
	slash         int    // the slash; -1 without
}

type run struct{ from, to int }

// maxDigits is more than any number has, with 00, country code and trunk prefix.
const maxDigits = 20

// read takes text apart, and tells whether it can be one phone number by its characters.
func read(text string) (written, bool) {
	w := written{trunk: -1, slash: -1}
	open, before := -1, rune(0)
	for _, r := range text {
		here := len(w.digits)
		switch {
		case here > maxDigits:
			return written{}, false
		case isDigit(r):
			if !isDigit(before) {
				w.runs = append(w.runs, run{from: here})
			}
			w.digits += string(r)
			w.runs[len(w.runs)-1].to = here + 1
		case r == '+' && here == 0 && !w.international && (before == 0 || before == '('):
			w.international = true
		case r == '(' && open < 0:
			open = here
		case r == ')' && open >= 0 && open < here:
			if w.trunk < 0 && w.digits[open:] == "0" {
				w.trunk = open
			} else {
				w.opened = open
			}
			open = -1
		case r == '/' && here > 0 && w.slash < 0:
			w.slash = here
		case strings.ContainsRune(" \t\u00a0\u202f-.", r) && before != 0:
		default:
			return written{}, false
		}
		before = r
	}
	if open >= 0 || !isDigit(before) && before != ')' {
		return written{}, false
	}
	if !w.international && strings.HasPrefix(w.digits, "00") {
		w.international, w.start = true, 2
	}
	return w, true
}

func isDigit(r rune) bool { return r >= '0' && r <= '9' }

// hasExtension tells whether a text that is no phone number is one followed by an extension, as far as anybody can tell.
func hasExtension(text string) bool {
	text = strings.ToLower(strings.TrimSpace(text))
	number := strings.TrimRightFunc(text, isDigit)
	if number == text {
		return false
	}
	number = strings.TrimRight(number, " \t\u00a0.:=")
	for _, word := range []string{"extension", "extn", "ext", "x", "#"} {
		if before, ok := strings.CutSuffix(number, word); ok {
			_, ok := read(strings.TrimRight(before, " \t\u00a0,;-/("))
			return ok
		}
	}
	return false
}

// number gives the number that w is, if it can be only one. The region may be empty for one with a country code.
func (w written) number(region string) (number, bool) {
	var all []number
	switch {
	case w.international:
		all = international(w.digits[w.start:])
		if w.start > 0 { // 00 begins some countries' own numbers
			all = append(all, national(w.digits, region)...)
		}
	default:
		if all = national(w.digits, region); len(all) == 0 {
			all = damaged(w.digits, region)
		}
	}
	if len(all) == 0 || slices.ContainsFunc(all, func(n number) bool { return n.e164() != all[0].e164() }) {
		return number{}, false
	}
	return all[0], w.laidOut(all[0], len(w.digits)-len(all[0].national))
}

// international gives the numbers that a country code and what follows it can be.
func international(digits string) []number {
	var all []number
	for length := 1; length <= 3 && length < len(digits); length++ {
		code, rest := digits[:length], digits[length:]
		if plans := plansOf(code); len(plans) > 0 {
			all = append(all, withTrunk(code, plans, rest, plans[0].Trunk)...)
			all = append(all, withoutTrunk(code, plans, rest, plans[0].Trunk)...)
		}
	}
	return all
}

// national gives the numbers that digits can be, written as the region's people write them.
func national(digits, region string) []number {
	p, code, ok := planOf(region)
	if !ok {
		return nil
	}
	plans := plansOf(code)
	bare := slices.DeleteFunc(withoutTrunk(code, plans, digits, p.Trunk), func(n number) bool {
		return p.Trunk != "" && !slices.Contains(p.Bare, n.kind)
	})
	return append(withTrunk(code, plans, digits, p.Trunk), bare...)
}

// damaged gives the numbers that digits can be after a spreadsheet dropped the leading 0 or +. A mobile number is told by
// its digits even so; a line in a country where those have any length is not: it may be the number of a room.
func damaged(digits, region string) []number {
	p, code, _ := planOf(region)
	all := append(withoutTrunk(code, plansOf(code), digits, p.Trunk), international(digits)...)
	if slices.ContainsFunc(all, func(n number) bool { return n.code != code || n.kind != mobile }) {
		return nil
	}
	return all
}

func withTrunk(code string, plans []plan, digits, trunk string) []number {
	if rest, ok := strings.CutPrefix(digits, trunk); ok && trunk != "" {
		return withoutTrunk(code, plans, rest, trunk)
	}
	return nil
}

func withoutTrunk(code string, plans []plan, national, trunk string) []number {
	if k := classify(code, plans, national); k != "" {
		return []number{{code: code, national: national, trunk: trunk, kind: k}}
	}
	return nil
}

// laidOut tells whether parentheses and slash stand where they do in one number, whose first digits, so many, are
// prefixes. Elsewhere they begin a second number or something that a person would have to read.
func (w written) laidOut(n number, prefixes int) bool {
	const (
		longestAreaCode = 5 // 04321/234567
		shortestRest    = 3 // 123456/57 is two numbers
	)
	if w.trunk >= 0 && (n.trunk != "0" || w.trunk != prefixes-1) || w.opened > prefixes {
		return false
	}
	if w.slash < 0 {
		return true
	}
	groups := slices.DeleteFunc(slices.Clone(w.runs), func(r run) bool { return r.to <= prefixes || r.from >= w.slash })
	return len(groups) <= 1 && w.slash-prefixes <= longestAreaCode && len(w.digits)-w.slash >= shortestRest
}

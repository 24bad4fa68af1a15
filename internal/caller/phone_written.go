package caller

import (
	"slices"
	"strings"

	"uzerp-mfa/internal/numbering"
)

// written is a text that is written like a phone number. Positions are numbers of digits before them.
type written struct {
	digits        string // all digits of the text
	international bool   // the text begins with + or 00
	start         int    // how many digits are before the country code: 2 for 00
	runs          []run  // the groups of digits, each without anything between
	opened        int    // the last opening parenthesis, except that of "(0)"
	trunk         int    // the 0 of "(0)"; -1 if there is none
	slash         int    // the slash; -1 if there is none
}

type run struct{ from, to int }

// maxDigits is more than the digits of any number with 00, country code and trunk prefix.
const maxDigits = 20

// read takes text apart, and reports whether its characters can be one phone number.
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

// hasExtension reports whether a text that is not a phone number looks like one with an extension.
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

// number returns the phone number, if w can be only one. The region may be empty if w has a country code.
func (w written) number(region string) (number, bool) {
	n, ok := w.lookUp(region)
	if !ok {
		return number{}, false
	}
	prefix, ok := strings.CutSuffix(w.digits[w.start:], n.National)
	if !ok || !w.laidOut(n, w.start+len(prefix)) {
		return number{}, false
	}
	if w.international {
		return n, prefix == n.Country || prefix == n.Country+n.Trunk
	}
	if prefix == n.Trunk && n.Trunk != "" || w.digits == n.AsDialed {
		return n, true
	}
	// Spreadsheets drop a leading 0 or +. A mobile number is recognized without it, unless the same digits are also a
	// number of another country. A landline is not: such digits may be an extension inside a company.
	mobile := n.Kind == numbering.Mobile || n.Kind == numbering.FixedOrMobile
	other, ambiguous := lookUp("+"+w.digits, numbering.Anywhere)
	return n, mobile && (prefix == "" || prefix == n.Country) && (!ambiguous || other.e164() == n.e164())
}

func (w written) lookUp(region string) (number, bool) {
	if !w.international {
		return lookUp(w.digits, region)
	}
	n, ok := lookUp("+"+w.digits[w.start:], numbering.Anywhere)
	if ok && w.start > 0 && region != "" { // 00 begins some countries' own numbers
		if own, also := lookUp(w.digits, region); also && own.e164() != n.e164() {
			return number{}, false
		}
	}
	return n, ok
}

// laidOut reports whether parentheses and slash are where one number can have them. prefixes is how many of the first
// digits are before the national number. In other places they begin a second number, or something that a person must
// read.
func (w written) laidOut(n number, prefixes int) bool {
	const (
		longestAreaCode = 5 // 04321/234567
		shortestRest    = 3 // 123456/57 is two numbers
	)
	if w.trunk >= 0 && (n.Trunk != "0" || w.trunk != prefixes-1) || w.opened > prefixes {
		return false
	}
	if w.slash < 0 {
		return true
	}
	groups := slices.DeleteFunc(slices.Clone(w.runs), func(r run) bool { return r.to <= prefixes || r.from >= w.slash })
	return len(groups) <= 1 && w.slash-prefixes <= longestAreaCode && len(w.digits)-w.slash >= shortestRest
}

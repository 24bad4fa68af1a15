package notify

import (
	"errors"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"uzerp-mfa/internal/invisible"
)

const (
	longestField = 1000 // bytes of what stands in one place of uzERP
	mostLetters  = 10   // of one user; more addresses than a person has are a mistake, or an attack
)

// address is one that uzERP has for a user. If no mail can go to it, err says why.
type address struct {
	to  string // what sendmail gets; of a bad one the text as it stands in uzERP, cut
	err error
}

var (
	errNoAddress = errors.New("uzERP has no e-mail address of the user")
	errTooMany   = fmt.Errorf("uzERP has more than %d addresses of the user", mostLetters)
)

// addresses reads what people typed into uzERP: each text may have several addresses, with names and comments. The same
// address comes once. A user without any gets one entry that says so.
func addresses(fields []string) []address {
	var all []address
	for _, field := range fields {
		field = strings.TrimSpace(field)
		if field == "" {
			continue
		}
		for _, a := range parseField(field) {
			if !slices.ContainsFunc(all, func(known address) bool { return strings.EqualFold(known.to, a.to) }) {
				all = append(all, a)
			}
		}
	}
	if len(all) == 0 {
		return []address{{err: errNoAddress}}
	}
	if len(all) > mostLetters {
		all = append(all[:mostLetters], address{err: errTooMany})
	}
	return all
}

// parseField returns the addresses in one text. A text that could be read in two ways has none.
func parseField(field string) []address {
	bad := func(why string) []address { return []address{{cut(field), errors.New(why)}} }
	switch {
	case len(field) > longestField:
		return bad("the address is too long")
	case !utf8.ValidString(field) || strings.ContainsFunc(field, func(r rune) bool { return r != ' ' && invisible.Is(r) }):
		return bad("the address has a character in it that nobody sees")
	}
	list, err := mail.ParseAddressList(field)
	if err != nil && !strings.ContainsAny(field, `"(<`) { // people write ; and blanks between addresses
		list = nil
		for _, part := range strings.FieldsFunc(field, func(r rune) bool { return r == ';' || r == ',' }) {
			words := strings.Fields(part)
			if slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(word, "@") }) {
				words = []string{strings.TrimSpace(part)} // a text of several words, and no list
			}
			for _, word := range words {
				list = append(list, &mail.Address{Address: word})
			}
		}
	} else if err != nil {
		return bad("it is no e-mail address")
	}
	var all []address
	for _, a := range list {
		to, err := deliverable(a.Address)
		if err != nil {
			to = cut(a.Address)
		}
		all = append(all, address{to, err})
	}
	return all
}

// cut returns the beginning of a text, for a record.
func cut(s string) string {
	const most = 100
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// deliverable returns the address as every mail program takes it: in ASCII, without quotes and comments. It is stricter than
// RFC 5321: what it takes can't be read as anything else by any program on the way.
func deliverable(text string) (string, error) {
	at := strings.LastIndexByte(text, '@')
	if at < 1 {
		return "", errors.New("it is no e-mail address")
	}
	local, domain := text[:at], text[at+1:]
	switch {
	case strings.ContainsFunc(local, func(r rune) bool { return r > unicode.MaxASCII }):
		return "", errors.New("letters beyond ASCII before the @ reach few mail systems")
	case strings.HasPrefix(local, "-"):
		return "", errors.New("an address that begins with - could be taken for an option")
	case !dotAtom(local) || len(local) > 64:
		return "", errors.New("it is no plain e-mail address")
	}
	domain, err := asciiDomain(domain)
	if err != nil {
		return "", err
	}
	if to := local + "@" + domain; len(to) <= 254 {
		return to, nil
	}
	return "", errors.New("the address is too long")
}

// dotAtom reports whether s has letters, digits and the marks that need no quotes, with single dots between them. The mark !
// is left out: with it old mail systems wrote a way over several machines; so is %, and so is | for a program.
func dotAtom(s string) bool {
	const marks = "#$&'*+-/=?^_`{}~."
	return !strings.ContainsFunc(s, func(r rune) bool { return !alphanumeric(r) && !strings.ContainsRune(marks, r) }) &&
		!strings.HasPrefix(s, ".") && !strings.HasSuffix(s, ".") && !strings.Contains(s, "..")
}

func alphanumeric(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}

// asciiDomain returns a domain as DNS has it: labels beyond ASCII in Punycode.
func asciiDomain(domain string) (string, error) {
	errDomain := errors.New("what stands behind the @ is no domain")
	labels := strings.Split(norm.NFKC.String(strings.ToLower(domain)), ".")
	for i, label := range labels {
		if strings.ContainsFunc(label, func(r rune) bool { return r > unicode.MaxASCII }) {
			if strings.ContainsFunc(label, func(r rune) bool { return r != '-' && !unicode.In(r, unicode.L, unicode.M, unicode.Nd) }) {
				return "", errDomain
			}
			label = "xn--" + punycode(label)
		}
		if label == "" || len(label) > 63 || strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") ||
			strings.ContainsFunc(label, func(r rune) bool { return r != '-' && !alphanumeric(r) }) {
			return "", errDomain
		}
		labels[i] = label
	}
	return strings.Join(labels, "."), nil
}

// punycode encodes a label (RFC 3492). The label is at most some hundred characters, so nothing overflows.
func punycode(label string) string {
	const base, tMin, tMax, skew, damp = 36, 1, 26, 38, 700
	const digits = "abcdefghijklmnopqrstuvwxyz0123456789"
	runes := []rune(label)
	var out []byte
	for _, r := range runes {
		if r <= unicode.MaxASCII {
			out = append(out, byte(r))
		}
	}
	basic := len(out)
	if basic > 0 {
		out = append(out, '-')
	}
	n, delta, bias := rune(128), 0, 72
	for done := basic; done < len(runes); n++ {
		next := rune(unicode.MaxRune)
		for _, r := range runes {
			if r >= n && r < next {
				next = r
			}
		}
		delta += int(next-n) * (done + 1)
		n = next
		for _, r := range runes {
			if r < n {
				delta++
			}
			if r != n {
				continue
			}
			q := delta
			for k := base; ; k += base {
				t := min(max(k-bias, tMin), tMax)
				if q < t {
					break
				}
				out = append(out, digits[t+(q-t)%(base-t)])
				q = (q - t) / (base - t)
			}
			out = append(out, digits[q])
			first := done == basic
			done++
			if first {
				delta /= damp
			} else {
				delta /= 2
			}
			delta += delta / done
			k := 0
			for ; delta > (base-tMin)*tMax/2; k += base {
				delta /= base - tMin
			}
			bias = k + (base-tMin+1)*delta/(delta+skew)
			delta = 0
		}
		delta++
	}
	return string(out)
}

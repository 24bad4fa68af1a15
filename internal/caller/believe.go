package caller

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
)

// unknownZone is how far uzERP's times may be off: it writes them in a time zone that nobody knows
// (docs/facts/uzerp.md §10).
const unknownZone = 24 * time.Hour

const anotherWay = "do not help this caller unless you can verify them in another way"

// newestChange returns the newest change of all entries of the person. Each of them may have been the main mobile until
// its type was changed, and so decides which number is taken. The result is not known if the change of the entry that
// is taken is not known.
func newestChange(contacts []PhoneContact, source Source) Change {
	var newest Change
	for _, c := range contacts {
		taken := c.Main && c.Mobile == (source == MainMobile)
		if taken && c.Changed.At.IsZero() {
			return c.Changed
		}
		if c.Changed.At.After(newest.At) {
			newest = c.Changed
		}
	}
	return newest
}

// fresh reports whether a number was changed so lately that it verifies nobody. One that was changed in the future, or
// nobody knows when, is fresh.
func (v *Verifier) fresh(c Change) bool {
	return c.At.IsZero() || v.BelieveAfter == 0 || v.Now().Sub(c.At) < v.BelieveAfter+unknownZone
}

// believe decides whether the number on file is believed, and returns the change that makes it doubtful.
func (v *Verifier) believe(p *Check) error {
	if !v.fresh(p.Change) {
		return nil
	}
	if strings.TrimSpace(v.Reason) != "" {
		change := p.Change
		p.Recipient.Fresh, p.Fresh = &change, true
		return nil
	}
	return errs.New(errs.Refused, fmt.Sprintf("%s, so it verifies nobody", p.ChangeInWords()), anotherWay+
		"; somebody who prepares such a call changes the number first")
}

// ChangeInWords says when the number was changed, and by whom.
func (p Check) ChangeInWords() string {
	number := fmt.Sprintf("the number %s of %q", p.Recipient.Phone.Masked, p.User.Username)
	if p.Change.At.IsZero() {
		return number + " was changed at a time that uzERP does not say"
	}
	by := "by " + quoted(p.Change.By)
	switch p.Change.By {
	case "":
		by = "by nobody that uzERP names"
	case p.User.Username:
		by = "by that user"
	}
	what := number + " was changed"
	switch p.Change.What {
	case ChangedEntry:
		what = fmt.Sprintf("which number %q has (%s) was changed", p.User.Username, p.Recipient.Phone.Masked)
	case ChangedPerson:
		what = fmt.Sprintf("the person behind %s was changed", number)
	}
	return fmt.Sprintf("%s on %s %s", what, p.Change.At.Format(time.DateOnly), by)
}

// comparedDigits is how many digits at the end of two numbers are compared where one of them can't be read. Every
// number has that many (E.164, and lookUp).
const comparedDigits = 7

// shortestNational is how many digits the shortest number has without its country code.
const shortestNational = 4

// othersHave returns an error if the number is also the main mobile of another user: a code to it doesn't say which of
// them calls. An entry that can't be read counts if the number's last digits stand in it.
func (v *Verifier) othersHave(ctx context.Context, u mfa.User, phone Phone) error {
	number := phone.E164.Reveal()
	holders, err := v.Directory.MobileHolders(ctx, u.Username, number[len(number)-shortestNational:])
	if err != nil {
		return err
	}
	var names []string
	for _, h := range holders {
		other, err := v.Parse(h.Text)
		same := err == nil && other.E164.Reveal() == number ||
			err != nil && strings.Contains(digitsOf(h.Text), number[max(1, len(number)-comparedDigits):])
		if same && h.Username != u.Username {
			names = append(names, quoted(h.Username))
		}
	}
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if more := len(names) - 3; more > 0 {
		names = append(names[:3], fmt.Sprintf("%d more", more))
	}
	return errs.New(errs.Refused, fmt.Sprintf("the number %s of %q is also the main mobile of %s", phone.Masked, u.Username, strings.Join(names, ", ")),
		"verify the caller in another way, and give each person their own number in uzERP")
}

// quoted returns a name from the database in quotes, and only its beginning if it is very long: names have no limit there.
func quoted(name string) string {
	const longest = 60
	if r := []rune(name); len(r) > longest {
		name = string(r[:longest]) + "…"
	}
	return strconv.Quote(name)
}

func digitsOf(text string) string {
	return strings.Map(func(r rune) rune {
		if isDigit(r) {
			return r
		}
		return -1
	}, text)
}

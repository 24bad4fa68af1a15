package db

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"uzerp-mfa/internal/caller"
	"uzerp-mfa/internal/mfa"
)

var _ caller.Directory = (*DB)(nil)

// Details implements mfa.Directory. An end date before the year 1 is returned as the first day of year 1.
func (db *DB) Details(ctx context.Context, usernames []string) (map[string]mfa.Details, error) {
	details, err := ask[map[string]mfa.Details](ctx, db, detailsOf(usernames))
	if details == nil && err == nil { // no name is one that the database can hold
		details = map[string]mfa.Details{}
	}
	return details, err
}

func detailsOf(usernames []string) question {
	return question{op: "read the persons behind users", query: "details", parts: []string{"closed_companies"}, names: usernames, read: readDetails}
}

func readDetails(results pgx.BatchResults) (any, error) {
	type person struct {
		Username      string     `db:"username"`
		Company       string     `db:"company"`
		CompanyAccess bool       `db:"company_access"`
		NoCompany     bool       `db:"no_company"`
		EndDate       *time.Time `db:"end_date"`
	}
	type company struct {
		Username string `db:"username"`
		Closed   *bool  `db:"closed"`
	}
	persons, err := collectNext(results, pgx.RowToStructByName[person])
	if err != nil {
		return nil, err
	}
	companies, err := collectNext(results, pgx.RowToStructByName[company])
	// A role that grants of an older version made may not read whether a company is closed, and an older uzERP has no such
	// column: then it is not known.
	if code := sqlState(err); err != nil && code != insufficientPrivilege && code != undefinedColumn {
		return nil, err
	}
	closed := make(map[string]*bool, len(companies))
	for _, c := range companies {
		closed[c.Username] = c.Closed
	}
	details := make(map[string]mfa.Details, len(persons))
	for _, p := range persons {
		details[p.Username] = mfa.Details{Company: p.Company, CompanyAccess: p.CompanyAccess, NoCompany: p.NoCompany, EndDate: p.EndDate,
			Closed: closed[p.Username]}
	}
	return details, nil
}

// PhoneContacts implements caller.Directory: main numbers first, mobile before fixed, both in the order of their entry.
func (db *DB) PhoneContacts(ctx context.Context, username string) ([]caller.PhoneContact, error) {
	type contact struct {
		Mobile   bool       `db:"mobile"`
		Main     bool       `db:"main"`
		Text     string     `db:"text"`
		NumberAt *time.Time `db:"number_at"`
		NumberBy string     `db:"number_by"`
		EntryAt  *time.Time `db:"entry_at"`
		EntryBy  string     `db:"entry_by"`
		PersonAt *time.Time `db:"person_at"`
		PersonBy string     `db:"person_by"`
	}
	rows, err := readByNames(ctx, db, "read a user's phone numbers", "phone_contacts", []string{username}, pgx.RowToStructByName[contact])
	if err != nil {
		return nil, err
	}
	var contacts []caller.PhoneContact
	for _, r := range rows {
		c := caller.PhoneContact{Mobile: r.Mobile, Main: r.Main, Text: r.Text}
		entry := changeOf(r.EntryAt, r.EntryBy, caller.ChangedEntry)
		if c.Changed = entry; r.Main {
			c.Changed = newest(changeOf(r.NumberAt, r.NumberBy, caller.ChangedNumber), entry, changeOf(r.PersonAt, r.PersonBy, caller.ChangedPerson))
		}
		contacts = append(contacts, c)
	}
	return contacts, nil
}

// longestName is how much is kept of the name of somebody who made a change: uzERP has no limit for it, a line of the audit
// log has one.
const longestName = 100

func changeOf(at *time.Time, by string, what caller.Changed) caller.Change {
	if r := []rune(by); len(r) > longestName {
		by = string(r[:longestName]) + "…"
	}
	c := caller.Change{By: strings.TrimSpace(by), What: what}
	if at != nil {
		c.At = *at
	}
	return c
}

// newest returns the newest of the changes, or the first one whose time is not known. Of two at the same time the first
// counts.
func newest(changes ...caller.Change) caller.Change {
	found := changes[0]
	for _, c := range changes {
		if c.At.IsZero() {
			return c
		}
		if c.At.After(found.At) {
			found = c
		}
	}
	return found
}

// MobileHolders implements caller.Directory.
func (db *DB) MobileHolders(ctx context.Context, username, digits string) ([]caller.MobileHolder, error) {
	type holder struct {
		Username string `db:"username"`
		Text     string `db:"text"`
	}
	rows, err := read(ctx, db, "look who else has a phone number", "mobile_holders",
		pgx.StrictNamedArgs{"username": username, "digits": digits}, pgx.RowToStructByName[holder])
	if err != nil {
		return nil, err
	}
	var holders []caller.MobileHolder
	for _, r := range rows {
		holders = append(holders, caller.MobileHolder(r))
	}
	return holders, nil
}

// MailContacts implements notify.Directory: the address of the login first, then the person's main ones.
func (db *DB) MailContacts(ctx context.Context, username string) ([]string, error) {
	return readByNames(ctx, db, "read a user's e-mail addresses", "mail_contacts", []string{username}, pgx.RowTo[string])
}

package db

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"uzerp-mfa/internal/caller"
	"uzerp-mfa/internal/mfa"
)

var _ caller.Directory = (*DB)(nil)

// Details implements mfa.Directory. An end date before the year 1 is returned as the first day of year 1.
func (db *DB) Details(ctx context.Context, usernames []string) (map[string]mfa.Details, error) {
	type person struct {
		Username      string     `db:"username"`
		Company       string     `db:"company"`
		CompanyAccess bool       `db:"company_access"`
		EndDate       *time.Time `db:"end_date"`
	}
	rows, err := readByNames(ctx, db, "read the persons behind users", "details", usernames, pgx.RowToStructByName[person])
	if err != nil {
		return nil, err
	}
	details := make(map[string]mfa.Details, len(rows))
	for _, r := range rows {
		details[r.Username] = mfa.Details{Company: r.Company, CompanyAccess: r.CompanyAccess, EndDate: r.EndDate}
	}
	return details, nil
}

// PhoneContacts implements caller.Directory: mobile numbers first, then fixed ones, both in the order of their entry.
func (db *DB) PhoneContacts(ctx context.Context, username string) ([]caller.PhoneContact, error) {
	type contact struct {
		Mobile bool   `db:"mobile"`
		Text   string `db:"text"`
	}
	rows, err := readByNames(ctx, db, "read a user's phone numbers", "phone_contacts", []string{username}, pgx.RowToStructByName[contact])
	if err != nil {
		return nil, err
	}
	var contacts []caller.PhoneContact
	for _, r := range rows {
		contacts = append(contacts, caller.PhoneContact(r))
	}
	return slices.DeleteFunc(contacts, func(c caller.PhoneContact) bool { return strings.TrimSpace(c.Text) == "" }), nil
}

package db

import (
	"cmp"
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/injector"
)

// classRow is a row of queries/injector_rows.sql.
type classRow struct {
	ID        int64  `db:"id"`
	Name      string `db:"name"`
	Category  string `db:"category"`
	ClassName string `db:"class_name"`
	CompanyID int64  `db:"usercompanyid"`
}

func toClass(row pgx.CollectableRow) (injector.Class, error) {
	r, err := pgx.RowToStructByName[classRow](row)
	return injector.Class(r), err
}

// InjectorClasses implements injector.Reader.
func (db *DB) InjectorClasses(ctx context.Context, names []string) ([]injector.Class, error) {
	return ask[[]injector.Class](ctx, db, classesOf(names))
}

func classesOf(names []string) question {
	return about("read the injector classes", "injector_classes", names, toClass)
}

// SettledClasses implements injector.Writer.
func (db *DB) SettledClasses(ctx context.Context, names []string) ([]injector.Class, error) {
	var classes []injector.Class
	err := db.change(ctx, "read the injector classes", func(tx *transaction) (err error) {
		classes, err = collect(ctx, db, tx, "lock_injector_classes", pgx.StrictNamedArgs{"names": names}, toClass)
		return err
	})
	return classes, err
}

// ApplySwitch implements injector.Writer.
func (db *DB) ApplySwitch(ctx context.Context, names []string, s injector.SwitchPlan) error {
	op := "switch the injector classes"
	if len(s.Assignments) > 1 {
		db = db.patient()
	}
	return db.change(ctx, op, func(tx *transaction) error {
		now, err := collect(ctx, db, tx, "lock_injector_classes", pgx.StrictNamedArgs{"names": names}, toClass)
		if err != nil {
			return err
		}
		if !slices.Equal(byID(now), byID(s.Was)) {
			return changed("the injector classes were")
		}
		if err := db.checkTrial(ctx, tx, s); err != nil {
			return err
		}
		for _, c := range s.Changes {
			if err := db.applyChange(ctx, tx, op, s.Was, c); err != nil {
				return err
			}
		}
		if len(s.Assignments) > 0 {
			if err := db.compareAndSet(ctx, tx, s.Assignments); err != nil {
				return err
			}
		}
		return db.checkClasses(ctx, tx, names, s)
	})
}

// checkClasses returns an error unless the rows are now as s makes them, and no others were changed.
func (db *DB) checkClasses(ctx context.Context, tx *transaction, names []string, s injector.SwitchPlan) error {
	if len(s.Changes) == 0 {
		return nil
	}
	now, err := collectSettled(ctx, db, tx, "injector_classes", pgx.StrictNamedArgs{"names": names}, toClass)
	if err != nil {
		return err
	}
	want := slices.Clone(s.Was)
	for _, c := range s.Changes {
		if i := slices.IndexFunc(want, func(w injector.Class) bool { return w.ID == c.ID }); i >= 0 {
			want[i].ClassName = c.After
			continue
		}
		added := injector.Class{Name: c.Name, Category: "SY", ClassName: c.After, CompanyID: -1}
		if i := slices.IndexFunc(now, func(n injector.Class) bool {
			return !slices.ContainsFunc(want, func(w injector.Class) bool { return w.ID == n.ID })
		}); i >= 0 {
			added.ID = now[i].ID
		}
		want = append(want, added)
	}
	if !slices.Equal(byID(now), byID(want)) {
		return db.notKept(ctx, tx, "injector_classes", "the rows are not as they were written")
	}
	return nil
}

// applyChange writes one row. It changes only a row that still has the class that the plan replaces.
func (db *DB) applyChange(ctx context.Context, tx *transaction, op string, was []injector.Class, c injector.ClassChange) error {
	query, args := "insert_injector_class", pgx.StrictNamedArgs{"name": c.Name, "after": c.After}
	if c.ID != 0 {
		query, args = "update_injector_class", pgx.StrictNamedArgs{"id": c.ID, "name": c.Name, "before": c.Before, "after": c.After}
	}
	n, err := db.execute(ctx, tx, query, args)
	if uniqueViolation(err) {
		inTheWay := func(w injector.Class) bool { return w.Name == c.Name && w.ClassName == c.After }
		if !slices.ContainsFunc(was, inTheWay) {
			return changed("the injector classes were")
		}
		return &errs.Error{Kind: errs.Refused, Op: op, Err: errInTheWay,
			Hint: errs.Plain("injector_classes has one row at most for a name and a class, whatever the category and company: remove the other one in uzERP")}
	}
	switch before := func(w injector.Class) bool { return w.ID == c.ID && w.Name == c.Name && w.ClassName == c.Before }; {
	case err != nil || n == 1:
		return err
	case c.ID == 0 || slices.ContainsFunc(was, before): // and that row is locked
		return db.notKept(ctx, tx, "injector_classes", "the row of "+c.Name+" was not written")
	}
	return changed("the injector classes were")
}

func byID(classes []injector.Class) []injector.Class {
	return slices.SortedFunc(slices.Values(classes), func(a, b injector.Class) int { return cmp.Compare(a.ID, b.ID) })
}

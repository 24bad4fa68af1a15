package connect

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"

	"uzerp-mfa/internal/config"
	"uzerp-mfa/internal/db"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/injector"
	"uzerp-mfa/internal/installation"
)

// Agreement says whether the database in force is the one that uzERP's own files name.
type Agreement struct {
	Is Agrees
	// Message says how the two differ, or why that is not known. It is empty if they are the same.
	Message string
	Source  string // what names the database in force
}

// Agrees is what a comparison of two settings comes to.
type Agrees int

const (
	NotCompared Agrees = iota // there is nothing to compare with
	Same
	Different
	Doubtful // uzERP's files are there, but which database uzERP uses is not known
)

// Differs reports whether the two databases are, as far as is known, not the same.
func (a Agreement) Differs() bool { return a.Is == Different }

// Same reports whether the two databases are certainly the same.
func (a Agreement) Same() bool { return a.Is == Same }

// CompareDatabases compares the database in force with the one that uzERP's own files name. It asks neither of them. It
// fails with errs.Config if the directory that is named, or the working directory, could have been put there by a
// stranger.
func (r *Reader) CompareDatabases() (Agreement, error) {
	if r.agreement == nil {
		a, err := r.compareDatabases(thisMachine())
		if err != nil {
			return Agreement{}, err
		}
		r.agreement = &a
	}
	return *r.agreement, nil
}

func (r *Reader) compareDatabases(m machine) (Agreement, error) {
	inst, err := r.options.Loader.Installation()
	switch {
	case errs.HintOf(err).Reason == config.ReasonStrangers:
		return Agreement{}, err
	case err != nil: // what needs the directory says why
		return Agreement{Is: NotCompared, Message: err.Error()}, nil //nolint:nilerr // see above
	}
	ours, err := r.options.Loader.Database()
	switch {
	case inst == nil:
		return Agreement{Is: NotCompared, Message: "no uzERP directory is known"}, nil
	case err != nil: // what opens the database says why
		return Agreement{Is: NotCompared, Message: err.Error()}, nil //nolint:nilerr // see above
	case ours.OfUzerp:
		return Agreement{Is: Same, Source: ours.Source}, nil
	}
	a := Agreement{Source: ours.Source}
	theirs, err := inst.Database()
	switch {
	case isNowhere(err):
		a.Message = err.Error()
		return a, nil //nolint:nilerr // there is nothing to compare with
	case errors.Is(err, fs.ErrPermission):
		a.Message = "uzERP's own files can't be read by this user"
		return a, nil //nolint:nilerr // the same
	case err != nil:
		a.Is, a.Message = Doubtful, "which database uzERP uses is not known: "+fileProblem(err)
		return a, nil //nolint:nilerr // a doubt, and no error
	}
	targets, err := db.Config{ConnString: ours.ConnString.Reveal(), Source: ours.Source}.Targets()
	if err != nil {
		a.Message = err.Error()
		return a, nil //nolint:nilerr // what opens the database says why
	}
	uzerps := db.Address{Host: theirs.Host, Port: theirs.Port, Database: theirs.Name}
	ctx, cancel := context.WithTimeout(context.Background(), lookupLimit)
	defer cancel()
	for _, t := range targets {
		if !m.same(ctx, t, uzerps) {
			a.Is = Different
			a.Message = fmt.Sprintf("%s names %s, and uzERP's own %s names %s", a.Source, describe(t), theirs.Sources["DB_NAME"].File, describe(uzerps))
			return a, nil
		}
	}
	a.Is = Same
	return a, nil
}

// isNowhere reports whether err says that uzERP's files name no database.
func isNowhere(err error) bool {
	unset, ok := errors.AsType[*installation.SettingError](err)
	return ok && unset.Name == "DB_NAME"
}

// fileProblem returns the reason for which a file was not read, without the file's text.
func fileProblem(err error) string {
	if unread, ok := errors.AsType[*fs.PathError](err); ok {
		return unread.Path + ": " + unread.Err.Error()
	}
	return err.Error()
}

func describe(a db.Address) string {
	host := a.Host
	if host == "" {
		host = "this machine"
	}
	return fmt.Sprintf("database %q on %s, port %d", a.Database, strconv.Quote(host), portOf(a))
}

// ownDatabase fails with errs.Config if the database in force is not uzERP's own, unless the operator says that this is
// meant. If that is not known it warns, once.
func (r *Reader) ownDatabase() error {
	a, err := r.CompareDatabases()
	switch {
	case err != nil:
		return err
	case r.options.Loader.NotUzerps:
		return nil
	case a.Is == Different:
		return errs.NewWith(errs.Config, "this is not uzERP's own database: "+a.Message, config.ReasonForeignDatabase.With())
	case a.Is == Doubtful:
		r.warnOnce("%s", a.Message)
	}
	return nil
}

// meantElsewhere reports whether the operator works on another database than uzERP's, and says so. Then uzERP's own
// files say nothing about the service either.
func (r *Reader) meantElsewhere() bool {
	a, err := r.CompareDatabases()
	return err == nil && a.Is == Different && r.options.Loader.NotUzerps
}

// OtherService returns a message if the settings of this program name another service than uzERP uses. It returns "" if
// both name the same service, or if that can't be found out.
func (r *Reader) OtherService() string {
	for _, check := range injector.CheckSettings(r.options.Loader.UzerpSettings()) {
		if check.ID == injector.CheckSameService {
			return check.Message
		}
	}
	return ""
}

// ownService fails with errs.Config if the database or the service in force is not uzERP's own. uzERP's users have no
// factors in another service, so its answers would make every user look locked out. And what is done at Twilio for the
// users of another database, such as a copy, reaches uzERP's own users, because both have the same uuids.
func (r *Reader) ownService() error {
	if err := r.ownDatabase(); err != nil || r.meantElsewhere() {
		return err
	}
	if why := r.OtherService(); why != "" {
		return errs.NewWith(errs.Config, why, config.ReasonForeignService.With())
	}
	return nil
}

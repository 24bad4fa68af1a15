package sessionfile

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"uzerp-mfa/internal/account"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/installation"
	"uzerp-mfa/internal/installation/file"
	"uzerp-mfa/internal/installation/php"
	"uzerp-mfa/internal/phpsession"
	"uzerp-mfa/internal/safepath"
	"uzerp-mfa/internal/session"
)

// Settings say where PHP's settings are looked for.
type Settings struct {
	Root     string   // the root directory of the machine: "/" outside tests
	PHPIni   string   // a php.ini in place of those of every PHP on the machine
	WebUsers []string // users as whom a web server runs here, beside the usual ones
}

// place is one directory with sessions.
type place struct {
	session.Place
	levels  int
	formats []phpsession.Format
}

// Open looks up where the web server's PHP keeps sessions. It opens none of them. It fails with errs.Config if that is not
// known, and with errs.Refused if none of them is in files.
func Open(s Settings) (*Files, error) {
	stores, notRead, err := s.stores()
	if err != nil {
		return nil, err
	}
	f := &Files{trust: safepath.Ourselves(), wait: lockWait}
	for _, n := range notRead {
		f.notRead = append(f.notRead, session.NotRead{Path: n.Path, Why: session.Settings, Files: 1, Reason: n.Reason})
	}
	named := slices.Clone(s.WebUsers)
	var unnamed []int // users without a name
	var elsewhere []string
	for _, store := range stores {
		switch {
		case store.Unknown:
			f.elsewhere = append(f.elsewhere, session.Elsewhere{Interface: store.Interface})
			continue
		case store.Handler != "files":
			f.elsewhere = append(f.elsewhere, session.Elsewhere{Interface: store.Interface, Handler: store.Handler})
			elsewhere = append(elsewhere, fmt.Sprintf("%q (%s)", store.Handler, store.Interface))
			continue
		}
		switch name, uid, known := poolUser(store.User); {
		case store.User == "":
		case !known:
			f.elsewhere = append(f.elsewhere, session.Elsewhere{Interface: store.Interface, User: store.User})
		case name == "":
			unnamed = append(unnamed, uid)
		default:
			named = append(named, name)
		}
		f.add(store)
	}
	switch {
	case len(stores) == 0:
		return nil, errs.NewWith(errs.Config, "no settings of a web server's PHP were found, so where its sessions are is not known", session.ReasonNoPlace.With())
	case len(f.places) > 0:
	case len(elsewhere) > 0:
		return nil, errs.NewWith(errs.Refused, "the sessions are not in files: session.save_handler is "+strings.Join(elsewhere, ", "), session.ReasonNoFiles.With())
	default:
		return nil, errs.NewWith(errs.Config, "only PHP itself knows the value of session.save_path", session.ReasonNoPlace.With())
	}
	for _, web := range installation.WebUsers(named) {
		f.trust.UIDs = append(f.trust.UIDs, web.UID)
		if web.OwnGroup {
			f.trust.GIDs = append(f.trust.GIDs, web.GID)
		}
	}
	f.trust.UIDs = append(f.trust.UIDs, unnamed...)
	return f, nil
}

// poolUser returns the user as whom one of FPM's pools runs. FPM takes a text of digits for the user's number, also of a user who
// has no name here.
func poolUser(text string) (name string, uid int, known bool) {
	if text == "" || strings.Trim(text, "0123456789") != "" {
		u, err := account.ByName(text)
		if err != nil {
			return "", 0, false
		}
		return u.Name, 0, true
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || n == math.MaxUint32 {
		return "", 0, false
	}
	if u, err := account.ByUID(int(n)); err == nil {
		return u.Name, int(n), true
	}
	return "", int(n), true
}

// stores returns what PHP's settings say, and which of them were not read.
func (s Settings) stores() ([]php.SessionStore, []file.NotRead, error) {
	if s.PHPIni != "" {
		stores, err := php.SessionStoresOf(s.PHPIni)
		if err != nil {
			return nil, nil, installation.FileError(s.PHPIni, err)
		}
		return stores, nil, nil
	}
	stores, notRead, err := php.FindSessionStores(s.Root)
	if err != nil {
		return nil, nil, &errs.Error{Kind: errs.Config, Op: "read PHP's settings", Err: err}
	}
	return stores, notRead, nil
}

// add adds the place of a store, or what the store says to a place that is known.
func (f *Files) add(store php.SessionStore) {
	path := filepath.Clean(store.Path)
	i := slices.IndexFunc(f.places, func(p place) bool { return p.Path == path && p.levels == store.Levels })
	if i < 0 {
		i = len(f.places)
		f.places = append(f.places, place{Place: session.Place{Path: path}, levels: store.Levels})
	}
	p := &f.places[i]
	if !slices.Contains(p.Interfaces, store.Interface) {
		p.Interfaces = append(p.Interfaces, store.Interface)
	}
	if store.Source != "" && !slices.Contains(p.Sources, store.Source) {
		p.Sources = append(p.Sources, store.Source)
	}
	if format := phpsession.Format(store.Serializer); !slices.Contains(p.formats, format) {
		p.formats = append(p.formats, format)
	}
}

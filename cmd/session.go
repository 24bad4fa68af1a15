package cmd

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/session"
)

func newSessionCmd(app *App) *cobra.Command {
	c := &cobra.Command{
		Use:   "session",
		Short: "List who is logged in to uzERP, and end sessions",
		Long: `Says who is logged in now, from the files in which PHP keeps sessions, and ends sessions. Neither a reset nor a new
password nor a switch of the login handler ends one. uzerp-mfa help session says where the files are looked for.`,
		Annotations: exitCodes(),
		Example: `  uzerp-mfa session list
  uzerp-mfa session end alice`,
		Args: cobra.ArbitraryArgs,
		RunE: runGroup,
	}
	c.AddCommand(newSessionListCmd(app), newSessionEndCmd(app))
	return c
}

// notReadView are files that are not judged.
type notReadView struct {
	// the directory, or a file of settings
	Path string `json:"path"`
	// why they were not read
	Why   session.Why `json:"why"`
	Owner *string     `json:"owner"` // of files of another user
	// how many they are
	Files int    `json:"files"`
	Bytes *int64 `json:"bytes"` // of files that are too large: the largest
}

type placeView struct {
	// the directory
	Path string `json:"path"`
	// the server interfaces of PHP that use it
	Interfaces []string `json:"interfaces"`
	// the settings that name it
	Sources []string `json:"sources"`
}

type elsewhereView struct {
	// the server interface of PHP
	Interface   string  `json:"interface"`
	SaveHandler *string `json:"save_handler"` // null if only PHP knows the place
	User        *string `json:"user"`         // as whom it runs, if this machine knows no such user
}

func viewPlaces(l session.Listing) []placeView {
	views := []placeView{}
	for _, p := range l.Places {
		views = append(views, placeView{Path: p.Path, Interfaces: append([]string{}, p.Interfaces...), Sources: append([]string{}, p.Sources...)})
	}
	return views
}

func viewNotRead(l session.Listing) []notReadView {
	views := []notReadView{}
	for _, n := range l.NotRead {
		view := notReadView{Path: n.Path, Why: n.Why, Owner: optional(n.Owner), Files: n.Files}
		if n.Bytes > 0 {
			view.Bytes = &n.Bytes
		}
		views = append(views, view)
	}
	return views
}

func viewElsewhere(l session.Listing) []elsewhereView {
	views := []elsewhereView{}
	for _, e := range l.Elsewhere {
		views = append(views, elsewhereView{Interface: e.Interface, SaveHandler: optional(e.Handler), User: optional(e.User)})
	}
	return views
}

// tellUnseen says where sessions may be that are not in a list.
func (a *App) tellUnseen(l session.Listing) {
	for _, n := range l.NotRead {
		what := map[session.Why]string{
			session.Malformed: "no session that PHP could read",
			session.Foreign:   "files of " + n.Owner + ", as whom no web server is known to run here: PHP takes no session of another user's",
			session.Odd:       "links, pipes or directories in place of sessions: PHP takes no session from these",
			session.Igbinary:  "sessions written by igbinary: whose they are is not known",
			session.Unclear:   "sessions that only PHP itself can read: whose they are is not known",
			session.TooLarge:  fmt.Sprintf("sessions that are too large to be read here, the largest of %d MiB: whose they are is not known", n.Bytes>>20),
			session.TwoNames:  "files that have a second name: whose sessions they are is not known",
			session.Untrusted: "directories that others may change, or links to directories: sessions may be open in these",
		}[n.Why]
		switch n.Why {
		case session.Settings:
			a.streams.Warnf("not all of PHP's settings were read, because of %q: %s. Sessions in a place that is named there are not looked at", n.Path, n.Reason)
		case session.Missing:
			a.streams.Warnf("there is no directory %q here: nobody is logged in there, or the web server has a root directory of its own", n.Path)
		}
		if what != "" {
			a.streams.Warnf("%d of the files in %q left out: %s", n.Files, n.Path, what)
		}
	}
	for _, e := range l.Elsewhere {
		switch {
		case e.User != "":
			a.streams.Warnf("%s runs as %q, and this machine knows no such user: files of that user are not looked at", e.Interface, e.User)
		case e.Handler == "":
			a.streams.Warnf("where %s keeps sessions only PHP itself knows: they are not looked at", e.Interface)
		default:
			a.streams.Warnf("%s keeps sessions in %q, and not in files: they are not looked at", e.Interface, e.Handler)
		}
	}
}

// unlisted returns why a list may lack sessions that are open; nil if it lacks none.
func unlisted(l session.Listing) error { return cmp.Or(l.Readable(), l.Complete()) }

// asFarAsRead returns what belongs behind a word about how many sessions are open; "" if the list lacks none.
func asFarAsRead(l session.Listing) string {
	if unlisted(l) == nil {
		return ""
	}
	return ", as far as could be read"
}

func pathsOf(l session.Listing) string {
	var paths []string
	for _, p := range l.Places {
		paths = append(paths, fmt.Sprintf("%q", p.Path))
	}
	return strings.Join(paths, ", ")
}

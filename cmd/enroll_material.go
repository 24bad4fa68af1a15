package cmd

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io"
	"os"
	"path/filepath"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/output"
)

// This file brings a new factor to the user's phone: as a picture and letters to type on a terminal, or in a file.

// screen is where QR code and secret may be shown.
type screen struct {
	w        io.Writer
	terminal func() output.Terminal
}

// screen says where that is: where the data go, or, while the data are JSON and somebody waits for the code, where the
// question goes. Nil: nowhere (docs/contract.md §4, enroll).
func (o *enrollOptions) screen(app *App) *screen {
	s := app.streams
	switch {
	case o.noWait && !o.reveal && (o.png != "" || o.html != ""): // who is to see it has the file
		return nil
	case app.flags.output == formatTable && (o.reveal || s.OutTTY):
		return &screen{s.Out, s.OutTerminal}
	case app.flags.output == formatJSON && o.reveal && !o.noWait && s.ErrTTY:
		return &screen{s.Err, s.ErrTerminal}
	}
	return nil
}

const whatToDo = "Scan the QR code, or type the secret, in the authenticator app."

// showAndAsk shows the factor for as long as codes are asked for, so that neither stays in a scrollback. On whatever way
// this ends, the normal screen is back before anything else is told.
func showAndAsk(ctx context.Context, app *App, opts *enrollOptions, p *mfa.PendingEnrollment) error {
	to := opts.screen(app)
	if to != nil && app.streams.ErrTTY { // where the question is to be seen too
		alt, err := app.streams.OpenAltScreen(ctx, to.w, to.terminal, output.Page{
			QR: p.Factor.URI.Reveal(), Mode: opts.qrMode, Fields: material(p), Text: whatToDo,
		})
		if err != nil {
			return err
		}
		if alt != nil {
			defer alt.Close()
			return askUntilVerified(ctx, alt, opts, p)
		}
	}
	if err := showMaterial(app, opts, p); err != nil {
		return err
	}
	app.streams.Sayf(whatToDo)
	return askUntilVerified(ctx, app.streams, opts, p)
}

func material(p *mfa.PendingEnrollment) [][2]string {
	return [][2]string{{"Account", p.Factor.FriendlyName}, {"Secret", output.Groups(p.Factor.Secret.Reveal())}}
}

// showMaterial prints the factor where it stays.
func showMaterial(app *App, opts *enrollOptions, p *mfa.PendingEnrollment) error {
	to := opts.screen(app)
	if to == nil {
		return nil
	}
	uri, t := p.Factor.URI.Reveal(), to.terminal()
	err := output.QR(to.w, uri, opts.qrMode, t)
	if tooWide, ok := errors.AsType[output.ErrTooWide](err); ok {
		app.streams.Warnf("no QR code: %s; enlarge the window, use --png or --html, or type the secret", tooWide)
	} else if err != nil {
		return err
	}
	if _, rows, err := output.QRSize(uri, opts.qrMode, t); err == nil && t.Height > 0 && rows+4 > t.Height {
		app.streams.Notef("the QR code is %d lines high: enlarge the window, or scroll up to scan it", rows)
	}
	for _, field := range material(p) {
		if err := output.Fprintf(to.w, "%-9s%s\n", field[0], field[1]); err != nil {
			return err
		}
	}
	if t.Width > 0 {
		app.streams.Warnf(`the secret stays in this terminal's scrollback; when it is in the app, take it away: clear; printf '\033[3J'`)
	}
	return nil
}

// A materialFile is a file for the user's eyes only.
type materialFile struct {
	flag, path string
	content    func(app *App, p *mfa.PendingEnrollment) ([]byte, error)
	note       string
}

func (o *enrollOptions) files() (files []materialFile) {
	if o.png != "" {
		files = append(files, materialFile{"--png", string(o.png),
			func(_ *App, p *mfa.PendingEnrollment) ([]byte, error) { return output.QRPNG(p.Factor.URI.Reveal()) },
			"the QR code is in %s: delete the file when it is scanned"})
	}
	if o.html != "" {
		files = append(files, materialFile{"--html", string(o.html), enrollPage,
			"the page for the user is in %s: let nobody else see it, and delete the file when the user is enrolled"})
	}
	return files
}

// newFile is the flag for a file that is made. An empty name, of a script's variable that is not set, is no way to say that
// there is to be none: nobody would get to see the secret.
type newFile string

func (f *newFile) Set(name string) error {
	if name == "" {
		return errors.New("no name")
	}
	*f = newFile(name)
	return nil
}

func (f *newFile) String() string { return string(*f) }

// Type is what the help shows for the value.
func (*newFile) Type() string { return "file" }

// validateFiles looks before a factor is made whether the files can be written.
func (o *enrollOptions) validateFiles() error {
	for _, f := range o.files() {
		switch dir := filepath.Dir(f.path); {
		case !isDir(dir):
			return usageError(fmt.Sprintf("%s: there is no directory %q", f.flag, dir), "")
		case fileExists(f.path):
			return usageError(fmt.Sprintf("%s: %q exists already", f.flag, f.path), "name a new file: none is ever overwritten")
		}
	}
	if o.png != "" && o.html != "" && sameName(string(o.png), string(o.html)) {
		return usageError("--png and --html name the same file", "name two")
	}
	return nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func fileExists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func sameName(a, b string) bool {
	if filepath.Base(a) != filepath.Base(b) {
		return false
	}
	dirA, errA := os.Stat(filepath.Dir(a))
	dirB, errB := os.Stat(filepath.Dir(b))
	return errA == nil && errB == nil && os.SameFile(dirA, dirB)
}

// writeFiles writes all of them or none.
func writeFiles(app *App, opts *enrollOptions, p *mfa.PendingEnrollment) error {
	files := opts.files()
	for i, f := range files {
		content, err := f.content(app, p)
		if err == nil {
			err = output.WriteNewFile(f.path, content)
		}
		if err != nil {
			for _, written := range files[:i] {
				err = errors.Join(err, os.Remove(written.path))
			}
			return &errs.Error{Kind: errs.Failure, Op: f.flag, Err: err, Hint: "uzERP was not changed; the factor that was made at Twilio goes away by itself"}
		}
	}
	for _, f := range files {
		app.streams.Notef(f.note, f.path)
	}
	return nil
}

//go:embed enroll_page.html
var enrollPageText string

// Twilio deletes a factor that was not verified at some time between these after it was made (docs/facts/twilio-verify.md §0.5).
const (
	surelyThere = time.Hour
	surelyGone  = 24 * time.Hour
)

// enrollPage makes the page for a user who is not in the room. It is complete in itself: nothing in it is fetched or runs.
func enrollPage(app *App, p *mfa.PendingEnrollment) ([]byte, error) {
	page, err := template.New("page").Parse(enrollPageText)
	if err != nil {
		return nil, err
	}
	picture, err := output.QRPNG(p.Factor.URI.Reveal())
	if err != nil {
		return nil, err
	}
	made := p.Factor.Created // by Twilio's clock
	if made.IsZero() {
		made = app.now()
	}
	var b bytes.Buffer
	err = page.Execute(&b, map[string]any{
		"Replaces": p.User.Whole(),
		"Before":   moment(made.Add(surelyThere)),
		"Latest":   moment(made.Add(surelyGone)),
		"Picture":  template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(picture)),
		"Account":  output.Escape(p.Factor.FriendlyName),
		"Secret":   output.Groups(p.Factor.Secret.Reveal()),
		"Digits":   p.Factor.TOTP.Digits,
		"Seconds":  int(p.Factor.TOTP.Step.Seconds()),
		"Command":  output.Escape(verifyCommand(p)),
	})
	return b.Bytes(), err
}

// moment is a time as people read it, in a zone that everybody can look up.
func moment(t time.Time) string { return t.UTC().Format("15:04 UTC on 2 January 2006") }

package cmd

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/output"
)

// This file shows a new factor to the user: as a QR code and letters to type on a terminal, or in a file.

// screen is where QR code and secret may be shown.
type screen struct {
	w        io.Writer
	terminal func() output.Terminal
}

// screen returns where that is: where the data go, or, if the data are JSON and the command asks for the code, where
// the question goes. It is nil if the factor is shown nowhere (docs/contract.md §4, enroll).
func (o *enrollOptions) screen(app *App) *screen {
	s := app.streams
	switch {
	case o.noWait && !o.reveal && (o.png != "" || o.html != ""): // the user gets the file
		return nil
	case app.flags.output == formatTable && (o.reveal || s.OutTTY):
		return &screen{s.Out, s.OutTerminal}
	case app.flags.output == formatJSON && o.reveal && !o.noWait && s.ErrTTY:
		return &screen{s.Err, s.ErrTerminal}
	}
	return nil
}

// qrOn says for which background a QR code is that has no colours (--no-color, NO_COLOR, TERM=dumb, a pipe).
var qrOn = map[output.Background]string{
	output.DarkBackground: "This QR code has no colours: it is for a dark background. On a light one many phones can't scan it; " +
		"type the secret there, or use --qr ascii.",
	output.LightBackground: "This QR code has no colours: it is for a light background. On a dark one many phones can't scan it; " +
		"type the secret there, or use --html.",
}

const whatToDo = "Scan the QR code, or type the secret, in the authenticator app. Ctrl-C ends it without."

// showAndAsk shows the factor for as long as codes are asked for, so that neither stays in a scrollback. However this
// ends, the normal screen is back before anything else is printed.
func showAndAsk(ctx context.Context, app *App, ch *changes, opts *enrollOptions, p *mfa.PendingEnrollment) error {
	to := opts.screen(app)
	if to != nil && app.streams.ErrTTY { // the question is seen there too
		alt, err := app.streams.OpenAltScreen(ctx, to.w, to.terminal, output.Page{
			QR: p.Factor.URI.Reveal(), Mode: opts.qrMode, On: qrOn, Fields: withPerson(material(p), p.User), Text: whatToDo,
		})
		if err != nil {
			return notShown(ctx, app, opts, p, err)
		}
		if alt != nil {
			defer alt.Close()
			return askUntilVerified(ctx, app, ch, alt, opts, p)
		}
	}
	if err := showMaterial(app, opts, p); err != nil {
		return notShown(ctx, app, opts, p, err)
	}
	app.streams.Sayf(whatToDo)
	return askUntilVerified(ctx, app, ch, app.streams, opts, p)
}

// notShown is the end of an enrolment whose secret could not be shown. If a file has it, the enrolment can still be finished.
func notShown(ctx context.Context, app *App, opts *enrollOptions, p *mfa.PendingEnrollment, err error) error {
	if len(opts.files()) == 0 {
		return unseen(ctx, app, p, err)
	}
	return leftPending(app, p, errors.New("write the output: "+err.Error()))
}

func material(p *mfa.PendingEnrollment) [][2]string {
	fields := [][2]string{{"Account", p.Factor.FriendlyName}, {"Secret", output.Groups(p.Factor.Secret.Reveal())}}
	if c := p.Factor.TOTP; !c.Usual() {
		fields = append(fields, [2]string{"Set", appSettings(c) + " (a QR code says so by itself; who types the secret must set all three)"})
	}
	return fields
}

// withPerson adds to what is shown, behind the account, who it is for. The screen escapes all of it.
func withPerson(fields [][2]string, u mfa.User) [][2]string {
	if u.Person == "" {
		return fields
	}
	return slices.Insert(fields, 1, [2]string{"Person", mfa.Brief(u.Person)})
}

// appSettings returns what must be set in the app of somebody who types the secret, where it is not what apps assume.
func appSettings(c mfa.TOTPConfig) string {
	return fmt.Sprintf("%d digits, %d seconds, %s", c.Digits, int(c.Step.Seconds()), strings.ToUpper(strings.Replace(c.Algorithm, "sha", "sha-", 1)))
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
	} else {
		noteOnCode(app, uri, opts.qrMode, t)
	}
	for _, field := range material(p) {
		if err := output.Fprintf(to.w, "%-9s%s\n", field[0], field[1]); err != nil {
			return err
		}
	}
	if err := app.streams.Out.Flush(); err != nil {
		return err
	}
	if t.Width > 0 {
		app.streams.Warnf("the secret stays in this terminal's scrollback; when it is in the app, take it away:\nclear; printf '\\033[3J'")
	}
	return nil
}

// noteOnCode says what keeps a QR code that was drawn on t from being scanned.
func noteOnCode(app *App, uri string, mode output.QRMode, t output.Terminal) {
	if on := qrOn[output.QRBackground(mode, t)]; on != "" {
		app.streams.Notef("%s", on)
	}
	if _, rows, err := output.QRSize(uri, mode, t); err == nil && t.Height > 0 && rows+4 > t.Height {
		app.streams.Notef("the QR code is %d lines high: enlarge the window, or scroll up to scan it", rows)
	}
}

// A materialFile is a file that only the user may see.
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

// newFile is the flag for a file that is made. An empty name is an error: it comes from a script's variable that is
// not set, and without the file nobody would see the secret.
type newFile string

func (f *newFile) Set(name string) error {
	if name == "" {
		return errors.New("no name")
	}
	*f = newFile(name)
	return nil
}

func (f *newFile) String() string { return string(*f) }

// Type returns what the help shows for the value.
func (*newFile) Type() string { return "file" }

// validateFiles looks before a factor is made whether the files can be written.
func (o *enrollOptions) validateFiles(app *App) error {
	for _, f := range o.files() {
		switch err := app.asCaller(func() error { return output.CheckNewFile(f.path) }); {
		case errors.Is(err, fs.ErrPermission):
			return usageError(fmt.Sprintf("%s: you may not make a file in %q", f.flag, filepath.Dir(f.path)),
				"name a directory of your own: through sudo the file is made with your rights, and not with root's")
		case errors.Is(err, output.ErrNoDirectory):
			return usageError(fmt.Sprintf("%s: there is no directory %q", f.flag, filepath.Dir(f.path)), "")
		case err != nil:
			return usageError(fmt.Sprintf("%s: %q exists already", f.flag, f.path), "name a new file: none is ever overwritten")
		}
	}
	if o.png != "" && o.html != "" && output.SameNewFile(string(o.png), string(o.html)) {
		return usageError("--png and --html name the same file", "name two")
	}
	return nil
}

// writeFiles writes all of the files or none. Nothing was shown until then, so without them the factor is taken back.
func writeFiles(ctx context.Context, app *App, opts *enrollOptions, p *mfa.PendingEnrollment) error {
	failed := func(flag string, err error) error {
		return &errs.Error{Kind: errs.Failure, Op: flag, Err: fmt.Errorf("%w; %s", err, takeBack(ctx, p)), Hint: errs.Plain("run it again when that is mended")}
	}
	var files []output.NewFile
	flags := map[string]string{}
	for _, f := range opts.files() {
		content, err := f.content(app, p)
		if err != nil {
			return failed(f.flag, err)
		}
		files, flags[f.path] = append(files, output.NewFile{Path: f.path, Content: content}), f.flag
	}
	path := ""
	err := app.asCaller(func() (err error) { path, err = output.WriteNewFiles(files); return err })
	if err != nil {
		return failed(cmp.Or(flags[path], opts.files()[0].flag), err)
	}
	for _, f := range opts.files() {
		app.streams.Notef(f.note, f.path)
	}
	return nil
}

//go:embed enroll_page.html
var enrollPageText string

// settingsRow is the row of the page that the usual settings of an app don't need.
const settingsRow = "<dt>Set</dt><dd>{{Settings}}</dd>\n"

// enrollPage returns the page for a user who is not in the room. It is complete: it fetches nothing and runs nothing. Each value stands
// as text between tags, or in an attribute's double quotes, and is escaped for both.
//
// Not html/template: with it the linker keeps every method of every type, which made the program an eighth larger.
func enrollPage(app *App, p *mfa.PendingEnrollment) ([]byte, error) {
	picture, err := output.QRPNG(p.Factor.URI.Reveal())
	if err != nil {
		return nil, err
	}
	page, purpose := enrollPageText, "When you log in, uzERP will ask for a code that an app on your phone shows. With this page you set up the app. "+
		"Until you have finished, your login stays as it is."
	if p.User.Whole() {
		purpose = "This page replaces your old phone with the new one. Until you have finished, the old one works."
	}
	if p.Factor.TOTP.Usual() {
		page = strings.Replace(page, settingsRow, "", 1)
	}
	sure, latest := p.Lifetime(app.now())
	var values []string
	for name, text := range map[string]string{
		"Purpose":  purpose,
		"Before":   moment(sure),
		"Latest":   moment(latest),
		"Picture":  "data:image/png;base64," + base64.StdEncoding.EncodeToString(picture),
		"Account":  output.Escape(p.Factor.FriendlyName),
		"Secret":   output.Groups(p.Factor.Secret.Reveal()),
		"Settings": appSettings(p.Factor.TOTP),
		"Digits":   strconv.Itoa(p.Factor.TOTP.Digits),
		"Seconds":  strconv.Itoa(int(p.Factor.TOTP.Step.Seconds())),
		"Command":  output.Escape(verifyCommand("uzerp-mfa verify", p)),
		"OnName":   noteOnName(p),
	} {
		values = append(values, "{{"+name+"}}", html.EscapeString(text))
	}
	return []byte(strings.NewReplacer(values...).Replace(page)), nil // in one pass: what stands in a value is no place for another
}

// moment returns a time as people read it, in a zone that everybody can look up.
func moment(t time.Time) string { return t.UTC().Format("15:04 UTC on 2 January 2006") }

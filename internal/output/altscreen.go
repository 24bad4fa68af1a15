package output

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
)

// isAddressable tells by $TERM whether a terminal's cursor can be moved as ECMA-48 has it, and whether it has an alternate
// screen or at least takes no harm from being told to show one. What is not known to be so is taken not to be: dumb,
// unknown, emacs and the empty name among them.
//
// Not all of these really have one: Linux' console learned it late, and GNU screen has it only with `altscreen on`. There
// AltScreen draws over the normal screen instead, and takes away what it has drawn.
func isAddressable(term string) bool {
	family, _, _ := strings.Cut(strings.ToLower(term), "-")
	family, _, _ = strings.Cut(family, ".")
	switch family {
	case "alacritty", "contour", "foot", "ghostty", "gnome", "iterm", "iterm2", "kitty", "konsole", "linux", "mintty", "mlterm",
		"putty", "rxvt", "screen", "st", "tmux", "vte", "wezterm", "xterm":
		return true
	}
	return false
}

// A Page is what an AltScreen shows beside the dialogue.
type Page struct {
	// QR is drawn as a QR code, in this mode, where the window is large enough for all of it.
	QR   string
	Mode QRMode
	// Fields are names and values.
	Fields [][2]string
	// Text says what to do.
	Text string
}

// AltScreen shows a page that must not stay on the terminal, and asks questions beside it, on the terminal's alternate
// screen: what is there is not in the scrollback, and gone when the normal screen is back.
//
// Its law: it never scrolls, for a line that leaves a screen at the top may be kept by some terminals; and before the
// normal screen is shown it blanks line by line what it has drawn, for a terminal that has no alternate screen after all
// (erasing the whole screen at once would push it into the scrollback of some).
//
// What Streams are told while it is up comes after it. It follows the size of the window, and gives the screen back
// while the program is stopped (Ctrl-Z). Only SIGKILL leaves it up.
type AltScreen struct {
	s        *Streams
	w        io.Writer
	terminal func() Terminal
	page     Page
	code     *qrCode // nil without one

	mu       sync.Mutex
	up       bool
	closed   chan struct{}
	said     []string // since the last answer
	question string
	release  func() bool // of the context
}

// OpenAltScreen shows page on w, which leads to terminal, until Close or the end of ctx. Call it only where somebody can be
// asked. It gives nil, having shown nothing, if the terminal has no alternate screen, its size is not known, or its window
// is too small for the page without the QR code; it fails with the errors of w, and if QR is too long. No error contains it.
func (s *Streams) OpenAltScreen(ctx context.Context, w io.Writer, terminal func() Terminal, page Page) (*AltScreen, error) {
	a := &AltScreen{s: s, w: w, terminal: terminal, page: page, closed: make(chan struct{})}
	t := terminal()
	if !t.AltScreen || t.Height == 0 || len(a.text(t.Width-1)) >= t.Height {
		return nil, nil
	}
	if page.Mode != QRNone {
		var err error
		if a.code, err = encodeQR(page.QR); err != nil {
			return nil, err
		}
	}
	if err := s.Out.Flush(); err != nil { // what was printed before belongs to the normal screen
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.show(); err != nil {
		a.hide()
		return nil, err
	}
	// At a signal the screen is given back at once: a second one may end the program before it gets any further.
	a.release = context.AfterFunc(ctx, a.Close)
	a.watchSignals()
	return a, nil
}

// Close shows the normal screen again, and what was told meanwhile. It may be called more than once.
func (a *AltScreen) Close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.hide()
	select {
	case <-a.closed:
	default:
		close(a.closed)
		a.release()
	}
}

// Sayf is told beside the next question.
func (a *AltScreen) Sayf(format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.said = append(a.said, Sprintf(format, args...))
}

// Ask is Streams.Ask on the alternate screen. All that was said before is drawn with the question, and goes with the answer.
func (a *AltScreen) Ask(ctx context.Context, question string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	a.mu.Lock()
	a.question = Escape(question)
	err := a.draw()
	a.mu.Unlock()
	if err != nil {
		return "", err
	}
	l, err := a.s.lines.next(ctx)
	a.mu.Lock()
	a.said = nil
	a.mu.Unlock()
	return l.text, err
}

const (
	enterAlt = "\x1b[?1049h"
	leaveAlt = "\x1b[?1049l"
)

// show puts the screen up, unless it is, or another job has the terminal.
func (a *AltScreen) show() error {
	if a.up || !a.s.inFront() {
		return nil
	}
	a.up = true
	a.s.cover()
	if err := a.write(enterAlt); err != nil || a.question == "" {
		return err
	}
	return a.draw()
}

// hide takes it away. There is nobody to tell if that fails.
func (a *AltScreen) hide() {
	if !a.up {
		return
	}
	a.up = false
	_ = a.write(blank(a.terminal().Height) + leaveAlt)
	a.s.uncover()
}

func (a *AltScreen) draw() error {
	if !a.up || !a.s.inFront() {
		return nil
	}
	t := a.terminal()
	sheet := a.lay(t)
	return a.write(blank(t.Height) + strings.Join(sheet.lines, "\n") + fmt.Sprintf("\x1b[%d;%dH", sheet.row, sheet.col))
}

func (a *AltScreen) write(text string) error {
	_, err := io.WriteString(a.w, text)
	if w, ok := a.w.(*Writer); ok {
		err = errors.Join(err, w.Flush())
	}
	return err
}

// blank blanks each line and goes to the first.
func blank(height int) string {
	var b strings.Builder
	for row := range height {
		fmt.Fprintf(&b, "\x1b[%d;1H\x1b[2K", row+1)
	}
	b.WriteString("\x1b[1;1H")
	return b.String()
}

// cover makes Streams keep what they are told, uncover lets it go.
func (s *Streams) cover() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.covered = true
}

func (s *Streams) uncover() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.covered = false
	_, _ = io.WriteString(s.Err, strings.Join(s.later, ""))
	s.later = nil
}

// A sheet is a screenful, and where the cursor then stands, counted from 1.
type sheet struct {
	lines    []string
	row, col int
}

const (
	panelGap   = 2
	panelWidth = 30 // below this it is no pleasure to read
)

// lay finds a place for everything: the text below the QR code or, in a low window (of 24 lines, most of the time), beside
// it, with as much margin around the code as there is room for. Where there is none the code is left out as a whole.
func (a *AltScreen) lay(t Terminal) sheet {
	note, brief := "", ""
	if a.code != nil {
		mode := a.page.Mode.resolve(t)
		for _, margin := range []int{quietZone, 2, 1} {
			code := a.code.lines(mode, t.Color, margin)
			cols, rows := a.code.size(mode, margin)
			if text := a.text(t.Width - 1); cols <= t.Width && rows+len(text) < t.Height {
				return a.sheet(append(code, text...), text, rows, 0)
			}
			panel := t.Width - cols - panelGap - 1
			if text := a.text(panel); panel >= panelWidth && rows <= t.Height && len(text) < t.Height {
				return a.sheet(sideBySide(code, cols, text), text, 0, cols+panelGap)
			}
		}
		note, brief = a.noRoom(t, mode)
	}
	text := a.squeeze(t, note, brief)
	return a.sheet(text, text, 0, 0)
}

// squeeze gives the text without the code for a window in which not all of it may have room. The fields and the question
// go last: without them nobody could go on, and what is not on this screen can't be scrolled to.
func (a *AltScreen) squeeze(t Terminal, note, brief string) (text []string) {
	said := strings.Join(a.said, "\n")
	for _, paragraphs := range [][]string{{note, a.page.Text, said}, {brief, a.page.Text, said}, {brief, said}, {said}} {
		if text = a.compose(t.Width-1, "\n", paragraphs...); len(text) < t.Height {
			return text
		}
	}
	text = a.compose(t.Width-1, "", said)
	question := len(text) - len(wrap(a.question, t.Width-1, 0))
	fields := question - (len(text) - len(a.compose(t.Width-1, "")))
	if over := len(text) - t.Height + 1; over > 0 {
		text = slices.Delete(text, max(fields, question-over), question)
	}
	if over := len(text) - t.Height + 1; over > 0 {
		text = text[min(over, len(text)-1):]
	}
	return text
}

// sheet places the cursor behind the question, which ends text. That is never on the last line, where Enter would scroll.
func (a *AltScreen) sheet(lines, text []string, top, left int) sheet {
	return sheet{lines, top + len(text), left + measure.StringWidth(text[len(text)-1]) + 1}
}

func sideBySide(code []string, cols int, text []string) []string {
	lines := make([]string, max(len(code), len(text)))
	for i := range lines {
		switch {
		case i >= len(code):
			lines[i] = strings.Repeat(" ", cols+panelGap) + text[i]
		case i >= len(text):
			lines[i] = code[i]
		default:
			lines[i] = code[i] + strings.Repeat(" ", panelGap) + text[i]
		}
	}
	return lines
}

// noRoom says how large the window must be for the QR code, at length and in brief.
func (a *AltScreen) noRoom(t Terminal, mode QRMode) (note, brief string) {
	cols, rows := a.code.size(mode, 1)
	if beside := cols + panelGap + panelWidth + 1; t.Width < cols || t.Width >= beside {
		cols, rows = beside, max(rows, len(a.text(panelWidth))+1)
	} else {
		rows += len(a.text(t.Width-1)) + 1
	}
	brief = fmt.Sprintf("No QR code: it needs a window of %d columns and %d lines", cols, rows)
	return fmt.Sprintf("%s, and this one has %d and %d. Enlarge the window, or make its letters smaller; or type the secret.",
		brief, t.Width, t.Height), brief + "."
}

// text gives everything but the QR code in lines of a width; the question with a blank behind it is the last.
func (a *AltScreen) text(width int) []string {
	return a.compose(width, "\n", a.page.Text, strings.Join(a.said, "\n"))
}

// compose gives the fields, the paragraphs that are not empty, and the question, with gap before each.
func (a *AltScreen) compose(width int, gap string, paragraphs ...string) (lines []string) {
	wide := 0
	for _, f := range a.page.Fields {
		wide = max(wide, len(f[0])+2)
	}
	for _, f := range a.page.Fields {
		lines = append(lines, wrap(fmt.Sprintf("%-*s%s", wide, f[0], Escape(f[1])), width, wide)...)
	}
	for _, paragraph := range paragraphs {
		if paragraph != "" {
			lines = append(lines, wrap(gap+paragraph, width, 0)...)
		}
	}
	lines = append(lines, wrap(gap+a.question, width, 0)...)
	lines[len(lines)-1] += " "
	return lines
}

// watchSignals looks after those that leave the screen in other hands or change its size, until Close.
func (a *AltScreen) watchSignals() {
	signals := make(chan os.Signal, 8)
	watched := terminalSignals()
	if len(watched) == 0 {
		return
	}
	signal.Notify(signals, watched...)
	go func() {
		defer signal.Stop(signals)
		for {
			select {
			case <-a.closed:
				return
			case got := <-signals:
				a.handle(got)
			}
		}
	}()
}

// yield gives the screen back and does what the signal does to every program.
func (a *AltScreen) yield(stop func()) {
	a.mu.Lock()
	a.hide()
	a.mu.Unlock()
	stop()
	a.resume()
}

func (a *AltScreen) resume() {
	a.mu.Lock()
	defer a.mu.Unlock()
	select {
	case <-a.closed:
		return
	default:
	}
	if a.up { // stopped from outside, which can't be noticed
		_ = a.draw()
		return
	}
	_ = a.show()
}

// resize draws anew. What was typed of an answer is no longer to be seen, so it must not count either.
func (a *AltScreen) resize() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.up || a.question == "" {
		return
	}
	if a.s.fresh != nil {
		a.s.fresh()
	}
	_ = a.draw()
}

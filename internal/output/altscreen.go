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

// isAddressable reports whether the terminal named by $TERM moves its cursor by the sequences of ECMA-48, and either
// has an alternate screen or ignores the sequence that shows one. It is false for every name that it doesn't know, such
// as dumb, unknown, emacs and the empty one.
//
// Not all of these have an alternate screen: older Linux consoles don't, and GNU screen needs `altscreen on`. There
// AltScreen draws over the normal screen, and blanks what it has drawn.
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

// A Page is what an AltScreen shows beside its questions.
type Page struct {
	// QR is drawn as a QR code in this mode, if the window is large enough for all of it.
	QR   string
	Mode QRMode
	// On says what to say beside a QR code that works on one background only.
	On map[Background]string
	// Fields are names and values.
	Fields [][2]string
	// Text says what to do.
	Text string
}

// AltScreen shows a page that must not stay on the terminal, and asks questions beside it. It uses the terminal's
// alternate screen, which has no scrollback and is gone when the normal screen is back.
//
// Its law: it never scrolls, because some terminals keep a line that leaves the screen at the top. And it blanks line
// by line what it has drawn before it shows the normal screen, because the terminal may have no alternate screen.
// (Erasing the whole screen at once would push it into the scrollback of some terminals.)
//
// While it is up, messages of Streams wait, and are written after it. It follows the size of the window, and gives the
// screen back while the program is stopped (Ctrl-Z). Only SIGKILL leaves it up.
type AltScreen struct {
	s        *Streams
	w        io.Writer
	terminal func() Terminal
	page     Page
	code     *qrCode // nil without one

	mu       sync.Mutex
	up       bool
	closed   chan struct{}
	said     []string // the messages of Sayf since the last answer
	question string
	release  func() bool // stops watching the context
}

// OpenAltScreen shows page on w, which leads to terminal, until Close or the end of ctx. Call it only if somebody can
// be asked. It returns nil and shows nothing if the terminal has no alternate screen, if its size is not known, or if
// its window is too small for the page even without the QR code. It fails with the errors of w, and if QR is too long.
// No error contains QR.
func (s *Streams) OpenAltScreen(ctx context.Context, w io.Writer, terminal func() Terminal, page Page) (*AltScreen, error) {
	a := &AltScreen{s: s, w: w, terminal: terminal, page: page, closed: make(chan struct{})}
	t := terminal()
	if !t.AltScreen || t.Height == 0 || len(a.text(t.Width-1, "")) >= t.Height {
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
	// A signal ends ctx, and the screen is given back at once: a second signal may end the program before it gets
	// further.
	a.release = context.AfterFunc(ctx, a.Close)
	a.watchSignals()
	return a, nil
}

// Close shows the normal screen again, and the messages that have waited. It may be called more than once.
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

// Sayf shows a message beside the next question.
func (a *AltScreen) Sayf(format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.said = append(a.said, Sprintf(format, args...))
}

// Ask is Streams.Ask on the alternate screen. The messages of Sayf are drawn with the question and go with the answer.
func (a *AltScreen) Ask(ctx context.Context, question string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	a.mu.Lock()
	a.question = Escape(question)
	err := a.draw()
	a.mu.Unlock()
	if err != nil {
		return "", a.s.lostOr(err)
	}
	l, err := a.s.leave(a.s.lines.next(ctx))
	a.mu.Lock()
	a.said = nil
	a.mu.Unlock()
	return l.text, err
}

const (
	enterAlt = "\x1b[?1049h"
	leaveAlt = "\x1b[?1049l"
)

// show puts the screen up, unless it is up already or another job has the terminal.
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

// hide takes the screen away. It ignores errors: if the terminal can't be written to, there is no other way to say so.
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

// blank returns what blanks each line and moves the cursor to the first.
func blank(height int) string {
	var b strings.Builder
	for row := range height {
		fmt.Fprintf(&b, "\x1b[%d;1H\x1b[2K", row+1)
	}
	b.WriteString("\x1b[1;1H")
	return b.String()
}

// cover makes s keep its messages back.
func (s *Streams) cover() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.covered = true
}

// uncover writes the messages that were kept back.
func (s *Streams) uncover() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.covered = false
	_, _ = io.WriteString(s.Err, strings.Join(s.later, ""))
	s.later = nil
}

// A sheet is what a whole screen shows, and where the cursor then stands, counted from 1.
type sheet struct {
	lines    []string
	row, col int
}

const (
	panelGap   = 2
	panelWidth = 30 // a narrower text is hard to read
)

// lay finds a place for everything: the text below the QR code or, in a low window (often of 24 lines), beside it. The
// code gets as much margin as there is room for. If there is no room for all of the code, it is left out.
func (a *AltScreen) lay(t Terminal) sheet {
	note, brief := "", ""
	if a.code != nil {
		mode := a.page.Mode.resolve(t)
		// The code without a word on its background is better than no code.
		for _, on := range slices.Compact([]string{a.page.On[QRBackground(mode, t)], ""}) {
			for _, margin := range []int{quietZone, 2, 1} {
				code := a.code.lines(mode, t.Color, margin)
				cols, rows := a.code.size(mode, margin)
				if text := a.text(t.Width-1, on); cols <= t.Width && rows+len(text) < t.Height {
					return a.sheet(append(code, text...), text, rows, 0)
				}
				panel := t.Width - cols - panelGap - 1
				if text := a.text(panel, on); panel >= panelWidth && rows <= t.Height && len(text) < t.Height {
					return a.sheet(sideBySide(code, cols, text), text, 0, cols+panelGap)
				}
			}
		}
		note, brief = a.noRoom(t, mode)
	}
	text := a.squeeze(t, note, brief)
	return a.sheet(text, text, 0, 0)
}

// squeeze returns the text without the code, for a window that may be too small for all of it. What it drops last are
// the fields and the question: without them nobody could go on, and this screen can't be scrolled.
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

// sheet places the cursor behind the question, which is the end of text. That is never the last line of the window:
// there Enter would scroll.
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
		cols, rows = beside, max(rows, len(a.text(panelWidth, ""))+1)
	} else {
		rows += len(a.text(t.Width-1, "")) + 1
	}
	brief = fmt.Sprintf("No QR code: it needs a window of %d columns and %d lines", cols, rows)
	return fmt.Sprintf("%s, and this one has %d and %d. Enlarge the window, or make its letters smaller; or type the secret.",
		brief, t.Width, t.Height), brief + "."
}

// text returns everything but the QR code, in lines of a width; on is what is said of its background. The last line is the
// question with a blank behind it.
func (a *AltScreen) text(width int, on string) []string {
	return a.compose(width, "\n", on, a.page.Text, strings.Join(a.said, "\n"))
}

// compose returns the fields, then the paragraphs that are not empty and the question, with gap before each of them.
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

// watchSignals handles, until Close, the signals that stop the program, continue it, end it or change the window's
// size.
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

// yield shows the normal screen and calls stop, which does what the signal does to every program. Then it shows the page
// again.
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
	if a.up { // the program was stopped from outside (SIGSTOP) and could not notice it
		_ = a.draw()
		return
	}
	_ = a.show()
}

// resize draws everything again. The part of an answer that was typed so far can't be seen any more, so it is dropped.
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

package output

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"uzerp-mfa/internal/output/screentest"
)

const secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"

func pageOf(uri string) Page {
	return Page{QR: uri, Mode: QRAuto, Fields: [][2]string{{"Account", "alice"}, {"Secret", Groups(secret)}},
		Text: "Scan the QR code, or type the secret, in the authenticator app."}
}

// A seat is somebody in front of a terminal. look is called for each answer and returns the typed line.
type seat struct {
	screen   *screentest.Screen
	terminal Terminal
	streams  *Streams
	look     func() string
}

func (s *seat) Read(p []byte) (int, error) {
	typed := s.look()
	if typed == "" {
		return 0, io.EOF
	}
	_, _ = s.screen.Write([]byte(typed)) // the echo
	return copy(p, typed), nil
}

func sit(kind screentest.Kind, rows, cols int) *seat {
	s := &seat{screen: screentest.New(kind, rows, cols), terminal: Terminal{Width: cols, Height: rows, UTF8: true, Color: true, AltScreen: true}}
	s.streams = New(s, s.screen, s.screen)
	return s
}

func (s *seat) resize(rows, cols int) {
	s.screen.Resize(rows, cols)
	s.terminal.Width, s.terminal.Height = cols, rows
}

func (s *seat) open(t *testing.T, page Page) *AltScreen {
	t.Helper()
	a, err := s.streams.OpenAltScreen(t.Context(), s.streams.Out, func() Terminal { return s.terminal }, page)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// nothingLeft complains if anything of a secret is on the normal screen or in its scrollback.
func (s *seat) nothingLeft(t *testing.T) {
	t.Helper()
	kept := s.screen.Kept()
	for _, trace := range append(strings.Fields(Groups(secret)), secret, "▀", "▄", "█", "otpauth") {
		if strings.Contains(kept, trace) {
			t.Errorf("%q is left on the terminal:\n%s", trace, kept)
		}
	}
	if c := s.screen.Complaints(); len(c) > 0 {
		t.Error(c)
	}
}

func TestAltScreenShowsTheCodeAndLeavesNothing(t *testing.T) {
	defer goleak.VerifyNone(t)
	for _, size := range [][2]int{{50, 80}, {24, 80}, {25, 80}, {27, 80}, {24, 132}, {43, 60}, {60, 200}} {
		for name, uri := range uris() {
			for _, kind := range []screentest.Kind{screentest.XTerm, screentest.Single} {
				if name == "long" && size[0] < 50 {
					continue // see below
				}
				t.Run(fmt.Sprintf("%dx%d %s %d", size[1], size[0], name, kind), func(t *testing.T) {
					s := sit(kind, size[0], size[1])
					s.streams.Sayf("before")
					a := s.open(t, pageOf(uri))
					if a == nil {
						t.Fatal("no alternate screen")
					}
					asked := 0
					s.look = func() string {
						asked++
						text := s.screen.Text()
						if kind == screentest.XTerm && !s.screen.Alternate() {
							t.Error("not on the alternate screen")
						}
						want := []string{"Account  alice", "Secret   GEZD GNBV", "Code that the app shows:"}
						if asked == 2 {
							want = append(want, "rejected:", "Twilio")
						}
						for _, w := range want {
							if !strings.Contains(text, w) {
								t.Errorf("question %d: no %q in\n%s", asked, w, text)
							}
						}
						if strings.Contains(text, "later") {
							t.Error("told while the screen was up")
						}
						for _, theme := range []screentest.Theme{screentest.Dark, screentest.Light} {
							if got, err := screentest.Scan(s.screen.Image(theme)); err != nil || got != uri {
								t.Errorf("question %d, %s: scanned %q, %v:\n%s", asked, theme.Name, got, err, text)
							}
						}
						return "12345678\n"
					}
					ask := func() {
						if got, err := a.Ask(t.Context(), "Code that the app shows:"); got != "12345678" || err != nil {
							t.Errorf("answer %q, %v", got, err)
						}
					}
					ask()
					s.streams.Warnf("told later")
					a.Sayf("rejected: %s", strings.Repeat("Twilio did not take the code ", 6))
					a.Sayf("hint: try the next one")
					ask()
					a.Close()
					a.Close()
					s.streams.Sayf("after")
					s.nothingLeft(t)
					if kept := s.screen.Kept(); s.screen.Alternate() || !strings.Contains(kept, "warning: told later\nafter\n") ||
						kind == screentest.XTerm && !strings.HasPrefix(kept, "before\n") {
						t.Errorf("the normal screen:\n%s", kept)
					}
				})
			}
		}
	}
}

// If there is no room for all of the code, nothing of it is shown. In a larger window it appears.
func TestAltScreenTooLow(t *testing.T) {
	s := sit(screentest.XTerm, 24, 80)
	uri := uris()["long"]
	a := s.open(t, pageOf(uri))
	defer a.Close()
	s.look = func() string {
		text := s.screen.Text()
		joined := strings.Join(strings.Fields(text), " ")
		if strings.ContainsAny(text, "▀▄█") || !strings.Contains(joined, "No QR code: it needs a window of") ||
			!strings.Contains(joined, "this one has 80 and 24") || !strings.Contains(joined, Groups(secret)) {
			t.Errorf("shown:\n%s", text)
		}
		var cols, rows int
		at := text[strings.Index(text, "a window of"):]
		if _, err := fmt.Sscanf(at, "a window of %d columns and %d lines", &cols, &rows); err != nil {
			t.Error(err, at)
		}
		s.resize(rows-1, cols)
		a.resize()
		if text := s.screen.Text(); strings.ContainsAny(text, "▀▄█") {
			t.Errorf("a line less would do:\n%s", text)
		}
		s.resize(rows, cols)
		a.resize()
		if got, err := screentest.Scan(s.screen.Image(screentest.Dark)); err != nil || got != uri {
			t.Errorf("enlarged: %q, %v\n%s", got, err, s.screen.Text())
		}
		s.resize(3, 20) // no room for anything: the question stays
		a.resize()
		if text := s.screen.Text(); !strings.Contains(text, "shows:") {
			t.Errorf("tiny:\n%s", text)
		}
		return "\n"
	}
	if _, err := a.Ask(t.Context(), "Code that the app shows:"); err != nil {
		t.Error(err)
	}
	a.Close()
	s.nothingLeft(t)
}

// In a window too small for all of the text, the fields and the question are still shown.
func TestAltScreenSmall(t *testing.T) {
	for _, tt := range []struct {
		rows, cols    int
		before, after string // what else is shown before and after a wrong code
	}{
		{10, 40, "No QR code: it needs a window of 76 columns and 22 lines.", "attempt is lost"},
		{9, 40, "No QR code:", "this code is not one of the account just added"},
		{8, 60, "No QR code:", "attempt is lost"},
		{12, 60, "or type the secret. Scan", "No QR code:"},
	} {
		s := sit(screentest.XTerm, tt.rows, tt.cols)
		a := s.open(t, pageOf(uris()["usual"]))
		if a == nil {
			t.Fatalf("%dx%d: no screen", tt.cols, tt.rows)
		}
		for _, also := range []string{tt.before, tt.after} {
			s.look = func() string {
				shown := strings.Join(strings.Fields(s.screen.Text()), " ")
				for _, want := range []string{"Account alice", "Secret " + Groups(secret), "Code that the app shows:", also} {
					if !strings.Contains(shown, want) {
						t.Errorf("%dx%d: no %q in\n%s", tt.cols, tt.rows, want, s.screen.Text())
					}
				}
				return "1\n"
			}
			if _, err := a.Ask(t.Context(), "Code that the app shows:"); err != nil {
				t.Error(err)
			}
			a.Sayf("this code is not one of the account just added")
			a.Sayf("hint: read it from the new entry in the app; Twilio was not asked, so no attempt is lost")
		}
		a.Close()
		s.nothingLeft(t)
	}
}

func TestNoAltScreen(t *testing.T) {
	for _, tt := range []struct {
		name string
		t    Terminal
	}{
		{"none", Terminal{Width: 80, Height: 24}},
		{"size unknown", Terminal{Width: 80, AltScreen: true}},
		{"too low", Terminal{Width: 80, Height: 4, AltScreen: true}},
		{"too narrow", Terminal{Width: 10, Height: 12, AltScreen: true}},
	} {
		s := sit(screentest.XTerm, 24, 80)
		s.terminal = tt.t
		if a := s.open(t, pageOf("x")); a != nil || s.screen.Kept() != strings.Repeat("\n", 24) {
			t.Errorf("%s: %v, shown %q", tt.name, a, s.screen.Kept())
		}
	}
	for term, want := range map[string]bool{"xterm": true, "xterm-256color": true, "screen.xterm-256color": true, "tmux-256color": true,
		"rxvt-unicode-256color": true, "linux": true, "st-256color": true, "Xterm": true, "": false, "dumb": false, "unknown": false, "emacs": false,
		"ansi": false, "vt52": false, "xtermish": false} {
		if got := isAddressable(term); got != want {
			t.Errorf("TERM=%s: %v", term, got)
		}
	}
}

func TestAltScreenEnds(t *testing.T) {
	defer goleak.VerifyNone(t)
	// The end of the context alone gives the screen back, before anybody calls Close.
	s := sit(screentest.XTerm, 24, 80)
	ctx, cancel := context.WithCancel(t.Context())
	a, err := s.streams.OpenAltScreen(ctx, s.streams.Err, func() Terminal { return s.terminal }, pageOf(uris()["usual"]))
	if err != nil {
		t.Fatal(err)
	}
	checked := make(chan struct{})
	s.look = func() string {
		cancel()
		<-checked
		return "late\n"
	}
	if got, err := a.Ask(ctx, "Code?"); got != "" || !errors.Is(err, context.Canceled) {
		t.Errorf("answered %q, %v", got, err)
	}
	<-a.closed
	a.mu.Lock()
	if s.screen.Alternate() {
		t.Error("still up")
	}
	s.nothingLeft(t)
	a.mu.Unlock()
	close(checked)

	// So does a panic, by a deferred Close.
	s = sit(screentest.XTerm, 24, 80)
	s.look = func() string { return "1\n" }
	func() {
		defer func() { _ = recover() }()
		a := s.open(t, pageOf(uris()["usual"]))
		defer a.Close()
		if _, err := a.Ask(t.Context(), "Code?"); err != nil || !s.screen.Alternate() {
			t.Error("not up", err)
		}
		panic("boom")
	}()
	if s.screen.Alternate() {
		t.Error("up after a panic")
	}
	s.nothingLeft(t)

	// The end of input, and a terminal that can't be written to.
	s = sit(screentest.XTerm, 24, 80)
	s.look = func() string { return "" }
	a = s.open(t, pageOf(uris()["usual"]))
	if _, err := a.Ask(t.Context(), "Code?"); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	a.Close()
	s = sit(screentest.XTerm, 24, 80)
	if a, err := s.streams.OpenAltScreen(t.Context(), brokenWriter{}, func() Terminal { return s.terminal }, pageOf("x")); a != nil || !errors.Is(err, errBroken) {
		t.Error(a, err)
	}
	s.streams.Sayf("heard")
	if !strings.Contains(s.screen.Kept(), "heard") {
		t.Error("what is told after a screen that could not be shown is lost")
	}
	a, err = s.streams.OpenAltScreen(t.Context(), s.screen, func() Terminal { return s.terminal }, pageOf(strings.Repeat(secret, 200)))
	if a != nil || err == nil || strings.Contains(err.Error(), secret) {
		t.Error(a, err)
	}
}

// Beside a code without colours stands for which background it is, if there is room; a code with colours needs no word. No window
// loses its code to the word.
func TestAltScreenTellsTheBackground(t *testing.T) {
	const dark, light = "for dark only", "for light only"
	for _, tt := range []struct {
		mode       QRMode
		color      bool
		rows, cols int
		want, code string
	}{
		{QRHalf, false, 50, 80, dark, "█"},
		{QRHalf, false, 24, 80, dark, "█"},
		{QRASCII, false, 60, 100, light, "##"},
		{QRASCII, false, 50, 130, light, "##"},
		{QRHalf, true, 50, 80, "", "█"},
		{QRASCII, true, 60, 100, "", ""},
		{QRNone, false, 50, 80, "", ""},
		{QRHalf, false, 10, 30, "", ""},
	} {
		s := sit(screentest.XTerm, tt.rows, tt.cols)
		s.terminal.Color = tt.color
		page := pageOf(uris()["usual"])
		page.Mode, page.On = tt.mode, map[Background]string{DarkBackground: dark, LightBackground: light}
		a := s.open(t, page)
		s.look = func() string {
			text := s.screen.Text()
			if strings.Contains(text, dark) != (tt.want == dark) || strings.Contains(text, light) != (tt.want == light) || !strings.Contains(text, tt.code) {
				t.Errorf("%+v:\n%s", tt, text)
			}
			return "1\n"
		}
		if _, err := a.Ask(t.Context(), "Code?"); err != nil {
			t.Error(err)
		}
		a.Close()
		s.nothingLeft(t)
	}
	for rows := 12; rows < 60; rows++ {
		for cols := 40; cols < 140; cols += 3 {
			s := sit(screentest.XTerm, rows, cols)
			s.terminal.Color = false
			page := pageOf(uris()["usual"])
			var shown []bool
			for _, on := range []map[Background]string{nil, {DarkBackground: strings.Repeat("for dark only ", 12)}} {
				page.On = on
				a := &AltScreen{s: s.streams, page: page, question: "Code?"}
				a.code, _ = encodeQR(page.QR)
				shown = append(shown, strings.Contains(strings.Join(a.lay(s.terminal).lines, ""), "█"))
			}
			if shown[0] != shown[1] {
				t.Errorf("%d x %d: code %v, with a word %v", cols, rows, shown[0], shown[1])
			}
		}
	}
}

// What comes from outside can't break out of the page.
func TestAltScreenEscapes(t *testing.T) {
	s := sit(screentest.XTerm, 24, 80)
	a := s.open(t, Page{Mode: QRNone, Fields: [][2]string{{"Account", "a\x1b[?1049l\nb"}}, Text: "Type."})
	s.look = func() string {
		if text := s.screen.Text(); !s.screen.Alternate() || !strings.HasPrefix(text, `Account  a\x1b[?1049l\nb`+"\n") ||
			!strings.Contains(text, `who\x1b[2J?`) || !strings.Contains(text, `\u202e`) {
			t.Errorf("shown:\n%s", text)
		}
		return "x\n"
	}
	a.Sayf("%s", "\u202eevil")
	if _, err := a.Ask(t.Context(), "who\x1b[2J?"); err != nil {
		t.Error(err)
	}
	a.Close()
	if c := s.screen.Complaints(); len(c) > 0 {
		t.Error(c)
	}
}

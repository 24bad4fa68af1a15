package output

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/png"
	"strings"
	"testing"

	"rsc.io/qr"

	"uzerp-mfa/internal/output/screentest"
)

// screenshot draws what a terminal of the given theme shows for text. A sequence that it doesn't know is an error: QR must
// use no other.
func screenshot(t *testing.T, text string, theme screentest.Theme, cols int) image.Image {
	t.Helper()
	screen := screentest.New(screentest.XTerm, strings.Count(text, "\n")+1, cols)
	_, _ = screen.Write([]byte(text))
	for line := range strings.Lines(text) {
		if strings.Contains(line, "\x1b") && !strings.HasSuffix(line, "\x1b[0m\n") {
			t.Fatalf("the line %q does not end with a reset", line)
		}
	}
	if complaints := screen.Complaints(); len(complaints) > 0 {
		t.Fatal(complaints)
	}
	return screen.Image(theme)
}

func uris() map[string]string {
	const usual = "otpauth://totp/uzERP:alice%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=uzERP&algorithm=SHA1&digits=6&period=30"
	return map[string]string{
		"short": "otpauth://totp/a?secret=GEZDGNBVGY3TQOJQ",
		"usual": usual,
		"long":  usual + "&image=" + strings.Repeat("https%3A%2F%2Fexample.com%2Flogo", 9)[:400-len(usual)-7],
		"utf8":  "otpauth://totp/Zoë 李?secret=GEZDGNBVGY3TQOJQ",
		"upper": "OTPAUTH://TOTP/A",
		"digit": "1234567890",
	}
}

func TestQRCanBeScanned(t *testing.T) {
	dark, light := screentest.Dark, screentest.Light
	tests := []struct {
		name   string
		mode   QRMode
		term   Terminal
		themes []screentest.Theme
	}{
		{"half", QRHalf, Terminal{Color: true}, []screentest.Theme{dark, light}},
		{"ascii", QRASCII, Terminal{Color: true}, []screentest.Theme{dark, light}},
		{"auto utf8", QRAuto, Terminal{UTF8: true, Color: true, Width: 80}, []screentest.Theme{dark, light}},
		{"auto other", QRAuto, Terminal{Color: true, Width: 200}, []screentest.Theme{dark, light}},
		{"half without colour", QRHalf, Terminal{UTF8: true}, []screentest.Theme{dark}},
		{"ascii without colour", QRASCII, Terminal{}, []screentest.Theme{light}},
	}
	for _, tt := range tests {
		for name, uri := range uris() {
			for _, th := range tt.themes {
				t.Run(fmt.Sprintf("%s/%s/%s", tt.name, name, th.Name), func(t *testing.T) {
					var b bytes.Buffer
					if err := QR(&b, uri, tt.mode, tt.term); err != nil {
						t.Fatal(err)
					}
					cols, rows, err := QRSize(uri, tt.mode, tt.term)
					if err != nil || strings.Count(b.String(), "\n") != rows {
						t.Errorf("%d rows, QRSize says %d, %v", strings.Count(b.String(), "\n"), rows, err)
					}
					if !tt.term.Color && strings.Contains(b.String(), "\x1b") {
						t.Error("colour where there must be none")
					}
					if on := QRBackground(tt.mode, tt.term); (on != AnyBackground) != (len(tt.themes) == 1) || on != AnyBackground && string(on) != th.Name {
						t.Errorf("said to be for %q", on)
					}
					if got, err := screentest.Scan(screenshot(t, b.String(), th, cols)); err != nil || got != uri {
						t.Errorf("scanned %q, %v, want %q", got, err, uri)
					}
				})
			}
		}
	}
}

// Every module is drawn as the encoder has it, and the quiet zone around them is light to its last line: half a line too,
// where a code in half mode has an odd number of rows.
func TestQRDrawsEveryModule(t *testing.T) {
	for name, uri := range uris() {
		code, err := qr.Encode(uri, qr.L)
		if err != nil {
			t.Fatal(err)
		}
		for _, mode := range []QRMode{QRHalf, QRASCII} {
			for _, color := range []bool{true, false} {
				for _, margin := range []int{quietZone, 2, 1} {
					ours, err := encodeQR(uri)
					if err != nil {
						t.Fatal(err)
					}
					lines := ours.lines(mode, color, margin)
					cols, rows := ours.size(mode, margin)
					if len(lines) != rows {
						t.Errorf("%s %s, margin %d: %d lines, size says %d", name, mode, margin, len(lines), rows)
					}
					theme, cellsWide, perLine := screentest.Dark, 1, 2
					if mode == QRASCII {
						theme, cellsWide, perLine = screentest.Light, 2, 1
					}
					img := screenshot(t, strings.Join(lines, "\n")+"\n", theme, cols)
					light := func(x, y int) bool { // modules of the picture; the screenshot has a border of two cells
						px := (2+x*cellsWide)*4 + 2
						py := 2*8 + y*8/perLine + 2
						r, _, _, _ := img.At(px, py).RGBA()
						return r > 0x8000
					}
					top := margin
					if mode == QRHalf {
						top += margin % 2
					}
					for y := range len(lines) * perLine {
						for x := range cols / cellsWide {
							if light(x, y) == code.Black(x-margin, y-top) {
								t.Fatalf("%s %s, colour %v, margin %d: module %d, %d is wrong", name, mode, color, margin, x-margin, y-top)
							}
						}
					}
				}
			}
		}
	}
}

// A code that is not drawn has no background.
func TestNoQRHasNoBackground(t *testing.T) {
	for _, color := range []bool{true, false} {
		if on := QRBackground(QRNone, Terminal{UTF8: true, Color: color}); on != AnyBackground {
			t.Errorf("%q", on)
		}
	}
}

func TestQRWidth(t *testing.T) {
	long := uris()["long"]
	if len(long) != 400 {
		t.Fatalf("the long one has %d characters", len(long))
	}
	need, rows, err := QRSize(long, QRAuto, Terminal{UTF8: true})
	if err != nil || need > 80 || rows*2 < need {
		t.Errorf("size %d x %d, %v: must fit into 80 columns", need, rows, err)
	}
	tests := []struct {
		mode QRMode
		term Terminal
		want error
	}{
		{QRAuto, Terminal{UTF8: true, Width: need}, nil},
		{QRAuto, Terminal{UTF8: true, Width: need - 1}, ErrTooWide{need, need - 1}},
		{QRAuto, Terminal{Width: 80}, ErrTooWide{2 * need, 80}},
		{QRAuto, Terminal{Width: 2 * need}, nil},
		{QRHalf, Terminal{Width: 40}, ErrTooWide{need, 40}},
		{QRASCII, Terminal{UTF8: true, Width: 2*need - 1}, ErrTooWide{2 * need, 2*need - 1}},
		{QRASCII, Terminal{}, nil},
		{QRNone, Terminal{Width: 1}, nil},
	}
	for _, tt := range tests {
		var b bytes.Buffer
		err := QR(&b, long, tt.mode, tt.term)
		if !errors.Is(err, tt.want) {
			t.Errorf("%s on %+v: %v, want %v", tt.mode, tt.term, err, tt.want)
		}
		if (err != nil || tt.mode == QRNone) && b.Len() > 0 {
			t.Errorf("%s on %+v: something was written", tt.mode, tt.term)
		}
	}
}

func TestQRErrors(t *testing.T) {
	secret := strings.Repeat("s3cret", 1000)
	_, pngErr := QRPNG(secret)
	_, _, sizeErr := QRSize(secret, QRHalf, Terminal{})
	for _, err := range []error{QR(&bytes.Buffer{}, secret, QRHalf, Terminal{}), pngErr, sizeErr} {
		if err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("err %v", err)
		}
	}
	if err := QR(brokenWriter{}, "x", QRHalf, Terminal{}); !errors.Is(err, errBroken) {
		t.Errorf("err %v", err)
	}
}

func TestQRPNG(t *testing.T) {
	for name, uri := range uris() {
		data, err := QRPNG(uri)
		if err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := screentest.Scan(img); err != nil || got != uri {
			t.Errorf("%s: scanned %q, %v", name, got, err)
		}
		for i := range 4 * 8 { // the quiet zone
			if r, _, _, _ := img.At(i, img.Bounds().Dy()/2).RGBA(); r != 0xffff {
				t.Errorf("%s: column %d is not white", name, i)
				break
			}
		}
	}
}

func TestParseQRMode(t *testing.T) {
	for _, s := range []string{"auto", "half", "ascii", "none"} {
		if m, err := ParseQRMode(s); string(m) != s || err != nil {
			t.Errorf("%s: %q, %v", s, m, err)
		}
	}
	if _, err := ParseQRMode("HALF"); err == nil {
		t.Error("HALF passed")
	}
}

func TestGroups(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "ABC": "ABC", "ABCD": "ABCD", "ABCDE": "ABCD E", "GEZDGNBVGY3TQOJQ": "GEZD GNBV GY3T QOJQ", "AB CDEF": "ABCD EF",
	} {
		if got := Groups(in); got != want {
			t.Errorf("Groups(%q) = %q, want %q", in, got, want)
		}
	}
}

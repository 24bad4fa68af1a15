package output

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"strings"
	"testing"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
)

// A theme is what a terminal draws with where nothing else is said.
type theme struct {
	name   string
	fg, bg color.Gray
}

func themes() (dark, light theme) {
	return theme{"dark", color.Gray{0xc0}, color.Gray{0x1e}}, theme{"light", color.Gray{0x30}, color.Gray{0xf8}}
}

// screenshot draws what a terminal of cols columns and the given theme would show for text, in cells of 4 by 8 pixels
// with a margin of two cells. A character or sequence that it doesn't know is an error: QR must use no other.
func screenshot(t *testing.T, text string, th theme, cols int) image.Image {
	t.Helper()
	const cw, ch, margin = 4, 8, 2
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	img := image.NewGray(image.Rect(0, 0, (cols+2*margin)*cw, (len(lines)+2*margin)*ch))
	fill := func(x0, y0, x1, y1 int, c color.Gray) {
		for y := y0; y < y1; y++ {
			line := img.Pix[y*img.Stride:]
			for x := x0; x < x1; x++ {
				line[x] = c.Y
			}
		}
	}
	fill(0, 0, img.Rect.Max.X, img.Rect.Max.Y, th.bg)
	palette := map[string]color.Gray{"16": {0}, "231": {255}, "0": {0}, "7": {170}}
	fg, bg := th.fg, th.bg
	for row, line := range lines {
		col := 0
		for line != "" {
			if params, rest, ok := sgr(line); ok {
				line = rest
				for p := params; len(p) > 0; {
					switch {
					case p[0] == "0":
						fg, bg, p = th.fg, th.bg, p[1:]
					case len(p) >= 3 && p[1] == "5" && p[0] == "38":
						fg, p = palette[p[2]], p[3:]
					case len(p) >= 3 && p[1] == "5" && p[0] == "48":
						bg, p = palette[p[2]], p[3:]
					case p[0] == "40" || p[0] == "47":
						bg, p = palette[p[0][1:]], p[1:]
					default:
						t.Fatalf("unknown SGR %v", p)
					}
				}
				continue
			}
			r := []rune(line)[0]
			line = line[len(string(r)):]
			top, bottom := bg, bg
			switch r {
			case ' ':
			case '▀':
				top = fg
			case '▄':
				bottom = fg
			case '█', '#': // at the distance of a phone, ## is a blot
				top, bottom = fg, fg
			default:
				t.Fatalf("unexpected character %q", r)
			}
			x, y := (col+margin)*cw, (row+margin)*ch
			fill(x, y, x+cw, y+ch/2, top)
			fill(x, y+ch/2, x+cw, y+ch, bottom)
			if col++; col > cols {
				t.Fatalf("line %d is wider than %d columns", row, cols)
			}
		}
		if fg != th.fg || bg != th.bg {
			t.Fatalf("line %d does not end with a reset", row)
		}
	}
	return img
}

func sgr(s string) (params []string, rest string, ok bool) {
	s, ok = strings.CutPrefix(s, "\x1b[")
	if !ok {
		return nil, "", false
	}
	p, rest, ok := strings.Cut(s, "m")
	return strings.Split(p, ";"), rest, ok
}

func decode(img image.Image) (string, error) {
	bmp, err := gozxing.NewBinaryBitmapFromImage(img)
	if err != nil {
		return "", err
	}
	res, err := qrcode.NewQRCodeReader().Decode(bmp, nil)
	if err != nil {
		return "", err
	}
	return res.GetText(), nil
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
	dark, light := themes()
	tests := []struct {
		name   string
		mode   QRMode
		term   Terminal
		themes []theme
	}{
		{"half", QRHalf, Terminal{Color: true}, []theme{dark, light}},
		{"ascii", QRASCII, Terminal{Color: true}, []theme{dark, light}},
		{"auto utf8", QRAuto, Terminal{UTF8: true, Color: true, Width: 80}, []theme{dark, light}},
		{"auto other", QRAuto, Terminal{Color: true, Width: 200}, []theme{dark, light}},
		{"half without colour", QRHalf, Terminal{UTF8: true}, []theme{dark}},
		{"ascii without colour", QRASCII, Terminal{}, []theme{light}},
	}
	for _, tt := range tests {
		for name, uri := range uris() {
			for _, th := range tt.themes {
				t.Run(fmt.Sprintf("%s/%s/%s", tt.name, name, th.name), func(t *testing.T) {
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
					if got, err := decode(screenshot(t, b.String(), th, cols)); err != nil || got != uri {
						t.Errorf("scanned %q, %v, want %q", got, err, uri)
					}
				})
			}
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
		if got, err := decode(img); err != nil || got != uri {
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

package qrcodes_test

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/makiuchi-d/gozxing"
	zxing "github.com/makiuchi-d/gozxing/qrcode"
	"github.com/skip2/go-qrcode"

	"manyi/qrcodes"
)

const typicalBase = "https://pingjia.example.gov.cn"

func TestLink(t *testing.T) {
	for base, want := range map[string]string{
		"https://pj.example.gov.cn": "HTTPS://PJ.EXAMPLE.GOV.CN/Q/0123456789ABCDEF",
		"http://10.0.0.7:8080":      "HTTP://10.0.0.7:8080/Q/0123456789ABCDEF",
	} {
		if got := qrcodes.Link(base, "0123456789ABCDEF"); got != want {
			t.Errorf("Link(%q) = %q, want %q", base, got, want)
		}
	}
}

func TestTypicalLinkIsSmall(t *testing.T) {
	link := qrcodes.Link(typicalBase, signer.Code(7))
	if !strings.HasPrefix(link, "HTTPS://PINGJIA.EXAMPLE.GOV.CN/Q/") {
		t.Fatalf("Link = %q", link)
	}
	for _, c := range []struct {
		link    string
		version int
	}{
		{qrcodes.Link("https://pj.gov.cn", signer.Code(7)), 2},
		{link, 3},
		{strings.ToLower(link), 4}, // what the capitals save us from
	} {
		if got := version(t, c.link); got != c.version {
			t.Errorf("%s: version %d, want %d", c.link, got, c.version)
		}
	}
}

// version tells the QR version from the size of the picture.
func version(t *testing.T, link string) int {
	t.Helper()
	const quietZone = 4
	picture := decodePNG(t, must(qrcodes.PNG(link, 1)))
	return (picture.Bounds().Dx() - 2*quietZone - 17) / 4
}

func TestEveryPictureReadsBack(t *testing.T) {
	for n := range uint32(60) {
		link := qrcodes.Link(typicalBase, signer.Code(n*0x9e3779b1))
		for kind, picture := range map[string]image.Image{
			"PNG":      decodePNG(t, must(qrcodes.PNG(link, 4))),
			"SVG":      rasterise(t, string(must(qrcodes.SVG(link)))),
			"Terminal": readTerminal(t, must(qrcodes.Terminal(link))),
		} {
			if got := scan(t, picture); got != link {
				t.Errorf("%s of %s reads %q", kind, link, got)
			}
		}
	}
}

// A scanner forgives a narrow quiet zone; this does not.
func TestSVGShowsWhatPNGShows(t *testing.T) {
	link := qrcodes.Link(typicalBase, signer.Code(7))
	want := decodePNG(t, must(qrcodes.PNG(link, canvasModule)))
	got := rasterise(t, string(must(qrcodes.SVG(link))))
	if got.Bounds() != want.Bounds() {
		t.Fatalf("SVG is %v, PNG is %v", got.Bounds(), want.Bounds())
	}
	for y := range want.Bounds().Dy() {
		for x := range want.Bounds().Dx() {
			if color.GrayModel.Convert(want.At(x, y)) != got.At(x, y) {
				t.Fatalf("SVG and PNG differ at %d, %d", x, y)
			}
		}
	}
}

func TestEveryModuleSizeReadsBack(t *testing.T) {
	link := qrcodes.Link(typicalBase, signer.Code(7))
	for _, module := range []int{1, 2, 3, 5, 7, 8, 10, 16, 40} {
		picture := decodePNG(t, must(qrcodes.PNG(link, module)))
		if got, want := picture.Bounds().Dx(), 37*module; got != want || picture.Bounds().Dy() != want {
			t.Errorf("%d pixels a module: picture is %v, want %d square", module, picture.Bounds(), want)
		}
		if module == 1 {
			continue // too fine for a decoder that looks for the corners
		}
		if got := scan(t, picture); got != link {
			t.Errorf("%d pixels a module: reads %q", module, got)
		}
	}
}

func TestPNGRefusesModuleSize(t *testing.T) {
	for _, module := range []int{-8, 0, 41, 1 << 40} {
		if _, err := qrcodes.PNG("HTTPS://A.CN/Q/0", module); err == nil {
			t.Errorf("module of %d pixels was accepted", module)
		}
	}
}

func TestSymbolRefusesLink(t *testing.T) {
	for reason, link := range map[string]string{
		"empty":          "",
		"not ASCII":      "HTTPS://评价.CN/Q/0",
		"control":        "HTTPS://A.CN/\x01",
		"space":          "HTTPS://A.CN/Q/ 0",
		"broken UTF-8":   "HTTPS://A.CN/\xff",
		"beyond version": strings.Repeat("A", 5000),
	} {
		if _, err := qrcodes.PNG(link, 8); err == nil {
			t.Errorf("PNG accepted a link that is %s", reason)
		}
		if _, err := qrcodes.SVG(link); err == nil {
			t.Errorf("SVG accepted a link that is %s", reason)
		}
		if _, err := qrcodes.Terminal(link); err == nil {
			t.Errorf("Terminal accepted a link that is %s", reason)
		}
	}
}

func TestSVGIsSmallAndEscaped(t *testing.T) {
	svg := string(must(qrcodes.SVG(qrcodes.Link(typicalBase, signer.Code(7)))))
	if len(svg) > 6<<10 {
		t.Errorf("SVG has %d bytes, want 6 KB at most", len(svg))
	}
	const nasty = `HTTPS://A.CN/"'<script>&amp;`
	if got := scan(t, rasterise(t, string(must(qrcodes.SVG(nasty))))); got != nasty {
		t.Errorf("reads %q, want %q", got, nasty)
	}
	if strings.Contains(string(must(qrcodes.SVG(nasty))), "<script") {
		t.Error("the title is not escaped")
	}
}

// BenchmarkWindowCodes compares a signed code with its PNG (one operation) with
// the bare encoder on the same links. Run it with -benchtime=5000x.
func BenchmarkWindowCodes(b *testing.B) {
	const module = 8
	b.Run("signed", func(b *testing.B) {
		for i := range b.N {
			if _, err := qrcodes.PNG(qrcodes.Link(typicalBase, signer.Code(uint32(i))), module); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("bare", func(b *testing.B) {
		links := make([]string, b.N)
		for i := range links {
			links[i] = qrcodes.Link(typicalBase, signer.Code(uint32(i)))
		}
		b.ResetTimer()
		for _, link := range links {
			if _, err := qrcode.Encode(link, qrcode.Medium, -module); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// scan reads a symbol with a decoder that shares no code with the encoder.
func scan(t *testing.T, picture image.Image) string {
	t.Helper()
	bitmap, err := gozxing.NewBinaryBitmapFromImage(picture)
	if err != nil {
		t.Fatal(err)
	}
	result, err := zxing.NewQRCodeReader().Decode(bitmap, nil)
	if err != nil {
		t.Errorf("no symbol found: %v", err)
		return ""
	}
	if level := result.GetResultMetadata()[gozxing.ResultMetadataType_ERROR_CORRECTION_LEVEL]; level != "M" {
		t.Errorf("error correction level %v, want M", level)
	}
	return result.GetText()
}

func decodePNG(t *testing.T, data []byte) image.Image {
	t.Helper()
	picture, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return picture
}

var (
	pathForm = regexp.MustCompile(`^(M\d+ \d+h\d+v1h-\d+z)+$`)
	runForm  = regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-(\d+)z`)
)

// rasterise paints an SVG of ours at 4 pixels a module, strictly: anything but
// one white ground and one black path of one-unit-high runs fails the test.
func rasterise(t *testing.T, svg string) image.Image {
	t.Helper()
	var doc struct {
		XMLName   xml.Name `xml:"http://www.w3.org/2000/svg svg"`
		ViewBox   string   `xml:"viewBox,attr"`
		Rendering string   `xml:"shape-rendering,attr"`
		Title     string   `xml:"title"`
		Rect      []struct {
			Width  int    `xml:"width,attr"`
			Height int    `xml:"height,attr"`
			Fill   string `xml:"fill,attr"`
		} `xml:"rect"`
		Path []struct {
			D    string `xml:"d,attr"`
			Fill string `xml:"fill,attr"`
		} `xml:"path"`
	}
	if err := xml.Unmarshal([]byte(svg), &doc); err != nil {
		t.Fatalf("SVG is not XML: %v", err)
	}
	if len(doc.Rect) != 1 || len(doc.Path) != 1 || doc.Rect[0].Fill != "#fff" || doc.Path[0].Fill != "#000" {
		t.Fatalf("want one white rect and one black path, got %d and %d", len(doc.Rect), len(doc.Path))
	}
	size := doc.Rect[0].Width
	if want := fmt.Sprintf("0 0 %d %d", size, size); doc.ViewBox != want || doc.Rect[0].Height != size {
		t.Fatalf("viewBox %q, want %q", doc.ViewBox, want)
	}
	if doc.Title == "" || doc.Rendering != "crispEdges" {
		t.Fatalf("title %q, shape-rendering %q", doc.Title, doc.Rendering)
	}
	if !pathForm.MatchString(doc.Path[0].D) {
		t.Fatalf("path is not made of runs: %.80s", doc.Path[0].D)
	}
	canvas := newCanvas(size, size)
	for _, run := range runForm.FindAllStringSubmatch(doc.Path[0].D, -1) {
		x, y, n := atoi(run[1]), atoi(run[2]), atoi(run[3])
		if run[3] != run[4] {
			t.Fatalf("run %s does not close", run[0])
		}
		canvas.dark(x, y, n)
	}
	return canvas
}

// readTerminal turns half-block characters back into pixels.
func readTerminal(t *testing.T, text string) image.Image {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	var canvas canvas
	for i, line := range lines {
		blocks, colored := strings.CutPrefix(line, "\x1b[38;5;16;48;5;231m")
		blocks, reset := strings.CutSuffix(blocks, "\x1b[0m")
		if !colored || !reset {
			t.Fatalf("line %d does not set and reset its colours: %q", i, line)
		}
		if i == 0 {
			canvas = newCanvas(len([]rune(blocks)), 2*len(lines))
		}
		for x, block := range []rune(blocks) {
			if !strings.ContainsRune(" ▀▄█", block) {
				t.Fatalf("line %d holds %q", i, block)
			}
			if block == '▀' || block == '█' {
				canvas.dark(x, 2*i, 1)
			}
			if block == '▄' || block == '█' {
				canvas.dark(x, 2*i+1, 1)
			}
		}
	}
	return canvas
}

// canvas is a white picture measured in modules.
type canvas struct{ *image.Gray }

const canvasModule = 4

func newCanvas(width, height int) canvas {
	c := canvas{image.NewGray(image.Rect(0, 0, width*canvasModule, height*canvasModule))}
	draw.Draw(c, c.Bounds(), image.White, image.Point{}, draw.Src)
	return c
}

// dark paints a run of n modules.
func (c canvas) dark(x, y, n int) {
	run := image.Rect(x, y, x+n, y+1)
	run.Min, run.Max = run.Min.Mul(canvasModule), run.Max.Mul(canvasModule)
	draw.Draw(c, run, image.NewUniform(color.Black), image.Point{}, draw.Src)
}

func atoi(s string) int { return must(strconv.Atoi(s)) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

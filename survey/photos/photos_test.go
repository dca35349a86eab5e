package photos

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"testing"
)

// corner is a picture whose top left quarter is red and the rest blue.
func corner(w, h int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := color.RGBA{0, 0, 255, 255}
			if x < w/2 && y < h/2 {
				c = color.RGBA{255, 0, 0, 255}
			}
			m.SetRGBA(x, y, c)
		}
	}
	return m
}

func asJPEG(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asPNG(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const secretPlace = "GPS 26.0745N 119.2965E"

// exif is a TIFF structure with an orientation and, where a GPS directory would be, a place.
func exif(order binary.AppendByteOrder, o uint16) []byte {
	b := []byte("II*\x00")
	if order == binary.AppendByteOrder(binary.BigEndian) {
		b = []byte("MM\x00*")
	}
	b = order.AppendUint32(b, 8)
	b = order.AppendUint16(b, 2)
	for _, tag := range []struct{ tag, kind, value uint16 }{{0x0112, 3, o}, {0x8825, 4, 40}} {
		b = order.AppendUint16(order.AppendUint16(b, tag.tag), tag.kind)
		b = order.AppendUint16(order.AppendUint16(order.AppendUint32(b, 1), tag.value), 0)
	}
	return append(b, secretPlace...)
}

// tagged puts EXIF into a JPEG.
func tagged(file, exif []byte) []byte {
	head := binary.BigEndian.AppendUint16([]byte{0xff, 0xd8, 0xff, 0xe1}, uint16(len(exif)+8))
	return bytes.Join([][]byte{head, []byte("Exif\x00\x00"), exif, file[2:]}, nil)
}

func TestCleanTurnsUprightAndForgetsThePlace(t *testing.T) {
	plain := asJPEG(t, corner(80, 40))
	// Where the red quarter is seen, by orientation: EXIF names the edge row 0 and column 0 are at.
	for o, want := range map[uint16]struct{ right, bottom, high bool }{
		1: {}, 2: {right: true}, 3: {right: true, bottom: true}, 4: {bottom: true},
		5: {high: true}, 6: {high: true, right: true}, 7: {high: true, right: true, bottom: true}, 8: {high: true, bottom: true},
	} {
		for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
			file := tagged(plain, exif(order, o))
			if !bytes.Contains(file, []byte(secretPlace)) {
				t.Fatal("the file does not hold the place to begin with")
			}
			kept, err := Clean(file)
			if err != nil {
				t.Fatalf("orientation %d: %v", o, err)
			}
			if bytes.Contains(kept, []byte("GPS")) || bytes.Contains(kept, []byte("Exif")) || bytes.Contains(kept, []byte{0xff, markApp1}) {
				t.Errorf("orientation %d: metadata is kept", o)
			}
			m, err := jpeg.Decode(bytes.NewReader(kept))
			if err != nil {
				t.Fatal(err)
			}
			w, h := m.Bounds().Dx(), m.Bounds().Dy()
			if (h > w) != want.high || w*h != 80*40 {
				t.Errorf("orientation %d: %d × %d", o, w, h)
			}
			for _, right := range []bool{false, true} {
				for _, bottom := range []bool{false, true} {
					x, y := w/4, h/4
					if right {
						x = 3 * w / 4
					}
					if bottom {
						y = 3 * h / 4
					}
					r, _, b, _ := m.At(x, y).RGBA()
					if red := r > b; red != (right == want.right && bottom == want.bottom) {
						t.Errorf("orientation %d: right %v, bottom %v: red %v", o, right, bottom, red)
					}
				}
			}
		}
	}
}

func TestCleanScalesAndRepeats(t *testing.T) {
	for name, file := range map[string][]byte{"jpeg": asJPEG(t, corner(3000, 1000)), "png": asPNG(t, corner(1000, 3000)), "thin": asPNG(t, corner(1, 9000))} {
		first, err := Clean(file)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		again, err := Clean(bytes.Clone(file))
		if err != nil || !bytes.Equal(first, again) {
			t.Errorf("%s: the same file gives another picture", name)
		}
		size, err := jpeg.DecodeConfig(bytes.NewReader(first))
		if err != nil || max(size.Width, size.Height) != MaxEdge {
			t.Errorf("%s: %d × %d, %v", name, size.Width, size.Height, err)
		}
	}
}

func TestCleanShowsWhatIsTransparentOnWhite(t *testing.T) {
	kept, err := Clean(asPNG(t, image.NewNRGBA(image.Rect(0, 0, 8, 8))))
	if err != nil {
		t.Fatal(err)
	}
	m, _ := jpeg.Decode(bytes.NewReader(kept))
	if r, g, b, _ := m.At(4, 4).RGBA(); r>>8 < 250 || g>>8 < 250 || b>>8 < 250 {
		t.Errorf("got %d %d %d", r>>8, g>>8, b>>8)
	}
}

// Noise is the worst there is to write.
func TestWhatIsKeptIsSmall(t *testing.T) {
	m := image.NewRGBA(image.Rect(0, 0, MaxEdge, MaxEdge))
	random := rand.New(rand.NewPCG(1, 2))
	for i := range m.Pix {
		m.Pix[i] = byte(random.Uint32())
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, scale(m), &jpeg.Options{Quality: quality}); err != nil {
		t.Fatal(err)
	}
	if out.Len() > MaxBytes {
		t.Errorf("%d bytes", out.Len())
	}
	t.Logf("noise of %d × %d: %d bytes", MaxEdge, MaxEdge, out.Len())
}

func TestCleanRefuses(t *testing.T) {
	small := asJPEG(t, corner(16, 16))
	bomb := asPNG(t, corner(1, 1))
	binary.BigEndian.PutUint32(bomb[16:], 100_000) // the width it claims; the checksum follows
	wide := bytes.Clone(small)
	at := bytes.Index(wide, []byte{0xff, 0xc0})
	binary.BigEndian.PutUint16(wide[at+5:], 60_000)
	binary.BigEndian.PutUint16(wide[at+7:], 60_000)
	scan := bytes.Index(small, []byte{0xff, markScan})
	layers := append(bytes.Clone(small[:len(small)-2]), bytes.Repeat(small[scan:len(small)-2], maxScans)...)
	for name, c := range map[string]struct {
		file []byte
		want error
	}{
		"nothing":            {nil, ErrNotPicture},
		"text":               {[]byte("hello"), ErrNotPicture},
		"a GIF":              {[]byte("GIF89a\x01\x00\x01\x00"), ErrNotPicture},
		"SVG":                {[]byte("<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>"), ErrNotPicture},
		"only the beginning": {[]byte("\xff\xd8\xff\xe0"), ErrNotPicture},
		"cut short":          {small[:len(small)/2], ErrNotPicture},
		"6 MB":               {make([]byte, 6<<20), ErrTooLarge},
		"a wrong width":      {bomb, ErrNotPicture},
		"3600 megapixels":    {wide, ErrTooMany},
		"too many layers":    {layers, ErrNotPicture},
	} {
		if kept, err := Clean(c.file); !errors.Is(err, c.want) || kept != nil {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	if _, scans := look(layers); scans != maxScans+1 {
		t.Errorf("%d scans counted", scans)
	}
}

func FuzzClean(f *testing.F) {
	f.Add(asPNG(f, corner(3, 2)))
	f.Add(tagged(asJPEG(f, corner(9, 8)), exif(binary.BigEndian, 6)))
	f.Add(tagged(asJPEG(f, corner(1, 1)), []byte("II*\x00\xff\xff\xff\xff")))
	f.Fuzz(func(t *testing.T, file []byte) {
		if o := orientationOf(file); o < 1 || o > 8 {
			t.Fatalf("orientation %d", o)
		}
		kept, err := Clean(file)
		if err != nil {
			return
		}
		size, err := jpeg.DecodeConfig(bytes.NewReader(kept))
		if err != nil || max(size.Width, size.Height) > MaxEdge || len(kept) > MaxBytes {
			t.Fatalf("%d × %d, %d bytes, %v", size.Width, size.Height, len(kept), err)
		}
		if _, err := Clean(kept); err != nil {
			t.Fatalf("what is kept is no picture: %v", err)
		}
	})
}

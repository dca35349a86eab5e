package photos

import (
	"image"
	"image/color"
	"image/draw"
)

// scale draws a picture on white, smaller if need be. Each of its points is the
// mean of those it stands for; the original is looked at a strip at a time, so that
// no second copy of it is needed.
func scale(from image.Image) *image.RGBA {
	b := from.Bounds()
	w, h := b.Dx(), b.Dy()
	if edge := max(w, h); edge > MaxEdge {
		w, h = max(1, w*MaxEdge/edge), max(1, h*MaxEdge/edge)
	}
	to := image.NewRGBA(image.Rect(0, 0, w, h))
	strip := image.NewRGBA(image.Rect(0, 0, b.Dx(), b.Dy()/h+1))
	for y := range h {
		top, bottom := y*b.Dy()/h, (y+1)*b.Dy()/h
		rows := image.Rect(0, 0, b.Dx(), bottom-top)
		draw.Draw(strip, rows, image.White, image.Point{}, draw.Src)
		draw.Draw(strip, rows, from, b.Min.Add(image.Pt(0, top)), draw.Over)
		for x := range w {
			to.SetRGBA(x, y, mean(strip, x*b.Dx()/w, (x+1)*b.Dx()/w, bottom-top))
		}
	}
	return to
}

// mean is the colour of a block of a strip. Its sums stay far below 32 bits: no
// point stands for more than MaxPixels/MaxEdge others.
func mean(strip *image.RGBA, left, right, rows int) color.RGBA {
	var r, g, b, n uint32
	for y := range rows {
		row := strip.Pix[y*strip.Stride:]
		for i := 4 * left; i < 4*right; i += 4 {
			r, g, b, n = r+uint32(row[i]), g+uint32(row[i+1]), b+uint32(row[i+2]), n+1
		}
	}
	return color.RGBA{uint8((r + n/2) / n), uint8((g + n/2) / n), uint8((b + n/2) / n), 255}
}

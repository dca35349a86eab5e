package qrcodes

import (
	"errors"
	"fmt"
	"html"
	"html/template"
	"strings"

	"github.com/skip2/go-qrcode"
)

// maxModule keeps a PNG of a usual link under 1,500 pixels a side.
const maxModule = 40

// Link returns the address a window's symbol holds, for example
// HTTPS://PJ.EXAMPLE.GOV.CN/Q/0123456789ABCDEF. The base is scheme://host[:port]
// with no path, already validated; it is written in capitals for the smaller
// symbol (see the package comment), so the server must answer under /Q/.
func Link(base, code string) string {
	return strings.ToUpper(base) + "/Q/" + code
}

// PNG draws the symbol of link in black and white with its quiet zone, each
// module a square of module pixels (1 to 40).
func PNG(link string, module int) ([]byte, error) {
	if module < 1 || module > maxModule {
		return nil, fmt.Errorf("draw PNG: module of %d pixels, want 1 to %d", module, maxModule)
	}
	symbol, err := encode(link)
	if err != nil {
		return nil, err
	}
	return symbol.PNG(-module)
}

// SVG draws the symbol of link with its quiet zone, one unit a module and at any
// size sharp. It is a whole SVG document that may also stand inside HTML; the
// element around it, or the program that opens it, decides the size.
func SVG(link string) (template.HTML, error) {
	symbol, err := encode(link)
	if err != nil {
		return "", err
	}
	rows := symbol.Bitmap()
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %[1]d" role="img" shape-rendering="crispEdges">`, len(rows))
	fmt.Fprintf(&b, `<title>评价二维码 Rating code %s</title>`, html.EscapeString(link))
	fmt.Fprintf(&b, `<rect width="%d" height="%[1]d" fill="#fff"/><path fill="#000" d="`, len(rows))
	for y, row := range rows {
		writeRuns(&b, y, row)
	}
	b.WriteString(`"/></svg>`)
	return template.HTML(b.String()), nil
}

// writeRuns adds one rectangle for each run of dark modules in row y.
func writeRuns(b *strings.Builder, y int, row []bool) {
	for x := 0; x < len(row); x++ {
		start := x
		for x < len(row) && row[x] {
			x++
		}
		if n := x - start; n > 0 {
			fmt.Fprintf(b, "M%d %dh%dv1h-%[3]dz", start, y, n)
		}
	}
}

// Terminal draws the symbol of link with its quiet zone in half-block
// characters, two rows of modules a line. It sets black on white itself, since
// many scanners refuse the inverted symbol a dark terminal would show, so print
// it only where colour escapes are understood.
func Terminal(link string) (string, error) {
	const blackOnWhite, reset = "\x1b[38;5;16;48;5;231m", "\x1b[0m"
	symbol, err := encode(link)
	if err != nil {
		return "", err
	}
	rows := symbol.Bitmap()
	// The count of rows is always odd; one more light row only widens the quiet zone.
	rows = append(rows, make([]bool, len(rows)))
	var b strings.Builder
	for y := 0; y < len(rows); y += 2 {
		b.WriteString(blackOnWhite)
		for x := range rows[y] {
			b.WriteRune(halfBlock(rows[y][x], rows[y+1][x]))
		}
		b.WriteString(reset + "\n")
	}
	return b.String(), nil
}

func halfBlock(upper, lower bool) rune {
	switch {
	case upper && lower:
		return '█'
	case upper:
		return '▀'
	case lower:
		return '▄'
	}
	return ' '
}

// encode makes the symbol at level M, which survives the loss of 15 % of it:
// the usual choice for a label that people touch.
func encode(link string) (*qrcode.QRCode, error) {
	for i := range len(link) {
		// Scanners disagree on how bytes beyond ASCII are encoded.
		if link[i] <= ' ' || link[i] > '~' {
			return nil, errors.New("encode link: only printable ASCII can be scanned everywhere")
		}
	}
	symbol, err := qrcode.New(link, qrcode.Medium)
	if err != nil {
		return nil, fmt.Errorf("encode link: %w", err)
	}
	return symbol, nil
}

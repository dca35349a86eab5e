package qrcodes

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
)

// Label is what is printed with one code.
type Label struct {
	Code   string // from Signer.Code; unique among the labels of one call
	Link   string // from Link
	Place  string // the window's own code in the hall's books, such as "A-07"
	Window string // name of the window 窗口
	Hall   string // name of the hall 大厅
	Bureau string // name of the bureau 主管部门
	Sample bool   // for a demonstration: marked 示例 SAMPLE, not to be put up
}

// Sheet is a printed form. Its text may come straight from a request:
// WriteSheet refuses one it does not know.
type Sheet string

const (
	A4Poster Sheet = "a4" // one poster on each A4 page, the symbol 11 cm wide with its quiet zone
	A6Card   Sheet = "a6" // one counter card on each A6 page, the symbol 5.5 cm wide with its quiet zone
)

//go:embed sheet.html
var sheetHTML string

var sheetTemplate = template.Must(template.New("sheet.html").
	Funcs(template.FuncMap{"symbol": SVG}).Parse(sheetHTML))

// WriteSheet writes one HTML document with one page a label, to be printed from
// a browser: no script, no font and no other file is needed. It writes as it
// goes, so after an error w may hold the beginning of a document.
func WriteSheet(w io.Writer, sheet Sheet, labels []Label) error {
	if sheet != A4Poster && sheet != A6Card {
		return fmt.Errorf("write sheet: unknown form %q, want %q or %q", sheet, A4Poster, A6Card)
	}
	data := struct {
		Sheet  Sheet
		Labels []Label
	}{sheet, labels}
	if err := sheetTemplate.Execute(w, data); err != nil {
		return fmt.Errorf("write sheet %s: %w", sheet, err)
	}
	return nil
}

package export

import (
	"archive/zip"
	"compress/flate"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf16"
)

// Limits of Excel.
const (
	maxLines = 1 << 20   // of a sheet, header included
	maxUnits = 1<<15 - 1 // of a cell, in UTF-16 units
)

const manifestSheet = "manifest"

// xlsxEncoder writes the parts of the package one after another. Text stands in
// the cells themselves: a table of shared strings would have to be kept in memory.
type xlsxEncoder struct {
	cells   *csvEncoder // takes the same cells for the hash; its output is dropped
	table   Table
	zip     *zip.Writer
	sheet   io.Writer
	sheets  []string // names of the sheets begun
	refs    []string // letters of the columns
	lines   int      // on this sheet
	limit   int
	lineNum []byte // decimal, of the line being written
	buf     []byte
	err     error
}

func newXLSX(w io.Writer, t Table) *xlsxEncoder {
	e := &xlsxEncoder{cells: newCSV(io.Discard, t), table: t, zip: zip.NewWriter(w), limit: maxLines}
	// Three times as fast as the default level for a file one tenth larger.
	e.zip.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(w, flate.BestSpeed)
	})
	for i := range max(len(t.Columns), 3) { // the manifest has three
		e.refs = append(e.refs, columnLetters(i))
	}
	return e
}

// columnLetters names a column, counted from 0, as Excel does: A … Z, AA …
func columnLetters(i int) string {
	if i < 26 {
		return string(rune('A' + i))
	}
	return columnLetters(i/26-1) + string(rune('A'+i%26))
}

func (e *xlsxEncoder) start() error {
	if err := e.cells.start(); err != nil {
		return err
	}
	e.openSheet(e.table.Name)
	return e.err
}

const (
	xmlHead    = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n"
	mainSpace  = `http://schemas.openxmlformats.org/spreadsheetml/2006/main`
	relSpace   = `http://schemas.openxmlformats.org/officeDocument/2006/relationships`
	textStyle  = '1' // indexes of cellXfs in styles
	headStyle  = '2'
	stylesPart = xmlHead + `<styleSheet xmlns="` + mainSpace + `">` +
		`<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="11"/><name val="Calibri"/></font></fonts>` +
		`<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills>` +
		`<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>` +
		`<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>` +
		`<cellXfs count="3"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>` +
		`<xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>` +
		`<xf numFmtId="49" fontId="1" fillId="0" borderId="0" xfId="0" applyNumberFormat="1" applyFont="1"/></cellXfs>` +
		`<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>`
)

func (e *xlsxEncoder) openSheet(name string) {
	e.sheets = append(e.sheets, name)
	e.lines = 0
	e.openPart(fmt.Sprintf("xl/worksheets/sheet%d.xml", len(e.sheets)))
	e.buf = append(e.buf, xmlHead+`<worksheet xmlns="`+mainSpace+`"><sheetData>`...)
	if name == manifestSheet {
		return
	}
	e.openRow()
	for i, c := range e.table.Columns {
		e.inline(i, c.Name, headStyle)
	}
	e.closeRow()
}

func (e *xlsxEncoder) closeSheet() {
	e.buf = append(e.buf, `</sheetData></worksheet>`...)
	e.flush()
}

func (e *xlsxEncoder) openPart(name string) {
	method := zip.Deflate
	if e.table.Stored {
		method = zip.Store
	}
	w, err := e.zip.CreateHeader(&zip.FileHeader{Name: name, Method: method})
	e.keep(err)
	e.sheet = w
}

func (e *xlsxEncoder) flush() {
	if e.err == nil {
		_, err := e.sheet.Write(e.buf)
		e.keep(err)
	}
	e.buf = e.buf[:0]
}

func (e *xlsxEncoder) keep(err error) {
	if e.err == nil {
		e.err = err
	}
}

func (e *xlsxEncoder) openRow() {
	e.lines++
	e.lineNum = strconv.AppendInt(e.lineNum[:0], int64(e.lines), 10)
	e.buf = append(e.buf, `<row r="`...)
	e.buf = append(append(e.buf, e.lineNum...), `">`...)
}

func (e *xlsxEncoder) closeRow() {
	e.buf = append(e.buf, `</row>`...)
	if len(e.buf) >= flushAt {
		e.flush()
	}
}

// begin opens the row before its first cell, on a new sheet if this one is full.
func (e *xlsxEncoder) begin(col int) {
	if col > 0 {
		return
	}
	if e.lines == e.limit {
		e.closeSheet()
		e.openSheet(fmt.Sprintf("%s %d", e.table.Name, len(e.sheets)+1))
	}
	e.openRow()
}

// ref opens a cell up to and including its reference.
func (e *xlsxEncoder) ref(col int) {
	e.buf = append(append(e.buf, `<c r="`...), e.refs[col]...)
	e.buf = append(append(e.buf, e.lineNum...), '"')
}

func (e *xlsxEncoder) inline(col int, s string, style byte) {
	e.ref(col)
	e.buf = append(append(e.buf, ` s="`...), style)
	e.buf = append(e.buf, `" t="inlineStr"><is><t xml:space="preserve">`...)
	e.buf = append(appendXML(e.buf, s), `</t></is></c>`...)
}

func (e *xlsxEncoder) value(col int, b []byte) {
	e.ref(col)
	e.buf = append(append(append(e.buf, `><v>`...), b...), `</v></c>`...)
}

func (e *xlsxEncoder) text(col int, s string) {
	s = xmlText(s)
	e.begin(col)
	e.cells.text(col, s)
	if s == "" {
		return
	}
	if len(s) > maxUnits && units(s) > maxUnits {
		e.keep(fmt.Errorf("column %s: a text of more than %d characters does not fit a cell", e.table.Columns[col].Name, maxUnits))
	}
	e.inline(col, s, textStyle)
}

func (e *xlsxEncoder) token(col int, b []byte) {
	e.begin(col)
	e.cells.token(col, b)
	e.ref(col)
	e.buf = append(append(e.buf, ` s="`...), textStyle)
	e.buf = append(e.buf, `" t="inlineStr"><is><t>`...)
	e.buf = append(append(e.buf, b...), `</t></is></c>`...)
}

func (e *xlsxEncoder) number(col int, b []byte) {
	e.begin(col)
	e.cells.number(col, b)
	e.value(col, b)
}

func (e *xlsxEncoder) boolean(col int, v bool) {
	e.begin(col)
	e.cells.boolean(col, v)
	digit := byte('0')
	if v {
		digit = '1'
	}
	e.ref(col)
	e.buf = append(append(append(e.buf, ` t="b"><v>`...), digit), `</v></c>`...)
}

func (e *xlsxEncoder) list(col int, items []string) { e.text(col, strings.Join(items, ";")) }

func (e *xlsxEncoder) empty(col int) {
	e.begin(col)
	e.cells.empty(col)
}

func (e *xlsxEncoder) endRow() error {
	e.closeRow()
	e.keep(e.cells.endRow())
	return e.err
}

func (e *xlsxEncoder) close(rows int64) (Manifest, error) {
	m, err := e.cells.manifest(rows)
	e.keep(err)
	e.closeSheet()
	e.writeManifest(m)
	e.writeWorkbook()
	e.keep(e.zip.Close())
	return m, e.err
}

func (e *xlsxEncoder) writeManifest(m Manifest) {
	e.openSheet(manifestSheet)
	line := func(style byte, texts ...string) {
		e.openRow()
		for i, s := range texts {
			e.inline(i, xmlText(validText(s)), style)
		}
		e.closeRow()
	}
	line(textStyle, "table", e.table.Name)
	e.openRow()
	e.inline(0, "rows", textStyle)
	e.value(1, strconv.AppendInt(nil, m.Rows, 10))
	e.closeRow()
	line(textStyle, "sha256", m.SHA256)
	for _, kv := range e.table.Meta {
		line(textStyle, kv.Key, kv.Value)
	}
	line(textStyle)
	line(headStyle, "column", "中文", "English")
	for _, c := range e.table.Columns {
		line(textStyle, c.Name, c.Label.Zh, c.Label.En)
	}
	e.closeSheet()
}

// writeWorkbook writes the parts that name the sheets. They come last because
// only now is their number known; a package may hold its parts in any order.
func (e *xlsxEncoder) writeWorkbook() {
	var sheets, rels, types strings.Builder
	for i, name := range e.sheets {
		fmt.Fprintf(&sheets, `<sheet name="%s" sheetId="%d" r:id="rId%d"/>`, name, i+1, i+1)
		fmt.Fprintf(&rels, `<Relationship Id="rId%d" Type="%s/worksheet" Target="worksheets/sheet%d.xml"/>`, i+1, relSpace, i+1)
		fmt.Fprintf(&types, `<Override PartName="/xl/worksheets/sheet%d.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>`, i+1)
	}
	fmt.Fprintf(&rels, `<Relationship Id="rId%d" Type="%s/styles" Target="styles.xml"/>`, len(e.sheets)+1, relSpace)

	const relsSpace = `http://schemas.openxmlformats.org/package/2006/relationships`
	e.part("xl/styles.xml", stylesPart)
	e.part("xl/workbook.xml", xmlHead+`<workbook xmlns="`+mainSpace+`" xmlns:r="`+relSpace+`"><sheets>`+sheets.String()+`</sheets></workbook>`)
	e.part("xl/_rels/workbook.xml.rels", xmlHead+`<Relationships xmlns="`+relsSpace+`">`+rels.String()+`</Relationships>`)
	e.part("_rels/.rels", xmlHead+`<Relationships xmlns="`+relsSpace+`"><Relationship Id="rId1" Type="`+relSpace+`/officeDocument" Target="xl/workbook.xml"/></Relationships>`)
	e.part("[Content_Types].xml", xmlHead+`<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">`+
		`<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>`+
		`<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>`+
		`<Override PartName="/xl/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"/>`+
		types.String()+`</Types>`)
}

func (e *xlsxEncoder) part(name, content string) {
	e.openPart(name)
	e.buf = append(e.buf, content...)
	e.flush()
}

// xmlText leaves out what XML 1.0 cannot hold.
func xmlText(s string) string {
	if strings.IndexFunc(s, notXML) < 0 {
		return s
	}
	return strings.Map(func(r rune) rune {
		if notXML(r) {
			return -1
		}
		return r
	}, s)
}

func notXML(r rune) bool {
	return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF
}

func units(s string) (n int) {
	for _, r := range s {
		n += utf16.RuneLen(r)
	}
	return n
}

// appendXML appends text as the content of a t element. There _x000D_ stands for
// the character 0D, which is how a CR survives XML, and a text that happens to
// look like such an escape has its "_" escaped.
func appendXML(buf []byte, s string) []byte {
	start := 0
	for i := range len(s) {
		var escaped string
		switch s[i] {
		case '&':
			escaped = "&amp;"
		case '<':
			escaped = "&lt;"
		case '>':
			escaped = "&gt;"
		case '\r':
			escaped = "_x000D_"
		case '_':
			if !looksEscaped(s[i:]) {
				continue
			}
			escaped = "_x005F_"
		default:
			continue
		}
		buf = append(append(buf, s[start:i]...), escaped...)
		start = i + 1
	}
	return append(buf, s[start:]...)
}

// looksEscaped reports a text that begins like _x000D_.
func looksEscaped(s string) bool {
	return len(s) >= 7 && s[1] == 'x' && s[6] == '_' && strings.Trim(s[2:6], "0123456789abcdefABCDEF") == ""
}

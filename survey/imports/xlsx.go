package imports

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/xuri/excelize/v2"
)

// Limits against files that are small to send and large to unpack, in bytes.
const (
	maxUnzipped = 512 << 20
	maxInMemory = 16 << 20 // larger sheets are unpacked to a temporary file
	maxOther    = 32 << 20 // all parts without cells: these are held in memory
	maxDepth    = 64       // of XML elements
)

func (b *builder) readXLSX(data []byte) (err error) {
	if err := checkParts(data); err != nil {
		return err
	}
	book, err := excelize.OpenReader(bytes.NewReader(data), excelize.Options{
		RawCellValue: true, UnzipSizeLimit: maxUnzipped, UnzipXMLSizeLimit: maxInMemory,
	})
	if book != nil {
		defer func() { err = errors.Join(err, book.Close()) }()
	}
	if err != nil {
		return notXLSX(err)
	}
	props, err := book.GetWorkbookProps()
	if err != nil {
		return notXLSX(err)
	}
	b.table.date1904 = props.Date1904 != nil && *props.Date1904
	sheets := book.GetSheetList()
	if len(sheets) == 0 {
		return notXLSX(errors.New("no sheet"))
	}
	return b.readSheet(book, sheets[0])
}

func (b *builder) readSheet(book *excelize.File, sheet string) error {
	rows, err := book.Rows(sheet)
	if err != nil {
		return notXLSX(err)
	}
	defer rows.Close()
	for number := 1; rows.Next(); number++ {
		cells, err := rows.Columns()
		if err != nil {
			return notXLSX(err)
		}
		for i, cell := range cells {
			cells[i] = whole(cell, true)
		}
		if err := b.add(number, cells); err != nil {
			return err
		}
	}
	if err := rows.Error(); err != nil {
		return notXLSX(err)
	}
	return nil
}

func notXLSX(err error) error { return fmt.Errorf("%w: xlsx: %w", ErrNotTable, err) }

// checkParts unpacks the whole package once without keeping it. excelize takes a
// part that breaks off for one that ends there, and a list of places that ends
// early would deactivate the rest.
func checkParts(data []byte) error {
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return notXLSX(err)
	}
	var c partCheck
	for _, part := range archive.File {
		if err := c.part(part); err != nil {
			return err
		}
	}
	return nil
}

// partCheck counts over all parts of a package.
type partCheck struct {
	unzipped, other uint64 // bytes
	cells           int    // and shared strings
}

func (c *partCheck) part(part *zip.File) error {
	size := part.UncompressedSize64
	cells := holdsCells(part.Name)
	if !cells {
		c.other += min(size, maxUnzipped)
	}
	if c.unzipped += min(size, maxUnzipped); size > maxUnzipped || c.unzipped > maxUnzipped || c.other > maxOther {
		return fmt.Errorf("%w: unpacks to more than %d MB, or %d MB without the cells",
			ErrTooLarge, maxUnzipped>>20, maxOther>>20)
	}
	r, err := part.Open()
	if err != nil {
		return notXLSX(err)
	}
	defer r.Close()
	if cells {
		return c.cellXML(r)
	}
	if _, err := io.Copy(io.Discard, r); err != nil {
		return notXLSX(err)
	}
	return nil
}

// holdsCells names the parts that excelize reads from a file when they are large.
func holdsCells(part string) bool {
	part = strings.ToLower(strings.ReplaceAll(part, `\`, "/"))
	return strings.HasPrefix(part, "xl/worksheets/sheet") || part == "xl/sharedstrings.xml"
}

func (c *partCheck) cellXML(r io.Reader) error {
	d := xml.NewDecoder(r)
	for depth := 0; ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return notXLSX(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			if token.Name.Local == "c" || token.Name.Local == "si" {
				c.cells++
			}
			if depth++; depth > maxDepth || c.cells > maxCells {
				return fmt.Errorf("%w: more than %d cells, or nested too deep", ErrTooLarge, maxCells)
			}
		case xml.EndElement:
			depth--
		}
	}
}

package qrcodes

import (
	"archive/zip"
	"encoding/csv"
	"fmt"
	"io"
	"strings"
)

// archiveModule is the pixels per module in an archive: a version 3 symbol
// printed at 300 dots an inch is then 5 cm wide.
const archiveModule = 16

// WriteZip writes an archive for a print shop: contents.csv, then one PNG and
// one SVG for each label, named after its place and code. Progress may be nil;
// it is called after each label with the number done. The archive goes to w
// while it is made: beyond a directory entry for each file nothing is kept.
// After an error w holds a broken archive.
func WriteZip(w io.Writer, labels []Label, progress func(done int)) error {
	archive := zip.NewWriter(w)
	if err := writeContents(archive, labels); err != nil {
		return fmt.Errorf("write contents of code archive: %w", err)
	}
	for i, label := range labels {
		if err := writeSymbols(archive, label); err != nil {
			return fmt.Errorf("write code archive, place %q: %w", label.Place, err)
		}
		if progress != nil {
			progress(i + 1)
		}
	}
	if err := archive.Close(); err != nil {
		return fmt.Errorf("finish code archive: %w", err)
	}
	return nil
}

// writeContents lists every label with its PNG; the SVG has the same name but
// for the ending.
func writeContents(archive *zip.Writer, labels []Label) error {
	file, err := archive.Create("contents.csv")
	if err != nil {
		return err
	}
	// Without the byte order mark, Chinese editions of Excel read GBK.
	if _, err := io.WriteString(file, "\ufeff"); err != nil {
		return err
	}
	rows := csv.NewWriter(file)
	rows.Write([]string{"文件 File", "编号 Place", "窗口 Window", "大厅 Hall", "部门 Bureau", "网址 Link"})
	for _, l := range labels {
		row := []string{fileName(l) + ".png", l.Place, l.Window, l.Hall, l.Bureau, l.Link}
		for i := range row {
			row[i] = plainCell(row[i])
		}
		rows.Write(row)
	}
	rows.Flush()
	return rows.Error() // the first error of any Write
}

func writeSymbols(archive *zip.Writer, label Label) error {
	picture, err := PNG(label.Link, archiveModule)
	if err != nil {
		return err
	}
	drawing, err := SVG(label.Link)
	if err != nil {
		return err
	}
	name := fileName(label)
	// A PNG is compressed already.
	file, err := archive.CreateHeader(&zip.FileHeader{Name: name + ".png", Method: zip.Store})
	if err != nil {
		return err
	}
	if _, err := file.Write(picture); err != nil {
		return err
	}
	if file, err = archive.Create(name + ".svg"); err != nil {
		return err
	}
	_, err = io.WriteString(file, string(drawing))
	return err
}

// fileName is safe on any system and in any folder. The code in it keeps two
// places apart whose names differ only in what had to be replaced, without
// remembering the names already given.
func fileName(l Label) string {
	name := safeName(l.Code)
	if l.Place != "" {
		name = safeName(l.Place) + "-" + name
	}
	if l.Sample {
		name = "SAMPLE-" + name
	}
	return name
}

// safeName keeps ASCII letters, digits and inner hyphens, turns each run of
// anything else into one underscore, and stops at 40 bytes.
func safeName(s string) string {
	var b strings.Builder
	for _, r := range s {
		if b.Len() == 40 {
			break
		}
		switch {
		case r >= '0' && r <= '9', r >= 'A' && r <= 'Z', r >= 'a' && r <= 'z', r == '-' && b.Len() > 0:
			b.WriteRune(r)
		case !strings.HasSuffix(b.String(), "_"):
			b.WriteByte('_')
		}
	}
	return b.String()
}

// plainCell stops a spreadsheet from running a name as a formula.
func plainCell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

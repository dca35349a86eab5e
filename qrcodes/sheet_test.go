package qrcodes_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"manyi/qrcodes"
)

func testLabels() []qrcodes.Label {
	labels := []qrcodes.Label{
		{Place: "A-01", Window: "不动产登记 1 号窗口", Hall: "东城政务服务中心", Bureau: "东城区政务服务局"},
		{Place: "A-02", Window: `<b>&"`, Hall: `'</style><script>alert(1)</script>`, Bureau: "{{.}}"},
		{Place: "演示", Window: "演示窗口", Hall: "演示大厅", Bureau: "演示部门", Sample: true},
	}
	for i := range labels {
		labels[i].Code = signer.Code(uint32(i))
		labels[i].Link = qrcodes.Link(typicalBase, labels[i].Code)
	}
	return labels
}

func TestWriteSheet(t *testing.T) {
	labels := testLabels()
	for sheet, pageSize := range map[qrcodes.Sheet]string{
		qrcodes.A4Poster: "size: 210mm 297mm",
		qrcodes.A6Card:   "size: 105mm 148mm",
	} {
		t.Run(string(sheet), func(t *testing.T) {
			doc := parseSheet(t, sheet, labels)
			if style := doc.Find("style").Text(); strings.Count(style, "@page") != 1 || !strings.Contains(style, pageSize) {
				t.Errorf("style lacks its one @page with %q", pageSize)
			}
			if n := doc.Find("section.label").Length(); n != len(labels) {
				t.Fatalf("%d labels on the sheet, want %d", n, len(labels))
			}
			doc.Find("section.label").Each(func(i int, section *goquery.Selection) {
				checkSection(t, section, labels[i])
			})
		})
	}
}

func checkSection(t *testing.T, section *goquery.Selection, label qrcodes.Label) {
	t.Helper()
	for selector, want := range map[string]string{
		".window": label.Window,
		".hall":   label.Hall,
		".bureau": label.Bureau,
		".ask":    "请扫码评价本次服务 Scan to rate the service",
		".how":    "匿名、十秒完成 Anonymous, ten seconds",
	} {
		if got := section.Find(selector).Text(); got != want {
			t.Errorf("place %s: %s says %q, want %q", label.Place, selector, got, want)
		}
	}
	if !strings.HasSuffix(section.Find(".link").Text(), label.Link) {
		t.Errorf("place %s: the link is not printed", label.Place)
	}
	if marked := strings.Contains(section.Text(), "示例 SAMPLE"); marked != label.Sample {
		t.Errorf("place %s: marked as a sample: %t, want %t", label.Place, marked, label.Sample)
	}
	svg := must(goquery.OuterHtml(section.Find(".symbol svg")))
	if got := scan(t, rasterise(t, svg)); got != label.Link {
		t.Errorf("place %s: symbol reads %q, want %q", label.Place, got, label.Link)
	}
}

func TestSheetStandsAlone(t *testing.T) {
	doc := parseSheet(t, qrcodes.A4Poster, testLabels())
	if n := doc.Find("script, link, img, iframe, object, base, b, [src], [href], [onload]").Length(); n != 0 {
		t.Errorf("%d elements that run, load or slipped in unescaped", n)
	}
	if style := doc.Find("style").Text(); strings.Contains(style, "url(") || strings.Contains(style, "@import") {
		t.Error("the style loads something")
	}
}

// Asking for good ratings is forbidden, so no printed word may lean that way.
func TestSheetDoesNotNudge(t *testing.T) {
	text := strings.ToLower(parseSheet(t, qrcodes.A6Card, testLabels()).Text())
	for _, word := range []string{"好评", "满意", "五星", "点赞", "支持", "good", "satisf", "star", "please"} {
		if strings.Contains(text, word) {
			t.Errorf("the sheet says %q", word)
		}
	}
}

func TestWriteSheetFails(t *testing.T) {
	if err := qrcodes.WriteSheet(io.Discard, "a5", testLabels()); err == nil {
		t.Error("an unknown form was accepted")
	}
	if err := qrcodes.WriteSheet(io.Discard, qrcodes.A6Card, []qrcodes.Label{{Window: "no link"}}); err == nil {
		t.Error("a label without a link was accepted")
	}
	if err := qrcodes.WriteSheet(fullDisk{}, qrcodes.A6Card, testLabels()); !errors.Is(err, errFull) {
		t.Errorf("writer failed, WriteSheet says %v", err)
	}
}

func parseSheet(t *testing.T, sheet qrcodes.Sheet, labels []qrcodes.Label) *goquery.Document {
	t.Helper()
	var page bytes.Buffer
	if err := qrcodes.WriteSheet(&page, sheet, labels); err != nil {
		t.Fatal(err)
	}
	doc, err := goquery.NewDocumentFromReader(&page)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

var errFull = errors.New("disk full")

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"manyi/survey"
	"manyi/survey/mongostore/mongotest"
	"manyi/survey/storetest"
)

// published publishes into a file, and returns the key it is signed with.
func (c commands) published(file string, more ...string) (key string) {
	c.t.Helper()
	_, key, _ = strings.Cut(c.run(append([]string{"publish", "--out", file}, more...)...), "\nkey: ")
	return strings.TrimSpace(key)
}

func TestReviewImport(t *testing.T) {
	c := newFolder(t)
	reviewImport(t, c, c.base())
}

func TestReviewImportOnMongoDB(t *testing.T) {
	uri := mongotest.Open(t)
	i := newInstallation(t, uri, uri)
	reviewImport(t, i.commands(t), i.base())
}

// reviewImport takes bundles of another installation into a copy without a survey.
func reviewImport(t *testing.T, c commands, b *base) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	kept := func() (list []survey.Publication) {
		t.Helper()
		if err := b.store.Publications(t.Context(), survey.PublicationQuery{}, func(p survey.Publication) error { list = append(list, p); return nil }); err != nil {
			t.Fatal(err)
		}
		return list
	}
	source := filledFolder(t)
	from := source.base()
	rated(t, from, 1, storetest.GulouHR1, 30, 8)
	rated(t, from, 2, storetest.SimingTax, 25, 5)
	first := at("1.zip")
	key := source.published(first)
	signer := strings.Join(strings.SplitN(key, "+", 3)[:2], "+") // without the key itself

	// Nobody trusts the signer yet, and a copy that was tampered with is refused whoever signed it.
	c.refused([]string{"review", "import", first, "--yes"}, "1.zip is refused, and nothing was changed", signer, key, "--key", "MANYI_REVIEW_KEYS")
	c.refused([]string{"review", "import", first, "--key", "manyi"}, "--key", "no public key")
	whole := read(t, first)
	tampered := at("tampered.zip")
	for _, change := range [][2]string{{`"n": 38`, `"n": 39`}, {":true\t", ":trus\t"}, {"y2024/whole/1", "y2024/whole/2"}} {
		changed := bytes.Replace(whole, []byte(change[0]), []byte(change[1]), 1)
		if bytes.Equal(changed, whole) {
			t.Fatalf("the bundle holds no %q", change[0])
		}
		if err := os.WriteFile(tampered, changed, 0o600); err != nil {
			t.Fatal(err)
		}
		c.refused([]string{"review", "import", tampered, "--key", key, "--yes"}, "tampered.zip is refused", "does not hold")
	}
	if n := len(kept()); n != 0 {
		t.Fatalf("what was refused left %d publications", n)
	}

	// It is shown, and taken in only when it is asked for.
	take := func(file string, more ...string) string {
		t.Helper()
		return c.run(append([]string{"review", "import", file, "--key", key}, more...)...)
	}
	wants := func(what, got string, words ...string) {
		t.Helper()
		for _, w := range words {
			if !strings.Contains(got, w) {
				t.Errorf("%s printed\n%s\nwhich lacks %q", what, got, w)
			}
		}
	}
	wants("a look", take(first), "publication: y2024/whole/1, public", "signer: "+signer, "350102-HR 福建省福州市鼓楼区人社局: 38 responses, 30 good", "--yes")
	if n := len(kept()); n != 0 {
		t.Fatalf("a look took %d publications in", n)
	}
	wants("the import", take(first, "--yes"), "taken in: y2024/whole/1 of "+signer)
	wants("the same again", take(first, "--yes"), "unchanged: y2024/whole/1")
	list := kept()
	if len(list) != 1 || list[0].Source != key || list[0].N != 68 || list[0].By != "command" || list[0].Sample {
		t.Fatalf("kept %+v", list)
	}
	p, err := b.store.Publication(t.Context(), list[0].PublicationID)
	if err != nil || !bytes.Contains(whole, p.Public.Body) || !bytes.Contains(whole, p.Public.Signature) {
		t.Errorf("document or signature are not those of the bundle: %v", err)
	}

	// A correction says line by line what is another number.
	rated(t, from, 4, storetest.GulouHR1, 20, 5)
	second := at("2.zip")
	source.published(second)
	look := take(second)
	wants("the correction", look, "corrects: y2024/whole/1", "numbers differ from y2024/whole/1", "350102-HR counted.qr.n: 38 -> 63 (responses)", "350102-HR counted.qr.good: 30 -> 50")
	if strings.Contains(look, "350203-TAX") {
		t.Errorf("a bureau that did not change is listed:\n%s", look)
	}
	c.env["MANYI_REVIEW_KEYS"] = key // in place of the flag
	wants("the correction", c.run("review", "import", second, "--yes"), "taken in: y2024/whole/2")
	if n := len(kept()); n != 2 {
		t.Errorf("%d publications are kept, want both", n)
	}
	// The table has the last one of each source, with every figure in a file.
	wants("the table", c.run("review", "table"), "350102-HR", " 63 ", "79.37%", "y2024/whole/2", signer)
	for _, out := range []string{at("review.csv"), at("review.xlsx")} {
		wants("the table", c.run("review", "table", "--survey", "y2024", "--period", "whole", "--out", out), "rows: 5, of 1 publications")
	}
	table := string(read(t, at("review.csv")))
	wants("the file", table, "y2024/whole/2,"+signer+","+key+",public,false,y2024,whole,1,", "350102-HR,", "350203-TAX,")
	wants("no such period", c.run("review", "table", "--period", "2023"), "nothing was taken in")
	c.refused([]string{"review", "table", "--out", at("review.doc")}, "--out", ".xlsx")

	source.refused([]string{"review", "import", first, "--key", key}, "by this installation")
	c.refused([]string{"review", "import", at("none.zip")}, "none.zip")
	c.refused([]string{"review", "import", source.file("x.zip", "PK")}, "it is no bundle")
}

// TestReviewOfSamples: demo data cannot be taken for real by a reviewer either.
func TestReviewOfSamples(t *testing.T) {
	source := commands{t, map[string]string{"MANYI_DATA": sampleFolder(t, 5)}}
	file := filepath.Join(t.TempDir(), "sample.zip")
	key := source.published(file, "--sample")
	c := newFolder(t)
	c.refused([]string{"review", "import", file, "--key", key, "--yes"}, "--sample")
	if got := c.run("review", "import", file, "--key", key, "--yes", "--sample"); !strings.Contains(got, "SAMPLE") || !strings.Contains(got, "taken in") {
		t.Errorf("review import printed %q", got)
	}
	if err := c.base().store.Publications(t.Context(), survey.PublicationQuery{Taken: true}, func(p survey.Publication) error {
		if !p.Sample {
			t.Errorf("%s lost its mark", p.PublicationID)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

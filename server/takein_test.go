package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"manyi/survey"
	"manyi/survey/mongostore/mongotest"
	"manyi/survey/storetest"
)

// sent is what the API of a reviewer's copy answers to a bundle.
type sent struct {
	status  int
	kind    string
	State   string
	Seen    string
	Detail  string
	Signer  string
	Before  *struct{ Publication string }
	Changes []struct {
		Place, What string
		Was, Will   float64
		Why         string
	}
	Units []struct {
		Place   string
		N, Good int64
	}
}

// bring sends a bundle to the API of a reviewer's copy.
func bring(t *testing.T, base, token, query string, bundle []byte) (s sent) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/api/v1/review/publications?"+query, bytes.NewReader(bundle))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/zip")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		t.Fatalf("status %d, %v: %s", res.StatusCode, err, text)
	}
	s.status, s.kind = res.StatusCode, res.Header.Get("Content-Type")
	return s
}

func TestPublicationsTakenInByAPI(t *testing.T) {
	c := newFolder(t)
	takenInByAPI(t, c, c.base())
}

func TestPublicationsTakenInByAPIOnMongoDB(t *testing.T) {
	uri := mongotest.Open(t)
	i := newInstallation(t, uri, uri)
	takenInByAPI(t, i.commands(t), i.base())
}

// takenInByAPI brings bundles of another installation to a copy without a survey.
func takenInByAPI(t *testing.T, c commands, b *base) {
	dir := t.TempDir()
	source := filledFolder(t)
	publish := func(name string) []byte {
		source.published(filepath.Join(dir, name))
		return read(t, filepath.Join(dir, name))
	}
	rated(t, source.base(), 1, storetest.GulouHR1, 30, 8)
	key := source.published(filepath.Join(dir, "1.zip"))
	first := read(t, filepath.Join(dir, "1.zip"))
	rated(t, source.base(), 4, storetest.GulouHR1, 20, 5)
	second := publish("2.zip")
	rated(t, source.base(), 5, storetest.SimingTax, 25, 5)
	third := publish("3.zip")
	kept := func() (n int) {
		t.Helper()
		if err := b.store.Publications(t.Context(), survey.PublicationQuery{Taken: true}, func(survey.Publication) error { n++; return nil }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	token := last(c.run("token", "add", "checker", "--role", "reviewer"))

	// Nobody trusts the signer yet.
	stranger := bring(t, c.serve(), token, "", first)
	if stranger.status != http.StatusUnprocessableEntity || stranger.kind != "application/problem+json" || !strings.Contains(stranger.Detail, "MANYI_REVIEW_KEYS") || !strings.Contains(stranger.Detail, key) {
		t.Errorf("a stranger's bundle: status %d, %s, %q", stranger.status, stranger.kind, stranger.Detail)
	}
	c.env["MANYI_REVIEW_KEYS"] = key
	base := c.serve()
	refused := map[string][]byte{"junk": []byte("PK\x03\x04 and no bundle"), "cut off": first[:len(first)/2],
		"tampered with": bytes.Replace(first, []byte(`"n": 38`), []byte(`"n": 39`), 1), "large and no bundle": bytes.Repeat([]byte("x"), 1<<20)}
	for name, file := range refused {
		if got := bring(t, base, token, "take=x", file); got.status != http.StatusUnprocessableEntity || got.kind != "application/problem+json" || !strings.Contains(got.Detail, "does not hold") {
			t.Errorf("%s: status %d, %s, %q", name, got.status, got.kind, got.Detail)
		}
	}
	if got := bring(t, base, token, "sample=true", first); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.Detail, "no sample") {
		t.Errorf("wanted as a sample: status %d, %q", got.status, got.Detail)
	}
	if n := kept(); n != 0 {
		t.Fatalf("what was refused left %d publications", n)
	}

	// A look takes nothing; what was seen is taken, once.
	look := bring(t, base, token, "", first)
	if look.status != http.StatusOK || look.State != "offered" || look.Before != nil || len(look.Changes) != 0 || kept() != 0 {
		t.Fatalf("a look: %+v, %d kept", look, kept())
	}
	found := false
	for _, u := range look.Units {
		found = found || u.Place == "350102-HR" && u.N == 38 && u.Good == 30
	}
	if !found {
		t.Errorf("units %+v", look.Units)
	}
	if got := bring(t, base, token, "take=1", first); got.status != http.StatusConflict || kept() != 0 {
		t.Errorf("taken without a look: status %d, %d kept", got.status, kept())
	}
	if got := bring(t, base, token, "take="+look.Seen, first); got.status != http.StatusCreated || got.State != "taken" || kept() != 1 {
		t.Fatalf("taken: %+v, %d kept", got, kept())
	}
	for _, query := range []string{"", "take=" + look.Seen} {
		if got := bring(t, base, token, query, first); got.status != http.StatusOK || got.State != "unchanged" || kept() != 1 {
			t.Errorf("again with %q: %+v, %d kept", query, got, kept())
		}
	}

	// A correction shows number by number what it changes. If another one is taken in
	// meanwhile, what was seen is no longer what would be taken.
	correction := bring(t, base, token, "", third)
	change := false
	for _, x := range correction.Changes {
		change = change || x.Place == "350102-HR" && x.What == "counted.qr.n" && x.Was == 38 && x.Will == 63
	}
	if correction.Before == nil || correction.Before.Publication != "y2024/whole/1" || !change {
		t.Errorf("the correction: %+v", correction)
	}
	between := bring(t, base, token, "", second)
	if got := bring(t, base, token, "take="+between.Seen, second); got.status != http.StatusCreated || kept() != 2 {
		t.Fatalf("taken in between: %+v", got)
	}
	if got := bring(t, base, token, "take="+correction.Seen, third); got.status != http.StatusConflict || got.kind != "application/problem+json" || kept() != 2 {
		t.Errorf("after another was taken in: status %d, %d kept", got.status, kept())
	}
	anew := bring(t, base, token, "", third)
	if anew.Before == nil || anew.Before.Publication != "y2024/whole/2" {
		t.Errorf("looked at again: %+v", anew)
	}
	if got := bring(t, base, token, "take="+anew.Seen, third); got.status != http.StatusCreated || kept() != 3 {
		t.Errorf("taken: %+v, %d kept", got, kept())
	}
	var whole survey.Publication
	if err := b.store.Publications(t.Context(), survey.PublicationQuery{Taken: true}, func(p survey.Publication) error { whole = p; return nil }); err != nil {
		t.Fatal(err)
	}
	whole, err := b.store.Publication(t.Context(), whole.PublicationID)
	if err != nil || whole.No != 3 || whole.By != "checker" || !bytes.Contains(third, whole.Public.Body) || !bytes.Contains(third, whole.Public.Signature) {
		t.Errorf("kept %s by %s, %v; or document or signature are not those of the bundle", whole.PublicationID, whole.By, err)
	}
}

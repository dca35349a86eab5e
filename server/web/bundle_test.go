package web

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"manyi/jobs"
	logs "manyi/stats/proof"
	"manyi/stats/proof/bundle"
	"manyi/survey"
	"manyi/survey/intake"
	"manyi/survey/storetest"
)

// publish stores n responses, logs and publishes them, and returns the key of the signer.
func (s *site) publish(n int) (id survey.PublicationID, key string) {
	s.t.Helper()
	f := storetest.NewFacts(3, s.survey)
	var made []survey.Response
	for i := range n {
		made = append(made, f.Response(storetest.GulouHR1, s.clock().Add(-time.Duration(i)*time.Second), func(r *survey.Response) { r.Level = survey.Levels[i%5] }))
	}
	must(s.t, ignore(s.store.AddResponses(s.t.Context(), made)))
	return s.closePeriod()
}

// closePeriod logs and publishes what is stored.
func (s *site) closePeriod() (id survey.PublicationID, key string) {
	s.t.Helper()
	ctx := s.t.Context()
	secrets, err := intake.NewSecrets(siteSecret)
	must(s.t, err)
	signer, err := logs.NewSigner(siteSecret)
	must(s.t, err)
	l := jobs.Logger{Store: s.store, Keys: secrets, Signer: signer, Zone: s.survey.Location()}
	_, err = l.Receipts(ctx, s.clock())
	must(s.t, err)
	_, err = l.Data(ctx, s.survey.Closes)
	must(s.t, err)
	p := survey.Publication{PublicationID: survey.PublicationID{Survey: s.survey.ID, Period: "whole", No: 1}, At: s.clock(), By: "admin", Checkpoint: 1}
	for _, a := range bundle.Audiences {
		d, err := bundle.Build(ctx, s.store, bundle.Query{Survey: s.survey, Tree: storetest.Tree(), Period: bundle.WholePeriod, Audience: a, No: 1,
			AsOf: s.clock(), Program: "test", Tags: secrets, Signer: signer})
		must(s.t, err)
		body, err := d.Encode()
		must(s.t, err)
		signature, err := bundle.SignDocument(d, body, signer)
		must(s.t, err)
		if a == bundle.Public {
			p.Public = survey.NewDocument(body, signature)
		} else {
			p.Auditor = survey.NewDocument(body, signature)
		}
	}
	must(s.t, s.store.PutPublication(ctx, p))
	return p.PublicationID, signer.Key
}

func verified(text, key string) (bundle.Report, error) {
	return bundle.Verify(strings.NewReader(text), int64(len(text)), bundle.Options{Key: key})
}

func TestBundlesInTheAPI(t *testing.T) {
	s := newSite(t)
	id, key := s.publish(100)
	address := "/api/v1/publications/" + id.String() + "/bundle.zip"
	p, err := s.store.Publication(t.Context(), id)
	must(t, err)
	for query, want := range map[string]struct {
		role     survey.Role
		file     string
		audience bundle.Audience
		document survey.Document
	}{
		"":              {survey.Reviewer, "y2024-whole-1.zip", bundle.Public, p.Public},
		"?for=auditors": {survey.Auditor, "y2024-whole-1-auditor.zip", bundle.Auditor, p.Auditor},
	} {
		as := s.token(want.role, "")
		a := s.get(address+query, as)
		tag := fmt.Sprintf(`W/"%x"`, want.document.SHA256)
		if a.StatusCode != http.StatusOK || a.Header.Get("Content-Type") != "application/zip" || a.Header.Get("ETag") != tag ||
			!strings.Contains(a.Header.Get("Content-Disposition"), `"`+want.file+`"`) {
			t.Errorf("%s: status %d, %v", query, a.StatusCode, a.Header)
		}
		r, err := verified(a.text, key)
		if err != nil || r.Document.Audience != want.audience || r.Responses != 100 {
			t.Errorf("%s: %d responses for %q, %v", query, r.Responses, r.Document.Audience, err)
		}
		for tags, status := range map[string]int{tag: 304, tag[2:]: 304, `W/"x"`: 200} {
			if a := s.get(address+query, as, ifNoneMatch(tags)); a.StatusCode != status || status == 304 && a.text != "" {
				t.Errorf("%s, If-None-Match %s: status %d, want %d", query, tags, a.StatusCode, status)
			}
		}
	}
	for path, want := range map[string]int{address + "?for=auditors": 403, address + "?for=anybody": 422, strings.Replace(address, "/1/", "/2/", 1): 404} {
		if a := s.get(path, s.token(survey.Reviewer, "")); a.StatusCode != want {
			t.Errorf("%s: status %d, want %d", path, a.StatusCode, want)
		}
	}
}

// TestFilesOfABundleByThemselves: what may be had alone is to the byte what the bundle holds.
func TestFilesOfABundleByThemselves(t *testing.T) {
	s := newSite(t)
	id, _ := s.publish(100)
	address := "/api/v1/publications/" + id.String() + "/"
	as := s.token(survey.Auditor, "")
	const name = "y2024-whole-1-"
	for _, query := range []string{"", "?for=auditors"} {
		whole := s.get(address+"bundle.zip"+query, as).text
		z, err := zip.NewReader(strings.NewReader(whole), int64(len(whole)))
		must(t, err)
		alone := 0
		for _, f := range z.File {
			a := s.get(address+f.Name+query, as)
			if a.StatusCode == http.StatusNotFound {
				continue
			}
			alone++
			r, err := f.Open()
			must(t, err)
			want, err := io.ReadAll(r)
			must(t, err)
			if a.StatusCode != http.StatusOK || a.text != string(want) {
				t.Errorf("%s%s: status %d, %d bytes, want %d", f.Name, query, a.StatusCode, len(a.text), len(want))
			}
			inline := a.Header.Get("Content-Disposition") == ""
			if inline != strings.HasSuffix(f.Name, ".html") || !inline && !strings.Contains(a.Header.Get("Content-Disposition"), `"`+name+f.Name+`"`) {
				t.Errorf("%s is sent as %q", f.Name, a.Header.Get("Content-Disposition"))
			}
			if csp := a.Header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'") || strings.Contains(csp, "script") {
				t.Errorf("%s: policy %q", f.Name, csp)
			}
			if a := s.get(address+f.Name+query, as, ifNoneMatch(a.Header.Get("ETag"))); a.StatusCode != http.StatusNotModified {
				t.Errorf("%s again: status %d", f.Name, a.StatusCode)
			}
		}
		if alone != 4 {
			t.Errorf("%d files may be had alone", alone)
		}
	}
	for path, want := range map[string]int{"summary.csv?for=auditors": 403, "summary.xls": 404, "leaves.tsv": 404, "..%2fpublication.json": 404} {
		if a := s.get(address+path, s.token(survey.Reviewer, "")); a.StatusCode != want {
			t.Errorf("%s: status %d, want %d", path, a.StatusCode, want)
		}
	}
}

// slowOpenings is a store that stops for a while, or for good, in the middle of the log.
type slowOpenings struct {
	survey.Store
	at   int64
	stop atomic.Pointer[func() error]
}

func (s *slowOpenings) Openings(ctx context.Context, from, to int64, yield func(survey.FactOpening) error) error {
	return s.Store.Openings(ctx, from, to, func(o survey.FactOpening) error {
		if stop := s.stop.Load(); stop != nil && o.Index == s.at {
			if err := (*stop)(); err != nil {
				return err
			}
		}
		return yield(o)
	})
}

// TestABundleGoesOutAsItIsMade: it is sent before the store has given all of it, and one
// that is cut off can be told from a whole one twice over.
func TestABundleGoesOutAsItIsMade(t *testing.T) {
	slow := &slowOpenings{at: 1900}
	s := newSite(t, func(d *Deps) { slow.Store = d.Store; d.Store = slow })
	id, key := s.publish(2000)
	address := "http://" + s.listen() + "/api/v1/publications/" + id.String() + "/bundle.zip"
	as := s.token(survey.Reviewer, "")
	client := &http.Client{Timeout: time.Minute}
	defer client.CloseIdleConnections()
	read := func(came func()) (string, error) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		must(t, err)
		as(req)
		res, err := client.Do(req)
		must(t, err)
		defer res.Body.Close()
		start := make([]byte, 1<<16)
		_, err = io.ReadFull(res.Body, start)
		must(t, err)
		came()
		rest, err := io.ReadAll(res.Body)
		return string(append(start, rest...)), err
	}

	came := make(chan struct{})
	wait := func() error { <-came; return nil }
	slow.stop.Store(&wait)
	whole, err := read(func() { close(came) })
	must(t, err)
	if r, err := verified(whole, key); err != nil || r.Responses != 2000 {
		t.Fatalf("%d responses, %v", r.Responses, err)
	}

	fail := func() error { return errors.New("the disk is gone") }
	slow.stop.Store(&fail)
	part, err := read(func() {})
	if err == nil {
		t.Error("the transfer ended as if the part were the whole")
	}
	if !strings.HasPrefix(whole, part) || len(part) == len(whole) {
		t.Errorf("%d of %d bytes came, or others", len(part), len(whole))
	}
	if _, err := verified(part, key); err == nil {
		t.Error("a part of a bundle holds")
	}
}

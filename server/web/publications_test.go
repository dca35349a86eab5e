package web

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"testing"

	"manyi/survey"
	"manyi/survey/storetest"
)

func ifNoneMatch(tags string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("If-None-Match", tags) }
}

func TestPublicationsInTheAPI(t *testing.T) {
	s := newSite(t)
	first, second := storetest.Publication("2024", 1), storetest.Publication("2024", 2)
	quarter := storetest.Publication("2024-Q1", 1)
	quarter.Auditor = survey.Document{}
	for _, p := range []survey.Publication{first, second, quarter, storetest.TakenPublication("manyi+1+A", "2024-Q4", 1)} {
		must(t, s.store.PutPublication(t.Context(), p))
	}
	list := func(query string) (ids []string) {
		var answer struct {
			Publications []struct {
				ID, SHA256, URL string
				Corrects        int
			}
		}
		must(t, json.Unmarshal([]byte(s.get("/api/v1/publications"+query, s.token(survey.Reviewer, "")).text), &answer))
		for _, p := range answer.Publications {
			ids = append(ids, p.ID)
			if p.URL != "https://pj.example.gov.cn/api/v1/publications/"+p.ID || p.ID == "y2024/2024/2" && (p.Corrects != 1 || p.SHA256 != hex.EncodeToString(second.Public.SHA256[:])) {
				t.Errorf("listed %+v", p)
			}
		}
		return ids
	}
	same := func(what string, got []string, want ...string) {
		t.Helper()
		if len(got) != len(want) {
			t.Fatalf("%s: %v, want %v", what, got, want)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("%s: %v, want %v", what, got, want)
			}
		}
	}
	same("all made here", list(""), "y2024/2024/1", "y2024/2024/2", "y2024/2024-Q1/1")
	same("of a period", list("?survey=y2024&period=2024-Q1"), "y2024/2024-Q1/1")
	same("of nothing", list("?survey=none"))

	const address = "/api/v1/publications/y2024/2024/1"
	staff := s.token(survey.Staff, storetest.GulouHR1)
	a := s.get(address, staff)
	sum := sha256.Sum256([]byte(a.text))
	tag := `"` + hex.EncodeToString(sum[:]) + `"`
	if a.StatusCode != http.StatusOK || a.text != string(first.Public.Body) || a.Header.Get("ETag") != tag || a.Header.Get("Content-Type") != "application/json" {
		t.Errorf("status %d, ETag %s, want %s: %s", a.StatusCode, a.Header.Get("ETag"), tag, a.text)
	}
	if got := a.Header.Get("Cache-Control"); got != "private, max-age=31536000, immutable" {
		t.Errorf("Cache-Control %q", got)
	}
	for tags, want := range map[string]int{tag: http.StatusNotModified, `"x", W/` + tag: http.StatusNotModified, "*": http.StatusNotModified, `"x"`: http.StatusOK, tag[1:]: http.StatusOK} {
		a := s.get(address, staff, ifNoneMatch(tags))
		if a.StatusCode != want || a.StatusCode == http.StatusNotModified && (a.text != "" || a.Header.Get("ETag") != tag) {
			t.Errorf("If-None-Match %s: status %d, want %d", tags, a.StatusCode, want)
		}
	}
	for path, want := range map[string]int{
		"/y2024/2024/3": 404, "/y2024/2024/01": 404, "/y2024/2024/x": 404, "/y2024/2024-Q4/1": 404, "/y2024/..%2f2024/1": 404,
		"/y2024/2024/1?for=anybody": 422, "/y2024/2024/1?for=auditors": 403,
	} {
		if a := s.get("/api/v1/publications"+path, staff); a.StatusCode != want {
			t.Errorf("%s: status %d, want %d", path, a.StatusCode, want)
		}
	}
	for role, want := range map[survey.Role]int{survey.Organiser: 200, survey.Auditor: 200, survey.Reviewer: 403, survey.Evaluator: 403} {
		a := s.get(address+"?for=auditors", s.token(role, ""))
		if a.StatusCode != want || want == 200 && a.text != string(first.Auditor.Body) {
			t.Errorf("the auditors' document for %s: status %d, want %d", role, a.StatusCode, want)
		}
	}
	if a := s.get("/api/v1/publications/y2024/2024-Q1/1?for=auditors", s.token(survey.Auditor, "")); a.StatusCode != http.StatusNotFound {
		t.Errorf("a document there is none of: status %d", a.StatusCode)
	}
}

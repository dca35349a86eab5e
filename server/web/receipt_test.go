package web

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"manyi/jobs"
	logs "manyi/stats/proof"
	"manyi/survey"
	"manyi/survey/intake"
	"manyi/survey/storetest"
)

// logReceipts appends as the job does.
func (s *site) logReceipts() {
	s.t.Helper()
	keys, err := intake.NewSecrets(siteSecret)
	must(s.t, err)
	signer, err := logs.NewSigner(siteSecret)
	must(s.t, err)
	_, err = jobs.Logger{Store: s.store, Keys: keys, Signer: signer, Zone: s.survey.Location()}.Receipts(s.t.Context(), s.clock())
	must(s.t, err)
}

func TestLogsAreMeasured(t *testing.T) {
	s := newSite(t)
	token := s.token(survey.Organiser, "")
	want := func(lines ...string) {
		t.Helper()
		text := s.get("/metrics", token).text
		for _, line := range lines {
			if !strings.Contains(text, "\nmanyi_log_"+line+"\n") {
				t.Errorf("no line manyi_log_%s", line)
			}
		}
	}
	s.rate(s.code(storetest.GulouHR1), "satisfied")
	want(`leaves{log="receipts"} 0`, `leaves{log="data"} 0`, "checkpoint_timestamp_seconds 0")
	s.logReceipts()
	last, err := s.store.LastCheckpoint(t.Context())
	must(t, err)
	seconds := strconv.FormatFloat(float64(last.At.UnixMilli())/1000, 'g', -1, 64)
	want(`leaves{log="receipts"} 1`, `leaves{log="data"} 0`, "checkpoint_timestamp_seconds "+seconds)
}

func TestReceiptIsProvedAlikeForEveryLevel(t *testing.T) {
	s := newSite(t)
	code := s.code(storetest.GulouHR1)
	receipts := map[survey.Level]string{}
	for _, l := range survey.Levels {
		receipts[l] = receiptOn(t, s.rate(code, l.String(), "comment", "等了很久"))
	}
	look := func(receipt string, with ...string) answer {
		form := url.Values{"receipt": {receipt}}
		for i := 0; i < len(with); i += 2 {
			form.Set(with[i], with[i+1])
		}
		return s.post("/receipt", form)
	}
	if got := noticeOn(t, look(receipts[survey.Satisfied])); got != receiptUnknown {
		t.Errorf("before it is logged: %q", got)
	}
	s.logReceipts()
	var pages []string
	for _, l := range survey.Levels {
		// However it is typed.
		a := look(strings.ToLower(strings.ReplaceAll(receipts[l], "-", " ")))
		if got := noticeOn(t, a); got != receiptThere {
			t.Fatalf("%s: %q", l, got)
		}
		page := a.page(t)
		page.Find("[data-index]").SetText("N")
		page.Find("[name=receipt]").SetAttr("value", "R")
		text, err := page.Html()
		must(t, err)
		pages = append(pages, text)

		a = look(receipts[l], "do", "json")
		var p ReceiptProof
		if err := json.Unmarshal([]byte(a.text), &p); err != nil {
			t.Fatalf("%s: %v: %s", l, err, a.text)
		}
		verifier, err := note.NewVerifier(p.Key)
		must(t, err)
		state, err := logs.OpenState([]byte(p.Checkpoint), verifier)
		must(t, err)
		if err := tlog.CheckRecord(p.Proof, state.Receipts.Size, state.Receipts.Root, p.Index, tlog.RecordHash([]byte("manyi receipt 1\n"+receipts[l]))); err != nil {
			t.Errorf("%s: %v", l, err)
		}
		for _, said := range []string{l.String(), "level", "salt", "等了很久", storetest.GulouHR1} {
			if strings.Contains(a.text, said) {
				t.Errorf("the proof for %s says %q: %s", l, said, a.text)
			}
		}
	}
	for i := range pages {
		if pages[i] != pages[0] {
			t.Errorf("the page differs by level:\n%s\n%s", pages[i], pages[0])
		}
	}
	for _, wrong := range []string{"", "0000-0000-0000-0000", "x", receipts[survey.Satisfied] + "0"} {
		if got := noticeOn(t, look(wrong)); got != receiptUnknown {
			t.Errorf("receipt %q: %q", wrong, got)
		}
	}
}

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"manyi/stats/review"
	"manyi/survey/mongostore/mongotest"
	"manyi/survey/storetest"
)

// TestBrowserReview shows a reviewer what was taken in of another installation, on
// either engine. The copy has no survey of its own.
func TestBrowserReview(t *testing.T) {
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		chromium(t)
		c := newFolder(t)
		reviewJourney(t, c, newProcess("serve", "--data", c.env["MANYI_DATA"], "--addr", "127.0.0.1:0"))
	})
	t.Run("MongoDB", func(t *testing.T) {
		t.Parallel()
		chromium(t)
		uri := mongotest.Open(t)
		i := newInstallation(t, uri, uri)
		reviewJourney(t, i.commands(t), i.node(t.TempDir(), "127.0.0.1:0"))
	})
}

func reviewJourney(t *testing.T, c commands, p *process) {
	source := filledFolder(t)
	b, dir := source.base(), t.TempDir()
	first, second, tampered := filepath.Join(dir, "1.zip"), filepath.Join(dir, "2.zip"), filepath.Join(dir, "tampered.zip")
	rated(t, b, 1, storetest.GulouHR1, 30, 8)
	key := source.published(first)
	rated(t, b, 2, storetest.GulouHR1, 20, 5)
	source.published(second)
	changed := bytes.Replace(read(t, second), []byte(`"n": 63`), []byte(`"n": 64`), 1)
	if err := os.WriteFile(tampered, changed, 0o600); err != nil || bytes.Equal(changed, read(t, second)) {
		t.Fatalf("nothing was tampered with: %v", err)
	}

	c.env["MANYI_REVIEW_KEYS"] = key
	c.run("review", "import", first, "--yes")
	j := journey{Chromium: chromium(t), Shots: os.Getenv("MANYI_SHOTS"), User: "wang", Bureau: "350102-HR", Publication: "y2024/whole/1", Signer: review.Signer(key), N: 38}
	j.Password = last(c.run("user", "add", j.User, "--role", "reviewer", "--generate"))
	p.serve(t)
	j.Base = p.base
	j.run(t, "review")

	// A copy that was tampered with is refused, and the table stays as it was; the sound one is in it at once.
	c.refused([]string{"review", "import", tampered, "--yes"}, "does not hold", "publication.sig: the signature is over another document")
	if got := c.run("review", "table"); !strings.Contains(got, "y2024/whole/1") || strings.Contains(got, "y2024/whole/2") {
		t.Errorf("after a refusal the table is\n%s", got)
	}
	c.run("review", "import", second, "--yes")
	j.Publication, j.N = "y2024/whole/2", 63
	j.run(t, "review")
}

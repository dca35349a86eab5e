package webhook_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"manyi/survey/outward"
)

// The check in the README must take our signature and no other.
func TestReadmeVerifiesTheSignature(t *testing.T) {
	for _, tool := range []string{"sh", "openssl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("no %s here", tool)
		}
	}
	text, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)(^    .*Manyi-Signature.*\n(?:    .*\n)+)`).FindString(string(text))
	if !strings.Contains(found, "openssl") {
		t.Fatalf("no check of a signature in the README: %q", found)
	}
	file := filepath.Join(t.TempDir(), "body.json")
	body := []byte(`{"id":"1","kind":"reminder_before"}`)
	if err := os.WriteFile(file, body, 0o600); err != nil {
		t.Fatal(err)
	}
	key := strings.Repeat("k", 32)
	check := func(signature string) bool {
		cmd := exec.Command("sh", "-c", found)
		cmd.Dir = filepath.Dir(file)
		cmd.Env = append(os.Environ(), "SECRET="+key, "SIGNATURE="+signature)
		out, err := cmd.CombinedOutput()
		return err == nil && strings.Contains(string(out), "genuine")
	}
	good := outward.Sign([]byte(key), time.Unix(1709600000, 0), body)
	if !check(good) {
		t.Errorf("the README's check refuses %s", good)
	}
	for name, bad := range map[string]string{"another time": strings.Replace(good, "t=17", "t=18", 1), "another secret": outward.Sign([]byte("x"), time.Unix(1709600000, 0), body)} {
		if check(bad) {
			t.Errorf("the README's check takes %s", name)
		}
	}
}

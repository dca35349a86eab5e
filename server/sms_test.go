package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"manyi/survey/outward"
)

var codeIn = regexp.MustCompile(`验证码(\d{6})`)

// press sends the form of the page on which a phone is proved.
func press(t *testing.T, c *http.Client, base string, form url.Values) (int, string) {
	t.Helper()
	res, err := c.PostForm(base+"/verify", form)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// provePhone goes the citizen's whole way; code reads what came to the phone.
func provePhone(t *testing.T, base, windowCode string, code func() string) {
	t.Helper()
	citizen := browser(t)
	key, err := openForm(citizen, base, windowCode)
	if err != nil {
		t.Fatal(err)
	}
	form := rating(key, "dissatisfied")
	form.Set("comment", "等了很久")
	form.Set("phone", "13800138000")
	form.Set("consent", "1")
	receipt, err := sendForm(citizen, base, windowCode, form)
	if err != nil {
		t.Fatal(err)
	}
	if status, page := press(t, citizen, base, url.Values{"receipt": {receipt}, "do": {"send"}}); status != http.StatusOK || !strings.Contains(page, "138****8000") {
		t.Fatalf("asked for a code: %d, %.2000s", status, page)
	}
	if status, page := press(t, citizen, base, url.Values{"receipt": {receipt}, "do": {"check"}, "code": {code()}}); status != http.StatusOK || !strings.Contains(page, `data-notice="proved"`) {
		t.Errorf("typed the code: %d, %.2000s", status, page)
	}
}

func TestAPhoneIsProvedThroughTheGateway(t *testing.T) {
	secret := strings.Repeat("s", 32)
	messages := make(chan string, 1)
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var at int64
		fmt.Sscanf(r.Header.Get("Manyi-Signature"), "t=%d,", &at)
		if r.Header.Get("Manyi-Signature") != outward.Sign([]byte(secret), time.Unix(at, 0), body) {
			w.WriteHeader(http.StatusUnauthorized)
		}
		var m struct{ To, Text string }
		if err := json.Unmarshal(body, &m); err != nil || m.To != "13800138000" || !strings.HasPrefix(m.Text, "【闽政通】") {
			t.Errorf("the gateway got %s: %v", body, err)
		}
		messages <- m.Text
	}))
	defer gateway.Close()
	data := sampleFolder(t, 1)
	b := openFolder(t, data)
	p := newProcess("serve", "--data", data, "--addr", "127.0.0.1:0", "--sms-signature", "【闽政通】")
	p.cmd.Env = append(p.cmd.Env, "MANYI_SMS_URL="+gateway.URL, "MANYI_SMS_SECRET="+secret)
	p.serve(t)
	var code string
	provePhone(t, p.base, someCodes(t, b, 1)[0], func() string {
		code = codeIn.FindStringSubmatch(<-messages)[1]
		return code
	})
	for _, hidden := range []string{"13800138000", code, secret} {
		if strings.Contains(p.log.String(), hidden) {
			t.Errorf("the log holds %q", hidden)
		}
	}
}

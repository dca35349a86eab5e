package aliyun

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"sort"
	"strings"
	"testing"
	"time"

	"manyi/survey/sms"
)

var templates = []byte(`[{"code": "SMS_1", "text": "您好，请评价${item}：回复5到1，5为非常满意。编号${code}"}, {"code": "SMS_2", "text": "谢谢。"}]`)

var message = sms.Message{ID: "M-1", To: "13800138000", Text: "【满意】您好，请评价社保 卡*：回复5到1，5为非常满意。编号KF"}

const keySecret = "KEYSECRET-of-somebody"

func at(t *testing.T, address string) *Gateway {
	list, err := ReadTemplates(templates)
	if err != nil {
		t.Fatal(err)
	}
	return New(Options{Endpoint: address, KeyID: "LTAI-id", KeySecret: keySecret, Templates: list, Now: func() time.Time { return time.Unix(1_709_193_600, 0) }})
}

// The documentation of the signature gives one with all that goes into it.
func TestSignatureOfTheDocumentation(t *testing.T) {
	g := New(Options{KeyID: "YourAccessKeyId", KeySecret: "YourAccessKeySecret"})
	q := url.Values{"ImageId": {"win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd"}, "RegionId": {"cn-shanghai"}}
	req := httptest.NewRequest(http.MethodPost, "https://ecs.cn-shanghai.aliyuncs.com/?"+canonicalQuery(q), nil)
	g.sign(req, q, "RunInstances", "2014-05-26", "3156853299f313e23d1673dc12e1703d", time.Date(2023, 10, 26, 10, 22, 32, 0, time.UTC))
	want := "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version," +
		"Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
	if got := req.Header.Get("Authorization"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// genuine checks a request's signature on its own: from what came over the wire, with
// another way to escape.
func genuine(r *http.Request) error {
	body, _ := io.ReadAll(r.Body)
	sum := sha256.Sum256(body)
	if got := r.Header.Get("x-acs-content-sha256"); got != hex.EncodeToString(sum[:]) {
		return fmt.Errorf("content hash %q", got)
	}
	escape := func(s string) string {
		var b strings.Builder
		for _, c := range []byte(s) {
			if c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("-_.~", c) >= 0 {
				b.WriteByte(c)
			} else {
				fmt.Fprintf(&b, "%%%02X", c)
			}
		}
		return b.String()
	}
	var pairs []string
	for name, values := range r.URL.Query() {
		pairs = append(pairs, escape(name)+"="+escape(values[0]))
	}
	sort.Strings(pairs)
	m := regexp.MustCompile(`^ACS3-HMAC-SHA256 Credential=LTAI-id,SignedHeaders=([a-z0-9;-]+),Signature=([0-9a-f]{64})$`).FindStringSubmatch(r.Header.Get("Authorization"))
	if m == nil {
		return fmt.Errorf("authorization %q", r.Header.Get("Authorization"))
	}
	canonical := r.Method + "\n" + r.URL.Path + "\n" + strings.Join(pairs, "&") + "\n"
	for _, name := range strings.Split(m[1], ";") {
		value := r.Header.Get(name)
		if name == "host" {
			value = r.Host
		}
		canonical += name + ":" + value + "\n"
	}
	canonical += "\n" + m[1] + "\n" + hex.EncodeToString(sum[:])
	hashed := sha256.Sum256([]byte(canonical))
	mac := hmac.New(sha256.New, []byte(keySecret))
	fmt.Fprintf(mac, "ACS3-HMAC-SHA256\n%x", hashed)
	if hex.EncodeToString(mac.Sum(nil)) != m[2] {
		return errors.New("signature does not match")
	}
	for _, must := range []string{"host", "x-acs-action", "x-acs-date", "x-acs-signature-nonce", "x-acs-version", "x-acs-content-sha256"} {
		if !strings.Contains(";"+m[1]+";", ";"+must+";") {
			return fmt.Errorf("%s is not signed", must)
		}
	}
	return nil
}

func TestAMessageIsSignedAndHandedOver(t *testing.T) {
	nonces := map[string]bool{}
	stub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := genuine(r); err != nil {
			t.Error(err)
			w.WriteHeader(http.StatusForbidden)
			io.WriteString(w, `{"Code":"SignatureDoesNotMatch"}`)
			return
		}
		q := r.URL.Query()
		var params map[string]string
		json.Unmarshal([]byte(q.Get("TemplateParam")), &params)
		if r.Header.Get("x-acs-action") != "SendSms" || r.Header.Get("x-acs-version") != "2017-05-25" || r.Header.Get("x-acs-date") != "2024-02-29T08:00:00Z" ||
			q.Get("PhoneNumbers") != message.To || q.Get("SignName") != "满意" || q.Get("TemplateCode") != "SMS_1" || q.Get("OutId") != "M-1" ||
			len(params) != 2 || params["item"] != "社保 卡*" || params["code"] != "KF" {
			t.Errorf("%v, %v, %v", r.Header, q, params)
		}
		nonces[r.Header.Get("x-acs-signature-nonce")] = true
		io.WriteString(w, `{"Code":"OK","Message":"OK","BizId":"900619746936498440^0","RequestId":"F655A8D5"}`)
	}))
	defer stub.Close()
	g := at(t, stub.URL)
	for range 2 {
		if err := g.Send(t.Context(), message); err != nil {
			t.Error(err)
		}
	}
	if len(nonces) != 2 {
		t.Errorf("%d nonces of 2 requests", len(nonces))
	}
}

func TestTheStubTellsAForgedRequest(t *testing.T) {
	var seen error
	stub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "13800138000", "13800138001", 1)
		seen = genuine(r)
		w.WriteHeader(http.StatusForbidden)
		io.WriteString(w, `{"Code":"SignatureDoesNotMatch"}`)
	}))
	defer stub.Close()
	if err := at(t, stub.URL).Send(t.Context(), message); !errors.Is(err, sms.ErrAgain) || seen == nil {
		t.Errorf("%v, and the stub says %v", err, seen)
	}
}

func TestAnswersSayWhetherToSendAgain(t *testing.T) {
	check := func(what string, err error, refused, again bool) {
		t.Helper()
		if err == nil || errors.Is(err, sms.ErrRefused) != refused || errors.Is(err, sms.ErrAgain) != again {
			t.Errorf("%s: %v; want refused %v, again %v", what, err, refused, again)
			return
		}
		for _, hidden := range []string{message.To, keySecret, "LTAI", "社保", "评价"} {
			if strings.Contains(err.Error(), hidden) {
				t.Errorf("%s: the error holds %q: %v", what, hidden, err)
			}
		}
	}
	for _, c := range []struct {
		status         int
		body           string
		refused, again bool
	}{
		{200, `{"Code":"isv.MOBILE_NUMBER_ILLEGAL","Message":"13800138000 is illegal"}`, true, false},
		{400, `{"Code":"isv.SMS_TEMPLATE_ILLEGAL"}`, true, false},
		{200, `{"Code":"isv.BUSINESS_LIMIT_CONTROL"}`, false, true},
		{400, `{"Code":"Throttling.User"}`, false, true},
		{404, `{"Code":"InvalidAccessKeyId.NotFound"}`, false, true},
		{200, `{"Code":"isp.SYSTEM_ERROR"}`, false, false},
		{503, `{"Code":"ServiceUnavailable"}`, false, false},
		{500, `{"Code":"OK"}`, false, false},
		{502, `<html>`, false, false},
		{200, `{}`, false, false},
	} {
		stub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(c.status); io.WriteString(w, c.body) }))
		check(c.body, at(t, stub.URL).Send(t.Context(), message), c.refused, c.again)
		stub.Close()
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	check("nobody there", at(t, "http://"+ln.Addr().String()).Send(t.Context(), message), false, true)
	other := message
	other.Text = "【满意】社保 卡*评价"
	check("no template", at(t, "http://127.0.0.1:1").Send(t.Context(), other), true, false)
}

func TestTemplatesThatCannotBeUsed(t *testing.T) {
	for text, why := range map[string]string{
		``: "nothing", `[]`: "none", `[{"code":"SMS_1"}]`: "no text", `[{"text":"a"}]`: "no code",
		`[{"code":"SMS_1","text":"${a}${a}"}]`: "a place twice", `{"code":"SMS_1","text":"a"}`: "no list",
	} {
		if list, err := ReadTemplates([]byte(text)); err == nil {
			t.Errorf("%s (%s): %v", text, why, list)
		}
	}
}

func parse(body string) (sms.Received, sms.Answer, error) {
	return New(Options{}).Parse(sms.Call{Method: "POST", Body: []byte(body), Header: func(string) string { return "" }}, time.Now())
}

func TestCallsAreRead(t *testing.T) {
	in, answer, err := parse(`[{"phone_number":"13800138000","send_time":"2024-02-29 16:00:00","report_time":"2024-02-29 16:00:05","success":true,"err_code":"DELIVERED","err_msg":"用户接收成功","sms_size":"1","biz_id":"12345","out_id":"M-1"},
		{"phone_number":"13800138001","report_time":"2024-02-29 16:00:05","success":false,"err_code":"MK:0000","biz_id":"12346","out_id":67890},
		{"phone_number":"13800138002","success":true,"err_code":"DELIVERED","biz_id":"12347","out_id":""}]`)
	at := time.Date(2024, 2, 29, 8, 0, 5, 0, time.UTC)
	if err != nil || answer.Body != `{"code":0,"msg":"接收成功"}` || len(in.Reports) != 2 || len(in.Inbound) != 0 ||
		in.Reports[0] != (sms.Report{ID: "12345/M-1/DELIVERED", Message: "M-1", State: sms.Delivered, Reason: "DELIVERED", At: at}) ||
		in.Reports[1] != (sms.Report{ID: "12346/67890/MK:0000", Message: "67890", State: sms.Failed, Reason: "MK:0000", At: at}) {
		t.Errorf("%+v, %+v, %v", in, answer, err)
	}
	in, _, err = parse(`[{"phone_number":"13800138000","content":"５。很好","send_time":"2024-02-29 16:00:05","dest_code":"0001","sequence_id":1234567890123456789},
		{"phone_number":"8613800138001","content":"","send_time":"","dest_code":"0001","sequence_id":"77"}]`)
	if err != nil || len(in.Inbound) != 2 || in.Inbound[0] != (sms.Inbound{ID: "1234567890123456789", From: "13800138000", To: "0001", Text: "５。很好", At: at}) ||
		in.Inbound[1] != (sms.Inbound{ID: "77", From: "13800138001", To: "0001"}) {
		t.Errorf("%+v, %v", in, err)
	}
	for body, why := range map[string]string{
		``: "nothing", `{}`: "no array", `[1]`: "no object", `[{}]`: "neither report nor reply", `[{"phone_number":"13800138000","content":"5"}]`: "no sequence_id",
		`[{"phone_number":"a","content":"5","sequence_id":1}]`: "no number", `[{"sequence_id":{},"content":"5"}]`: "an object for an id",
	} {
		if in, _, err := parse(body); !errors.Is(err, sms.ErrCall) {
			t.Errorf("%s (%s): %+v, %v", body, why, in, err)
		}
	}
	if _, _, err := New(Options{}).Parse(sms.Call{Method: "GET"}, time.Now()); !errors.Is(err, sms.ErrCall) {
		t.Errorf("a GET: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`[{"phone_number":"13800138000","content":"5","sequence_id":1}]`)
	f.Add(`[{"success":true,"out_id":"a"}]`)
	f.Fuzz(func(t *testing.T, body string) {
		in, _, err := parse(body)
		if err != nil && !errors.Is(err, sms.ErrCall) {
			t.Errorf("%q: %v", body, err)
		}
		if again, err := in.Check(); err != nil || len(again.Inbound) != len(in.Inbound) {
			t.Errorf("%q: what was let through is not what may be: %v", body, err)
		}
	})
}

package webhook_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"manyi/survey/outward"
	"manyi/survey/sms"
	"manyi/survey/sms/webhook"
)

var secret = []byte(strings.Repeat("shared-", 6))

var message = sms.Message{ID: "M-1", To: "13800138000", Text: "【满意】验证码123456 <&>"}

func noon() time.Time { return time.Unix(1_709_193_600, 0) }

// gateway answers with what do says.
func gateway(t *testing.T, do http.HandlerFunc) *webhook.Gateway {
	s := httptest.NewServer(do)
	t.Cleanup(s.Close)
	return webhook.New(s.URL+"/in/TOKEN", secret, noon)
}

func TestAMessageIsSigned(t *testing.T) {
	var got atomic.Int32
	w := gateway(t, func(w http.ResponseWriter, r *http.Request) {
		got.Add(1)
		body, _ := io.ReadAll(r.Body)
		h := hmac.New(sha256.New, secret) // worked out here as the package's comment says
		h.Write([]byte("1709193600." + string(body)))
		if got, want := r.Header.Get("Manyi-Signature"), "t=1709193600,v1="+hex.EncodeToString(h.Sum(nil)); got != want {
			t.Errorf("signature %q, want %q", got, want)
		}
		var m map[string]string
		if err := json.Unmarshal(body, &m); err != nil || len(m) != 3 || m["id"] != message.ID || m["to"] != message.To || m["text"] != message.Text {
			t.Errorf("body %s: %v", body, err)
		}
		if r.Method != http.MethodPost || r.URL.Path != "/in/TOKEN" || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s, %s", r.Method, r.URL, r.Header.Get("Content-Type"))
		}
		w.WriteHeader(http.StatusAccepted)
	})
	if err := w.Send(t.Context(), message); err != nil || got.Load() != 1 {
		t.Errorf("%d requests, %v", got.Load(), err)
	}
}

// want checks what an error says about sending again, and that it keeps secrets.
func wantSaid(t *testing.T, what string, err error, refused, again bool) {
	t.Helper()
	if err == nil || errors.Is(err, sms.ErrRefused) != refused || errors.Is(err, sms.ErrAgain) != again {
		t.Errorf("%s: %v; want refused %v, again %v", what, err, refused, again)
		return
	}
	for _, hidden := range []string{message.To, "123456", "TOKEN", string(secret)} {
		if strings.Contains(err.Error(), hidden) {
			t.Errorf("%s: the error holds %q: %v", what, hidden, err)
		}
	}
}

func TestErrorsSayWhetherToSendAMessageAgain(t *testing.T) {
	for status, is := range map[int][2]bool{
		http.StatusBadRequest: {true, false}, http.StatusUnauthorized: {true, false}, http.StatusNotFound: {true, false},
		http.StatusTooManyRequests: {false, true}, http.StatusServiceUnavailable: {false, true},
		http.StatusInternalServerError: {}, http.StatusBadGateway: {}, http.StatusGatewayTimeout: {},
		http.StatusRequestTimeout: {}, http.StatusConflict: {}, http.StatusFound: {},
	} {
		w := gateway(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
		})
		wantSaid(t, http.StatusText(status), w.Send(t.Context(), message), is[0], is[1])
	}

	hung := gateway(t, func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) })
	wantSaid(t, "a lost connection", hung.Send(t.Context(), message), false, false)

	ctx, cancel := context.WithCancel(t.Context())
	slow := gateway(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // only then does the server notice that the client is gone
		cancel()
		<-r.Context().Done()
	})
	wantSaid(t, "no answer in time", slow.Send(ctx, message), false, false)

	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	nobody := webhook.New("http://"+ln.Addr().String()+"/in/TOKEN", secret, noon)
	wantSaid(t, "nobody there", nobody.Send(t.Context(), message), false, true)
	wantSaid(t, "no address", webhook.New("http://[TOKEN", secret, noon).Send(t.Context(), message), false, true)
}

// call is a gateway's request, signed at a time.
func call(body string, key []byte, at time.Time) sms.Call {
	signature := outward.Sign(key, at, []byte(body))
	return sms.Call{Method: "POST", Body: []byte(body), Header: func(name string) string {
		if name == outward.Header {
			return signature
		}
		return ""
	}}
}

func TestCallsAreReadOnce(t *testing.T) {
	g := webhook.New("https://h/in", secret, noon)
	body := `{"reports":[{"id":"M-1","state":"delivered","at":"2024-02-29T16:00:00+08:00"},{"id":"M-2","state":"failed","reason":"空号"}],
		"replies":[{"id":"R-1","from":"+8613800138000","to":"10690001","text":"５","at":"2024-02-29T16:00:00+08:00"}]}`
	genuine := call(body, secret, noon())
	in, answer, err := g.Parse(genuine, noon())
	if err != nil || answer.Body == "" || len(in.Reports) != 2 || in.Reports[0] != (sms.Report{ID: "M-1/delivered", Message: "M-1", State: sms.Delivered, At: noon().UTC()}) ||
		in.Reports[1] != (sms.Report{ID: "M-2/failed", Message: "M-2", State: sms.Failed, Reason: "空号"}) ||
		len(in.Inbound) != 1 || in.Inbound[0] != (sms.Inbound{ID: "R-1", From: "13800138000", To: "10690001", Text: "５", At: noon().UTC()}) {
		t.Errorf("%+v, %+v, %v", in, answer, err)
	}
	refused := func(what string, c sms.Call, at time.Time, want error) {
		t.Helper()
		if in, _, err := g.Parse(c, at); !errors.Is(err, want) {
			t.Errorf("%s: %+v, %v; want %v", what, in, err, want)
		}
	}
	refused("a replay", genuine, noon().Add(time.Minute), sms.ErrReplayed)
	refused("a replay when it is forgotten", genuine, noon().Add(time.Hour), sms.ErrForged)
	refused("another secret", call(body, []byte("x"), noon()), noon(), sms.ErrForged)
	refused("an old call", call(body, secret, noon().Add(-6*time.Minute)), noon(), sms.ErrForged)
	refused("no signature", sms.Call{Method: "POST", Body: []byte(body), Header: func(string) string { return "" }}, noon(), sms.ErrForged)
	get := call(body, secret, noon().Add(time.Second))
	get.Method = "GET"
	refused("a GET", get, noon(), sms.ErrForged)
	for i, bad := range []string{`{`, `{"reports":[{"id":"M-1","state":"queued"}]}`, `{"reports":[{"state":"failed"}]}`, `{"replies":[{"id":"1","text":"5"}]}`, `{"replies":[{"from":"13800138000","text":"5"}]}`} {
		refused(bad, call(bad, secret, noon().Add(time.Duration(i)*time.Second)), noon(), sms.ErrCall)
	}
	if _, _, err := g.Parse(call(body, secret, noon().Add(2*time.Second)), noon()); err != nil {
		t.Errorf("the same again, signed anew: %v", err)
	}
}

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

	"manyi/server/webhook"
	"manyi/survey/sms"
)

var message = sms.Message{ID: "M-1", To: "13800138000", Text: "【满意】验证码123456 <&>"}

func noon() time.Time { return time.Unix(1_709_193_600, 0) }

// gateway answers with what do says.
func gateway(t *testing.T, do http.HandlerFunc) *webhook.Messages {
	s := httptest.NewServer(do)
	t.Cleanup(s.Close)
	return webhook.NewMessages(s.URL+"/in/TOKEN", secret, noon)
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
	nobody := webhook.NewMessages("http://"+ln.Addr().String()+"/in/TOKEN", secret, noon)
	wantSaid(t, "nobody there", nobody.Send(t.Context(), message), false, true)
	wantSaid(t, "no address", webhook.NewMessages("http://[TOKEN", secret, noon).Send(t.Context(), message), false, true)
}

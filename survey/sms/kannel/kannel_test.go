package kannel_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"manyi/survey/sms"
	"manyi/survey/sms/kannel"
)

var message = sms.Message{ID: "0123456789abcdef", To: "13800138000", Text: "【满意】请评价：5非常满意 & 1"}

func gateway(t *testing.T, do http.HandlerFunc) *kannel.Gateway {
	s := httptest.NewServer(do)
	t.Cleanup(s.Close)
	return at(s.URL + "/cgi-bin/sendsms")
}

func at(address string) *kannel.Gateway {
	return kannel.New(kannel.Options{URL: address, User: "manyi", Password: "PASSWORD", From: "10690001", Callback: "http://127.0.0.1:8080/sms/SECRETPATH"})
}

func TestAMessageIsHandedOver(t *testing.T) {
	g := gateway(t, func(w http.ResponseWriter, r *http.Request) {
		want := map[string]string{"username": "manyi", "password": "PASSWORD", "from": "10690001", "to": message.To, "coding": "2", "charset": "UTF-8",
			"text": message.Text, "dlr-mask": "31", "dlr-url": "http://127.0.0.1:8080/sms/SECRETPATH?report=0123456789abcdef&state=%d&reason=%A"}
		for name, value := range want {
			if got := r.URL.Query().Get(name); got != value {
				t.Errorf("%s is %q, want %q", name, got, value)
			}
		}
		w.WriteHeader(http.StatusAccepted)
		io.WriteString(w, "0: Accepted for delivery")
	})
	if err := g.Send(t.Context(), message); err != nil {
		t.Error(err)
	}
}

func wantSaid(t *testing.T, what string, err error, refused, again bool) {
	t.Helper()
	if err == nil || errors.Is(err, sms.ErrRefused) != refused || errors.Is(err, sms.ErrAgain) != again {
		t.Errorf("%s: %v; want refused %v, again %v", what, err, refused, again)
		return
	}
	for _, hidden := range []string{message.To, "PASSWORD", "SECRETPATH", "评价", "cgi-bin"} {
		if strings.Contains(err.Error(), hidden) {
			t.Errorf("%s: the error holds %q: %v", what, hidden, err)
		}
	}
}

func TestAnswersSayWhetherToSendAgain(t *testing.T) {
	for _, c := range []struct {
		status         int
		body           string
		refused, again bool
	}{
		{400, "Empty receiver number not allowed, rejected", true, false},
		{413, "too long", true, false},
		{403, "Authorization failed for sendsms", false, true},
		{404, "Routing failure", false, true},
		{503, "Temporal failure, try again later.", false, true},
		{500, "", false, false},
		{202, "1: something else", false, false},
		{202, "", false, false},
		{200, "<html>not Kannel", false, false},
		{302, "", false, false},
		{408, "", false, false},
	} {
		g := gateway(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(c.status)
			io.WriteString(w, c.body)
		})
		wantSaid(t, c.body, g.Send(t.Context(), message), c.refused, c.again)
	}
	for _, body := range []string{"0: Accepted for delivery", "3: Queued for later delivery"} {
		g := gateway(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusAccepted)
			io.WriteString(w, body)
		})
		if err := g.Send(t.Context(), message); err != nil {
			t.Errorf("%s: %v", body, err)
		}
	}
	hung := gateway(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	wantSaid(t, "a lost connection", hung.Send(t.Context(), message), false, false)
	ctx, cancel := context.WithCancel(t.Context())
	slow := gateway(t, func(_ http.ResponseWriter, r *http.Request) { cancel(); <-r.Context().Done() })
	wantSaid(t, "no answer in time", slow.Send(ctx, message), false, false)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	wantSaid(t, "nobody there", at("http://"+ln.Addr().String()+"/cgi-bin/sendsms").Send(t.Context(), message), false, true)
}

var noon = time.Unix(1_709_193_600, 0).UTC()

func parse(query string) (sms.Received, error) {
	q, err := url.ParseQuery(query)
	if err != nil {
		return sms.Received{}, err
	}
	in, _, err := at("http://127.0.0.1").Parse(sms.Call{Method: "GET", Query: q, Header: func(string) string { return "" }}, noon)
	return in, err
}

func TestCallsAreRead(t *testing.T) {
	for query, want := range map[string]sms.ReportState{"1": sms.Delivered, "2": sms.Failed, "4": sms.Underway, "8": sms.Underway, "16": sms.Failed} {
		in, err := parse("report=abc&state=" + query + "&reason=ACK%2F")
		if err != nil || len(in.Reports) != 1 || in.Reports[0] != (sms.Report{ID: "abc/" + query, Message: "abc", State: want, Reason: "ACK/", At: noon}) {
			t.Errorf("state %s: %+v, %v", query, in, err)
		}
	}
	in, err := parse("reply=5f1b&from=%2B8613800138000&to=10690001&text=%EF%BC%95%E3%80%82%E5%BE%88%E5%A5%BD&time=1709193600")
	want := sms.Inbound{ID: "5f1b", From: "13800138000", To: "10690001", Text: "５。很好", At: noon}
	if err != nil || len(in.Inbound) != 1 || in.Inbound[0] != want {
		t.Errorf("a reply: %+v, %v; want %+v", in, err, want)
	}
	for query, why := range map[string]string{
		"": "nothing", "report=abc": "no state", "report=&state=1": "no id", "report=a&state=3": "no such state", "report=a%0Ab&state=1": "a line end in the id",
		"reply=&from=13800138000&text=5": "no id", "reply=1&from=&text=5": "no number", "reply=1&from=abc&text=5": "no number",
	} {
		if in, err := parse(query); !errors.Is(err, sms.ErrCall) {
			t.Errorf("%s (%s): %+v, %v", query, why, in, err)
		}
	}
}

package web

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"manyi/survey"
	"manyi/survey/outward"
	"manyi/survey/sms"
	"manyi/survey/sms/kannel"
	"manyi/survey/sms/webhook"
	"manyi/survey/storetest"
)

const callPath = "0123456789abcdefghijklmn"

// everybody is where requests of tests come from.
var everybody = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/32")}

// calledBy is a site that takes a gateway's calls.
func calledBy(t testing.TB, callbacks sms.Callbacks, with ...func(*Gateway)) *site {
	g := Gateway{Callbacks: callbacks, Path: callPath, Callers: everybody}
	for _, change := range with {
		change(&g)
	}
	return newSite(t, func(d *Deps) { d.Gateway = g })
}

func (s *site) call(method, target, body string, headers ...string) int {
	s.t.Helper()
	req := httptest.NewRequest(method, target, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return s.send(req).StatusCode
}

func (s *site) inbound() []survey.Inbound {
	s.t.Helper()
	list, err := s.store.Inbounds(s.t.Context(), survey.InboundQuery{Limit: 100})
	must(s.t, err)
	return list
}

const kannelReply = "/sms/" + callPath + "?reply=r-1&from=13800138000&to=10690001&text=%EF%BC%95%E3%80%82%E5%BE%88%E5%A5%BD"

func TestAGatewayCallIsStoredBeforeItIsAnswered(t *testing.T) {
	s := calledBy(t, kannel.New(kannel.Options{}))
	m := storetest.Invitation("N1", "13800138000", s.clock())
	_, err := s.store.AddMessages(t.Context(), []survey.Message{m})
	must(t, err)
	_, err = s.store.ChangeMessage(t.Context(), m.ID(), func(m *survey.Message) error {
		must(t, m.Take(s.clock(), s.clock().Add(time.Minute)))
		return m.Note(1, survey.MessageEvent{At: s.clock(), State: survey.MessageHanded})
	})
	must(t, err)
	for range 2 { // gateways repeat themselves
		if got := s.call("GET", kannelReply, ""); got != http.StatusOK {
			t.Fatalf("a reply: %d", got)
		}
		if got := s.call("GET", "/sms/"+callPath+"?report="+m.ID()+"&state=1&reason=ACK", ""); got != http.StatusOK {
			t.Fatalf("a report: %d", got)
		}
	}
	list := s.inbound()
	if len(list) != 1 || list[0].ID != "r-1" || list[0].Fate != survey.FateNew || !list[0].Due.Equal(s.clock()) {
		t.Errorf("kept: %+v", list)
	}
	got, err := s.store.Message(t.Context(), m.ID())
	must(t, err)
	if got.State != survey.MessageDelivered || len(got.Trail) != 3 {
		t.Errorf("the message: %+v", got)
	}
	if got := s.call("GET", "/sms/"+callPath+"?report=nobodys&state=1", ""); got != http.StatusOK {
		t.Errorf("a report of a message that is not ours: %d", got)
	}
	for _, hidden := range []string{callPath, "13800138000", "很好", "r-1"} {
		if strings.Contains(s.log.String(), hidden) {
			t.Errorf("the log holds %q: %s", hidden, s.log)
		}
	}
}

func TestStrangersCallsAreRefused(t *testing.T) {
	signed := func(s *site, body string, at time.Time) []string {
		return []string{outward.Header, outward.Sign([]byte("secret"), at, []byte(body))}
	}
	body := `{"replies":[{"id":"r-1","from":"13800138000","text":"5"}]}`
	now := func() time.Time { return storetest.At("2024-02-20 10:00") }
	s := calledBy(t, webhook.New("https://h/in", []byte("secret"), now))
	good := signed(s, body, now())
	for _, c := range []struct {
		why, method, path, body string
		headers                 []string
		want                    int
	}{
		{"no secret in the path", "POST", "/sms/", body, good, 404},
		{"another secret", "POST", "/sms/" + strings.ToUpper(callPath), body, good, 404},
		{"the beginning of the secret", "POST", "/sms/" + callPath[:20], body, good, 404},
		{"no signature", "POST", "/sms/" + callPath, body, nil, 409},
		{"another body", "POST", "/sms/" + callPath, body + " ", good, 409},
		{"an old signature", "POST", "/sms/" + callPath, body, signed(s, body, now().Add(-time.Hour)), 409},
		{"a GET", "GET", "/sms/" + callPath, "", signed(s, "", now()), 409},
		{"from behind a proxy nobody knows", "POST", "/sms/" + callPath, body, append([]string{"X-Forwarded-For", "127.0.0.1"}, good...), 404},
		{"who says to be somebody else", "POST", "/sms/" + callPath, body, append([]string{"X-Real-IP", "0.0.0.0"}, good...), 404},
		{"no JSON", "POST", "/sms/" + callPath, "5", signed(s, "5", now()), 400},
	} {
		if got := s.call(c.method, c.path, c.body, c.headers...); got != c.want || len(s.inbound()) != 0 {
			t.Errorf("%s: %d and %d kept; want %d and none", c.why, got, len(s.inbound()), c.want)
		}
	}
	if got := s.call("POST", "/sms/"+callPath, body, good...); got != http.StatusOK || len(s.inbound()) != 1 {
		t.Errorf("a genuine call: %d", got)
	}
	if got := s.call("POST", "/sms/"+callPath, body, good...); got != http.StatusConflict {
		t.Errorf("a replay: %d", got)
	}
	for _, hidden := range []string{callPath, "13800138000"} {
		if strings.Contains(s.log.String(), hidden) {
			t.Errorf("the log holds %q", hidden)
		}
	}
}

func TestCallersByAddress(t *testing.T) {
	gateway := func(callers, proxies []netip.Prefix) *site {
		return calledBy(t, kannel.New(kannel.Options{}), func(g *Gateway) { g.Callers, g.Proxies = callers, proxies })
	}
	ten := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")}
	for why, c := range map[string]struct {
		site    *site
		headers []string
		want    int
	}{
		"nobody may call":                     {gateway(nil, nil), nil, 404},
		"another address":                     {gateway(ten, nil), nil, 404},
		"through the proxy":                   {gateway(ten, everybody), []string{"X-Real-IP", "10.0.0.7"}, 200},
		"a stranger through the proxy":        {gateway(ten, everybody), []string{"X-Real-IP", "10.0.1.7"}, 404},
		"the proxy does not say who":          {gateway(append(ten, everybody...), everybody), nil, 404},
		"the proxy says what is no address":   {gateway(ten, everybody), []string{"X-Real-IP", "10.0.0.7, 1.2.3.4"}, 404},
		"somebody who names another as proxy": {gateway(ten, nil), []string{"X-Real-IP", "10.0.0.7"}, 404},
	} {
		if got := c.site.call("GET", kannelReply, "", c.headers...); got != c.want {
			t.Errorf("%s: %d, want %d", why, got, c.want)
		}
	}
	off := calledBy(t, nil)
	if got := off.call("GET", kannelReply, ""); got != http.StatusNotFound {
		t.Errorf("without a gateway: %d", got)
	}
	if got := calledBy(t, kannel.New(kannel.Options{}), func(g *Gateway) { g.Path = "" }).call("GET", "/sms/?reply=1&from=13800138000&text=5", ""); got != http.StatusNotFound {
		t.Errorf("without a secret path: %d", got)
	}
}

// FuzzGatewayCall: whatever comes is kept once or refused, and never a fault of ours.
func FuzzGatewayCall(f *testing.F) {
	for _, seed := range []string{"reply=r-1&from=13800138000&text=5", "report=a&state=1", "reply=%00&from=1", "reply=a&from=13800138000&text=%FF%FE", "a=%zz", "reply=" + strings.Repeat("x", 200) + "&from=13800138000"} {
		f.Add(seed)
	}
	s := calledBy(f, kannel.New(kannel.Options{}))
	f.Fuzz(func(t *testing.T, query string) {
		req := &http.Request{Method: "GET", URL: &url.URL{Path: "/sms/" + callPath, RawQuery: query}, Host: "h", Header: http.Header{}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
		if strings.ContainsAny(query, " #\x00\r\n\t") {
			return // no request line holds them
		}
		for _, r := range query {
			if r < ' ' || r > '~' {
				return
			}
		}
		res, err := s.app.Test(req, -1)
		if err != nil {
			t.Skip(err)
		}
		if res.StatusCode != 200 && res.StatusCode != 400 && res.StatusCode != 404 {
			t.Errorf("%q: %d", query, res.StatusCode)
		}
	})
}

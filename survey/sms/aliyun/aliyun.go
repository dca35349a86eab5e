// Package aliyun carries text messages through the SMS service of Aliyun (阿里云短信).
//
// Requests are signed by hand as the documentation of signature V3 says
// (ACS3-HMAC-SHA256): one call is used, and the official client would bring some twenty modules
// for it. The service sends approved templates only (短信模板), so a message has to be
// the text of one; what stands in its places is handed over.
package aliyun

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"manyi/survey/outward"
	"manyi/survey/sms"
)

// Options say who we are.
type Options struct {
	Endpoint  string // https://dysmsapi.aliyuncs.com, or one on this machine
	KeyID     string // AccessKey ID
	KeySecret string
	Templates []Template
	Now       func() time.Time
}

// Gateway is a [sms.Sender] and [sms.Callbacks], safe for use by several goroutines.
type Gateway struct {
	opts   Options
	client *outward.Client
}

// New makes a gateway at an address that [outward.Allowed] lets through.
func New(o Options) *Gateway { return &Gateway{o, outward.NewClient()} }

// again are the errors that say a message was not taken over and may be later: limits,
// and what the operator puts right. unknown say nothing.
var (
	again = []string{"isv.BUSINESS_LIMIT_CONTROL", "isv.DAY_LIMIT_CONTROL", "isv.MONTH_LIMIT_CONTROL", "isv.AMOUNT_NOT_ENOUGH", "isv.OUT_OF_SERVICE",
		"isv.ACCOUNT_ABNORMAL", "isp.RAM_PERMISSION_DENY", "SignatureDoesNotMatch", "SignatureNonceUsed", "InvalidTimeStamp.Expired",
		"InvalidAccessKeyId.NotFound", "InvalidAccessKeyId.Inactive", "Forbidden"}
	unknown = []string{"isp.SYSTEM_ERROR", "InternalError", "ServiceUnavailable"}
)

// Send implements sms.Sender. Code "OK" means that the message was taken over. ErrAgain
// if no connection came about, at a limit, and if we are not let in; ErrRefused with another code, and for a text
// that no template has; with no answer, or a fault inside the service, nobody knows.
func (g *Gateway) Send(ctx context.Context, m sms.Message) error {
	sign, text := splitSignature(m.Text)
	code, params, ok := match(g.opts.Templates, text)
	if sign == "" || !ok {
		return fmt.Errorf("aliyun: %w: the text is that of no approved template", sms.ErrRefused)
	}
	q := url.Values{"PhoneNumbers": {m.To}, "SignName": {sign}, "TemplateCode": {code}, "OutId": {m.ID}}
	if len(params) > 0 {
		values, err := json.Marshal(params)
		if err != nil {
			return err
		}
		q.Set("TemplateParam", string(values))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, g.opts.Endpoint+"/?"+canonicalQuery(q), nil)
	if err != nil {
		return fmt.Errorf("aliyun: %w: its address cannot be used", sms.ErrAgain)
	}
	g.sign(req, q, "SendSms", "2017-05-25", rand.Text(), g.opts.Now())
	status, answer, err := g.client.Do(req)
	var said struct{ Code string }
	switch {
	case errors.Is(err, outward.ErrNotSent):
		return fmt.Errorf("aliyun: %w: %w", sms.ErrAgain, err)
	case err != nil:
		return fmt.Errorf("aliyun: %w", err)
	case json.Unmarshal(answer, &said) != nil || said.Code == "":
		return fmt.Errorf("aliyun: status %d without a code", status)
	case said.Code == "OK" && status/100 == 2:
		return nil
	case slices.Contains(again, said.Code) || strings.HasPrefix(said.Code, "Throttling"):
		return fmt.Errorf("aliyun: %w: %s", sms.ErrAgain, plainCode(said.Code))
	case slices.Contains(unknown, said.Code) || status/100 == 5 || said.Code == "OK":
		return fmt.Errorf("aliyun: status %d, %s", status, plainCode(said.Code))
	}
	return fmt.Errorf("aliyun: %w: %s", sms.ErrRefused, plainCode(said.Code))
}

// plainCode is a code as it may go to the log.
func plainCode(code string) string {
	return strings.Map(func(r rune) rune {
		if r == '.' || r == '_' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
			return r
		}
		return -1
	}, code[:min(len(code), 60)])
}

// sign adds the headers and the signature of an empty body.
func (g *Gateway) sign(req *http.Request, q url.Values, action, version, nonce string, at time.Time) {
	headers := map[string]string{"host": req.URL.Host, "x-acs-action": action, "x-acs-version": version,
		"x-acs-date": at.UTC().Format("2006-01-02T15:04:05Z"), "x-acs-signature-nonce": nonce, "x-acs-content-sha256": hexSum("")}
	names := slices.Sorted(maps.Keys(headers))
	var canonical strings.Builder
	for _, name := range names {
		canonical.WriteString(name + ":" + headers[name] + "\n")
		if name != "host" {
			req.Header.Set(name, headers[name])
		}
	}
	signed := strings.Join(names, ";")
	request := strings.Join([]string{req.Method, "/", canonicalQuery(q), canonical.String(), signed, hexSum("")}, "\n")
	mac := hmac.New(sha256.New, []byte(g.opts.KeySecret))
	mac.Write([]byte("ACS3-HMAC-SHA256\n" + hexSum(request)))
	req.Header.Set("Authorization", "ACS3-HMAC-SHA256 Credential="+g.opts.KeyID+",SignedHeaders="+signed+",Signature="+hex.EncodeToString(mac.Sum(nil)))
}

func hexSum(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// canonicalQuery escapes as RFC 3986 does: a space is %20, and ~ and * differ from forms.
func canonicalQuery(q url.Values) string {
	return strings.NewReplacer("+", "%20", "*", "%2A", "%7E", "~").Replace(q.Encode())
}

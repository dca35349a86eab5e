package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"

	"manyi/survey/outward"
	"manyi/survey/sms"
	"manyi/survey/sms/aliyun"
	"manyi/survey/sms/kannel"
	"manyi/survey/sms/outbox"
	"manyi/survey/sms/webhook"
)

// smsConfig is what carries text messages, and how it is reached.
type smsConfig struct {
	Gateway   string // one of gateways
	URL       string
	User      string
	Secret    string
	From      string
	Templates string // a file
	Callback  string
	Callers   []netip.Prefix
}

// gateways are the ways out. Outbox keeps everything here.
var gateways = []string{gatewayOutbox, gatewayKannel, gatewayAliyun, gatewayWebhook}

const (
	gatewayOutbox  = "outbox"
	gatewayKannel  = "kannel"
	gatewayAliyun  = "aliyun"
	gatewayWebhook = "webhook"
)

// aliyunEndpoint is the service for mainland China.
const aliyunEndpoint = "https://dysmsapi.aliyuncs.com"

var (
	plainNumber  = regexp.MustCompile(`^[0-9]{1,20}$`)
	callbackForm = regexp.MustCompile(`^[A-Za-z0-9_-]{24,64}$`)
)

func (s *smsConfig) read(check func(env string, accept func(v string) bool)) {
	check("MANYI_SMS_URL", func(v string) bool { s.URL = v; return v == "" || outward.Allowed(v) })
	check("MANYI_SMS_GATEWAY", func(v string) bool {
		switch s.Gateway = v; {
		case v != "":
		case s.URL != "":
			s.Gateway = gatewayWebhook
		default:
			s.Gateway = gatewayOutbox
		}
		return slices.Contains(gateways, s.Gateway)
	})
	check("MANYI_SMS_USER", func(v string) bool { s.User = v; return !strings.ContainsAny(v, "\r\n") })
	check("MANYI_SMS_SECRET", func(v string) bool {
		s.Secret = v // of another's making, it is as long as it is
		return v == "" || len(v) >= 32 || s.Gateway == gatewayKannel || s.Gateway == gatewayAliyun
	})
	check("MANYI_SMS_FROM", func(v string) bool { s.From = v; return v == "" || plainNumber.MatchString(v) })
	check("MANYI_SMS_TEMPLATES", func(v string) bool { s.Templates = v; return true })
	check("MANYI_SMS_CALLBACK", func(v string) bool { s.Callback = v; return v == "" || callbackForm.MatchString(v) })
	check("MANYI_SMS_CALLERS", networks(&s.Callers))
}

// networks accepts a list of addresses and networks; an empty one holds nobody.
func networks(list *[]netip.Prefix) func(string) bool {
	return func(v string) bool {
		for text := range strings.SplitSeq(v, ",") {
			if text = strings.TrimSpace(text); text == "" {
				continue
			}
			p, err := netip.ParsePrefix(text)
			if a, aerr := netip.ParseAddr(text); aerr == nil && a.Zone() == "" {
				p, err = netip.PrefixFrom(a, a.BitLen()), nil
			}
			if err != nil {
				return false
			}
			*list = append(*list, p.Masked())
		}
		return true
	}
}

// faults are settings that do not fit together.
func (s *smsConfig) faults() (faults []error) {
	need := func(values map[string]string) {
		for _, env := range []string{"MANYI_SMS_URL", "MANYI_SMS_USER", "MANYI_SMS_SECRET", "MANYI_SMS_FROM", "MANYI_SMS_TEMPLATES"} {
			if v, asked := values[env]; asked && v == "" {
				faults = append(faults, fmt.Errorf("%s is not set; MANYI_SMS_GATEWAY=%s needs it", env, s.Gateway))
			}
		}
	}
	switch s.Gateway {
	case gatewayWebhook, gatewayOutbox:
		if (s.URL == "") != (s.Secret == "") {
			faults = append(faults, errors.New("of MANYI_SMS_URL and MANYI_SMS_SECRET only one is set; want both or neither"))
		} else if s.Gateway == gatewayWebhook {
			need(map[string]string{"MANYI_SMS_URL": s.URL, "MANYI_SMS_SECRET": s.Secret})
		}
	case gatewayKannel:
		need(map[string]string{"MANYI_SMS_URL": s.URL, "MANYI_SMS_USER": s.User, "MANYI_SMS_SECRET": s.Secret, "MANYI_SMS_FROM": s.From})
	case gatewayAliyun:
		if s.URL == "" {
			s.URL = aliyunEndpoint
		}
		need(map[string]string{"MANYI_SMS_USER": s.User, "MANYI_SMS_SECRET": s.Secret, "MANYI_SMS_TEMPLATES": s.Templates})
	}
	return faults
}

// gateway is a way out for messages, and what comes back from it, if anything does.
type gateway struct {
	sms.Sender
	callbacks sms.Callbacks     // nil: it does not call
	kept      func() []sms.Sent // nil: nothing stays here
}

// openGateway makes the way out that is set.
func (b *base) openGateway() (gateway, error) {
	s := b.cfg.SMS
	switch s.Gateway {
	case gatewayWebhook:
		g := webhook.New(s.URL, []byte(s.Secret), b.clock.Now)
		return gateway{Sender: g, callbacks: g}, nil
	case gatewayKannel:
		o := kannel.Options{URL: s.URL, User: s.User, Password: s.Secret, From: s.From}
		if s.Callback != "" && b.cfg.BaseURL != "" {
			o.Callback = b.cfg.BaseURL + "/sms/" + s.Callback
		}
		g := kannel.New(o)
		return gateway{Sender: g, callbacks: g}, nil
	case gatewayAliyun:
		data, err := os.ReadFile(s.Templates)
		if err != nil {
			return gateway{}, fmt.Errorf("MANYI_SMS_TEMPLATES: %w", err)
		}
		list, err := aliyun.ReadTemplates(data)
		if err != nil {
			return gateway{}, fmt.Errorf("MANYI_SMS_TEMPLATES is %q: %w", s.Templates, err)
		}
		g := aliyun.New(aliyun.Options{Endpoint: strings.TrimSuffix(s.URL, "/"), KeyID: s.User, KeySecret: s.Secret, Templates: list, Now: b.clock.Now})
		return gateway{Sender: g, callbacks: g}, nil
	}
	box := outbox.New(b.clock.Now)
	return gateway{Sender: box, kept: box.Last}, nil
}

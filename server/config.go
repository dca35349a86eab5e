package main

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"manyi/stats/review"
	"manyi/survey"
	"manyi/survey/keyring"
	"manyi/survey/outward"
)

// config is everything a process is told. It is complete and checked before
// anything opens.
type config struct {
	Addr     string
	Data     string
	BaseURL  string // empty until the address is known
	Secret   string // empty: the file in the data folder
	KeysFile string // empty: the file in the data folder
	Zone     *time.Location

	MongoURI     string        // empty: the embedded engine
	Node         string        // this process among the nodes
	Deadline     time.Duration // for MongoDB to acknowledge a rating
	Lease        time.Duration // after which a dead node's job moves
	StartWithout bool          // start even if MongoDB does not answer
	Retention    time.Duration // how long personal data is kept
	LogEvery     time.Duration
	ReviewKeys   []string // public keys of the sources whose publications are taken in

	WebhookURL    string // where reminders go; empty: nowhere
	WebhookSecret string
	SMS           smsConfig
	SMSSignature  string
	CodesPerDay   int // that may go out in all

	KioskPause time.Duration  // between two citizens at one tablet
	Proxies    []netip.Prefix // whose X-Real-IP is believed
}

// setting is one thing that can be set by flag or environment; the flag wins.
// One without a flag may be secret: it is never shown.
type setting struct {
	Env, Flag, Default, Form, Help string
}

var settings = []setting{
	{"MANYI_ADDR", "addr", ":8080", "[HOST]:PORT, such as :8080 or 127.0.0.1:0", "address to listen on"},
	{"MANYI_DATA", "data", "./data", "a folder", "folder of the embedded database and of files made once"},
	{"MANYI_BASE_URL", "base-url", "", "http:// or https://, a host, perhaps a port, and no path", "address that links and QR codes carry"},
	{"MANYI_SECRET", "", "", "at least 32 characters", "installation secret; made once in the data folder if unset"},
	{"MANYI_KEYS_FILE", "keys-file", "", "a file", "keys that encrypt contacts; made once in the data folder if unset"},
	{"MONGODB_URI", "", "", "mongodb:// or mongodb+srv://, with the database's name as path", "MongoDB that holds everything; unset: the embedded database"},
	{"MANYI_NODE", "node", "", "1 to 64 letters, digits, '.', '-' or '_'", "this process's name among several; default: the machine's name"},
	{"MANYI_DB_DEADLINE", "db-deadline", "2s", "a duration from 100ms to 15s", "how long MongoDB may take for a rating before it is kept on this machine"},
	{"MANYI_LEASE", "lease", "15s", "a duration from 3s to 5m", "how long a job's node may be silent before another takes the job over"},
	{"MANYI_START_WITHOUT_DB", "start-without-db", "false", "true or false", "start on what this machine remembers if MongoDB does not answer"},
	{"MANYI_RETENTION", "retention", "180", "a number of days from 30 to 3650", "how long contacts and hidden numbers are kept"},
	{"MANYI_WEBHOOK_URL", "", "", "https://, or http:// on this machine, without a user or #", "address that reminders of cases and announcements of publications are sent to"},
	{"MANYI_WEBHOOK_SECRET", "", "", "at least 32 characters", "signs what is sent to MANYI_WEBHOOK_URL"},
	{"MANYI_SMS_GATEWAY", "sms-gateway", "", "outbox, kannel, aliyun or webhook", "what carries text messages; unset: webhook if MANYI_SMS_URL is set, else outbox (see README)"},
	{"MANYI_SMS_URL", "", "", "https://, or http:// on this machine, without a user or #", "gateway that messages are handed to; unset: no phone can be proved (see README)"},
	{"MANYI_SMS_USER", "", "", "what the gateway knows us by", "Kannel's username or Aliyun's AccessKey ID"},
	{"MANYI_SMS_SECRET", "", "", "at least 32 characters", "signs what is sent to MANYI_SMS_URL; Kannel's password or Aliyun's AccessKey secret"},
	{"MANYI_SMS_FROM", "sms-from", "", "up to 20 digits", "number that replies go to, with Kannel"},
	{"MANYI_SMS_TEMPLATES", "sms-templates", "", "a JSON file of {code, text}", "approved templates, with Aliyun"},
	{"MANYI_SMS_CALLBACK", "", "", "24 to 64 letters, digits, '-' or '_'", "secret part of the address the gateway calls back; unset: it may not"},
	{"MANYI_SMS_CALLERS", "sms-callers", "127.0.0.1,::1", "addresses or networks such as 10.0.0.0/24, with commas", "where the gateway's calls may come from"},
	{"MANYI_SMS_SIGNATURE", "sms-signature", "【满意】", "1 to 20 characters between 【 and 】", "signature in front of every message"},
	{"MANYI_SMS_CODES_PER_DAY", "sms-codes-per-day", strconv.Itoa(survey.CodesPerDay), "a number from 1 to 1000000", "how many codes may go to phones within a day, all together"},
	{"MANYI_KIOSK_PAUSE", "kiosk-pause", "15s", "a duration from 1s to 10m", "how long a tablet lets nobody rate after it was rated on"},
	{"MANYI_PROXIES", "proxies", "", "addresses or networks such as 10.0.0.0/24, with commas", "reverse proxies whose X-Real-IP is believed"},
	{"MANYI_LOG_EVERY", "log-every", "30s", "a duration from 1s to 1m", "how often receipts are appended to their log"},
	{"MANYI_REVIEW_KEYS", "review-keys", "", "public keys as publish prints them, with commas", "sources whose publications a reviewer trusts"},
	{"MANYI_TZ", "tz", "Asia/Shanghai", "an IANA zone such as Asia/Shanghai", "time zone of schedules and of new surveys"},
}

// loadConfig reads the settings; flags holds those given on the command line.
func loadConfig(getenv func(string) string, flags map[string]string) (config, error) {
	value := func(env string) (setting, string) {
		for _, s := range settings {
			if s.Env != env {
				continue
			}
			if v, ok := flags[s.Flag]; ok && s.Flag != "" {
				return s, v
			}
			if v := getenv(env); v != "" {
				return s, v
			}
			return s, s.Default
		}
		panic("no setting " + env)
	}
	var c config
	var faults []error
	check := func(env string, accept func(v string) bool) {
		s, v := value(env)
		if !accept(v) {
			shown := fmt.Sprintf("%q", v)
			if s.Flag == "" {
				shown = fmt.Sprintf("of %d characters", len(v))
			}
			faults = append(faults, fmt.Errorf("%s is %s; want %s", env, shown, s.Form))
		}
	}
	check("MANYI_ADDR", func(v string) bool {
		c.Addr = v
		_, port, err := net.SplitHostPort(v)
		if err != nil {
			return false
		}
		_, err = net.LookupPort("tcp", port)
		return err == nil && port != ""
	})
	check("MANYI_DATA", func(v string) bool { c.Data = v; return strings.TrimSpace(v) != "" })
	check("MANYI_BASE_URL", func(v string) bool {
		c.BaseURL = strings.TrimSuffix(v, "/")
		return v == "" || plainBase(c.BaseURL)
	})
	check("MANYI_SECRET", func(v string) bool { c.Secret = v; return v == "" || len(v) >= 32 })
	check("MANYI_KEYS_FILE", func(v string) bool { c.KeysFile = v; return true })
	check("MONGODB_URI", func(v string) bool {
		if v == "" || strings.HasPrefix(v, "mongodb://") || strings.HasPrefix(v, "mongodb+srv://") {
			c.MongoURI = v
			return true
		}
		return false
	})
	check("MANYI_NODE", func(v string) bool {
		if c.Node = v; v == "" {
			c.Node, _ = os.Hostname()
			c.Node = strings.Trim(notNode.ReplaceAllString(c.Node, "-"), "-")
			c.Node = cmp.Or(c.Node[:min(len(c.Node), 64)], "node")
		}
		return !notNode.MatchString(c.Node) && len(c.Node) <= 64
	})
	check("MANYI_DB_DEADLINE", within(&c.Deadline, 100*time.Millisecond, 15*time.Second))
	check("MANYI_LEASE", within(&c.Lease, 3*time.Second, 5*time.Minute))
	check("MANYI_START_WITHOUT_DB", func(v string) bool {
		c.StartWithout = v == "true"
		return v == "true" || v == "false"
	})
	check("MANYI_RETENTION", func(v string) bool {
		days, err := strconv.Atoi(v)
		c.Retention = time.Duration(days) * 24 * time.Hour
		return err == nil && 30 <= days && days <= 3650
	})
	check("MANYI_WEBHOOK_URL", func(v string) bool { c.WebhookURL = v; return v == "" || outward.Allowed(v) })
	check("MANYI_WEBHOOK_SECRET", func(v string) bool { c.WebhookSecret = v; return v == "" || len(v) >= 32 })
	c.SMS.read(check)
	check("MANYI_SMS_SIGNATURE", func(v string) bool {
		c.SMSSignature = v
		name, ok := strings.CutPrefix(v, "【")
		name, end := strings.CutSuffix(name, "】")
		n := utf8.RuneCountInString(name)
		return ok && end && utf8.ValidString(name) && 1 <= n && n <= 20 && !strings.ContainsAny(name, "【】\r\n")
	})
	check("MANYI_SMS_CODES_PER_DAY", func(v string) (ok bool) {
		var err error
		c.CodesPerDay, err = strconv.Atoi(v)
		return err == nil && 1 <= c.CodesPerDay && c.CodesPerDay <= 1_000_000
	})
	check("MANYI_KIOSK_PAUSE", within(&c.KioskPause, time.Second, 10*time.Minute))
	check("MANYI_PROXIES", networks(&c.Proxies))
	check("MANYI_LOG_EVERY", within(&c.LogEvery, time.Second, time.Minute))
	check("MANYI_REVIEW_KEYS", func(v string) bool {
		for key := range strings.SplitSeq(v, ",") {
			if key = strings.TrimSpace(key); key != "" {
				c.ReviewKeys = append(c.ReviewKeys, key)
			}
		}
		return !slices.ContainsFunc(c.ReviewKeys, func(key string) bool { return review.CheckKey(key) != nil })
	})
	check("MANYI_TZ", func(v string) (ok bool) {
		loc, err := time.LoadLocation(v)
		c.Zone = loc
		return err == nil && v != "" && v != "Local"
	})
	if (c.WebhookURL == "") != (c.WebhookSecret == "") {
		faults = append(faults, errors.New("of MANYI_WEBHOOK_URL and MANYI_WEBHOOK_SECRET only one is set; want both or neither"))
	}
	if c.MongoURI != "" {
		for _, s := range []struct{ env, value string }{{"MANYI_SECRET", c.Secret}, {"MANYI_KEYS_FILE", c.KeysFile}} {
			if s.value == "" {
				faults = append(faults, fmt.Errorf("%s is not set; with MONGODB_URI every node needs the same one (see: server keys --help)", s.env))
			}
		}
	}
	faults = append(faults, c.SMS.faults()...)
	return c, errors.Join(faults...)
}

var notNode = regexp.MustCompile(`[^A-Za-z0-9._-]`)

// within accepts durations between two bounds.
func within(d *time.Duration, least, most time.Duration) func(string) bool {
	return func(v string) (ok bool) {
		var err error
		*d, err = time.ParseDuration(v)
		return err == nil && least <= *d && *d <= most
	}
}

func plainBase(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && text == u.Scheme+"://"+u.Host
}

// secretFile and keysFile stand in the data folder when the settings name none.
// A backup of the database leaves them out: whoever has both can read contacts.
const (
	secretFile = "secret"
	keysFile   = "keys.json"
)

// secret returns the installation's secret, making it once if it is not given.
func (c config) secret() ([]byte, error) {
	if c.Secret != "" {
		return []byte(c.Secret), nil
	}
	path := filepath.Join(c.Data, secretFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		text = []byte(rand.Text() + rand.Text())
		err = keyring.WriteNew(path, text)
		if errors.Is(err, fs.ErrExist) {
			text, err = os.ReadFile(path)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("installation secret: %w", err)
	}
	if len(text) < 32 {
		return nil, fmt.Errorf("installation secret: the file %s is too short: restore it, or set MANYI_SECRET", secretFile)
	}
	return text, nil
}

func (c config) keys() string {
	if c.KeysFile != "" {
		return c.KeysFile
	}
	return filepath.Join(c.Data, keysFile)
}

// lanAddress is this machine's address in the local network, for a phone to
// reach it: a private one if there is any, else another, else 127.0.0.1.
func lanAddress() string {
	found := "127.0.0.1"
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return found
	}
	for _, a := range addrs {
		ip, ok := a.(*net.IPNet)
		if !ok || ip.IP.To4() == nil || !ip.IP.IsGlobalUnicast() {
			continue
		}
		if ip.IP.IsPrivate() {
			return ip.IP.String()
		}
		found = ip.IP.String()
	}
	return found
}

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"manyi/survey/keyring"
)

// environment makes a getenv of names and values.
func environment(pairs ...string) func(string) string {
	values := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		values[pairs[i]] = pairs[i+1]
	}
	return func(name string) string { return values[name] }
}

// sourceKey is a public key as publish prints it.
const sourceKey = "manyi+3a201508+AaR19gm76Wdn3pBI11o4I0S+BVHcfFjuihhaKElivnNw"

func TestSettingsByDefaultEnvironmentAndFlag(t *testing.T) {
	long := strings.Repeat("s", 32)
	host, _ := os.Hostname()
	host = notNode.ReplaceAllString(host, "-")
	cases := []struct {
		env, flag                string
		byDefault, byEnv, byFlag string
		of                       func(config) string
	}{
		{"MANYI_ADDR", "addr", ":8080", ":1", ":2", func(c config) string { return c.Addr }},
		{"MANYI_DATA", "data", "./data", "/env", "/flag", func(c config) string { return c.Data }},
		{"MANYI_BASE_URL", "base-url", "", "http://env", "http://flag", func(c config) string { return c.BaseURL }},
		{"MANYI_SECRET", "", "", long, "", func(c config) string { return c.Secret }},
		{"MANYI_KEYS_FILE", "keys-file", "", "env.json", "flag.json", func(c config) string { return c.KeysFile }},
		{"MONGODB_URI", "", "", "mongodb://h/d", "", func(c config) string { return c.MongoURI }},
		{"MANYI_NODE", "node", host, "n1", "n2", func(c config) string { return c.Node }},
		{"MANYI_DB_DEADLINE", "db-deadline", "2s", "3s", "4s", func(c config) string { return c.Deadline.String() }},
		{"MANYI_RETENTION", "retention", "180", "90", "60", func(c config) string { return fmt.Sprint(c.Retention.Hours() / 24) }},
		{"MANYI_LEASE", "lease", "15s", "20s", "30s", func(c config) string { return c.Lease.String() }},
		{"MANYI_START_WITHOUT_DB", "start-without-db", "false", "true", "true", func(c config) string { return fmt.Sprint(c.StartWithout) }},
		{"MANYI_WEBHOOK_URL", "", "", "https://h/in", "", func(c config) string { return c.WebhookURL }},
		{"MANYI_WEBHOOK_SECRET", "", "", long, "", func(c config) string { return c.WebhookSecret }},
		{"MANYI_SMS_CODES_PER_DAY", "sms-codes-per-day", "5000", "1", "1000000", func(c config) string { return strconv.Itoa(c.CodesPerDay) }},
		{"MANYI_SMS_URL", "", "", "https://sms.example.gov.cn/in", "", func(c config) string { return c.SMS.URL }},
		{"MANYI_SMS_SECRET", "", "", long, "", func(c config) string { return c.SMS.Secret }},
		{"MANYI_SMS_GATEWAY", "sms-gateway", "outbox", "outbox", "outbox", func(c config) string { return c.SMS.Gateway }},
		{"MANYI_SMS_USER", "", "", "manyi", "", func(c config) string { return c.SMS.User }},
		{"MANYI_SMS_FROM", "sms-from", "", "10690001", "10690002", func(c config) string { return c.SMS.From }},
		{"MANYI_SMS_TEMPLATES", "sms-templates", "", "env.json", "flag.json", func(c config) string { return c.SMS.Templates }},
		{"MANYI_SMS_CALLBACK", "", "", long, "", func(c config) string { return c.SMS.Callback }},
		{"MANYI_SMS_CALLERS", "sms-callers", "[127.0.0.1/32 ::1/128]", "10.0.0.7", "10.0.0.7/8, fd00::/8", func(c config) string { return shownAs(fmt.Sprint(c.SMS.Callers)) }},
		{"MANYI_PROXIES", "proxies", "[]", "10.0.0.7", "10.0.0.7/8, fd00::/8", func(c config) string { return shownAs(fmt.Sprint(c.Proxies)) }},
		{"MANYI_SMS_SIGNATURE", "sms-signature", "【满意】", "【闽政通】", "【福建人社】", func(c config) string { return c.SMSSignature }},
		{"MANYI_KIOSK_PAUSE", "kiosk-pause", "15s", "20s", "1m0s", func(c config) string { return c.KioskPause.String() }},
		{"MANYI_LOG_EVERY", "log-every", "30s", "10s", "1m0s", func(c config) string { return c.LogEvery.String() }},
		{"MANYI_REVIEW_KEYS", "review-keys", "", sourceKey, sourceKey + ", " + sourceKey, func(c config) string { return strings.Join(c.ReviewKeys, ", ") }},
		{"MANYI_TZ", "tz", "Asia/Shanghai", "UTC", "Asia/Urumqi", func(c config) string { return c.Zone.String() }},
	}
	if len(cases) != len(settings) {
		t.Errorf("%d settings are tested; there are %d", len(cases), len(settings))
	}
	for _, c := range cases {
		load := func(getenv func(string) string, flags map[string]string, want string) {
			t.Helper()
			got, err := loadConfig(getenv, flags)
			if err != nil || c.of(got) != want {
				t.Errorf("%s: %q, %v; want %q", c.env, c.of(got), err, want)
			}
		}
		set := environment(c.env, c.byEnv, "MANYI_SECRET", long, "MANYI_KEYS_FILE", "k.json")
		if c.env == "MANYI_SECRET" || c.env == "MANYI_KEYS_FILE" {
			set = environment(c.env, c.byEnv)
		}
		if strings.HasPrefix(c.env, "MANYI_WEBHOOK") {
			set = environment("MANYI_WEBHOOK_URL", "https://h/in", "MANYI_WEBHOOK_SECRET", long)
		}
		if c.env == "MANYI_SMS_URL" || c.env == "MANYI_SMS_SECRET" {
			set = environment("MANYI_SMS_URL", "https://sms.example.gov.cn/in", "MANYI_SMS_SECRET", long)
		}
		load(environment(), nil, c.byDefault)
		load(set, nil, c.byEnv)
		if c.flag != "" {
			load(environment(), map[string]string{c.flag: c.byFlag}, c.byFlag)
			load(set, map[string]string{c.flag: c.byFlag}, c.byFlag)
		}
	}
}

func TestFlagsReachTheSettings(t *testing.T) {
	env := map[string]string{"MANYI_TZ": "Mars/Base", "MANYI_DATA": t.TempDir()}
	if out, err := runCommand(t, env, "survey", "list"); err == nil {
		t.Errorf("a zone on Mars was taken: %s", out)
	}
	if out, err := runCommand(t, env, "survey", "list", "--tz", "UTC"); err != nil {
		t.Errorf("the flag does not win over the environment: %v\n%s", err, out)
	}
}

func TestSettingValues(t *testing.T) {
	for _, c := range []struct{ env, value, wrong string }{
		{"MANYI_ADDR", ":0", ""},
		{"MANYI_ADDR", "127.0.0.1:8080", ""},
		{"MANYI_ADDR", "[::1]:8080", ""},
		{"MANYI_ADDR", "localhost:http", ""},
		{"MANYI_ADDR", "8080", "no colon"},
		{"MANYI_ADDR", "localhost", "no port"},
		{"MANYI_ADDR", ":", "an empty port would be any port"},
		{"MANYI_ADDR", ":65536", "no such port"},
		{"MANYI_ADDR", ":-1", "no such port"},
		{"MANYI_ADDR", ":nowhere", "no such service"},
		{"MANYI_ADDR", "::1:80", "an IPv6 address without brackets"},
		{"MANYI_ADDR", "http://localhost:80", "a URL"},
		{"MANYI_DATA", "/var/lib/manyi", ""},
		{"MANYI_DATA", "  ", "blank"},
		{"MANYI_BASE_URL", "https://pj.example.gov.cn", ""},
		{"MANYI_BASE_URL", "https://pj.example.gov.cn/", ""},
		{"MANYI_BASE_URL", "http://10.0.0.7:8080", ""},
		{"MANYI_BASE_URL", "http://[fd00::7]:8080", ""},
		{"MANYI_BASE_URL", "pj.example.gov.cn", "no scheme"},
		{"MANYI_BASE_URL", "ftp://pj.example.gov.cn", "no web address"},
		{"MANYI_BASE_URL", "HTTPS://pj.example.gov.cn", "capitals would not be seen to be TLS"},
		{"MANYI_BASE_URL", "https://", "no host"},
		{"MANYI_BASE_URL", "https://:8080", "a port and no host"},
		{"MANYI_BASE_URL", "https://pj.example.gov.cn/rate", "a path"},
		{"MANYI_BASE_URL", "https://pj.example.gov.cn//", "a path of slashes"},
		{"MANYI_BASE_URL", "https://pj.example.gov.cn?a=b", "a query"},
		{"MANYI_BASE_URL", "https://pj.example.gov.cn?", "an empty query swallows what follows"},
		{"MANYI_BASE_URL", "https://pj.example.gov.cn#", "an empty fragment swallows what follows"},
		{"MANYI_BASE_URL", "https://me:pass@pj.example.gov.cn", "a password in every code"},
		{"MANYI_BASE_URL", "https://pj example", "a space"},
		{"MANYI_SECRET", "0123456789abcdef0123456789abcdef", ""},
		{"MANYI_SECRET", "0123456789abcdef0123456789abcde", "31 characters"},
		{"MANYI_KEYS_FILE", "/etc/manyi/keys.json", ""},
		{"MONGODB_URI", "http://db1/manyi", "not MongoDB"},
		{"MONGODB_URI", "user:pa55word@db1/manyi", "no scheme"},
		{"MANYI_NODE", "hall-2.fuzhou_1", ""},
		{"MANYI_NODE", "hall 2", "a space"},
		{"MANYI_NODE", "大厅", "letters that logs and labels may not carry"},
		{"MANYI_NODE", strings.Repeat("n", 65), "65 letters"},
		{"MANYI_DB_DEADLINE", "100ms", ""},
		{"MANYI_DB_DEADLINE", "99ms", "too short for a network"},
		{"MANYI_DB_DEADLINE", "16s", "longer than a phone waits"},
		{"MANYI_DB_DEADLINE", "2", "no unit"},
		{"MANYI_RETENTION", "30", ""},
		{"MANYI_RETENTION", "29", "gone before anybody could call back"},
		{"MANYI_RETENTION", "3651", "longer than anybody may keep it"},
		{"MANYI_RETENTION", "180d", "the unit is days"},
		{"MANYI_LEASE", "3s", ""},
		{"MANYI_LEASE", "2s", "lost at every hiccup"},
		{"MANYI_LOG_EVERY", "1m", ""},
		{"MANYI_LOG_EVERY", "2m", "a receipt is in the log within a minute"},
		{"MANYI_LEASE", "6m", "too long for the figures"},
		{"MANYI_START_WITHOUT_DB", "true", ""},
		{"MANYI_SMS_URL", "http://127.0.0.1:9000/in", ""},
		{"MANYI_SMS_URL", "http://localhost/in?key=x", ""},
		{"MANYI_SMS_URL", "http://10.0.0.7/in", "codes and phones in the clear"},
		{"MANYI_SMS_URL", "http://127.0.0.1.example.com/in", "no address of this machine"},
		{"MANYI_SMS_URL", "https:///in", "no host"},
		{"MANYI_SMS_URL", "ftp://sms.example.gov.cn", "no web address"},
		{"MANYI_SMS_SECRET", "0123456789abcdef0123456789abcde", "31 characters"},
		{"MANYI_SMS_CODES_PER_DAY", "0", "none"},
		{"MANYI_SMS_CODES_PER_DAY", "many", "no number"},
		{"MANYI_SMS_CODES_PER_DAY", "1000001", "too many"},
		{"MANYI_SMS_GATEWAY", "outbox", ""},
		{"MANYI_SMS_GATEWAY", "Kannel", "no such gateway"},
		{"MANYI_SMS_GATEWAY", "kannel|aliyun", "two"},
		{"MANYI_SMS_USER", "a\nb", "a line end"},
		{"MANYI_SMS_FROM", "10690001", ""},
		{"MANYI_SMS_FROM", "+8610690001", "a sign"},
		{"MANYI_SMS_CALLBACK", "abcdefghijklmnopqrstuvwx", ""},
		{"MANYI_SMS_CALLBACK", "abcdefghijklmnopqrstuvw", "23 characters"},
		{"MANYI_SMS_CALLBACK", "abcdefghijklmnopqrstuvwx/", "a slash"},
		{"MANYI_SMS_CALLERS", "10.0.0.0/24, 127.0.0.1,fd00::1", ""},
		{"MANYI_SMS_CALLERS", "10.0.0", "no address"},
		{"MANYI_SMS_CALLERS", "10.0.0.0/33", "no network"},
		{"MANYI_SMS_CALLERS", "sms.example.gov.cn", "a name"},
		{"MANYI_SMS_CALLERS", "fe80::1%eth0", "a zone"},
		{"MANYI_PROXIES", "127.0.0.1", ""},
		{"MANYI_PROXIES", "*", "everybody"},
		{"MANYI_SMS_SIGNATURE", "满意", "no brackets"},
		{"MANYI_SMS_SIGNATURE", "【】", "no name"},
		{"MANYI_SMS_SIGNATURE", "【满意】验证码", "more than a name"},
		{"MANYI_SMS_SIGNATURE", "【" + strings.Repeat("满", 21) + "】", "21 characters"},
		{"MANYI_START_WITHOUT_DB", "yes", "neither true nor false"},
		{"MANYI_WEBHOOK_URL", "https://oa.example.gov.cn/in?token=t", ""},
		{"MANYI_WEBHOOK_URL", "http://127.0.0.1:9000/in", ""},
		{"MANYI_WEBHOOK_URL", "http://[::1]:9000/in", ""},
		{"MANYI_WEBHOOK_URL", "http://localhost:9000", ""},
		{"MANYI_WEBHOOK_URL", "http://oa.example.gov.cn/in", "anybody on the way can read it"},
		{"MANYI_WEBHOOK_URL", "http://127.0.0.1.example.com/in", "only looks like this machine"},
		{"MANYI_WEBHOOK_URL", "http://localhost@example.com/in", "only looks like this machine"},
		{"MANYI_WEBHOOK_URL", "https://me:pass@oa.example.gov.cn/in", "a password in an address"},
		{"MANYI_WEBHOOK_URL", "https:///in", "no host"},
		{"MANYI_WEBHOOK_URL", "https://oa.example.gov.cn/#x", "a fragment is never sent"},
		{"MANYI_WEBHOOK_URL", "oa.example.gov.cn/in", "no scheme"},
		{"MANYI_WEBHOOK_URL", "ftp://127.0.0.1/in", "not the web"},
		{"MANYI_WEBHOOK_SECRET", "0123456789abcdef0123456789abcdef", ""},
		{"MANYI_WEBHOOK_SECRET", "0123456789abcdef0123456789abcde", "31 characters"},
		{"MANYI_TZ", "Asia/Urumqi", ""},
		{"MANYI_TZ", "UTC", ""},
		{"MANYI_TZ", "Mars/Base", "no such zone"},
		{"MANYI_TZ", "Local", "differs from machine to machine"},
		{"MANYI_TZ", "../../etc/passwd", "a path"},
	} {
		env := environment(c.env, c.value)
		switch c.env { // each wants the other
		case "MANYI_WEBHOOK_URL":
			env = environment(c.env, c.value, "MANYI_WEBHOOK_SECRET", strings.Repeat("s", 32))
		case "MANYI_WEBHOOK_SECRET":
			env = environment(c.env, c.value, "MANYI_WEBHOOK_URL", "https://h/in")
		case "MANYI_SMS_URL":
			env = environment(c.env, c.value, "MANYI_SMS_SECRET", strings.Repeat("s", 32))
		case "MANYI_SMS_SECRET":
			env = environment(c.env, c.value, "MANYI_SMS_URL", "https://h/in")
		}
		_, err := loadConfig(env, nil)
		if c.wrong == "" {
			if err != nil {
				t.Errorf("%s=%q is refused: %v", c.env, c.value, err)
			}
			continue
		}
		if err == nil {
			t.Errorf("%s=%q is accepted: %s", c.env, c.value, c.wrong)
			continue
		}
		shown := fmt.Sprintf("%q", c.value)
		if settingOf(t, c.env).Flag == "" {
			shown = fmt.Sprintf("of %d characters", len(c.value))
			if strings.Contains(err.Error(), c.value) {
				t.Error("the error shows the secret")
			}
		}
		want := fmt.Sprintf("%s is %s; want %s", c.env, shown, settingOf(t, c.env).Form)
		if err.Error() != want {
			t.Errorf("%s=%q: %v; want %s", c.env, c.value, err, want)
		}
	}
}

func TestMongoDBNeedsTheSecretsOfAllNodes(t *testing.T) {
	_, err := loadConfig(environment("MONGODB_URI", "mongodb://user:pa55word@db1/manyi"), nil)
	for _, want := range []string{"MANYI_SECRET is not set", "MANYI_KEYS_FILE is not set", "server keys --help"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
	if err != nil && strings.Contains(err.Error(), "pa55word") {
		t.Errorf("the error shows the password: %v", err)
	}
}

// shownAs tells what a list of networks came from, by what it is.
func shownAs(list string) string {
	switch list {
	case "[10.0.0.7/32]":
		return "10.0.0.7"
	case "[10.0.0.0/8 fd00::/8]":
		return "10.0.0.7/8, fd00::/8"
	}
	return list
}

func TestAGatewayNeedsItsSettings(t *testing.T) {
	all := map[string][]string{
		"kannel":  {"MANYI_SMS_URL", "http://127.0.0.1:13013/cgi-bin/sendsms", "MANYI_SMS_USER", "manyi", "MANYI_SMS_SECRET", "short", "MANYI_SMS_FROM", "10690001"},
		"aliyun":  {"MANYI_SMS_USER", "LTAI", "MANYI_SMS_SECRET", "short", "MANYI_SMS_TEMPLATES", "t.json"},
		"webhook": {"MANYI_SMS_URL", "https://h/in", "MANYI_SMS_SECRET", strings.Repeat("s", 32)},
	}
	for name, needs := range all {
		set := append([]string{"MANYI_SMS_GATEWAY", name}, needs...)
		if c, err := loadConfig(environment(set...), nil); err != nil || c.SMS.Gateway != name || name == "aliyun" && c.SMS.URL != aliyunEndpoint {
			t.Errorf("%s: %+v, %v", name, c.SMS, err)
		}
		for i := 0; i < len(needs); i += 2 {
			without := append([]string{"MANYI_SMS_GATEWAY", name}, needs[:i]...)
			without = append(without, needs[i+2:]...)
			if _, err := loadConfig(environment(without...), nil); err == nil || !strings.Contains(err.Error(), needs[i]) {
				t.Errorf("%s without %s: %v", name, needs[i], err)
			}
		}
	}
	if c, err := loadConfig(environment("MANYI_SMS_URL", "https://h/in", "MANYI_SMS_SECRET", strings.Repeat("s", 32)), nil); err != nil || c.SMS.Gateway != "webhook" {
		t.Errorf("an address and a secret alone: %+v, %v", c.SMS, err)
	}
}

func TestAnAddressAndItsSecretGoTogether(t *testing.T) {
	for _, c := range [][]string{{"MANYI_SMS_URL", "https://h/in"}, {"MANYI_SMS_SECRET", strings.Repeat("s", 32)}, {"MANYI_WEBHOOK_URL", "https://h/in"}, {"MANYI_WEBHOOK_SECRET", strings.Repeat("s", 32)}} {
		if _, err := loadConfig(environment(c...), nil); err == nil || !strings.Contains(err.Error(), "want both or neither") {
			t.Errorf("%s alone: %v", c[0], err)
		}
	}
}

func settingOf(t *testing.T, env string) setting {
	t.Helper()
	for _, s := range settings {
		if s.Env == env {
			return s
		}
	}
	t.Fatalf("no setting %s", env)
	return setting{}
}

func TestEmptyFlagsDoNotFallBack(t *testing.T) {
	for _, flag := range []string{"addr", "data", "tz"} {
		if _, err := loadConfig(environment(), map[string]string{flag: ""}); err == nil {
			t.Errorf("--%s with nothing behind it took the default", flag)
		}
	}
}

func TestAllBadSettingsAtOnce(t *testing.T) {
	bad := []string{"MANYI_ADDR", "8080", "MANYI_BASE_URL", "example.org", "MANYI_SECRET", "short", "MANYI_TZ", "Mars/Base"}
	_, err := loadConfig(environment(bad...), nil)
	if err == nil {
		t.Fatal("accepted")
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != len(bad)/2 {
		t.Errorf("%d lines, want one for each fault:\n%v", len(lines), err)
	}
	for i := range lines {
		if !strings.HasPrefix(lines[i], bad[2*i]+" is ") {
			t.Errorf("line %d is %q; want %s", i+1, lines[i], bad[2*i])
		}
	}
}

func TestSecretAndKeysAreMadeOnce(t *testing.T) {
	c := config{Data: t.TempDir()}
	first, err := c.secret()
	if err != nil || len(first) < 32 {
		t.Fatalf("a secret of %d bytes, %v", len(first), err)
	}
	if again, err := c.secret(); err != nil || string(again) != string(first) {
		t.Errorf("the second secret is another, %v", err)
	}
	ring, err := keyring.Load(c.keys())
	if err != nil {
		t.Fatal(err)
	}
	id, sealed, err := ring.Seal([]byte("plain"), nil)
	if err != nil {
		t.Fatal(err)
	}
	again, err := keyring.Load(c.keys())
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := again.Open(id, sealed, nil); err != nil || string(plain) != "plain" {
		t.Errorf("the keys loaded again do not open what was sealed: %v", err)
	}
	entries, err := os.ReadDir(c.Data)
	if err != nil || len(entries) != 2 {
		t.Errorf("%d files in the folder, %v; want the secret and the keys", len(entries), err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if runtime.GOOS != "windows" && info.Mode() != 0o600 {
			t.Errorf("%s has mode %v, want 0600", e.Name(), info.Mode())
		}
	}
}

func TestSecretsMadeAtTheSameMomentAgree(t *testing.T) {
	c := config{Data: t.TempDir()}
	const many = 16
	var secrets [many]string
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range many {
		wg.Go(func() {
			<-start
			text, err := c.secret()
			if err != nil {
				t.Error(err)
			}
			secrets[i] = string(text)
		})
	}
	close(start)
	wg.Wait()
	for i, s := range secrets {
		if s != secrets[0] {
			t.Errorf("secret %d is another than the first", i)
		}
	}
	if entries, err := os.ReadDir(c.Data); err != nil || len(entries) != 1 {
		t.Errorf("%d files left in the folder, %v; want one", len(entries), err)
	}
}

func TestDamagedSecretIsNotReplaced(t *testing.T) {
	c := config{Data: t.TempDir()}
	path := filepath.Join(c.Data, secretFile)
	if err := os.WriteFile(path, []byte("cut"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := c.secret(); err == nil || !strings.Contains(err.Error(), "too short") {
		t.Errorf("a secret of three letters: %v", err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "cut" {
		t.Errorf("the file now holds %q, %v", text, err)
	}
}

func TestGivenSecretAndKeysNeedNoFile(t *testing.T) {
	c := config{Data: t.TempDir(), Secret: strings.Repeat("s", 32), KeysFile: "elsewhere.json"}
	if text, err := c.secret(); err != nil || string(text) != c.Secret {
		t.Errorf("secret: %q, %v", text, err)
	}
	if c.keys() != "elsewhere.json" {
		t.Errorf("keys file: %s", c.keys())
	}
	if entries, err := os.ReadDir(c.Data); err != nil || len(entries) != 0 {
		t.Errorf("%d files were made, %v", len(entries), err)
	}
}

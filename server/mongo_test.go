package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/x/mongo/driver/connstring"

	"manyi/server/demo"
	"manyi/survey"
	"manyi/survey/keyring"
	"manyi/survey/mongostore"
	"manyi/survey/mongostore/mongotest"
	"manyi/survey/sqlitestore"
	"manyi/survey/storetest"
)

// installation is a MongoDB database and what all nodes on it are given.
type installation struct {
	t            testing.TB
	direct       string // the database's URI
	uri          string // the same as nodes are given it
	secret, keys string
}

func newInstallation(t testing.TB, direct, uri string) *installation {
	t.Helper()
	i := &installation{t, direct, uri, strings.Repeat("of-this-test-", 3), filepath.Join(t.TempDir(), "keys.json")}
	if err := keyring.Create(i.keys); err != nil {
		t.Fatal(err)
	}
	return i
}

// env is what a node or command is told, with more as pairs.
func (i *installation) env(uri string, more ...string) map[string]string {
	e := map[string]string{"MONGODB_URI": uri, "MANYI_SECRET": i.secret, "MANYI_KEYS_FILE": i.keys}
	for n := 0; n+1 < len(more); n += 2 {
		e[more[n]] = more[n+1]
	}
	return e
}

// commands run beside the nodes, with a connection of their own.
func (i *installation) commands(t *testing.T) commands {
	return commands{t, i.env(i.direct, "MANYI_DATA", t.TempDir())}
}

// filledOnMongoDB is what filledFolder makes, on MongoDB.
func filledOnMongoDB(t *testing.T) (commands, *base) {
	t.Helper()
	uri := mongotest.Open(t)
	i := newInstallation(t, uri, uri)
	c := i.commands(t)
	c.fill()
	return c, i.base()
}

// node prepares a process on a data folder, listening on addr.
func (i *installation) node(data, addr string, more ...string) *process {
	p := newProcess("serve", "--data", data, "--addr", addr, "--flood-per-code", "1000000", "--flood-per-device", "1000000")
	for name, value := range i.env(i.uri, more...) {
		p.cmd.Env = append(p.cmd.Env, name+"="+value)
	}
	return p
}

// base opens the database beside the nodes.
func (i *installation) base() *base {
	i.t.Helper()
	env := i.env(i.direct, "MANYI_DATA", i.t.TempDir())
	cfg, err := loadConfig(func(name string) string { return env[name] }, nil)
	if err != nil {
		i.t.Fatal(err)
	}
	b, err := openBase(context.Background(), cfg, time.Now)
	if err != nil {
		i.t.Fatal(err)
	}
	i.t.Cleanup(func() { b.close() })
	return b
}

// fillDemo puts the sample in.
func (i *installation) fillDemo() *base {
	i.t.Helper()
	b := i.base()
	if err := demo.Fill(context.Background(), b.store, b.cfg.Zone, time.Now(), fewDays, nil); err != nil {
		i.t.Fatal(err)
	}
	return b
}

// fewDays of the sample are enough: the stand-in looks at every document for every query.
const fewDays = 4

func TestMigrateToMongoDB(t *testing.T) {
	uri := mongotest.Open(t)
	folder := commands{t, map[string]string{"MANYI_DATA": sampleFolder(t, fewDays)}}
	from := folder.base()
	// A form used twice, a contact, a user and a token: what a sample does not have.
	f := storetest.NewFacts(7, surveyOf(t, from))
	first := f.Response(storetest.GulouHR1, time.Now().Truncate(time.Millisecond), func(r *survey.Response) {
		r.Contact = &survey.SealedContact{KeyID: "k1", Sealed: []byte("sealed"), PhoneHash: []byte("hash")}
	})
	storetest.WithOriginal(&first)
	second := first
	second.Key[len(second.Key)-1] ^= 1
	second.ID[0] ^= 1
	second.Contact, second.Original = nil, nil
	second.Channel, second.Interview = survey.ChannelInterview, &survey.Interview{Mode: survey.ByPhone, By: "wu"}
	third := f.Response(storetest.GulouHR1, time.Now().Truncate(time.Millisecond), storetest.Drawn)
	if _, err := from.store.AddResponses(t.Context(), []survey.Response{first, second, third}); err != nil {
		t.Fatal(err)
	}
	// A phone was proved right before the folder was left.
	proved := f.Response(storetest.GulouHR1, time.Now().Truncate(time.Millisecond), storetest.Bad, storetest.WithContact)
	if _, err := from.store.AddResponses(t.Context(), []survey.Response{proved}); err != nil {
		t.Fatal(err)
	}
	if err := from.store.PutCode(t.Context(), proved.Key, []byte("code"), time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if try, err := from.store.TryCode(t.Context(), proved.Key, []byte("code"), time.Now()); try != survey.CodeRight {
		t.Fatal(try, err)
	}
	_, queued := from.store.AddDeliveries(t.Context(), []survey.Delivery{storetest.Queued("k", storetest.At("2024-03-05 08:00"))})
	_, invited := from.store.AddMessages(t.Context(), []survey.Message{storetest.Invitation("A", "1", storetest.At("2024-03-05 08:00"))})
	_, came := from.store.AddInbound(t.Context(), []survey.Inbound{{ID: "m", From: survey.SealedContact{KeyID: "k1", Sealed: []byte("s"), PhoneHash: []byte("hash")},
		TextKey: "k1", Text: []byte("t"), ReceivedAt: storetest.At("2024-03-05 08:00"), Fate: survey.FateLate}})
	_, optedOut := from.store.OptOut(t.Context(), survey.OptOut{Phone: survey.SealedContact{KeyID: "k1", PhoneHash: []byte("hash")}, At: storetest.At("2024-03-05 08:00"), Source: "sms"})
	for _, err := range []error{
		queued, invited, optedOut, came, from.store.PutCampaign(t.Context(), survey.NewCampaign(demo.SurveyID, "【满意】")),
		from.store.PutFile(t.Context(), sha256.Sum256([]byte("photo")), []byte("photo")),
		from.store.PutCalendar(t.Context(), []survey.CalendarDay{{Day: 20270101, Name: "元旦节"}}),
		from.store.PutQuality(t.Context(), survey.QualitySheet{Survey: demo.SurveyID, Bureau: "350102-HR", Day: 20240229}),
		from.store.PutCaseSheet(t.Context(), survey.CaseSheet{Survey: demo.SurveyID, AsOf: 20240229, No: 1}),
		from.store.PutQuality(t.Context(), survey.QualitySheet{Survey: demo.SurveyID, Bureau: "350102-HR", Day: 20240229, Rules: 1}),
		from.store.PutPublication(t.Context(), storetest.Publication("2024", 1)),
		from.store.PutPublication(t.Context(), storetest.Publication("2024", 2)),
		from.store.PutPublication(t.Context(), storetest.TakenPublication("manyi+1+A", "2024", 2)),
		from.store.AddInstrument(t.Context(), storetest.Instrument(1)),
		from.store.PutAssignment(t.Context(), survey.Assignment{Survey: demo.SurveyID, Evaluator: "lin", Bureaus: []string{"350102-HR"}}),
		from.store.AddEvaluationEntries(t.Context(), survey.EvaluationID{Survey: demo.SurveyID, Bureau: "350102-HR", Evaluator: "lin"},
			[]survey.EvaluationEntry{storetest.EvaluationAnswer(1, "1"), storetest.EvaluationAnswer(2, "2")}),
		from.store.AddRecheckEntries(t.Context(), third.Key, []survey.RecheckEntry{storetest.RecheckLook(1)}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if n, err := from.logger().Receipts(t.Context(), time.Now()); n == 0 || err != nil {
		t.Fatal(n, err)
	}
	folder.run("user", "add", "chen", "--role", "organiser", "--generate")
	folder.run("token", "add", "warehouse", "--role", "organiser")

	// The migration is killed in the middle, and gone on with.
	link := mongotest.NewLink(t, uri)
	p := newProcess("migrate", "--data", folder.env["MANYI_DATA"], "--to", link.URI())
	p.start(t)
	target, err := mongostore.Open(t.Context(), uri)
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	until(t, "some visits are copied", time.Minute, func() bool {
		err := target.Visits(t.Context(), func(survey.Visit) error { return errSome })
		return errors.Is(err, errSome)
	})
	link.Freeze() // so that it cannot end before it is killed
	p.cmd.Process.Kill()
	p.cmd.Wait()
	link.Cut()
	folder.refused([]string{"migrate", "--to", uri}, "--resume")
	out := folder.run("migrate", "--to", uri, "--resume")
	for _, c := range append(collections, collection{name: "tallies"}) {
		if !strings.Contains(out, c.name+": ") {
			t.Errorf("nothing is said of %s:\n%s", c.name, out)
		}
	}
	if strings.Contains(out, ": 0,") {
		t.Errorf("a collection is empty; the test shows nothing of it:\n%s", out)
	}
	if c, err := target.Case(t.Context(), proved.Key); err != nil || c.Summary.Marks&survey.MarkIdentified == 0 {
		t.Errorf("the proof of a phone is lost: %+v, %v", c.Summary, err)
	}
	if r, err := target.Recheck(t.Context(), third.Key); err != nil || len(r.Entries) != 1 {
		t.Errorf("what was done about an interview that was drawn is lost: %+v, %v", r, err)
	}
	folder.refused([]string{"migrate", "--to", uri, "--resume"}, "has lived on since")
	other := commands{t, map[string]string{"MANYI_DATA": sampleFolder(t, fewDays)}}
	other.refused([]string{"migrate", "--to", uri}, "has lived on")
	other.refused([]string{"migrate"}, "--to is missing")
	commands{t, map[string]string{"MANYI_DATA": t.TempDir()}}.refused([]string{"migrate", "--to", uri}, "holds no embedded database")

	// The nodes go on with the folder's own secrets; printed codes lead where they did.
	secret, err := os.ReadFile(filepath.Join(folder.env["MANYI_DATA"], secretFile))
	if err != nil {
		t.Fatal(err)
	}
	nodes := commands{t, map[string]string{"MONGODB_URI": uri, "MANYI_DATA": t.TempDir(), "MANYI_SECRET": string(secret),
		"MANYI_KEYS_FILE": filepath.Join(folder.env["MANYI_DATA"], keysFile)}}
	base := nodes.serve()
	if _, err := openForm(browser(t), base, someCodes(t, from, 1)[0]); err != nil {
		t.Errorf("a code printed before: %v", err)
	}
	nodes.env["MANYI_SECRET"] += "x"
	nodes.refused([]string{"survey", "list"}, "MANYI_SECRET is not the one")
}

func surveyOf(t testing.TB, b *base) survey.Survey {
	t.Helper()
	s, err := b.store.Survey(context.Background(), demo.SurveyID)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestMigrateRefusesAFullTarget(t *testing.T) {
	uri := mongotest.Open(t)
	target, err := mongostore.Open(t.Context(), uri)
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	if err := target.PutPlaces(t.Context(), storetest.Places()[:1]); err != nil {
		t.Fatal(err)
	}
	folder := filledFolder(t)
	folder.refused([]string{"migrate", "--to", uri}, "not empty", "places")
	if left, err := target.Places(t.Context()); err != nil || len(left) != 1 {
		t.Errorf("%d places, %v; want the one there was", len(left), err)
	}
}

func TestBackupAndRestore(t *testing.T) {
	folder := commands{t, map[string]string{"MANYI_DATA": sampleFolder(t, fewDays)}}
	folder.run("compute")  // so that the server below finds no case to open
	base := folder.serve() // a backup is taken beside a running server
	file := filepath.Join(t.TempDir(), "manyi.db")
	if out := folder.run("backup", "--out", file); !strings.Contains(out, "not in the backup") {
		t.Errorf("the backup does not say what it leaves out: %s", out)
	}
	folder.refused([]string{"backup"}, "--out is missing")
	folder.refused([]string{"backup", "--out", file}, "exists")
	folder.refused([]string{"restore", file}, "holds a database already")
	_ = base

	restored := commands{t, map[string]string{"MANYI_DATA": t.TempDir()}}
	restored.run("restore", file)
	for _, c := range collections {
		was, err := contentOf(t.Context(), c, folder.base().store, func(int) {})
		if err != nil {
			t.Fatal(err)
		}
		is, err := contentOf(t.Context(), c, restored.base().store, func(int) {})
		if err != nil || !is.equal(was) {
			t.Errorf("%s: %s restored from %s, %v", c.name, is, was, err)
		}
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(file), secretFile)); err == nil {
		t.Error("the secret lies beside the backup")
	}
	mongo := commands{t, map[string]string{"MONGODB_URI": "mongodb://127.0.0.1/x", "MANYI_SECRET": strings.Repeat("s", 32), "MANYI_KEYS_FILE": "k"}}
	mongo.refused([]string{"backup", "--out", file}, "mongodump")
	mongo.refused([]string{"restore", file}, "mongodump")
}

// mongoTool finds one of MongoDB's own tools, or skips the test.
func mongoTool(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", ".ci", "mongo", "bin", name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err == nil {
		return path
	}
	path, err = exec.LookPath(name)
	switch {
	case err == nil:
	case strings.Contains(os.Getenv("MANYI_REQUIRE"), "mongo"):
		t.Fatalf("no %s: see .ci/mongo/tools/tools.go", name)
	default:
		t.Skipf("no %s: see .ci/mongo/tools/tools.go", name)
	}
	return path
}

// TestMongoDBBackupRoundTrip takes the documented way, but for --oplog, which
// wants a replica set.
func TestMongoDBBackupRoundTrip(t *testing.T) {
	dump, restore := mongoTool(t, "mongodump"), mongoTool(t, "mongorestore")
	uri, empty := mongotest.Open(t), mongotest.Open(t)
	i := newInstallation(t, uri, uri)
	from := i.fillDemo()
	i.commands(t).run("compute")
	file := filepath.Join(t.TempDir(), "manyi.archive")
	name := func(uri string) string {
		u, err := connstring.ParseAndValidate(uri)
		if err != nil {
			t.Fatal(err)
		}
		return u.Database
	}
	for _, cmd := range []*exec.Cmd{
		exec.Command(dump, "--uri", uri, "--gzip", "--archive="+file),
		exec.Command(restore, "--uri", strings.Replace(empty, "/"+name(empty), "/", 1), "--gzip", "--archive="+file,
			"--nsFrom", name(uri)+".*", "--nsTo", name(empty)+".*"),
	} {
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", filepath.Base(cmd.Path), err, out)
		}
	}
	i.direct = empty
	to := i.base() // its secrets are the ones pinned in the backup
	for _, c := range append(collections, collection{name: "tallies", read: readTallies}) {
		was, err := contentOf(t.Context(), c, from.store, func(int) {})
		if err != nil {
			t.Fatal(err)
		}
		is, err := contentOf(t.Context(), c, to.store, func(int) {})
		if err != nil || !is.equal(was) {
			t.Errorf("%s: %s restored from %s, %v", c.name, is, was, err)
		}
		if was.n == 0 && (c.name == "responses" || c.name == "tallies") {
			t.Errorf("no %s; the test shows nothing", c.name)
		}
	}
}

func TestKeysForNodes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys.json")
	c := commands{t, nil}
	out := c.run("keys", file)
	secret, ok := strings.CutPrefix(strings.TrimSpace(out), "MANYI_SECRET=")
	if !ok || len(secret) < 32 {
		t.Errorf("keys printed %q", out)
	}
	if _, err := keyring.Read(file); err != nil {
		t.Error(err)
	}
	c.refused([]string{"keys", file}, "exists")
	uri := mongotest.Open(t)
	env := func(secret, keys string) map[string]string {
		return map[string]string{"MONGODB_URI": uri, "MANYI_SECRET": secret, "MANYI_KEYS_FILE": keys, "MANYI_DATA": t.TempDir()}
	}
	commands{t, env(secret, file)}.run("survey", "list")
	other := filepath.Join(t.TempDir(), "other.json")
	c.run("keys", other)
	commands{t, env(secret, other)}.refused([]string{"survey", "list"}, "MANYI_KEYS_FILE is not the one")
	commands{t, env(secret, "missing.json")}.refused([]string{"survey", "list"}, "MANYI_KEYS_FILE", "server keys --help")
	commands{t, env(secret[1:], file)}.refused([]string{"survey", "list"}, "MANYI_SECRET is not the one")
	commands{t, env(secret, file)}.run("survey", "list")
}

func TestNodesAndTheirSpools(t *testing.T) {
	uri := mongotest.Open(t)
	i := newInstallation(t, uri, uri)
	c := i.commands(t)
	b := i.base()
	if err := b.store.PutNode(t.Context(), survey.Node{Name: "hall-2.k3x9ab", SeenAt: time.Now(), Spool: survey.SpoolState{Waiting: 3}}); err != nil {
		t.Fatal(err)
	}
	if out := c.run("nodes", "list"); !strings.Contains(out, "hall-2.k3x9ab") || !strings.Contains(out, "waiting 3") {
		t.Errorf("nodes list: %s", out)
	}
	c.refused([]string{"nodes", "drop", "hall-2"}, "want a node's name")
	c.run("nodes", "drop", "hall-2.k3x9ab")
	if out := c.run("nodes", "list"); out != "" {
		t.Errorf("nodes list after the only one was dropped: %s", out)
	}

	c.refused([]string{"spool", "list"}, "holds no spool")
	spool, err := sqlitestore.OpenSpool(t.Context(), c.env["MANYI_DATA"])
	if err != nil {
		t.Fatal(err)
	}
	defer spool.Close()
	r := storetest.NewFacts(1, storetest.Survey()).Response(storetest.GulouHR1, time.Now())
	r.Comment = "not for the operator's terminal"
	if _, err := spool.Hold(t.Context(), []survey.Response{r}); err != nil {
		t.Fatal(err)
	}
	if err := spool.SetAside(t.Context(), r.Key, "MongoDB refuses a document: code 121"); err != nil {
		t.Fatal(err)
	}
	out := c.run("spool", "list")
	if !strings.Contains(out, "set aside 1") || !strings.Contains(out, "code 121") || !strings.Contains(out, storetest.GulouHR1) || strings.Contains(out, r.Comment) {
		t.Errorf("spool list: %s", out)
	}
	if out := c.run("spool", "retry"); !strings.Contains(out, "1 put back") {
		t.Errorf("spool retry: %s", out)
	}
	if out := c.run("spool", "list"); !strings.Contains(out, "waiting 1") || !strings.Contains(out, "set aside 0") {
		t.Errorf("spool list after retry: %s", out)
	}
}

// TestDemoOnMongoDB runs the sample on MongoDB from one command, and again.
func TestDemoOnMongoDB(t *testing.T) {
	uri := mongotest.Open(t)
	i := newInstallation(t, uri, uri)
	b := i.fillDemo()
	c := i.commands(t)
	base := c.serve()
	code := someCodes(t, b, 1)[0]
	client := browser(t)
	key, err := openForm(client, base, code)
	if err != nil {
		t.Fatal(err)
	}
	form := url.Values{"comment": {"on MongoDB"}}
	for name, value := range rating(key, "satisfied") {
		form[name] = value
	}
	first, err := sendForm(client, base, code, form)
	if err != nil {
		t.Fatal(err)
	}
	// A second node knows the same receipt for the same form.
	again, err := sendForm(browser(t), i.commands(t).serve(), code, form)
	if err != nil || again != first {
		t.Errorf("sent again at another node: receipt %s, %v; want %s", again, err, first)
	}
	if n := storedComments(t, b)["on MongoDB"]; n != 1 {
		t.Errorf("stored %d times", n)
	}
	c.run("compute")
	if out := c.run("export", "figures", "--format", "csv", "--out", "-"); !strings.Contains(out, "350102") {
		t.Errorf("figures: %.300s", out)
	}
}

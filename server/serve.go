package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"manyi/qrcodes"
	"manyi/server/demo"
	"manyi/server/web"
	"manyi/survey"
	"manyi/survey/intake"
	"manyi/survey/keyring"
	"manyi/survey/sms/outbox"
	"manyi/survey/sqlitestore"
)

func limitFlags(cmd *cobra.Command) (read func() intake.Options) {
	perDevice := cmd.Flags().Int("flood-per-device", 20, "ratings a minute from one device at one code above which it is asked to wait")
	perCode := cmd.Flags().Int("flood-per-code", 600, "ratings a minute at one code above which all are asked to wait")
	return func() intake.Options { return intake.Options{PerDevice: *perDevice, PerCode: *perCode} }
}

func serveCommand(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "serve",
		Short:   "Serve the citizen's page, the console and the API, and run the jobs (the default)",
		Example: "  MANYI_BASE_URL=https://pj.example.gov.cn server serve --addr 127.0.0.1:8080 --data /var/lib/manyi",
		Args:    cobra.NoArgs,
	}
	limits := limitFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := e.config(cmd)
		if err != nil {
			return err
		}
		ln, err := net.Listen("tcp", cfg.Addr)
		if err != nil {
			return fmt.Errorf("MANYI_ADDR is %q and cannot be listened on: %w", cfg.Addr, err)
		}
		if cfg.BaseURL == "" {
			cfg.BaseURL = localBase(ln, lanAddress())
			e.log().Warn("MANYI_BASE_URL is not set; codes carry this machine's address, fit for a trial only", "base_url", cfg.BaseURL)
		}
		b, err := openBase(cmd.Context(), cfg, e.now)
		if err != nil {
			return errors.Join(err, ln.Close())
		}
		return errors.Join(b.serveOn(cmd.Context(), ln, limits(), e.log()), b.close())
	}
	return cmd
}

func localBase(ln net.Listener, host string) string {
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	return "http://" + net.JoinHostPort(host, port)
}

// demoData is the demo's folder, apart from that of a real installation.
const demoData = "./demo-data"

func demoCommand(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Fill a folder with sample data, serve it, and print where to look",
		Long: "Fills a folder (MANYI_DATA, default " + demoData + ") with the divisions of Fujian and sample ratings, serves it,\n" +
			"and prints where to look, one per line. A second run reuses the folder.",
		Example: "  server demo\n  server demo --fresh --addr 127.0.0.1:0",
		Args:    cobra.NoArgs,
	}
	fresh := cmd.Flags().Bool("fresh", false, "start over with an empty folder")
	limits := limitFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := e.config(cmd)
		if err != nil {
			return err
		}
		if !cmd.Flags().Changed("data") && e.getenv("MANYI_DATA") == "" {
			cfg.Data = demoData
		}
		if *fresh {
			if err := e.removeDemo(cmd.Context(), cfg); err != nil {
				return err
			}
		}
		return e.demo(cmd, cfg, limits())
	}
	return cmd
}

// removeDemo deletes the demo's database, and refuses to delete any other.
func (e *env) removeDemo(ctx context.Context, cfg config) error {
	b, err := openBase(ctx, cfg, e.now)
	if err != nil {
		return err
	}
	if err := errors.Join(onlyDemo(ctx, b), b.close()); err != nil {
		return err
	}
	return removeDatabase(cfg.Data)
}

// onlyDemo refuses a folder that is in earnest use: the demo would put its
// places and its administrator among the real ones.
func onlyDemo(ctx context.Context, b *base) error {
	all, err := b.store.Surveys(ctx)
	if err != nil {
		return err
	}
	for _, s := range all {
		if s.ID != demo.SurveyID {
			return fmt.Errorf("MANYI_DATA is %q and holds survey %s; want a folder for the demo alone", b.cfg.Data, s.ID)
		}
	}
	return nil
}

// removeDatabase deletes the embedded database and nothing else, so that a
// mistaken folder name costs no other file.
func removeDatabase(dir string) error {
	for _, end := range []string{"", "-wal", "-shm"} {
		err := os.Remove(filepath.Join(dir, sqlitestore.FileName+end))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (e *env) demo(cmd *cobra.Command, cfg config, limits intake.Options) error {
	ctx := cmd.Context()
	ln, err := listenNear(cfg.Addr, func(busy string) { fmt.Fprintf(e.err, "note: %s is busy, trying the next port\n", busy) })
	if err != nil {
		return err
	}
	near := cfg.BaseURL
	if cfg.BaseURL == "" {
		near = localBase(ln, "127.0.0.1")
		cfg.BaseURL = localBase(ln, lanAddress())
	}
	b, err := openBase(ctx, cfg, e.now)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	box := outbox.New(b.clock.Now) // whatever gateway is set: the demo sends nobody anything
	b.gateway, b.sms, b.outbox = gateway{Sender: box}, box, box.Last
	lines, err := e.prepareDemo(cmd, b, near)
	if err != nil {
		return errors.Join(err, ln.Close(), b.close())
	}
	// The socket already listens: whoever reads these lines and connects is answered.
	fmt.Fprint(e.out, strings.Join(lines, "\n")+"\n")
	return errors.Join(b.serveOn(ctx, ln, limits, e.log()), b.close())
}

// prepareDemo fills the folder, counts it, and returns the lines to print.
func (e *env) prepareDemo(cmd *cobra.Command, b *base, near string) ([]string, error) {
	ctx, now := cmd.Context(), e.now()
	if err := onlyDemo(ctx, b); err != nil {
		return nil, err
	}
	ring, err := keyring.Load(b.cfg.keys())
	if err != nil {
		return nil, fmt.Errorf("MANYI_KEYS_FILE: %w", err)
	}
	if err := demo.Fill(ctx, b.store, b.cfg.Zone, now, demo.Days, sealWith(ring)); err != nil {
		return nil, fmt.Errorf("fill the demo: %w", err)
	}
	if err := demo.Invite(ctx, b.store, intake.NewPhones(ring).ForVisit, b.cfg.SMSSignature, now); err != nil {
		return nil, fmt.Errorf("invite in the demo: %w", err)
	}
	if err := b.runJobs(ctx, e.log(), now); err != nil {
		return nil, err
	}
	password, token, err := demoAccess(cmd, b, now)
	if err != nil {
		return nil, err
	}
	codes, err := b.store.Codes(ctx, demo.SurveyID, "")
	if err != nil {
		return nil, err
	}
	first := -1
	for i, c := range codes {
		if !c.Revoked() {
			first = i
			break
		}
	}
	if first < 0 {
		return nil, errors.New("the demo has no code in force: start over with --fresh")
	}
	code := b.signer.Code(codes[first].Serial)
	lines := []string{
		"citizen: " + near + "/Q/" + code,
		"figures: " + near + "/console/figures",
		"console: " + near + "/console",
		"admin: " + demoAdmin + " " + password,
		"api: " + token,
	}
	if f, ok := e.out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		link := qrcodes.Link(b.cfg.BaseURL, code)
		symbol, err := qrcodes.Terminal(link)
		if err != nil {
			return nil, err
		}
		lines = append(lines, "", "手机扫码评价（同一网络） / scan with a phone in the same network: "+link, symbol)
	}
	return lines, nil
}

func sealWith(ring keyring.Sealer) demo.Seal {
	return func(c survey.Contact, key survey.Key) (*survey.SealedContact, error) {
		plain, err := json.Marshal(c)
		if err != nil {
			return nil, err
		}
		id, sealed, err := ring.Seal(plain, key[:])
		out := &survey.SealedContact{KeyID: id, Sealed: sealed}
		if c.Phone != "" {
			out.PhoneHash = ring.Hash([]byte(c.Phone))
		}
		return out, err
	}
}

const demoAdmin = "admin"

// demoAccess makes a password and a token anew for each run, so that none needs to be kept readable.
func demoAccess(cmd *cobra.Command, b *base, now time.Time) (password, token string, err error) {
	ctx := cmd.Context()
	password = rand.Text()[:16]
	hash, err := web.HashPassword(password)
	if err != nil {
		return "", "", err
	}
	who := survey.Actor{Name: demoAdmin, Role: survey.Organiser}
	if err := b.store.PutUser(ctx, survey.User{Actor: who, PasswordHash: hash}); err != nil {
		return "", "", err
	}
	if err := b.store.RevokeTokens(ctx, demoAdmin, now); err != nil {
		return "", "", err
	}
	token, t := web.NewToken(who, now)
	return password, token, b.store.AddToken(ctx, t)
}

// listenNear listens on an address, or on the next free port above it.
func listenNear(addr string, busy func(addr string)) (net.Listener, error) {
	host, portText, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	port, err := net.LookupPort("tcp", portText)
	if err != nil {
		return nil, err
	}
	for try := port; ; try++ {
		at := net.JoinHostPort(host, fmt.Sprint(try))
		ln, err := net.Listen("tcp", at)
		if err == nil {
			return ln, nil
		}
		if try >= port+100 || try >= 65535 { // what "busy" is called differs between systems
			return nil, fmt.Errorf("MANYI_ADDR is %q and cannot be listened on: %w", addr, err)
		}
		busy(at)
	}
}

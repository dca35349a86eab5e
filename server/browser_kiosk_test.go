package main

import (
	"os"
	"path/filepath"
	"testing"

	"manyi/survey/mongostore/mongotest"
)

// TestBrowserKiosk rates on a hall tablet in a real browser, with the connection cut in
// between, on either engine.
func TestBrowserKiosk(t *testing.T) {
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		chromium(t)
		data := demoFolder(t)
		kioskJourney(t, newProcess("serve", "--data", data, "--addr", "127.0.0.1:0"), commands{t, map[string]string{"MANYI_DATA": data}})
	})
	t.Run("MongoDB", func(t *testing.T) {
		t.Parallel()
		chromium(t)
		uri := mongotest.Open(t)
		i := newInstallation(t, uri, uri)
		i.fillDemo()
		kioskJourney(t, i.node(t.TempDir(), "127.0.0.1:0"), i.commands(t))
	})
}

func kioskJourney(t *testing.T, p *process, cmd commands) {
	j := journey{Chromium: chromium(t), User: "desk", First: stand{Window: "350102-HR-01-001"}}
	if shots := os.Getenv("MANYI_SHOTS"); shots != "" {
		var err error
		if j.Shots, err = filepath.Abs(shots); err != nil {
			t.Fatal(err)
		}
	}
	p.cmd.Args = append(p.cmd.Args, "--kiosk-pause", "2s")
	p.serve(t)
	j.Base = p.base
	j.Password = last(cmd.run("user", "add", j.User, "--role", "organiser", "--generate"))
	j.Token = last(cmd.run("token", "add", "browser", "--role", "organiser"))
	j.run(t, "kiosk")
	j.run(t, "paper")
}

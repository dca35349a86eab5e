package main

import (
	"encoding/json"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// arrows is which of our packages each package may reach, directly or not. A
// package that is not named here fails the test: its place has to be thought about.
var arrows = map[string][]string{
	"survey":                      {},
	"survey/storetest":            {"survey"},
	"survey/sqlitestore":          {"survey"},
	"survey/mongostore":           {"survey"},
	"survey/mongostore/mongotest": {},
	"survey/keyring":              {},
	"survey/intake":               {"survey", "survey/keyring"},
	"survey/imports":              {"survey"},
	"survey/photos":               {},
	"survey/sms":                  {"survey"},
	"survey/sms/outbox":           {"survey", "survey/sms"},
	"survey/sms/kannel":           {"survey", "survey/outward", "survey/sms"},
	"survey/sms/aliyun":           {"survey", "survey/outward", "survey/sms"},
	"survey/sms/webhook":          {"survey", "survey/outward", "survey/sms"},
	"survey/outward":              {},
	"stats":                       {"survey"},
	"stats/figures":               {"survey", "stats", "stats/sheet"},
	"stats/proof":                 {"survey"},
	"stats/proof/bundle":          {"survey", "stats", "stats/figures", "stats/quality", "stats/export", "stats/proof", "stats/sheet"},
	"stats/quality":               {"survey", "stats"},
	"stats/quality/halls":         {"survey"},
	"stats/sheet":                 {"survey", "stats"},
	"stats/review":                {"survey", "stats", "stats/figures", "stats/quality", "stats/export", "stats/proof", "stats/proof/bundle", "stats/sheet"},
	"stats/export":                {"survey", "stats", "stats/figures", "stats/quality", "stats/sheet"},
	"qrcodes":                     {},
	"public":                      {},
	"jobs":                        {"survey", "survey/sms", "stats", "stats/proof", "stats/quality"},
	"server/web":                  {"survey", "survey/imports", "survey/intake", "survey/keyring", "survey/photos", "survey/sms", "stats", "stats/figures", "stats/export", "stats/proof", "stats/proof/bundle", "stats/quality", "stats/review", "stats/sheet", "qrcodes", "public"},
	"server/webhook":              {"survey", "survey/outward"},
	"server/demo":                 {"survey"},
	"server":                      nil, // everything
}

// stdlibOnly are packages whose rules must not lean on anybody's library.
var stdlibOnly = []string{"survey", "stats", "survey/storetest", "survey/photos"}

func TestArrows(t *testing.T) {
	cmd := exec.Command("go", "list", "-json=ImportPath,Deps", "manyi/...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	d := json.NewDecoder(strings.NewReader(string(out)))
	seen := map[string]bool{}
	for {
		var p struct {
			ImportPath string
			Deps       []string
		}
		if err := d.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(p.ImportPath, "manyi/")
		allowed, known := arrows[name]
		seen[name] = true
		if !known {
			t.Errorf("package %s is not in the table of arrows", name)
			continue
		}
		for _, dep := range p.Deps {
			ours, isOurs := strings.CutPrefix(dep, "manyi/")
			if isOurs && name != "server" && !slices.Contains(allowed, ours) {
				t.Errorf("%s must not import %s", name, ours)
			}
			host, _, _ := strings.Cut(dep, "/") // only modules begin with a host name
			if !isOurs && slices.Contains(stdlibOnly, name) && strings.Contains(host, ".") {
				t.Errorf("%s must use the standard library only, not %s", name, dep)
			}
		}
	}
	for name := range arrows {
		if !seen[name] {
			t.Errorf("the table names %s, which is no package", name)
		}
	}
}

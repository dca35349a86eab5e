package sqlitestore

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"testing"
)

// BenchmarkMigrate brings a store of 100,000 responses, half of which name a case whose
// visit is listed, from the schema before responses knew what they are worth to the
// present one, and reports the memory of the whole process at its largest (Linux only).
// MANYI_BENCH_RESPONSES is another number.
func BenchmarkMigrate(b *testing.B) {
	n := 100_000
	if text := os.Getenv("MANYI_BENCH_RESPONSES"); text != "" {
		n, _ = strconv.Atoi(text)
	}
	for b.Loop() {
		b.StopTimer()
		dir := b.TempDir()
		storeBeforeWorth(b, dir, n)
		before := peakMB()
		b.StartTimer()
		s, err := Open(b.Context(), dir)
		b.StopTimer()
		if err != nil {
			b.Fatal(err)
		}
		var worth int
		if err := s.read.QueryRow("SELECT count(*) FROM responses WHERE worth = 1").Scan(&worth); err != nil || worth != n/2 {
			b.Errorf("%d of %d responses belong to a visit, %v", worth, n, err)
		}
		if about, err := os.Stat(dir + "/manyi.db-wal"); err == nil {
			b.ReportMetric(float64(about.Size())/(1<<20), "wal-MB")
		}
		b.ReportMetric(before, "MB-before")
		b.ReportMetric(peakMB(), "peak-MB")
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

// storeBeforeWorth makes a store with the schema before migration 22.
func storeBeforeWorth(b *testing.B, dir string, n int) {
	file, err := makeFile(dir, "manyi.db")
	if err != nil {
		b.Fatal(err)
	}
	db, err := open(file, "immediate")
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	run := func(text string, args ...any) {
		if _, err := db.ExecContext(context.Background(), text, args...); err != nil {
			b.Fatalf("%.60s: %v", text, err)
		}
	}
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range files[:21] {
		text, err := migrations.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		run(string(text))
	}
	run("PRAGMA user_version = 21")
	run("INSERT INTO series(survey, path, window) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900) SELECT 's', 'p' || i, '350102-HR-01-' || i FROM n")
	for from := 0; from < n; from += 50_000 {
		to := min(n, from+50_000)
		numbers := fmt.Sprintf("WITH RECURSIVE n(i) AS (SELECT %d UNION ALL SELECT i + 1 FROM n WHERE i < %d) ", from, to-1)
		run(numbers + `INSERT INTO responses(key, series, day, flags, has_text, case_number, stage, body)
			SELECT CAST(printf('%016d', i) AS BLOB), 1 + (i * 7919) % 900, 20250101 + i % 28, 0, 0, iif(i % 2, printf('20250101%010d', i), NULL), iif(i % 2, '1', NULL), randomblob(80) FROM n`)
		run(numbers + `INSERT INTO visits(survey, case_number, stage, window, item, finished, day)
			SELECT 's', printf('20250101%010d', i), '1', '350102-HR-01-' || (1 + (i * 7919) % 900), '社会保险登记', 1735700000000 + i, 20250101 + i % 28 FROM n WHERE i % 2`)
	}
}

// peakMB is the largest resident memory of the process so far; 0 where it is not known.
func peakMB() float64 {
	text, _ := os.ReadFile("/proc/self/status")
	for line := range bytes.Lines(text) {
		var kb float64
		if _, err := fmt.Sscanf(string(line), "VmHWM: %f kB", &kb); err == nil {
			return kb / 1024
		}
	}
	return 0
}

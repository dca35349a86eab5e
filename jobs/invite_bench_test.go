package jobs_test

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"manyi/jobs"
	"manyi/survey"
	"manyi/survey/intake"
	"manyi/survey/keyring"
	"manyi/survey/sms"
	"manyi/survey/sqlitestore"
	"manyi/survey/storetest"
)

// invitable makes a store with visits that may be invited, of as many phones.
func invitable(b *testing.B, n int) (*sqlitestore.Store, jobs.Inviting, intake.Phones) {
	b.Helper()
	store, err := sqlitestore.Open(b.Context(), b.TempDir())
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	must(err)
	b.Cleanup(func() { store.Close() })
	ring, err := keyring.Load(b.TempDir() + "/keys.json")
	must(err)
	phones := intake.NewPhones(ring)
	s := storetest.Survey(func(s *survey.Survey) {
		s.Opens, s.Closes = time.Now().AddDate(0, 0, -30), time.Now().AddDate(0, 1, 0)
	})
	must(store.PutPlaces(b.Context(), storetest.Places()))
	must(store.AddSurvey(b.Context(), s))
	c := survey.NewCampaign(s.ID, "【满意】")
	c.State, c.From, c.To, c.PerSecond = survey.CampaignRunning, 0, 24, 1000
	must(store.PutCampaign(b.Context(), c))
	f := storetest.NewFacts(1, s)
	at := time.Now().AddDate(0, 0, -10)
	for done := 0; done < n; done += 5000 {
		var visits []survey.Visit
		for i := done; i < min(done+5000, n); i++ {
			v := f.Visit(storetest.GulouHR1, fmt.Sprint("N", i), at.Add(time.Duration(i)*time.Millisecond))
			phone, err := phones.ForVisit(v, fmt.Sprint(13800000000+i))
			must(err)
			v.Phone = &phone
			visits = append(visits, v)
		}
		_, err := store.PutVisits(b.Context(), visits)
		must(err)
	}
	return store, jobs.Inviting{Store: store, Phones: phones, Secret: func(key string) []byte { return storetest.Secret(key) }}, phones
}

// peak reports the largest heap while f runs.
func peak(b *testing.B, f func()) {
	runtime.GC()
	var most atomic.Uint64
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most.Store(max(most.Load(), m.HeapAlloc))
			select {
			case <-stop:
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	}()
	f()
	close(stop)
	<-done
	b.ReportMetric(float64(most.Load())/1e6, "peak-MB")
}

// BenchmarkInvitations queues what visits are to be invited, beside the bare insert of
// messages as long that are at hand, and hands 5,000 over to a gateway that costs nothing.
func BenchmarkInvitations(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		b.Run(fmt.Sprintf("queue=%dk", n/1000), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				_, inviting, _ := invitable(b, n)
				b.StartTimer()
				start := time.Now()
				peak(b, func() {
					if made, err := inviting.Run(b.Context(), time.Now()); err != nil || made != n {
						b.Fatal(made, err)
					}
				})
				b.ReportMetric(float64(n)/time.Since(start).Seconds(), "messages/s")
			}
		})
	}
	b.Run("bare=100k", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			store, _, _ := invitable(b, 0)
			b.StartTimer()
			start := time.Now()
			peak(b, func() {
				for done := 0; done < 100_000; done += 500 {
					var list []survey.Message
					for i := range 500 {
						m := storetest.Invitation(fmt.Sprint("N", done+i), fmt.Sprint(done+i), start)
						m.Text += strings.Repeat("满", 50)
						list = append(list, m)
					}
					if _, err := store.AddMessages(b.Context(), list); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.ReportMetric(100_000/time.Since(start).Seconds(), "messages/s")
		}
	})
	b.Run("send=5k/queued=100k", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			store, inviting, phones := invitable(b, 100_000)
			if _, err := inviting.Run(b.Context(), time.Now()); err != nil {
				b.Fatal(err)
			}
			ctx, cancel := context.WithCancel(b.Context())
			handed := 0
			to := sender(func() {
				if handed++; handed == 5000 {
					cancel()
				}
			})
			s := &jobs.Sending{Store: store, To: to, Phones: phones, Log: slog.New(slog.DiscardHandler), For: time.Hour,
				Sleep: func(context.Context, time.Duration) bool { return true }}
			b.StartTimer()
			start := time.Now()
			peak(b, func() { s.Run(ctx) })
			b.ReportMetric(float64(handed)/time.Since(start).Seconds(), "messages/s")
		}
	})
}

type sender func()

func (f sender) Send(context.Context, sms.Message) error { f(); return nil }

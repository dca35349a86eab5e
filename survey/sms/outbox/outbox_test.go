package outbox_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"manyi/survey/sms"
	"manyi/survey/sms/outbox"
)

func TestTheLastMessagesAreKept(t *testing.T) {
	at := time.Date(2024, 2, 29, 8, 0, 0, 0, time.UTC)
	o := outbox.New(func() time.Time { return at })
	if n := len(o.Last()); n != 0 {
		t.Errorf("a new outbox holds %d messages", n)
	}
	for i := range outbox.Kept + 7 {
		if err := o.Send(t.Context(), sms.Message{ID: fmt.Sprint(i), To: "13800138000", Text: "x"}); err != nil {
			t.Fatal(err)
		}
	}
	last := o.Last()
	if len(last) != outbox.Kept || last[0].Message.ID != fmt.Sprint(outbox.Kept+6) || last[outbox.Kept-1].Message.ID != "7" || !last[0].At.Equal(at) {
		t.Errorf("%d messages, from %+v to %+v", len(last), last[0], last[len(last)-1])
	}
}

func TestManySendAtOnce(t *testing.T) {
	o := outbox.New(time.Now)
	var all sync.WaitGroup
	for range 200 {
		all.Go(func() {
			if err := o.Send(t.Context(), sms.Message{}); err != nil {
				t.Error(err)
			}
			if n := len(o.Last()); n == 0 || n > outbox.Kept {
				t.Errorf("%d messages kept", n)
			}
		})
	}
	all.Wait()
	if n := len(o.Last()); n != outbox.Kept {
		t.Errorf("%d messages kept, want %d", n, outbox.Kept)
	}
}

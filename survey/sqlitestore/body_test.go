package sqlitestore

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"manyi/survey"
)

func fullResponse() survey.Response {
	return survey.Response{
		ID: survey.ID{1, 2, 255}, Version: 3, Channel: survey.ChannelSMS, Level: survey.Dissatisfied,
		Answers: map[string]survey.Level{"attitude": survey.VeryDissatisfied, "": survey.Satisfied, "环境": survey.NoLevel},
		Reasons: []int{207, 214, -1}, Comment: "等太久\x00了", ReceivedAt: time.UnixMilli(1709200000123).UTC(),
	}
}

func TestABodyComesBack(t *testing.T) {
	for why, r := range map[string]survey.Response{
		"everything":       fullResponse(),
		"nothing":          {},
		"before the epoch": {ReceivedAt: time.UnixMilli(-5).UTC()},
		"paper":            {Paper: &survey.PaperForm{Number: 42, Day: 20240229, By: "录入员 chen"}, Comment: "好"},
		"empty paper":      {Paper: &survey.PaperForm{}},
		"interview":        {Interview: &survey.Interview{Mode: survey.Street, By: "访问员 wu"}, Comment: "好"},
		"empty interview":  {Paper: &survey.PaperForm{Number: 7}, Interview: &survey.Interview{}, Answers: map[string]survey.Level{"hall": 1}},
		"case":             {Case: survey.CaseRef{Number: "A1", Stage: "1"}},
	} {
		var got survey.Response
		body := encodeBody(&r)
		err := decodeBody(body, &got, new(names))
		if named, want := body[3]&bodyNamed != 0, r.Case.Number != ""; err != nil || named != want {
			t.Errorf("%s: named %v, %v; want %v", why, named, err, want)
		}
		r.Case = survey.CaseRef{} // kept in columns
		if !reflect.DeepEqual(got, r) {
			t.Errorf("%s:\n got %+v\nwant %+v", why, got, r)
		}
		if c, err := claimIn(encodeBody(&r)); err != nil || !c.ReceivedAt.Equal(r.ReceivedAt) || c.Imported != (r.Channel == survey.ChannelImported) || c.Corrects != r.Corrects {
			t.Errorf("%s: claim %+v, %v; want received %v by %v", why, c, err, r.ReceivedAt, r.Channel)
		}
	}
}

func TestADamagedBodyIsAnError(t *testing.T) {
	r := fullResponse()
	r.Comment = ""
	whole := encodeBody(&r)
	for n := range len(whole) {
		if err := decodeBody(whole[:n], &survey.Response{}, new(names)); !errors.Is(err, errBody) {
			t.Errorf("the first %d of %d bytes: err = %v", n, len(whole), err)
		}
	}
	whole[1]++
	if err := decodeBody(whole, &survey.Response{}, new(names)); !errors.Is(err, errBody) {
		t.Errorf("another version of the layout: err = %v", err)
	}
}

// The migration documents how to see the level with SQL alone.
func TestTheLevelIsTheBodysFirstByte(t *testing.T) {
	s := reopen(t, t.TempDir())
	r := fullResponse()
	r.Survey, r.Path, r.Day = "y2024", survey.Path{"350102", "350102-HR", "350102-HR-01-01"}, 20240229
	if _, err := s.AddResponses(t.Context(), []survey.Response{r}); err != nil {
		t.Fatal(err)
	}
	var level, text string
	err := s.read.QueryRow("SELECT hex(substr(body, 1, 1)), has_text FROM responses").Scan(&level, &text)
	if err != nil || level != "04" || text != "1" {
		t.Errorf("level %s, has_text %s, %v; want 04, 1", level, text, err)
	}
}

func FuzzBody(f *testing.F) {
	r := fullResponse()
	f.Add(encodeBody(&r))
	f.Add(encodeBody(&survey.Response{Case: survey.CaseRef{Number: "A1"}}))
	f.Add([]byte{})
	f.Add([]byte{1, bodyVersion, 1, 0, 255, 255})
	f.Fuzz(func(t *testing.T, b []byte) {
		var r, again survey.Response
		if err := decodeBody(b, &r, new(names)); err != nil {
			return
		}
		if err := decodeBody(encodeBody(&r), &again, new(names)); err != nil || !reflect.DeepEqual(again, r) {
			t.Errorf("%+v came back as %+v, %v", r, again, err)
		}
	})
}

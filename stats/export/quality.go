package export

import (
	"context"
	"io"
	"strconv"
	"strings"
	"time"

	"manyi/stats/quality"
	"manyi/survey"
)

var qualityColumns = []Column{
	{"day", survey.Text{Zh: "日期", En: "Day"}},
	{"window", survey.Text{Zh: "窗口编码", En: "Window"}},
	{"window_name", survey.Text{Zh: "窗口名称", En: "Its name"}},
	{"bureau", survey.Text{Zh: "单位编码", En: "Bureau"}},
	{"kind", survey.Text{Zh: "标记代号", En: "Kind of flag"}},
	{"title_zh", survey.Text{Zh: "标记", En: "What it says, in Chinese"}},
	{"title_en", survey.Text{Zh: "标记英文", En: "What it says, in English"}},
	{"n", survey.Text{Zh: "涉及评价数", En: "Ratings meant"}},
	{"of", survey.Text{Zh: "对照数", En: "What they are measured by"}},
	{"from", survey.Text{Zh: "第一条时间", En: "Time of the first"}},
	{"to", survey.Text{Zh: "最后一条时间", En: "Time of the last"}},
	{"share", survey.Text{Zh: "该答案平时占比", En: "Usual share of these answers"}},
	{"kiosk_good", survey.Text{Zh: "大厅平板满意数", En: "Good ones of those on the hall's tablet"}},
	{"phones_good", survey.Text{Zh: "手机满意数", En: "Good ones of those on phones"}},
	{"apart_low", survey.Text{Zh: "满意率之差下限", En: "Difference of satisfaction, at least"}},
	{"apart_high", survey.Text{Zh: "满意率之差上限", En: "Difference of satisfaction, at most"}},
	{"interviewer", survey.Text{Zh: "访问员账号", En: "Name of the interviewer"}},
	{"rows", survey.Text{Zh: "评价编号", En: "Ids of the first of them"}},
	{"rules", survey.Text{Zh: "规则版本", En: "Version of the rules"}},
	{"looked_at", survey.Text{Zh: "检查时间", En: "Looked at"}},
}

// QualityQuery selects quality flags. Days are local, both included, 0 for open.
type QualityQuery struct {
	Within   string // a place at or above the windows; empty for all
	From, To survey.Span
	Kind     survey.QualityKind // empty for all
	Rows     bool               // with the ids of responses, and the names of interviewers
}

// EachFlag calls yield for the flags a query selects, by day and bureau, with the sheet
// each stands in.
func (q QualityQuery) EachFlag(ctx context.Context, store survey.QualityStore, id string, tree *survey.Tree, yield func(survey.QualitySheet, survey.QualityFlag) error) error {
	to := q.To
	if to == 0 {
		to = survey.NoDeadline
	}
	return store.Quality(ctx, id, survey.BureauOf(q.Within), q.From, to, func(sheet survey.QualitySheet) error {
		for _, f := range sheet.Flags {
			if q.Within != "" && !tree.Within(f.Window, q.Within) || q.Kind != "" && f.Kind != q.Kind {
				continue
			}
			if !q.Rows {
				f.Rows, f.By = nil, ""
			}
			if err := yield(sheet, f); err != nil {
				return err
			}
		}
		return nil
	})
}

// Quality writes the quality flags a query selects. text gives the product's sentences
// by key.
func Quality(ctx context.Context, w io.Writer, f Format, s survey.Survey, tree *survey.Tree, store survey.QualityStore, q QualityQuery, text func(key string) survey.Text) (Manifest, error) {
	x, err := NewWriter(w, f, Table{Name: "quality_flags", Columns: qualityColumns, Meta: []KV{
		{"survey", s.ID}, {"title_zh", s.Title.Zh}, {"title_en", s.Title.En}, {"zone", s.Zone}, {"sample", strconv.FormatBool(s.Sample)},
		{"within", q.Within}, {"rules", strconv.Itoa(quality.Rules)},
	}})
	if err != nil {
		return Manifest{}, err
	}
	err = q.EachFlag(ctx, store, s.ID, tree, func(sheet survey.QualitySheet, f survey.QualityFlag) error {
		title := text("quality." + string(f.Kind))
		window, _ := tree.Place(f.Window)
		var share, kiosk, phones, low, high any
		if f.Kind == survey.QualitySameAnswers {
			share = f.Share
		}
		if d := f.Channels; d != nil {
			kiosk, phones, low, high = d.Kiosk, d.Phones, d.Low, d.High
		}
		return x.Row(f.Day.String(), f.Window, window.Name, sheet.Bureau, string(f.Kind), title.Zh, title.En, f.N, f.Of,
			filled(f.From), filled(f.To), share, kiosk, phones, low, high, filled(f.By), filled(strings.Join(f.Rows, " ")), sheet.Rules, sheet.MadeAt.In(s.Location()).Format(time.RFC3339))
	})
	if err != nil {
		return Manifest{}, err
	}
	return x.Close()
}

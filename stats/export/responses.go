package export

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"manyi/survey"
)

// ResponseWriter writes the table of a survey's responses (评价明细). What leads
// back to a citizen stays out of it: the key, the visit secret and the contact.
type ResponseWriter struct {
	w          *Writer
	questions  []survey.Question
	sample     bool
	zone       *time.Location
	restricted bool
	oneLine    bool // comments without line ends, for readers that take those for the end of a row

	id      []byte
	reasons []string
	day     survey.Span // the last one written, as text
	dayText []byte
}

// NewResponses begins the table of the responses of s. Restricted is for viewers who
// must not trace a rating to a person: received_at, case_number and stage stay
// empty, and comments that hold a number, see [survey.HoldsNumber]. The meta given is added to what the survey says of itself.
func NewResponses(w io.Writer, f Format, s survey.Survey, restricted bool, meta ...KV) (*ResponseWriter, error) {
	t := Table{Name: "responses", Columns: responseColumns(s.Questionnaire), Whole: []string{"questionnaire_version", "level_gbt39046", "level_haochaping"}, Meta: append([]KV{
		{"survey", s.ID},
		{"title_zh", s.Title.Zh},
		{"title_en", s.Title.En},
		{"zone", s.Zone},
		{"sample", strconv.FormatBool(s.Sample)},
		{"questionnaire", fmt.Sprintf("%s v%d", s.Questionnaire.ID, s.Questionnaire.Version)},
		{"restricted", strconv.FormatBool(restricted)},
	}, meta...)}
	table, err := NewWriter(w, f, t)
	if err != nil {
		return nil, err
	}
	return &ResponseWriter{w: table, questions: s.Questionnaire.Questions, sample: s.Sample, zone: s.Location(), restricted: restricted}, nil
}

// answerColumn goes before a question's name, which could else be that of another column.
const answerColumn = "answer_"

func responseColumns(q survey.Questionnaire) []Column {
	col := func(name, zh, en string) Column { return Column{name, survey.Text{Zh: zh, En: en}} }
	columns := []Column{
		col("id", "评价编号（随机）", "Random number of the response"),
		col("survey", "测评", "Survey"),
		col("sample", "是否演示数据", "Whether this is demonstration data"),
		col("questionnaire_version", "问卷版本", "Version of the questionnaire"),
		col("province", "省", "Province, GB/T 2260"),
		col("city", "市", "City, GB/T 2260"),
		col("county", "县（区）", "County, GB/T 2260"),
		col("bureau", "局", "Bureau"),
		col("hall", "大厅", "Hall"),
		col("window", "窗口", "Window"),
		col("channel", "评价渠道", "Channel"),
		col("level", "满意度等级", "Satisfaction level"),
		col("level_gbt39046", "等级代码：GB/T 39046，1 为非常满意", "Level in the order of GB/T 39046: 1 is very satisfied"),
		col("level_haochaping", "等级代码：好差评，5 为非常满意", "Level in the order of 好差评: 5 is very satisfied"),
	}
	for _, question := range q.Questions {
		columns = append(columns, Column{answerColumn + question.Name, question.Text})
	}
	return append(columns,
		col("reasons", "评价原因代码", "Codes of the reasons"),
		col("comment", "留言", "Comment"),
		col("case_number", "办件编号", "Case number"),
		col("stage", "办理环节", "Stage of the case"),
		col("tie", "与办件的关联", "Tie to a visit"),
		col("standing", "是否计入", "Whether it counts"),
		col("corrects", "是否为群众改评", "Whether the citizen asked that it count instead of the first"),
		col("received_at", "收到时间", "Time received"),
		col("day", "收到日期（当地）", "Local day received"),
		col("flags", "异常标记", "Flags"),
		col("paper_number", "纸质表单编号（本窗口）", "Number of the paper form, at its window"),
		col("paper_day", "纸质表单上的日期", "Day written on the paper form"),
		col("keyed_by", "录入人或访问员", "Who keyed the paper form in, or made the interview"),
		col("interview", "第三方访问方式：street 现场，phone 电话", "How the interview was made: street or phone"),
	)
}

// Responses writes the whole table of the responses a query selects.
func Responses(ctx context.Context, w io.Writer, f Format, s survey.Survey, restricted bool, store survey.ResponseStore, q survey.ResponseQuery) (Manifest, error) {
	rw, err := NewResponses(w, f, s, restricted)
	if err != nil {
		return Manifest{}, err
	}
	if err := store.Responses(ctx, q, rw.Write); err != nil {
		return Manifest{}, err
	}
	return rw.Close()
}

// Write writes one response. It can be the yield of survey.ResponseStore.Responses.
func (rw *ResponseWriter) Write(r survey.Listed) error {
	w := rw.w
	if w.err != nil {
		return w.err
	}
	rw.id = hex.AppendEncode(rw.id[:0], r.ID[:])
	w.token(rw.id)
	w.text(r.Survey)
	w.out.boolean(w.next(), rw.sample)
	w.int(int64(r.Version))
	for _, code := range placeCodes(r.Path) {
		w.filled(code)
	}
	w.text(r.Channel.String())
	w.filled(r.Level.String())
	rw.code(survey.GBT39046, r.Level)
	rw.code(survey.HaoChaPing, r.Level)
	for _, q := range rw.questions {
		w.filled(r.Answers[q.Name].String())
	}
	rw.reasons = rw.reasons[:0]
	for _, code := range r.Reasons {
		rw.reasons = append(rw.reasons, strconv.Itoa(code))
	}
	w.list(rw.reasons)
	if rw.restricted {
		r.Case, r.ReceivedAt = survey.CaseRef{}, time.Time{}
		if survey.HoldsNumber(r.Comment) {
			r.Comment = ""
		}
	}
	if rw.oneLine {
		r.Comment = strings.Join(strings.Fields(r.Comment), " ")
	}
	w.filled(r.Comment)
	w.filled(r.Case.Number)
	w.filled(r.Case.Stage)
	w.text(r.Tie.String())
	w.text(string(r.Standing))
	w.out.boolean(w.next(), r.Corrects)
	rw.receivedAt(r.ReceivedAt)
	rw.receivedOn(r.Day)
	rw.flags(r.Flags)
	rw.keyed(r.Response)
	return w.endRow()
}

// Close writes the trailer.
func (rw *ResponseWriter) Close() (Manifest, error) { return rw.w.Close() }

func (rw *ResponseWriter) code(m survey.CodeMap, l survey.Level) {
	if code := m.Code(l); code != 0 {
		rw.w.int(int64(code))
		return
	}
	rw.w.empty()
}

func (rw *ResponseWriter) receivedAt(t time.Time) {
	if t.IsZero() {
		rw.w.empty()
		return
	}
	rw.w.time(t.In(rw.zone))
}

// receivedOn keeps the day's text: responses come in the order they arrived.
func (rw *ResponseWriter) receivedOn(day survey.Span) {
	if day != rw.day || rw.dayText == nil {
		rw.day, rw.dayText = day, []byte(day.String())
	}
	rw.w.token(rw.dayText)
}

// keyed is empty for what the citizen sent, and but for how an interview was made for
// those who may not trace a response.
func (rw *ResponseWriter) keyed(r survey.Response) {
	by := ""
	if p := r.Paper; p != nil && !rw.restricted {
		rw.w.int(int64(p.Number))
		rw.w.token([]byte(p.Day.String()))
		by = p.By
	} else {
		rw.w.empty()
		rw.w.empty()
	}
	mode := ""
	if i := r.Interview; i != nil {
		mode = string(i.Mode)
		if !rw.restricted {
			by = i.By
		}
	}
	rw.w.filled(by)
	rw.w.filled(mode)
}

func (rw *ResponseWriter) flags(f survey.Flags) {
	if f == 0 {
		rw.w.list(nil)
		return
	}
	rw.w.list(f.Names())
}

// placeCodes sorts a path's codes by kind, province first. Some are empty: a
// bureau may sit under a province, a city or a county.
func placeCodes(path survey.Path) (codes [len(survey.Kinds)]string) {
	for _, code := range path {
		codes[placeKind(code)] = code
	}
	return codes
}

// placeKind is the index in survey.Kinds that a code's form tells.
func placeKind(code string) int {
	switch dashes := strings.Count(code, "-"); {
	case dashes > 0:
		return min(2+dashes, len(survey.Kinds)-1)
	case strings.HasSuffix(code, "0000"):
		return 0
	case strings.HasSuffix(code, "00"):
		return 1
	}
	return 2
}

package export

import (
	"context"
	"errors"
	"io"
	"strconv"

	"manyi/survey"
)

// exchange writes responses in the layout of the national exchange of 好差评 data
// (交换格式): the fields it names, under names of our own, and the level under the
// numbers of both orders, since neither tells which one it is. It holds case numbers
// and times, so it is not for evaluators.
type exchange struct {
	w      *Writer
	s      survey.Survey
	tree   *survey.Tree
	visits visitReader
}

type visitReader interface {
	Visit(ctx context.Context, survey string, c survey.CaseRef) (survey.Visit, bool, error)
}

var exchangeColumns = []Column{
	{"area", survey.Text{Zh: "行政区划代码", En: "Area, GB/T 2260"}},
	{"department", survey.Text{Zh: "部门代码", En: "Department"}},
	{"department_name", survey.Text{Zh: "部门名称", En: "Its name"}},
	{"window", survey.Text{Zh: "窗口代码", En: "Window"}},
	{"item", survey.Text{Zh: "事项名称", En: "Item, if the case is in a list of visits"}},
	{"case_number", survey.Text{Zh: "办件编号", En: "Case number"}},
	{"stage", survey.Text{Zh: "办理环节", En: "Stage of the case"}},
	{"rating_no", survey.Text{Zh: "评价次数：1 计入的评价，2 同一办件同一环节的其他评价", En: "1 for the rating that counts, 2 for others of the same case and stage"}},
	{"channel", survey.Text{Zh: "评价渠道", En: "Channel"}},
	{"level", survey.Text{Zh: "满意度等级", En: "Level by name"}},
	{"level_gbt39046", survey.Text{Zh: "等级代码：GB/T 39046，1 为非常满意", En: "Level in the order of GB/T 39046: 1 is very satisfied"}},
	{"level_haochaping", survey.Text{Zh: "等级代码：好差评，5 为非常满意", En: "Level in the order of 好差评: 5 is very satisfied"}},
	{"reasons", survey.Text{Zh: "评价原因代码", En: "Codes of the reasons"}},
	{"comment", survey.Text{Zh: "文字评价", En: "Comment"}},
	{"anonymous", survey.Text{Zh: "是否匿名", En: "Whether the citizen asked to stay unnamed"}},
	{"received_at", survey.Text{Zh: "评价时间", En: "Time of the rating"}},
}

func newExchange(w io.Writer, s survey.Survey, tree *survey.Tree, visits visitReader) (*exchange, error) {
	x, err := NewWriter(w, CSV, Table{Name: "exchange", Columns: exchangeColumns})
	return &exchange{x, s, tree, visits}, err
}

// write leaves interviews out: the national exchange has no such channel, as what a third
// party asked for is no 好差评.
func (x *exchange) write(ctx context.Context, r survey.Listed) error {
	if r.Channel == survey.ChannelInterview {
		return nil
	}
	var item string
	if r.Case.Number != "" {
		v, _, err := x.visits.Visit(ctx, x.s.ID, r.Case)
		if err != nil && !errors.Is(err, survey.ErrNotFound) {
			return err
		}
		item = v.Item
	}
	bureau := survey.BureauOf(r.Path.Window())
	b, _ := x.tree.Place(bureau)
	no := 1
	if r.Standing == survey.Superseded {
		no = 2
	}
	reasons := make([]string, len(r.Reasons))
	for i, code := range r.Reasons {
		reasons[i] = strconv.Itoa(code)
	}
	return x.w.Row(x.area(bureau), bureau, b.Name, r.Path.Window(), filled(item), filled(r.Case.Number), filled(r.Case.Stage), no, r.Channel.String(),
		r.Level, survey.GBT39046.Code(r.Level), survey.HaoChaPing.Code(r.Level), reasons, filled(r.Comment), r.Anonymous, r.ReceivedAt.In(x.s.Location()))
}

// area is the division whose bureau it is, which its code begins with.
func (x *exchange) area(bureau string) string {
	if len(bureau) < 6 {
		return ""
	}
	return bureau[:6]
}

package survey

import "slices"

// Overall is the name of the one required question: the level of the visit as a whole.
const Overall = "overall"

// Question asks for one level. Every question has the same five levels, so that
// answers can be counted side by side.
type Question struct {
	Name string `json:"name"` // form field and column
	Text Text   `json:"text"`
}

// Reason is one of the nationally numbered reasons (评价原因). The first digit of
// the code is the level in the 好差评 order: 1xx belongs to very dissatisfied.
type Reason struct {
	Code  int   `json:"code"`
	Level Level `json:"level"`
	Text  Text  `json:"text"`
}

// Questionnaire is one version of the questions. A response names the version
// it answered; a survey holds its questionnaire whole, so nobody can edit
// under a running survey.
type Questionnaire struct {
	ID        string     `json:"id"`
	Version   int        `json:"version"`
	Overall   Text       `json:"overall"`
	Questions []Question `json:"questions"` // optional sub-questions
	Reasons   []Reason   `json:"reasons"`
}

// Reason returns the reason with a code.
func (q Questionnaire) Reason(code int) (Reason, bool) {
	i := slices.IndexFunc(q.Reasons, func(r Reason) bool { return r.Code == code })
	if i < 0 {
		return Reason{}, false
	}
	return q.Reasons[i], true
}

// OnSite is the default questionnaire for service halls, in our own words.
func OnSite() Questionnaire {
	return Questionnaire{
		ID: "onsite", Version: 1,
		Overall: Text{"您对这次服务满意吗？", "How satisfied are you with this service?"},
		Questions: []Question{
			{"efficiency", Text{"办事速度", "Speed"}},
			{"ability", Text{"业务熟练", "Skill"}},
			{"attitude", Text{"服务态度", "Attitude"}},
			{"environment", Text{"大厅环境", "Hall"}},
		},
		Reasons: []Reason{
			{108, VeryDissatisfied, Text{"额外增加办理条件", "Extra conditions were set"}},
			{109, VeryDissatisfied, Text{"额外要求提交材料", "Extra papers were asked for"}},
			{110, VeryDissatisfied, Text{"无故超过规定时间", "Past the legal time without cause"}},
			{111, VeryDissatisfied, Text{"样表或范本有错", "The sample form was wrong"}},
			{112, VeryDissatisfied, Text{"说好能网上办却办不了", "Promised online filing did not work"}},
			{113, VeryDissatisfied, Text{"被推到好几个地方", "Sent from place to place"}},
			{114, VeryDissatisfied, Text{"跑的次数比告知的多", "More trips than stated"}},
			{115, VeryDissatisfied, Text{"态度差或办得慢", "Poor attitude or slow"}},
			{207, Dissatisfied, Text{"没有样表可看", "No sample form"}},
			{208, Dissatisfied, Text{"没有材料清单", "No list of papers"}},
			{209, Dissatisfied, Text{"没按承诺时间办完", "Not done in the promised time"}},
			{210, Dissatisfied, Text{"同一证明要了两次", "Same proof asked for twice"}},
			{211, Dissatisfied, Text{"承诺的网上服务没有", "Promised online service missing"}},
			{212, Dissatisfied, Text{"预约了还要排队", "Booked, yet had to queue"}},
			{213, Dissatisfied, Text{"业务不熟练", "Not skilled"}},
			{214, Dissatisfied, Text{"态度生硬", "Harsh manner"}},
		},
	}
}

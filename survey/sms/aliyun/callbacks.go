package aliyun

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"manyi/survey/sms"
)

// text is a JSON string or number, as the service writes sequence_id either way.
type text string

func (t *text) UnmarshalJSON(data []byte) error {
	var s string
	if json.Unmarshal(data, &s) == nil {
		*t = text(s)
		return nil
	}
	var n json.Number
	err := json.Unmarshal(data, &n)
	*t = text(n)
	return err
}

// item is one of an array: a report (SmsReport) or a reply (SmsUp). The two have no
// field in common but the phone.
type item struct {
	Phone text `json:"phone_number"`

	Success *bool  `json:"success"`
	Code    string `json:"err_code"`
	OutID   text   `json:"out_id"`
	BizID   text   `json:"biz_id"`
	Time    string `json:"report_time"`

	Content  *string `json:"content"`
	Sent     string  `json:"send_time"`
	Dest     text    `json:"dest_code"`
	Sequence text    `json:"sequence_id"`
}

// The service writes the time of China, without saying so.
var china = time.FixedZone("UTC+8", 8*60*60)

func timeOf(text string) time.Time {
	t, err := time.ParseInLocation(time.DateTime, text, china)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// Parse implements sms.Callbacks. The calls carry no signature: they are known by the
// secret path and the address they come from. A report that names no message is of
// another program with the same account, and is left out.
func (g *Gateway) Parse(call sms.Call, _ time.Time) (sms.Received, sms.Answer, error) {
	var items []item
	if call.Method != http.MethodPost || json.Unmarshal(call.Body, &items) != nil {
		return sms.Received{}, sms.Answer{}, sms.ErrCall
	}
	var out sms.Received
	for _, i := range items {
		switch {
		case i.Content != nil:
			out.Inbound = append(out.Inbound, sms.Inbound{ID: string(i.Sequence), From: string(i.Phone), To: string(i.Dest), Text: *i.Content, At: timeOf(i.Sent)})
		case i.Success == nil:
			return sms.Received{}, sms.Answer{}, sms.ErrCall
		case strings.TrimSpace(string(i.OutID)) != "":
			state := sms.Failed
			if *i.Success {
				state = sms.Delivered
			}
			out.Reports = append(out.Reports, sms.Report{ID: string(i.BizID) + "/" + string(i.OutID) + "/" + i.Code, Message: string(i.OutID), State: state, Reason: i.Code, At: timeOf(i.Time)})
		}
	}
	out, err := out.Check()
	return out, sms.Answer{Type: "application/json; charset=utf-8", Body: `{"code":0,"msg":"接收成功"}`}, err
}

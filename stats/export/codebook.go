package export

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"manyi/survey"
)

// codes are the values a column of the responses takes, and what each means.
func (d *dataset) codes() map[string][]code {
	out := map[string][]code{}
	levels := func(name string) {
		for _, l := range survey.Levels {
			out[name] = append(out[name], code{l.String(), d.Text("level." + l.String())})
		}
	}
	levels("level")
	for _, q := range d.Survey.Questionnaire.Questions {
		levels(answerColumn + q.Name)
	}
	for _, l := range survey.Levels {
		for name, m := range map[string]survey.CodeMap{"level_gbt39046": survey.GBT39046, "level_haochaping": survey.HaoChaPing} {
			out[name] = append(out[name], code{strconv.Itoa(m.Code(l)), d.Text("level." + l.String())})
		}
	}
	for _, r := range d.Survey.Questionnaire.Reasons {
		out["reasons"] = append(out["reasons"], code{strconv.Itoa(r.Code), r.Text})
	}
	out["standing"] = []code{
		{string(survey.Counted), survey.Text{Zh: "计入", En: "Counts"}},
		{string(survey.Superseded), survey.Text{Zh: "同一办件同一环节另一条计入", En: "Another response of the same case and stage counts"}},
	}
	return out
}

type code struct {
	value string
	means survey.Text
}

// codebook lists every column of the responses, and every value of those that have few.
func (d *dataset) codebook(context.Context) error {
	codes := d.codes()
	return d.table("codebook", func(w io.Writer) (Manifest, error) {
		x, err := NewWriter(w, CSV, Table{Name: "codebook", Columns: []Column{
			{"variable", survey.Text{Zh: "列名", En: "Column"}}, {"label_zh", survey.Text{Zh: "含义", En: "What it is, in Chinese"}}, {"label_en", survey.Text{Zh: "英文含义", En: "What it is, in English"}},
			{"value", survey.Text{Zh: "取值", En: "Value"}}, {"value_zh", survey.Text{Zh: "取值含义", En: "What the value means, in Chinese"}}, {"value_en", survey.Text{Zh: "取值英文含义", En: "What the value means, in English"}}}})
		if err != nil {
			return Manifest{}, err
		}
		for _, c := range responseColumns(d.Survey.Questionnaire) {
			if err := x.Row(c.Name, c.Label.Zh, c.Label.En, nil, nil, nil); err != nil {
				return Manifest{}, err
			}
			for _, v := range codes[c.Name] {
				if err := x.Row(c.Name, c.Label.Zh, c.Label.En, v.value, v.means.Zh, v.means.En); err != nil {
					return Manifest{}, err
				}
			}
		}
		return x.Close()
	})
}

// widths are the bytes SPSS sets aside for a text; UTF-8 takes three for a Chinese letter.
var widths = map[string]int{"comment": 3 * survey.MaxComment, "case_number": 3 * survey.MaxCase, "stage": 3 * survey.MaxStage, "reasons": 64, "flags": 120}

// spssData is the responses as SPSS reads them: a line end inside a comment would be
// the end of the row.
const spssData = "spss/responses.csv"

// spss writes the syntax that reads them, with labels.
func (d *dataset) spss(context.Context) error {
	return d.file("spss/responses.sps", func(w io.Writer) (int64, error) {
		var b strings.Builder
		quote := func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
		whole := map[string]bool{"questionnaire_version": true, "level_gbt39046": true, "level_haochaping": true}
		columns := responseColumns(d.Survey.Questionnaire)
		b.WriteString("\uFEFF* Encoding: UTF-8.\n* Run it in the folder of responses.csv.\n")
		b.WriteString("GET DATA /TYPE=TXT /FILE='responses.csv' /ENCODING='UTF8' /DELIMITERS=',' /QUALIFIER='\"' /ARRANGEMENT=DELIMITED /FIRSTCASE=2\n  /VARIABLES=")
		for _, c := range columns {
			format := "F8.0"
			if !whole[c.Name] {
				width, ok := widths[c.Name]
				if !ok {
					width = 64
				}
				format = fmt.Sprint("A", width)
			}
			fmt.Fprintf(&b, " %s %s", c.Name, format) // on one line: COMMENT at the start of one is a command
		}
		b.WriteString(".\n* The last line of the file says how many rows it has.\nSELECT IF (SUBSTR(id, 1, 1) NE '#').\nEXECUTE.\nVARIABLE LABELS")
		for i, c := range columns {
			slash := "\n  /"
			if i == 0 {
				slash = " "
			}
			fmt.Fprintf(&b, "%s%s %s", slash, c.Name, quote(c.Label.Zh+" "+c.Label.En))
		}
		b.WriteString(".\nVALUE LABELS\n")
		codes, first := d.codes(), true
		for _, c := range columns {
			if c.Name == "reasons" || len(codes[c.Name]) == 0 { // a list of codes has no labels
				continue
			}
			if !first {
				b.WriteString("  /\n")
			}
			first = false
			fmt.Fprintf(&b, "  %s\n", c.Name)
			for _, v := range codes[c.Name] {
				value := v.value
				if !whole[c.Name] {
					value = quote(value)
				}
				fmt.Fprintf(&b, "    %s %s\n", value, quote(v.means.Zh+" "+v.means.En))
			}
		}
		b.WriteString("  .\n")
		_, err := io.WriteString(w, strings.ReplaceAll(b.String(), "\n", "\r\n"))
		return 0, err
	})
}

package survey

import (
	"strings"
	"testing"
	"unicode"
)

func TestHoldsNumber(t *testing.T) {
	for _, good := range []string{
		"", "等了很久", "等了30分钟，排到108号", "2024年2月20日上午10点来的", "3个窗口只开1个", "材料复印了12份，花了45.5元",
		"上班时间是9:00到12:00", "一个人都没有，二楼三楼也没有", "去了一趟又一趟，一共三四次", "收费1000元；不是100元；也不是10元",
		"123456", "代码350102", "评了5分。1号窗口。2号窗口。3号窗口。4号窗口", "A1B2C3D4E5F6G7",
	} {
		if HoldsNumber(good) {
			t.Errorf("%q is taken for one with a number", good)
		}
	}
	for _, bad := range []string{
		"13800138000", "请打138 0013 8000", "138-0013-8000谢谢", "１３８００１３８０００", "电话：+86 138.0013.8000", "0591-87654321", "(0591) 8765 4321",
		"8765432", "身份证35010219900101123X", "350102199001011234", "350102900101123", "幺三八零零幺三八零零零", "一三八〇〇一三八〇〇〇",
		"①③⑧⓪⓪①③⑧⓪⓪⓪", "1\u200b3\u200b8\u200b0\u200b0\u200b1\u200b3", "1️⃣3️⃣8️⃣0️⃣0️⃣1️⃣3️⃣8️⃣", "٠١٢٣٤٥٦٧٨", "138零零1380", "138\n0013\n8000",
		"办件编号FZ20240220001", "138—0013—8000", "138，0013，8000",
	} {
		if !HoldsNumber(bad) {
			t.Errorf("the number in %q is not seen", bad)
		}
	}
}

func TestForWindow(t *testing.T) {
	for _, c := range []struct {
		comment               string
		named, released, want bool
	}{
		{"等了很久", false, false, true}, {"等了很久", true, false, false}, {"等了很久", true, true, true},
		{"打13800138000", false, false, false}, {"打13800138000", false, true, true},
	} {
		if got := ForWindow(c.comment, c.named, c.released); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// FuzzHoldsNumber: whatever stands around a number or between its digits, it is
// seen, and a text with too few digits has none.
func FuzzHoldsNumber(f *testing.F) {
	f.Add("请打", "谢谢", uint64(13800138000), " ")
	f.Add("2013-8-", "X", uint64(35010219900101), "-")
	f.Add("\xff", "\xf0", uint64(1), "年")
	f.Fuzz(func(t *testing.T, before, after string, n uint64, between string) {
		number := make([]rune, 11)
		for i := range number {
			number[i] = rune('0' + n%10)
			n /= 10
		}
		wide := strings.Map(func(r rune) rune { return r - '0' + '０' }, string(number))
		for _, text := range []string{string(number), wide} {
			if !HoldsNumber(before + text + after) {
				t.Errorf("not seen: %q", before+text+after)
			}
		}
		joined := true
		for _, r := range between {
			joined = joined && (unicode.IsSpace(r) || r == '-')
		}
		if spread := strings.Join(strings.Split(string(number), ""), between); joined && !HoldsNumber(before+spread+after) {
			t.Errorf("not seen: %q", before+spread+after)
		}
		few := 0
		for _, r := range before {
			if digit(r) {
				few++
			}
		}
		if few < numberDigits && HoldsNumber(before) {
			t.Errorf("%d digits in %q are a number", few, before)
		}
	})
}

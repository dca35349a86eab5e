package storetest

import (
	"math"
	"testing"
	"time"

	"manyi/survey"
)

var codeChecks = []Check{
	{"codes/every field comes back", codeRoundTrip},
	{"codes/a taken serial is refused", codeTaken},
	{"codes/listed by window and time of issue", codeList},
	{"codes/listed under a division", codeListDivision},
	{"codes/revoking keeps the first time", codeRevoked},
}

func code(serial uint32, window, issued string) survey.WindowCode {
	return survey.WindowCode{Serial: serial, Survey: "y2024", Window: window, IssuedAt: At(issued)}
}

func addCodes(t testing.TB, s survey.CodeStore, codes ...survey.WindowCode) {
	t.Helper()
	for _, c := range codes {
		must(t, "add code", s.AddCode(t.Context(), c))
	}
}

func codeRoundTrip(t testing.TB, s survey.Store) {
	codes := []survey.WindowCode{
		code(0, GulouHR1, "2024-02-29 23:59:59.999"),
		code(1<<31, GulouHR1, "2024-03-01"),
		code(math.MaxUint32, GulouHR2, "2024-03-01"),
	}
	codes[2].RevokedAt = At("2024-03-02 00:00:00.001")
	addCodes(t, s, codes...)
	for _, want := range codes {
		got, err := s.Code(t.Context(), want.Serial)
		must(t, "code", err)
		same(t, "code", got, want)
	}
	_, err := s.Code(t.Context(), 7)
	wantErr(t, "unknown code", err, survey.ErrNotFound)
}

func codeTaken(t testing.TB, s survey.Store) {
	first := code(7, GulouHR1, "2024-02-01")
	addCodes(t, s, first)
	wantErr(t, "add code with a taken serial", s.AddCode(t.Context(), code(7, SimingTax, "2024-02-02")), survey.ErrExists)
	got, err := s.Code(t.Context(), 7)
	must(t, "code", err)
	same(t, "code", got, first)
	onlyOne(t, "add code", together(20, func(int) error {
		return s.AddCode(t.Context(), code(8, GulouHR1, "2024-02-01"))
	}), survey.ErrExists)
}

func listCodes(t testing.TB, s survey.CodeStore, id, place string) (serials []uint32) {
	t.Helper()
	codes, err := s.Codes(t.Context(), id, place)
	must(t, "codes", err)
	for _, c := range codes {
		serials = append(serials, c.Serial)
	}
	return serials
}

func someCodes(t testing.TB, s survey.Store) {
	t.Helper()
	must(t, "put places", s.PutPlaces(t.Context(), Places()))
	addCodes(t, s,
		code(1, SimingTax, "2024-02-01"), code(2, GulouHR2, "2024-02-01"), code(9, GulouHR1, "2024-02-01"),
		code(3, GulouHR1, "2024-02-03"), code(4, GulouHR1, "2024-02-02"), code(5, GulouHR3, "2024-01-01"),
		code(6, GulouHRS, "2024-01-01"), code(7, CangshanHR, "2024-01-01"), code(8, PingtanZone, "2024-01-01"),
	)
	must(t, "revoke code", s.RevokeCode(t.Context(), 4, At("2024-02-03")))
	other := code(10, GulouHR1, "2024-02-01")
	other.Survey = "other"
	addCodes(t, s, other)
}

func codeList(t testing.TB, s survey.Store) {
	someCodes(t, s)
	same(t, "codes of a window", listCodes(t, s, "y2024", GulouHR1), []uint32{9, 4, 3})
	same(t, "codes of a hall", listCodes(t, s, "y2024", "350102-HR-01"), []uint32{9, 4, 3, 2})
	same(t, "codes of a bureau, without those of one whose code begins alike", listCodes(t, s, "y2024", "350102-HR"), []uint32{9, 4, 3, 2, 5})
	same(t, "codes of another survey", listCodes(t, s, "other", "350102-HR"), []uint32{10})
	same(t, "codes of an unknown survey", len(listCodes(t, s, "none", "350102-HR")), 0)
}

func codeListDivision(t testing.TB, s survey.Store) {
	someCodes(t, s)
	same(t, "codes of a county", listCodes(t, s, "y2024", "350102"), []uint32{9, 4, 3, 2, 5, 6})
	same(t, "codes of a city", listCodes(t, s, "y2024", "350100"), []uint32{9, 4, 3, 2, 5, 6, 7})
	same(t, "codes of the province", listCodes(t, s, "y2024", "350000"), []uint32{9, 4, 3, 2, 5, 6, 7, 8, 1})
}

func codeRevoked(t testing.TB, s survey.Store) {
	c := code(7, GulouHR1, "2024-02-01")
	addCodes(t, s, c, code(8, GulouHR1, "2024-02-01"))
	c.RevokedAt = At("2024-02-02 08:00:00.123")
	must(t, "revoke code", s.RevokeCode(t.Context(), 7, c.RevokedAt))
	must(t, "revoke code again", s.RevokeCode(t.Context(), 7, c.RevokedAt.Add(time.Hour)))
	must(t, "revoke code again, earlier", s.RevokeCode(t.Context(), 7, c.RevokedAt.Add(-time.Hour)))
	got, err := s.Code(t.Context(), 7)
	must(t, "code", err)
	same(t, "revoked code", got, c)
	other, err := s.Code(t.Context(), 8)
	must(t, "code", err)
	same(t, "other code of the window is revoked", other.Revoked(), false)
	wantErr(t, "revoke unknown code", s.RevokeCode(t.Context(), 9, c.RevokedAt), survey.ErrNotFound)
}
